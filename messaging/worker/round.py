"""One round of a drain: record what came back and claim what is due, all in one transaction.

stage       claims                          works (thread)            records
inbound     stored webhooks, applied at once, before any deadline is looked at
register    portals that are due            REST: robots, events      report
fetch       files of replies                Gupshup's file server     copy kept, run ended
plan        stored runs                     CRM, templates            message or refusal
send        queued messages                 Gupshup                   accepted, failed, unknown, again
probe       stopped lines that are due      Gupshup, or the portal    goes on, still stopped; told
answer      ended runs, by portal           one REST batch            answered, again
operate     what operators wrote            the portal, for files     message or refusal; told
hand over   what portals hand over          templates, files          message or refusal; told
campaigns   campaigns that are due; fed     CRM, files                audience stored and judged
accounts    accounts that are due           Gupshup's partner API     balance, quality, limits
write       portal tasks, by portal, kind   REST                      done, again, unclear, given up
callbacks   events, by endpoint             the customer's system     taken, again, given up
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from activities.errors import Refused
from bx24.errors import Bx24Error
from gupshup.errors import GupshupError
from messaging.lines import circuit_breaker
from messaging.policy import holding
from messaging.queue import leases
from messaging.runs import outcomes
from messaging.runtime import Runtime
from messaging.stages.accounts import Accounts
from messaging.stages.answering import Answers
from messaging.stages.base import Finished, Stage, Submit
from messaging.stages.callbacks import Callbacks
from messaging.stages.campaigns import Campaigns
from messaging.stages.inbound.stage import BATCH, Inbound
from messaging.stages.operators import Operators
from messaging.stages.planning.stage import Planning
from messaging.stages.portal_writes import due as portal_tasks
from messaging.stages.portal_writes.kinds import WRITERS
from messaging.stages.portal_writes.stage import LOST_AFTER, PortalWrites
from messaging.stages.probing import Probing
from messaging.stages.provider.stage import Provider
from messaging.stages.registration import Registry
from messaging.stages.reply_files import Fetching
from messaging.stages.sending import ready
from messaging.stages.sending.refusing import refuse_lone
from messaging.stages.sending.stage import Outbox
from messaging.store.models import shard_of
from messaging.system import logs
from messaging.worker.rebalancing import Rebalancing

#: Batches of arrived events per round; then the sends get their turn.
MOST_BATCHES = 4
log = structlog.get_logger(__name__)


class Rounds:
    """The stages of one process, and what it has in flight. held: the shards whose leases it has, shard → fence."""

    def __init__(self, runtime: Runtime, threads: int) -> None:
        self.runtime = runtime
        self.threads = threads
        self.name = leases.owner_name()
        self.held: dict[int, int] = {}
        self.inbound = Inbound(runtime, self.name)
        self.planning = Planning(runtime, self.name)
        self.outbox = Outbox(runtime, self.name)
        self.outbox.fresh = self.planning.fresh
        self.answers = Answers(runtime, self.name)
        self.operators = Operators(runtime, self.name)
        self.provider = Provider(runtime, self.name)
        self.campaigns = Campaigns(runtime, self.name)
        #: Work of every day, looked for in each round.
        self.quick: list[Stage] = [self.planning, self.outbox, self.answers]
        #: The rest, and what only time makes due, twice a second.
        self.rare: list[Stage] = [
            Registry(runtime, self.name),
            Fetching(runtime, self.name),
            Probing(runtime, self.name),
            self.operators,
            self.provider,
            self.campaigns,
            Callbacks(runtime, self.name),
            Accounts(runtime, self.name),
            PortalWrites(runtime, self.name, [writer(runtime) for writer in WRITERS]),
        ]
        self.stages: list[Stage] = [*self.rare, *self.quick]
        self.rebalancing = Rebalancing(self)
        #: Tasks in flight, by shard.
        self.flying: Counter[int] = Counter()
        self._busy_threads: Counter[str] = Counter()
        self._kept: list[Finished] = []

    @property
    def in_flight(self) -> int:
        """How many tasks threads are working on, or are not recorded yet."""
        return self._busy_threads.total()

    @property
    def crowded(self) -> bool:
        """Whether more waits than this process can take just now."""
        return self.planning.crowded or bool(self.outbox.schedule.ready)

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
        held = {shard: fence for shard, fence in self.held.items() if not self.rebalancing.is_leaving(shard)}
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
        for feeding in (self.operators, self.provider, self.campaigns):
            self.outbox.schedule.ready |= feeding.fed
            feeding.fed.clear()
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
            shard: fence
            for shard, fence in self.held.items()
            if shard in valid and not self.rebalancing.is_leaving(shard)
        }

    def _claim_stage(self, session: Session, stage: Stage, held: dict[int, int], freed: int) -> list[Any]:
        free_slots = stage.slots(self.threads) - self._busy_threads[stage.name] + freed
        tasks = stage.claim(session, held, max(0, free_slots))
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
        released = holding.release_due(session, held, self.runtime.clock())
        self.outbox.schedule.look(session, held)
        return released

    def _end_overdue(self, session: Session, held: dict[int, int]) -> int:
        if self.inbound.applied >= BATCH:
            return 0  # what arrived in time is not known yet
        now = self.runtime.clock()
        ready.lost_in_flight(session, self.runtime, held)
        portal_tasks.orphaned(session, held, now, LOST_AFTER)
        late = outcomes.end_overdue(session, self.runtime, set(held))
        late += circuit_breaker.answer_queued(session, self.runtime, held)
        return late + refuse_lone(session, self.runtime, held)

    def _start(self, tasks: list[tuple[Stage, Any]], submit: Submit) -> None:
        for stage, task in tasks:
            self._busy_threads[stage.name] += 1
            self.flying[shard_of(task.portal_id)] += 1
            self.rebalancing.task_started(shard_of(task.portal_id))
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
            self._busy_threads[one.stage.name] -= 1
            self.flying[shard_of(one.task.portal_id)] -= 1

    def _keep(self, finished: list[Finished], error: Exception) -> None:
        if finished:
            log.error("database is away, results are kept", count=len(finished), error=type(error).__name__)
        self._kept += finished


def _is_result(error: Exception) -> bool:
    """Vendors' errors and refusals are answers; anything else is a fault of ours."""
    return isinstance(error, Bx24Error | GupshupError | Refused)
