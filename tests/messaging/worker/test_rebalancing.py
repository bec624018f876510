"""Which shards a busy drain gives away, to whom, and when: the rules, then two drains over real leases and a real Redis."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest
from sqlalchemy import select

from messaging.queue import leases
from messaging.runtime import Runtime
from messaging.store.models import Lease
from messaging.worker.rebalancing import GIVEN_S, MEASURE_S, Rebalancing, is_saturated, shards_to_give
from tests.support.world import World

THREADS = 16


@pytest.mark.parametrize(
    ("waited_s", "in_flight", "expected"),
    [(0.5, 0, False), (0.13, 0, False), (0.12, 0, True), (0.0, 0, True), (0.5, 11, False), (0.5, 12, True)],
)
def test_a_drain_is_saturated_by_time_or_by_threads(waited_s: float, in_flight: int, expected: bool) -> None:
    assert is_saturated(waited_s, 0.5, in_flight, THREADS) == expected


@pytest.mark.parametrize(
    ("loads", "others", "held", "expected"),
    [
        ({1: 50.0, 2: 50.0}, [0.0], 2, [1]),
        ({1: 60.0, 2: 40.0}, [0.0], 2, [2]),
        ({1: 90.0, 2: 5.0, 3: 5.0}, [0.0], 3, [2, 3]),
        ({1: 100.0}, [0.0], 1, []),
        ({1: 100.0}, [0.0], 9, []),
        ({1: 25.0, 2: 25.0, 3: 25.0, 4: 25.0}, [0.0, 0.0, 0.0], 4, [1, 2, 3]),
        ({1: 50.0, 2: 50.0}, [60.0], 2, []),
        ({1: 50.0, 2: 50.0}, [100.0], 2, []),
        ({1: 50.0, 2: 50.0}, [200.0], 2, []),
        ({1: 0.4, 2: 0.4}, [0.0], 1, []),
        ({}, [0.0], 3, []),
    ],
    ids=[
        "half of it",
        "what is too large stays",
        "the small ones around a large one",
        "a single shard is not divided",
        "nor if the others are idle",
        "only the average stays",
        "not worth it",
        "the same load",
        "less to do than the other",
        "the last shard is kept",
        "nothing to do",
    ],
)
def test_what_is_above_the_average_is_given_away(
    loads: dict[int, float], others: list[float], held: int, expected: list[int]
) -> None:
    assert shards_to_give(loads, others, held) == expected


@dataclass
class BusyDrain:
    """What rebalancing sees of a drain that has more to do than it can: two shards, every thread in use."""

    runtime: Runtime
    name: str = "busy"
    threads: int = THREADS
    held: dict[int, int] = field(default_factory=dict)
    flying: Counter[int] = field(default_factory=Counter)
    in_flight: int = THREADS
    crowded: bool = True


@dataclass
class Scene:
    """A busy drain with its shards 1 and 2, and the seconds its rebalancing counts."""

    world: World
    drain: BusyDrain
    seconds: float = 0.0

    def __post_init__(self) -> None:
        with self.world.runtime.db.write() as session:
            self.drain.held = leases.take(session, self.drain.name, {1, 2}, self.world.now)
        self.world.runtime.wakeups.begun(self.drain.name)
        self.rebalancing = Rebalancing(self.drain, lambda: self.seconds)

    def work(self, seconds: float = MEASURE_S) -> None:
        """Both shards have tasks, and the drain looks at its load when so much time has passed."""
        for shard in (1, 2):
            self.rebalancing.task_started(shard)
        self.seconds += seconds
        self.rebalancing.update()

    def owners(self) -> dict[int, str]:
        with self.world.runtime.db.read() as session:
            rows = session.execute(select(Lease.shard, Lease.owner).where(Lease.owner != ""))
            return {row.shard: row.owner for row in rows}

    @property
    def leaving(self) -> set[int]:
        return {shard for shard in (1, 2) if self.rebalancing.is_leaving(shard)}


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene(world, BusyDrain(world.runtime))


def test_a_shard_changes_hands_once_nothing_of_it_is_in_flight(scene: Scene) -> None:
    wakeups = scene.world.runtime.wakeups
    wakeups.alive("idle")
    scene.drain.flying = Counter({1: 3, 2: 3})
    scene.work()
    assert scene.leaving == {1}
    scene.work()
    assert scene.owners() == {1: "busy", 2: "busy"}, "its sends are on their way"

    scene.drain.flying = Counter({2: 3})
    scene.work()
    assert (scene.owners(), set(scene.drain.held)) == ({2: "busy"}, {2})
    assert (scene.leaving, scene.rebalancing.given_away) == (set(), {1})
    assert wakeups.listen("idle", 0.1) == ({1}, True), "offered to the drain with the least to do"


def test_what_was_given_away_may_be_taken_back_later_or_when_it_is_offered(scene: Scene) -> None:
    scene.world.runtime.wakeups.alive("idle")
    scene.work()
    scene.work()
    assert scene.rebalancing.given_away == {1}
    scene.rebalancing.offered({1})
    assert scene.rebalancing.given_away == set()


def test_after_a_while_it_is_like_any_other(scene: Scene) -> None:
    scene.world.runtime.wakeups.alive("idle")
    scene.work()
    scene.work()
    scene.seconds += GIVEN_S
    scene.rebalancing.update()
    assert scene.rebalancing.given_away == set()


@pytest.mark.parametrize("why", ["nothing waits", "threads are free", "too early", "alone"])
def test_nothing_is_given_away_if(why: str, scene: Scene) -> None:
    wakeups = scene.world.runtime.wakeups
    if why != "alone":
        wakeups.alive("idle")
    scene.drain.crowded = why != "nothing waits"
    if why == "threads are free":
        scene.drain.in_flight = 1
        scene.rebalancing.waited(MEASURE_S)
    scene.work(MEASURE_S / 2 if why == "too early" else MEASURE_S)
    assert scene.leaving == set()


def test_its_load_is_published_in_tasks_a_second(scene: Scene) -> None:
    wakeups = scene.world.runtime.wakeups
    for _ in range(9):
        scene.work()
    assert wakeups.loads() == {"busy": pytest.approx(2 / MEASURE_S, abs=0.1)}
