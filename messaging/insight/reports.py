"""What a portal's reports say: messages by day, line, robot and so on, from what the worker has counted (store.reports).

Days whose messages are all among the newest LIVE rows are counted as they stand, so a small portal sees its figures at once;
otherwise today's are up to five minutes old. A page costs the same with a thousand messages a day or with a hundred thousand:
what it adds up are the keys of the days, some hundreds each.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, case, func, literal, select
from sqlalchemy.orm import Session

from messaging.insight import report_counting
from messaging.insight.periods import HOUR, first_hour
from messaging.insight.report_counting import COUNTS, KEY, Piece
from messaging.policy import zones
from messaging.policy.settings import Policy
from messaging.store.models import Message, Portal
from messaging.store.reports import SETTLED, STATUSES, Recount, ReportDay, ReportKey, ReportMonth, next_month
from messaging.store.states import MessageStatus, Origin

MOST_DAYS = 400
#: Rows of one report; for more, a person takes a shorter period or groups by less.
MOST_ROWS = 20_000
#: The newest rows of `message`, which are counted when a report is asked for.
LIVE = 2_000
#: Taken by Gupshup and not refused since.
SENT = (MessageStatus.ACCEPTED, MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ)
_ROBOTS = (Origin.ROBOT, Origin.ACTIVITY)


class By(StrEnum):
    """What a report is grouped or filtered by (contract section 11, and the last two)."""

    DAY = "day"
    LINE = "line"
    TEMPLATE = "template"
    ORIGIN = "origin"
    ROBOT = "robot"
    CAMPAIGN = "campaign"
    CATEGORY = "category"
    COUNTRY = "country"
    EMPLOYEE = "employee"


#: Grouped by the day alone, a value is a date; line, campaign, employee: ids; else words. 0 and "": none.
Value = date | int | str
_NAMES = {
    By.LINE: "line_id",
    By.TEMPLATE: "template",
    By.ORIGIN: "origin",
    By.ROBOT: "action",
    By.CAMPAIGN: "campaign_id",
    By.CATEGORY: "category",
    By.COUNTRY: "country",
    By.EMPLOYEE: "author_id",
}
_PLACES = {by: KEY.index(name) for by, name in _NAMES.items()}
_ORIGIN, _CURRENCY = KEY.index("origin"), KEY.index("currency")
_ROBOT = case((ReportKey.origin.in_(_ROBOTS), ReportKey.action), else_="")


class TooManyRows(Exception):
    """The report would have more than MOST_ROWS rows."""


@dataclass(frozen=True)
class Question:
    """Messages planned from `since` until `until`, both included, by the portal's days; `only`: with these values."""

    since: date
    until: date
    by: tuple[By, ...] = ()
    only: Mapping[By, Value] = field(default_factory=dict)

    @property
    def days(self) -> int:
        return (self.until - self.since).days + 1

    def before(self) -> "Question":
        """The same about as many days before."""
        by = timedelta(days=self.days)
        return replace(self, since=self.since - by, until=self.until - by)


@dataclass
class Figures:
    """How many messages have which status, and what their clients did about them.

    priced: of which the cost is known; billed: which Gupshup has told to be charged; costs: currency → millionths.
    """

    by_status: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATUSES, 0))
    replied: int = 0
    opted_out: int = 0
    priced: int = 0
    billed: int = 0
    costs: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.by_status.values())

    @property
    def sent(self) -> int:
        return self.of(*SENT)

    @property
    def delivered(self) -> int:
        return self.of(MessageStatus.DELIVERED) + self.read

    @property
    def read(self) -> int:
        return self.of(MessageStatus.READ)

    @property
    def failed(self) -> int:
        return self.of(MessageStatus.FAILED)

    @property
    def open(self) -> int:
        """On their way, or nobody knows."""
        waiting = (MessageStatus.HELD, MessageStatus.QUEUED, MessageStatus.SENDING, MessageStatus.UNKNOWN)
        return self.of(*waiting)

    @property
    def is_shown(self) -> bool:
        """Whether there is anything to say: messages that were given up before they left count nowhere."""
        return bool(self.sent or self.failed or self.open)

    def of(self, *statuses: str) -> int:
        return sum(self.by_status[status] for status in statuses)

    def add(self, currency: str, counts: Sequence[int]) -> None:
        """counts: as COUNTS names them."""
        given = dict(zip(COUNTS, counts, strict=True))
        for status in STATUSES:
            self.by_status[status] += given[status]
        for name in ("replied", "opted_out", "priced", "billed"):
            setattr(self, name, getattr(self, name) + given[name])
        if given["priced"] and currency:
            self.costs[currency] = self.costs.get(currency, 0) + given["cost"]

    def take(self, other: "Figures") -> None:
        """Add the other's to these."""
        for status in STATUSES:
            self.by_status[status] += other.by_status[status]
        self.replied += other.replied
        self.opted_out += other.opted_out
        self.priced += other.priced
        self.billed += other.billed
        for currency, amount in other.costs.items():
            self.costs[currency] = self.costs.get(currency, 0) + amount


