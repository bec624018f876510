"""What the rules of templates say, and the rules that several parts of a template share."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

VARIABLE = re.compile(r"\{\{\s*([0-9]{1,4})\s*\}\}")
_MARKUP = re.compile(r"[*_~`]")
EMOJI = re.compile("[\u2190-\u21ff\u231a-\u23ff\u25aa-\u27bf\u2b05-\u2b55\ufe0f\U0001f000-\U0001faff]")
SHORTENERS = re.compile(
    r"\b(?:bit\.ly|clck\.ru|goo\.su|is\.gd|t\.co|tinyurl\.com|vk\.cc|cutt\.ly|u\.to)/", re.IGNORECASE
)
WA_ME = re.compile(r"\b(?:wa\.me|api\.whatsapp\.com)/", re.IGNORECASE)


@dataclass(frozen=True)
class Problem:
    """field: of the form ("body", "sample_2", "button_3" …). place_en, place_ru: what people call it.

    en, ru: what is wrong, what to do.
    """

    code: str
    field: str
    place_en: str
    place_ru: str
    en: str
    ru: str
    is_soft: bool = False


@dataclass(frozen=True)
class Place:
    field: str
    en: str
    ru: str

    def wrong(self, code: str, en: str, ru: str, *, is_soft: bool = False) -> Problem:
        return Problem(code, self.field, self.en, self.ru, en, ru, is_soft)


def plain(place: Place, text: str, limit: int) -> Iterator[Problem]:
    """Headers and buttons: one line without marks and emoji."""
    if len(text) > limit:
        yield too_long(place, len(text), limit)
    if "\n" in text:
        yield one_line(place)
    if EMOJI.search(text):
        yield place.wrong("emoji", "No emoji are allowed here. Remove them.", "Здесь нельзя эмодзи. Уберите их.")
    if _MARKUP.search(VARIABLE.sub("", text)):
        yield place.wrong(
            "markup", "The marks * _ ~ ` are not allowed here. Remove them.", "Знаки * _ ~ ` здесь нельзя. Уберите их."
        )


def short_link(place: Place) -> Problem:
    return place.wrong(
        "short_link",
        "Short links and wa.me links are often refused. Give the address of your site.",
        "Короткие ссылки и ссылки wa.me часто отклоняют. Укажите адрес своего сайта.",
        is_soft=True,
    )


def too_long(place: Place, actual: int, limit: int) -> Problem:
    return place.wrong(
        "too_long",
        f"{actual} characters, {limit} are allowed. Shorten it.",
        f"Знаков {actual}, можно {limit}. Сократите.",
    )


def no_variables(place: Place) -> Problem:
    return place.wrong(
        "variables", "No variables are allowed here. Remove them.", "Здесь нельзя переменные. Уберите их."
    )


def one_line(place: Place) -> Problem:
    return place.wrong(
        "one_line", "It must be one line. Remove the line breaks.", "Должна быть одна строка. Уберите переносы."
    )
