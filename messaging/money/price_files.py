"""Prices that a person enters in a form or a CSV file: checked; each fault names its row and field."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import phonenumbers

from messaging.money.table import CATEGORIES, REST, Rate
from messaging.store import amounts

MOST_BYTES, MOST_ROWS = 512 * 1024, 5_000
#: Faults that are reported.
_MOST_FAULTS = 100
#: Columns of a file; the names in its first row, in any order.
COLUMNS = ("country", "category", "since", "amount", "currency")
_FIRST, _LAST = date(2020, 1, 1), date(2100, 1, 1)
_SEPARATORS = ";\t,"


@dataclass(frozen=True)
class Fault:
    """line: of the file, from 1, 0 of a form; field: of COLUMNS; text: what stood there, cut."""

    line: int
    field: str
    text: str


class Unreadable(Exception):
    """Not a list of prices at all. code: `empty`, `too_large`, `too_long`, `not_text`, `columns`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def rate_of(given: Mapping[str, str], line: int = 0) -> tuple[Rate | None, list[Fault]]:
    """A price, or None and what is wrong with it."""
    texts = {name: given.get(name, "").strip() for name in COLUMNS}
    country, category = texts["country"].upper(), texts["category"].lower()
    since, amount, currency = _day(texts["since"]), amounts.read(texts["amount"]), texts["currency"].upper()
    right = {
        "country": country == REST or country in phonenumbers.SUPPORTED_REGIONS,
        "category": category in CATEGORIES,
        "since": since is not None,
        "amount": amount is not None,
        "currency": amounts.is_currency(currency),
    }
    faults = [Fault(line, name, texts[name][:40]) for name, is_right in right.items() if not is_right]
    if faults or since is None:
        return None, faults
    return Rate(country, category, since, amount, currency, True), []


def _day(text: str) -> date | None:
    """2026-10-01 or 01.10.2026, between _FIRST and _LAST."""
    parts = text.split(".")
    written = "-".join(reversed(parts)) if len(parts) == 3 else text
    try:
        day = date.fromisoformat(written) if len(written) == 10 else None
    except ValueError:
        return None
    return day if day is not None and _FIRST <= day <= _LAST else None


def read(content: bytes) -> tuple[list[Rate], list[Fault]]:
    """A file of prices; nothing of it counts if it has a fault. Raises Unreadable."""
    rows = [(number, cells) for number, cells in _rows(_text(content)) if any(cells)]
    if not rows:
        raise Unreadable("empty")
    if len(rows) > MOST_ROWS + 1:
        raise Unreadable("too_long")
    head = [cell.casefold() for cell in rows[0][1]]
    if not set(COLUMNS) <= set(head):
        raise Unreadable("columns")
    places = {name: head.index(name) for name in COLUMNS}
    rates: list[Rate] = []
    faults: list[Fault] = []
    for line, cells in rows[1:]:
        given = {name: cells[place] if place < len(cells) else "" for name, place in places.items()}
        rate, wrong = rate_of({name: _unquoted(text) for name, text in given.items()}, line)
        rates += [rate] if rate is not None else []
        faults += wrong[: max(0, _MOST_FAULTS - len(faults))]
    if not rates and not faults:
        raise Unreadable("empty")
    return rates, faults


def _unquoted(text: str) -> str:
    """Our own files put an apostrophe before what a spreadsheet might take for a formula."""
    return text.removeprefix("'")


def _text(content: bytes) -> str:
    if len(content) > MOST_BYTES:
        raise Unreadable("too_large")
    if b"\0" in content or content.startswith(b"PK\x03\x04"):
        raise Unreadable("not_text")  # a workbook, say
    return content.decode("utf-8-sig", "replace")


def _rows(text: str) -> Sequence[tuple[int, list[str]]]:
    blank = "".join(_SEPARATORS) + ' "'
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip(blank)]
    separator = max(_SEPARATORS, key=lines[0][1].count) if lines else ","
    found = []
    for number, line in lines[: MOST_ROWS + 3]:
        try:
            cells = next(csv.reader([line], delimiter=separator), [])
        except csv.Error:
            cells = [line]
        found.append((number, [cell.strip() for cell in cells]))
    return found
