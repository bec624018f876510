"""The stage that asks Gupshup's partner API about the accounts of lines: balance, and what WhatsApp says about the number.

It only asks, so a crash in the middle costs one question. Without a partner's token it does nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import bindparam, exists, func, select, update
from sqlalchemy.orm import Session

from gupshup.errors import GupshupError
from gupshup.partner import Balance, Rating, WabaInfo
from gupshup.tiers import tier_of
from messaging.limits.backoff import backoff_s
from messaging.money.accounts import DAILY, POLL
from messaging.runtime import Runtime
from messaging.store.models import SHARDS, Line, Portal, shard_of
from messaging.store.money import LineAccount
from messaging.store.sql import among, insert_missing
from messaging.store.states import LineStatus, PortalStatus
from messaging.store.types import UTCDateTime

#: How often new lines are looked for.
LOOK = timedelta(minutes=1)
BACKOFF_S = 60.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Question:
    """What does Gupshup say about this line's app? is_daily: ask for what changes once a day, too."""

    line_id: int
    portal_id: int
    app_id: str
    is_daily: bool


@dataclass(frozen=True)
class Told:
    """What it said; info, rating: None if they were not asked for. rating: None, too, if nothing has ever changed."""

    balance: Balance
    info: WabaInfo | None
    rating: Rating | None


Result = Told | GupshupError


class Accounts:
    """Asks about accounts; one question in flight per line."""

    name = "accounts"

    def __init__(self, runtime: Runtime, owner: str) -> None:
        self.runtime = runtime
        self.busy: set[int] = set()
        self._looked_at: datetime | None = None

    @staticmethod
    def slots(threads: int) -> int:
        return 2

    def claim(self, session: Session, held: dict[int, int], free_slots: int) -> list[Question]:
        now = self.runtime.clock()
        asked = {"shards": list(held), "now": now}
        if self.runtime.partner is None:
            session.execute(_NOBODY_ANSWERS, asked)
            return []
        if self._looked_at is None or now - self._looked_at >= LOOK:
            self._looked_at = now
            self._begin(session, list(held), now)
        tasks: list[Question] = []
        for row in session.execute(_DUE, {**asked, "limit": free_slots + len(self.busy)}).all() if free_slots else ():
            if row.line_id not in self.busy and len(tasks) < free_slots:
                self.busy.add(row.line_id)
                is_daily = row.info_at is None or now - row.info_at >= DAILY or bool(row.problem)
                tasks.append(Question(row.line_id, row.portal_id, row.app_id, is_daily))
        return tasks

    def _begin(self, session: Session, shards: list[int], now: datetime) -> None:
        """Lines that nobody asks about yet are asked about from now on."""
        new = session.execute(_NEW, {"shards": shards}).all()
        rows = [{"line_id": row.id, "shard": shard_of(row.portal_id), "due_at": now} for row in new]
        insert_missing(session, LineAccount, rows, "line_id")
        begun = update(LineAccount).where(LineAccount.line_id.in_([row.id for row in new]))
        session.execute(begun.values(due_at=now).execution_options(synchronize_session=False))

    def work(self, task: Question) -> Result:
        """Ask Gupshup; on a thread."""
        partner = self.runtime.partner
        assert partner is not None
        try:
            balance = partner.balance(task.app_id)
        except GupshupError as error:
            return error
        try:
            info = partner.info(task.app_id) if task.is_daily else None
            rating = partner.rating(task.app_id) if task.is_daily else None
        except GupshupError as error:  # it is asked for again with the next balance
            log.warning("quality of a line is not known", line=task.line_id, code=error.code)
            return Told(balance, None, None)
        return Told(balance, info, rating)

    def record(self, session: Session, done: list[tuple[Question, Result]]) -> None:
        for task, result in done:
            self.busy.discard(task.line_id)
            account = session.get(LineAccount, task.line_id, with_for_update=True, populate_existing=True)
            if account is None:
                continue  # deleted together with its portal
            if isinstance(result, Told):
                self._told(session, account, result)
            else:
                self._silent(account, result)

    def _told(self, session: Session, account: LineAccount, told: Told) -> None:
        now = self.runtime.clock()
        account.balance, account.overdraft = told.balance.amount, told.balance.overdraft
        account.currency, account.balance_at = told.balance.currency, now
        account.tries, account.problem, account.due_at = 0, "", now + POLL
        if told.info is not None:
            account.info, account.info_at = told.info.to_dict(), now
            account.quality, account.quality_at = told.info.quality[:10], now
            limit = tier_of(told.rating.limit if told.rating is not None else told.info.limit)
            line = session.get(Line, account.line_id, with_for_update=True)
            # What an event has told is newer than what is renewed once a day.
            if line is not None and limit is not None and line.tier_at is None and line.tier_by != "admin":
                line.tier, line.tier_by = limit, "whatsapp"

    def _silent(self, account: LineAccount, error: GupshupError) -> None:
        account.tries = min(account.tries + 1, 1000)
        account.problem = (error.reason or str(error))[:300]
        wait_s = error.retry_after or backoff_s(account.tries, POLL.total_seconds(), BACKOFF_S)
        account.due_at = self.runtime.clock() + timedelta(seconds=wait_s)
        log.warning("an account is not known", line=account.line_id, code=error.code, tries=account.tries)

    def lost(self, session: Session, task: Question) -> None:
        """A fault of ours: again with the next poll."""
        self.busy.discard(task.line_id)
        account = session.get(LineAccount, task.line_id, with_for_update=True)
        if account is not None:
            account.due_at = self.runtime.clock() + POLL


# Statements are made once: building a statement takes longer than running it.
_IS_DUE = (
    among(LineAccount.shard, "shards")
    & LineAccount.due_at.is_not(None)
    & (LineAccount.due_at <= bindparam("now", type_=UTCDateTime))
)
_DUE = (
    select(LineAccount.line_id, LineAccount.info_at, LineAccount.problem, Line.portal_id, Line.app_id)
    .join(Line, Line.id == LineAccount.line_id)
    .join(Portal, Portal.id == Line.portal_id)
    .where(_IS_DUE, Line.status == LineStatus.CONNECTED, Portal.status == PortalStatus.ACTIVE)
    .order_by(LineAccount.due_at, LineAccount.line_id)
    .limit(bindparam("limit"))
)
#: Without a partner token stored balances no longer count: nothing would tell that there is money again.
_NOBODY_ANSWERS = (
    update(LineAccount)
    .where(_IS_DUE)
    .values(due_at=None, balance=None, balance_at=None)
    .execution_options(synchronize_session=False)
)
_NEW = (
    select(Line.id, Line.portal_id)
    .where(
        among(Line.portal_id % SHARDS, "shards"),
        Line.status == LineStatus.CONNECTED,
        func.coalesce(Line.app_id, "") != "",
        ~exists().where(LineAccount.line_id == Line.id, LineAccount.due_at.is_not(None)),
    )
    .order_by(Line.id)
)
