"""The window: open until when, and for how many minutes."""

from datetime import datetime, timedelta

import pytest

from tests.activities.desk import NOW, FakeDesk, content, ending, planned, refusal, results

EXAMPLE: dict[str, str] = {}
CLOSED = {"window_open": "N", "window_until": "", "minutes_left": 0}


def opened(until: datetime, minutes: int) -> dict[str, object]:
    return {"window_open": "Y", "window_until": until.isoformat(timespec="seconds"), "minutes_left": minutes}


def test_its_fields() -> None:
    assert content("check_window") == ending("check_window") == []


@pytest.mark.parametrize(
    ("until", "values"),
    [
        (None, CLOSED),
        (NOW, CLOSED),
        (NOW - timedelta(seconds=1), CLOSED),
        (NOW + timedelta(seconds=1), opened(NOW + timedelta(seconds=1), 0)),
        (NOW + timedelta(seconds=60), opened(NOW + timedelta(seconds=60), 1)),
        (NOW + timedelta(hours=23, minutes=59), opened(NOW + timedelta(hours=23, minutes=59), 1439)),
    ],
)
def test_what_is_answered(until: datetime | None, values: dict[str, object]) -> None:
    plan = planned("check_window", FakeDesk(until=until))
    assert plan.values == values
    assert plan.message is None


def test_the_moment_has_a_zone() -> None:
    plan = planned("check_window", FakeDesk(until=NOW + timedelta(hours=1, microseconds=5)))
    assert plan.values is not None
    assert plan.values["window_until"] == "2026-08-03T13:00:00+00:00"


def test_minutes_are_a_number_for_conditions() -> None:
    assert results("check_window") == [
        "status string", "error_code string", "error_text string",
        "window_open string", "window_until string", "minutes_left int",
    ]  # fmt: skip


def test_without_a_phone_it_fails() -> None:
    assert refusal("check_window", phone="").code == "value_missing"
