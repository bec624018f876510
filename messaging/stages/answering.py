"""Answers to Bitrix24: the only caller of `bizproc.event.send`.

`true` does not prove that an answer arrived: if the workflow was locked at that moment, the answer is lost silently
(Bitrix24 docs: bizproc-event-send; reference section 5.4). Two measures make up for that:
- While there is space in the batch, `bizproc.activity.log` goes before each answer. It writes the line of the workflow log, and
  because it is synchronous it reports a workflow that is locked (423) or gone (404).
- Every answer is sent a second time after REPEAT_S, always with the same values. Bitrix24 ignores it if the first one arrived.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from bx24.client import MAX_BATCH, BatchReply
from bx24.errors import AuthDead, Bx24Error, PortalInactive, Postponed, Rejected, Throttled
from bx24.open_points import LOCKED
from messaging.limits.backoff import backoff_s
from messaging.limits.portal_rate import BURST, RATE_PER_S
from messaging.portals import tokens
from messaging.runs import outcomes
from messaging.runtime import Runtime
from messaging.store import rows
from messaging.store.changes import Changes
from messaging.store.crypto import Undecryptable
from messaging.store.database import ask
from messaging.store.models import Portal, Run
from messaging.store.rows import RunRow
from messaging.store.sql import among, not_among
from messaging.store.states import PortalStatus
from messaging.store.types import UTCDateTime
from messaging.system.counters import POINT

REPEAT_S = 30
#: How long to wait for a locked workflow: LOCKED_S for the first LOCKED_TRIES, then LONG_LOCKED_S.
LOCKED_S = 20
LOCKED_TRIES = 10
LONG_LOCKED_S = 300
#: Runs with a locked workflow that a process remembers, to see what becomes of them.
LOCKED_REMEMBERED = 1000
REAUTH_S = 60
BACKOFF_MAX_S = 60.0
#: Seconds between two calls to a portal, while its bucket of requests is nearly empty, and while it fills.
GAP_S = 0.25
LONG_GAP_S = 1.0
#: A repeated answer waits until no first answer has been due for QUIET, but no longer than PATIENCE.
QUIET = timedelta(seconds=2)
PATIENCE = timedelta(minutes=5)
#: Bitrix24 blocks a method that has used 480 s (420 s for some) within ten minutes; we pause before that.
OPERATING_S = 400.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Answer:
    """One answer as it is sent: `values` are RETURN_VALUES, `line` goes to the workflow log (first time only)."""

    run_id: int
    trace: str
    event_token: str
    values: dict[str, Any]
    line: str


@dataclass(frozen=True)
class Batch:
    """What one REST call carries: up to 50 answers of one portal."""

    portal_id: int
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Sent:
    """The portal's reply. level: how many requests its bucket held then, at most `portal_rate.BURST`."""

    reply: BatchReply
    level: int


Result = Sent | Bx24Error


@dataclass
class PortalPause:
    """When a portal may be called again: not before `until`.

    level: requests in its bucket; failures: failed calls in a row; first_at: when a first answer was last due.
    """

    until: datetime
    level: int = 0
    failures: int = 0
    first_at: datetime | None = None


