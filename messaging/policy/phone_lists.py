"""A file of phones that somebody brings along from elsewhere: CSV or plain text → numbers, and why a row has none."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from activities import phones
from messaging.policy.consent import Cause, Client, stop_all
from messaging.runtime import Runtime
from messaging.store.models import Portal
from messaging.store.states import PortalStatus

MOST_BYTES = 1024 * 1024
#: Of a file, and as many phones.
MOST_ROWS = 10_000
#: Cells that are read as a phone, which takes a tenth of a millisecond each; digits of a phone with its extension.
MOST_READ, MOST_DIGITS = 12_000, 24
#: Entries written in one transaction.
GROUP = 500
#: Characters of a bad row that are shown.
SHOWN = 60
_FEWEST_DIGITS = 7
_DELIMITERS = ";\t,"
#: A column is that of the phones if its head holds one of these.
_HEADS = ("phone", "mobile", "whatsapp", "number", "телефон", "номер", "моб", "тел")


@dataclass(frozen=True)
class BadRow:
    """line: of the file, from 1. text: the row, shortened. reason: `no_phone` or `not_a_phone`."""

    line: int
    text: str
    reason: str


@dataclass
class PhoneList:
    """phones: digits, each once, in the file's order. rows: that are not empty, the head excepted."""

    phones: list[str] = field(default_factory=list)
    rows: int = 0
    repeated: int = 0
    bad: list[BadRow] = field(default_factory=list)


class Unreadable(Exception):
    """Not a list of phones at all. code: `empty`, `too_large`, `too_long`, `not_text`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def read(content: bytes, region: str) -> PhoneList:
    """Read a file. region: of numbers without a country code. Raises Unreadable."""
    text = _decoded(content)
    rows = list(islice(_rows(text), MOST_ROWS + 2))
    if len(rows) > MOST_ROWS + 1:
        raise Unreadable("too_long")
    column = _phone_column(rows[0][1]) if rows else None
    if rows and (column is not None or not any(map(_has_digits, rows[0][1]))):
        rows = rows[1:]
    if not rows:
        raise Unreadable("empty")
    found = PhoneList(rows=len(rows))
    known: dict[str, None] = {}
    asked = 0
    for line, cells in rows:
        texts = _texts(cells, column)
        asked += len(texts)
        if asked > MOST_READ:
            raise Unreadable("too_long")
        numbers = _numbers(texts, cells if column is None else texts, region)
        if not numbers:
            shown = " ".join(filter(None, cells))[:SHOWN]
            has_digits = any(map(_has_digits, cells))
            found.bad.append(BadRow(line, shown, "not_a_phone" if has_digits else "no_phone"))
        found.repeated += sum(number in known for number in numbers)
        known.update(dict.fromkeys(numbers))
        if len(known) > MOST_ROWS:  # of rows with many phones
            raise Unreadable("too_long")
    found.phones = list(known)
    return found


def put_on_list(runtime: Runtime, portal_id: int, numbers: Sequence[str], cause: Cause) -> int:
    """Put these clients on the portal's list; how many are new on it. A second call changes nothing.

    Stops early if the portal is uninstalled meanwhile, for its list may be deleted already.
    """
    new = 0
    for start in range(0, len(numbers), GROUP):
        clients = [Client.of(runtime, number) for number in numbers[start : start + GROUP]]
        new += runtime.db.write_again(partial(_put_group, runtime, portal_id, clients, cause))
    return new


def _put_group(runtime: Runtime, portal_id: int, clients: Sequence[Client], cause: Cause, session: Session) -> int:
    status = session.scalar(select(Portal.status).where(Portal.id == portal_id).with_for_update(read=True))
    return 0 if status == PortalStatus.INACTIVE else stop_all(session, runtime, portal_id, clients, cause)


def _decoded(content: bytes) -> str:
    if len(content) > MOST_BYTES:
        raise Unreadable("too_large")
    if not content.strip():
        raise Unreadable("empty")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    if b"\0" in content or content.startswith(b"PK\x03\x04"):
        raise Unreadable("not_text")  # a workbook, say
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1251", "replace")


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Line and cells of each row that is not empty, cut where the file is cut: by the separator its first lines have most."""
    head = text[:4096]
    delimiter = max(_DELIMITERS, key=head.count)
    blank = f'{_DELIMITERS} "'
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip(blank):
            continue
        try:
            cells = next(csv.reader([line], delimiter=delimiter), [])
        except csv.Error:
            cells = [line]
        if any(tidied := [cell.strip() for cell in cells]):
            yield number, tidied


def _phone_column(head: Sequence[str]) -> int | None:
    """Which column holds the phones by its head; None if no head says so."""
    if any(map(_has_digits, head)):
        return None
    named = (number for word in _HEADS for number, cell in enumerate(head) if word in cell.casefold())
    return next(named, None)


def _texts(cells: Sequence[str], column: int | None) -> list[str]:
    """What may be phones in a row: what its column holds, else all its cells with digits."""
    chosen = cells if column is None else cells[column : column + 1]
    return [cell for cell in chosen if _has_digits(cell)]


def _numbers(texts: Sequence[str], cells: Sequence[str], region: str) -> list[str]:
    """The phones of a row: all of them if its cells hold nothing else, else the first one."""
    found = [number for text in texts if (number := phones.digits(text, region))]
    return list(dict.fromkeys(found if len(found) == sum(map(bool, cells)) else found[:1]))


def _has_digits(cell: str) -> bool:
    return _FEWEST_DIGITS <= sum(character.isdecimal() for character in cell) <= MOST_DIGITS
