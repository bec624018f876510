"""What the check of a settings page says about values: what a run of the same values would refuse."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import fields
from marshmallow.validate import OneOf, Range
from sqlalchemy import select

from activities import ACTIVITIES
from activities.base import Action, SendAction
from bx24.i18n import Text
from bx24.properties import Properties, WholeNumber, YesNo
from gupshup import messages
from messaging.store.models import Portal
from tests.flows.scenes import ONE_DATABASE, ending, open_windows
from tests.support.world import World
from tests.web.settings_page import GOOD, SIDES, check, headers, holds, opened, places
from web.settings import check as settings_check

#: Action, what is changed in GOOD, and the problems: (field, code, entry).
WRONG: list[tuple[str, dict[str, Any], list[tuple[str, str, int | None]]]] = [
    ("send_text", {"text": " "}, [("text", "value_missing", None)]),
    ("send_text", {"text": "ы" * 4097}, [("text", "text_too_long", None)]),
    ("send_text", {"text": "[template=ru]welcome[/template"}, [("text", "value_invalid", None)]),
    ("send_text", {"text": "[template=ru]gone[/template]"}, [("text", "template_not_found", None)]),
    ("send_text", {"line": "Опт"}, [("line", "line_not_found", None)]),
    ("send_text", {"phone": "12345"}, [("phone", "invalid_phone", None)]),
    ("send_text", {"until": "later"}, [("until", "value_invalid", None)]),
    ("send_text", {"wait_minutes": "50000"}, [("wait_minutes", "value_invalid", None)]),
    ("send_text", {"if_closed": "template"}, [("fallback_template", "value_missing", None)]),
    ("send_text", {"if_closed": "?", "quiet": "?"}, [("if_closed", "value_invalid", None), ("quiet", "value_invalid", None)]),
    ("send_template", {"template": ""}, [("template", "value_missing", None)]),
    ("send_template", {"template": "gone"}, [("template", "template_not_found", None)]),
    ("send_template", {"template": "welcome", "params": []}, [("language", "template_ambiguous", None)]),
    ("send_template", {"params": ["[1]Анна", "[2]"]}, [("params", "template_params", 2)]),
    ("send_template", {"params": []}, [("params", "template_params", 1), ("params", "template_params", 2)]),
    ("send_template", {"params": ["a", "b", "c"]}, [("params", "template_params", None)]),
    ("send_template", {"params": ["[1]a", "[1]b"]}, [("params", "template_params", None)]),
    ("send_buttons", {"buttons": []}, [("buttons", "value_missing", None)]),
    ("send_buttons", {"buttons": ["Да", "Да"]}, [("buttons", "buttons_invalid", 2)]),
    ("send_buttons", {"buttons": ["ы" * 21, "ъ" * 22]}, [("buttons", "text_too_long", 1), ("buttons", "text_too_long", 2)]),
    ("send_buttons", {"buttons": list("abcd")}, [("buttons", "buttons_invalid", None)]),
    (
        "send_buttons",
        {"header": "ы" * 61, "text": "ы" * 1025, "footer": "ы" * 61, "buttons": ["a|b|c"]},
        [("header", "text_too_long", None), ("text", "text_too_long", None), ("footer", "text_too_long", None),
         ("buttons", "buttons_invalid", 1)],
    ),
    ("send_list", {"items": "\n".join(map(str, range(11)))}, [("items", "list_invalid", None)]),
    ("send_list", {"items": "ы" * 25}, [("items", "text_too_long", 1)]),
    ("send_list", {"button": "ы" * 21, "text": ""}, [("text", "value_missing", None), ("button", "text_too_long", None)]),
    ("send_file", {"file": "какой-то файл"}, [("file", "value_invalid", None)]),
    ("send_contact", {"contact": "Иванов"}, [("contact", "contact_not_found", None)]),
    ("send_contact", {"contact_email": "anna"}, [("contact_email", "value_invalid", None)]),
    ("send_contact", {"contact_name": "", "contact_phone": ""}, [("contact", "value_missing", None)]),
    ("send_contact", {"contact_phone": ""}, [("contact_phone", "value_missing", None)]),
    ("send_location", {"latitude": "155"}, [("latitude", "value_invalid", None)]),
    (
        "send_location",
        {"latitude": "x", "longitude": ""},
        [("latitude", "value_invalid", None), ("longitude", "value_missing", None)],
    ),
    ("send_location", {"latitude": "55.75, 37.61", "longitude": "1"}, [("longitude", "value_invalid", None)]),
    ("wait_reply", {"wait_minutes": "0"}, [("wait_minutes", "value_invalid", None)]),
    ("wait_delivery", {"message": ""}, [("message", "value_missing", None)]),
    ("check_window", {"phone": "x"}, [("phone", "invalid_phone", None)]),
]  # fmt: skip


@ONE_DATABASE
def test_the_check_says_what_a_run_of_the_same_values_would_refuse(shop: World) -> None:
    page = opened(shop)
    shop.app.get("/settings/templates", headers=headers(page))
    open_windows(shop)
    asked = len(shop.net.seen)
    for action, values in GOOD.items():
        assert check(shop, page, action, values)["problems"] == [], action
    found = [check(shop, page, action, {**GOOD[action], **changes}) for action, changes, _ in WRONG]
    assert [places(answer) for answer in found] == [wanted for _, _, wanted in WRONG]
    assert len(shop.net.seen) == asked, "nobody was asked"
    flows = [shop.robots_start((f"robot.{action}", {**GOOD[action], **changes})) for action, changes, _ in WRONG]
    shop.advance_clock(20)
    refused = [ending(flow)[1] for flow in flows]
    assert [(code in {one[1] for one in wanted}) for code, (_, _, wanted) in zip(refused, WRONG, strict=True)] == [
        True
    ] * len(WRONG), refused


@ONE_DATABASE
def test_what_the_card_will_fill_in_is_never_called_wrong(shop: World) -> None:
    page = opened(shop)
    shop.app.get("/settings/templates", headers=headers(page))
    for action in GOOD:
        for side in SIDES if action in ACTIVITIES else ("robots",):
            codes = {one["code"]: one for one in holds(opened(shop, f"/{side}/{action}"))["properties"]}
            filled = {
                code: [f"{{=Document:{code}}}"] if one["multiple"] else f"{{=Document:{code}}}"
                for code, one in codes.items()
            }
            assert check(shop, page, action, filled, side)["problems"] == [], (side, action)
    mixed = {"text": "ы" * 4096 + "{=Document:A}"}
    assert places(check(shop, page, "send_text", mixed)) == [("text", "text_too_long", None)]
    buttons = {"text": "?", "buttons": ["{=Document:A}", "{=Document:B}", "ы" * 21]}
    assert places(check(shop, page, "send_buttons", buttons)) == [("buttons", "text_too_long", 3)]
    assert places(check(shop, page, "send_text", {"text": "x"}, "activities")) == [("phone", "value_missing", None)]


@ONE_DATABASE
@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"fallback_params": ["Анна", "512"]}, []),
        ({"fallback_params": ["Анна"]}, [("fallback_params", "template_params", 2)]),
        (
            {"fallback_params": []},
            [("fallback_params", "template_params", 1), ("fallback_params", "template_params", 2)],
        ),
        ({"fallback_template": "gone"}, [("fallback_template", "template_not_found", None)]),
        ({"fallback_template": "welcome"}, [("fallback_template", "template_ambiguous", None)]),
        ({"fallback_template": "{=Document:T}"}, []),
        ({"text": "", "fallback_params": ["Анна", "{=Document:A}"]}, [("text", "value_missing", None)]),
        ({"if_closed": "wait", "fallback_template": "gone"}, []),
    ],
)
def test_the_template_that_goes_instead_is_checked_as_well(
    shop: World, changes: dict[str, Any], wanted: list[tuple[str, str, int | None]]
) -> None:
    page = opened(shop)
    shop.app.get("/settings/templates", headers=headers(page))
    values = {"text": "Привет", "if_closed": "template", "fallback_template": "order_ready", **changes}
    assert places(check(shop, page, "send_text", values)) == wanted


def titled(title: str) -> dict[str, Text]:
    return {"title": Text(title, title)}


class SendPoll(SendAction):
    """An action that the settings page has never heard of."""

    name = "send_poll"
    title = description = Text("Poll", "Опрос")

    class Content(Properties):
        question = fields.String(required=True, metadata=titled("Question"))
        answers = fields.List(fields.String(), required=True, metadata=titled("Answers"))
        votes = WholeNumber(required=True, validate=Range(2, 5), metadata=titled("Votes"))
        is_open = YesNo(load_default=False, metadata=titled("Open"))
        colours = fields.List(
            fields.String(validate=OneOf(["red", "blue"])), load_default=list, metadata=titled("Colours")
        )

    def message(self, values: Any, desk: Any) -> messages.Message:
        return messages.Text(values["question"])


@ONE_DATABASE
@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, []),
        ({"question": "", "answers": []}, [("question", "value_missing"), ("answers", "value_missing")]),
        ({"question": "x" * 4097, "is_open": "?"}, [("question", "text_too_long"), ("is_open", "value_invalid")]),
        ({"votes": "9"}, [("votes", "value_invalid")]),
        ({"votes": "{=Document:N}", "is_open": "{=Document:Y}"}, []),
        ({"answers": ["{=Document:A}"], "colours": ["red", "{=Document:C}"]}, []),
        ({"colours": ["green"]}, [("colours", "value_invalid")]),
    ],
)
def test_an_action_that_the_page_does_not_know_is_checked(
    shop: World, changes: dict[str, Any], wanted: list[tuple[str, str]]
) -> None:
    action: Action = SendPoll()
    values = {"phone": "+79161234567", "question": "?", "answers": ["a"], "votes": "3", **changes}
    with shop.runtime.db.read() as session:
        found = settings_check.problems(shop.runtime, session.scalars(select(Portal)).one(), "robots", action, values)
    assert [(one.field, one.code) for one in found] == wanted


@ONE_DATABASE
def test_the_check_speaks_the_viewers_language(shop: World) -> None:
    said = {}
    for lang in ("ru", "en"):
        said[lang] = check(shop, opened(shop, lang=lang), "send_buttons", {"text": "", "buttons": ["a", "a"]})
    assert said["ru"]["heading"] == "Исправьте 2 поля, иначе робот завершится с ошибкой"
    assert said["en"]["heading"] == "Correct 2 fields, otherwise the robot will fail"
    assert said["ru"]["problems"][1]["text"] == "Две кнопки называются «a». Дайте им разные названия."
    assert said["en"]["problems"][1]["text"] == 'Two buttons are called "a". Give them different titles.'
