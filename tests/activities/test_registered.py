"""What every robot and activity is registered with: recipient, content, ending, results, and its wording.

Which fields an action has itself is tested in the action's own module.
"""

import re
from typing import Any

import pytest

from activities import ACTIONS, ACTIVITIES, ROBOTS_ONLY, Person
from activities.base import Action, SendAction
from activities.session import SessionAction
from bx24.i18n import Text
from bx24.properties import MAX_SERIALIZED_BYTES, describe, serialized_size
from robots import ROBOTS, Client
from tests.activities.desk import content, ending, results, short

NAMES = list(ACTIONS)
SENDS = [name for name, action in ACTIONS.items() if isinstance(action, SendAction)]
#: The order and the wording people know in Bitrix24. A new action may stand anywhere among them.
ACTIVITY_TITLES = {
    "send_text": "WhatsApp: текст", "send_template": "WhatsApp: шаблон", "send_buttons": "WhatsApp: кнопки",
    "send_list": "WhatsApp: список", "send_file": "WhatsApp: файл", "send_contact": "WhatsApp: контакт",
    "send_location": "WhatsApp: геолокация", "wait_reply": "WhatsApp: ждать ответ",
    "wait_delivery": "WhatsApp: ждать доставку", "check_window": "WhatsApp: окно 24 часа открыто?",
}  # fmt: skip
ROBOT_TITLES = {
    "send_template": "WhatsApp: шаблон клиенту", "send_text": "WhatsApp: текст клиенту",
    "send_buttons": "WhatsApp: кнопки клиенту", "send_list": "WhatsApp: список клиенту",
    "send_file": "WhatsApp: файл клиенту", "send_contact": "WhatsApp: контакт клиенту",
    "send_location": "WhatsApp: геолокация клиенту", "wait_reply": "WhatsApp: ждать ответ клиента",
    "wait_delivery": "WhatsApp: ждать доставку сообщения", "check_window": "WhatsApp: окно 24 часа с клиентом открыто?",
    "close_chats": "WhatsApp: закрыть чаты с клиентом",
}  # fmt: skip


def test_every_action_is_on_both_sides() -> None:
    assert sorted(ROBOTS) == sorted(NAMES)
    assert sorted([*ACTIVITIES, *ROBOTS_ONLY]) == sorted(NAMES)
    assert all(action.name == name for name, action in ACTIVITIES.items())
    assert all(action is ACTIONS[name] for name, (action, _) in ROBOTS.items())


@pytest.mark.parametrize("name", ACTIVITIES)
def test_properties_of_the_activity(name: str) -> None:
    described = describe(ACTIVITIES[name].schema(Person), options={"line": {}})
    to_whom = ["line select", "phone string!"] if ACTIVITIES[name].is_addressed else []
    assert short(described) == [*to_whom, *content(name), *ending(name)]


@pytest.mark.parametrize("name", NAMES)
def test_properties_of_the_robot(name: str) -> None:
    described = describe(ROBOTS[name][0].schema(Client), options={"line": {}})
    to_whom = ["line select", "phone string"] if ACTIONS[name].is_addressed else []
    shown = ["timeline bool"] if name in SENDS else []
    assert short(described) == [*to_whom, *content(name), *ending(name), *shown]


@pytest.mark.parametrize("name", SENDS)
def test_ending_and_results_of_what_sends(name: str) -> None:
    if_closed = ["if_closed select", "fallback_template string", "fallback_params string*"]
    is_session = isinstance(ACTIONS[name], SessionAction)
    assert ending(name) == [
        "until select", "wait_minutes int", *(if_closed if is_session else []), "quiet select",
    ]  # fmt: skip
    assert results(name) == [
        "status string", "error_code string", "error_text string",
        "message_id string", "sent_to string", "sent_at string", "delivered_at string", "read_at string",
        "window_until string",
        "reply_type string", "reply_text string", "reply_id string", "reply_file string", "reply_from string",
    ]  # fmt: skip


def test_options_and_defaults() -> None:
    described = describe(ACTIVITIES["send_file"].schema(Person), lang="ru", options={"line": {}})
    assert described["kind"]["Options"] == {
        "auto": "определить автоматически", "image": "изображение", "video": "видео", "audio": "аудио",
        "document": "документ",
    }  # fmt: skip
    assert described["kind"]["Default"] == "auto"
    assert list(described["until"]["Options"]) == ["accepted", "sent", "delivered", "read", "replied"]
    assert (described["until"]["Default"], described["wait_minutes"]["Default"]) == ("accepted", "1440")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("side", [Person, Client])
def test_they_fit_into_bitrix24(name: str, side: Any) -> None:
    described = describe(ACTIONS[name].schema(side), lang="ru", options={"line": {"1": "x" * 60}})
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


def test_wording_and_order_of_the_lists() -> None:
    activities = {name: action.title.ru for name, action in ACTIVITIES.items() if name in ACTIVITY_TITLES}
    robots = {name: title.ru for name, (_, title) in ROBOTS.items() if name in ROBOT_TITLES}
    assert list(activities.items()) == list(ACTIVITY_TITLES.items())
    assert list(robots.items()) == list(ROBOT_TITLES.items())


def test_no_two_bear_the_same_title() -> None:
    titles = [title for _, title in ROBOTS.values()] + [action.title for action in ACTIVITIES.values()]
    assert len(set(titles)) == len(titles)
