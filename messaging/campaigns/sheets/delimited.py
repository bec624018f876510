"""Rows of a CSV file or another text with separators. Runs in `child`.

Encoding and separator are found by rules, not by guesses: a byte order mark, strict UTF-8, then Windows-1251. UTF-16 without
a mark is refused: Windows-1251 of an even length would pass for Chinese.
"""

import codecs
import csv
import io
from collections import Counter, deque
from collections.abc import Iterator
from typing import BinaryIO

from messaging.campaigns.sheets.problems import Unreadable
from messaging.campaigns.sheets.rows import Message, bad_row, row_message

SEPARATORS = (";", "\t", ",", "|")
#: `csv` wants one even where there is one column.
NO_SEPARATOR = "\x1f"
#: Lines of the file by which the separator is found.
LOOKED_AT = 20
#: Characters of a line; a cell that is quoted over several lines may have as many (`csv.field_size_limit`).
LONGEST_LINE = 131_072
#: Lines of a quoted cell. A quote that is never closed would swallow the rest of the file.
LONGEST_CELL_LINES = 50
_BLOCK = 64 * 1024
#: Bytes that no text holds. More than a twentieth of them: a picture, an archive, UTF-16 without its mark.
_CONTROL = bytes(code for code in range(32) if code not in b"\t\n\v\f\r\x1a\x1b")


def messages(file: BinaryIO) -> Iterator[Message]:
    """The table, then rows and bad rows (`rows`). Raises Unreadable."""
    encoding = _encoding(file)
    file.seek(0)
    lines = _Lines(io.TextIOWrapper(file, encoding, newline=""))
    sample = lines.ahead(LOOKED_AT)
    if next((line.lstrip()[:1] for line in sample if line.strip()), "") == "<":
        raise Unreadable("web_page")
    separator, width = _separator(lines, sample)
    yield ["table", {"form": "csv", "encoding": encoding.removesuffix("-sig"), "separator": separator}]
    is_first = True
    for number, (cells, is_open) in enumerate(_records(lines, separator, width), 1):
        if is_open:
            yield bad_row(number, cells, "row_too_long" if len(cells[0]) > LONGEST_LINE else "open_quote")
        elif any(cells):
            yield row_message(number, cells, is_first)
            is_first = False


def _encoding(file: BinaryIO) -> str:
    """The encoding in which the whole file can be read. Raises Unreadable."""
    head = file.read(_BLOCK)
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise Unreadable("encoding")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        possible = ["utf-16"]
    elif len(head.translate(None, _CONTROL)) < len(head) * 0.95 or head.startswith((b"%PDF", b"{\\rtf")):
        raise Unreadable("not_a_table")
    elif head.startswith(codecs.BOM_UTF8):
        possible = ["utf-8-sig"]
    else:
        possible = ["utf-8", "cp1251"]
    for encoding in possible:
        if _decodes(file, encoding):
            return encoding
        if encoding == "utf-8" and _is_damaged_utf8(head):
            break
    raise Unreadable("encoding")


