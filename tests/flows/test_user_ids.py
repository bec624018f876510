"""Clients whom WhatsApp names by an id instead of a phone."""

from __future__ import annotations

from typing import Any

import pytest

from messaging.store.models import InboundEvent
from tests.flows.scenes import (
    OLGA,
    PHONES,
    endings,
    open_windows,
    post_webhook,
    start_each,
    status_payload,
    template_robot,
    text_payload,
    text_robot,
)
from tests.support.world import World, returned

USER = "US.13491208655302741918"
IVAN = PHONES[0]


def from_user(user_id: str = USER, **more: Any) -> dict[str, Any]:
    """A message of a client of whom only the id is told."""
    return text_payload(user_id, "Да", sender={"name": "client"}, **more)


def two_waiting(shop: World) -> list[Any]:
    """Runs that wait for Olga and for Ivan, their messages delivered."""
    flows = start_each(shop, template_robot(until="replied"), template_robot(IVAN, until="replied"))
    shop.advance_clock(5)
    assert [message.destination for message in shop.sent[-2:]] == [OLGA, IVAN]
    return flows


@pytest.mark.parametrize("user_id", [f"RU.{OLGA}", USER, OLGA + "0" * 9])
def test_an_id_is_nobodys_phone_and_its_event_is_kept(shop: World, user_id: str) -> None:
    flows = two_waiting(shop)
    post_webhook(shop, text_payload(user_id, "Да"), kind="message")
    shop.advance_clock(1)
    assert endings(flows) == [("", "")] * 2, "another client's run was ended"
    assert [event.state for event in shop.stored_rows(InboundEvent)][-1] == "odd"


@pytest.mark.parametrize("way", ["quote by Gupshup's id", "quote by WhatsApp's id", "tap"])
def test_a_reply_that_names_our_message_counts_for_its_run(shop: World, way: str) -> None:
    open_windows(shop, OLGA, IVAN)
    choices = {"text": "?", "buttons": ["Да|yes", "Нет|no"], "until": "replied"}
    flows = start_each(shop, *(("robot.send_buttons", {**choices, "phone": phone}) for phone in (OLGA, IVAN)))
    shop.advance_clock(5)
    message = shop.sent[1]
    said = {
        "quote by Gupshup's id": {"context": {"gsId": message.id}},
        "quote by WhatsApp's id": {"context": {"id": message.whatsapp_id}},
        "tap": {"type": "button_reply", "payload": {"id": message.message["msgid"], "title": "Да", "reply": "Да 1"}},
    }[way]
    post_webhook(shop, from_user(**said), kind="message")
    shop.advance_clock(1)
    assert endings(flows) == [("", ""), ("replied", "")]
    assert [returned(flows[1])[name] for name in ("reply_text", "reply_from")] == ["Да", IVAN]


@pytest.mark.parametrize("told_by", ["status", "reply with both", "quote"])
def test_an_id_is_remembered_for_its_client(shop: World, told_by: str) -> None:
    first = shop.robots_start(template_robot(IVAN, until="delivered"))
    shop.advance_clock(5)
    message = shop.sent[0]
    if told_by == "status":
        post_webhook(shop, status_payload("read", message.id, to=USER, at=shop.now))
    elif told_by == "quote":
        post_webhook(shop, from_user(id="in.0", context={"gsId": message.id}), kind="message")
    else:
        both = text_payload(IVAN, "Привет", sender={"phone": IVAN, "userId": USER})
        post_webhook(shop, both, kind="message")
    shop.advance_clock(1)
    flows = two_waiting(shop)
    post_webhook(shop, from_user(), kind="message")
    shop.advance_clock(1)
    assert endings([first, *flows]) == [("delivered", ""), ("", ""), ("replied", "")]
    assert returned(flows[1])["reply_from"] == IVAN
    session = shop.robots_start(text_robot(IVAN))
    shop.advance_clock(1)
    assert endings([session]) == [("accepted", "")], "the client's words have opened the window"


def test_an_id_known_on_one_line_names_nobody_on_another(shop: World) -> None:
    first = shop.line
    post_webhook(shop, text_payload(IVAN, "Привет", sender={"phone": IVAN, "userId": USER}), kind="message")
    other = shop.connect_line("othershop", "79001114455")
    flow = shop.robots_start(template_robot(IVAN, until="replied", line=str(other.id)))
    shop.advance_clock(5)
    post_webhook(shop, from_user(context={"gsId": shop.sent[-1].id}), kind="message", line=first)
    shop.advance_clock(1)
    assert endings([flow]) == [("", "")]
