"""What the vendor's API answers with an error, without taking the message in."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import KEY, QUICK

TEXT = {"type": "text", "text": "Привет"}
FIELDS = [
    ("a wrong key", {"key": "nobody"}, 401, "Authentication Failed"),
    ("no key", {"key": ""}, 401, "Authentication Failed"),
    ("a plus in the number", {"destination": "+79123456789"}, 400, "Invalid Destination"),
    ("a leading zero", {"destination": "09123456789"}, 400, "Invalid Destination"),
    ("no number", {"destination": None}, 400, "Invalid Destination"),
    ("an app of another key", {"src.name": "otherbot"}, 400, "Request Bot Not Found"),
    ("an unknown app", {"src.name": "nosuchbot"}, 400, "Request Bot Not Found"),
    ("an underscore in the app name", {"src.name": "shop_bot"}, 400, "Source Contains XSS Characters"),
    ("a source that is not the app's", {"source": "79990000000"}, 400, "Invalid App Details"),
    ("another channel", {"channel": "sms"}, 400, "Invalid Channel"),
    ("an unknown field", {"extra": "1"}, 400, "Invalid Request: unknown field extra"),
    ("a field of templates", {"template": {"id": "x"}}, 400, "Invalid Request: unknown field template"),
    ("a repeated field", {"channel": ["whatsapp", "whatsapp"]}, 400, "Invalid Request: field channel is repeated"),
    ("no message", {"message": None}, 400, "Invalid Request: message is missing"),
    ("a message that is not JSON", {"message": "hello"}, 400, "Invalid Message: message is not JSON"),
    ("a strange flag", {"disablePreview": "yes"}, 400, "Invalid Message: disablePreview: must be true or false"),
]
SHAPES: list[tuple[str, object, str]] = [
    ("an unknown type", {"type": "cta_url"}, "message.type: must be one of"),
    ("no type", {"text": "x"}, "message.type: must be one of"),
    ("not an object", '["text"]', "message.type: must be one of"),
    ("an unknown key", {**TEXT, "body": "x"}, "message.body: unknown key"),
    ("a number for a text", {"type": "text", "text": 5}, "message.text: must be a string"),
    (
        "a null caption",
        {"type": "image", "originalUrl": "https://a.b/c.jpg", "previewUrl": "https://a.b/c.jpg", "caption": None},
        "message.caption: must be a string",
    ),
    (
        "coordinates as strings",
        {"type": "location", "longitude": "73.3", "latitude": 54.9},
        "message.longitude: must be a number",
    ),
    (
        "true for a coordinate",
        {"type": "location", "longitude": True, "latitude": 54.9},
        "message.longitude: must be a number",
    ),
    ("document instead of file", {"type": "document", "url": "https://a.b/c.pdf"}, "message.type: must be one of"),
    (
        "snake case in a contact",
        {"type": "contact", "contact": {"name": {"formatted_name": "x"}}},
        "message.contact.name.formatted_name: unknown key",
    ),
    (
        "footer instead of caption",
        {**QUICK, "content": {"type": "text", "text": "x", "footer": "y"}},
        "message.content.footer: unknown key",
    ),
    (
        "a button without type",
        {**QUICK, "options": [{"type": "url", "title": "x"}]},
        "message.options[0].type: must be one of text",
    ),
    ("options that are no list", {**QUICK, "options": {}}, "message.options: must be a list"),
    ("a preview flag as text", {**TEXT, "previewUrl": "true"}, "message.previewUrl: must be true or false"),
]
TEMPLATES: list[tuple[str, dict[str, Any], str]] = [
    ("no template", {}, "Invalid Request: template is missing"),
    ("params that are numbers", {"template": {"id": "t-visit", "params": [1]}}, "template.params[0]: must be a string"),
    ("an unknown key", {"template": {"id": "t-visit", "name": "x"}}, "template.name: unknown key"),
    (
        "a header of no known type",
        {"template": {"id": "t-photo", "params": ["5"]}, "message": {"type": "file"}},
        "message.type: must be one of",
    ),
    (
        "postbacks that are objects",
        {"template": {"id": "t-visit"}, "postbackTexts": {"0": "x"}},
        "postbackTexts: must be a list",
    ),
    (
        "postbacks under another name",
        {"template": {"id": "t-visit"}, "postbackTexts": [{"index": 0, "title": "x"}]},
        "postbackTexts[0].title: unknown key",
    ),
]


@pytest.mark.parametrize(("fields", "status", "message"), [f[1:] for f in FIELDS], ids=[f[0] for f in FIELDS])
def test_a_wrong_field_is_refused_in_the_vendors_words(world, fields, status, message):
    answer = world.post_message(**{"message": TEXT, **fields})
    assert (answer.status_code, answer.get_json()) == (status, {"status": "error", "message": message})
    assert world.messages() == []


@pytest.mark.parametrize(("message", "problem"), [s[1:] for s in SHAPES], ids=[s[0] for s in SHAPES])
def test_a_message_of_another_shape_is_refused_by_the_name_of_its_fault(open_world, message, problem):
    answer = open_world.post_message(message=message)
    assert answer.status_code == 400
    assert problem in answer.get_json()["message"]
    assert open_world.messages() == []


@pytest.mark.parametrize(("fields", "problem"), [t[1:] for t in TEMPLATES], ids=[t[0] for t in TEMPLATES])
def test_a_template_of_another_shape_is_refused(world, fields, problem):
    answer = world.post_message("template/msg", **fields)
    assert answer.status_code == 400
    assert problem in answer.get_json()["message"]


def test_json_instead_of_a_form_is_refused(world):
    assert world.http.post("/wa/api/v1/msg", json={}, headers={"apikey": KEY}).status_code == 415


def test_a_rate_limit_answers_429_and_forgives_with_time(world):
    world.control("/apps/shopbot/rate-limit", per_second=2, burst=3)
    codes = [world.post_message("template/msg", template={"id": "x"}).status_code for _ in range(5)]
    assert codes == [202, 202, 202, 429, 429]
    world.advance_clock(seconds=0.5)
    assert [world.post_message("template/msg", template={"id": "x"}).status_code for _ in range(2)] == [202, 429]
    world.control("/apps/shopbot/rate-limit", off=True)
    assert world.post_message("template/msg", template={"id": "x"}).status_code == 202
