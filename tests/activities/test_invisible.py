"""Texts of invisible characters only: a client would see nothing, so they are empty."""

from typing import Any

import pytest

from activities.base import Plan
from gupshup.reading import is_blank
from gupshup.templates import TemplateButton, TemplateInfo
from tests.activities.desk import FakeDesk, planned, refusal, sent

INVISIBLE = [
    "\u200b",
    "\u00ad",
    "\u2060",
    " \ufeff\u200d\n",
    "\u200e\u200f",
    "\u3164",
    "\u2800",
    "\U000e0020",
    "\ufe0f",
]
PROMO = TemplateInfo(
    "t", "promo", "ru", "APPROVED", "MARKETING", "TEXT", body="{{1}}", body_vars=("1",),
    buttons=(TemplateButton("URL", "Сайт", "https://a.org/{{1}}", has_variable=True),),
)  # fmt: skip
DESK = FakeDesk(templates={"promo": PROMO})
UNLISTED = FakeDesk(is_listed=False)
FILLED = {"template": "promo", "params": ["a"], "button_params": ["b"]}


@pytest.mark.parametrize(
    ("action", "desk", "raw", "code"),
    [
        ("send_template", DESK, {**FILLED, "params": ["X"]}, "template_params"),
        ("send_template", DESK, {**FILLED, "params": ["[1] X"]}, "template_params"),
        ("send_template", DESK, {**FILLED, "params": ["X"], "if_empty": "X"}, "template_params"),
        ("send_template", DESK, {**FILLED, "button_params": ["X"]}, "template_params"),
        ("send_template", DESK, {**FILLED, "template": "X"}, "value_missing"),
        ("send_template", UNLISTED, {**FILLED, "params": ["X"]}, "template_params"),
        ("send_text", DESK, {"text": "X"}, "value_missing"),
        ("send_text", DESK, {"text": ["X"]}, "value_missing"),
        ("send_text", DESK, {"text": "[template=ru]promo[/template][body]X[/body][buttons=url]b[/buttons]"}, "template_params"),
        ("send_buttons", DESK, {"text": "X", "buttons": ["a"]}, "value_missing"),
        ("send_buttons", DESK, {"text": "a", "buttons": ["X"]}, "buttons_invalid"),
        ("send_buttons", DESK, {"text": "a", "buttons": ["X|yes"]}, "buttons_invalid"),
        ("send_list", DESK, {"text": "a", "button": "X", "items": "a"}, "value_missing"),
        ("send_list", DESK, {"text": "a", "button": "b", "items": "X|a"}, "list_invalid"),
        ("send_list", DESK, {"text": "a", "button": "b", "items": "# X\na\n# B\nb"}, "list_invalid"),
        ("send_file", DESK, {"file": "X"}, "value_missing"),
        ("wait_reply", DESK, {"phone": "X"}, "value_missing"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("invisible", INVISIBLE)
def test_an_invisible_value_is_missing(
    action: str, desk: FakeDesk, raw: dict[str, Any], code: str, invisible: str
) -> None:
    put = {
        name: [one.replace("X", invisible) for one in value]
        if isinstance(value, list)
        else value.replace("X", invisible)
        for name, value in raw.items()
    }
    assert refusal(action, desk, **put).code == code


@pytest.mark.parametrize("invisible", INVISIBLE)
def test_an_invisible_variable_is_replaced_as_an_empty_one(invisible: str) -> None:
    form = sent("send_template", DESK, **{**FILLED, "params": [invisible], "if_empty": "друг"})
    assert form["template"]["params"] == ["друг", "b"]


@pytest.mark.parametrize("invisible", INVISIBLE)
def test_an_invisible_extra_is_left_out(invisible: str) -> None:
    form = sent("send_buttons", text="a", buttons=["b"], header=invisible, footer=invisible)
    assert form["message"]["content"] == {"type": "text", "text": "a"}
    assert planned("wait_reply", accept=[invisible, "Да"]).accept == planned("wait_reply", accept=["Да"]).accept
    assert isinstance(planned("send_text", text=f"a{invisible}"), Plan)


@pytest.mark.parametrize("text", ["a", "\u200ba", "👍", "👨\u200d👩", "❤️", "·", "0", "\u0301", "ا"])
def test_what_has_a_picture_is_not_blank(text: str) -> None:
    assert not is_blank(text)
