"""The stage that does portal tasks: claim, write, record.

A task is claimed (`doing`) before anything leaves. If the process dies, or the connection breaks after the request was
written, it becomes `unclear`, and its writer looks at the portal before it repeats it. It looks when the portal cannot be at
work on that request any more: each request begins within BEGIN_S of its claim, and the writer says how long one may take.

Workflows come first: these writes use only half of the portal's bucket of requests, so that an answer always finds room.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from bx24.errors import (
    AuthDead,
    Bx24Error,
    Expired,
    PortalInactive,
    Postponed,
    Rejected,
    Throttled,
    Unauthorized,
)
from messaging.limits.backoff import backoff_s
from messaging.limits.bounds import share_of_portal
from messaging.limits.portal_rate import BURST, RATE_PER_S
from messaging.portals import tokens
from messaging.runtime import Runtime
from messaging.stages.portal_writes import due
from messaging.stages.portal_writes.due import Pair
from messaging.stages.portal_writes.writer import BEGIN_S, Again, Behind, Done, GivenUp, Job, Unclear, Writer, Written
from messaging.store.portal_tasks import NO_ANSWER, PortalTask, TaskState

#: Portals and kinds whose tasks are read in one round.
LOOKED_AT = 50
#: How many pairs of portal and kind are remembered with their last turn.
REMEMBERED = 10_000
#: A task that has failed for this time is given up.
TOO_OLD = timedelta(days=2)
BACKOFF_S, BACKOFF_MAX_S = 2.0, 900.0
#: How long a kind rests at most in a portal that asks us to wait.
REST_MAX_S = 60.0
REAUTH_S = 300.0
#: No write takes this long: a claim that is older is in nobody's hands.
LOST_AFTER = timedelta(minutes=15)
#: The part of a portal's request limit that these writes may use.
ROOM = BURST // 2
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Batch:
    """Tasks of one kind and one portal, done by one thread."""

    portal_id: int
    writer: Writer
    claimed_at: datetime
    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class Result:
    """What became of a batch. level: how many requests the portal's bucket held then."""

    written: Sequence[Written]
    level: int


