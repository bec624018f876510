"""Words the stories share: which robots run, what the vendors post, what came back to the workflow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from requests import PreparedRequest
from sqlalchemy import select
from werkzeug.test import Client as WsgiClient

from messaging.lines import lines
from messaging.store.models import InboundEvent
from tests.support.world import APP, GUPSHUP, PORTAL, World, returned

OLGA = "79123456789"
"""The phone of contact 1, to whom deal 1 belongs."""
PHONES = [f"7916222330{number}" for number in range(1, 9)]
"""Eight strangers; the emulator treats numbers ending in 0000 as not on WhatsApp, so none of these does."""
RESULTS = {
    *("status", "error_code", "error_text", "message_id", "sent_to", "sent_at", "delivered_at", "read_at"),
    *("reply_type", "reply_text", "reply_id", "reply_file", "reply_from"),
}
"""What a send answers: contract, section 4."""

ONE_DATABASE = pytest.mark.parametrize("tables_url", ["sqlite"], indirect=True)
"""For stories in which the database plays no part: once is enough."""

Robot = tuple[str, dict[str, Any]]


def template(phone: str = OLGA, until: str = "accepted", **more: Any) -> Robot:
    """A robot that may write first."""
    return "robot.send_template", {"template": "welcome", "language": "ru", "phone": phone, "until": until, **more}


def text(phone: str = OLGA, words: str = "Добрый день", until: str = "accepted", **more: Any) -> Robot:
    """A robot that wants the window open."""
    return "robot.send_text", {"text": words, "phone": phone, "until": until, **more}


def begin(world: World, *robots: Robot) -> list[Any]:
    """One workflow each, all at the same moment."""
    return [world.start(robot) for robot in robots]


def ends(flows: list[Any]) -> list[tuple[str, str]]:
    """(status, error code) of each, ("", "") while a workflow still waits."""
    return [end(flow) for flow in flows]


def end(flow: Any) -> tuple[str, str]:
    values = returned(flow)
    return values.get("status", ""), values.get("error_code", "")


def hear(world: World, *phones: str) -> None:
    """The clients write, so that their windows are open."""
    for phone in phones or (OLGA,):
        world.reply(phone, "Здравствуйте")
    world.go(1)


def later(world: World, *seconds: float) -> None:
    """Time passes in leaps; what became due within one is done at its end. Cheaper than world.go where that is enough."""
    for leap in seconds:
        world.settle()
        world.now += timedelta(seconds=leap)
        world.settle()


def tries(world: World) -> list[PreparedRequest]:
    """Every attempt to hand a message to Gupshup, accepted or not."""
    return [request for request in world.net.seen if "/msg" in str(request.url) and _host(request) == host(GUPSHUP)]


def calls(world: World, method: str) -> list[PreparedRequest]:
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


def status(kind: str, gs_id: str, to: str = OLGA, at: datetime | None = None, **inner: Any) -> dict[str, Any]:
    """The payload of a message-event about our message `gs_id`."""
    seconds = {"ts": int(at.timestamp())} if at else {}
    return {"type": kind, "id": f"wamid.{gs_id}", "gsId": gs_id, "destination": to, "payload": {**seconds, **inner}}


def webhook(world: World, payload: Any, *, kind: str = "message-event", line: Any = None, **envelope: Any) -> Any:
    """Gupshup posts an event of a line; the answer of our app."""
    line = line or world.line
    body = {
        "app": line.app_name,
        "timestamp": int(world.now.timestamp() * 1000),
        "version": 2,
        "type": kind,
        "payload": payload,
        **envelope,
    }
    return world.app.post(path_of(world, line), data=json.dumps(body), content_type="application/json")


def path_of(world: World, line: Any) -> str:
    """The secret path of a line's webhook."""
    return lines.webhook_url(world.runtime, line).removeprefix(APP)


def written(phone: str, words: str, **more: Any) -> dict[str, Any]:
    """The payload of a client's text."""
    said = {"type": "text", "payload": {"text": words}, "sender": {"phone": phone, "name": "Client"}}
    return {"id": f"in.{phone}.{words}", "source": phone, **said, **more}


def events(world: World) -> list[InboundEvent]:
    """The webhooks we keep, in order of arrival."""
    with world.runtime.db.read() as session:
        return list(session.scalars(select(InboundEvent).order_by(InboundEvent.id)))


def portal_faults(world: World, **faults: Any) -> None:
    """Something at the portal goes wrong from now on."""
    answer = world.control.post("/emulator/faults", json=faults, base_url=PORTAL)
    assert answer.status_code == 200, answer.json


def gupshup(world: World, path: str, body: dict[str, Any]) -> Any:
    """Gupshup's control API."""
    answer = WsgiClient(world.gs_app).post(f"/emulator/{path}", json=body, base_url=GUPSHUP)
    assert answer.status_code < 300, answer.text
    return answer.json if answer.data else None


@contextmanager
def after_each_send(world: World, then: Callable[[], None]) -> Iterator[None]:
    """`then` happens while Gupshup has taken a message in and its answer is still on the way to us."""
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
