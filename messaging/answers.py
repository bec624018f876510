"""Answers to Bitrix24: the only caller of `bizproc.event.send`.

`true` is no proof that an answer arrived: the workflow may have been locked at that moment, and then the answer is lost
without a word (Bitrix24 docs: bizproc-event-send; reference section 5.4). So
- while there is room in the batch, `bizproc.activity.log` goes first: it carries the line for the workflow log and is
  synchronous, so it tells a locked workflow (423) and one that is gone (404);
- every answer is sent a second time after REPEAT_S, which Bitrix24 ignores if the first one arrived. Same values, always.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bx24.client import MAX_BATCH, BatchReply
from bx24.errors import AuthDead, Bx24Error, PortalInactive, Postponed, Rejected, Throttled
from messaging import endings, tokens
from messaging.models import Portal, Run
from messaging.runtime import Runtime

REPEAT_S = 30
LOCKED_S = 20
LOCKED_TRIES = 10
LONG_LOCKED_S = 300
REAUTH_S = 60
BACKOFF_MAX_S = 60
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


Result = BatchReply | Bx24Error


class Answers:
    """The answering stage of a drain: one call in flight per portal."""

    name = "answer"

    def __init__(self, runtime: Runtime, owner: str) -> None:
        self.runtime = runtime
        self.busy: set[int] = set()

    @staticmethod
    def hands(threads: int) -> int:
        return max(4, threads // 8)

    def claim(self, session: Session, held: dict[int, int], room: int) -> list[Batch]:
        """Due answers by portal; first ones before repetitions."""
        due = endings.readable(
            session,
            select(Run)
            .join(Portal)
            .where(
                Run.shard.in_(held),
                Run.answer_at.is_not(None),
                Run.answer_at <= self.runtime.clock(),
                Run.portal_id.not_in(self.busy),
                Portal.status != "inactive",
            )
            .order_by(Run.answers_sent, Run.answer_at)
            .limit(MAX_BATCH * 4),
        )
        by_portal: dict[int, list[Answer]] = defaultdict(list)
        for run in due:
            line = run.log_line if run.answers_sent == 0 else ""
            by_portal[run.portal_id].append(Answer(run.id, run.trace, run.event_token, run.answer, line))
        batches = [Batch(portal, tuple(answers[:MAX_BATCH])) for portal, answers in list(by_portal.items())[:room]]
        self.busy |= {batch.portal_id for batch in batches}
        return batches

    def work(self, batch: Batch) -> Result:
        """One REST call; runs on a thread."""
        try:
            return tokens.portal_client(self.runtime, batch.portal_id).batch(commands(batch.answers))
        except Bx24Error as error:
            return error

    def record(self, session: Session, batch: Batch, result: Result) -> None:
        """Write down which answers Bitrix24 took."""
        self.busy.discard(batch.portal_id)
        for answer in batch.answers:
            run = session.get(Run, answer.run_id, with_for_update=True, populate_existing=True)
            if run is None:
                continue  # wiped together with its portal
            if isinstance(result, Bx24Error):
                self._refused(run, result)
                continue
            error = result.errors.get(f"s{answer.run_id}")
            if error is not None:
                self._refused(run, error)
            else:
                self._taken(run, result.errors.get(f"l{answer.run_id}"))

    def _taken(self, run: Run, probe: Bx24Error | None) -> None:
        now = self.runtime.clock()
        code = probe.code if probe else ""
        run.answered_at = run.answered_at or now
        if code == "423":
            # Locked: this one was lost for all we know. Neither counted nor final.
            run.answer_tries += 1
            wait_s = LOCKED_S if run.answer_tries < LOCKED_TRIES else LONG_LOCKED_S
            run.answer_at = now + timedelta(seconds=wait_s) if run.answer_tries < 10 * LOCKED_TRIES else None
        else:
            run.answers_sent += 1
            done = run.answers_sent >= 2 or code == "404"
            run.answer_at = None if done else now + timedelta(seconds=REPEAT_S)
        if run.answers_sent == 1:
            self.runtime.counters.add("answers", run.outcome)
        log.info("run answered", trace=run.trace, run=run.id, outcome=run.outcome, sends=run.answers_sent, probe=code)

    def _refused(self, run: Run, error: Bx24Error) -> None:
        run.answer_tries += 1
        wait = _wait_s(error, run.answer_tries, self.runtime)
        run.answer_at = None if wait is None else self.runtime.clock() + timedelta(seconds=wait)
        log.warning("answer not taken", trace=run.trace, run=run.id, code=error.code, again_in_s=wait)

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


def commands(answers: tuple[Answer, ...]) -> dict[str, tuple[str, dict[str, Any]]]:
    """The batch: `s<run>` sends the answer, `l<run>` before it writes the log line while there is room for both."""
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
