"""The columns that say what a message costs."""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

#: Statuses of messages that are on the client's phone, and of those that will never be.
ARRIVED, FAILED = ("delivered", "read"), ("failed", "dropped")


class Priced:
    """What a message costs, in millionths of `currency`; None: no price is known.

    estimate: by the price table when it was planned; stays. cost: the same until Gupshup has told whether WhatsApp charges
    the message, then what it is charged. billed: what Gupshup told, 1 charged, 0 free of charge, None: nothing yet;
    billed_category: as what. A message costs `cost` if it is charged (`is_charged`), else nothing yet.
    """

    estimate: Mapped[int | None] = mapped_column(BigInteger)
    cost: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3), default="", server_default=text("''"))
    billed: Mapped[int | None] = mapped_column(SmallInteger)
    billed_category: Mapped[str] = mapped_column(String(40), default="", server_default=text("''"))


def is_charged(message: Any) -> ColumnElement[bool]:
    """Whether a message (the model) costs anything by now: it is billed, or delivered and no bill has come."""
    found: ColumnElement[bool] = message.billed.is_not(None) | message.status.in_(ARRIVED)
    return found


def may_be_charged(message: Any) -> ColumnElement[bool]:
    """Whether it costs something or still may: without a bill, what has failed costs nothing."""
    found: ColumnElement[bool] = message.billed.is_not(None) | message.status.not_in(FAILED)
    return found


def charge(cost: int | None, status: str, billed: int | None) -> int | None:
    """What a message costs, as far as it is known: nobody is charged for one that has failed without a bill."""
    return None if status in FAILED and billed is None else cost
