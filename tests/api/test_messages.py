"""POST /messages and what can be read of messages afterwards, through the whole world."""

from typing import Any

import pytest

from messaging.store.models import Message, Run
from tests.api.caller import TEMPLATE, Program
from tests.support.world import World

PHONE = "79161234567"


@pytest.fixture
def program(shop: World) -> Program:
    return Program(shop)


def test_a_template_is_accepted_sent_once_and_its_status_is_read(shop: World, program: Program) -> None:
    answer = program.post("/messages", TEMPLATE)
    assert answer.status_code == 202, answer.text
    made = answer.json
    assert (made["status"], made["phone"], made["type"]) == ("queued", PHONE, "template")
    assert program.get(f"/messages/{made['id']}").json["status"] == "queued"
    shop.advance_clock(5)
    assert len(shop.sent) == 1
    read = program.get(f"/messages/{made['id']}").json
    assert (read["status"], read["origin"], read["phone"]) == ("delivered", "api", PHONE)
    assert read["provider_id"]
    assert read["cost"]["currency"] == "USD"
    assert read["sent_at"]
    assert read["error_code"] is None
    assert program.get("/messages").json["items"] == [read]
    (message,) = shop.stored_rows(Message)
    assert message.origin == "api"


EACH_TYPE: list[dict[str, Any]] = [
    {"type": "text", "text": "Ждём вас"},
    {"type": "buttons", "text": "Придёте?", "buttons": ["Да|yes", "Нет"]},
    {"type": "list", "text": "Когда?", "button": "Время", "items": ["# Утро", "10:00|окно|10", "11:00"]},
    {"type": "contact", "contact_name": "Анна", "contact_phone": "+7 916 765-43-21"},
    {"type": "location", "latitude": 54.9885, "longitude": 73.3686, "place": "Омск"},
    {**TEMPLATE},
]


@pytest.mark.parametrize("body", EACH_TYPE, ids=lambda body: body["type"])
def test_each_type_reaches_the_client(shop: World, program: Program, body: dict[str, Any]) -> None:
    shop.client_replies(PHONE, "Здравствуйте")
    shop.advance_clock(1)
    answer = program.post("/messages", {"phone": PHONE, **body})
    assert answer.status_code == 202, answer.text
    shop.advance_clock(2)
    assert len(shop.sent) == 1
    shown = program.get(f"/messages/{answer.json['id']}").json
    assert shown["type"] == body["type"]
    assert shown["status"] in ("sent", "delivered")


REFUSED: list[tuple[dict[str, Any], dict[str, list[str]]]] = [
    ({"type": "text", "text": "x"}, {"": ["window_closed"]}),
    ({"phone": "12", "type": "text", "text": "x"}, {"phone": ["invalid_phone"]}),
    ({"type": "text"}, {"text": ["value_missing"]}),
    ({"type": "text", "text": "x" * 4097}, {"text": ["text_too_long"]}),
    ({"type": "text", "text": "x", "line": "nowhere"}, {"line": ["line_not_found"]}),
    ({"type": "text", "text": "x", "txt": "y"}, {"txt": ["unknown_field"]}),
    ({"type": "song"}, {"type": ["value_invalid"]}),
    ({"type": "template", "template": "nothing"}, {"template": ["template_not_found"]}),
    ({"type": "template", "template": "order_ready", "params": ["a"]}, {"params.1": ["template_params"]}),
    ({"type": "buttons", "text": "x", "buttons": "Да"}, {"buttons": ["value_invalid"]}),
    ({"type": "location", "latitude": 91, "longitude": 0}, {"latitude": ["value_invalid"]}),
    ({"type": "text", "text": "x", "if_closed": "template"}, {"fallback_template": ["value_missing"]}),
]


@pytest.mark.parametrize(("body", "errors"), REFUSED)
def test_what_can_be_judged_at_once_is_refused_at_its_field(
    shop: World, program: Program, body: dict[str, Any], errors: dict[str, list[str]]
) -> None:
    program.post("/messages", TEMPLATE)  # the templates of the line are known from now on
    shop.advance_clock(2)
    before = len(shop.stored_rows(Run))
    assert program.codes("/messages", {"phone": PHONE, **body}) == errors
    assert len(shop.stored_rows(Run)) == before
