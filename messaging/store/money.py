"""Prices that a portal has set, and what a line's Gupshup account has told about money and limits."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Date, ForeignKey, Integer, SmallInteger, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import JSON

from messaging.store.indexes import partial
from messaging.store.models import Base
from messaging.store.types import Key, UTCDateTime


class Price(Base):
    """What one message costs a portal from a day (UTC) on: it goes before the price that waba24 delivers.

    country: two letters, or "*" for all others; category: messaging.money.table.CATEGORIES; amount: millionths of `currency`.
    """

    __tablename__ = "price"
    __table_args__ = (UniqueConstraint("portal_id", "country", "category", "since"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portal.id"))
    country: Mapped[str] = mapped_column(String(2))
    category: Mapped[str] = mapped_column(String(40))
    since: Mapped[date] = mapped_column(Date)
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    user_id: Mapped[int | None] = mapped_column(Key)
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime)


class LineAccount(Base):
    """A line's budget, and what Gupshup's partner API has told about its account; not part of Line, which each round reads.

    budget: what the line's messages may cost a day, in millionths of budget_currency; None: any sum. balance, overdraft:
    millionths of `currency`; overdraft: down to which balance Gupshup sends, never above 0. quality: GREEN, YELLOW or RED.
    info: gupshup.partner.WabaInfo.to_dict(). due_at: when to ask next, None: never; problem: why the last question failed.
    """

    __tablename__ = "line_account"
    __table_args__ = (partial("ix_line_account_due", "shard", "due_at", where="due_at IS NOT NULL"),)

    line_id: Mapped[int] = mapped_column(ForeignKey("line.id"), primary_key=True, autoincrement=False)
    shard: Mapped[int] = mapped_column(Integer)
    budget: Mapped[int | None] = mapped_column(BigInteger)
    budget_currency: Mapped[str] = mapped_column(String(3), default="", server_default=text("''"))
    balance: Mapped[int | None] = mapped_column(BigInteger)
    overdraft: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    currency: Mapped[str] = mapped_column(String(3), default="", server_default=text("''"))
    balance_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    quality: Mapped[str] = mapped_column(String(10), default="", server_default=text("''"))
    quality_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    info: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    info_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    tries: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    problem: Mapped[str] = mapped_column(String(300), default="", server_default=text("''"))
