"""The emulator as a Flask application."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import requests
from flask import Flask, Response
from werkzeug.http import http_date

from gupshup.emulator import control_api, partner_api, vendor_api
from gupshup.emulator.context import attach, current
from gupshup.emulator.emulator import Emulator, random_id
from gupshup.emulator.pages import phone
from gupshup.emulator.state.json_types import JsonObject
from gupshup.emulator.state.timetable import Clock, Post

# Gupshup gives a webhook ten seconds.
_WEBHOOK_TIMEOUT_S = 10


def utc_now() -> datetime:
    """The real clock."""
    return datetime.now(UTC)


def poster(pool: int = 64) -> Post:
    """A real `post`: JSON by HTTP, without redirects and the environment's proxies; 0 if there was no answer."""
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
    app = Flask(__name__)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    attach(app, Emulator(clock, post or poster(), new_id, base_url), pause)
    app.register_blueprint(vendor_api.blueprint)
    app.register_blueprint(partner_api.blueprint)
    app.register_blueprint(control_api.blueprint)
    app.register_blueprint(phone.blueprint)

    @app.after_request
    def dated(response: Response) -> Response:
        ahead = timedelta(seconds=current().faults.number("*", "clock_ahead_s"))
        response.headers["Date"] = http_date(current().clock() + ahead)
        return response

    return app
