"""Files of phones from elsewhere: which number stands in a row, why a row has none, what is no list at all."""

import contextlib
from collections.abc import Iterator

import pytest

from messaging.policy import phone_lists
from messaging.policy.phone_lists import MOST_BYTES, MOST_ROWS, BadRow, Unreadable, read

ONE, TWO = "79161234567", "79161234568"


@pytest.mark.parametrize(
    "content",
    [
        f"{ONE}\n{TWO}\n".encode(),
        b"8 (916) 123-45-67\r\n\r\n+7 916 123 45 68",
        f"\ufeffИмя;ИНН;Телефон\nИван;7707083893;{ONE}\nОльга;;8 916 123-45-68".encode(),
        f'Имя,Мобильный\n"Петров, Иван",{ONE}\nОльга,{TWO}'.encode("cp1251"),
        f"name\tphone\nIvan\t{ONE}\nOlga\t{TWO}".encode("utf-16"),
        f"{ONE}, {TWO}".encode(),
        f"Клиенты\n{ONE}\n{TWO}\n{ONE}".encode(),
    ],
    ids=[
        "bare",
        "written as people write",
        "head names the column",
        "cp1251, quoted",
        "utf-16, tab",
        "one row",
        "a title",
    ],
)
def test_the_phones_are_found(content: bytes) -> None:
    found = read(content, "RU")
    assert (found.phones, found.bad) == ([ONE, TWO], [])


def test_a_row_without_a_phone_is_named_with_its_line() -> None:
    found = read(f"phone\n{ONE}\nнет\n\n123456789012345\n8-916-123-45-67\n".encode(), "RU")
    assert found.phones == [ONE]
    assert found.bad == [BadRow(3, "нет", "no_phone"), BadRow(5, "123456789012345", "not_a_phone")]
    assert (found.rows, found.repeated) == (4, 1)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        ("Телефон\n".encode(), "empty"),
        (b"PK\x03\x04" + b"x" * 40, "not_text"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not_text"),
        (b"1" * (MOST_BYTES + 1), "too_large"),
        (b"1\n" * (MOST_ROWS + 2), "too_long"),
        (";".join(f"7916{number:07}" for number in range(MOST_ROWS + 1)).encode(), "too_long"),
    ],
    ids=[
        "nothing",
        "blanks",
        "a head alone",
        "a workbook",
        "a picture",
        "too large",
        "too long",
        "too many in one row",
    ],
)
def test_what_is_no_list_is_refused_as_a_whole(content: bytes, code: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(content, "RU")
    assert caught.value.code == code


def test_cells_that_no_csv_has_are_a_bad_row_and_no_fault() -> None:
    found = read(f'{ONE}\n"{"x" * 200_000}\n'.encode(), "RU")
    assert [row.line for row in found.bad] == [2]
    assert len(found.bad[0].text) == phone_lists.SHOWN


@pytest.mark.parametrize(
    "content",
    [
        b";".join([b"1234567"] * (MOST_BYTES // 8 - 1)),
        b"\n".join([b";".join([b"1234567"] * 12)] * 9_000),
        b"\n".join([b"1 " * 50] * 9_000),
    ],
    ids=["one row of many cells", "rows of many cells", "cells of many digits"],
)
def test_however_a_megabyte_is_cut_few_of_its_cells_are_read_as_phones(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each reading takes a tenth of a millisecond of the thread that answers, and of all others of its process."""
    asked: list[str] = []
    monkeypatch.setattr("activities.phones.digits", lambda text, _region: asked.append(text))
    with contextlib.suppress(Unreadable):
        read(content, "RU")
    assert len(asked) <= phone_lists.MOST_READ
    assert not any(len(text) > 60 for text in asked)


def test_blank_lines_are_no_rows_and_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    cut: list[list[str]] = []

    def cutting(lines: list[str], delimiter: str) -> Iterator[list[str]]:
        cut.append(lines)
        return iter([line.split(delimiter) for line in lines])

    monkeypatch.setattr("csv.reader", cutting)
    assert read(b"phone\n" + b"\n;\n" * 300_000 + b"79120000001", "RU").phones == ["79120000001"]
    assert cut == [["phone"], ["79120000001"]]
