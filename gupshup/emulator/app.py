"""The emulator as a Flask application."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import requests
from flask import Flask, Response, current_app

from gupshup.emulator.emulator import Emulator, random_id
from gupshup.emulator.state.templates import JsonObject
from gupshup.emulator.state.timetable import Clock, Post

_KEY = "gupshup"
# Gupshup gives a webhook ten seconds.
_WEBHOOK_TIMEOUT_S = 10
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def utc_now() -> datetime:
    """The real clock."""
    return datetime.now(UTC)


def poster(pool: int = 64) -> Post:
    """A real `post`: JSON by HTTP, no redirects, no environment proxies. Any failure to get an answer is 0."""
    session = requests.Session()
    session.trust_env = False
    adapter = requests.adapters.HTTPAdapter(pool_connections=pool, pool_maxsize=pool, max_retries=0)
    session.mount("http://", adapter)
    session.mount("https://", adapter)

    def post(url: str, body: JsonObject) -> int:
        try:
            return session.post(url, json=body, timeout=_WEBHOOK_TIMEOUT_S, allow_redirects=False).status_code
        except (requests.RequestException, ValueError):
            return 0

    return post


def create_emulator(
    clock: Clock = utc_now,
    post: Post | None = None,
    *,
    new_id: Callable[[], str] = random_id,
    base_url: str = "",
    pause: Callable[[float], None] = time.sleep,
) -> Flask:
    """Build the emulator.

    clock: aware datetimes in UTC. post: (url, JSON body) → HTTP status, 0 = no answer; default: real HTTP.
    new_id: gives Gupshup's message ids. pause: waits seconds, used for the fault `latency_ms`.
    Nothing is posted until somebody calls `emulator_of(app).deliver_due()`; in the process a thread does
    (`gupshup.emulator.runner`).
    """
    from gupshup.emulator import control_api, vendor_api
    from gupshup.emulator.pages import phone

    app = Flask(__name__)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.extensions[_KEY] = Emulator(clock, post or poster(), new_id, base_url)
    app.extensions["gupshup.pause"] = pause
    app.register_blueprint(vendor_api.blueprint)
    app.register_blueprint(control_api.blueprint)
    app.register_blueprint(phone.blueprint)
    return app


def emulator_of(app: Flask) -> Emulator:
    """The state behind an app made by `create_emulator`."""
    found = app.extensions[_KEY]
    assert isinstance(found, Emulator)
    return found


def current() -> Emulator:
    """The state behind the request."""
    return emulator_of(current_app)


def sleep(seconds: float) -> None:
    """Wait by the injected pause."""
    if seconds > 0:
        current_app.extensions["gupshup.pause"](seconds)


def page_headers(response: Response) -> Response:
    """Headers of the pages: no script or style that is not a file of ours."""
    response.headers["Content-Security-Policy"] = _CSP
    response.headers["Cache-Control"] = "no-store"
    return response
