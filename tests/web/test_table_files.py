"""Exported tables: read back as they were written, by a spreadsheet's eyes and as recipients; nothing runs in them."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from decimal import Decimal
from itertools import repeat
from pathlib import Path

import openpyxl
import pytest

from messaging.campaigns.spreadsheets import Row, read
from web.table_files import LONGEST_CELL, Cell, Column, TooManyRows, csv_pieces, sheet_name, write_xlsx

COLUMNS = [Column("Телефон", is_phone=True), Column("Имя"), Column("=Цена"), Column("Когда")]
AT = datetime(2026, 3, 17, 9, 30, 5, tzinfo=UTC)
TEXTS = [
    "=1+1",
    "+7",
    "-1",
    "@SUM(A1)",
    "\t=1",
    " =1",
    "https://example.com",
    "007",
    "1e5",
    'ООО "Ёж"; Ко\nвторая',
    "Я" * 99,
]
ROWS: list[list[Cell]] = [["79161234567", text, Decimal("3.25"), AT] for text in TEXTS]


def as_recipients(path: Path) -> list[dict[str, str]]:
    return [event.cells for event in read(path, path.name, region="RU") if isinstance(event, Row)]


def test_csv_is_read_back_and_holds_no_formula(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"".join(csv_pieces(COLUMNS, ROWS, "ru")))
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        head, *rows = list(csv.reader(file, delimiter=";"))
    assert head == ["Телефон", "Имя", "'=Цена", "Когда"]
    assert [row[0] for row in rows] == ["79161234567"] * len(TEXTS)
    assert {(row[2], row[3]) for row in rows} == {("3,25", "2026-03-17 09:30:05")}
    assert [row[1] for row in rows] == [f"'{text}" if text.strip()[0] in "=+-@" else text for text in TEXTS]
    again = as_recipients(path)
    assert [row["Имя"].strip() for row in again] == [text.strip() for text in TEXTS]
    assert "=Цена" in again[0]


def test_a_workbook_is_read_back_and_holds_texts_only(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    write_xlsx(path, COLUMNS, [*ROWS, ["", "x" * (LONGEST_CELL + 1), None, None]], "Получатели: [март]/1")
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["Получатели   март  1"]
    head, *rows, longest = list(book.worksheets[0].iter_rows())
    assert [cell.value for cell in head] == ["Телефон", "Имя", "=Цена", "Когда"]
    assert [row[1].value for row in rows] == TEXTS
    assert {cell.data_type for row in rows for cell in row[:2]} == {"s"}
    assert {cell.hyperlink for row in rows for cell in row} == {None}
    assert {(row[0].value, row[2].value, row[3].value) for row in rows} == {
        ("+79161234567", 3.25, AT.replace(tzinfo=None))
    }
    assert [len(longest[1].value), longest[0].value, longest[2].value] == [LONGEST_CELL, None, None]
    assert [path.name for path in tmp_path.iterdir()] == ["x.xlsx"]
    again = as_recipients(path)
    assert [row["Имя"] for row in again] == [text.strip() for text in TEXTS]
    assert again[0] == {"Телефон": "+79161234567", "Имя": "=1+1", "=Цена": "3,25", "Когда": "17.03.2026 09:30:05"}


def test_nothing_is_cut_off_silently() -> None:
    with pytest.raises(TooManyRows):
        list(csv_pieces([Column("a")], repeat(["x"], 100_001), "ru"))


def test_rows_are_asked_for_while_they_are_written() -> None:
    asked = 0

    def rows() -> object:
        nonlocal asked
        while asked < 5_000:
            asked += 1
            yield ["x"]

    pieces = csv_pieces([Column("a")], rows(), "ru")  # type: ignore[arg-type]
    next(pieces)
    assert asked == 0
    next(pieces)
    assert asked == 500


@pytest.mark.parametrize(("name", "as_written"), [("", "Sheet1"), ("'a'", "a"), ("я" * 40, "я" * 31), ("a:b\n", "a b")])
def test_the_name_of_a_sheet_is_one_that_excel_takes(name: str, as_written: str) -> None:
    assert sheet_name(name) == as_written
