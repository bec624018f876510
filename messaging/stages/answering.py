"""Answers to Bitrix24: the only caller of `bizproc.event.send`.

`true` is no proof that an answer arrived: the workflow may have been locked at that moment, and then the answer is lost
without a word (Bitrix24 docs: bizproc-event-send; reference section 5.4). So
- while there is space in the batch, `bizproc.activity.log` goes first: it carries the line for the workflow log and is
  synchronous, so it tells a locked workflow (423) and one that is gone (404);
- every answer is sent a second time after REPEAT_S, which Bitrix24 ignores if the first one arrived. Same values, always.
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
from messaging.store.types import UTCDateTime

REPEAT_S = 30
LOCKED_S = 20
LOCKED_TRIES = 10
LONG_LOCKED_S = 300
REAUTH_S = 60
BACKOFF_MAX_S = 60
#: Between two calls of a portal: a bucket nearly empty, and one that fills. 80 answers a second then cost 25 calls in 1,000.
LINGER_S = 0.25
LONG_LINGER_S = 1.0
#: A repetition waits until no first answer has been due for so long, but no longer than PATIENCE.
QUIET = timedelta(seconds=2)
PATIENCE = timedelta(minutes=5)
#: Bitrix24 stops a method that used 480 s (420 s for some) in ten minutes.
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
    """What the portal said, and how full its bucket of requests was then (limiter.BURST is its brim)."""

    reply: BatchReply
    level: int


Result = Sent | Bx24Error


@dataclass
class Rest:
    """A portal between two calls: not before `until`. level: of its bucket; failures: calls in a row that failed."""

    until: datetime
    level: int = 0
    failures: int = 0
    first_at: datetime | None = None


class Answers:
    """The answering stage of a drain: one call in flight per portal.

    An answer after an idle moment goes at once. Then the portal rests a little, the longer the fuller its bucket, so that the
    next call carries more: 2 calls a second are all there is, for everything we ask of that portal.
    """

    name = "answer"

    def __init__(self, runtime: Runtime, owner: str) -> None:
        self.runtime = runtime
        self.busy: set[int] = set()
        #: Seconds until a portal that rests may be called again; None: none rests.
        self.again_in: float | None = None
        self._rests: dict[int, Rest] = {}

    @staticmethod
    def slots(threads: int) -> int:
        return max(4, threads // 8)

    def claim(self, session: Session, held: dict[int, int], free_slots: int) -> list[Batch]:
        """Due answers by portal; first ones before repetitions."""
        now = self.runtime.clock()
        resting = {portal_id: rest for portal_id, rest in self._rests.items() if rest.until > now}
        self.again_in = min(((rest.until - now).total_seconds() for rest in resting.values()), default=None)
        asked = {"now": now, "shards": list(held), "not": list(self.busy | resting.keys()), "limit": MAX_BATCH * 8}
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
        """Whom the next call answers. Repetitions take the places that are left, or go when the portal is quiet."""
        rest = self._rests.setdefault(portal_id, Rest(now))
        first = [row.id for row in due if row.answers_sent == 0]
        again = [row for row in due if row.answers_sent > 0]
        if not first:
            is_quiet = rest.first_at is None or now - rest.first_at > QUIET
            return [row.id for row in again[:MAX_BATCH]] if is_quiet or now - again[0].answer_at > PATIENCE else []
        rest.first_at = now
        is_full = len(first) >= MAX_BATCH
        rest.until = now + timedelta(seconds=_gap_s(rest.level, is_full))
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
        """One REST call; runs on a thread."""
        try:
            client = tokens.portal_client(self.runtime, batch.portal_id)
            return Sent(client.batch(commands(batch.answers)), client.limit.level)
        except Bx24Error as error:
            return error

    def record(self, session: Session, done: list[tuple[Batch, Result]]) -> None:
        """Write down which answers Bitrix24 took."""
        changes = Changes(session)
        ids = [answer.run_id for batch, _ in done for answer in batch.answers]
        found = {run.id: run for run in rows.runs(session, ids)}
        for batch, result in done:
            self.busy.discard(batch.portal_id)
            self._rested(batch.portal_id, result)
            for answer in batch.answers:
                if run := found.get(answer.run_id):  # else wiped together with its portal
                    changes.set(run, **self._recorded(run, result))
        changes.write()

    def _recorded(self, run: RunRow, result: Result) -> dict[str, Any]:
        """The columns to write."""
        if isinstance(result, Bx24Error):
            return self._refused(run, result)
        if error := result.reply.errors.get(f"s{run.id}"):
            return self._refused(run, error)
        return self._taken(run, result.reply.errors.get(f"l{run.id}"))

    def _rested(self, portal_id: int, result: Result) -> None:
        """A portal that does not answer is left alone for a while, or its runs would keep all slots busy."""
        now = self.runtime.clock()
        rest = self._rests.setdefault(portal_id, Rest(now))
        if isinstance(result, Bx24Error):
            rest.failures += 1
            wait_s = _wait_s(result, rest.failures, self.runtime) or 0.0
            rest.until = max(rest.until, now + timedelta(seconds=wait_s))
            return
        rest.level, rest.failures = result.level, 0
        spent = [time for time in result.reply.times.values() if (time.operating or 0.0) >= OPERATING_S]
        if spent and spent[-1].operating_reset_at:
            rest.until = spent[-1].operating_reset_at
            log.warning("the portal's time budget is used up", portal=portal_id, until=rest.until.isoformat())

    def _taken(self, run: RunRow, probe: Bx24Error | None) -> dict[str, Any]:
        now = self.runtime.clock()
        code = probe.code if probe else ""
        sent, tries = run.answers_sent, run.answer_tries
        again: timedelta | None
        if code == "423":
            # The workflow was locked: this answer was lost for all we know. Neither counted nor final.
            tries += 1
            wait_s = LOCKED_S if tries < LOCKED_TRIES else LONG_LOCKED_S
            again = timedelta(seconds=wait_s) if tries < 10 * LOCKED_TRIES else None
        else:
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
        wait_s = _wait_s(error, tries, self.runtime)
        log.warning("answer not taken", trace=run.trace, run=run.id, code=error.code, again_in_s=wait_s)
        again_at = None if wait_s is None else self.runtime.clock() + timedelta(seconds=wait_s)
        return {"answer_tries": tries, "answer_at": again_at}

    def lost(self, session: Session, batch: Batch) -> None:
        """Recording failed: it is sent again later, with the same values."""
        self.busy.discard(batch.portal_id)
        session.execute(
            update(Run)
            .where(Run.id.in_([answer.run_id for answer in batch.answers]), Run.answer_at.is_not(None))
            .values(
                answer_tries=Run.answer_tries + 1, answer_at=self.runtime.clock() + timedelta(seconds=BACKOFF_MAX_S)
            )
            .execution_options(synchronize_session=False)
        )


# Made once: building a statement costs more than running it.
_NOW = bindparam("now", type_=UTCDateTime)
_DUE = (
    select(Run.id, Run.portal_id, Run.answers_sent, Run.answer_at)
    .join(Portal)
    .where(
        among(Run.shard, "shards"),
        Run.answer_at.is_not(None),
        Run.answer_at <= _NOW,
        not_among(Run.portal_id, "not"),
        Portal.status != "inactive",
    )
    .order_by(Run.answers_sent > 0, Run.answer_at)
    .limit(bindparam("limit"))
)
_ANSWERS = select(Run.id, Run.trace, Run.portal_id, Run.answers_sent, Run.event_token, Run.answer, Run.log_line).where(
    among(Run.id, "ids")
)


def _readable(session: Session, ids: list[int]) -> list[Any]:
    """These runs with their answers. A run that no known key decrypts is set aside: it must not stop the others."""
    try:
        return list(ask(session, _ANSWERS, {"ids": ids}))
    except Undecryptable:
        if len(ids) == 1:
            outcomes.set_aside(session, ids[0])
            return []
    return [run for run_id in ids for run in _readable(session, [run_id])]


def _gap_s(level: int, is_full: bool) -> float:
    """Seconds between two calls to a portal with so many requests in its bucket, of which 2 a second leak."""
    if is_full:
        return 0.0 if level < BURST / 2 else 1 / RATE_PER_S
    return LINGER_S if level < BURST / 5 else LONG_LINGER_S


def commands(answers: tuple[Answer, ...]) -> dict[str, tuple[str, dict[str, Any]]]:
    """The batch: `s<run>` sends the answer, `l<run>` before it writes the log line while there is space for both."""
    probed = sum(2 if answer.line else 1 for answer in answers) <= MAX_BATCH
    made: dict[str, tuple[str, dict[str, Any]]] = {}
    for answer in answers:
        send: dict[str, Any] = {"EVENT_TOKEN": answer.event_token, "RETURN_VALUES": answer.values}
        if answer.line and probed:
            log_line = {"EVENT_TOKEN": answer.event_token, "LOG_MESSAGE": answer.line}
            made[f"l{answer.run_id}"] = ("bizproc.activity.log", log_line)
        elif answer.line:
            send["LOG_MESSAGE"] = answer.line
        made[f"s{answer.run_id}"] = ("bizproc.event.send", send)
    return made


def _wait_s(error: Bx24Error, tries: int, runtime: Runtime) -> float | None:
    """Seconds until the next try; None: never, nobody waits there any more."""
    if isinstance(error, AuthDead):
        return REAUTH_S
    if isinstance(error, PortalInactive):
        return REAUTH_S if error.code == "NOT_INSTALLED" else None
    if isinstance(error, Rejected):
        return None
    if isinstance(error, Throttled):
        return max(error.retry_after, float(min(BACKOFF_MAX_S, 2 ** (tries - 1))))
    if isinstance(error, Postponed) and error.operating_reset_at:
        return max(1.0, (error.operating_reset_at - runtime.clock()).total_seconds())
    return float(min(BACKOFF_MAX_S, 2 ** (tries - 1)))
