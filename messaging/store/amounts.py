"""Sums of money: whole millionths of a unit inside, text with units outside, never a float."""

import re
from decimal import Decimal

MILLION = 1_000_000
#: Units that one price, and one sum that somebody types, may have at most.
MOST = 1_000_000
_TYPED = re.compile(r"\d{1,9}(?:[.,]\d{1,6})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


def read(text: str) -> int | None:
    """Millionths of what somebody has written: "0.0802", "0,0802"; None if it is no sum from 0 to MOST with six places."""
    written = text.strip()
    if not _TYPED.fullmatch(written):
        return None
    amount = int(Decimal(written.replace(",", ".")) * MILLION)
    return amount if amount <= MOST * MILLION else None


def plain(amount: int) -> str:
    """Units as text, as the API and files show them: "12.5", "0.0802", "0"."""
    units, rest = divmod(abs(amount), MILLION)
    places = f"{rest:06d}".rstrip("0")
    return ("-" if amount < 0 else "") + (f"{units}.{places}" if places else str(units))


def shown(amount: int | None, currency: str) -> dict[str, str] | None:
    """Millionths as programs get them, `{"amount": "0.0612", "currency": "USD"}`; None: not known."""
    return None if amount is None or not currency else {"amount": plain(amount), "currency": currency}


def is_currency(text: str) -> bool:
    """Whether it is written as ISO 4217 writes currencies: "USD"."""
    return _CURRENCY.fullmatch(text) is not None
