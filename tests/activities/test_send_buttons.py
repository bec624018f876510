"""Buttons: the entries `Title` and `Title|id`, every limit, the JSON for Gupshup, and what a tap means."""

from datetime import timedelta
from typing import Any

import pytest

from tests.activities.desk import content, planned, refusal, sent

EXAMPLE = {"text": "?", "buttons": ["Да|yes", "Нет"]}
ASK = {"text": "Подтвердите визит", "buttons": ["Да", "Нет"]}


def test_its_fields() -> None:
    assert content("send_buttons") == ["header string", "text string!", "footer string", "buttons string!*"]


def test_the_whole_message() -> None:
    assert sent("send_buttons", header="Визит", text="Подтвердите визит", footer="Ответьте за день",
                buttons=["Да|yes", " Нет | no ", "Позже"]) == {
        "message": {
            "type": "quick_reply",
            "msgid": "run-7",
            "content": {"type": "text", "header": "Визит", "text": "Подтвердите визит", "caption": "Ответьте за день"},
            "options": [
                {"type": "text", "title": "Да", "postbackText": "yes"},
                {"type": "text", "title": "Нет", "postbackText": "no"},
                {"type": "text", "title": "Позже", "postbackText": "3"},
            ],
        }
    }  # fmt: skip


def test_header_and_footer_may_be_left_out() -> None:
    assert sent("send_buttons", **ASK)["message"]["content"] == {"type": "text", "text": "Подтвердите визит"}


def test_a_tap_means_the_id_else_the_position() -> None:
    plan = planned("send_buttons", text="?", buttons=["Да|yes", "Нет", "Позже|"], until="replied", wait_minutes="30")
    assert plan.choices == (("yes", "Да"), ("2", "Нет"), ("3", "Позже"))
    assert (plan.until, plan.wait) == ("replied", timedelta(minutes=30))


@pytest.mark.parametrize(
    ("buttons", "titles"),
    [
        (["Да", "", "  ", "Нет"], ["Да", "Нет"]),
        ({"0": "Да", "2": "Нет", "1": ""}, ["Да", "Нет"]),
        ("Да", ["Да"]),
        (["Да\r\nНет\n\nПозже"], ["Да", "Нет", "Позже"]),
        (["a" * 20, "b|" + "i" * 256], ["a" * 20, "b"]),
        (["1", "2", "3"], ["1", "2", "3"]),
        (["Да", "да"], ["Да", "да"]),
    ],
)
def test_what_buttons_are_read_from(buttons: Any, titles: list[str]) -> None:
    options = sent("send_buttons", text="?", buttons=buttons)["message"]["options"]
    assert [option["title"] for option in options] == titles


@pytest.mark.parametrize(
    "raw",
    [{"text": "x" * 1024}, {"header": "x" * 60}, {"footer": "x" * 60}, {"header": " "}, {"text": "строка\nещё строка"}],
)
def test_inside_the_limits(raw: dict[str, str]) -> None:
    assert sent("send_buttons", **{**ASK, **raw})


@pytest.mark.parametrize(
    ("raw", "code", "words"),
    [
        ({"text": "x" * 1025}, "text_too_long", "1 025 знаков, можно 1 024"),
        ({"header": "x" * 61}, "text_too_long", "61 знак, можно 60"),
        ({"footer": "x" * 61}, "text_too_long", "61 знак, можно 60"),
        ({"text": ""}, "value_missing", "«Текст»"),
        ({"text": " \n "}, "value_missing", "«Текст»"),
        ({"buttons": []}, "value_missing", "«Кнопки»"),
        ({"buttons": ["", " "]}, "value_missing", "«Кнопки»"),
        ({"buttons": None}, "value_missing", "«Кнопки»"),
        ({"buttons": ["1", "2", "3", "4"]}, "buttons_invalid", "кнопок 4, можно от 1 до 3"),
        ({"buttons": ["Да", "x" * 21]}, "text_too_long", "название кнопки 2 — 21 знак, можно 20"),
        ({"buttons": ["Да", "Нет", "Да |other"]}, "buttons_invalid", "две кнопки называются «Да»"),
        ({"buttons": ["Да|1", "Нет|1"]}, "buttons_invalid", "id «1» встречается дважды"),
        ({"buttons": ["Да|2", "Нет"]}, "buttons_invalid", "id «2» встречается дважды"),
        ({"buttons": ["Да", "|no"]}, "buttons_invalid", "у кнопки 2 нет названия"),
        ({"buttons": ["Да", "Нет|no|x"]}, "buttons_invalid", "у кнопки 2 больше одной черты"),
        ({"buttons": ["Да|" + "i" * 257]}, "buttons_invalid", "id кнопки 1 — 257 знаков, можно 256"),
        ({"wait_minutes": "0"}, "value_invalid", "от 1 до 43200"),
        ({"wait_minutes": "43201"}, "value_invalid", "от 1 до 43200"),
        ({"until": "seen"}, "value_invalid", "accepted, sent, delivered, read, replied"),
    ],
)  # fmt: skip
def test_beyond_them_the_fault_is_named(raw: dict[str, Any], code: str, words: str) -> None:
    error = refusal("send_buttons", **{**ASK, **raw})
    assert error.code == code
    assert words in error.text.ru.replace("\u00a0", " ")
    assert error.text.en != error.text.ru
