"""The loop that carries all work: hold shards, do rounds, let threads work.

A drain is one RQ job in one process. It takes every free shard that has work and works on them all at once, so that many
portals share few processes and few portals share many; what belongs to one portal is in one place, so order and pace need no
locks. When nothing is left for IDLE_S it gives its shards back and the worker to RQ. What a round does:
messaging.worker.round.
"""

import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import structlog
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from messaging.queue import leases
from messaging.runtime import Runtime
from messaging.stages.base import Finished, Stage, Submit
from messaging.stages.inbound.stage import BATCH
from messaging.stages.sending import ready
from messaging.worker import due_work
from messaging.worker.round import Rounds

IDLE_S = 2.0
TICK_S = 0.5
SWEEP_S = 2.0
#: Finished tasks recorded in one transaction at most.
GROUP = 200
#: From this many sends in flight on, finished sends are collected for GATHER_S and recorded in one transaction.
GATHER_FROM = 8
GATHER_S = 0.02
#: With half the threads busy, wake-ups wait as well, this long from round to round.
LONG_GATHER_S = 0.025
STOP_S = 40.0
log = structlog.get_logger(__name__)

#: Set by the worker when it is asked to stop: finish what is in flight, claim nothing.
STOP = threading.Event()


class Drain(Rounds):
    """One process' share of the work."""

    def __init__(self, runtime: Runtime, threads: int) -> None:
        super().__init__(runtime, threads)
        #: The clock by which the loop waits; a simulation has another.
        self.now = time.monotonic
        self._back: queue.SimpleQueue[Finished | set[int]] = queue.SimpleQueue()
        self._notified: set[int] = set()
        self._left = threading.Event()
        self._renewed_at: datetime | None = None
        self._looked_at: datetime | None = None
        self._round_at = 0.0
        self._pending = False
        self._called = False
        self._more = False
        self._due_at: float | None = None
        self._asked_at = -TICK_S

    def hold(self, shards: set[int]) -> None:
        """Take those of these shards that are free; what a dead owner had in flight there becomes unclear."""
        wanted = shards - self.held.keys() - self.rebalancing.given_away
        if not wanted:
            return
        with self.runtime.db.write() as session:
            taken = leases.take(session, self.name, wanted, self.runtime.clock())
            if taken and (lost := ready.orphaned(session, taken)):
                log.warning("sends of a dead worker are unclear", count=lost)
        self.held |= taken
        self.runtime.wakeups.holds(self.name, taken)

    def renew(self) -> None:
        """Prolong our leases; drop what has run out."""
        now = self.runtime.clock()
        if self._renewed_at and now - self._renewed_at < timedelta(seconds=leases.RENEW_S):
            return
        with self.runtime.db.write() as session:
            kept = leases.renew(session, self.name, now)
        for shard in self.held.keys() - kept:
            log.warning("lease lost", shard=shard)
            del self.held[shard]
        self._renewed_at = now

    def settle(self, rounds: int = 100) -> None:
        """Everything that is due now, here and on this thread, until nothing is left: for tests and the command line."""
        finished: list[Finished] = []
        for _ in range(rounds):
            self.renew()
            with self.runtime.db.read() as session:
                self.hold(due_work.due_shards(session, self.runtime))
            done: list[Finished] = []
            found = self.round(finished, self._into(done))
            finished = done
            if not found and not finished:
                return

    def _into(self, done: list[Finished]) -> Submit:
        return lambda stage, task: done.append(self.work(stage, task))

    def run(self) -> None:
        """Work until there is nothing to do, or until STOP."""
        wakeups = self.runtime.wakeups
        wakeups.begun(self.name)
        listener = threading.Thread(target=self._listen, name="listener", daemon=True)
        with ThreadPoolExecutor(sum(stage.slots(self.threads) for stage in self.stages), "task") as pool:
            listener.start()
            try:
                self._loop(pool)
            finally:
                self._leave()

    def _loop(self, pool: ThreadPoolExecutor) -> None:
        idle_since = swept_at = time.monotonic()
        self._sweep()
        self._more = True
        while not STOP.is_set():
            finished = self._collect(self._wait_s())
            now = time.monotonic()
            try:
                found = self._next(pool, finished, sweep=now - swept_at >= SWEEP_S)
            except SQLAlchemyError as error:
                log.error("database is away, again in a moment", error=type(error).__name__)
                STOP.wait(TICK_S)
                found = 0
                continue
            swept_at = now if now - swept_at >= SWEEP_S else swept_at
            if found or finished or self.in_flight or self._pending:
                idle_since = now
            elif now - idle_since >= IDLE_S and not self.runtime.wakeups.gone(self.name):
                return

    def _wait_s(self) -> float:
        """How long to wait for something to happen: not at all while there is more, else until somebody's time has come."""
        if self._more:
            return 0.0
        return TICK_S if self._due_at is None else min(TICK_S, max(0.0, self._due_at - self.now()))

    def _next(self, pool: ThreadPoolExecutor, finished: list[Finished], sweep: bool) -> int:
        """Prolong the leases, look for shards now and then, and do a round if there may be something to do."""
        self.renew()
        notified, self._notified = self._notified, set()
        self.hold(notified)
        if sweep:
            self._sweep()
        now = self.runtime.clock()
        thorough = self._looked_at is None or now - self._looked_at >= timedelta(seconds=TICK_S)
        if thorough:
            self._looked_at = now
        self.rebalancing.update()
        if not (finished or notified or self._kept or self._is_time() or self._is_due()):
            return 0
        found = self.round(finished, lambda stage, task: self._submit(pool, stage, task), thorough)
        times = [wait for wait in (self.outbox.schedule.again_in, self.answers.again_in) if wait is not None]
        self._more = found > 0 and (thorough or self.planning.crowded or self.inbound.applied >= BATCH)
        self._due_at = self.now() + min(times) if times else None
        if self.planning.crowded and not self._called:
            self._called = True
            self.runtime.wakeups.summon_help()  # at once: what has gathered is more than one group
        return found

    def _is_time(self) -> bool:
        """Whether there was more than one round took, or a line's pace or a portal's rest is over."""
        return self._more or (self._due_at is not None and self.now() >= self._due_at)

    def _is_due(self) -> bool:
        """Whether anything is due on our shards: asked without the write lock, so that an idle drain is in nobody's way."""
        if not self.held or self.now() - self._asked_at < TICK_S:
            return False
        self._asked_at = self.now()
        with self.runtime.db.read() as session:
            due = due_work.due_shards(session, self.runtime)
        self._pending = bool(due & self.held.keys())
        return self._pending

    def _submit(self, pool: ThreadPoolExecutor, stage: Stage, task: Any) -> None:
        pool.submit(lambda: self._back.put(self.work(stage, task)))

    def _collect(self, wait_s: float) -> list[Finished]:
        """What has come back or notified, waiting for the first at most so long."""
        finished: list[Finished] = []
        began = self.now()
        until = max(began + wait_s, self.earliest())
        try:
            while len(finished) < GROUP:
                left_s = until - self.now()
                one = self._back.get(timeout=left_s) if left_s > 0 else self._back.get_nowait()
                if isinstance(one, Finished):
                    finished.append(one)
                else:
                    self._notified |= one
                until = min(until, self.goes_at(one))
        except queue.Empty:
            pass
        self._round_at = self.now()
        self.rebalancing.waited(self._round_at - began)
        return finished

    def goes_at(self, one: Finished | set[int]) -> float:
        """When the next round begins, at the latest, now that this has come back or notified."""
        can_wait = isinstance(one, Finished) and one.stage is self.outbox and self.in_flight >= GATHER_FROM
        return max(self.earliest(), self.now() + GATHER_S if can_wait else 0.0)

    def earliest(self) -> float:
        """When the next round may begin, under load: it takes then what has gathered."""
        return self._round_at + LONG_GATHER_S if self.in_flight >= self.threads // 2 else 0.0

    def _sweep(self) -> None:
        """Take every shard that has work and no owner; tell that we are alive."""
        with self.runtime.db.read() as session:
            due = due_work.due_shards(session, self.runtime)
        self.hold(due)
        self.runtime.counters.flush(self.runtime.redis)
        self._stay_alive()

    def _stay_alive(self) -> None:
        try:
            self.runtime.wakeups.alive(self.name)
            self.runtime.wakeups.holds(self.name, self.held)
        except RedisError as error:
            log.warning("Redis is away, the database goes on", error=type(error).__name__)

    def _listen(self) -> None:
        """Runs on the listener thread: wake-ups end the waiting of the loop. Without Redis the loop looks by itself."""
        while not STOP.is_set() and not self._left.is_set():
            try:
                notified, own = self.runtime.wakeups.listen(self.name, 1.0)
            except RedisError:
                STOP.wait(1.0)
                continue
            if notified and self._left.is_set():
                self.runtime.wakeups.notify(notified)  # heard too late: for the next drain
            elif notified:
                if own:
                    self.rebalancing.offered(notified)
                self._back.put(notified)

    def _leave(self) -> None:
        """Record what is still in flight, give the shards back, let the next wake-up queue another drain."""
        until = time.monotonic() + STOP_S
        while (self.in_flight or self._kept) and time.monotonic() < until:
            # The leases until the last result: whoever took the shards now would call these sends unclear.
            with suppress(SQLAlchemyError):
                self.renew()
            self.record(self._collect(TICK_S))
        self._left.set()
        with self.runtime.db.write() as session:
            leases.release(session, self.name)
        self.held.clear()
        self.runtime.wakeups.gone(self.name)
        self.runtime.counters.flush(self.runtime.redis)
