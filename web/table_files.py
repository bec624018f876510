"""Tables as files to download, XLSX or CSV: written while rows come, readable in every spreadsheet, without formulas.

Both can be uploaded again as the recipients of a campaign (messaging.campaigns.spreadsheets).
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path

from bx24.i18n import language

#: Rows of a file; more rows are divided by period.
MOST_ROWS = 100_000
#: Characters of a cell; Excel refuses a workbook with a longer one.
LONGEST_CELL = 32_767
_LONGEST_SHEET_NAME = 31
_NOT_IN_SHEET_NAMES = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
_GROUP = 500
_WIDTH = 20

Cell = str | int | float | Decimal | datetime | None


@dataclass(frozen=True)
class Column:
    """title: its name in the first row. is_phone: its cells are digits with the country code."""

    title: str
    is_phone: bool = False


class TooManyRows(Exception):
    """There are more than MOST_ROWS: nothing is to be cut off silently."""


def csv_pieces(
    columns: Sequence[Column], rows: Iterable[Sequence[Cell]], lang: str, *, is_first: bool = True
) -> Iterator[bytes]:
    """The pieces of a CSV file: UTF-8 with its mark, semicolons, lines end with CR LF. lang: of the decimal mark.
    is_first: False for what continues a file: it has neither mark nor titles.

    Moments are written as they are: give them in the reader's zone. Phones have no "+", which a spreadsheet would take for a
    formula; a text that it would take for one gets an apostrophe. Raises TooManyRows.
    """
    written = io.StringIO()
    writer = csv.writer(written, delimiter=";", lineterminator="\r\n")
    written.write("\ufeff")
    writer.writerow([harmless(column.title) for column in columns])
    ru = language(lang) == "ru"
    if is_first:
        yield written.getvalue().encode()
    for group in _groups(rows):
        written.seek(0)
        written.truncate()
        writer.writerows(
            [harmless(cell) if isinstance(cell, str) else _plain(cell, ru) for cell in row] for row in group
        )
        yield written.getvalue().encode()


def write_xlsx(path: Path, columns: Sequence[Column], rows: Iterable[Sequence[Cell]], sheet: str) -> None:
    """Write a workbook of one sheet to `path`, with temporary files beside it. Phones are texts with "+".

    Texts stay texts, whatever they look like; a text longer than LONGEST_CELL is cut. Moments are written as they are: give
    them in the reader's zone. Raises TooManyRows.
    """
    import xlsxwriter  # 10 MB that only an export needs

    with xlsxwriter.Workbook(path, {"constant_memory": True, "tmpdir": path.parent, "remove_timezone": True}) as book:
        table = book.add_worksheet(sheet_name(sheet))
        table.freeze_panes(1, 0)
        table.set_column(0, len(columns) - 1, _WIDTH)
        bold, moment = book.add_format({"bold": True}), book.add_format({"num_format": "dd.mm.yyyy hh:mm:ss"})
        for index, column in enumerate(columns):
            table.write_string(0, index, column.title, bold)
        for line, row in enumerate((row for group in _groups(rows) for row in group), 1):
            for index, (column, cell) in enumerate(zip(columns, row, strict=True)):
                if isinstance(cell, str):
                    if cell:
                        table.write_string(line, index, f"+{cell}" if column.is_phone else cell[:LONGEST_CELL])
                elif isinstance(cell, datetime):
                    table.write_datetime(line, index, cell, moment)
                elif cell is not None:
                    table.write_number(line, index, cell)


def harmless(cell: str) -> str:
    """The cell, quoted if a spreadsheet would take it for a formula."""
    return f"'{cell}" if cell.lstrip()[:1] in ("=", "+", "-", "@") or cell[:1] in ("\t", "\r") else cell


def sheet_name(name: str) -> str:
    """The name as Excel takes it for a sheet: 31 characters, some of them forbidden."""
    return _NOT_IN_SHEET_NAMES.sub(" ", name)[:_LONGEST_SHEET_NAME].strip(" '") or "Sheet1"


def _groups(rows: Iterable[Sequence[Cell]]) -> Iterator[list[Sequence[Cell]]]:
    """The rows in groups. Raises TooManyRows behind the last one that is allowed."""
    left, coming = MOST_ROWS, iter(rows)
    while group := list(islice(coming, _GROUP)):
        left -= len(group)
        if left < 0:
            raise TooManyRows
        yield group


def _plain(cell: int | float | Decimal | datetime | None, ru: bool) -> str:
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d %H:%M:%S")
    text = "" if cell is None else str(cell)
    return text.replace(".", ",") if ru else text
