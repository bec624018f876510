"""When a drain's loop wakes, and when its next round begins: at once while it is idle, together under load."""

from __future__ import annotations

import pytest

from messaging.worker.waiting import GATHER_FROM, GATHER_S, LONG_GATHER_S, POLL_S, earliest, latest, wait_s

NOW, THREADS = 100.0, 64
HALF = THREADS // 2


@pytest.mark.parametrize(
    ("has_more", "due_at", "expected"),
    [
        (True, None, 0.0),
        (True, NOW + 10, 0.0),
        (False, None, POLL_S),
        (False, NOW + 10, POLL_S),
        (False, NOW + 0.2, 0.2),
        (False, NOW, 0.0),
        (False, NOW - 3, 0.0),
    ],
)
def test_the_loop_sleeps_until_the_next_moment_that_is_known_but_polls_the_database(
    has_more: bool, due_at: float | None, expected: float
) -> None:
    assert wait_s(has_more, due_at, NOW) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("in_flight", "expected"),
    [(0, 0.0), (HALF - 1, 0.0), (HALF, NOW + LONG_GATHER_S), (THREADS, NOW + LONG_GATHER_S)],
)
def test_rounds_keep_their_distance_from_half_the_threads_on(in_flight: int, expected: float) -> None:
    assert earliest(NOW, in_flight, THREADS) == expected


@pytest.mark.parametrize(
    ("not_before", "is_send", "in_flight", "expected"),
    [
        (0.0, False, 0, 0.0),
        (0.0, False, THREADS, 0.0),
        (0.0, True, GATHER_FROM - 1, 0.0),
        (0.0, True, GATHER_FROM, NOW + GATHER_S),
        (NOW + 1, True, GATHER_FROM, NOW + 1),
        (NOW + 1, False, THREADS, NOW + 1),
    ],
    ids=[
        "a wake-up",
        "a wake-up under load",
        "a lone send",
        "one send of many",
        "send, too early",
        "wake-up, too early",
    ],
)
def test_only_a_send_among_many_waits_for_others(
    not_before: float, is_send: bool, in_flight: int, expected: float
) -> None:
    assert latest(NOW, not_before, is_send, in_flight) == expected