#: Values of what was grouped by → figures.
Rows = dict[tuple[Value, ...], Figures]


def zone_of(portal: Portal) -> tzinfo:
    """By which clock the portal's days are counted."""
    return zones.of(Policy.of(portal), portal.region, portal.language, portal.phone_region)


def rows(session: Session, portal: Portal, asked: Question, live: "Live", *, in_months: bool = False) -> Rows:
    """The report, in no order. live: as `live_from` says. Raises TooManyRows.

    in_months: grouped by the day, whole months may stand under their first day.
    """
    found: Rows = {}
    counted = _counted(session, portal.id, asked, live.day, in_months)
    for values, currency, counts in (*counted, *_live(session, portal, asked, live)):
        found.setdefault(values, Figures()).add(currency, counts)
        if len(found) > MOST_ROWS:
            raise TooManyRows
    return found


def sent_by_day(
    session: Session, portal: Portal, asked: Question, tops: Sequence[Value], live: "Live", *, in_months: bool = False
) -> dict[tuple[Value | None, date], int]:
    """How many messages were sent, by day and by the first of what is grouped by.

    tops: the values that are told apart; what has another counts as None's. in_months: as in `rows`.
    """
    found: dict[tuple[Value | None, date], int] = {}
    by_both = replace(asked, by=(asked.by[0], By.DAY))
    column = _column(asked.by[0])
    value = case((column.in_(tops), column), else_=None)
    for table, at, period in _spans(portal.id, asked, live.day, in_months):
        sent = sum((getattr(table, name) for name in SENT[1:]), getattr(table, SENT[0]))
        query = select(value, at, func.sum(sent)).join_from(table, ReportKey, ReportKey.id == table.key_id)
        for top, day, number in session.execute(query.where(*period, *_only(asked)).group_by(value, at)):
            found[top, day] = found.get((top, day), 0) + int(number)
    for (top, day), currency, counts in _live(session, portal, by_both, live):
        one = Figures()
        one.add(currency, counts)
        if isinstance(day, date):
            place = (top if top in tops else None, day)
            found[place] = found.get(place, 0) + one.sent
    return found


def total(found: Rows) -> Figures:
    """All rows together."""
    whole = Figures()
    for one in found.values():
        whole.take(one)
    return whole


def summed(found: Rows, place: int) -> Rows:
    """The same grouped by one of its values alone."""
    together: Rows = {}
    for values, one in found.items():
        together.setdefault((values[place],), Figures()).take(one)
    return together


# --- what the worker has counted --------------------------------------------------------------------------------------------


def _counted(
    session: Session, portal_id: int, asked: Question, before: date, in_months: bool
) -> Iterator[tuple[tuple[Value, ...], str, list[int]]]:
    """Of the days before `before`."""
    only = _only(asked)
    is_plain = not only and set(asked.by) <= {By.DAY}
    one_currency = _one_currency(session, portal_id, asked.since) if is_plain else None
    currency = ReportKey.currency if one_currency is None else literal(one_currency)
    for table, at, period in _spans(portal_id, asked, before, in_months or By.DAY not in asked.by):
        columns = [at if by == By.DAY else _column(by) for by in asked.by]
        sums = (func.sum(getattr(table, name)) for name in COUNTS)
        query = select(*columns, currency, *sums).where(*period, *only).limit(2 * MOST_ROWS)
        if one_currency is None:
            query = query.join_from(table, ReportKey, ReportKey.id == table.key_id)
        grouped = [*columns, *([currency] if one_currency is None else [])]
        query = query.group_by(*grouped) if grouped else query.having(func.count() > 0)
        width = len(columns)
        for row in session.execute(query):
            yield tuple(row[:width]), row[width], [int(value) for value in row[width + 1 :]]


def _one_currency(session: Session, portal_id: int, since: date) -> str | None:
    """The currency of all costs since then, "" if nothing has a cost; None: there are several.

    With one, a report that tells apart nothing but days need not look at the keys: half of what a year costs.
    """
    mine = (ReportKey.portal_id == portal_id, ReportKey.last_day >= since, ReportKey.currency != "")
    found = session.scalars(select(ReportKey.currency).where(*mine).distinct().limit(2)).all()
    return None if len(found) > 1 else next(iter(found), "")


