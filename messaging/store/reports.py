"""What reports add up: a portal's messages by day, kept for years after the messages themselves are gone.

    ReportKey 1─* ReportDay, ReportMonth

A message counts on the day on which it was planned, by the portal's clock, with all that became of it later. The worker counts
(messaging.insight.daily); nothing is written here when a message is sent.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from sqlalchemy import BigInteger, Boolean, Date, ForeignKey, Index, Integer, String, UniqueConstraint, false
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from messaging.store.models import Base
from messaging.store.states import MessageStatus
from messaging.store.types import Key

#: Days that the worker counts again by itself, once a day: most messages are read and answered within them.
SETTLED = timedelta(days=14)
#: How far a day of a portal's zone may begin before, and end after, the same day in UTC.
EAST, WEST = timedelta(hours=14), timedelta(hours=12)
STATUSES = tuple(str(status) for status in MessageStatus)
#: What a day says besides how many messages have which status.
SUMS = ("replied", "opted_out", "priced", "billed", "cost")


class ReportKey(Base):
    """What the messages that one row of ReportDay counts have in common. "" and 0: they have no such thing.

    digest: of all that follows. last_day: the newest day of it; a key without days goes with the last of them.
    """

    __tablename__ = "report_key"
    __table_args__ = (
        UniqueConstraint("portal_id", "digest"),
        Index("ix_report_key_last", "last_day"),
        # A count that is under way must never find another key under its id.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portal.id"))
    digest: Mapped[str] = mapped_column(String(32))
    last_day: Mapped[date] = mapped_column(Date)
    line_id: Mapped[int] = mapped_column(Key)
    origin: Mapped[str] = mapped_column(String(10))
    action: Mapped[str] = mapped_column(String(40))
    campaign_id: Mapped[int] = mapped_column(Key)
    template: Mapped[str] = mapped_column(String(512))
    category: Mapped[str] = mapped_column(String(20))
    country: Mapped[str] = mapped_column(String(2))
    author_id: Mapped[int] = mapped_column(Key)
    currency: Mapped[str] = mapped_column(String(3))


class Counted:
    """How many messages have each status, and SUMS.

    replied, opted_out: messages after which the client did that. priced: messages of which it is known what they cost so
    far, billed: those that Gupshup has told to be charged; cost: of the priced ones together, millionths of the currency.
    """

    held: Mapped[int] = mapped_column(Integer)
    queued: Mapped[int] = mapped_column(Integer)
    sending: Mapped[int] = mapped_column(Integer)
    unknown: Mapped[int] = mapped_column(Integer)
    accepted: Mapped[int] = mapped_column(Integer)
    sent: Mapped[int] = mapped_column(Integer)
    delivered: Mapped[int] = mapped_column(Integer)
    read: Mapped[int] = mapped_column(Integer)
    failed: Mapped[int] = mapped_column(Integer)
    dropped: Mapped[int] = mapped_column(Integer)
    replied: Mapped[int] = mapped_column(Integer)
    opted_out: Mapped[int] = mapped_column(Integer)
    priced: Mapped[int] = mapped_column(Integer)
    billed: Mapped[int] = mapped_column(Integer)
    cost: Mapped[int] = mapped_column(BigInteger)


class ReportDay(Counted, Base):
    """The messages of a key that were planned on a day of the portal's zone."""

    __tablename__ = "report_day"
    __table_args__ = (Index("ix_report_day_day", "day", "portal_id"), {"sqlite_with_rowid": False})

    portal_id: Mapped[int] = mapped_column(ForeignKey("portal.id"), primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    key_id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)


class ReportMonth(Counted, Base):
    """The days of a month together, written with each of them: a year has a tenth of the rows. month: its first day."""

    __tablename__ = "report_month"
    __table_args__ = (Index("ix_report_month_month", "month"), {"sqlite_with_rowid": False})

    portal_id: Mapped[int] = mapped_column(ForeignKey("portal.id"), primary_key=True, autoincrement=False)
    month: Mapped[date] = mapped_column(Date, primary_key=True)
    key_id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)


class Recount(Base):
    """A day that is to be counted once more: something older than SETTLED has changed, or nobody has counted it yet.

    is_past: of before there were reports, so what clients answered is looked up first. has_begun: the worker counts it;
    whoever changes something meanwhile takes that back, so that it is counted again.
    """

    __tablename__ = "recount"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    is_past: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    has_begun: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())


def next_month(day: date) -> date:
    """The first day of the month after this day's."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def days_around(planned_at: datetime) -> set[date]:
    """The days on which a message may have been planned, by whatever zone its portal has."""
    return {(planned_at + by).date() for by in (-WEST, timedelta(), EAST)}


def count_again(session: Session, days: Iterable[date]) -> None:
    """Have the worker count these days once more."""
    rows = [{"day": day, "is_past": False, "has_begun": False} for day in sorted(days)]
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(Recount)
    again = statement.on_conflict_do_update(index_elements=["day"], set_={"has_begun": False})
    session.execute(again, rows)
