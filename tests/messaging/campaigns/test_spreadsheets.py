"""Spreadsheets of recipients: every file gives a report, whatever it is; columns and phones are found; little memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from messaging.campaigns.sheets.problems import FILES, ROWS
from messaging.campaigns.spreadsheets import BadRow, End, Event, Header, Limits, Row, read
from tests.messaging.campaigns import hostile
from tests.messaging.campaigns.hostile import CASES, GOOD, HEADER, ONE, TWO, Case, book, csv, row

NAME = "клиенты.xls"


def events(
    folder: Path, content: bytes, sheet: str = "", lang: str = "ru", limits: Limits | None = None
) -> list[Event]:
    path = folder / "upload"
    path.write_bytes(content)
    return list(read(path, NAME, region="RU", sheet=sheet, lang=lang, limits=limits))


def last(found: Sequence[Event]) -> End:
    assert isinstance(found[-1], End)
    return found[-1]


def cells(found: Sequence[Event]) -> list[list[str]]:
    return [list(event.cells.values()) for event in found if isinstance(event, Row)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_file_gives_a_report(case: Case, tmp_path: Path) -> None:
    found = events(tmp_path, case.content(), case.sheet)
    end = last(found)
    assert end.problem == case.problem
    bad = [event for event in found if isinstance(event, BadRow)]
    assert ([(one.line, one.reason) for one in bad], end.bad) == (list(case.bad), len(case.bad))
    rows = [event for event in found if isinstance(event, Row)]
    assert len(rows) == end.rows
    if not end.problem:
        assert end.rows == case.rows
    assert tuple(note.code for note in end.notes) == case.notes
    assert all(said.explanation.en and said.explanation.ru for said in [*bad, *end.notes])
    assert (NAME in end.explanation.ru and NAME in end.explanation.en) == bool(end.problem)
    header = next((event for event in found if isinstance(event, Header)), None)
    if case.phone is not None:
        assert header is not None
        assert header.phone == case.phone
        assert not case.phone or all(one.cells[case.phone] for one in rows)
    assert end.peak_kb < 300 * 1024


def test_every_problem_and_reason_has_a_file_here() -> None:
    assert {case.problem for case in CASES} | {"gone", "too_slow"} == {*FILES, ""}
    assert {reason for case in CASES for _line, reason in case.bad} == set(ROWS)


@pytest.mark.parametrize(
    ("limits", "rows", "problem"),
    [
        (Limits(wait_s=0), GOOD, "too_slow"),
        (Limits(cpu_s=1), GOOD * 30_000, "too_slow"),
        (Limits(memory_bytes=60 * 1024 * 1024), row(*[1] * 100_000), "too_heavy"),
    ],
    ids=["waiting", "processor", "memory"],
)
def test_whoever_takes_too_long_or_too_much_is_ended(limits: Limits, rows: str, problem: str, tmp_path: Path) -> None:
    assert last(events(tmp_path, book(HEADER + rows), limits=limits)).problem == problem


def test_a_file_that_was_deleted_is_told(tmp_path: Path) -> None:
    assert [event.problem for event in read(tmp_path / "no", NAME, region="RU") if isinstance(event, End)] == ["gone"]


def test_who_stops_reading_leaves_no_process(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(csv("phone", *[ONE] * 50_000))
    reading = read(path, NAME, region="RU")
    assert isinstance(next(reading), Header)
    ours = [child for child in psutil.Process().children() if "messaging.campaigns.sheets.child" in child.cmdline()]
    assert len(ours) == 1
    reading.close()  # type: ignore[attr-defined]
    assert not ours[0].is_running()


@pytest.mark.parametrize(
    ("lang", "shown"),
    [
        ("ru", ["17.03.2026 09:30", "17.03.2026", "1500,5", "79161234567", "да", "0,00001", "", "=1+1"]),
        ("en", ["03/17/2026 09:30 am", "03/17/2026", "1500.5", "79161234567", "yes", "0.00001", "", "=1+1"]),
    ],
)
def test_cells_are_told_as_their_reader_sees_them(lang: str, shown: list[str], tmp_path: Path) -> None:
    values = (
        *('<c s="1"><v>46098.3958333333</v></c>', '<c s="1"><v>46098</v></c>', 1500.5, 79161234567.0),
        *('<c t="b"><v>1</v></c>', 1e-05, None, "=1+1"),
    )
    found = events(tmp_path, book(row(*"abcdefgh") + row(*values)), lang=lang)
    assert cells(found) == [shown]


def test_lines_are_those_that_the_spreadsheet_shows(tmp_path: Path) -> None:
    workbook = book(row("Телефон", line=3) + row(ONE, line=7) + row(TWO, line=20))
    assert [event.line for event in events(tmp_path, workbook) if isinstance(event, Row)] == [7, 20]
    text = csv("sep=;", "Имя;Телефон", "", f'"Иван\nПетрович";{ONE}', f";{TWO}")
    assert [event.line for event in events(tmp_path, text) if isinstance(event, Row)] == [3, 4]


def test_the_header_tells_why_this_column_holds_the_phones(tmp_path: Path) -> None:
    named = events(tmp_path, csv("ИНН;Мобильный", "7707083893;89161234567", "7707083894;", "7707083895;нет"))[0]
    assert isinstance(named, Header)
    assert (named.phone, named.why, named.phones, named.looked_at) == ("Мобильный", "name", 1, 3)
    most = events(tmp_path, csv("a;b", f"{ONE};", f";{TWO}", f";{ONE}", encoding="cp1251"))[0]
    assert isinstance(most, Header)
    assert (most.phone, most.why, most.phones) == ("b", "most", 2)
    assert (most.line, most.form, most.encoding, most.separator) == (1, "csv", "utf-8", ";")


def test_a_number_of_two_countries_is_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(csv("phone", ONE))
    header = next(read(path, NAME, region="DE"))
    assert isinstance(header, Header)
    assert header.doubt is not None
    cell, phone = header.doubt
    assert (cell, phone.digits, phone.international) == (ONE, f"49{ONE}", ONE)


def test_ten_thousand_bad_rows_are_told_and_the_others_counted(tmp_path: Path) -> None:
    found = events(tmp_path, csv("a;phone", *[f"a;{ONE};b;c"] * 10_050, f"a;{ONE}"))
    assert len([event for event in found if isinstance(event, BadRow)]) == 10_000
    assert (last(found).bad, last(found).rows) == (10_050, 1)


def test_the_visible_sheets_can_be_chosen_from(tmp_path: Path) -> None:
    content = book(states=("hidden", "visible", "visible"), parts={"xl/worksheets/sheet3.xml": hostile.sheet(HEADER)})
    header = events(tmp_path, content)[0]
    assert isinstance(header, Header)
    assert (header.sheet, header.sheets) == ("2", ("2", "3"))
    assert last(events(tmp_path, content, sheet="3")).problem == "only_header"
    assert last(events(tmp_path, content, sheet="1")).problem == "no_sheet"
