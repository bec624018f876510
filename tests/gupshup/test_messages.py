"""Messages as Gupshup wants them: the exact JSON of every kind."""

import dataclasses
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gupshup.limits import media_of
from gupshup.messages import (
    Button,
    Contact,
    File,
    ListMenu,
    Location,
    MediaHeader,
    Message,
    Phone,
    QuickReply,
    Row,
    Section,
    Template,
    Text,
    clean_param,
)
from tests.gupshup.message_samples import ID, URL, menu

SESSION = [
    (Text("Заказ 512 готов"), {"type": "text", "text": "Заказ 512 готов", "previewUrl": False}),
    (Text("https://a.org", preview_url=True), {"type": "text", "text": "https://a.org", "previewUrl": True}),
    (
        QuickReply(
            "Confirm the visit on Friday?", (Button("Yes", "wf:yes"), Button("No")),
            "Visit", "Reply within a day", "wf-8841",
        ),
        {
            "type": "quick_reply",
            "msgid": "wf-8841",
            "content": {
                "type": "text", "header": "Visit", "text": "Confirm the visit on Friday?",
                "caption": "Reply within a day",
            },
            "options": [
                {"type": "text", "title": "Yes", "postbackText": "wf:yes"},
                {"type": "text", "title": "No", "postbackText": "2"},
            ],
        },
    ),
    (
        QuickReply("Ready?", (Button("Yes"),), header=" ", footer=""),
        {
            "type": "quick_reply",
            "content": {"type": "text", "text": "Ready?"},
            "options": [{"type": "text", "title": "Yes", "postbackText": "1"}],
        },
    ),
    (
        ListMenu(
            "What do you need?",
            "Show list",
            (
                Section("Repairs", (Row("Phone", "From 1 day", "phone"), Row("Laptop", "From 3 days"))),
                Section("Other", (Row("Delivery"),)),
            ),
            "Choose a service", "Opens 9-18", "wf-8842",
        ),
        {
            "type": "list",
            "title": "Choose a service",
            "body": "What do you need?",
            "footer": "Opens 9-18",
            "msgid": "wf-8842",
            "globalButtons": [{"type": "text", "title": "Show list"}],
            "items": [
                {
                    "title": "Repairs",
                    "subtitle": "",
                    "options": [
                        {"type": "text", "title": "Phone", "description": "From 1 day", "postbackText": "phone"},
                        {"type": "text", "title": "Laptop", "description": "From 3 days", "postbackText": "2"},
                    ],
                },
                {
                    "title": "Other", "subtitle": "",
                    "options": [{"type": "text", "title": "Delivery", "postbackText": "3"}],
                },
            ],
        },
    ),
    (
        menu(),
        {
            "type": "list",
            "body": "What do you need?",
            "globalButtons": [{"type": "text", "title": "Show list"}],
            "items": [{"subtitle": "", "options": [{"type": "text", "title": "Phone", "postbackText": "1"}]}],
        },
    ),
    (
        File("image", URL, "Photo 1"),
        {"type": "image", "originalUrl": URL, "previewUrl": URL, "caption": "Photo 1"},
    ),
    (File("image", URL), {"type": "image", "originalUrl": URL, "previewUrl": URL}),
    (File("video", URL, "Tour"), {"type": "video", "url": URL, "caption": "Tour"}),
    (File("audio", URL, "dropped"), {"type": "audio", "url": URL}),
    (
        File("document", "https://example.org/x", "Invoice", "Invoice-512.pdf"),
        {"type": "file", "url": "https://example.org/x", "filename": "Invoice-512.pdf", "caption": "Invoice"},
    ),
    (
        File("document", "https://example.org/d/%D0%90%D0%BA%D1%82%20512.pdf?sign=1"),
        {"type": "file", "url": "https://example.org/d/%D0%90%D0%BA%D1%82%20512.pdf?sign=1", "filename": "Акт 512.pdf"},
    ),
    (File("document", "https://example.org"), {"type": "file", "url": "https://example.org", "filename": "file"}),
    (
        Contact(
            "Olga Petrova", (Phone("+79001234567", "79001234567"), Phone("+74951234567")), "Olga", "Petrova",
            ("olga@example.org",), "Example", "Sales", "Manager", ("https://example.org",),
        ),
        {
            "type": "contact",
            "contact": {
                "name": {"firstName": "Olga", "lastName": "Petrova", "formattedName": "Olga Petrova"},
                "phones": [
                    {"phone": "+79001234567", "type": "WORK", "wa_id": "79001234567"},
                    {"phone": "+74951234567", "type": "WORK"},
                ],
                "emails": [{"email": "olga@example.org", "type": "WORK"}],
                "org": {"company": "Example", "department": "Sales", "title": "Manager"},
                "urls": [{"url": "https://example.org", "type": "WORK"}],
            },
        },
    ),
    (
        Contact("Olga", (Phone("+79001234567"),)),
        {
            "type": "contact",
            "contact": {
                "name": {"firstName": "Olga", "formattedName": "Olga"},
                "phones": [{"phone": "+79001234567", "type": "WORK"}],
            },
        },
    ),
    (
        Location(54.9885, 73.3686, "Office", "Lenina 1, Omsk"),
        {"type": "location", "longitude": 73.3686, "latitude": 54.9885, "name": "Office", "address": "Lenina 1, Omsk"},
    ),
    (Location(-90, 180), {"type": "location", "longitude": 180, "latitude": -90}),
]  # fmt: skip


@pytest.mark.parametrize(("message", "expected"), SESSION)
def test_a_session_message_is_one_json_field(message: Message, expected: dict[str, Any]) -> None:
    form = message.form()
    assert list(form) == ["message"]
    assert json.loads(form["message"]) == expected
    assert message.path == "/wa/api/v1/msg"
    assert message.is_session


