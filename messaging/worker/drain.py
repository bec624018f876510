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
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import structlog
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from activities.errors import Refused
from bx24.errors import Bx24Error
from gupshup.errors import GupshupError
from messaging.lines import circuit_breaker
from messaging.queue import leases
from messaging.runs import outcomes
from messaging.runtime import Runtime
from messaging.stages.answering import Answers
from messaging.stages.base import Finished, Stage, Submit
from messaging.stages.inbound.stage import BATCH, Inbound
from messaging.stages.planning.stage import Planning
from messaging.stages.probing import Probing
from messaging.stages.registration import Registry
from messaging.stages.reply_files import Fetching
from messaging.stages.sending import ready
from messaging.stages.sending.stage import Outbox
from messaging.store.models import shard_of
from messaging.system import logs
from messaging.worker import due_work
from messaging.worker.rebalancing import Sharing

IDLE_S = 2.0
TICK_S = 0.5
SWEEP_S = 2.0
GROUP = 200
#: Batches of arrived events per round; then the sends get their turn.
MOST_BATCHES = 4
#: With so many tasks in flight, a send that came back waits so long for others, or for a bell, to be recorded together:
#: its message is away, while whoever rings waits behind each round.
GATHER_FROM = 8
GATHER_S = 0.02
#: With half the hands busy, bells wait as well, so long from round to round: one costs some 4 ms besides its messages.
LONG_GATHER_S = 0.025
STOP_S = 40.0
log = structlog.get_logger(__name__)

#: Set by the worker when it is asked to stop: finish what is in flight, claim nothing.
STOP = threading.Event()


