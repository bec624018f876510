"""Waiting for a reply sends nothing and says what counts."""

from datetime import timedelta
from typing import Any

import pytest

from activities.base import Plan
from tests.activities.desk import content, ending, planned, refusal, results

EXAMPLE = {"accept": ["Да"]}


def test_its_fields() -> None:
    assert content("wait_reply") == ["accept string*"]
    assert ending("wait_reply") == ["wait_minutes int"]


def test_any_answer_for_a_day_by_default() -> None:
    assert planned("wait_reply") == Plan(until="replied", wait=timedelta(days=1))


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (["Да", " yes ", "", "1"], ("Да", "yes", "1")),
        ({"0": "Да", "1": "Нет"}, ("Да", "Нет")),
        ("Да", ("Да",)),
        (["", " "], ()),
        (None, ()),
    ],
)
def test_answers_that_count(accept: Any, wanted: tuple[str, ...]) -> None:
    assert planned("wait_reply", accept=accept).accept == wanted


@pytest.mark.parametrize(("minutes", "wait"), [("1", 1), ("43200", 43200), ("1 440", 1440), ("60.0", 60), ("", 1440)])
def test_minutes_to_wait(minutes: str, wait: int) -> None:
    assert planned("wait_reply", wait_minutes=minutes).wait == timedelta(minutes=wait)


@pytest.mark.parametrize("minutes", ["0", "43201", "-1", "1.5", "день"])
def test_minutes_out_of_range_are_refused(minutes: str) -> None:
    error = refusal("wait_reply", wait_minutes=minutes)
    assert (error.code, "от 1 до 43200" in error.text.ru) == ("value_invalid", True)


def test_its_results_are_outcome_and_reply() -> None:
    assert results("wait_reply") == [
        "status string", "error_code string", "error_text string", "reply_type string", "reply_text string",
        "reply_id string", "reply_file string", "reply_from string",
    ]  # fmt: skip