def _decodes(file: BinaryIO, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    try:
        while block := file.read(_BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _is_damaged_utf8(head: bytes) -> bool:
    """Whether most letters can be read as UTF-8, as in a file that was cut off: in Windows-1251 all would be wrong ones."""
    text = head.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    return len(text) - len(text.encode("ascii", "ignore")) - wrong > wrong


class _Lines:
    """The lines of a text, with a place to put lines back. Of a line that is too long one character too many is left."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._waiting: deque[str] = deque()

    def next(self) -> str:
        """The next line with its end; "" behind the last one."""
        if self._waiting:
            return self._waiting.popleft()
        line = self._text.readline(LONGEST_LINE + 1)
        if len(line) > LONGEST_LINE:
            rest = line
            while rest and not rest.endswith(("\n", "\r")):
                rest = self._text.readline(LONGEST_LINE)
            return line
        return line.replace("\0", "") or line[:1]

    def put_back(self, lines: list[str]) -> None:
        """These lines come next."""
        self._waiting.extendleft(reversed(lines))

    def ahead(self, count: int) -> list[str]:
        """The next lines, which still come."""
        lines = [line for _ in range(count) if (line := self.next())]
        self.put_back(lines)
        return lines


def _separator(lines: _Lines, sample: list[str]) -> tuple[str, int]:
    """The separator and the number of columns: those that most of the first lines agree upon; ("", 1) for one column.

    A line `sep=;`, which spreadsheets obey and do not show, is taken out.
    """
    first = sample[0].strip().strip('"') if sample else ""
    if first[:4].lower() == "sep=" and len(first) == 5:
        lines.next()
        return first[4], _columns(sample[1:], first[4])[1]
    sample = [line for line in sample if len(line) <= LONGEST_LINE]  # `csv` would refuse all of them
    agreed = {separator: _columns(sample, separator) for separator in SEPARATORS}
    best = max(SEPARATORS, key=agreed.__getitem__)
    return (best, agreed[best][1]) if agreed[best][1] > 1 else ("", 1)


def _columns(sample: list[str], separator: str) -> tuple[int, int]:
    """(rows that agree, columns they have), for the most frequent number of columns; (0, 1) if most rows have one column."""
    try:
        cut = list(csv.reader(sample, delimiter=separator))
    except csv.Error:
        return 0, 1
    counted = Counter(len(cells) for cells in cut if len(cells) > 1 or any(map(str.strip, cells)))
    rows, columns = max(((rows, columns) for columns, rows in counted.items() if columns > 1), default=(0, 1))
    return (rows, columns) if rows * 2 > counted.total() else (0, 1)


def _records(lines: _Lines, separator: str, width: int) -> Iterator[tuple[list[str], bool]]:
    """The cells of each row, and whether they were cut in vain: (a line, True) if it opens a quote that is never closed.

    Then the lines behind it are read as rows of their own, for they may be whole. So they are if a quote of another row closed
    it: then the row of several lines has text behind that quote, or more cells than the table.
    """
    while first := lines.next():
        record = _Record(lines, first)
        cells = record.cells(separator)
        has_swallowed = len(record.taken) > 1 and (any(cells[width:]) or not _is_strict(record.taken, separator))
        if record.is_open or has_swallowed:
            lines.put_back(record.taken[1:])
            yield [first if len(first) > LONGEST_LINE else first.strip()], True
        else:
            yield cells, False


def _is_strict(taken: list[str], separator: str) -> bool:
    """Whether a closing quote is followed by a separator or the end of the line."""
    try:
        next(csv.reader(taken, delimiter=separator or NO_SEPARATOR, strict=True))
    except csv.Error:
        return False
    return True


class _Record:
    """The lines of one row, as `csv` asks for them. is_open: it wanted more of them than there are, or than a row may have."""

    def __init__(self, lines: _Lines, first: str) -> None:
        self.taken = [first]
        self.is_open = len(first) > LONGEST_LINE
        self._lines = lines

    def cells(self, separator: str) -> list[str]:
        """The row, cut; blanks around a cell, and the apostrophe before what looks like a formula, are taken off."""
        if self.is_open:
            return []
        try:
            cut = next(csv.reader(self._all(), delimiter=separator or NO_SEPARATOR), [])
        except csv.Error:
            self.is_open = True
            return []
        return [_bare(cell) for cell in cut]

    def _all(self) -> Iterator[str]:
        yield self.taken[0]
        while len(self.taken) < LONGEST_CELL_LINES and (line := self._lines.next()):
            self.taken.append(line)
            yield line
        self.is_open = True


def _bare(cell: str) -> str:
    text = cell.strip().strip("\ufeff")
    return text[1:] if text[:1] == "'" and text[1:].lstrip()[:1] in ("=", "+", "-", "@") else text
