"""Robots and activities as they are registered: codes, types, what is required, in the order of the card; and wording."""

import re
from typing import Any

import pytest

from activities import ACTIVITIES, Person
from activities.base import Action
from bx24.i18n import Text
from bx24.properties import MAX_SERIALIZED_BYTES, describe, serialized_size
from robots import ROBOTS, Client

NAMES = [
    "send_text", "send_template", "send_buttons", "send_list", "send_file", "send_contact", "send_location", "wait_reply",
    "check_window",
]  # fmt: skip
#: Code, type; "!" for required, "*" for multiple.
CONTENT: dict[str, list[str]] = {
    "send_text": ["text text!"],
    "send_template": [
        "template string!", "language string", "params string*", "header string", "button_params string*", "if_empty string",
    ],
    "send_buttons": ["header string", "text string!", "footer string", "buttons string!*"],
    "send_list": ["header string", "text string!", "footer string", "button string!", "items text!"],
    "send_file": ["file string!", "kind select", "caption text", "file_name string"],
    "send_contact": [
        "contact string", "contact_name string", "contact_phone string", "contact_email string", "contact_company string",
    ],
    "send_location": ["latitude double!", "longitude double!", "place string", "address string"],
    "wait_reply": ["accept string*"],
    "check_window": [],
}  # fmt: skip
ENDING = {"wait_reply": ["wait_minutes int"], "check_window": []}
STATUS = ["status string", "error_code string", "error_text string"]
SENDS = [f"{code} string" for code in ("message_id", "sent_to", "sent_at", "delivered_at", "read_at")]
REPLY = [f"reply_{code} string" for code in ("type", "text", "id", "file", "from")]
RESULTS = {
    "wait_reply": STATUS + REPLY,
    "check_window": [*STATUS, "window_open string", "window_until string", "minutes_left int"],
}


def short(described: dict[str, dict[str, Any]]) -> list[str]:
    return [
        f"{code} {entry['Type']}{'!' * (entry['Required'] == 'Y')}{'*' * (entry['Multiple'] == 'Y')}"
        for code, entry in described.items()
    ]


def test_all_nine_are_on_both_sides() -> None:
    assert sorted(ROBOTS) == sorted(ACTIVITIES) == sorted(NAMES)
    assert list(ACTIVITIES) == NAMES
    assert all(action.name == name for name, action in ACTIVITIES.items())
    assert all(action is ACTIVITIES[name] for name, (action, _) in ROBOTS.items())


@pytest.mark.parametrize("name", NAMES)
def test_properties_of_the_activity(name: str) -> None:
    schema = ACTIVITIES[name].schema(Person)
    ending = ENDING.get(name, ["until select", "wait_minutes int"])
    assert short(describe(schema, options={"line": {}})) == ["line select", "phone string!", *CONTENT[name], *ending]


@pytest.mark.parametrize("name", NAMES)
def test_properties_of_the_robot(name: str) -> None:
    schema = ROBOTS[name][0].schema(Client)
    ending = ENDING.get(name, ["until select", "wait_minutes int"])
    assert short(describe(schema, options={"line": {}})) == ["line select", "phone string", *CONTENT[name], *ending]


@pytest.mark.parametrize("name", NAMES)
def test_results(name: str) -> None:
    action = ACTIVITIES[name]
    assert short(action.return_properties(action.schema(Person))) == RESULTS.get(name, STATUS + SENDS + REPLY)


def test_options_and_defaults() -> None:
    described = describe(ACTIVITIES["send_file"].schema(Person), lang="ru", options={"line": {}})
    assert described["kind"]["Options"] == {
        "auto": "по содержимому", "image": "изображение", "video": "видео", "audio": "аудио", "document": "документ",
    }  # fmt: skip
    assert described["kind"]["Default"] == "auto"
    assert list(described["until"]["Options"]) == ["accepted", "sent", "delivered", "read", "replied"]
    assert (described["until"]["Default"], described["wait_minutes"]["Default"]) == ("accepted", "1440")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("side", [Person, Client])
def test_they_fit_into_bitrix24(name: str, side: Any) -> None:
    described = describe(ACTIVITIES[name].schema(side), lang="ru", options={"line": {"1": "x" * 60}})
    assert serialized_size(described) < MAX_SERIALIZED_BYTES / 4


def wordings(action: Action, title: Text) -> list[tuple[str, Text]]:
    schema = action.schema(Client)
    texts = [("title", title), ("title", action.title), ("description", action.description)]
    for field in schema.fields.values():
        texts += [(key, field.metadata[key]) for key in ("title", "hint") if key in field.metadata]
    return texts + [("result", entry if isinstance(entry, Text) else entry[0]) for entry in action.results.values()]


@pytest.mark.parametrize("name", NAMES)
def test_every_word_is_there_in_both_languages(name: str) -> None:
    for kind, text in wordings(*ROBOTS[name]):
        assert text.en.strip(), text
        assert text.ru.strip(), text
        assert not re.search("[А-Яа-яЁё]", text.en), text
        assert re.search("[А-Яа-яЁё]", text.ru), text
        assert not text.en.endswith("."), text
        assert len(text.ru) <= (60 if kind in ("title", "result") else 140), text


def test_wording_of_the_lists() -> None:
    assert [action.title.ru for action in ACTIVITIES.values()] == [
        "WhatsApp: текст", "WhatsApp: шаблон", "WhatsApp: кнопки", "WhatsApp: список", "WhatsApp: файл", "WhatsApp: контакт",
        "WhatsApp: геолокация", "WhatsApp: ждать ответ", "WhatsApp: открыто ли окно",
    ]  # fmt: skip
    assert [title.ru for _, title in ROBOTS.values()] == [
        "WhatsApp: шаблон клиенту", "WhatsApp: текст клиенту", "WhatsApp: кнопки клиенту", "WhatsApp: список клиенту",
        "WhatsApp: файл клиенту", "WhatsApp: контакт клиенту", "WhatsApp: геолокация клиенту",
        "WhatsApp: ждать ответ клиента", "WhatsApp: можно ли написать клиенту",
    ]  # fmt: skip
    assert len({title for _, title in ROBOTS.values()} | {action.title for action in ACTIVITIES.values()}) == 18
