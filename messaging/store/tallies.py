"""How many messages came how far, by day and by hour: counted by the worker (messaging.insight.daily)."""

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from messaging.store.models import Base
from messaging.store.types import UTCDateTime

#: Stands among the statuses of an hour, for what clients wrote in it.
REPLY = "reply"


class Tally(Base):
    """How many messages of a line, planned on a day (UTC), have come how far. Kept when the messages go."""

    __tablename__ = "tally"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    line_id: Mapped[int] = mapped_column(ForeignKey("line.id"), primary_key=True)
    status: Mapped[str] = mapped_column(String(10), primary_key=True)
    count: Mapped[int] = mapped_column(Integer)


class HourTally(Base):
    """The same by hour, and the replies that came in it (REPLY): a day begins elsewhere in each time zone.

    Kept for some days longer than the two weeks that are compared.
    """

    __tablename__ = "hour_tally"
    __table_args__ = (Index("ix_hour_tally_hour", "hour"),)

    line_id: Mapped[int] = mapped_column(ForeignKey("line.id"), primary_key=True)
    hour: Mapped[datetime] = mapped_column(UTCDateTime, primary_key=True)
    status: Mapped[str] = mapped_column(String(10), primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
