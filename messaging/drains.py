"""The loop that carries all work: hold shards, claim, work on threads, record.

One drain is one RQ job in one process. It takes every free shard that has work and works on them all at once, so that
many portals share few processes and few share many; what belongs to one portal is in one place, so order and pace need no
locks. When nothing is left for IDLE_S it gives its shards back and the worker to RQ.

    stage       claims                          works (thread)            records
    inbound     stored webhooks, applied at once, before any deadline is looked at
    register    portals that are due            REST: robots, events      report
    fetch       files of replies                Gupshup's file server     copy kept, run ended
    plan        stored runs                     CRM, templates            message or refusal
    send        queued messages                 Gupshup                   accepted, failed, unknown, again
    probe       stopped lines that are due      Gupshup, or the portal    goes on, still stopped; told
    answer      ended runs, by portal           one REST batch            answered, again
"""

import queue
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from activities.errors import Refused
from bx24.errors import Bx24Error
from gupshup.errors import GupshupError
from messaging import circuit, endings, leases, outbox, sweeper
from messaging.answers import Answers
from messaging.fetching import Fetching
from messaging.inbound import BATCH, Inbound
from messaging.outbox import Outbox
from messaging.planning import Planning
from messaging.probing import Probing
from messaging.registry import Registry
from messaging.runtime import Runtime

IDLE_S = 2.0
TICK_S = 0.5
SWEEP_S = 2.0
GROUP = 200
#: Batches of arrived events per round; then the sends get their turn.
MOST_BATCHES = 20
STOP_S = 40.0
log = structlog.get_logger(__name__)

#: Set by the worker when it is asked to stop: finish what is in flight, claim nothing.
STOP = threading.Event()


class Stage(Protocol):
    """One kind of work. Claim and record run in the drain's transactions, work on a thread without one."""

    name: str
    busy: set[int]

    def hands(self, threads: int) -> int:
        """How many of its tasks may be in flight, so that no stage starves another."""

    def claim(self, session: Session, held: dict[int, int], room: int) -> list[Any]: ...

    def work(self, task: Any) -> Any: ...

    def record(self, session: Session, task: Any, result: Any) -> None: ...

    def lost(self, session: Session, task: Any) -> None: ...


@dataclass(frozen=True)
class Finished:
    """A task that came back from its thread."""

    stage: Stage
    task: Any
    result: Any


