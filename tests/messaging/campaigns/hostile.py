"""Spreadsheets that harm, lie or are merely broken, made in memory; and what the reader must say about each."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ONE, TWO = "79161234567", "79161234568"
#: Number formats by style: 0 general, 1 a date.
STYLES = (
    f'<styleSheet xmlns="{MAIN}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs>'
    "</styleSheet>"
)


def row(*values: object, line: int = 0) -> str:
    """A row of numbers and inline texts; None is no cell; a str that begins with "<c" is a cell already."""
    cells = []
    for value in values:
        if isinstance(value, str) and value.startswith("<c"):
            cells.append(value)
        elif isinstance(value, str):
            cells.append(f'<c t="inlineStr"><is><t>{escape(value)}</t></is></c>')
        else:
            cells.append("<c/>" if value is None else f"<c><v>{value}</v></c>")
    number = f' r="{line}"' if line else ""
    return f"<row{number}>{''.join(cells)}</row>"


HEADER = row("Имя", "Телефон")
GOOD = row("Иван", ONE)


def sheet(rows: str, before: str = "", after: str = "", prolog: str = "") -> str:
    """The XML of a sheet."""
    return f'<?xml version="1.0"?>{prolog}<worksheet xmlns="{MAIN}">{before}<sheetData>{rows}</sheetData>{after}</worksheet>'


def book(
    rows: str = HEADER + GOOD, states: tuple[str, ...] = ("visible",), parts: Mapping[str, str | bytes] | None = None
) -> bytes:
    """A workbook whose sheets "1", "2" … all hold these rows. parts: other parts, or others in place of those."""
    numbers = range(1, len(states) + 1)
    sheets = "".join(f'<sheet name="{n}" sheetId="{n}" state="{states[n - 1]}" r:id="r{n}"/>' for n in numbers)
    links = "".join(
        f'<Relationship Id="r{n}" Type="{OFFICE}/worksheet" Target="/xl/worksheets/sheet{n}.xml"/>' for n in numbers
    )
    types = "".join(
        f'<Override PartName="{name}" ContentType="{SHEET_TYPE}.{kind}+xml"/>'
        for name, kind in [
            ("/xl/workbook.xml", "sheet.main"),
            ("/xl/styles.xml", "styles"),
            *((f"/xl/worksheets/sheet{n}.xml", "worksheet") for n in numbers),
        ]
    )
    default = '<Default Extension="xml" ContentType="application/xml"/>'
    return zipped(
        {
            "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">{default}{types}</Types>',
            "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{sheets}</sheets></workbook>',
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">{links}</Relationships>',
            "xl/styles.xml": STYLES,
            **{f"xl/worksheets/sheet{n}.xml": sheet(rows) for n in numbers},
            **(parts or {}),
        }
    )


def of_xml(xml: str) -> bytes:
    """A workbook whose only sheet is this XML."""
    return book(parts={"xl/worksheets/sheet1.xml": xml})


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    """A ZIP file."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return made.getvalue()


def claiming(content: bytes, size: int) -> bytes:
    """The ZIP file, with this unpacked size for each part in its directory."""
    return _in_directory(content, 24, struct.pack("<I", size))


def locked(content: bytes) -> bytes:
    """The ZIP file, each part marked as encrypted."""
    return _in_directory(content, 8, struct.pack("<H", 1))


def wrong_sum(content: bytes) -> bytes:
    """The ZIP file, with wrong check sums in its directory."""
    return _in_directory(content, 16, b"\1\2\3\4")


def _in_directory(content: bytes, offset: int, value: bytes) -> bytes:
    changed = bytearray(content)
    at = -1
    while (at := changed.find(b"PK\1\2", at + 1)) >= 0:
        changed[at + offset : at + offset + len(value)] = value
    return bytes(changed)


def csv(*lines: str, encoding: str = "utf-8", end: str = "\r\n") -> bytes:
    """A text file of these lines."""
    return end.join([*lines, ""]).encode(encoding)


TABLE = ("Имя;Телефон", f"Иван;{ONE}", f"Ольга;{TWO}")
PAGE = "<html><head><meta charset='utf-8'></head><body><table><tr><td>Телефон</td></tr></table></body></html>"
_LAUGHS = [f'<!ENTITY b{n} "' + f"&b{n - 1};" * 10 + '">' for n in range(1, 10)]
LAUGHS = f'<!DOCTYPE a [<!ENTITY b0 "ha">{"".join(_LAUGHS)}]>'
NOISE = random.Random(19).randbytes(5_000)


