"""What is queued with a messageId and fails later, by event."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from .conftest import CLIENT, LIST, OUR_NUMBER, QUICK

ROW = {"type": "text", "title": "Ряд"}


def image(**changes: Any) -> dict[str, Any]:
    return {"type": "image", "originalUrl": "https://a.b/c.jpg", "previewUrl": "https://a.b/c.jpg", **changes}


def quick(**content: Any) -> dict[str, Any]:
    return {**QUICK, "content": {"type": "text", "text": "Придёте?", **content}}


def titles(*names: str) -> dict[str, Any]:
    return {**QUICK, "options": [{"type": "text", "title": name} for name in names]}


def rows(*options: dict[str, Any]) -> dict[str, Any]:
    return {**LIST, "items": [{"title": "A", "options": list(options)}]}


MESSAGES: list[tuple[str, dict[str, Any], int | None]] = [
    ("a text of 4096", {"type": "text", "text": "я" * 4096}, None),
    ("a text of 4097", {"type": "text", "text": "я" * 4097}, 131009),
    ("an empty text", {"type": "text", "text": " "}, 1009),
    ("a text with context", {"type": "text", "text": "x", "context": {"msgId": "abc"}}, None),
    ("an image", image(caption="Фото"), None),
    ("a caption of 1025", image(caption="x" * 1025), 131009),
    ("an image by http", image(originalUrl="http://a.b/c.jpg"), 1010),
    ("a link with a space", image(originalUrl="https://a.b/c d.jpg"), 1010),
    ("an image without preview", {"type": "image", "originalUrl": "https://a.b/c.jpg"}, 1009),
    ("a file", {"type": "file", "url": "https://a.b/c.pdf", "filename": "c.pdf", "caption": ""}, None),
    ("a file by its id", {"type": "file", "id": "media-1", "filename": "c.pdf"}, None),
    ("a video without link", {"type": "video"}, 1009),
    ("an audio", {"type": "audio", "url": "https://a.b/c.ogg"}, None),
    ("a sticker", {"type": "sticker", "url": "https://a.b/c.webp"}, None),
    ("a location", {"type": "location", "longitude": 73.36, "latitude": 54.9, "name": "A", "address": "B"}, None),
    ("a latitude of 91", {"type": "location", "longitude": 0, "latitude": 91}, 131009),
    (
        "a contact",
        {
            "type": "contact",
            "contact": {"name": {"formattedName": "О П", "firstName": "О"}, "phones": [{"phone": "+79001234567"}]},
        },
        None,
    ),
    ("a contact without name part", {"type": "contact", "contact": {"name": {"formattedName": "О П"}}}, 1009),
    ("buttons", QUICK, None),
    ("a title of 21", titles("x" * 21), 131009),
    ("equal titles", titles("Да", "Да"), 131009),
    ("four buttons", titles("1", "2", "3", "4"), 131009),
    ("no buttons", titles(), 1009),
    ("a body of 1025", quick(text="x" * 1025), 131009),
    ("a header of 61", quick(header="x" * 61), 131009),
    ("a footer of 61", quick(caption="x" * 61), 131009),
    ("buttons under a picture", quick(type="image", url="https://a.b/c.jpg"), None),
    ("a button id of 257", {**QUICK, "options": [{"type": "text", "title": "x", "postbackText": "x" * 257}]}, 131009),
    ("a list", LIST, None),
    ("ten rows", rows(*[{**ROW, "postbackText": str(i)} for i in range(10)]), None),
    ("eleven rows", rows(*[{**ROW, "postbackText": str(i)} for i in range(11)]), 131009),
    ("a row title of 25", rows({**ROW, "title": "x" * 25}), 131009),
    ("a description of 73", rows({**ROW, "description": "x" * 73}), 131009),
    ("a row id of 201", rows({**ROW, "postbackText": "x" * 201}), 131009),
    ("equal row ids", rows({**ROW, "postbackText": "a"}, {**ROW, "postbackText": "a"}), 131009),
    ("several sections without title", {**LIST, "items": [{"options": [ROW]}, {"title": "B", "options": [ROW]}]}, 1009),
    ("two openers", {**LIST, "globalButtons": LIST["globalButtons"] * 2}, 131009),
    ("a reaction", {"type": "reaction", "msgId": "wamid.x", "emoji": "👍"}, None),
]
PARAMS: list[tuple[str, list[str], int | None]] = [
    ("all four", ["a", "b", "c", "d"], None),
    ("one too few", ["a", "b", "c"], 132000),
    ("one too many", ["a", "b", "c", "d", "e"], 132000),
    ("none", [], 132000),
    ("a line break", ["a", "b\nc", "c", "d"], 132018),
    ("a tab", ["a", "b\tc", "c", "d"], 132018),
    ("four spaces", ["a", "b    c", "c", "d"], None),
    ("five spaces", ["a", "b     c", "c", "d"], 132018),
    ("an empty one", ["a", "", "c", "d"], 132012),
    ("a space in the link", ["a", "b", "c", "d e"], 132012),
    ("a body over 1024", ["a", "b" * 600, "c", "d"], 132005),
    ("a header over 60", ["a" * 60, "b", "c", "d"], 132005),
]
PHOTO_LINK = {"type": "image", "image": {"link": "https://a.b/c.jpg"}}
POINT = {"type": "location", "location": {"longitude": 73.36, "latitude": 54.98, "name": "Офис"}}
LONG = "я" * 155
VALUES = ["Ольга", "Стол", "1", "Шкаф", "2"]


def cards(count: int, kind: str = "IMAGE") -> dict[str, Any]:
    return {"type": "carousel", "cardHeaderType": kind, "cards": [{"link": "https://a.b/c.jpg"}] * count}


HEADERS: list[tuple[str, dict[str, Any], int | None]] = [
    ("an unknown template", {"template": {"id": "nope", "params": []}}, 4003),
    ("a paused template", {"template": {"id": "t-paused", "params": []}}, 4005),
    ("its picture", {"template": {"id": "t-photo", "params": ["5"]}, "message": PHOTO_LINK}, None),
    ("no picture", {"template": {"id": "t-photo", "params": ["5"]}}, 132012),
    (
        "a film for a picture",
        {
            "template": {"id": "t-photo", "params": ["5"]},
            "message": {"type": "video", "video": {"link": "https://a.b/c.mp4"}},
        },
        132012,
    ),
    (
        "a picture by http",
        {
            "template": {"id": "t-photo", "params": ["5"]},
            "message": {"type": "image", "image": {"link": "http://a.b/c.jpg"}},
        },
        1010,
    ),
    (
        "a picture for a text",
        {"template": {"id": "t-visit", "params": ["a", "b", "c", "d"]}, "message": PHOTO_LINK},
        132012,
    ),
    ("its point", {"template": {"id": "t-place", "params": []}, "message": POINT}, None),
    ("no point", {"template": {"id": "t-place", "params": []}}, 132012),
    ("a picture for a point", {"template": {"id": "t-place", "params": []}, "message": PHOTO_LINK}, 132012),
    ("cards", {"template": {"id": "t-goods", "params": VALUES}, "message": cards(2)}, None),
    ("a card too few", {"template": {"id": "t-goods", "params": VALUES}, "message": cards(1)}, 132012),
    ("a card too many", {"template": {"id": "t-goods", "params": VALUES}, "message": cards(3)}, 132012),
    ("films for pictures", {"template": {"id": "t-goods", "params": VALUES}, "message": cards(2, "VIDEO")}, 132012),
    ("no cards", {"template": {"id": "t-goods", "params": VALUES}}, 132012),
    ("a card's value missing", {"template": {"id": "t-goods", "params": VALUES[:4]}, "message": cards(2)}, 132000),
    (
        "a card over 160",
        {"template": {"id": "t-goods", "params": ["О", LONG, *VALUES[2:]]}, "message": cards(2)},
        132005,
    ),
    (
        "postbacks",
        {
            "template": {"id": "t-visit", "params": ["a", "b", "c", "d"]},
            "postbackTexts": [{"index": 0, "text": "yes"}, {"index": 1, "text": "no"}],
        },
        None,
    ),
    (
        "a postback of no button",
        {"template": {"id": "t-visit", "params": ["a", "b", "c", "d"]}, "postbackTexts": [{"index": 2, "text": "x"}]},
        132012,
    ),
]


@pytest.mark.parametrize(("message", "code"), [m[1:] for m in MESSAGES], ids=[m[0] for m in MESSAGES])
def test_a_session_message_is_judged_by_its_limits(open_world, message, code):
    assert open_world.failure_code(open_world.send(message=message)) == code


@pytest.mark.parametrize(("params", "code"), [p[1:] for p in PARAMS], ids=[p[0] for p in PARAMS])
def test_the_values_of_a_template_are_judged_by_whatsapp(world, params, code):
    assert world.failure_code(world.send_template(params)) == code


@pytest.mark.parametrize(("fields", "code"), [h[1:] for h in HEADERS], ids=[h[0] for h in HEADERS])
def test_a_template_needs_its_header_and_its_approval(world, fields, code):
    assert world.failure_code(world.send("template/msg", **fields)) == code


@pytest.mark.parametrize(("params", "code"), [(["123456"], None), (["123456", "123456"], None), ([], 132000)])
def test_a_code_template_takes_its_code_once_or_twice_as_the_docs_disagree(world, params, code):
    world.control(
        "/apps/shopbot/templates",
        id="t-code",
        name="code",
        category="AUTHENTICATION",
        body="Code {{1}}.",
        buttons=[{"type": "OTP", "otp_type": "COPY_CODE", "text": "Copy code"}],
    )
    assert world.failure_code(world.send("template/msg", template={"id": "t-code", "params": params})) == code


def test_http_media_pass_where_the_app_allows_http(world):
    world.control("/apps", app_name="localbot", phone="79998887766", api_key="k3", allow_http=True)
    world.control("/reply", app="localbot", phone=CLIENT, type="text", text="x")
    message = world.send(
        key="k3", source="79998887766", message=image(originalUrl="http://127.0.0.1/c.jpg"), **{"src.name": "localbot"}
    )
    assert world.failure_code(message) is None


def test_the_window_is_shut_until_the_client_writes_and_24_hours_later(world):
    assert world.failure_code(world.send_text()) == 470
    world.client_sends()
    world.advance_clock(hours=23, minutes=59)
    assert world.failure_code(world.send_text()) is None
    world.advance_clock(minutes=1)
    assert world.failure_code(world.send_text()) == 470
    assert world.failure_code(world.send_template()) is None


def test_a_reaction_does_not_open_the_window(world):
    shown = world.send_template()
    world.client_sends(type="reaction", context_gs_id=shown)
    assert world.failure_code(world.send_text()) == 470


def test_each_app_and_each_client_has_a_window_of_its_own(open_world):
    assert open_world.failure_code(open_world.send_text(destination="79120000001")) == 470
    other = open_world.send_text(key="other-key", source="79995556677", **{"src.name": "otherbot"})
    assert open_world.failure_code(other) == 470


def test_a_window_can_be_shut_on_demand(open_world):
    open_world.control("/window", app="shopbot", phone=CLIENT)
    assert open_world.failure_code(open_world.send_text()) == 470


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"wallet_empty": True}, 1003),
        ({"not_on_whatsapp": [CLIENT]}, 1002),
        ({"not_on_whatsapp_suffix": "6789"}, 1002),
        ({"destinations": {CLIENT: {"code": 131049}}}, 131049),
        ({"destinations": {CLIENT: {"code": 131049}}, "wallet_empty": True}, 1003),
        ({"account_code": 131048}, 131048),
        ({"account_code": 131031, "destinations": {CLIENT: {"code": 131049}}}, 131031),
    ],
)
def test_faults_choose_the_code(open_world, fault, code):
    open_world.control("/faults", app="shopbot", **fault)
    assert open_world.failure_code(open_world.send_text()) == code


def test_numbers_that_end_in_four_zeros_are_not_on_whatsapp(world):
    assert world.failure_code(world.send_template(destination="79120010000")) == 1002


def test_nobody_writes_to_himself(world):
    assert world.failure_code(world.send_template(destination=OUR_NUMBER)) == 131021


def test_without_the_app_name_the_bot_fails(world):
    assert world.failure_code(world.send_template(**{"src.name": None})) == 1001


def test_a_failure_of_gupshup_itself_has_its_id_and_no_gs_id(world):
    message = world.send("template/msg", template={"id": "nope"})
    world.advance_clock(seconds=1)
    assert world.statuses_of(message) == ["failed"]
    assert world.event_payloads() == [
        {
            "id": message,
            "type": "failed",
            "destination": CLIENT,
            "payload": {"code": 4003, "reason": "Template did not match (nope)"},
        }
    ]


def test_a_failure_of_whatsapp_comes_after_enqueued_with_both_ids(world):
    message = world.send_text()
    world.advance_clock(seconds=1)
    enqueued, failed = world.event_payloads()
    assert enqueued["id"] == failed["gsId"] == message
    assert failed["id"] == enqueued["payload"]["whatsappMessageId"]
    assert failed["payload"]["code"] == 470


@pytest.mark.parametrize(
    ("after", "steps"),
    [
        ("enqueued", ["enqueued", "failed"]),
        ("sent", ["enqueued", "sent", "failed"]),
        ("delivered", ["enqueued", "sent", "delivered", "failed"]),
    ],
)
def test_a_failure_can_come_late(open_world, after, steps):
    open_world.control("/faults", destinations={CLIENT: {"code": 131026, "reason": "Old phone", "after": after}})
    message = open_world.send_text()
    assert open_world.failure_code(message) == 131026
    assert open_world.statuses_of(message) == steps


def test_the_shape_of_failures_can_be_forced(world):
    world.control("/faults", failed_shape="sync")
    message = world.send_text()
    world.advance_clock(seconds=1)
    assert [(e["type"], e["id"], "gsId" in e) for e in world.event_payloads()] == [("failed", message, False)]


def test_a_fault_can_be_lifted(open_world):
    open_world.control("/faults", app="shopbot", destinations={CLIENT: {"code": 131049}})
    open_world.control("/faults", app="shopbot", destinations={CLIENT: None})
    assert open_world.failure_code(open_world.send_text()) is None
    open_world.now += timedelta(seconds=1)
    open_world.control("/faults", wallet_empty=True)
    open_world.http.delete("/emulator/faults")
    assert open_world.failure_code(open_world.send_text()) is None
