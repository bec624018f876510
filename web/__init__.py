"""HTTP in, pages out. No rules live here: requests are parsed, handed to messaging, answered."""

from flask import Flask

from messaging.runtime import Runtime
from web import commands, files, health, install, runs, webhooks

#: Bitrix24's settings frames carry `document_fields` of hundreds of kilobytes (reference section 6.1).
MAX_BODY = 4 * 1024 * 1024


def build(runtime: Runtime) -> Flask:
    """Put the routes and commands on one Flask app."""
    app = Flask("web", static_folder="static", template_folder="templates")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_BODY
    app.extensions["waba24"] = runtime
    for module in (install, runs, webhooks, files, health):
        app.register_blueprint(module.blueprint)
    commands.attach(app)

    @app.teardown_request
    def _count(_: BaseException | None) -> None:
        runtime.counters.flush_sometimes(runtime.redis, runtime.clock())

    return app
