"""Pauses between tries: they double, and stop growing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from messaging.limits.backoff import backoff_s


@pytest.mark.parametrize(
    ("tries", "most", "first", "wait_s"),
    [
        (1, 60, 1, 1),
        (2, 60, 1, 2),
        (6, 60, 1, 32),
        (7, 60, 1, 60),
        (8, 60, 1, 60),
        (2, 600, 10, 20),
        (7, 600, 10, 600),
        (1, 5, 10, 5),
        (0, 60, 1, 1),
        (-3, 60, 1, 1),
        (1_000_000, 600, 6, 600),
    ],
)
def test_the_pause_doubles_with_each_try_up_to_the_limit(tries: int, most: float, first: float, wait_s: float) -> None:
    assert backoff_s(tries, most, first) == wait_s


def test_the_pause_can_be_added_to_a_moment_however_often_it_was_tried() -> None:
    start = datetime(2026, 11, 28, tzinfo=UTC)
    assert start + timedelta(seconds=backoff_s(10**9, 3600.0)) == start + timedelta(hours=1)
