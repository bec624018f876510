"""Recipients from a CSV or XLSX file that somebody uploaded: its columns, its rows, and why some of them are left out.

The file is read by a process of its own (`sheets.child`), which may die of it; here the file's bytes are never touched. Rows
come one by one: neither process holds the table.
"""

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from itertools import chain, zip_longest
from pathlib import Path
from signal import SIGKILL, SIGXCPU
from typing import Any, BinaryIO

import structlog

from bx24.i18n import Text, language
from messaging.campaigns.phone_cells import PhoneCell
from messaging.campaigns.sheets import MOST_BAD_ROWS, MOST_ROWS, SHOWN, child
from messaging.campaigns.sheets.child import Options
from messaging.campaigns.sheets.columns import LOOKED_AT, Columns, examine, letter
from messaging.campaigns.sheets.problems import FILES, NOTES, ROWS
from messaging.campaigns.sheets.rows import Message

ROOT = Path(__file__).resolve().parents[2]
#: Characters of the rows by which the columns are judged; until then they are held here.
_LOOKED_AT_CHARACTERS = 500_000
_BLOCK = 64 * 1024
_LONGEST_NAME = 100
#: A signal that ended the reading process → what was too much; SIGKILL comes when the machine has no memory left.
_KILLED: dict[int, str] = {SIGXCPU: "too_slow", SIGKILL: "too_heavy"}
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Header:
    """The first event. columns: names, all different. line: of the names; 0 if there are none, then they are A, B, C …

    phone: the column of the phones, "" if no cell of the first rows holds one. why: `name` (it is called so), `most` (it holds
    the most phones). phones: how many of the `looked_at` first rows hold one there.
    doubt: a cell that means two numbers (`PhoneCell.international`), and both; ask once per file.
    form: `xlsx` or `csv`. sheet, sheets: of a workbook, the visible ones. encoding, separator: of a CSV file.
    """

    columns: tuple[str, ...]
    line: int
    phone: str
    why: str
    phones: int
    looked_at: int
    doubt: tuple[str, PhoneCell] | None = None
    form: str = "csv"
    sheet: str = ""
    sheets: tuple[str, ...] = ()
    encoding: str = ""
    separator: str = ""


