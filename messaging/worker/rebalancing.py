"""How drains share the load: a drain that cannot keep up gives shards to the drain with the least to do.

Each drain publishes its load in Redis, in tasks a second. A drain that is always busy, and busier than the others, chooses
shards to give away. It stops claiming there and waits until nothing is in flight: a new owner would call those sends
unclear. Then it gives back the leases and offers the shards to the other drain. A drain that is alone summons another one,
if a worker is free. A single shard is never divided (docs/decisions/0002).
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

import structlog

from messaging.queue import leases
from messaging.runtime import Runtime

#: How often the load is measured and published.
MEASURE_S = 0.5
#: A drain cannot keep up if it works for this share of the time instead of waiting, or has this share of its threads in use.
SATURATED = 0.75
#: For this long nothing more is given away, and what was given away is not taken back: else shards would wander.
GIVEN_S = 3.0
#: A surplus below this part of our own load is not worth moving shards.
WORTH = 0.25
#: Tasks a second below which a shard counts as idle.
IDLE = 0.1
log = structlog.get_logger(__name__)


class Drain(Protocol):
    """What rebalancing needs to know of its drain. held: shard → fence; flying: tasks in flight, by shard."""

    runtime: Runtime
    name: str
    threads: int
    held: dict[int, int]
    flying: Counter[int]

    @property
    def in_flight(self) -> int: ...

    @property
    def crowded(self) -> bool: ...


def is_saturated(waited_s: float, elapsed_s: float, in_flight: int, threads: int) -> bool:
    """Whether a drain that waited so long of the time that has passed cannot keep up, or one with so many tasks in flight."""
    return waited_s < (1 - SATURATED) * elapsed_s or in_flight >= SATURATED * threads


def shards_to_give(loads: Mapping[int, float], others: Collection[float], held: int) -> list[int]:
    """Which shards to give away, so that afterwards no drain does more than the average. At least one shard is kept.

    loads: our tasks a second, by shard; others: those of each other drain, at least one; held: how many shards we hold.
    """
    total = sum(loads.values())
    surplus = total - (total + sum(others)) / (len(others) + 1)
    if surplus < WORTH * total:
        return []
    chosen: list[int] = []
    for shard, load in sorted(loads.items(), key=lambda pair: -pair[1]):
        if load <= surplus and held > len(chosen) + 1:
            chosen.append(shard)
            surplus -= load
    return chosen


class Rebalancing:
    """What one drain knows of its own load, and which shards are on their way to another. now: seconds that only rise."""

    def __init__(self, drain: Drain, now: Callable[[], float] = time.monotonic) -> None:
        self._drain = drain
        self._now = now
        self._started: Counter[int] = Counter()
        self._leaving: dict[int, str] = {}
        self._given: dict[int, float] = {}
        self._measured_at = now()
        self._waited_s = 0.0
        self._moved_at = -GIVEN_S
        self._loads: dict[int, float] = {}

    @property
    def given_away(self) -> set[int]:
        """Shards that were given away less than GIVEN_S ago."""
        return set(self._given)

    def offered(self, shards: set[int]) -> None:
        """Wake-ups of these shards came for this drain alone: they are ours, or are offered to us. So they may be taken, even
        if we gave them away a moment ago.

        Called by the listener's thread.
        """
        for shard in shards & self._given.keys():
            self._given.pop(shard, None)

    def is_leaving(self, shard: int) -> bool:
        """Whether nothing may be claimed in this shard, because it is about to be given away."""
        return shard in self._leaving

    def task_started(self, shard: int) -> None:
        """Count a task of this shard."""
        self._started[shard] += 1

    def waited(self, seconds: float) -> None:
        """Count time in which the loop had nothing to do."""
        self._waited_s += seconds

    def update(self) -> None:
        """Called before each round: give away shards that are ready for it. Twice a second measure and publish our load, and
        choose shards to give away, if that is worth it."""
        now = self._now()
        # Iterate over a copy, for the listener's thread removes shards meanwhile.
        for shard, at in list(self._given.items()):
            if now - at >= GIVEN_S:
                self._given.pop(shard, None)
        self._hand_over(now)
        elapsed_s = now - self._measured_at
        if elapsed_s >= MEASURE_S:
            self._measure(now, elapsed_s)

    def _measure(self, now: float, elapsed_s: float) -> None:
        # Half a second says little, so the former load counts half.
        shards = (self._loads.keys() | self._started.keys()) & self._drain.held.keys()
        self._loads = {s: (self._loads.get(s, 0.0) + self._started[s] / elapsed_s) / 2 for s in shards}
        loads = {shard: load for shard, load in self._loads.items() if load >= IDLE}
        is_busy = is_saturated(self._waited_s, elapsed_s, self._drain.in_flight, self._drain.threads)
        self._measured_at, self._waited_s, self._started = now, 0.0, Counter()
        wakeups = self._drain.runtime.wakeups
        wakeups.tell_load(self._drain.name, sum(loads.values()))
        # `crowded`: at the end of a burst too little is left to be worth it.
        if is_busy and self._drain.crowded and not self._leaving and now - self._moved_at >= GIVEN_S:
            self._give(loads, wakeups.loads())

    def _give(self, loads: dict[int, float], of_drains: dict[str, float]) -> None:
        others = {drain: load for drain, load in of_drains.items() if drain != self._drain.name}
        if not others:
            if len(loads) > 1:
                self._drain.runtime.wakeups.summon_help()
            return
        to = min(others, key=lambda drain: others[drain])
        if chosen := shards_to_give(loads, others.values(), len(self._drain.held)):
            self._leaving = dict.fromkeys(chosen, to)
            self._moved_at = self._now()

    def _hand_over(self, now: float) -> None:
        """Give away the chosen shards that have nothing in flight any more."""
        ready = {shard for shard in self._leaving if not self._drain.flying[shard]}
        if not ready:
            return
        with self._drain.runtime.db.write() as session:
            leases.release(session, self._drain.name, ready)
        for shard in ready:
            self._drain.held.pop(shard, None)
            self._drain.runtime.wakeups.offer(shard, self._leaving.pop(shard))
            self._given[shard] = now
        log.info("shards handed over", count=len(ready))
