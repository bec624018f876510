"""The price table: what one message costs by country, category and day.

A portal's own price goes before the one that waba24 delivers, its price for all other countries too; of several, the one with
the newest day counts. A delivered price may be empty: it is known to have changed, and not known to what.
"""

import csv
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from messaging.store import amounts

REST = "*"
MARKETING, UTILITY, AUTHENTICATION, SERVICE = "marketing", "utility", "authentication", "service"
#: A utility template inside an open 24-hour window. Gupshup's own fee for each message.
UTILITY_WINDOW, FEE = "utility_window", "gupshup"
INTERNATIONAL, REFERRAL = "authentication_international", "referral_conversion"
#: In the order in which people read them.
CATEGORIES = (MARKETING, UTILITY, UTILITY_WINDOW, AUTHENTICATION, INTERNATIONAL, SERVICE, REFERRAL, FEE)
#: The currency of what waba24 delivers.
DELIVERED_CURRENCY = "USD"
_SAME_AS = "=utility"
_FOLDER = Path(__file__).parent / "delivered"


@dataclass(frozen=True)
class Rate:
    """One row. country: two letters or REST; since: the first day, by UTC; amount: millionths, None: not known."""

    country: str
    category: str
    since: date
    amount: int | None
    currency: str
    is_own: bool = False


@dataclass(frozen=True)
class Cost:
    """What a message costs. amount: millionths, None if a price is missing; missing: its category, "currency" if the price
    and Gupshup's fee are in different ones."""

    amount: int | None
    currency: str
    missing: str = ""


class Table:
    """The prices of one portal."""

    def __init__(self, own: Iterable[Rate] = ()) -> None:
        self._own = _sorted(own)
        self._delivered = _sorted(delivered())
        self._known: dict[tuple[str, str, date], Cost] = {}

    def price(self, country: str, category: str, day: date) -> Rate | None:
        """The price in force, without Gupshup's fee; None if nobody has ever set one."""
        for rates in (self._own, self._delivered):
            for place in (country, REST):
                of_place = rates.get((place, category))
                if found := _in_force(of_place, day):
                    return self._followed(found, country, day)
                if of_place and rates is self._delivered:
                    return None  # this market's price of that day is not known, and it was not that of all others
        return None

    def _followed(self, rate: Rate, country: str, day: date) -> Rate | None:
        """A delivered rate that is that of utility."""
        if rate.currency != _SAME_AS:
            return rate
        return self.price(country, UTILITY, day)

    def cost(self, country: str, category: str, day: date) -> Cost:
        """What one message costs, Gupshup's fee included. category: "" for one that costs the fee alone."""
        key = (country, category, day)
        if key not in self._known:
            if len(self._known) > 5_000:
                self._known.clear()
            self._known[key] = self._cost(*key)
        return self._known[key]

    def _cost(self, country: str, category: str, day: date) -> Cost:
        fee = self.price(country, FEE, day)
        if fee is None or fee.amount is None:
            return Cost(None, "", FEE)
        if not category:
            return Cost(fee.amount, fee.currency)
        price = self.price(country, category, day)
        if price is None or price.amount is None:
            return Cost(None, "", category)
        if price.amount and fee.amount and price.currency != fee.currency:
            return Cost(None, "", "currency")
        return Cost(price.amount + fee.amount, price.currency if price.amount else fee.currency)

    def rows(self, day: date) -> list[Rate]:
        """The prices in force on this day, and those to come, as the page lists them: own ones first."""
        current: list[Rate] = []
        for rates in (self._own, self._delivered):
            for of_place in rates.values():
                now = _in_force(of_place, day)
                current += [one for one in of_place if one is now or one.since > day]
        return current


def _sorted(rates: Iterable[Rate]) -> dict[tuple[str, str], list[Rate]]:
    found: defaultdict[tuple[str, str], list[Rate]] = defaultdict(list)
    for rate in sorted(rates, key=lambda one: one.since):
        found[rate.country, rate.category].append(rate)
    return dict(found)


def _in_force(rates: list[Rate] | None, day: date) -> Rate | None:
    """The newest of them that has begun."""
    begun = bisect_right(rates, day, key=lambda one: one.since) if rates else 0
    return rates[begun - 1] if rates and begun else None


@cache
def delivered() -> tuple[Rate, ...]:
    """The prices that waba24 delivers; the head of each file in `delivered/` names its source."""
    places = {row["market"]: row["countries"].split() for row in _rows("markets.csv")}
    return tuple(
        Rate(country, row["category"], date.fromisoformat(row["since"]), *_amount(row["amount"]))
        for row in _rows("prices.csv")
        for country in places.get(row["market"], [row["market"]])
    )


def _amount(text: str) -> tuple[int | None, str]:
    return (None, _SAME_AS) if text == _SAME_AS else (amounts.read(text), DELIVERED_CURRENCY)


def _rows(name: str) -> Iterator[dict[str, str]]:
    lines = (_FOLDER / name).read_text(encoding="utf-8").splitlines()
    return csv.DictReader(line for line in lines if not line.startswith("#"))
