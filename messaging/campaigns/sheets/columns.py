"""Which row names the columns, and which column holds the phones, by the first rows of a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from messaging.campaigns.phone_cells import PhoneCell, may_be_phone, phone_of

#: Rows that are looked at, and cells that are read as phones: reading one takes a tenth of a millisecond.
LOOKED_AT, READ = 200, 3_000
_LONGEST_NAME = 100
#: A name with one of these is that of a column of phones.
_PHONE_WORDS = ("phone", "mobile", "whatsapp", "телефон", "тел.", "моб", "сотов", "ватсап", "вотсап", "вацап")

Rows = Sequence[tuple[int, Sequence[str]]]


@dataclass(frozen=True)
class Columns:
    """names: different ones, of the spreadsheet's letters where there is no name. line: of the names, 0 if nothing names them.

    above: lines before the names, as titles are. phone: index of the phones' column, None if there are no phones. why: `name`,
    `most` or "". phones: how many of the `looked_at` rows hold one there. doubt: a cell that means another number abroad.
    """

    names: tuple[str, ...]
    line: int
    above: tuple[int, ...]
    phone: int | None
    why: str
    phones: int
    looked_at: int
    doubt: tuple[str, PhoneCell] | None


def examine(rows: Rows, region: str, has_own_width: bool) -> Columns:
    """rows: (line, cells) of the first rows, one at least, none of them empty. region: of phones without a country code.

    has_own_width: a row says by itself how many cells it has, as in CSV; then the names say how many columns there are.
    """
    found = _phones(rows, region)
    titles = _titles(rows, found)
    is_header = not found[titles]
    line, header = rows[titles] if is_header else (0, ())
    body = range(titles + is_header, len(rows))
    width = len(header) if has_own_width and header else max(len(cells) for _line, cells in rows)
    names = _names(header, width)
    phone, why = _phone_column(names, [found[index] for index in body])
    read = [
        (rows[index][1][phone], found[index][phone]) for index in body if phone is not None and phone in found[index]
    ]
    return Columns(
        names,
        line,
        tuple(line for line, _cells in rows[:titles]),
        phone,
        why,
        len(read),
        len(body),
        next(((text, cell) for text, cell in read if cell.international), None),
    )


def _phones(rows: Rows, region: str) -> list[dict[int, PhoneCell]]:
    """The valid phones of each row by column; of READ cells only."""
    left = READ
    found: list[dict[int, PhoneCell]] = []
    for _line, cells in rows:
        asked = [column for column, cell in enumerate(cells) if may_be_phone(cell)][:left]
        left -= len(asked)
        read = {column: phone_of(cells[column], region) for column in asked}
        found.append({column: phone for column, phone in read.items() if phone.digits})
    return found


def _titles(rows: Rows, found: Sequence[dict[int, PhoneCell]]) -> int:
    """How many rows are above the names: one cell, no phone ("Clients for November"), where other rows have several cells."""
    filled = [sum(map(bool, cells)) for _line, cells in rows]
    if max(filled) == 1:
        return 0
    lone = len(list(takewhile(lambda pair: pair[0] == 1 and not pair[1], zip(filled, found, strict=True))))
    # Before a row with a phone the last of them is the row of names, of which only one was filled in.
    return lone - 1 if lone and found[lone] else lone


def _names(header: Sequence[str], width: int) -> tuple[str, ...]:
    names: list[str] = []
    taken: set[str] = set()
    for column in range(width):
        written = " ".join(header[column].split())[:_LONGEST_NAME].strip() if column < len(header) else ""
        name = plain = written or letter(column)
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{plain} {number}"
        taken.add(name.casefold())
        names.append(name)
    return tuple(names)


def letter(column: int) -> str:
    """How a spreadsheet calls the column with this index: A … Z, AA …"""
    high, low = divmod(column, 26)
    return (letter(high - 1) if high else "") + chr(ord("A") + low)


def _phone_column(names: Sequence[str], found: Sequence[dict[int, PhoneCell]]) -> tuple[int | None, str]:
    """The column with the most phones, of those whose name speaks of phones if one of them holds any."""
    counts = [sum(column in phones for phones in found) for column in range(len(names))]
    filled = [column for column, count in enumerate(counts) if count]
    named = [column for column in filled if any(word in names[column].casefold() for word in _PHONE_WORDS)]
    best = max(named or filled, key=counts.__getitem__, default=None)
    return best, ("name" if named else "most" if filled else "")