class Drain:
    """One process' share of the work."""

    def __init__(self, runtime: Runtime, threads: int) -> None:
        self.runtime = runtime
        self.name = leases.owner_name()
        #: What the loop's waiting is measured by; another one in a simulation.
        self.now = time.monotonic
        self.inbound = Inbound(runtime, self.name)
        self.planning = Planning(runtime, self.name)
        self.outbox = Outbox(runtime, self.name)
        self.outbox.fresh = self.planning.fresh
        self.answers = Answers(runtime, self.name)
        #: Work of every day, looked for in each round; the rest, and what only time makes due, twice a second.
        self.quick: list[Stage] = [self.planning, self.outbox, self.answers]
        self.rare: list[Stage] = [
            Registry(runtime, self.name),
            Fetching(runtime, self.name),
            Probing(runtime, self.name),
        ]
        self.stages: list[Stage] = [*self.rare, *self.quick]
        self.held: dict[int, int] = {}
        self.threads = threads
        self.sharing = Sharing(self)
        #: Tasks in flight, by shard.
        self.flying: Counter[int] = Counter()
        self._hands: Counter[str] = Counter()
        self._back: queue.SimpleQueue[Finished | set[int]] = queue.SimpleQueue()
        self._kept: list[Finished] = []
        self._rung: set[int] = set()
        self._left = threading.Event()
        self._renewed_at: datetime | None = None
        self._looked_at: datetime | None = None
        self._round_at = 0.0
        self._pending = False
        self._called = False
        self._more = False
        self._due_at: float | None = None
        self._asked_at = -TICK_S

    @property
    def in_flight(self) -> int:
        """How many tasks threads are working on, or are not recorded yet."""
        return self._hands.total()

    @property
    def crowded(self) -> bool:
        """Whether more waits than this process can take just now."""
        return self.planning.crowded or bool(self.outbox.schedule.ready)

    # --- one round, also what tests call -----------------------------------------------------------------------

    def hold(self, shards: set[int]) -> None:
        """Take those of these shards that are free; what a dead owner had in flight there becomes unclear."""
        wanted = shards - self.held.keys() - self.sharing.given
        if not wanted:
            return
        with self.runtime.db.write() as session:
            taken = leases.take(session, self.name, wanted, self.runtime.clock())
            if taken and (lost := ready.orphaned(session, taken)):
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

    def round(self, finished: list[Finished], submit: Submit, thorough: bool = True) -> int:
        """Record what came back and claim what is due on our shards, all in one transaction. Returns how much was found.

        What has arrived goes first, then the deadlines, then what may leave: an answer that came in time wins, and
        nothing leaves after its wait. `thorough`: look also for what only time, or another process, has made due.
        While the database is away, results are kept: forgetting them would make known outcomes unclear.
        """
        finished = [*self._kept, *finished]
        self._kept = []
        before = [(stage, set(stage.busy)) for stage in self.stages]
        try:
            self._prepare()
            with logs.held(), self.runtime.db.write() as session:
                self._record(session, finished)
                found, tasks = self._claim(session, finished, thorough)
        except Exception as error:
            for stage, busy in before:
                stage.busy = busy  # a claim that was not committed leaves no trace in memory either
            if isinstance(error, OperationalError):
                self._keep(finished, error)
                raise  # the database's trouble, nobody's fault
            log.exception("a round failed, step by step now")
            self.record(finished)
            return self.claim(submit, thorough)
        self._free(finished)
        self._start(tasks, submit)
        return found

    def _prepare(self) -> None:
        """What takes time and needs no lock: opening and reading events, planning. What is ours nobody else changes."""
        held = {shard: fence for shard, fence in self.held.items() if not self.sharing.leaving(shard)}
        if held:
            with self.runtime.db.read() as session:
                self.inbound.prepare(session, held)
                self.planning.prepare(session, held)

    def _claim(self, session: Session, finished: list[Finished], thorough: bool) -> tuple[int, list[tuple[Stage, Any]]]:
        held = self._ours(session)
        if not held:
            # What the stages wait for is somebody else's now: remembered, it would wake the loop for ever.
            self.outbox.schedule.again_in = self.answers.again_in = None
            return 0, []
        found = self._take_in(session, held)
        if thorough:
            found += self._look(session, held) + self._end_overdue(session, held)
        tasks: list[tuple[Stage, Any]] = []
        freed = Counter(one.stage.name for one in finished)
        for stage in [*(self.rare if thorough else ()), *self.quick]:
            tasks += [(stage, task) for task in self._claim_stage(session, stage, held, freed[stage.name])]
        return found + self.planning.done + len(tasks), tasks

    def _ours(self, session: Session) -> dict[int, int]:
        """The shards we hold as the database sees it: a process that was frozen claims nothing more."""
        if not self.held:
            return {}
        valid = leases.valid(session, self.name, self.runtime.clock())
        return {
            shard: fence for shard, fence in self.held.items() if shard in valid and not self.sharing.leaving(shard)
        }

    def _claim_stage(self, session: Session, stage: Stage, held: dict[int, int], freed: int) -> list[Any]:
        room = stage.hands(self.threads) - self._hands[stage.name] + freed
        tasks = stage.claim(session, held, max(0, room))
        if stage is self.planning:
            for line_id, run_ids in self.planning.fed.items():
                self.outbox.schedule.new.setdefault(line_id, []).extend(run_ids)
            self.planning.fed.clear()
        return tasks

    def _take_in(self, session: Session, held: dict[int, int]) -> int:
        """Apply what has arrived, all of it if that takes a bounded time."""
        found = 0
        if self.outbox.overtaken:
            self.outbox.overtaken = False
            self.inbound.read_again()
        for _ in range(MOST_BATCHES):
            self.inbound.claim(session, held, 1)
            found += self.inbound.applied
            if self.inbound.applied < BATCH:
                break
        return found

    def _look(self, session: Session, held: dict[int, int]) -> int:
        self.outbox.schedule.look(session, held)
        return 0

    def _end_overdue(self, session: Session, held: dict[int, int]) -> int:
        if self.inbound.applied >= BATCH:
            return 0  # what arrived in time is not known yet
        ready.lost_in_flight(session, held, self.runtime.clock())
        late = outcomes.end_overdue(session, self.runtime, set(held))
        return late + circuit_breaker.answer_queued(session, self.runtime, held)

    def _start(self, tasks: list[tuple[Stage, Any]], submit: Submit) -> None:
        for stage, task in tasks:
            self._hands[stage.name] += 1
            self.flying[shard_of(task.portal_id)] += 1
            self.sharing.started(shard_of(task.portal_id))
            submit(stage, task)

    def claim(self, submit: Submit, thorough: bool = True) -> int:
        """Claim step by step, each in a transaction of its own, so that what fails spoils only itself."""
        found = 0
        tasks: list[tuple[Stage, Any]] = []
        steps: list[Callable[[Session, dict[int, int]], int]] = [self._take_in]
        if thorough:
            steps += [self._end_overdue, self._look]
        for stage in [*(self.rare if thorough else ()), *self.quick]:
            steps.append(lambda session, held, stage=stage: self._step(session, stage, held, tasks))  # type: ignore[misc]
        for step in steps:
            found += self._alone(step)
        self._start(tasks, submit)
        return found

    def _step(self, session: Session, stage: Stage, held: dict[int, int], tasks: list[tuple[Stage, Any]]) -> int:
        claimed = self._claim_stage(session, stage, held, 0)
        tasks += [(stage, task) for task in claimed]
        return len(claimed) + (self.planning.done if stage is self.planning else 0)

    def _alone(self, step: Callable[[Session, dict[int, int]], int]) -> int:
        before = [(stage, set(stage.busy)) for stage in self.stages]
        try:
            with self.runtime.db.write() as session:
                return step(session, self._ours(session))
        except Exception as error:
            for stage, busy in before:
                stage.busy = busy
            if isinstance(error, OperationalError):
                raise
            log.exception("a step failed, the others go on")
            return 0

    def work(self, stage: Stage, task: Any) -> Finished:
        """Do one task; whatever it raises is a fault of ours and becomes its result."""
        try:
            return Finished(stage, task, stage.work(task))
        except Exception as error:
            log.exception("a task failed", stage=stage.name)
            return Finished(stage, task, error)

    def _record(self, session: Session, finished: list[Finished]) -> None:
        done: defaultdict[int, list[tuple[Any, Any]]] = defaultdict(list)
        for one in finished:
            if isinstance(one.result, Exception) and not _is_result(one.result):
                one.stage.lost(session, one.task)
            else:
                done[self.stages.index(one.stage)].append((one.task, one.result))
        for index, group in done.items():
            self.stages[index].record(session, group)

    def record(self, finished: list[Finished]) -> None:
        """Record what came back; if that fails, one by one, so that a bad row spoils only itself."""
        finished = [*self._kept, *finished]
        self._kept = []
        if not finished:
            return
        try:
            with self.runtime.db.write() as session:
                self._record(session, finished)
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
                self._record(session, [one])
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
        for one in finished:
            self._hands[one.stage.name] -= 1
            self.flying[shard_of(one.task.portal_id)] -= 1

    def _keep(self, finished: list[Finished], error: Exception) -> None:
        if finished:
            log.error("database is away, results are kept", count=len(finished), error=type(error).__name__)
        self._kept += finished

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
            elif now - idle_since >= IDLE_S and not self.runtime.bells.gone(self.name):
                return

    def _wait_s(self) -> float:
        """How long to wait for something to happen: not at all while there is more, else until somebody's time has come."""
        if self._more:
            return 0.0
        return TICK_S if self._due_at is None else min(TICK_S, max(0.0, self._due_at - self.now()))

    def _next(self, pool: ThreadPoolExecutor, finished: list[Finished], sweep: bool) -> int:
        """Prolong the leases, look for shards now and then, and do a round if there may be something to do."""
        self.renew()
        rung, self._rung = self._rung, set()
        self.hold(rung)
        if sweep:
            self._sweep()
        now = self.runtime.clock()
        thorough = self._looked_at is None or now - self._looked_at >= timedelta(seconds=TICK_S)
        if thorough:
            self._looked_at = now
        self.sharing.think()
        if not (finished or rung or self._kept or self._is_time() or self._is_due()):
            return 0
        found = self.round(finished, lambda stage, task: self._hand(pool, stage, task), thorough)
        times = [wait for wait in (self.outbox.schedule.again_in, self.answers.again_in) if wait is not None]
        self._more = found > 0 and (thorough or self.planning.crowded or self.inbound.applied >= BATCH)
        self._due_at = self.now() + min(times) if times else None
        if self.planning.crowded and not self._called:
            self._called = True
            self.runtime.bells.summon_help()  # at once: what has gathered is more than one group
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

    def _hand(self, pool: ThreadPoolExecutor, stage: Stage, task: Any) -> None:
        pool.submit(lambda: self._back.put(self.work(stage, task)))

    def _collect(self, wait_s: float) -> list[Finished]:
        """What has come back or rung, waiting for the first at most so long."""
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
                    self._rung |= one
                until = min(until, self.goes_at(one))
        except queue.Empty:
            pass
        self._round_at = self.now()
        self.sharing.waited(self._round_at - began)
        return finished

    def goes_at(self, one: Finished | set[int]) -> float:
        """When the next round begins, at the latest, now that this has come back or rung."""
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
            self.runtime.bells.alive(self.name)
            self.runtime.bells.holds(self.name, self.held)
        except RedisError as error:
            log.warning("Redis is away, the database goes on", error=type(error).__name__)

    def _listen(self) -> None:
        """The ear: bells end the waiting of the loop. Without Redis the loop looks by itself."""
        while not STOP.is_set() and not self._left.is_set():
            try:
                rung, own = self.runtime.bells.listen(self.name, 1.0)
            except RedisError:
                STOP.wait(1.0)
                continue
            if rung and self._left.is_set():
                self.runtime.bells.ring(rung)  # heard too late: for the next drain
            elif rung:
                if own:
                    self.sharing.taken(rung)
                self._back.put(rung)

    def _leave(self) -> None:
        """Record what is still in flight, give the shards back, let the next bell summon another drain."""
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
        self.runtime.bells.gone(self.name)
        self.runtime.counters.flush(self.runtime.redis)


def _is_result(error: Exception) -> bool:
    """Vendors' errors and refusals are answers; anything else is a fault of ours."""
    return isinstance(error, Bx24Error | GupshupError | Refused)