@dataclass(frozen=True)
class Case:
    """A file, and what is said about it. content: made when it is needed.

    bad: reasons of bad rows in order, with their lines. notes: codes. sheet: asked for.
    """

    name: str
    content: Callable[[], bytes]
    problem: str = ""
    rows: int = 0
    bad: tuple[tuple[int, str], ...] = ()
    notes: tuple[str, ...] = ()
    sheet: str = ""
    phone: str | None = None


CASES = [
    # Bombs and other claims
    # A single letter of the last plane makes four bytes of each.
    Case("a cell of 90 MB", lambda: of_xml(sheet(HEADER + row("😀" + "x" * 90_000_000))), "too_heavy"),
    Case("a million cells in a row", lambda: of_xml(sheet(HEADER + f"<row>{'<c/>' * 1_000_000}</row>")), "too_heavy"),
    Case("parts that claim 40 GB", lambda: claiming(book(), 0xFFFFFFFE), "too_heavy"),
    Case("a part that claims 160 MB", lambda: claiming(book(), 160 * 1024 * 1024), "too_heavy"),
    Case("parts that claim less than they hold", lambda: claiming(book(), 10), "broken"),
    Case("201 parts", lambda: book(parts={f"xl/media/{n}.png": "" for n in range(201)}), "too_heavy"),
    Case("entities that grow", lambda: of_xml(sheet(HEADER + row("").replace("<t>", "<t>&b9;"), prolog=LAUGHS)), "broken"),
    Case(
        "entities in the list of sheets",
        lambda: book(parts={"xl/workbook.xml": f'{LAUGHS}<workbook xmlns="{MAIN}">&b9;</workbook>'}),
        "broken",
    ),
    Case(
        "an entity that reads a file",
        lambda: of_xml(
            sheet(
                HEADER + row("").replace("<t>", "<t>&b;"), prolog='<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
            )
        ),
        "broken",
    ),
    Case(
        "the last cell of a sheet",
        lambda: book(HEADER + GOOD + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
        rows=1,
        bad=((1_048_576, "too_many_columns"),),
    ),
    Case("a row that no sheet has", lambda: book(HEADER + GOOD + row(1, line=999_999_999)), rows=1),
    Case("rows in disorder", lambda: book(row("Имя", "Телефон", line=5) + row("Иван", ONE, line=2)), "only_header"),
    Case("a column that no sheet has", lambda: book('<row r="1"><c r="ZZZZ1"><v>1</v></c></row>'), "broken"),
    Case("a false dimension", lambda: of_xml(sheet(HEADER + GOOD, before='<dimension ref="A1:XFD1048576"/>')), rows=1),
    Case("a dimension too small", lambda: of_xml(sheet(HEADER + GOOD, before='<dimension ref="A1"/>')), rows=1),
    Case("100,000 empty rows with a height", lambda: book('<row ht="15" customHeight="1"/>' * 100_000), "empty"),
    Case("16,384 columns", lambda: book(row(*range(16_384))), "too_many_columns"),
    Case("61 columns in one row", lambda: book(HEADER + GOOD + row(*range(61))), rows=1, bad=((3, "too_many_columns"),)),
    Case("formats of 16,384 columns", lambda: book(HEADER + row("Иван", ONE, *[None] * 16_000)), rows=1),
    Case("a million columns of CSV", lambda: csv(";" * 1_000_000, *TABLE), rows=2, bad=((1, "row_too_long"),), phone="Телефон"),
    Case("61 columns of CSV", lambda: csv(";".join("x" * 61)), "too_many_columns"),
    Case("20 MB and a byte", lambda: b"1" * (20 * 1024 * 1024 + 1), "too_large"),
    Case("100,001 rows", lambda: csv("phone", *[ONE] * 100_001), "too_many_rows", rows=100_000),
    # Workbooks that are broken
    Case("half a workbook", lambda: book()[: len(book()) // 2], "broken"),
    Case("a workbook without its last byte", lambda: book()[:-1], "broken"),
    Case("the beginning of a workbook", lambda: book()[:40], "broken"),
    Case("wrong check sums", lambda: wrong_sum(book()), "broken"),
    Case("no sheet", lambda: book(states=()), "broken"),
    Case("no workbook part", lambda: zipped({"[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"/>'}), "broken"),
    Case("half a sheet", lambda: of_xml(sheet(HEADER + GOOD)[:-40]), "broken"),
    Case("a sheet that is no XML", lambda: of_xml("Имя;Телефон"), "broken"),
    Case("an index of no text", lambda: book(HEADER + '<row><c t="s"><v>7</v></c></row>'), "broken"),
    Case("a number of 5,000 digits", lambda: book(HEADER + row("Иван", "<c><v>" + "9" * 5_000 + "</v></c>")), "broken"),
    Case("a number without end", lambda: book(HEADER + row("Иван", "<c><v>1e999</v></c>")), rows=1),
    # Not what it seems
    Case("an old workbook", lambda: OLE + b"\0" * 5_000, "old_excel"),
    Case("a workbook with a password", lambda: OLE + b"\0" * 500 + "EncryptedPackage".encode("utf-16-le"), "encrypted"),
    Case("a ZIP with a password", lambda: locked(book()), "encrypted"),
    Case("OpenDocument", lambda: zipped({"mimetype": "application/vnd.oasis", "content.xml": "<a/>"}), "open_document"),
    Case("Numbers", lambda: zipped({"Index/Document.iwa": NOISE}), "numbers"),
    Case("a binary workbook", lambda: zipped({"[Content_Types].xml": "", "xl/workbook.bin": NOISE}), "binary_excel"),
    Case("a text document", lambda: zipped({"[Content_Types].xml": "", "word/document.xml": ""}), "not_a_table"),
    Case("an archive with a table", lambda: zipped({"clients.csv": csv(*TABLE)}), "archive"),
    Case("an archive of nothing", lambda: zipped({}), "archive"),
    Case("a web page", lambda: csv("", f" {PAGE}"), "web_page"),
    Case("a web page in UTF-16", lambda: PAGE.encode("utf-16"), "web_page"),
    Case("a workbook as XML", lambda: b'\xef\xbb\xbf<?xml version="1.0"?><Workbook><Row/></Workbook>', "web_page"),
    Case("a picture", lambda: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + NOISE, "not_a_table"),
    Case("a PDF", lambda: b"%PDF-1.7\n" + csv(*TABLE), "not_a_table"),
    Case("RTF", lambda: b"{\\rtf1 79161234567}", "not_a_table"),
    Case("gzip", lambda: gzip.compress(NOISE), "not_a_table"),
    Case("noise", lambda: NOISE, "not_a_table"),
    # Encodings
    Case("Windows-1251 of even length", lambda: csv(*TABLE, encoding="cp1251", end="\n"), rows=2, phone="Телефон"),
    Case("Windows-1251 of odd length", lambda: csv(*TABLE, " ", encoding="cp1251", end="\n"), rows=2, phone="Телефон"),
    Case("UTF-8 with its mark", lambda: csv(*TABLE, encoding="utf-8-sig"), rows=2, phone="Телефон"),
    Case("UTF-16 with its mark", lambda: csv(*TABLE, encoding="utf-16"), rows=2, phone="Телефон"),
    Case("UTF-16, big end first", lambda: b"\xfe\xff" + csv(*TABLE, encoding="utf-16-be"), rows=2, phone="Телефон"),
    Case("UTF-16 without its mark", lambda: csv(*TABLE, encoding="utf-16-le"), "not_a_table"),
    Case("UTF-16 cut in a letter", lambda: csv(*TABLE, encoding="utf-16")[:-1], "encoding"),
    Case("UTF-32", lambda: csv(*TABLE, encoding="utf-32"), "encoding"),
    Case("UTF-8 cut in a letter", lambda: csv(*TABLE) + "Я".encode()[:1], "encoding"),
    Case("marked UTF-8 with a wrong byte", lambda: csv(*TABLE, encoding="utf-8-sig") + b"\xff", "encoding"),
    Case("neither UTF-8 nor Windows-1251", lambda: b"\x98;\xc8\r\n", "encoding"),
    # Separators, quotes, lines
    Case("tabs", lambda: csv(*(line.replace(";", "\t") for line in TABLE)), rows=2, phone="Телефон"),
    Case("commas, and one in a text", lambda: csv("name,phone", f'"Ivanov, I.",{ONE}', f"O,{TWO}"), rows=2, phone="phone"),
    Case("bars", lambda: csv(*(line.replace(";", "|") for line in TABLE)), rows=2, phone="Телефон"),
    Case("a line that names the separator", lambda: csv("sep=^", "a^phone", f"1;2,3^{ONE}"), rows=1, phone="phone"),
    Case("one column", lambda: csv("Телефон", ONE, f"{TWO}; {ONE}"), rows=2, phone="Телефон"),
    Case("an open quote", lambda: csv(*TABLE, f'"Пё;{ONE}', f"Анна;{TWO}"), rows=3, bad=((4, "open_quote"),), phone="Телефон"),
    Case("every row opens a quote", lambda: csv(*[f'"Пётр;{ONE}'] * 99), bad=tuple((n, "open_quote") for n in range(1, 100))),
    Case(
        "two quotes that swallow rows",
        lambda: csv(*TABLE, f'"Пётр;{ONE}', f"Анна;{TWO}", f'Олег;"{TWO}"'),
        rows=4,
        bad=((4, "open_quote"),),
    ),
    Case("quotes within quotes", lambda: csv("a;phone", f'"ООО ""Ёж""";{ONE}', f'"ООО "Ёж"";{ONE}'), rows=2, phone="phone"),
    Case("a cell of several lines", lambda: csv(*TABLE, f'"Пётр\r\n\r\nПетров";{ONE}', f"А;{TWO}"), rows=4),
    Case("a 5 MB line", lambda: csv(*TABLE, "я" * 2_500_000, f";{TWO}"), rows=3, bad=((4, "row_too_long"),), phone="Телефон"),
    Case("a text separator without quotes", lambda: csv(*TABLE, f"Пётр;{ONE};а;б"), rows=2, bad=((4, "extra_cells"),)),
    Case("NUL in cells", lambda: csv(*TABLE, f"Пё\0тр Сергеевич, постоянный;{ONE}\0"), rows=3, phone="Телефон"),
    Case("lines of an old Mac", lambda: csv(*TABLE, end="\r"), rows=2, phone="Телефон"),
    Case("2,001 characters", lambda: csv(*TABLE, f"{'я' * 2_001};{ONE}"), rows=2, bad=((4, "cell_too_long"),)),
    # Tables as they come
    Case("nothing", lambda: b"", "empty"),
    Case("blanks", lambda: b" \r\n;;\r\n\t\n", "empty"),
    Case("only a header", lambda: csv(TABLE[0]), "only_header"),
    Case("only a header in a workbook", lambda: book(HEADER), "only_header"),
    Case("an empty sheet", lambda: book(""), "empty"),
    Case("an empty sheet beside others", lambda: book("", states=("visible", "visible")), "empty_sheet"),
    Case("no header", lambda: csv(*TABLE[1:]), rows=2, phone="B"),
    Case("no phones", lambda: csv("Имя;Город", "Иван;Тула"), rows=1, phone=""),
    Case(
        "a title over merged cells",
        lambda: of_xml(sheet(row("Клиенты", None) + HEADER + GOOD, after='<mergeCells><mergeCell ref="A1:B1"/></mergeCells>')),
        rows=1,
        bad=((1, "above_header"),),
        phone="Телефон",
    ),
    Case("one named column beside another", lambda: csv(";Телефон", f"Иван;{ONE}"), rows=1, phone="Телефон"),
    Case("names that repeat", lambda: csv("phone;Phone;B", f";{ONE};1"), rows=1, phone="Phone 2"),
    Case("dates where phones should be", lambda: book(HEADER + row("Иван", '<c s="1"><v>46000</v></c>')), rows=1, phone=""),
    Case("a date of no calendar", lambda: book(HEADER + row("Я", '<c s="1"><v>-9999999</v></c>')), rows=1, notes=("error",)),
    Case("an exponent", lambda: csv("Телефон;Имя", "7,91612E+10;Иван"), rows=1, phone=""),
    Case("formulas without values", lambda: book(HEADER + row("<c><f>A1</f></c>", ONE)), rows=1, notes=("formula",)),
    Case("formulas with values", lambda: book(HEADER + row("Я", f"<c><f>1+1</f><v>{ONE}</v></c>")), rows=1, phone="Телефон"),
    Case("a formula that failed", lambda: book(HEADER + row('<c t="e"><v>#N/A</v></c>', ONE)), rows=1, notes=("error",)),
    Case("a hidden sheet before others", lambda: book(states=("hidden", "visible")), rows=1),
    Case("a hidden sheet alone", lambda: book(states=("veryHidden",)), "no_sheet"),
    Case("a sheet that is not there", book, "no_sheet", sheet="Ёж"),
    Case("a text in a file of another name", lambda: csv(*TABLE), rows=2, phone="Телефон"),
]  # fmt: skip
