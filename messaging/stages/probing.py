"""The stage for stopped lines: it asks Gupshup whether a line works again, and notifies the portal's administrator.

Neither blocks other work. After a crash between a question and its record the question is asked again. After a crash
between a notice and its record the notice is sent again, under the same tag, so that Bitrix24 shows it once. It goes to the
user whose token the app uses: the administrator who installed the app (docs/decisions/0016).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from bx24.errors import AuthDead, Bx24Error
from bx24.i18n import Text
from bx24.notices import notify
from gupshup.client import Account
from gupshup.errors import GupshupError
from messaging.limits.backoff import backoff_s
from messaging.lines import circuit_breaker, lines
from messaging.portals import tokens
from messaging.runtime import Runtime
from messaging.store.models import SHARDS, Line
from messaging.store.states import LineStatus

NOTICE_TRIES = 6
NOTICE_BACKOFF_S, NOTICE_BACKOFF_MAX_S = 60.0, 3600.0
STOPPED = Text(
    "WhatsApp: the line “{line}” (+{phone}) is stopped and sends nothing. {why} Code {code}. "
    "Until then, all of its messages fail with this error. It goes on automatically when it works again.",
    "WhatsApp: линия «{line}» (+{phone}) остановлена и ничего не отправляет. {why} Код {code}. "
    "Пока все её сообщения завершаются с этой ошибкой. Когда всё заработает, линия включится сама.",
)
RESUMED = Text(
    "WhatsApp: the line “{line}” (+{phone}) works again. Messages refused meanwhile are not sent again automatically.",
    "WhatsApp: линия «{line}» (+{phone}) снова работает. Сообщения, которые за это время не ушли, сами не отправятся.",
)
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Question:
    """Does Gupshup accept this line's key, app name and number now? since: when the line was stopped."""

    line_id: int
    portal_id: int
    account: Account
    since: datetime


@dataclass(frozen=True)
class Notice:
    """A notification for a portal's administrator. tag: Bitrix24 shows one notification per tag."""

    line_id: int
    portal_id: int
    user_id: int
    text: str
    tag: str
    due_at: datetime


Task = Question | Notice
Result = GupshupError | Bx24Error | None


class Probing:
    """Asks about stopped lines and sends notices; one task in flight per line."""

    name = "probe"

    def __init__(self, runtime: Runtime, owner: str) -> None:
        self.runtime = runtime
        #: The lines in flight; of a notice with its portal, which has one slot of the two, else 0.
        self.busy: set[tuple[int, int]] = set()

    @staticmethod
    def slots(threads: int) -> int:
        return 2

    def claim(self, session: Session, held: dict[int, int], free_slots: int) -> list[Task]:
        now = self.runtime.clock()
        found = session.scalars(
            select(Line)
            .where(
                circuit_breaker.due(now),
                (Line.portal_id % SHARDS).in_(held),
                Line.id.not_in([line_id for line_id, _ in self.busy]),
            )
            .options(joinedload(Line.portal))
            .where(Line.portal_id.not_in(self._told()))
            .order_by(Line.id)
            .limit(free_slots)
        ).all()
        tasks: list[Task] = []
        for line in found:
            if (task := self._task(session, line, now)) is not None:
                self.busy.add(_busy(task))
                tasks.append(task)
        return tasks

    def _told(self) -> set[int]:
        """The portals that are being told something."""
        return {portal_id for _, portal_id in self.busy if portal_id}

    def _task(self, session: Session, line: Line, now: datetime) -> Task | None:
        if line.news_at is not None and line.news_at <= now:
            if line.portal_id in self._told():
                return None
            return _notice(line, line.news_at)
        if circuit_breaker.is_asked(line) and line.stopped_at is not None:
            # Without the app id Gupshup checks what a message would need: app name and number as well as the key.
            return Question(line.id, line.portal_id, replace(lines.account(line), app_id=""), line.stopped_at)
        circuit_breaker.decide_trial(session, self.runtime, line)
        return None

    def work(self, task: Task) -> Result:
        """Ask Gupshup, or notify; on a thread. Uses the database only for the portal's token."""
        try:
            if isinstance(task, Question):
                self.runtime.gupshup.check(task.account)
            else:
                notify(tokens.portal_client(self.runtime, task.portal_id), task.user_id, task.text, task.tag)
        except (GupshupError, Bx24Error) as error:
            return error
        return None

    def record(self, session: Session, done: list[tuple[Task, Result]]) -> None:
        for task, result in done:
            self._record(session, task, result)

    def _record(self, session: Session, task: Task, result: Result) -> None:
        self.busy.discard(_busy(task))
        if session.get(Line, task.line_id) is None:
            return  # deleted together with its portal
        if isinstance(task, Question):
            if result is not None:
                log.warning("line is still stopped", line=task.line_id, code=result.code)
            circuit_breaker.record_probe(session, self.runtime, task.line_id, task.since, passed=result is None)
        else:
            self._record_notice(session, task, result)

    def _record_notice(self, session: Session, notice: Notice, result: Result) -> None:
        line = session.get_one(Line, notice.line_id, with_for_update=True, populate_existing=True)
        if line.news_at != notice.due_at:
            is_well = line.stopped_at is None and line.status == LineStatus.CONNECTED
            if result is None and not line.news and is_well:
                # The line resumed while the notice that it had stopped was on its way.
                circuit_breaker.schedule_notice(line, "resumed", self.runtime.clock())
            return
        if result is None:
            line.news_at, line.news_error = None, ""
            log.info("administrator told", line=line.id, news=line.news)
            return
        line.news_tries += 1
        line.news_error = str(result)[:200]
        is_passing = isinstance(result, AuthDead) or (isinstance(result, Bx24Error) and result.retryable)
        again = is_passing and line.news_tries < NOTICE_TRIES
        wait = timedelta(seconds=backoff_s(line.news_tries, NOTICE_BACKOFF_MAX_S, NOTICE_BACKOFF_S))
        line.news_at = self.runtime.clock() + wait if again else None
        log.error("administrator could not be told", line=line.id, news=line.news, code=result.code, again=again)

    def lost(self, session: Session, task: Task) -> None:
        """A fault of ours: again in ten minutes."""
        self.busy.discard(_busy(task))
        line = session.get(Line, task.line_id, with_for_update=True)
        if line is None:
            return
        later = self.runtime.clock() + timedelta(minutes=10)
        if isinstance(task, Notice) and line.news_at is not None:
            line.news_at = later
        elif isinstance(task, Question) and line.probe_at is not None:
            line.probe_at = later


def _busy(task: Task) -> tuple[int, int]:
    """What `Probing.busy` holds of a task in flight."""
    return task.line_id, task.portal_id if isinstance(task, Notice) else 0


def _notice(line: Line, due_at: datetime) -> Notice:
    portal = line.portal
    words = STOPPED if line.news == "stopped" else RESUMED
    text = words.format(
        line=line.name or line.app_name, phone=line.phone, why=circuit_breaker.why(line), code=line.stop_code
    )
    since = line.stopped_at or line.resumed_at or due_at
    tag = f"waba24|line|{line.id}|{line.news}|{int(since.timestamp())}"
    return Notice(line.id, portal.id, portal.token_user_id or 0, text.to(portal.language), tag, due_at)
