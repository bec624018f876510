"""The price table: which price holds where and when, and what is delivered."""

from __future__ import annotations

from datetime import date

import pytest

from messaging.money.table import CATEGORIES, DELIVERED_CURRENCY, REST, Cost, Rate, Table, delivered
from messaging.store import amounts

NEW, OLD = date(2026, 11, 23), date(2026, 9, 30)
FEE = 1_000


def own(country: str, category: str, since: str, amount: int, currency: str = "USD") -> Rate:
    return Rate(country, category, date.fromisoformat(since), amount, currency, True)


@pytest.mark.parametrize(
    ("country", "category", "day", "expected"),
    [
        ("RU", "marketing", NEW, 80_200),
        ("RU", "utility", NEW, 40_000),
        ("DE", "authentication", NEW, 55_000),
        ("US", "marketing", NEW, 25_000),
        ("CA", "marketing", NEW, 25_000),
        ("AT", "utility", NEW, 17_100),
        ("EE", "utility", NEW, 7_700),  # stands in no market: "Other"
        ("", "marketing", NEW, 60_400),
        ("EG", "authentication_international", NEW, 65_000),
        # Known to have changed, and not known to what: empty from that day on, never a guess.
        ("TR", "utility", date(2026, 3, 31), 5_300),
        ("TR", "utility", date(2026, 4, 1), None),
        ("GB", "marketing", date(2026, 6, 30), 52_900),
        ("GB", "marketing", NEW, None),
        ("UA", "utility", OLD, 21_200),
        ("UA", "utility", NEW, None),
        ("UA", "marketing", NEW, 86_000),
        ("KZ", "marketing", NEW, None),
        ("RU", "marketing", date(2025, 12, 31), None),
        # Free of charge until the rules changed on 2026-10-01, then at the price of utility.
        ("RU", "service", OLD, 0),
        ("RU", "service", NEW, 40_000),
        ("RU", "utility_window", OLD, 0),
        ("RU", "utility_window", date(2026, 10, 1), 40_000),
        ("UA", "utility_window", NEW, None),
        ("RU", "referral_conversion", NEW, 0),
        ("RU", "gupshup", NEW, FEE),
        ("RU", "nonsense", NEW, None),
    ],
)
def test_what_is_delivered(country: str, category: str, day: date, expected: int | None) -> None:
    rate = Table().price(country, category, day)
    assert (rate.amount if rate is not None else None) == expected


@pytest.mark.parametrize(
    ("rates", "country", "day", "expected"),
    [
        ([own("RU", "marketing", "2026-11-01", 90_000)], "RU", NEW, 90_000),
        ([own("RU", "marketing", "2026-11-24", 90_000)], "RU", NEW, 80_200),
        (
            [own("RU", "marketing", "2026-11-01", 90_000), own("RU", "marketing", "2026-11-20", 95_000)],
            "RU",
            NEW,
            95_000,
        ),
        ([own(REST, "marketing", "2026-11-01", 70_000)], "RU", NEW, 70_000),
        ([own(REST, "marketing", "2026-11-01", 70_000), own("RU", "marketing", "2026-01-01", 1)], "RU", NEW, 1),
        ([own("DE", "marketing", "2026-11-01", 70_000)], "RU", NEW, 80_200),
        ([own("TR", "marketing", "2026-11-01", 0)], "TR", NEW, 0),
    ],
)
def test_a_portals_own_price_goes_before_the_delivered_one(
    rates: list[Rate], country: str, day: date, expected: int
) -> None:
    rate = Table(rates).price(country, "marketing", day)
    assert rate is not None
    assert rate.amount == expected


def test_the_window_follows_a_portals_own_price_of_utility() -> None:
    table = Table([own("RU", "utility", "2026-11-01", 33_000)])
    assert table.cost("RU", "utility_window", NEW) == Cost(33_000 + FEE, "USD")


@pytest.mark.parametrize(
    ("rates", "category", "expected"),
    [
        ([], "marketing", Cost(80_200 + FEE, "USD")),
        ([], "", Cost(FEE, "USD")),
        ([], "nonsense", Cost(None, "", "nonsense")),
        ([own("RU", "marketing", "2026-01-01", 7_000_000, "RUB")], "marketing", Cost(None, "", "currency")),
        (
            [own("RU", "marketing", "2026-01-01", 7_000_000, "RUB"), own(REST, "gupshup", "2026-01-01", 90_000, "RUB")],
            "marketing",
            Cost(7_090_000, "RUB"),
        ),
        ([own("RU", "marketing", "2026-01-01", 0, "RUB")], "marketing", Cost(FEE, "USD")),
        ([own(REST, "gupshup", "2026-01-01", 0)], "marketing", Cost(80_200, "USD")),
    ],
)
def test_a_message_costs_its_price_and_gupshups_fee(rates: list[Rate], category: str, expected: Cost) -> None:
    assert Table(rates).cost("RU", category, NEW) == expected


def test_the_delivered_files_can_be_read_and_contradict_nothing() -> None:
    keys = [(rate.country, rate.category, rate.since) for rate in delivered()]
    assert len(keys) == len(set(keys)), "a price twice"
    assert {rate.category for rate in delivered()} <= set(CATEGORIES)
    assert all(rate.amount is None or 0 <= rate.amount < 1_000_000 for rate in delivered())
    assert {rate.currency for rate in delivered()} == {DELIVERED_CURRENCY, "=utility"}
    assert all(rate.country == REST or (len(rate.country) == 2 and rate.country.isupper()) for rate in delivered())


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0.0802", 80_200), ("0,0802", 80_200), (" 12 ", 12_000_000), ("0", 0), ("0.000001", 1), ("1000000", 10**12),
     ("0.0000001", None), ("-1", None), ("1e3", None), ("", None), ("1000001", None), ("1.2.3", None), ("٣", None),
     ("=1", None), ("1 000", None), (".5", None)],
)  # fmt: skip
def test_a_sum_is_read_without_a_float(text: str, expected: int | None) -> None:
    assert amounts.read(text) == expected
    if expected is not None:
        assert amounts.read(amounts.plain(expected)) == expected


def test_sums_are_shown_in_units() -> None:
    assert [amounts.plain(one) for one in (12_500_000, 80_200, 0, -250_000)] == ["12.5", "0.0802", "0", "-0.25"]
