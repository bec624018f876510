"""Rows of an XLSX workbook. Runs in `child`; openpyxl is imported by nobody else.

What openpyxl raises about a damaged file is of many kinds; `child` makes one answer of all of them.
"""

import warnings
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import openpyxl

from messaging.campaigns.sheets.cells import ERRORS, text_of
from messaging.campaigns.sheets.problems import Unreadable
from messaging.campaigns.sheets.rows import Message, row_message

MOST_PARTS = 200
MOST_UNPACKED = 200 * 1024 * 1024
MOST_UNPACKED_PART = 150 * 1024 * 1024
#: Rows of a sheet of Excel. A file may name higher ones, and would be read for hours.
LAST_ROW = 1_048_576
#: Rows in which formulas without a value are looked for.
LOOKED_AT = 200
_MARKUP_LOOKED_AT = 1024 * 1024


def messages(file: BinaryIO, sheet: str, ru: bool) -> Iterator[Message]:
    """The table, then rows and bad rows, then notes (`rows`). Raises Unreadable.

    sheet: its name; "" is the first visible one.
    """
    has_formulas = _check_parts(file)
    warnings.simplefilter("ignore")
    book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
    names = [found.title for found in book.worksheets if found.sheet_state == "visible"]
    if not book.worksheets:  # of the format "Strict", say, which openpyxl does not know
        raise Unreadable("broken")
    chosen = sheet or next(iter(names), book.worksheets[0].title)
    if chosen not in names:
        raise Unreadable("no_sheet", sheet=chosen)
    yield ["table", {"form": "xlsx", "sheet": chosen, "sheets": names}]
    reading = _Reading(ru)
    yield from reading.messages(_rows(book, chosen, LAST_ROW))
    if not reading.filled_rows and len(names) > 1:
        raise Unreadable("empty_sheet", sheet=chosen, others=", ".join(name for name in names if name != chosen))
    if reading.errors:
        yield ["note", "error", reading.errors, reading.first_error]
    if has_formulas:
        del book  # with its texts: both workbooks would need twice the memory
        yield from _formulas_without_value(file, chosen, reading.first_rows)


def _check_parts(file: BinaryIO) -> bool:
    """Refuse what is no workbook or would unpack into too much. Returns whether there are formulas near its beginning."""
    with zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
        names = {part.filename for part in parts}
        if (code := _foreign(names)) is not None:
            raise Unreadable(code)
        if any(part.flag_bits & 1 for part in parts):
            raise Unreadable("encrypted")
        sizes = [part.file_size for part in parts]
        if len(sizes) > MOST_PARTS or sum(sizes) > MOST_UNPACKED or max(sizes) > MOST_UNPACKED_PART:
            raise Unreadable("too_heavy")
        sheets = [name for name in names if name.startswith("xl/worksheets/") and name.endswith(".xml")]
        return any(_holds_formulas(archive, name) for name in sheets)


def _foreign(names: set[str]) -> str | None:
    """What a ZIP file is if it is no XLSX, as a code of problems.FILES."""
    if any(name.endswith(".iwa") for name in names):
        return "numbers"
    if "content.xml" in names:
        return "open_document"
    if "xl/workbook.bin" in names:
        return "binary_excel"
    if "[Content_Types].xml" not in names:
        return "archive"
    return "not_a_table" if any(name.startswith(("word/", "ppt/")) for name in names) else None


def _holds_formulas(archive: zipfile.ZipFile, name: str) -> bool:
    with archive.open(name) as part:
        markup = part.read(_MARKUP_LOOKED_AT)
    return b"<f>" in markup or b"<f " in markup


def _rows(book: Any, sheet: str, last: int) -> Iterator[tuple[Any, ...]]:
    """The values of each row up to its last cell; nothing of the size that the file claims to have is believed."""
    found = book[sheet]
    found.reset_dimensions()
    rows: Iterator[tuple[Any, ...]] = found.iter_rows(max_row=last, values_only=True)
    return rows


class _Reading:
    """Makes messages of rows, and counts. ru: language of dates and numbers."""

    def __init__(self, ru: bool) -> None:
        self.ru = ru
        self.filled_rows = 0
        self.errors = 0
        self.first_error = 0
        self.first_rows: list[tuple[Any, ...]] = []

    def messages(self, rows: Iterator[tuple[Any, ...]]) -> Iterator[Message]:
        for line, values in enumerate(rows, 1):
            if line <= LOOKED_AT:
                self.first_rows.append(values)
            cells = [self._cell(line, value) for value in values]
            while cells and not cells[-1]:
                cells.pop()
            if cells:
                self.filled_rows += 1
                yield row_message(line, cells, is_first=self.filled_rows == 1)

    def _cell(self, line: int, value: Any) -> str:
        if isinstance(value, str) and value in ERRORS:
            self.errors += 1
            self.first_error = self.first_error or line
            return ""
        return text_of(value, self.ru)


def _formulas_without_value(file: BinaryIO, sheet: str, first_rows: Sequence[tuple[Any, ...]]) -> Iterator[Message]:
    """A note if the first rows hold formulas that no spreadsheet has calculated: programs write such files.

    first_rows: their values. openpyxl gives either values or formulas, so the file is opened once more.
    """
    book = openpyxl.load_workbook(file, read_only=True, keep_links=False)
    count, first = 0, 0
    for line, (formulas, values) in enumerate(zip(_rows(book, sheet, LOOKED_AT), first_rows, strict=False), 1):
        both = zip(formulas, values, strict=False)
        without = sum(value is None and formula is not None for formula, value in both)
        first = first or (line if without else 0)
        count += without
    if count:
        yield ["note", "formula", count, first]
