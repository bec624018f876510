"""Phones in the cells of spreadsheets, where Excel has turned many of them into numbers, exponents or dates.

`activities.phones` says what a number means, as for robots.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

from activities import phones
from activities.errors import CATALOGUE
from bx24.i18n import Text

#: Numbers of a cell that are looked at.
MOST_NUMBERS = 5
_LONGEST = 400
_FEWEST_DIGITS = 7
#: 7,91612E+10; the letter may be a Cyrillic one.
_EXPONENT = re.compile(r"([0-9])(?:[.,]([0-9]{0,40}))?[eEеЕ]\+?([0-9]{1,3})")
#: 79161234567.0
_WHOLE = re.compile(r"(\+?[0-9]{7,15})[.,]0{1,9}")
_DATE = re.compile(r"(?:[0-9]{1,2}([./-])[0-9]{1,2}\1[12][0-9]{3}|[12][0-9]{3}-[0-9]{2}-[0-9]{2})(?:[ T,].{0,20})?")
#: Without "+" it names no country: in Russia and Kazakhstan 8 is dialled before every number.
_TRUNK = re.compile("8[0-9]{10}")

#: Why a cell holds no phone. {value}: the cell.
REASONS: dict[str, Text] = {
    "no_phone": Text("There is no phone in this row. Fill in the cell.", "В строке нет телефона. Заполните ячейку."),
    "invalid_phone": CATALOGUE["invalid_phone"],
    "exponent": Text(
        "Excel has shortened the phone to “{value}”, its last digits are lost. Give the column the format “Text”, enter the "
        "phones again and save the file.",
        "Excel сократил телефон до «{value}», последние цифры потеряны. Задайте столбцу формат «Текстовый», введите телефоны "
        "заново и сохраните файл.",
    ),
    "date": Text(
        "“{value}” is a date, not a phone. Choose another column for the phone, or give it the format “Text” "
        "and enter the phone again.",
        "«{value}» – дата, а не телефон. Выберите для телефона другой столбец или задайте ячейке формат «Текстовый» и введите "
        "телефон заново.",
    ),
}


@dataclass(frozen=True)
class PhoneCell:
    """What a cell says. digits: with the country code, "" if it holds no phone; reason: then of REASONS.

    is_one_of_several: there are other phones in the cell. international: what the same digits mean if they begin with a country
    code that is not the region's; "" if that is no number or the same one. The person is asked once per file which is meant.
    """

    digits: str = ""
    reason: str = ""
    is_one_of_several: bool = False
    international: str = ""


def phone_of(cell: str, region: str, prefers_international: bool = False) -> PhoneCell:
    """The first valid phone of a cell. region: of numbers without a country code.

    prefers_international: the answer to the question of `PhoneCell.international`.
    """
    text = cell[:_LONGEST].strip().lstrip("'’`").strip()
    if not text:
        return PhoneCell(reason="no_phone")
    if exponent := _EXPONENT.fullmatch(text):
        text = _all_digits(exponent)
        if not text:
            return PhoneCell(reason="exponent")
    if whole := _WHOLE.fullmatch(text):
        text = whole[1]
    if _DATE.fullmatch(text):
        return PhoneCell(reason="date")
    found = _numbers(text, region)
    if not found:
        return PhoneCell(reason="invalid_phone" if any(map(str.isdigit, text)) else "no_phone")
    other = _as_international(text, region, found[0])
    first = other if other and prefers_international else found[0]
    return PhoneCell(first, is_one_of_several=len(found) > 1, international=other)


def may_be_phone(cell: str) -> bool:
    """Whether there are enough digits, and not too much besides, to ask `phone_of`, which is a hundred times slower."""
    return len(cell) <= _LONGEST and sum(map(str.isdigit, cell)) >= _FEWEST_DIGITS


def _all_digits(exponent: re.Match[str]) -> str:
    """The number if all its digits are there ("7,9161234567E+10"), else ""."""
    whole, fraction, power = exponent[1], exponent[2] or "", int(exponent[3])
    return f"{Decimal(f'{whole}.{fraction}e{power}'):f}" if len(fraction) == power else ""


def _numbers(text: str, region: str) -> list[str]:
    """The first two different valid numbers of the text."""
    found: list[str] = []
    for number in phones.split(text)[:MOST_NUMBERS]:
        read = phones.digits(number, region) if may_be_phone(number) else None
        if read and read not in found:
            found.append(read)
        if len(found) == 2:
            break
    return found


def _as_international(text: str, region: str, regional: str) -> str:
    """What bare digits mean with a "+" before them, "" if that is the number of the region or none at all."""
    bare = text if text.isascii() and text.isdigit() and 11 <= len(text) <= 15 else ""
    if not bare or bare == regional or (region in ("RU", "KZ") and _TRUNK.fullmatch(bare)):
        return ""
    read = phones.digits(f"+{bare}", region) or ""
    return read if read != regional else ""