class PortalWrites:
    """Writes to portals; one call in flight for each portal and kind."""

    name = "write"

    def __init__(self, runtime: Runtime, owner: str, writers: Iterable[Writer]) -> None:
        self.runtime = runtime
        self.writers: dict[str, Writer] = {writer.kind: writer for writer in writers}
        self.busy: set[Pair] = set()
        #: When each portal and kind was looked at last, as a number that grows.
        self._looked_at: dict[Pair, int] = {}
        self._turn = 0
        self._pauses: dict[int, datetime] = {}
        #: How often in a row the portal has asked us to wait, and until when we do.
        self._rests: dict[Pair, tuple[int, datetime]] = {}
        self._share = 1

    def slots(self, threads: int) -> int:
        slots = max(4, threads // 8)
        self._share = share_of_portal(slots)
        return slots

    def claim(self, session: Session, held: dict[int, int], free_slots: int) -> list[Batch]:
        """Claim due tasks: from now on they may have happened."""
        if free_slots <= 0:
            return []
        now = self.runtime.clock()
        self._pauses = {portal_id: until for portal_id, until in self._pauses.items() if until > now}
        batches: list[Batch] = []
        taken = Counter(portal_id for portal_id, _ in self.busy)
        looked_at = 0
        for portal_id, kind in self._in_turn(due.pairs(session, held, self.writers, now)):
            if len(batches) == free_slots or looked_at == LOOKED_AT:
                break
            is_free = (portal_id, kind) not in self.busy and taken[portal_id] < self._share
            if not is_free or self._is_resting((portal_id, kind), now):
                continue
            looked_at += 1
            self._turn += 1
            self._looked_at[portal_id, kind] = self._turn
            batch = self._begin(session, portal_id, self.writers[kind], now)
            if batch.jobs:
                batches.append(batch)
                taken[portal_id] += 1
        self.busy |= {(batch.portal_id, batch.writer.kind) for batch in batches}
        return batches

    def _in_turn(self, pairs: Sequence[Pair]) -> list[Pair]:
        """These, those first that were looked at longest ago: a portal, or a kind, with much to do is no reason for others to
        wait. What has nothing to do for a moment is remembered as well, or it would come first whenever it has."""
        if len(self._looked_at) > REMEMBERED:
            self._looked_at = {pair: self._looked_at[pair] for pair in pairs if pair in self._looked_at}
        return sorted(pairs, key=lambda pair: self._looked_at.get(pair, 0))

    def _is_resting(self, pair: Pair, now: datetime) -> bool:
        portal_id, _ = pair
        rests = pair in self._rests and self._rests[pair][1] > now
        return rests or portal_id in self._pauses or self.runtime.slow_portals.pause_s(portal_id) > 0

    @staticmethod
    def _begin(session: Session, portal_id: int, writer: Writer, now: datetime) -> Batch:
        tasks = due.next_tasks(session, portal_id, writer, now)
        needs = writer.load(session, tasks) if tasks else {}
        settled_at = now + timedelta(seconds=BEGIN_S + writer.busy_s(needs.values()))
        jobs = []
        for task in tasks:
            if task.id not in needs:
                _over(task, TaskState.DONE, now)
                continue
            job = Job(
                task_id=task.id,
                claim=task.claims + 1,
                key=task.key,
                look_first=task.state == TaskState.UNCLEAR,
                result=dict(task.result or {}),
                needs=needs[task.id],
            )
            jobs.append(job)
            task.state, task.claims, task.claimed_at, task.settled_at = TaskState.DOING, job.claim, now, settled_at
        session.flush()
        return Batch(portal_id, writer, now, tuple(jobs))

    def work(self, batch: Batch) -> Result | Bx24Error:
        """Write one batch; on a thread. If that stood still since the claim, the batch may be another process's by now."""
        try:
            begin_until = batch.claimed_at + timedelta(seconds=BEGIN_S)
            client = tokens.portal_client(self.runtime, batch.portal_id, begin_until=begin_until)
            return Result(batch.writer.write(client, batch.jobs), client.limit.level)
        except Bx24Error as error:
            return error

    def record(self, session: Session, done: list[tuple[Batch, Result | Bx24Error]]) -> None:
        for batch, result in done:
            self._free(batch)
            now = self.runtime.clock()
            if isinstance(result, Bx24Error):
                written: Sequence[Written] = [after(result, now)] * len(batch.jobs)
            else:
                written = result.written
                if result.level > ROOM:
                    self._pauses[batch.portal_id] = now + timedelta(seconds=(result.level - ROOM) / RATE_PER_S)
            self._rest(batch, written, now)
            for job, one in zip(batch.jobs, written, strict=True):
                self._record(session, batch, job, one)

    def _rest(self, batch: Batch, written: Sequence[Written], now: datetime) -> None:
        """Let a kind rest in a portal that asks us to wait."""
        pair = (batch.portal_id, batch.writer.kind)
        times, _ = self._rests.pop(pair, (0, now))
        waits = [one.after_s or 0.0 for one in written if isinstance(one, Again) and one.is_asked]
        if waits:
            rest_s = backoff_s(times + 1, REST_MAX_S, max(1.0, min(waits)))
            self._rests[pair] = times + 1, now + timedelta(seconds=rest_s)

    def _record(self, session: Session, batch: Batch, job: Job, written: Written) -> None:
        task = _claimed(session, batch, job)
        if task is None:
            return
        now = self.runtime.clock()
        match written:
            case Done(result):
                task.result = {**(task.result or {}), **result} or None
                _over(task, TaskState.DONE, now)
            case GivenUp(reason):
                task.error = reason[:300]
                _over(task, TaskState.FAILED, now)
            case Again(reason, after_s, is_asked):
                # What was unclear stays so: perhaps not even the look succeeded.
                state = TaskState.UNCLEAR if job.look_first else TaskState.DUE
                self._again(task, state, reason, after_s, is_try=not is_asked)
            case Unclear(reason, after_s):
                self._unclear(task, reason, after_s)
            case Behind():
                task.state = TaskState.UNCLEAR if job.look_first else TaskState.DUE
        if task.again and task.done_at is not None:
            task.state, task.due_at, task.done_at = TaskState.DUE, max(now, task.due_at), None
            task.failing_since = None
        task.again = 0
        self.runtime.counters.add("portal_writes", task.kind, task.state, portal=task.portal_id)
        log.info("portal task", portal=task.portal_id, kind=task.kind, task=task.id, state=task.state, why=task.error)
        batch.writer.written(session, self.runtime, task, written)

    def _again(
        self, task: PortalTask, state: TaskState, reason: str, after_s: float | None, is_try: bool = True
    ) -> None:
        now = self.runtime.clock()
        task.tries += is_try
        task.error = reason[:300]
        task.failing_since = task.failing_since or now
        if now - task.failing_since > TOO_OLD:
            task.error = f"{NO_ANSWER} {reason}"[:300]
            _over(task, TaskState.FAILED, now)
            return
        wait_s = backoff_s(task.tries, BACKOFF_MAX_S, BACKOFF_S) if is_try else 1.0
        task.state, task.due_at = state, now + timedelta(seconds=max(wait_s, after_s or 0.0))

    def _unclear(self, task: PortalTask, reason: str, after_s: float | None) -> None:
        self._again(task, TaskState.UNCLEAR, reason, after_s)
        if task.done_at is None and task.settled_at is not None:
            task.due_at = max(task.due_at, task.settled_at)

    def lost(self, session: Session, batch: Batch) -> None:
        """A fault of ours, perhaps after the request was written."""
        self._free(batch)
        for job in batch.jobs:
            if (task := _claimed(session, batch, job)) is not None:
                self._unclear(task, "internal", None)

    def _free(self, batch: Batch) -> None:
        self.busy.discard((batch.portal_id, batch.writer.kind))


def _claimed(session: Session, batch: Batch, job: Job) -> PortalTask | None:
    """The task of a job, locked; None if it was wiped with its portal, or claimed by another process since.

    SQLite gives the ids of deleted rows out again: another portal's task may have this one.
    """
    task = session.get(PortalTask, job.task_id, with_for_update=True, populate_existing=True)
    if task is None or (task.portal_id, task.key) != (batch.portal_id, job.key):
        return None
    return task if task.state == TaskState.DOING and task.claims == job.claim else None


def after(error: Bx24Error, now: datetime) -> Written:
    """What the failure of a request as a whole means for each task in it."""
    match error:
        case Throttled():
            return Again(error.code, error.retry_after, is_asked=True)
        case Postponed():
            reset = error.operating_reset_at
            return Again(error.code, (reset - now).total_seconds() if reset else 60.0, is_asked=True)
        case AuthDead() | Expired() | Unauthorized() | PortalInactive():
            return Again(error.code, REAUTH_S)
        case Rejected():
            return GivenUp(str(error))
    return Unclear(str(error))


def _over(task: PortalTask, state: TaskState, now: datetime) -> None:
    """A task ends; what only it needed is forgotten."""
    task.state, task.done_at, task.payload = state, now, None
    if state == TaskState.DONE:
        task.error, task.tries, task.failing_since = "", 0, None
