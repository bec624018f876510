"""Fairness, in the small: the simulation of `make simulation` with twenty portals and two worker processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.fairness import Wish, explained, gini
from bench.simulation.installation import opened
from bench.simulation.outcome import Outcome, outcome_of
from bench.simulation.shops import Scale
from messaging.system import logs


@pytest.fixture(scope="module")
def outcome() -> Iterator[Outcome]:
    """A minute: one slow portal, two dead ones, one line answered 429, bursts on six lines."""
    logs.configure("text", "critical")
    with opened(Scale(portals=20, minutes=1, drains=2, per_s=1, bursts=2, burst=40)) as simulation:
        simulation.run()
        yield outcome_of(simulation)


def test_no_line_waits_more_than_its_pace_explains(outcome: Outcome) -> None:
    assert outcome.figures["messages"] > 100
    assert {"pace 1", "pace 10", "pace 80", "slow portal"} <= outcome.worst.keys()
    assert max(outcome.excess) < 1.0, outcome.worst


def test_slow_dead_and_throttled_neighbours_hold_up_nobody(outcome: Outcome) -> None:
    figures = outcome.figures
    assert figures["strict_refused"], "nobody was answered 429: this proves nothing"
    assert "dead portal" in outcome.worst
    assert figures["excess_p99_s"] < 0.5, outcome.worst
    assert figures["answer_p99_s"] < 2.0
    assert figures["rest_refused"] == 0
    assert not outcome.problems, "a line answered 429 sends all it has, once"


@pytest.mark.parametrize(
    ("wishes", "pace", "burst", "leaves"),
    [
        ([(0, 1), (0, 2), (0, 3)], 1, 2, [0, 0, 1]),
        ([(0, 1), (5, 2), (5, 3), (5, 4)], 1, 2, [0, 5, 5, 6]),
        ([(0, 1), (0, 1), (0, 2)], 10, 10, [0, 1, 0]),
        ([(0, 1)] * 12, 100, 100, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12]),
        ([(3, 1), (0, 2)], 1, 1, [3, 0]),
    ],
    ids=["its pace", "its burst comes back", "one client at a time", "one client's rate", "calls that are ready later"],
)
def test_what_a_line_explains(wishes: list[tuple[float, int]], pace: float, burst: int, leaves: list[float]) -> None:
    assert explained([Wish(*wish) for wish in wishes], pace, burst) == pytest.approx(leaves)


@pytest.mark.parametrize(("parts", "expected"), [([], 0), ([0, 0], 0), ([16] * 4, 0), ([64, 0, 0, 0], 0.75)])
def test_how_unevenly_shards_are_shared(parts: list[float], expected: float) -> None:
    assert gini(parts) == pytest.approx(expected)