@dataclass(frozen=True)
class Row:
    """line: as the spreadsheet shows it, from 1. cells: text by column, "" for an empty cell; not all are empty."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True)
class BadRow:
    """A row that is left out. text: its beginning. reason: of problems.ROWS. column: its name, "" for the whole row."""

    line: int
    text: str
    reason: str
    column: str = ""

    @property
    def explanation(self) -> Text:
        """What is wrong, and what to do."""
        return ROWS[self.reason].format(column=self.column)


@dataclass(frozen=True)
class Note:
    """Something taken otherwise than it was meant. code: of problems.NOTES. count: of cells. line: of the first one."""

    code: str
    count: int
    line: int

    @property
    def explanation(self) -> Text:
        """What was done, and how to have it otherwise."""
        return NOTES[self.code].format(count=self.count, line=self.line)


@dataclass(frozen=True)
class End:
    """The last event, always. problem: why the file was not read or not to its end, of problems.FILES; "" if it was.

    rows: good ones. bad: rows left out; the first MOST_BAD_ROWS of them were handed on. peak_kb: memory of the process that
    read, 0 if it was killed.
    """

    problem: str
    explanation: Text
    rows: int = 0
    bad: int = 0
    notes: tuple[Note, ...] = ()
    peak_kb: int = 0


Event = Header | Row | BadRow | End


@dataclass(frozen=True)
class Limits:
    """What the reading process may use. wait_s: seconds in which we wait for it; what our caller takes is not counted."""

    memory_bytes: int = Options.memory_bytes
    cpu_s: int = Options.cpu_s
    wait_s: float = 180.0


def read(
    path: Path, name: str, *, region: str, lang: str = "ru", sheet: str = "", limits: Limits | None = None
) -> Iterator[Event]:
    """Header, then rows and bad rows in the file's order, then End. Without a single row there is no Header.

    path: of the stored upload; name: as it was called where it came from, for the texts. region: of phones without a country
    code. lang: of dates and numbers. sheet: of a workbook, "" for the first visible one.
    Rows before an End with a problem are whole; whether they are used is the caller's choice. Whatever the file holds, nothing
    is raised; OSError says that no process could be started.
    """
    limits = limits or Limits()
    options = Options(sheet, language(lang) == "ru", limits.memory_bytes, limits.cpu_s)
    reading = _Reading(name, region)
    try:
        file = path.open("rb")
    except OSError:
        yield reading.end("gone", {})
        return
    with file, closing(_messages(file, options, limits.wait_s)) as messages:
        yield from reading.events(messages)


@dataclass
class _Reading:
    """Makes events of the messages of the reading process (`sheets.rows`), and counts. name: of the file."""

    name: str
    region: str
    rows: int = 0
    bad: int = 0
    table: dict[str, Any] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    def events(self, messages: Iterator[Message]) -> Iterator[Event]:
        """Everything from Header to End."""
        first = self._first(messages)
        looked_at = [(message[1], message[2]) for message in first if message[0] == "row"]
        columns = examine(looked_at, self.region, self.table["form"] == "csv") if looked_at else None
        if columns is not None:
            yield self._header(columns)
        for kind, *values in chain(first, messages):
            if kind == "end":
                yield self.end(values[0], values[1], columns)
                return
            if kind == "note":
                self.notes.append(Note(*values))
                continue
            if self.rows + self.bad == MOST_ROWS:
                yield self.end("too_many_rows", {}, columns)
                return
            event = self._row(columns, *values) if columns and kind == "row" else self._bad_row(columns, *values)
            if event is not None:
                yield event

    def _first(self, messages: Iterator[Message]) -> list[Message]:
        """The messages by which the columns are judged; what says how to read the table goes into `table`."""
        first: list[Message] = []
        rows, characters = 0, 0
        for message in messages:
            if message[0] == "table":
                self.table = message[1]
                continue
            first.append(message)
            if message[0] == "row":
                rows += 1
                characters += sum(map(len, message[2]))
            if message[0] == "end" or rows == LOOKED_AT or characters > _LOOKED_AT_CHARACTERS or len(first) > MOST_ROWS:
                break
        return first

    def _header(self, columns: Columns) -> Header:
        return Header(
            columns.names,
            columns.line,
            "" if columns.phone is None else columns.names[columns.phone],
            columns.why,
            columns.phones,
            columns.looked_at,
            columns.doubt,
            self.table["form"],
            self.table.get("sheet", ""),
            tuple(self.table.get("sheets", ())),
            self.table.get("encoding", ""),
            self.table.get("separator", ""),
        )

    def _row(self, columns: Columns, line: int, cells: list[str]) -> Row | BadRow | None:
        if line == columns.line:
            return None
        width = len(columns.names)
        if line in columns.above:
            return self._bad_row(columns, line, None, " ".join(cells)[:SHOWN], "above_header")
        # In CSV a separator inside a text shifts the cells; in a workbook nothing shifts, and what has no name is nobody's.
        if self.table["form"] == "csv" and any(cells[width:]):
            return self._bad_row(columns, line, None, " ".join(cells)[:SHOWN], "extra_cells")
        self.rows += 1
        return Row(line, dict(zip_longest(columns.names, cells[:width], fillvalue="")))

    def _bad_row(self, columns: Columns | None, line: int, column: int | None, text: str, reason: str) -> BadRow | None:
        self.bad += 1
        if self.bad > MOST_BAD_ROWS:
            return None
        names = columns.names if columns else ()
        where = "" if column is None else names[column] if column < len(names) else letter(column)
        return BadRow(line, text, reason, where)

    def end(self, problem: str, facts: dict[str, Any], columns: Columns | None = None) -> End:
        """The last event. facts: what the reading process found out besides."""
        if not problem and not self.rows + self.bad:
            problem = "only_header" if columns else "empty"
        values = {"name": self.name[:_LONGEST_NAME], **facts}
        explanation = FILES[problem].format(**values) if problem else Text("", "")
        peak_kb = facts.get("peak_kb", 0)
        log.info(
            "spreadsheet read",
            problem=problem,
            error=facts.get("error", ""),
            rows=self.rows,
            bad=self.bad,
            peak_mb=peak_kb // 1024,
        )
        return End(problem, explanation, self.rows, self.bad, tuple(self.notes), peak_kb)


def _messages(file: BinaryIO, options: Options, wait_s: float) -> Generator[Message, None, None]:
    """The messages of a process that reads the file; the last one is an "end", and the process is gone then."""
    process = subprocess.Popen(
        [sys.executable, "-m", child.__name__, json.dumps(asdict(options))],
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env={"LC_ALL": "C"},  # SECRET_KEY and the rest are none of its business
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        for line in _lines(process.stdout.fileno(), wait_s):
            message = json.loads(line)
            yield message
            if message[0] == "end":
                return
        yield ["end", _KILLED.get(-process.wait(), "broken"), {"error": f"exit {process.returncode}"}]
    except TimeoutError:
        yield ["end", "too_slow", {"error": "timeout"}]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _lines(pipe: int, wait_s: float) -> Iterator[bytes]:
    """The lines of a pipe until it is closed. Raises TimeoutError after `wait_s` seconds of waiting for it."""
    left, rest = wait_s, b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            since = time.monotonic()
            is_ready = left > 0 and selector.select(left)
            left -= time.monotonic() - since
            if not is_ready:
                raise TimeoutError
            block = os.read(pipe, _BLOCK)
            if not block:
                return
            *lines, rest = (rest + block).split(b"\n")
            yield from lines
