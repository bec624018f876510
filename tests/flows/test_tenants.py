"""Two portals in one database: neither sees or moves anything of the other (contract, promise 6)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.test import Client as WsgiClient

from bx24.emulator.rules.workflow_engine import Engine
from bx24.emulator.state.workflow import PlacedRobot
from messaging.lines import lines
from messaging.store.models import InboundEvent, Message, Run
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    ending,
    gupshup_control,
    host,
    jump_clock,
    post_webhook,
    status_payload,
    template_robot,
    text_payload,
    text_robot,
    webhook_path,
)
from tests.support.world import APP, TEMPLATES, World, returned

BETA = "https://beta.example"


class Neighbours:
    """Portal A is the shop; portal B has a line, an item and a client of its own, with the same phone."""

    def __init__(self, shop: World) -> None:
        self.shop = shop
        self.portal = shop.bx.add_portal(BETA)
        shop.net.apps[host(BETA)] = shop.bx.app_of(self.portal)
        made = WsgiClient(shop.bx.app_of(self.portal)).post(
            "/emulator/install",
            json={"install_url": f"{APP}/bx24/install", "app_url": f"{APP}/bx24/app", "finish": True},
            base_url=BETA,
        )
        assert (made.json or {}).get("status") == 200
        shop.advance_clock(1)
        app = gupshup_control(shop, "apps", {"app_name": "betashop", "phone": "79003334455", "templates": TEMPLATES})
        new = lines.NewLine(app["api_key"], "betashop", "79003334455", app["app_id"])
        self.line = lines.add(shop.runtime, self.portal.member_id, new)
        gupshup_control(shop, "apps/betashop/webhook", {"url": lines.webhook_url(shop.runtime, self.line)})
        shop.advance_clock(1)

    def robots_start(self, robot: tuple[str, dict[str, Any]]) -> Any:
        """A robot runs on a deal of portal B."""
        document = ("crm", "CCrmDocumentDeal", "DEAL_1")
        with self.shop.bx.lock:
            placed = PlacedRobot(code=robot[0], values=robot[1])
            return Engine(self.portal).start(document, ("crm", "CCrmDocumentDeal", "DEAL"), [placed], user_id=1)

    def client_replies(self, words: str) -> None:
        gupshup_control(self.shop, "reply", {"app": "betashop", "phone": OLGA, "type": "text", "text": words})


@pytest.fixture
def beta(shop: World) -> Neighbours:
    return Neighbours(shop)


def test_the_same_client_of_two_portals_is_two_clients(shop: World, beta: Neighbours) -> None:
    ours, theirs = (
        shop.robots_start(template_robot(until="replied")),
        beta.robots_start(template_robot(until="replied")),
    )
    shop.advance_clock(2)
    assert [message.app.name for message in shop.sent] == ["acmeshop", "betashop"]
    beta.client_replies("Это для Беты")
    shop.advance_clock(1)
    assert (ending(ours), returned(theirs)["reply_text"]) == (("", ""), "Это для Беты")
    closed = shop.robots_start(text_robot(until="accepted"))
    opened = beta.robots_start(text_robot(until="accepted"))
    shop.advance_clock(1)
    assert ending(closed) == ("failed", "window_closed"), "the client wrote to the other one"
    assert ending(opened) == ("accepted", "")


def test_a_webhook_of_one_line_moves_nothing_of_another(shop: World, beta: Neighbours) -> None:
    shop.set_gupshup_faults(drop_statuses=["enqueued", "sent", "delivered"], next=[{"answer": "drop_after_accept"}])
    unclear = beta.robots_start(template_robot(until="delivered"))
    shop.advance_clock(1)
    known = beta.robots_start(template_robot("79162223301", until="delivered"))
    shop.advance_clock(1)
    theirs = shop.sent[-1]
    for payload in (
        status_payload("read", theirs.id, theirs.destination, shop.now),
        {"type": "failed", "id": theirs.id, "destination": theirs.destination, "payload": {"code": 1002}},
        status_payload("delivered", "unheard-of", OLGA, shop.now),
        {"type": "delivered", "id": theirs.whatsapp_id, "destination": theirs.destination, "payload": {}},
    ):
        assert post_webhook(shop, payload, line=shop.line).status_code == 200
    post_webhook(
        shop, text_payload("79162223301", "Чужой ответ", context={"gsId": theirs.id}), kind="message", line=shop.line
    )
    jump_clock(shop, 1, 5)
    assert [ending(unclear), ending(known)] == [("", ""), ("", "")]
    with shop.runtime.db.read() as session:
        assert {message.status for message in session.scalars(select(Message))} == {"unknown", "accepted"}
    jump_clock(shop, 605)
    assert {event.state for event in shop.stored_rows(InboundEvent) if event.line_id == shop.line.id and event.ref} == {
        "odd"
    }


@ONE_DATABASE
def test_a_portals_robot_cannot_name_a_line_of_another(shop: World, beta: Neighbours) -> None:
    wanted = [str(beta.line.id), "betashop", "79003334455"]
    flows = [shop.robots_start(template_robot(line=name)) for name in wanted]
    shop.advance_clock(1)
    assert [ending(flow) for flow in flows] == [("failed", "line_not_found")] * 3
    assert shop.sent == []


def test_a_call_with_the_token_of_another_portal_is_refused(shop: World, beta: Neighbours) -> None:
    beta.robots_start(template_robot())
    shop.advance_clock(1)
    post = next(request for request in shop.net.seen if "/robots/send_template" in str(request.url))
    body = post.body.decode() if isinstance(post.body, bytes) else str(post.body)
    forged = body.replace(beta.portal.member_id, shop.portal.member_id)
    assert shop.app.post("/robots/send_template", data=forged).status_code == 403
    with shop.runtime.db.read() as session:
        assert len(session.scalars(select(Run)).all()) == 1


def test_an_event_token_of_two_portals_is_two_runs(shop: World, beta: Neighbours) -> None:
    beta.robots_start(template_robot("79162223301"))
    shop.robots_start(template_robot("79162223302"))
    shop.advance_clock(1)
    posts = [request for request in shop.net.seen if "/robots/send_template" in str(request.url)]
    ours, theirs = sorted((_fields(post) for post in posts), key=lambda fields: beta.portal.member_id in str(fields))
    same = {**ours, "event_token": theirs["event_token"]}
    body = "&".join(f"{key}={value}" for key, value in same.items())
    assert shop.app.post("/robots/send_template", data=body).status_code == 200
    with shop.runtime.db.read() as session:
        assert len(session.scalars(select(Run)).all()) == 3, "portal A's own run, whatever B's token was"


def _fields(post: Any) -> dict[str, str]:
    body = post.body.decode() if isinstance(post.body, bytes) else str(post.body)
    return dict(pair.split("=", 1) for pair in body.split("&"))


def test_one_portals_uninstall_leaves_the_other_alone(shop: World, beta: Neighbours) -> None:
    flow = beta.robots_start(template_robot(until="replied"))
    shop.advance_clock(1)
    shop.control.post("/emulator/uninstall", json={"clean": 1}, base_url="https://acme.example")
    shop.advance_clock(1)
    beta.client_replies("Работает")
    shop.advance_clock(1)
    assert returned(flow)["reply_text"] == "Работает"
    assert shop.app.post(webhook_path(shop, beta.line), data=b"{}").status_code == 200
    assert shop.app.post(webhook_path(shop, shop.line), data=b"{}").status_code == 404


@ONE_DATABASE
def test_a_portal_in_trouble_does_not_hold_up_the_other(shop: World, beta: Neighbours) -> None:
    shop.control.post("/emulator/faults", json={"html_502": 1000}, base_url="https://acme.example")
    stuck = shop.robots_start(template_robot(phone=""))
    fine = beta.robots_start(template_robot(phone="", until="delivered"))
    jump_clock(shop, 0.1, 1, 1)
    assert (ending(stuck), ending(fine)) == (("", ""), ("delivered", ""))
