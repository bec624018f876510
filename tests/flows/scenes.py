"""What the flow tests share: robots to run, payloads the vendors post, and what came back to the workflow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from requests import PreparedRequest
from werkzeug.test import Client as WsgiClient

from messaging.lines import lines
from tests.support.world import APP, GUPSHUP, PORTAL, World, returned

OLGA = "79123456789"
"""The phone of contact 1, to whom deal 1 belongs."""
PHONES = [f"7916222330{number}" for number in range(1, 9)]
"""Eight phones that belong to no contact. None ends in 0000: such numbers are not on WhatsApp in the emulator."""
RESULTS = {
    *("status", "error_code", "error_text", "message_id", "sent_to", "sent_at", "delivered_at", "read_at"),
    "window_until",
    *("reply_type", "reply_text", "reply_id", "reply_file", "reply_from"),
}
"""The names of the results of a send: contract, section 4."""

ONE_DATABASE = pytest.mark.parametrize("tables_url", ["sqlite"], indirect=True)
"""Marks a test that runs on SQLite only, because the database plays no part in it."""

Robot = tuple[str, dict[str, Any]]


def template_robot(phone: str = OLGA, until: str = "accepted", **more: Any) -> Robot:
    """A robot that sends a template; it needs no open 24-hour window."""
    return "robot.send_template", {"template": "welcome", "language": "ru", "phone": phone, "until": until, **more}


def text_robot(phone: str = OLGA, words: str = "Добрый день", until: str = "accepted", **more: Any) -> Robot:
    """A robot that sends a text; it needs an open 24-hour window."""
    return "robot.send_text", {"text": words, "phone": phone, "until": until, **more}


def start_each(world: World, *robots: Robot) -> list[Any]:
    """Start a workflow for each robot, all at the same moment."""
    return [world.robots_start(robot) for robot in robots]


def endings(flows: list[Any]) -> list[tuple[str, str]]:
    """`ending` of each workflow."""
    return [ending(flow) for flow in flows]


def ending(flow: Any) -> tuple[str, str]:
    """(status, error code) of a workflow; ("", "") while it still waits."""
    values = returned(flow)
    return values.get("status", ""), values.get("error_code", "")


def open_windows(world: World, *phones: str) -> None:
    """Let these clients write, which opens their 24-hour windows."""
    for phone in phones or (OLGA,):
        world.client_replies(phone, "Здравствуйте")
    world.advance_clock(1)


def jump_clock(world: World, *seconds: float) -> None:
    """Let time pass in jumps: what became due during a jump is done at its end. Cheaper than `world.advance_clock`."""
    for jump in seconds:
        world.do_due_work()
        world.now += timedelta(seconds=jump)
        world.do_due_work()


def send_attempts(world: World) -> list[PreparedRequest]:
    """Every attempt to hand a message to Gupshup, accepted or not."""
    return [request for request in world.net.seen if "/msg" in str(request.url) and _host(request) == host(GUPSHUP)]


def rest_calls(world: World, method: str) -> list[PreparedRequest]:
    """Every REST request to the portal that names this method, inside a batch or not."""
    there = [request for request in world.net.seen if "/rest/" in str(request.url)]
    return [request for request in there if method in str(request.url) or method in _body(request)]


def _body(request: PreparedRequest) -> str:
    body = request.body or b""
    return body.decode() if isinstance(body, bytes) else body


def _host(request: PreparedRequest) -> str:
    return host(str(request.url))


def host(url: str) -> str:
    return urlsplit(url).netloc


def status_payload(kind: str, gs_id: str, to: str = OLGA, at: datetime | None = None, **inner: Any) -> dict[str, Any]:
    """The payload of a `message-event`, a status of our message `gs_id`."""
    seconds = {"ts": int(at.timestamp())} if at else {}
    return {"type": kind, "id": f"wamid.{gs_id}", "gsId": gs_id, "destination": to, "payload": {**seconds, **inner}}


def post_webhook(world: World, payload: Any, *, kind: str = "message-event", line: Any = None, **envelope: Any) -> Any:
    """Post an event of a line (by default the first line) as Gupshup would; our app's response."""
    line = line or world.line
    body = {
        "app": line.app_name,
        "timestamp": int(world.now.timestamp() * 1000),
        "version": 2,
        "type": kind,
        "payload": payload,
        **envelope,
    }
    return world.app.post(webhook_path(world, line), data=json.dumps(body), content_type="application/json")


def webhook_path(world: World, line: Any) -> str:
    """The secret path of a line's webhook."""
    return lines.webhook_url(world.runtime, line).removeprefix(APP)


def text_payload(phone: str, words: str, **more: Any) -> dict[str, Any]:
    """The payload of a `message`, a text that a client wrote."""
    said = {"type": "text", "payload": {"text": words}, "sender": {"phone": phone, "name": "Client"}}
    return {"id": f"in.{phone}.{words}", "source": phone, **said, **more}


def set_portal_faults(world: World, **faults: Any) -> None:
    """Let the portal fail from now on; the names are those of its `POST /emulator/faults`."""
    answer = world.control.post("/emulator/faults", json=faults, base_url=PORTAL)
    assert answer.status_code == 200, answer.json


def gupshup_control(world: World, path: str, body: dict[str, Any]) -> Any:
    """Post to the control API of the Gupshup emulator; the JSON of its response."""
    answer = WsgiClient(world.gs_app).post(f"/emulator/{path}", json=body, base_url=GUPSHUP)
    assert answer.status_code < 300, answer.text
    return answer.json if answer.data else None


def add_template(world: World, name: str, category: str, body: str = "Скидки для вас.") -> None:
    """A template of the shop's app in this category: MARKETING, UTILITY, AUTHENTICATION."""
    made = {"name": name, "language": "ru", "category": category, "body": body}
    gupshup_control(world, f"apps/{world.gupshup_app['app_name']}/templates", made)


@contextmanager
def after_each_send(world: World, then: Callable[[], None]) -> Iterator[None]:
    """Call `then` each time Gupshup has accepted a message and its response has not reached us yet."""
    name = host(GUPSHUP)
    inner = world.net.apps[name]

    def slow(environ: dict[str, Any], start_response: Any) -> Any:
        answer = list(inner(environ, start_response))
        if environ["PATH_INFO"].endswith("/msg"):
            then()
        return answer

    world.net.apps[name] = slow
    try:
        yield
    finally:
        world.net.apps[name] = inner
