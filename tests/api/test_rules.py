"""The rules for robots' messages hold for those of the API: consent, windows, quiet hours, templates instead, failures."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from messaging.policy import consent
from messaging.policy import settings as policy
from messaging.policy.consent import Cause, Client
from messaging.store.models import Message
from messaging.store.opt_outs import Source
from tests.api.caller import TEMPLATE, Program
from tests.support.world import World

PHONE = "79161234567"
TEXT: dict[str, Any] = {"phone": PHONE, "type": "text", "text": "Ждём вас"}


@pytest.fixture
def program(shop: World) -> Program:
    return Program(shop)


def opt_out(shop: World, program: Program) -> None:
    with shop.runtime.db.write() as session:
        cause = Cause(Source.PAGE, shop.now)
        consent.stop_all(session, shop.runtime, program.portal_id, [Client.of(shop.runtime, PHONE)], cause)


def test_a_client_who_has_opted_out_gets_nothing(shop: World, program: Program) -> None:
    shop.client_replies(PHONE, "Здравствуйте")
    shop.advance_clock(1)
    opt_out(shop, program)
    assert program.codes("/messages", TEXT) == {"": ["opted_out"]}


def test_an_opt_out_weighs_more_than_a_closed_window(shop: World, program: Program) -> None:
    opt_out(shop, program)
    assert program.codes("/messages", TEXT) == {"": ["opted_out"]}


def test_an_opt_out_between_acceptance_and_sending_ends_the_message(shop: World, program: Program) -> None:
    shop.client_replies(PHONE, "Здравствуйте")
    shop.advance_clock(1)
    made = program.post("/messages", TEXT).json["id"]
    opt_out(shop, program)
    shop.advance_clock(2)
    assert not shop.sent
    read = program.get(f"/messages/{made}").json
    assert (read["status"], read["error_code"]) == ("failed", "opted_out")
    assert read["error_text"]


def test_a_message_waits_until_the_client_writes(shop: World, program: Program) -> None:
    made = program.post("/messages", {**TEXT, "if_closed": "wait"}).json["id"]
    shop.advance_clock(2)
    assert program.get(f"/messages/{made}").json["status"] == "held"
    shop.client_replies(PHONE, "Здравствуйте")
    shop.advance_clock(5)
    assert program.get(f"/messages/{made}").json["status"] == "delivered"
    assert len(shop.sent) == 1


def test_what_waits_too_long_ends_and_is_never_sent(shop: World, program: Program) -> None:
    made = program.post("/messages", {**TEXT, "if_closed": "wait", "wait_minutes": 5}).json["id"]
    shop.advance_clock(301)
    shop.client_replies(PHONE, "Здравствуйте")
    shop.advance_clock(5)
    assert program.get(f"/messages/{made}").json["status"] == "timeout"
    assert not shop.sent


def test_a_template_goes_instead_while_the_window_is_closed(shop: World, program: Program) -> None:
    instead = {"if_closed": "template", "fallback_template": "order_ready", "fallback_params": ["Ольга", "512"]}
    made = program.post("/messages", {**TEXT, **instead}).json["id"]
    shop.advance_clock(5)
    assert program.get(f"/messages/{made}").json["status"] == "delivered"
    assert [message.kind for message in shop.stored_rows(Message)] == ["template"]


def test_quiet_hours_hold_a_message_and_drop_one_that_shall_not_wait(shop: World, program: Program) -> None:
    program.post("/messages", {**TEMPLATE, "phone": "79161234500"})  # the templates of the line are known from now on
    shop.advance_clock(2)
    policy.change(shop.runtime, program.portal_id, quiet_from="11:00", quiet_to="13:00", time_zone="Europe/Moscow")
    assert program.codes("/messages", {**TEMPLATE, "quiet": "drop"}) == {"": ["quiet_hours"]}
    made = program.post("/messages", {**TEMPLATE, "quiet": "hold"}).json["id"]
    shop.advance_clock(2)
    assert program.get(f"/messages/{made}").json["status"] == "held"
    shop.advance_clock(3600)
    assert program.get(f"/messages/{made}").json["status"] == "delivered"


def test_a_refusal_of_the_provider_is_told_in_the_callers_language(shop: World, program: Program) -> None:
    shop.set_gupshup_faults(not_on_whatsapp=[PHONE])
    made = program.post("/messages", TEMPLATE).json["id"]
    shop.advance_clock(5)
    russian = program.get(f"/messages/{made}", Accept_Language="ru").json
    english = program.get(f"/messages/{made}", Accept_Language="en").json
    assert (russian["status"], russian["error_code"]) == ("failed", english["error_code"])
    assert russian["error_text"] != english["error_text"]


def test_robots_and_the_api_share_their_clients_queue_in_order(shop: World, program: Program) -> None:
    shop.client_replies(PHONE, "Здравствуйте")
    shop.advance_clock(1)
    for number in range(5):
        program.post("/messages", {**TEXT, "text": f"{number}"})
    shop.advance_clock(30)
    with shop.runtime.db.read() as session:
        sent = session.scalars(select(Message.payload).order_by(Message.claimed_at, Message.id)).all()
    assert [json.loads(payload["form"]["message"])["text"] for payload in sent] == list("01234")


def test_a_stored_message_survives_a_worker_that_dies(shop: World, program: Program) -> None:
    made = program.post("/messages", TEMPLATE).json["id"]
    shop.replace_worker()
    shop.advance_clock(timedelta(minutes=2).total_seconds())
    assert program.get(f"/messages/{made}").json["status"] == "delivered"
    assert len(shop.sent) == 1
