"""A portal that is slow rests, longer each time; others do not notice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from messaging.limits.bounds import SLOW_REST_PAUSE_S, SLOW_REST_S
from messaging.limits.slow_portals import SlowPortals

SLOW, OTHER = 1, 2
HANGS = SLOW_REST_S + 1


class Clock:
    now = datetime(2026, 11, 29, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("exchanges", "pauses"),
    [
        ([SLOW_REST_S], [0]),
        ([HANGS, HANGS, HANGS], [5, 10, 20]),
        ([HANGS] * 6, [5, 10, 20, 40, SLOW_REST_PAUSE_S, SLOW_REST_PAUSE_S]),
        ([HANGS, HANGS, 0.1, HANGS], [5, 10, 0, 5]),
    ],
    ids=["in-time", "doubles", "at-most-a-minute", "well-again"],
)
def test_the_pause_grows_until_the_portal_is_quick_again(exchanges: list[float], pauses: list[float]) -> None:
    clock = Clock()
    portals = SlowPortals(clock)
    found = []
    for seconds in exchanges:
        portals.took(SLOW, seconds)
        found.append(portals.pause_s(SLOW))
        clock.wait(found[-1])
    assert found == pauses
    assert portals.pause_s(OTHER) == 0


def test_what_was_asked_before_the_pause_neither_ends_nor_lengthens_it() -> None:
    clock = Clock()
    portals = SlowPortals(clock)
    assert portals.took(SLOW, HANGS)
    clock.wait(1)
    assert not portals.took(SLOW, HANGS)
    assert not portals.took(SLOW, 0.1)
    assert portals.pause_s(SLOW) == SLOW_REST_S - 1
