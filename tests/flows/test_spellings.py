"""One client, two spellings of one number: typed in one way, told by WhatsApp in the other."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy import text as sql

from messaging.insight.search_words import SearchWords
from messaging.store.crypto import keyed_digest
from messaging.store.models import Conversation, Portal
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    ending,
    endings,
    post_webhook,
    start_each,
    status_payload,
    template_robot,
    text_payload,
    text_robot,
)
from tests.support.world import World, returned

SPELLINGS = pytest.mark.parametrize(
    ("typed", "whatsapps"),
    [
        ("+55 31 98765-4321", "553187654321"),
        ("+54 11 2345-6789", "5491123456789"),
        ("+52 55 1234 5678", "5215512345678"),
        ("+225 07 07 12 34 56", "22507123456"),
        ("+229 01 97 12 34 56", "22997123456"),
    ],
    ids=["Brazil", "Argentina", "Mexico", "Cote d'Ivoire", "Benin"],
)
TASHKENT, OTHERWISE = "998901234567", "9980901234567"
"""A number, and how WhatsApp might spell it one day, in a way that no rule of ours knows."""


def writes(shop: World, phone: str, words: str = "Да", **more: Any) -> None:
    """The client writes under this number, and a second passes."""
    post_webhook(shop, text_payload(phone, words, **more), kind="message")
    shop.advance_clock(1)


@ONE_DATABASE
@SPELLINGS
def test_an_answer_ends_the_run_and_opens_the_window(shop: World, typed: str, whatsapps: str) -> None:
    flow = shop.robots_start(template_robot(typed, until="replied"))
    shop.advance_clock(5)
    writes(shop, whatsapps)
    assert (ending(flow), returned(flow)["reply_from"]) == (("replied", ""), whatsapps)
    sends = start_each(shop, text_robot(typed), text_robot(whatsapps))
    shop.advance_clock(5)
    assert endings(sends) == [("accepted", "")] * 2
    with shop.runtime.db.read() as session:
        assert len(session.scalars(select(Conversation)).all()) == 1


@ONE_DATABASE
@SPELLINGS
def test_who_has_written_first_can_be_written_to(shop: World, typed: str, whatsapps: str) -> None:
    writes(shop, whatsapps)
    flows = start_each(shop, template_robot(f"{typed}, {whatsapps}", until="replied"), text_robot(typed))
    shop.advance_clock(3)
    writes(shop, whatsapps, "Ещё")
    assert endings(flows) == [("replied", ""), ("accepted", "")]


@pytest.mark.parametrize("old", ["5531987654321", "553187654321"])
@pytest.mark.parametrize("has_twin", [False, True])
def test_conversations_from_before_spellings_were_compared_are_found(shop: World, old: str, has_twin: bool) -> None:
    writes(shop, "553187654321")
    with shop.runtime.db.write() as session:
        row = session.scalars(select(Conversation)).one()
        row.phone, row.phone_key = old, keyed_digest(shop.runtime.index_key, old)
        if has_twin:
            new = "5531987654321" if old == "553187654321" else "553187654321"
            key = keyed_digest(shop.runtime.index_key, new)
            session.add(Conversation(line_id=shop.line.id, phone=new, phone_key=key))
    typed = "+55 31 98765-4321"
    flows = start_each(shop, template_robot(typed, until="replied"), text_robot(typed))
    shop.advance_clock(3)
    writes(shop, "553187654321", "Ещё")
    assert endings(flows) == [("replied", ""), ("accepted", "")]


def told(shop: World, way: str) -> None:
    """An event tells that the client of the newest message has another number."""
    message = shop.sent[-1]
    if way == "mismatch":
        post_webhook(shop, {"type": "mismatch", "payload": {"wa_id": OTHERWISE, "phone": TASHKENT}})
    elif way == "status":
        post_webhook(shop, status_payload("read", message.id, to=OTHERWISE, at=shop.now))
    else:
        ids = {"quote": {"gsId": message.id}, "quote by WhatsApp's id": {"id": message.whatsapp_id}}[way]
        post_webhook(shop, text_payload(OTHERWISE, "Цитата", context=ids), kind="message")
    shop.advance_clock(1)


@pytest.mark.parametrize("way", ["mismatch", "status", "quote", "quote by WhatsApp's id"])
@pytest.mark.parametrize("wrote_first", [False, True])
def test_a_spelling_is_learned_from_every_event_about_our_message(shop: World, way: str, wrote_first: bool) -> None:
    if wrote_first:
        writes(shop, OTHERWISE, "Привет")
    first = shop.robots_start(template_robot(TASHKENT, until="replied"))
    shop.advance_clock(5)
    told(shop, way)
    assert ending(first) == (("replied", "") if way.startswith("quote") else ("", ""))
    writes(shop, OTHERWISE, "Да")
    assert ending(first) == ("replied", "")
    session = shop.robots_start(text_robot(TASHKENT))
    waits = shop.robots_start(
        template_robot(TASHKENT, until="sent"), ("robot.wait_reply", {"phone": TASHKENT, "wait_minutes": 5})
    )
    shop.advance_clock(5)
    assert [ending(session), ending(waits)] == [("accepted", ""), ("sent", "")]
    writes(shop, OTHERWISE, "Ещё")
    assert returned(waits, 1)["reply_text"] == "Ещё"


@ONE_DATABASE
def test_a_quite_different_number_is_not_learned(shop: World) -> None:
    flows = start_each(shop, template_robot(until="replied"), template_robot(PHONES[1], until="replied"))
    shop.advance_clock(5)
    post_webhook(shop, status_payload("read", shop.sent[0].id, to=PHONES[1], at=shop.now))
    writes(shop, PHONES[1])
    assert endings(flows) == [("", ""), ("replied", "")]
    writes(shop, PHONES[2], context={"gsId": shop.sent[0].id})
    assert ending(flows[0]) == ("replied", ""), "it quotes the message"
    closed = shop.robots_start(text_robot(OLGA))
    shop.advance_clock(2)
    assert ending(closed) == ("failed", "window_closed"), "but somebody else's words open no window"


@ONE_DATABASE
def test_people_look_a_client_up_under_either_spelling(shop: World) -> None:
    shop.robots_start(template_robot("+55 31 98765-4321"))
    shop.advance_clock(2)
    with shop.runtime.db.read() as session:
        words = SearchWords(session, shop.runtime, session.get_one(Portal, 1))
        found = [words.meaning(number) for number in ("+55 31 98765-4321", "553187654321")]
        runs = set(session.scalars(sql("SELECT id FROM run")))
    assert [meaning and meaning.ids for meaning in found] == [runs] * 2
