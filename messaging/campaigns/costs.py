"""What a campaign costs: before the start expected by country; then estimated, billed, and both together."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import Session

from messaging.money import accounts, estimates, prices
from messaging.money.accounts import RESERVE, Left
from messaging.money.table import UTILITY, Table
from messaging.runs.window import WINDOW
from messaging.runtime import Runtime
from messaging.store import amounts
from messaging.store.campaigns import Campaign, Recipient, RecipientState
from messaging.store.models import Conversation, Line, Message, Portal
from messaging.store.priced import ARRIVED, is_charged, may_be_charged


@dataclass(frozen=True)
class Row:
    """Clients of one country. is_open: their window is open, which is asked of utility templates alone.

    each: one message, in millionths, None if a price is missing; missing: as in table.Cost; is_free: WhatsApp charges nothing.
    """

    country: str
    category: str
    is_open: bool
    count: int
    each: int | None
    currency: str
    missing: str
    is_free: bool

    @property
    def total(self) -> int | None:
        return None if self.each is None else self.each * self.count


@dataclass(frozen=True)
class Expected:
    """What a campaign that was checked is expected to cost."""

    rows: tuple[Row, ...]

    @property
    def totals(self) -> dict[str, int]:
        """By currency, what the messages with a price cost in all."""
        found: dict[str, int] = defaultdict(int)
        for row in self.rows:
            if row.total is not None:
                found[row.currency] += row.total
        return dict(found)

    @property
    def missing(self) -> list[Row]:
        """Clients for whose messages a price is missing."""
        return [row for row in self.rows if row.each is None]

    @property
    def in_window(self) -> int:
        """Clients whose window is open."""
        return sum(row.count for row in self.rows if row.is_open)

    @property
    def free(self) -> int:
        """Clients to whom WhatsApp sends free of charge because their window is open."""
        return sum(row.count for row in self.rows if row.is_open and row.is_free)

    def to_api(self) -> dict[str, str] | None:
        """As contract section 11 shows it; None if a price is missing, or if there are several currencies."""
        if self.missing or len(self.totals) != 1:
            return None
        [(currency, amount)] = self.totals.items()
        return amounts.shown(amount, currency)


def expected(session: Session, runtime: Runtime, portal: Portal, campaign: Campaign) -> Expected:
    """What a checked campaign is expected to cost, from the stored recipients; no vendor is asked."""
    table, now = prices.table_of(runtime, portal), runtime.clock()
    category = campaign.category
    rows = [
        _row(table, now, country, category, is_open, count)
        for (country, is_open), count in _clients(session, campaign, now).items()
    ]
    return Expected(tuple(sorted(rows, key=lambda row: (-row.count, row.country, row.is_open))))


def _row(table: Table, now: datetime, country: str, category: str, is_open: bool, count: int) -> Row:
    cost = estimates.estimate(table, now.date(), country, category, is_session=False, is_open=is_open)
    word = estimates.category_of(category, is_session=False, is_open=is_open)
    price = table.price(country, word, now.date())
    is_free = price is not None and price.amount == 0
    return Row(country, word, is_open, count, cost.amount, cost.currency, cost.missing, is_free)


def _clients(session: Session, campaign: Campaign, now: datetime) -> Mapping[tuple[str, bool], int]:
    """(country, whether the window is open) → recipients who are to be written to."""
    pending = (Recipient.campaign_id == campaign.id) & (Recipient.state == RecipientState.PENDING)
    if campaign.category.lower() != UTILITY:
        plain = select(Recipient.country, func.count()).where(pending).group_by(Recipient.country)
        return {(country, False): count for country, count in session.execute(plain)}
    last = Conversation.last_inbound_at
    is_open = case(((last > now - WINDOW) & (last >= Line.connected_at), 1), else_=0)  # as conversations.window says
    same = and_(Conversation.line_id == Recipient.line_id, Conversation.phone_key == Recipient.phone_key)
    query = select(Recipient.country, is_open, func.count()).outerjoin(Line, Line.id == Recipient.line_id)
    query = query.outerjoin(Conversation, same).where(pending)
    found = session.execute(query.group_by(Recipient.country, is_open))
    return {(country, bool(opened)): count for country, opened, count in found}


@dataclass(frozen=True)
class Figures:
    """What a campaign's messages cost so far, in millionths of one currency.

    estimate: of all that have not failed; billed: of those Gupshup has billed; cost: what was billed, and the estimate of
    those that were delivered and not billed yet. bills, waiting: how many are billed, and delivered without a bill.
    """

    currency: str
    estimate: int
    billed: int
    cost: int
    bills: int
    waiting: int

    @property
    def is_billed(self) -> bool:
        """Whether `cost` is what was billed, and nothing of it an estimate."""
        return self.bills > 0 and self.waiting == 0

    def per(self, count: int) -> int | None:
        """The cost of one of `count` messages, in millionths; None if there are none."""
        return round(self.cost / count) if count else None


@dataclass(frozen=True)
class Spent:
    """figures: by currency, the largest first; unpriced: messages without a known price that have not failed."""

    figures: tuple[Figures, ...]
    unpriced: int


def spent(session: Session, campaign_id: int) -> Spent:
    """What a campaign's messages cost so far."""
    is_billed, has_arrived, counts = Message.billed.is_not(None), Message.status.in_(ARRIVED), is_charged(Message)
    query = (
        select(
            Message.currency,
            func.sum(Message.estimate),
            func.sum(case((is_billed, Message.cost), else_=0)),
            func.sum(case((counts, Message.cost), else_=0)),
            func.sum(case((is_billed, 1), else_=0)),
            func.sum(case((has_arrived & Message.billed.is_(None), 1), else_=0)),
            func.sum(case((Message.cost.is_(None), 1), else_=0)),
        )
        .where(Message.campaign_id == campaign_id, may_be_charged(Message))
        .group_by(Message.currency)
    )
    rows = session.execute(query).all()
    figures = [Figures(row[0], *(int(value or 0) for value in row[1:6])) for row in rows if row[0]]
    ordered = sorted(figures, key=lambda one: -one.estimate)
    return Spent(tuple(ordered), sum(int(row[6] or 0) for row in rows))


@dataclass(frozen=True)
class Short:
    """A line whose account does not have what its part of the campaign is expected to cost, with a reserve."""

    line: Line
    left: Left
    wanted: int


def short_of(session: Session, lines: list[Line], found: Expected) -> list[Short]:
    """Lines whose balance does not cover the campaign, each taken to send its even share."""
    known = accounts.of_lines(session, [line.id for line in lines])
    lefts = accounts.left_of(session, known.values())
    short = []
    for line in lines:
        left = lefts.get(line.id)
        wanted = int(found.totals.get(left.currency, 0) * RESERVE / len(lines)) if left is not None else 0
        if left is not None and wanted > left.amount:
            short.append(Short(line, left, wanted))
    return short
