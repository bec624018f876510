"""Several drains share the load: one that cannot keep up hands shards to one that has less to do.

Each drain tells Redis how much it does. Who is busy all the time, and busier than the others, stops claiming for some of its
shards, lets what is in flight there come back (whoever took them earlier would call those sends unclear), gives back their
leases and notifies the drain that does least. Alone, it summons another drain, if a worker is free. A single shard is never
divided (docs/decisions/0002).
"""

import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

import structlog

from messaging.queue import leases
from messaging.runtime import Runtime

THINK_S = 0.5
#: Share of the time in which the loop worked instead of waiting, or share of the slots in use, that means "cannot keep up".
SATURATED = 0.75
#: What was given away is not taken back so soon, and nothing else is given away, or shards would wander.
GIVEN_S = 3.0
#: Below this part of our load a difference is not worth a hand-over.
WORTH = 0.25
log = structlog.get_logger(__name__)


class Drain(Protocol):
    """What rebalancing asks of the drain it belongs to. held: shard → fence; flying: tasks in flight, by shard."""

    runtime: Runtime
    name: str
    threads: int
    held: dict[int, int]
    flying: Counter[int]

    @property
    def in_flight(self) -> int: ...

    @property
    def crowded(self) -> bool: ...


class Rebalancing:
    """What one drain knows of its own load, and which shards are on their way to another. now: seconds that only rise."""

    def __init__(self, drain: Drain, now: Callable[[], float] = time.monotonic) -> None:
        self._drain = drain
        self._now = now
        self._started: Counter[int] = Counter()
        self._leaving: dict[int, str] = {}
        self._given: dict[int, float] = {}
        self._thought_at = now()
        self._waited_s = 0.0
        self._moved_at = -GIVEN_S
        self._loads: dict[int, float] = {}

    @property
    def given_away(self) -> set[int]:
        """Shards that were given away a moment ago."""
        return set(self._given)

    def offered(self, shards: set[int]) -> None:
        """Wake-ups of these shards were sent to this drain alone: the shards are ours, or are offered to us, even if we
        gave them away a moment ago.

        Called by the listener's thread.
        """
        for shard in shards & self._given.keys():
            self._given.pop(shard, None)

    def is_leaving(self, shard: int) -> bool:
        """Whether nothing more is claimed there."""
        return shard in self._leaving

    def task_started(self, shard: int) -> None:
        """A task of this shard was begun."""
        self._started[shard] += 1

    def waited(self, seconds: float) -> None:
        """The loop had nothing to do for so long."""
        self._waited_s += seconds

    def update(self) -> None:
        """Each round; twice a second thoroughly: finish what was begun, tell our load, begin a hand-over if it is worth one."""
        now = self._now()
        # Over a copy, and the dictionary stays the same: the listener takes from it meanwhile.
        for shard, at in list(self._given.items()):
            if now - at >= GIVEN_S:
                self._given.pop(shard, None)
        self._hand_over(now)
        elapsed = now - self._thought_at
        if elapsed < THINK_S:
            return
        # Half of it is what was before: half a second says little.
        shards = self._loads.keys() | self._started.keys()
        self._loads = {
            s: (self._loads.get(s, 0.0) + self._started[s] / elapsed) / 2 for s in shards & self._drain.held.keys()
        }
        loads = {shard: load for shard, load in self._loads.items() if load >= 0.1}
        is_saturated = self._waited_s < (1 - SATURATED) * elapsed or (
            self._drain.in_flight >= SATURATED * self._drain.threads
        )
        self._thought_at, self._waited_s, self._started = now, 0.0, Counter()
        wakeups = self._drain.runtime.wakeups
        wakeups.tell_load(self._drain.name, sum(loads.values()))
        # At the end of a burst there is nothing left that would be worth it.
        if is_saturated and self._drain.crowded and not self._leaving and now - self._moved_at >= GIVEN_S:
            self._offer(loads, wakeups.loads())

    def _offer(self, loads: dict[int, float], of_drains: dict[str, float]) -> None:
        others = {drain: load for drain, load in of_drains.items() if drain != self._drain.name}
        if not others:
            if len(loads) > 1:
                self._drain.runtime.wakeups.summon_help()
            return
        total = sum(loads.values())
        surplus = total - (total + sum(others.values())) / (len(others) + 1)
        if surplus < WORTH * total:
            return
        to = min(others, key=lambda drain: others[drain])
        for shard, load in sorted(loads.items(), key=lambda pair: -pair[1]):
            if load <= surplus and shard in self._drain.held and len(self._drain.held) > len(self._leaving) + 1:
                self._leaving[shard] = to
                surplus -= load
                self._moved_at = self._now()

    def _hand_over(self, now: float) -> None:
        """Give back the leases of shards that have nothing in flight any more."""
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