def test_cyrillic_goes_out_as_it_is_and_half_a_surrogate_pair_does_not_break_the_request() -> None:
    assert Text("Да").form()["message"] == '{"type":"text","text":"Да","previewUrl":false}'
    Text("a\ud83d b\ud83d\ude00").form()["message"].encode()
    assert json.loads(Text("b\ud83d\ude00").form()["message"])["text"] == "b😀"


TEMPLATES = [
    (Template(ID, ("Olga", "512")), {"template": {"id": ID, "params": ["Olga", "512"]}}),
    (Template(ID), {"template": {"id": ID, "params": []}}),
    (
        Template(ID, header=MediaHeader("image", URL)),
        {"template": {"id": ID, "params": []}, "message": {"type": "image", "image": {"link": URL}}},
    ),
    (
        Template(ID, header=MediaHeader("video", id="42")),
        {"template": {"id": ID, "params": []}, "message": {"type": "video", "video": {"id": "42"}}},
    ),
    (
        Template(ID, header=MediaHeader("document", URL, file_name="Act-512.pdf")),
        {
            "template": {"id": ID, "params": []},
            "message": {"type": "document", "document": {"link": URL, "filename": "Act-512.pdf"}},
        },
    ),
    (
        Template(ID, header=MediaHeader("document", "https://example.org/Act.pdf")),
        {
            "template": {"id": ID, "params": []},
            "message": {"type": "document", "document": {"link": "https://example.org/Act.pdf", "filename": "Act.pdf"}},
        },
    ),
    (
        Template(ID, header=MediaHeader("document", id="42")),
        {"template": {"id": ID, "params": []}, "message": {"type": "document", "document": {"id": "42"}}},
    ),
    (
        Template(ID, header=MediaHeader("gif", "https://example.org/a.mp4")),
        {
            "template": {"id": ID, "params": []},
            "message": {"type": "gif", "gif": {"link": "https://example.org/a.mp4"}},
        },
    ),
    (
        Template(ID, header=Location(54.98, 73.36, "Office", "Lenina 1")),
        {
            "template": {"id": ID, "params": []},
            "message": {
                "type": "location",
                "location": {"longitude": 73.36, "latitude": 54.98, "name": "Office", "address": "Lenina 1"},
            },
        },
    ),
    (
        Template(ID, postbacks=("wf-91:confirm", "", "wf-91:no")),
        {
            "template": {"id": ID, "params": []},
            "postbackTexts": [{"index": 0, "text": "wf-91:confirm"}, {"index": 2, "text": "wf-91:no"}],
        },
    ),
    (Template(ID, postbacks=("",)), {"template": {"id": ID, "params": []}}),
]


@pytest.mark.parametrize(("message", "expected"), TEMPLATES)
def test_a_template_has_its_own_fields_and_path(message: Template, expected: dict[str, Any]) -> None:
    assert {name: json.loads(value) for name, value in message.form().items()} == expected
    assert message.path == "/wa/api/v1/template/msg"
    assert not message.is_session


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Olga", "Olga"),
        ("  Olga\n", "Olga"),
        ("Lenina 1\r\nOmsk", "Lenina 1 Omsk"),
        ("a\tb", "a b"),
        ("a \n\n \t b", "a b"),
        ("a    b", "a    b"),
        ("a     b", "a b"),
        ("a\u2028b\x0bc", "a b c"),
        ("12\u00a0480\u00a0₽", "12\u00a0480\u00a0₽"),
        ("a\x00b", "ab"),
        ("\n \t", ""),
    ],
)
def test_white_space_in_values_is_collapsed_where_whatsapp_refuses_it(raw: str, clean: str) -> None:
    assert clean_param(raw) == clean
    if clean:
        assert Template(ID, (raw,)).params == (clean,)


@given(st.text())
def test_a_cleaned_value_is_one_line_and_stays_clean(raw: str) -> None:
    clean = clean_param(raw)
    assert not re.search(r"[\n\r\t]| {5}", clean)
    assert clean_param(clean) == clean


def test_a_megabyte_of_spaces_is_cleaned_at_once() -> None:
    assert clean_param("a" + " " * 1_000_000 + "b") == "a b"


def test_a_caption_on_audio_is_dropped_and_said_so() -> None:
    assert File("audio", URL, "x" * 5000).caption_dropped
    assert not File("audio", URL).caption_dropped
    assert not File("image", URL, "x").caption_dropped


def test_a_message_can_be_given_its_correlation_id_later() -> None:
    message = dataclasses.replace(QuickReply("x", (Button("a"),)), msgid="run-1")
    assert json.loads(message.form()["message"])["msgid"] == "run-1"


def test_kinds_tell_messages_apart() -> None:
    kinds = [kind.kind for kind in (Text, Template, QuickReply, ListMenu, File, Contact, Location)]
    assert kinds == ["text", "template", "buttons", "list", "file", "contact", "location"]


def test_lists_are_taken_for_tuples() -> None:
    message = QuickReply("x", [Button("a")])  # type: ignore[arg-type]
    assert message == QuickReply("x", (Button("a"),))
    assert hash(Template(ID, ["a"])) == hash(Template(ID, ("a",)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content_type", "media"),
    [
        ("image/jpeg", "image"), ("IMAGE/PNG", "image"), ("image/webp", "document"), ("image/heic", "document"),
        ("video/mp4", "video"), ("video/quicktime", "document"), ("audio/ogg; codecs=opus", "audio"),
        ("application/pdf", "document"), ("", "document"),
    ],
)  # fmt: skip
def test_a_file_goes_as_what_whatsapp_can_show(content_type: str, media: str) -> None:
    assert media_of(content_type) == media
