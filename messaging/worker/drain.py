"""The loop of a worker process: hold shards, do rounds, let threads work on tasks.

A drain is one RQ job in one process. It takes every free shard that has work and works on all of them at once, so any number
of portals can share any number of processes. A portal's work is done in one process at a time, so order and pace need no
locks. After IDLE_S without work the drain gives its shards back and ends its job. What a round does: messaging.worker.round.
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
from messaging.stages.portal_writes import due as portal_tasks
from messaging.stages.sending import ready
from messaging.worker import due_work, waiting
from messaging.worker.round import Rounds
from messaging.worker.waiting import POLL_S

#: A drain without work for this long ends.
IDLE_S = 2.0
#: How often free shards with due work are looked for.
LOOK_S = 2.0
#: Finished tasks recorded in one transaction at most.
GROUP = 200
#: How long a stopping drain waits for its tasks in flight.
STOP_S = 40.0
log = structlog.get_logger(__name__)

#: Set when the worker is asked to stop: the drain finishes what is in flight and claims nothing more.
STOP = threading.Event()


class Drain(Rounds):
    """The loop of one process, over the rounds it does."""

    def __init__(self, runtime: Runtime, threads: int) -> None:
        super().__init__(runtime, threads)
        #: The clock the loop waits by; a simulation has its own.
        self.now = time.monotonic
        #: What ends the loop's waiting: finished tasks, and the shards of wake-ups.
        self._events: queue.SimpleQueue[Finished | set[int]] = queue.SimpleQueue()
        self._notified: set[int] = set()
        self._has_left = threading.Event()
        self._renewed_at: datetime | None = None
        self._looked_at: datetime | None = None
        self._round_at = 0.0
        self._has_due_work = False
        self._has_summoned = False
        self._has_more = False
        self._due_at: float | None = None
        self._asked_at = -POLL_S

    def hold(self, shards: set[int]) -> None:
        """Take the free ones of these shards. Sends that a dead owner had in flight there become unclear."""
        wanted = shards - self.held.keys() - self.rebalancing.given_away
        if not wanted:
            return
        with self.runtime.db.write() as session:
            now = self.runtime.clock()
            taken = leases.take(session, self.name, wanted, now)
            if taken and (lost := ready.orphaned(session, self.runtime, taken)):
                log.warning("sends of a dead worker are unclear", count=lost)
            if taken:
                portal_tasks.orphaned(session, taken, now)
        self.held |= taken
        self.runtime.wakeups.holds(self.name, taken)

    def renew(self) -> None:
        """Renew our leases every RENEW_S; drop the shards whose lease has expired."""
        now = self.runtime.clock()
        if self._renewed_at and now - self._renewed_at < timedelta(seconds=leases.RENEW_S):
            return
        with self.runtime.db.write() as session:
            kept = leases.renew(session, self.name, now)
        for shard in self.held.keys() - kept:
            log.warning("lease lost", shard=shard)
            del self.held[shard]
        self._renewed_at = now

    def settle(self, rounds: int = 100) -> int:
        """Do everything that is due now, on this thread: for tests and the command line. Returns how much that was."""
        total = 0
        finished: list[Finished] = []
        for again in range(rounds):
            self.renew()
            with self.runtime.db.read() as session:
                due = due_work.due_shards(session, self.runtime)
            if again and not due and not finished:
                break
            self.hold(due)
            done: list[Finished] = []
            found = self.round(finished, self._into(done))
            finished = done
            total += found
            if not found and not finished:
                break
        return total

    @property
    def again_in(self) -> float | None:
        """Seconds from the last round until the rate limit of a line or the pause of a portal ends, which no date in the
        database tells; None: nothing waits for that."""
        times = [wait for wait in (self.outbox.schedule.again_in, self.answers.again_in) if wait is not None]
        return min(times, default=None)

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
        idle_since = looked_at = time.monotonic()
        self._take_due_shards()
        self._has_more = True
        while not STOP.is_set():
            finished = self._collect(self.wait_s())
            now = time.monotonic()
            try:
                found = self._next(pool, finished, look=now - looked_at >= LOOK_S)
            except SQLAlchemyError as error:
                log.error("database is away, again in a moment", error=type(error).__name__)
                STOP.wait(POLL_S)
                found = 0
                continue
            looked_at = now if now - looked_at >= LOOK_S else looked_at
            if found or finished or self.in_flight or self._has_due_work:
                idle_since = now
            elif now - idle_since >= IDLE_S and not self.runtime.wakeups.gone(self.name):
                return

    def wait_s(self) -> float:
        """Seconds to wait for a finished task or a wake-up."""
        return waiting.wait_s(self._has_more, self._due_at, self.now())

    def _next(self, pool: ThreadPoolExecutor, finished: list[Finished], look: bool) -> int:
        """Renew the leases, look for free shards if asked to, do a round if there may be work. Returns how much it found."""
        self.renew()
        notified, self._notified = self._notified, set()
        self.hold(notified)
        if look:
            self._take_due_shards()
        now = self.runtime.clock()
        thorough = self._looked_at is None or now - self._looked_at >= timedelta(seconds=POLL_S)
        if thorough:
            self._looked_at = now
        self.rebalancing.update()
        if not (finished or notified or self._kept or self._is_time() or self._is_work_due()):
            return 0
        found = self.round(finished, lambda stage, task: self._submit(pool, stage, task), thorough)
        self._has_more = found > 0 and (thorough or self.planning.crowded or self.inbound.applied >= BATCH)
        self._due_at = None if self.again_in is None else self.now() + self.again_in
        if self.planning.crowded and not self._has_summoned:
            self._has_summoned = True
            self.runtime.wakeups.summon_help()  # at once: more than one group is waiting
        return found

    def _is_time(self) -> bool:
        """Whether the last round left work behind, or the rate limit of a line or the pause of a portal has ended."""
        return self._has_more or (self._due_at is not None and self.now() >= self._due_at)

    def _is_work_due(self) -> bool:
        """Whether anything is due on our shards. A read only: an idle drain must not take the write lock."""
        if not self.held or self.now() - self._asked_at < POLL_S:
            return False
        self._asked_at = self.now()
        with self.runtime.db.read() as session:
            due = due_work.due_shards(session, self.runtime)
        self._has_due_work = bool(due & self.held.keys())
        return self._has_due_work

    def _submit(self, pool: ThreadPoolExecutor, stage: Stage, task: Any) -> None:
        pool.submit(lambda: self._events.put(self.work(stage, task)))

    def _collect(self, wait_s: float) -> list[Finished]:
        """Tasks that have finished, waiting at most so long for the first. Shards of wake-ups go to `_notified`."""
        finished: list[Finished] = []
        began = self.now()
        until = max(began + wait_s, self.earliest_round())
        try:
            while len(finished) < GROUP:
                left_s = until - self.now()
                event = self._events.get(timeout=left_s) if left_s > 0 else self._events.get_nowait()
                if isinstance(event, Finished):
                    finished.append(event)
                else:
                    self._notified |= event
                until = min(until, self.latest_round(event))
        except queue.Empty:
            pass
        self._round_at = self.now()
        self.rebalancing.waited(self._round_at - began)
        return finished

    def latest_round(self, event: Finished | set[int]) -> float:
        """When the next round begins at the latest, now that this task has finished or these shards were notified."""
        is_send = isinstance(event, Finished) and event.stage is self.outbox
        return waiting.latest(self.now(), self.earliest_round(), is_send, self.in_flight)

    def earliest_round(self) -> float:
        """When the next round may begin; under load tasks that finish until then share it."""
        return waiting.earliest(self._round_at, self.in_flight, self.threads)

    def _take_due_shards(self) -> None:
        """Take every shard that has work and no owner; report that this drain is alive."""
        with self.runtime.db.read() as session:
            due = due_work.due_shards(session, self.runtime)
        self.hold(due)
        self.runtime.counters.flush(self.runtime.redis)
        self._report_alive()

    def _report_alive(self) -> None:
        try:
            self.runtime.wakeups.alive(self.name)
            self.runtime.wakeups.holds(self.name, self.held)
        except RedisError as error:
            log.warning("Redis is away, the database goes on", error=type(error).__name__)

    def _listen(self) -> None:
        """The listener thread: pass wake-ups on to the loop, which polls the database anyway, should Redis be away."""
        while not STOP.is_set() and not self._has_left.is_set():
            try:
                notified, own = self.runtime.wakeups.listen(self.name, 1.0)
            except RedisError:
                STOP.wait(1.0)
                continue
            if notified and self._has_left.is_set():
                self.runtime.wakeups.notify(notified)  # too late for this drain: wakes the next one
            elif notified:
                if own:
                    self.rebalancing.offered(notified)
                self._events.put(notified)

    def _leave(self) -> None:
        """Record what is still in flight, give the shards back, and stop listening, so that a wake-up queues a new drain."""
        until = time.monotonic() + STOP_S
        while (self.in_flight or self._kept) and time.monotonic() < until:
            # Keep the leases until the last result: a drain that took the shards now would call these sends unclear.
            with suppress(SQLAlchemyError):
                self.renew()
            self.record(self._collect(POLL_S))
        self._has_left.set()
        with self.runtime.db.write() as session:
            leases.release(session, self.name)
        self.held.clear()
        self.runtime.wakeups.gone(self.name)
        self.runtime.counters.flush(self.runtime.redis)
