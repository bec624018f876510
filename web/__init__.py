"""HTTP in, pages out. No rules live here: requests are parsed, handed to messaging, answered."""

from functools import partial

import structlog
from flask import Flask, Response
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter

from messaging.limits import bounds
from messaging.runtime import Runtime
from messaging.system.embedded_redis import QueueServerError
from web import (
    api,
    commands,
    failures,
    files,
    frames,
    front,
    health,
    install,
    pages,
    provider,
    refusals,
    runs,
    settings,
    texts,
    webhooks,
)

log = structlog.get_logger(__name__)


class Id(IntegerConverter):
    """`<int:…>` in an address: at most 18 digits, which every database takes as a 64-bit integer."""

    regex = r"\d{1,18}"


def build(runtime: Runtime) -> Flask:
    """Put the routes and commands on one Flask app."""
    app = Flask("web", static_folder=None, template_folder="templates")
    app.config["MAX_CONTENT_LENGTH"] = bounds.PAGE_BYTES  # of Bitrix24's and Gupshup's doors see there
    app.config["MAX_FORM_MEMORY_SIZE"] = bounds.PAGE_BYTES
    app.extensions["waba24"] = runtime
    if proxies := runtime.config.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=0)  # type: ignore[method-assign]  # as Flask tells
    app.url_map.converters["int"] = Id
    texts.attach(app)
    failures.attach(app)
    refusals.attach(app)
    for module in (front, frames, install, pages, settings, runs, provider, webhooks, files, health):
        app.register_blueprint(module.blueprint)
    api.attach(app, failures.answered)
    commands.attach(app)

    @app.after_request
    def _when_answered(response: Response) -> Response:
        response.call_on_close(partial(_afterwards, app.extensions["waba24"]))
        return response

    return app


def _afterwards(runtime: Runtime) -> None:
    """After the answer: wake the workers and store the counters. Without Redis the workers find their work themselves."""
    try:
        runtime.pending_wakeups.notify(lambda: runtime.wakeups)
        runtime.counters.flush_sometimes(lambda: runtime.redis, runtime.clock())
    except QueueServerError as error:
        log.warning("Redis is away, the database goes on", error=str(error))