class Answers:
    """The answering stage of a drain: one call in flight per portal.

    An answer after an idle moment goes at once. Then the portal is not called for a while, longer the fuller its bucket is, so
    that the next call carries more answers: everything we ask of a portal must fit into 2 calls a second.
    """

    name = "answer"

    def __init__(self, runtime: Runtime, owner: str) -> None:
        self.runtime = runtime
        self.busy: set[int] = set()
        #: Seconds until the next pause of a portal ends; None if no portal is paused.
        self.again_in: float | None = None
        self._pauses: dict[int, PortalPause] = {}
        #: Runs whose workflow was locked when they were answered last.
        self._locked: set[int] = set()

    @staticmethod
    def slots(threads: int) -> int:
        return max(4, threads // 8)

    def claim(self, session: Session, held: dict[int, int], free_slots: int) -> list[Batch]:
        """Claim due answers, one batch per portal; first answers before repeated ones."""
        now = self.runtime.clock()
        paused = {portal_id: pause for portal_id, pause in self._pauses.items() if pause.until > now}
        self.again_in = min(((pause.until - now).total_seconds() for pause in paused.values()), default=None)
        asked = {"now": now, "shards": list(held), "not": list(self.busy | paused.keys()), "limit": MAX_BATCH * 8}
        due = ask(session, _DUE, asked).all()
        by_portal: defaultdict[int, list[Any]] = defaultdict(list)
        for row in due:
            by_portal[row.portal_id].append(row)
        chosen = {
            portal_id: ids
            for portal_id, rows_due in by_portal.items()
            if (ids := self._choose(portal_id, rows_due, now))
        }
        taken = dict(list(chosen.items())[:free_slots])
        batches = self._batches(session, taken)
        self.busy |= {batch.portal_id for batch in batches}
        return batches

    def _choose(self, portal_id: int, due: list[Any], now: datetime) -> list[int]:
        """The runs the next call answers. Repeated answers take the places that are left, or wait until the portal is quiet."""
        pause = self._pauses.setdefault(portal_id, PortalPause(now))
        first = [row.id for row in due if row.answers_sent == 0]
        again = [row for row in due if row.answers_sent > 0]
        if not first:
            is_quiet = pause.first_at is None or now - pause.first_at > QUIET
            return [row.id for row in again[:MAX_BATCH]] if is_quiet or now - again[0].answer_at > PATIENCE else []
        pause.first_at = now
        is_full = len(first) >= MAX_BATCH
        pause.until = now + timedelta(seconds=gap_s(pause.level, is_full))
        places = MAX_BATCH - len(first) * (2 if len(first) * 2 <= MAX_BATCH else 1)
        return [*first[:MAX_BATCH], *(row.id for row in again[: max(0, places)])]

    @staticmethod
    def _batches(session: Session, taken: dict[int, list[int]]) -> list[Batch]:
        ids = [run_id for chosen in taken.values() for run_id in chosen]
        if not ids:
            return []
        by_portal: defaultdict[int, list[Answer]] = defaultdict(list)
        for run in sorted(_readable(session, ids), key=lambda run: (run.answers_sent, run.id)):
            line = run.log_line if run.answers_sent == 0 else ""
            by_portal[run.portal_id].append(Answer(run.id, run.trace, run.event_token, run.answer, line))
        return [Batch(portal_id, tuple(answers)) for portal_id, answers in by_portal.items()]

    def work(self, batch: Batch) -> Result:
        """Send one batch in one REST call; runs on a thread."""
        try:
            client = tokens.portal_client(self.runtime, batch.portal_id)
            return Sent(client.batch(commands(batch.answers)), client.limit.level)
        except Bx24Error as error:
            return error

    def record(self, session: Session, done: list[tuple[Batch, Result]]) -> None:
        """Record which answers Bitrix24 has taken."""
        changes = Changes(session)
        ids = [answer.run_id for batch, _ in done for answer in batch.answers]
        found = {run.id: run for run in rows.runs(session, ids)}
        for batch, result in done:
            self.busy.discard(batch.portal_id)
            self._pause(batch.portal_id, result)
            for answer in batch.answers:
                if run := found.get(answer.run_id):  # else it was deleted together with its portal
                    changes.set(run, **self._columns(run, result))
        changes.write()

    def _columns(self, run: RunRow, result: Result) -> dict[str, Any]:
        """The columns of a run to write after its batch came back."""
        if isinstance(result, Bx24Error):
            return self._refused(run, result)
        if error := result.reply.errors.get(f"s{run.id}"):
            return self._refused(run, error)
        return self._taken(run, result.reply.errors.get(f"l{run.id}"))

    def _pause(self, portal_id: int, result: Result) -> None:
        """Pause a portal that does not answer, else its runs would keep all slots busy; or whose time budget is used up."""
        now = self.runtime.clock()
        pause = self._pauses.setdefault(portal_id, PortalPause(now))
        pause.until = max(pause.until, now + timedelta(seconds=self.runtime.slow_portals.pause_s(portal_id)))
        if isinstance(result, Bx24Error):
            pause.failures += 1
            again_in_s = wait_s(result, pause.failures, now) or 0.0
            pause.until = max(pause.until, now + timedelta(seconds=again_in_s))
            return
        pause.level, pause.failures = result.level, 0
        spent = [time for time in result.reply.times.values() if (time.operating or 0.0) >= OPERATING_S]
        if spent and spent[-1].operating_reset_at:
            pause.until = max(pause.until, spent[-1].operating_reset_at)
            log.warning("the portal's time budget is used up", portal=portal_id, until=pause.until.isoformat())

    def _taken(self, run: RunRow, log_error: Bx24Error | None) -> dict[str, Any]:
        now = self.runtime.clock()
        code = log_error.code if log_error else ""
        sent, tries = run.answers_sent, run.answer_tries
        again: timedelta | None
        if code == "423":
            # The workflow was locked, so this answer is probably lost: it does not count, and it is sent again.
            tries += 1
            if len(self._locked) < LOCKED_REMEMBERED:
                self._locked.add(run.id)
            again_in_s = LOCKED_S if tries < LOCKED_TRIES else LONG_LOCKED_S
            again = timedelta(seconds=again_in_s) if tries < 10 * LOCKED_TRIES else None
        else:
            if run.id in self._locked:
                self._locked.discard(run.id)
                after = "workflow_ended" if code == "404" else "workflow_went_on"
                self.runtime.counters.seen(POINT, LOCKED, after, run.portal_id)
            sent += 1
            again = None if sent >= 2 or code == "404" else timedelta(seconds=REPEAT_S)
        if sent == 1:
            self.runtime.counters.add("answers", run.outcome, portal=run.portal_id)
        log.info("run answered", trace=run.trace, run=run.id, outcome=run.outcome, sends=sent, probe=code)
        return {
            "answered_at": run.answered_at or now,
            "answers_sent": sent,
            "answer_tries": tries,
            "answer_at": now + again if again else None,
        }

    def _refused(self, run: RunRow, error: Bx24Error) -> dict[str, Any]:
        tries = run.answer_tries + 1
        now = self.runtime.clock()
        again_in_s = wait_s(error, tries, now)
        log.warning("answer not taken", trace=run.trace, run=run.id, code=error.code, again_in_s=again_in_s)
        again_at = None if again_in_s is None else now + timedelta(seconds=again_in_s)
        return {"answer_tries": tries, "answer_at": again_at}

    def lost(self, session: Session, batch: Batch) -> None:
        """Recording failed: send the answers again later, with the same values."""
        self.busy.discard(batch.portal_id)
        session.execute(
            update(Run)
            .where(Run.id.in_([answer.run_id for answer in batch.answers]), Run.answer_at.is_not(None))
            .values(
                answer_tries=Run.answer_tries + 1, answer_at=self.runtime.clock() + timedelta(seconds=BACKOFF_MAX_S)
            )
            .execution_options(synchronize_session=False)
        )


# Built once: SQLAlchemy spends more time on building a statement than on running it.
_NOW = bindparam("now", type_=UTCDateTime)
_DUE = (
    select(Run.id, Run.portal_id, Run.answers_sent, Run.answer_at)
    .join(Portal)
    .where(
        among(Run.shard, "shards"),
        Run.answer_at.is_not(None),
        Run.answer_at <= _NOW,
        not_among(Run.portal_id, "not"),
        Portal.status != PortalStatus.INACTIVE,
    )
    .order_by(Run.answers_sent > 0, Run.answer_at)
    .limit(bindparam("limit"))
)
_ANSWERS = select(Run.id, Run.trace, Run.portal_id, Run.answers_sent, Run.event_token, Run.answer, Run.log_line).where(
    among(Run.id, "ids")
)


def _readable(session: Session, ids: list[int]) -> list[Any]:
    """These runs with their answers. A run that no known key decrypts is set aside, so that it does not block the others."""
    try:
        return list(ask(session, _ANSWERS, {"ids": ids}))
    except Undecryptable:
        if len(ids) == 1:
            outcomes.set_aside(session, ids[0])
            return []
    return [run for run_id in ids for run in _readable(session, [run_id])]


def gap_s(level: int, is_full: bool) -> float:
    """Seconds from one call to the next. level: requests in the portal's bucket (2 a second leak); is_full: of the batch."""
    if is_full:
        return 0.0 if level < BURST / 2 else 1 / RATE_PER_S
    return GAP_S if level < BURST / 5 else LONG_GAP_S


def commands(answers: tuple[Answer, ...]) -> dict[str, tuple[str, dict[str, Any]]]:
    """The commands of a batch: `s<run>` sends an answer; before it `l<run>` writes the log line, if the batch holds both.

    If it does not, the answers carry their log lines themselves.
    """
    has_space = sum(2 if answer.line else 1 for answer in answers) <= MAX_BATCH
    batch: dict[str, tuple[str, dict[str, Any]]] = {}
    for answer in answers:
        send: dict[str, Any] = {"EVENT_TOKEN": answer.event_token, "RETURN_VALUES": answer.values}
        if answer.line and has_space:
            log_line = {"EVENT_TOKEN": answer.event_token, "LOG_MESSAGE": answer.line}
            batch[f"l{answer.run_id}"] = ("bizproc.activity.log", log_line)
        elif answer.line:
            send["LOG_MESSAGE"] = answer.line
        batch[f"s{answer.run_id}"] = ("bizproc.event.send", send)
    return batch


def wait_s(error: Bx24Error, tries: int, now: datetime) -> float | None:
    """Seconds until the next try, after so many tries; None if there is none, because no workflow waits any more."""
    if isinstance(error, AuthDead):
        return REAUTH_S
    if isinstance(error, PortalInactive):
        return REAUTH_S if error.code == "NOT_INSTALLED" else None
    if isinstance(error, Rejected):
        return None
    if isinstance(error, Throttled):
        return max(error.retry_after, backoff_s(tries, BACKOFF_MAX_S))
    if isinstance(error, Postponed) and error.operating_reset_at:
        return max(1.0, (error.operating_reset_at - now).total_seconds())
    return backoff_s(tries, BACKOFF_MAX_S)
