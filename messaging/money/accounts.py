"""The accounts of lines as Gupshup's partner API tells them: balance, quality, limits. Without it nothing is known.

Asked every POLL, and after a campaign's portion at most once in AFTER_PORTION (messaging.stages.accounts). What lines have
spent since a balance was told is taken off it: between two answers a campaign sends on.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from messaging.runtime import Runtime
from messaging.store.models import Line, Message, shard_of
from messaging.store.money import LineAccount
from messaging.store.priced import may_be_charged
from messaging.store.sql import insert_missing

POLL, AFTER_PORTION = timedelta(minutes=20), timedelta(minutes=1)
#: Ratings and WABA info are renewed once a day at Gupshup.
DAILY = timedelta(hours=24)
#: A campaign needs this multiple of what its messages are expected to cost.
RESERVE = 1.2


@dataclass(frozen=True)
class Left:
    """What an account has left for messages, in millionths: above its overdraft, less what was spent since `at`."""

    amount: int
    currency: str
    at: datetime


def of_lines(session: Session, line_ids: Collection[int]) -> dict[int, LineAccount]:
    """By line, what is stored about its account, and its budget."""
    found = session.scalars(select(LineAccount).where(LineAccount.line_id.in_(line_ids))) if line_ids else ()
    return {account.line_id: account for account in found}


def left(session: Session, account: LineAccount | None) -> Left | None:
    """What this account has left now; None if its balance is not known."""
    return left_of(session, [account]).get(account.line_id) if account is not None else None


def left_of(session: Session, accounts: Collection[LineAccount]) -> dict[int, Left]:
    """By line, what these accounts have left now, in one statement; accounts without a known balance are missing."""
    told = [one for one in accounts if one.balance is not None and one.balance_at is not None]
    if not told:
        return {}
    spent_since = (
        select(func.coalesce(func.sum(Message.cost), 0))
        .where(
            Message.line_id == LineAccount.line_id,
            Message.created_at >= LineAccount.balance_at,
            Message.cost.is_not(None),
            Message.currency == LineAccount.currency,
            may_be_charged(Message),
        )
        .correlate(LineAccount)
        .scalar_subquery()
    )
    asked = select(LineAccount, spent_since).where(LineAccount.line_id.in_([one.line_id for one in told]))
    return {
        one.line_id: Left(one.balance - one.overdraft - int(gone), one.currency, one.balance_at)
        for one, gone in session.execute(asked)
        if one.balance is not None and one.balance_at is not None
    }


def spent(
    session: Session, line_ids: Collection[int], since: datetime, currency: str, campaign_id: int | None = None
) -> int:
    """What the messages of lines, or of a campaign on them, that were planned since then cost, in millionths.

    What has failed without a bill costs nothing; of the rest it is the bill, else the estimate.
    """
    query = select(func.sum(Message.cost)).where(
        Message.line_id.in_(line_ids),
        Message.created_at >= since,
        Message.cost.is_not(None),
        Message.currency == currency,
        may_be_charged(Message),
    )
    if campaign_id is not None:
        query = query.where(Message.campaign_id == campaign_id)
    return int(session.scalar(query) or 0)


def account_of(session: Session, line: Line) -> LineAccount:
    """The row of a line, made if there is none; locked."""
    row = {"line_id": line.id, "shard": shard_of(line.portal_id)}
    insert_missing(session, LineAccount, [row], "line_id")
    return session.get_one(LineAccount, line.id, with_for_update=True, populate_existing=True)


def hasten(session: Session, line_ids: Collection[int], now: datetime) -> None:
    """Ask for the balances of lines that have just got a campaign's portion, if those known are older than AFTER_PORTION."""
    if line_ids:
        old = (LineAccount.balance_at.is_(None)) | (LineAccount.balance_at <= now - AFTER_PORTION)
        due = (LineAccount.line_id.in_(line_ids)) & (LineAccount.due_at > now) & old
        session.execute(update(LineAccount).where(due).values(due_at=now).execution_options(synchronize_session=False))


def doubt(session: Session, line_ids: Collection[int], now: datetime) -> None:
    """Forget the balances of these lines and ask for them now: a person says that the accounts have money again."""
    known = (LineAccount.line_id.in_(line_ids)) & LineAccount.due_at.is_not(None)
    asked = update(LineAccount).where(known).values(balance=None, balance_at=None, due_at=now)
    session.execute(asked.execution_options(synchronize_session=False))


def set_budget(runtime: Runtime, line_id: int, budget: int | None, currency: str) -> None:
    """What a line's messages may cost a day, in millionths; None: any sum. Raises LookupError for an unknown line."""
    with runtime.db.write() as session:
        line = session.get(Line, line_id)
        if line is None or line.status != "connected":
            raise LookupError(line_id)
        account = account_of(session, line)
        account.budget, account.budget_currency = budget, currency if budget is not None else ""