class Drain:
    """One process' share of the work."""

    def __init__(self, runtime: Runtime, threads: int) -> None:
        self.runtime = runtime
        self.name = secrets.token_hex(6)
        self.inbound = Inbound(runtime, self.name)
        self.stages: list[Stage] = [
            Registry(runtime, self.name),
            Fetching(runtime, self.name),
            Planning(runtime, self.name),
            Outbox(runtime, self.name),
            Answers(runtime, self.name),
            Probing(runtime, self.name),
        ]
        self.held: dict[int, int] = {}
        self.threads = threads
        self._in_flight = 0
        self._hands: Counter[str] = Counter()
        self._back: queue.SimpleQueue[Finished | set[int]] = queue.SimpleQueue()
        self._kept: list[Finished] = []
        self._rung: set[int] = set()
        self._pending = False
        self._left = threading.Event()
        self._renewed_at: datetime | None = None

    # --- one round, also what tests call -----------------------------------------------------------------------

    def hold(self, shards: set[int]) -> None:
        """Take those of these shards that are free; what a dead owner had in flight there becomes unclear."""
        wanted = shards - self.held.keys()
        if not wanted:
            return
        with self.runtime.db.write() as session:
            taken = leases.take(session, self.name, wanted, self.runtime.clock())
            if taken and (lost := outbox.orphaned(session, taken)):
                log.warning("sends of a dead worker are unclear", count=lost)
        self.held |= taken
        self.runtime.bells.holds(self.name, taken)

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

    def claim(self, submit: Callable[[Stage, Any], None]) -> int:
        """Claim what is due on our shards and hand it to `submit`. Returns how much was found.

        What has arrived goes first, then the deadlines, then what may leave: an answer that came in time wins, and
        nothing leaves after its wait.
        """
        with self.runtime.db.read() as session:
            due = sweeper.due_shards(session, self.runtime) & self.held.keys() if self.held else set()
        self._pending = bool(due)
        if not due:
            return 0
        held = {shard: self.held[shard] for shard in due}
        found = self._take_in(held)
        if self.inbound.applied < BATCH:
            found += self._end_overdue(held)
        return found + sum(self._claim_stage(stage, held, submit) for stage in self.stages)

    def _take_in(self, held: dict[int, int]) -> int:
        """Apply what has arrived, all of it if that takes a bounded time."""
        found = 0
        for _ in range(MOST_BATCHES):
            self.inbound.applied = 0
            self._claimed(self.inbound, held, 1)
            found += self.inbound.applied
            if self.inbound.applied < BATCH:
                break
        return found

    def _end_overdue(self, held: dict[int, int]) -> int:
        try:
            with self.runtime.db.write() as session:
                outbox.lost_in_flight(session, held, self.runtime.clock())
                late = endings.overdue(session, self.runtime, set(held))
                return late + circuit.answer_queued(session, self.runtime, held)
        except OperationalError:
            raise  # the database's trouble
        except Exception:
            log.exception("ending what is overdue failed, the stages go on")
            return 0

    def _claim_stage(self, stage: Stage, held: dict[int, int], submit: Callable[[Stage, Any], None]) -> int:
        room = stage.hands(self.threads) - self._hands[stage.name]
        tasks = self._claimed(stage, held, room) if room > 0 else []
        self._in_flight += len(tasks)
        self._hands[stage.name] += len(tasks)
        for task in tasks:
            submit(stage, task)
        return len(tasks)

    def _claimed(self, stage: Stage, held: dict[int, int], room: int) -> list[Any]:
        """What a stage claims; a claim that was not committed leaves no trace in its memory either."""
        busy = set(stage.busy)
        try:
            with self.runtime.db.write() as session:
                return stage.claim(session, held, room)
        except OperationalError:
            stage.busy = busy
            raise  # the database's trouble, not this stage's
        except Exception:
            stage.busy = busy
            log.exception("claiming failed, the other stages go on", stage=stage.name)
            return []

    def work(self, stage: Stage, task: Any) -> Finished:
        """Do one task; whatever it raises is a fault of ours and becomes its result."""
        try:
            return Finished(stage, task, stage.work(task))
        except Exception as error:
            log.exception("a task failed", stage=stage.name)
            return Finished(stage, task, error)

    def record(self, finished: list[Finished]) -> None:
        """Record what came back in one transaction; if that fails, one by one, so that a bad row spoils only itself.

        While the database is away, results are kept: forgetting them would make known outcomes unclear.
        """
        finished = [*self._kept, *finished]
        self._kept = []
        if not finished:
            return
        try:
            with self.runtime.db.write() as session:
                for one in finished:
                    _record(session, one)
            self._free(finished)
        except OperationalError as error:
            self._keep(finished, error)
        except Exception:
            log.exception("recording a group failed, one by one now", count=len(finished))
            for one in finished:
                self._record_alone(one)

    def _record_alone(self, one: Finished) -> None:
        try:
            with self.runtime.db.write() as session:
                _record(session, one)
        except OperationalError as error:
            self._keep([one], error)
            return
        except Exception:
            log.exception("recording failed", stage=one.stage.name)
            self._give_up(one)
        self._free([one])

    def _give_up(self, one: Finished) -> None:
        try:
            with self.runtime.db.write() as session:
                one.stage.lost(session, one.task)
        except Exception:
            log.exception("giving up failed as well", stage=one.stage.name)

    def _free(self, finished: list[Finished]) -> None:
        self._in_flight -= len(finished)
        for one in finished:
            self._hands[one.stage.name] -= 1

    def _keep(self, finished: list[Finished], error: Exception) -> None:
        log.error("database is away, results are kept", count=len(finished), error=type(error).__name__)
        self._kept += finished

    def settle(self, rounds: int = 100) -> None:
        """Everything that is due now, here and on this thread, until nothing is left: for tests and the command line."""
        for _ in range(rounds):
            self.renew()
            with self.runtime.db.read() as session:
                self.hold(sweeper.due_shards(session, self.runtime))
            finished: list[Finished] = []
            found = self.claim(lambda stage, task, done=finished: done.append(self.work(stage, task)))  # type: ignore[misc]
            self.record(finished)
            if not found:
                return

    # --- the job ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Work until there is nothing to do, or until STOP."""
        bells = self.runtime.bells
        bells.begun(self.name)
        ear = threading.Thread(target=self._listen, name="ear", daemon=True)
        with ThreadPoolExecutor(sum(stage.hands(self.threads) for stage in self.stages), "hand") as pool:
            ear.start()
            try:
                self._loop(pool)
            finally:
                self._leave()

    def _loop(self, pool: ThreadPoolExecutor) -> None:
        idle_since = swept_at = time.monotonic()
        self._sweep()
        found = 1
        while not STOP.is_set():
            finished = self._collect(0.0 if found else TICK_S)
            self.record(finished)
            now = time.monotonic()
            try:
                found = self._round(pool, sweep=now - swept_at >= SWEEP_S)
            except SQLAlchemyError as error:
                log.error("database is away, again in a moment", error=type(error).__name__)
                found = 0
                continue
            swept_at = now if now - swept_at >= SWEEP_S else swept_at
            if found or finished or self._in_flight or self._pending:
                idle_since = now
            elif now - idle_since >= IDLE_S and not self.runtime.bells.gone(self.name):
                return
            if self._in_flight >= self.threads:
                self.runtime.bells.summon_help()

    def _round(self, pool: ThreadPoolExecutor, sweep: bool) -> int:
        """Prolong the leases, look for shards now and then, claim until nothing more is found."""
        self.renew()
        rung, self._rung = self._rung, set()
        self.hold(rung)
        if sweep:
            self._sweep()
        return self.claim(lambda stage, task: self._start(pool, stage, task))

    def _start(self, pool: ThreadPoolExecutor, stage: Stage, task: Any) -> None:
        pool.submit(lambda: self._back.put(self.work(stage, task)))

    def _collect(self, wait_s: float) -> list[Finished]:
        """What has come back, waiting for the first at most so long; a bell also ends the waiting."""
        finished: list[Finished] = []
        try:
            one = self._back.get(timeout=wait_s) if wait_s else self._back.get_nowait()
            while True:
                if isinstance(one, Finished):
                    finished.append(one)
                else:
                    self._rung |= one
                if len(finished) >= GROUP:
                    break
                one = self._back.get_nowait()
        except queue.Empty:
            pass
        return finished

    def _sweep(self) -> None:
        """Take every shard that has work and no owner; tell that we are alive."""
        with self.runtime.db.read() as session:
            due = sweeper.due_shards(session, self.runtime)
        self.hold(due)
        self.runtime.counters.flush(self.runtime.redis)
        self._stay_alive()

    def _stay_alive(self) -> None:
        try:
            self.runtime.bells.alive(self.name)
            self.runtime.bells.holds(self.name, self.held)
        except RedisError as error:
            log.warning("Redis is away, the database goes on", error=type(error).__name__)

    def _listen(self) -> None:
        """The ear: bells end the waiting of the loop. Without Redis the loop looks by itself."""
        while not STOP.is_set() and not self._left.is_set():
            try:
                rung = self.runtime.bells.listen(self.name, 1.0)
            except RedisError:
                STOP.wait(1.0)
                continue
            if rung and self._left.is_set():
                self.runtime.bells.ring(rung)  # heard too late: for the next drain
            elif rung:
                self._back.put(rung)

    def _leave(self) -> None:
        """Record what is still in flight, give the shards back, let the next bell summon another drain."""
        until = time.monotonic() + STOP_S
        while self._in_flight and time.monotonic() < until:
            # The leases until the last result: whoever took the shards now would call these sends unclear.
            with suppress(SQLAlchemyError):
                self.renew()
            self.record(self._collect(TICK_S))
        self._left.set()
        with self.runtime.db.write() as session:
            leases.release(session, self.name)
        self.held.clear()
        self.runtime.bells.gone(self.name)
        self.runtime.counters.flush(self.runtime.redis)


def _record(session: Session, one: Finished) -> None:
    if isinstance(one.result, Exception) and not _is_result(one.result):
        one.stage.lost(session, one.task)
    else:
        one.stage.record(session, one.task, one.result)


def _is_result(error: Exception) -> bool:
    """Vendors' errors and refusals are answers; anything else is a fault of ours."""
    return isinstance(error, Bx24Error | GupshupError | Refused)
