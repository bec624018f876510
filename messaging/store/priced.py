"""The columns that say what a message costs."""

from sqlalchemy import BigInteger, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column


class Priced:
    """What a message costs, in millionths of `currency`; None: no price is known.

    estimate: by the price table when it was planned; stays. cost: the same until Gupshup has told whether WhatsApp charges
    the message, then what it is charged. billed: what Gupshup told, 1 charged, 0 free of charge, None: nothing yet;
    billed_category: as what. A message costs `cost` if it is billed or has been delivered, else nothing yet.
    """

    estimate: Mapped[int | None] = mapped_column(BigInteger)
    cost: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3), default="", server_default=text("''"))
    billed: Mapped[int | None] = mapped_column(SmallInteger)
    billed_category: Mapped[str] = mapped_column(String(20), default="", server_default=text("''"))
