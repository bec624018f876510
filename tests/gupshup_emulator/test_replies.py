"""What the client sends, as the webhook carries it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from .conftest import CLIENT, LIST, QUICK


def inbound(world: Any) -> dict[str, Any]:
    world.advance_clock(seconds=1)
    return dict(world.event_payloads("message")[-1])


PLAIN: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("a text", {"type": "text", "text": "Да"}, "text", {"text": "Да"}),
    (
        "a place",
        {"type": "location", "latitude": 54.9, "longitude": 73.3, "name": "Дом"},
        "location",
        {"latitude": "54.9", "longitude": "73.3", "name": "Дом"},
    ),
    ("anything", {"type": "raw", "payload": {"type": "order", "payload": {"x": 1}}}, "order", {"x": 1}),
]


@pytest.mark.parametrize(("spec", "kind", "payload"), [p[1:] for p in PLAIN], ids=[p[0] for p in PLAIN])
def test_a_reply_carries(world, spec, kind, payload):
    answer = world.control("/reply", app="shopbot", phone=CLIENT, client_name="Ольга", **spec)
    event = inbound(world)
    assert (event["type"], event["payload"]) == (kind, payload)
    assert event["id"] == answer["id"]
    assert event["source"] == event["sender"]["phone"] == CLIENT
    assert event["sender"]["name"] == "Ольга"
    assert "context" not in event


def test_a_file_is_kept_and_served_at_the_address_in_the_event(world):
    content = base64.b64encode(b"%PDF-1.7").decode()
    world.client_sends(
        type="file", file_name="act.pdf", content_type="application/pdf", content_base64=content, caption="Акт"
    )
    payload = inbound(world)["payload"]
    assert (payload["name"], payload["contentType"], payload["caption"]) == ("act.pdf", "application/pdf", "Акт")
    assert payload["urlExpiry"] > world.now.timestamp() * 1000
    answer = world.http.get(payload["url"].removeprefix("https://filemanager.gupshup.io"))
    assert (answer.data, answer.content_type) == (b"%PDF-1.7", "application/pdf")


def test_a_contact_comes_in_snake_case(world):
    world.client_sends(type="contact", contact_name="Пётр Иванов", contact_phone="+79001234567")
    (contact,) = inbound(world)["payload"]["contacts"]
    assert contact["name"] == {"first_name": "Пётр", "last_name": "Иванов", "formatted_name": "Пётр Иванов"}
    assert contact["phones"] == [{"phone": "+79001234567", "type": "CELL", "wa_id": "79001234567"}]


def test_a_reaction_names_both_ids(world):
    message = world.send_template()
    world.client_sends(type="reaction", emoji="❤", context_gs_id=message)
    event = inbound(world)
    assert event["payload"]["gsId"] == message
    assert event["payload"]["id"].startswith("wamid.")


CLICKS: list[tuple[str, str, dict[str, Any], str, dict[str, Any]]] = [
    (
        "a button",
        "quick",
        {"type": "button", "index": 0},
        "button_reply",
        {"id": "wf-1", "title": "Да", "reply": "Да 1", "postbackText": "yes"},
    ),
    (
        "a button without id",
        "quick",
        {"type": "button", "title": "Нет"},
        "button_reply",
        {"id": "wf-1", "title": "Нет", "reply": "Нет 2"},
    ),
    (
        "a button, older",
        "quick",
        {"type": "button", "index": 0, "shape": "old"},
        "quick_reply",
        {"id": "wf-1", "title": "Да", "reply": "Да 1"},
    ),
    (
        "a button that forgot its id",
        "quick",
        {"type": "button", "index": 0, "omit_postback": True},
        "button_reply",
        {"id": "wf-1", "title": "Да", "reply": "Да 1"},
    ),
    (
        "a row",
        "list",
        {"type": "list", "postback": "ask"},
        "list_reply",
        {"id": "wf-2", "title": "Вопрос", "reply": "Вопрос 2", "postbackText": "ask", "description": ""},
    ),
    (
        "a template button",
        "template",
        {"type": "button", "index": 1},
        "quick_reply",
        {"text": "Перенести", "type": "button", "postbackText": "move"},
    ),
    (
        "a template button without id",
        "template",
        {"type": "button", "index": 0},
        "quick_reply",
        {"text": "Подтверждаю", "type": "button", "postbackText": "Подтверждаю"},
    ),
    (
        "a template button, older",
        "template",
        {"type": "button", "title": "Перенести", "shape": "old"},
        "text",
        {"text": "Перенести", "type": "button", "postbackText": "move"},
    ),
]


@pytest.mark.parametrize(("sent", "spec", "kind", "payload"), [c[1:] for c in CLICKS], ids=[c[0] for c in CLICKS])
def test_a_click_carries(open_world, sent, spec, kind, payload):
    message = {
        "quick": lambda: open_world.send(message=QUICK),
        "list": lambda: open_world.send(message=LIST),
        "template": lambda: open_world.send_template(postbackTexts=[{"index": 1, "text": "move"}]),
    }[sent]()
    open_world.client_sends(context_gs_id=message, **spec)
    event = inbound(open_world)
    assert (event["type"], event["payload"]) == (kind, payload)
    assert event["context"]["gsId"] == message


def test_the_older_clicks_and_missing_context_can_be_the_rule(open_world):
    open_world.control("/faults", click_shape="old", omit_context=True)
    open_world.client_sends(type="button", index=0, context_gs_id=open_world.send(message=QUICK))
    event = inbound(open_world)
    assert event["type"] == "quick_reply"
    assert "context" not in event


@pytest.mark.parametrize(
    "spec",
    [
        {"type": "text", "text": ""},
        {"type": "button", "index": 0},
        {"type": "button", "index": 0, "context_gs_id": "nope"},
        {"type": "poem"},
        {"type": "location"},
        {"type": "file", "content_base64": "?"},
    ],
)
def test_a_reply_no_phone_could_send_is_refused(world, spec):
    answer = world.http.post("/emulator/reply", json={"app": "shopbot", "phone": CLIENT, **spec})
    assert answer.status_code == 400
    assert answer.get_json()["error"]
    assert world.emulator.next_due() is None


def test_a_row_that_is_not_there_cannot_be_pressed(open_world):
    message = open_world.send(message=LIST)
    spec = {"app": "shopbot", "phone": CLIENT, "type": "list", "index": 2, "context_gs_id": message}
    assert open_world.http.post("/emulator/reply", json=spec).status_code == 400


def test_another_phone_cannot_press_a_button_it_does_not_see(open_world):
    message = open_world.send(message=QUICK)
    spec = {"app": "shopbot", "phone": "79120000001", "type": "button", "index": 0, "context_gs_id": message}
    assert open_world.http.post("/emulator/reply", json=spec).status_code == 400


def test_marking_as_read_is_remembered(world):
    reply = world.client_sends()["id"]
    path = f"/wa/app/app-shopbot/msg/{reply}/read"
    assert world.http.put(path, headers={"apikey": "0123456789abcdef0123456789abcdef"}).status_code == 202
    assert world.http.put(path, headers={"apikey": "nobody"}).status_code == 401