def _spans(
    portal_id: int, asked: Question, before: date, in_months: bool
) -> list[tuple[type[ReportDay | ReportMonth], Any, list[Any]]]:
    """The tables that hold the period: whole months, if that is wanted, and the days before and after them.

    Each with its table, the column of the time, and the conditions.
    """
    end = min(asked.until + timedelta(days=1), before)
    first = asked.since if asked.since.day == 1 else next_month(asked.since)
    last = end.replace(day=1)
    if not in_months or first >= last:
        return [(ReportDay, ReportDay.day, _within(portal_id, ReportDay, ReportDay.day, asked.since, end))]
    return [
        (table, at, _within(portal_id, table, at, begin, until))
        for table, at, begin, until in (
            (ReportDay, ReportDay.day, asked.since, first),
            (ReportMonth, ReportMonth.month, first, last),
            (ReportDay, ReportDay.day, last, end),
        )
        if begin < until
    ]


def _within(portal_id: int, table: type[ReportDay | ReportMonth], at: Any, begin: date, end: date) -> list[Any]:
    return [table.portal_id == portal_id, at >= begin, at < end]


def _only(asked: Question) -> list[Any]:
    return [_column(by) == value for by, value in asked.only.items() if by != By.DAY]


def _column(by: By) -> ColumnElement[Any]:
    return _ROBOT if by == By.ROBOT else getattr(ReportKey, _NAMES[by])


# --- the newest rows, as they stand -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Live:
    """From which day on, which begins at this hour, and from which id on messages are counted as they stand. today: it is."""

    today: date
    day: date
    at: datetime
    first_id: int


def live_from(session: Session, portal: Portal, now: datetime) -> Live:
    """The first day that lies in the newest LIVE rows wholly; tomorrow, if today does not. At most SETTLED ago.

    Of days before that, messages may have been deleted already.
    """
    zone = zone_of(portal)
    today = now.astimezone(zone).date()
    earliest = today - SETTLED
    first_id = (session.scalar(select(Message.id).order_by(Message.id.desc()).limit(1)) or 0) - LIVE
    before = select(Message.created_at).where(Message.id < first_id).order_by(Message.id.desc()).limit(1)
    last_before = session.scalar(before) if first_id > 0 else None
    day = earliest
    if last_before is not None:
        day = max(earliest, (last_before + HOUR).astimezone(zone).date() + timedelta(days=1))
    return Live(today, day, first_hour(day, zone), first_id)


def _live(
    session: Session, portal: Portal, asked: Question, live: Live
) -> Iterator[tuple[tuple[Value, ...], str, list[int]]]:
    """Of the days from the live one on."""
    if asked.until < live.day:
        return
    zone, columns = zone_of(portal), report_counting.pieces(session)
    mine = (Message.id >= live.first_id, Message.portal_id == portal.id, Message.created_at >= live.at)
    for piece in map(
        Piece.read, session.execute(select(*columns, *report_counting.sums()).where(*mine).group_by(*columns))
    ):
        day = (piece.hour + HOUR / 2).astimezone(zone).date()
        if asked.since <= day <= asked.until and all(
            _value(piece, day, by) == value for by, value in asked.only.items()
        ):
            counts = report_counting.empty()
            report_counting.added(counts, piece)
            yield tuple(_value(piece, day, by) for by in asked.by), piece.key[_CURRENCY], counts


def _value(piece: Piece, day: date, by: By) -> Value:
    if by == By.DAY:
        return day
    if by == By.ROBOT and piece.key[_ORIGIN] not in _ROBOTS:
        return ""
    value: Value = piece.key[_PLACES[by]]
    return value


# --- what there is ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Known:
    """first: the portal's first day with messages, None: there is none. is_behind: earlier days are still being counted."""

    first: date | None
    is_behind: bool


def known(session: Session, portal: Portal, live: Live) -> Known:
    """From when on there are figures."""
    counted = select(ReportDay.day).where(ReportDay.portal_id == portal.id).order_by(ReportDay.day).limit(1)
    first = session.scalar(counted)
    if first is None:
        mine = (Message.id >= live.first_id, Message.portal_id == portal.id, Message.created_at >= live.at)
        at = session.scalar(select(Message.created_at).where(*mine).order_by(Message.id).limit(1))
        first = at.astimezone(zone_of(portal)).date() if at is not None else None
    behind = session.scalar(select(Recount.day).where(Recount.is_past).limit(1)) is not None
    return Known(first, behind)


def values(session: Session, portal_id: int, since: date) -> dict[By, set[Value]]:
    """What messages since then can be filtered by."""
    columns = {by: getattr(ReportKey, name) for by, name in _NAMES.items() if by != By.ROBOT} | {By.ROBOT: _ROBOT}
    mine = (ReportKey.portal_id == portal_id, ReportKey.last_day >= since)
    found: dict[By, set[Value]] = {by: set() for by in columns}
    for row in session.execute(select(*columns.values()).where(*mine)):
        for by, value in zip(columns, row, strict=True):
            if value:
                found[by].add(value)
    return found
