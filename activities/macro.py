"""The template macro that customers of other products paste into texts, read into a template call.

    [template=ru]name[/template][body]value[/body][body]value[/body][header=image]link or DISK_id[/header]
    [buttons=url]tail of the link[/buttons]

One [body] per variable, one [buttons=url] per link with a variable; blanks and newlines between the parts are free. There
is no escaping, so a tag inside a value is a fault. A text with a faulty macro is refused, never sent as it stands.
"""

import re
from dataclasses import dataclass
from typing import NoReturn

from activities.errors import refused
from bx24.i18n import Text

# Closing tags give a macro away whose beginning was lost; nobody writes them in a text to a client.
_SUSPECT = re.compile(r"\[\s*(?:template|/\s*(?:template|body|header|buttons)\s*\])", re.IGNORECASE)
_OPENING = re.compile(r"\[(template|body|header|buttons)(?:=([^\[\]\n]*))?\]", re.IGNORECASE)
_TAG = re.compile(r"\[/?(?:template|body|header|buttons)\b[^\[\]\n]*\]?", re.IGNORECASE)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[_-][a-z]{2,4})?", re.IGNORECASE)
_DISK = re.compile(r"DISK_([0-9]+)", re.IGNORECASE)
_HEADERS = ("image", "video", "document")
_FRAGMENT = 40


@dataclass(frozen=True)
class Macro:
    """header: a link, the id of a file on Drive, or "" without a header; header_kind: image, video, document or ""."""

    template: str
    language: str
    params: tuple[str, ...] = ()
    header: str = ""
    header_kind: str = ""
    button_params: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Part:
    """One tag with its value. at: where it begins."""

    tag: str
    option: str
    value: str
    at: int


def parse(text: str) -> Macro | None:
    """The macro this text consists of, None if it holds none. Raises Refused value_invalid, naming the place."""
    if not _SUSPECT.search(text):
        return None
    parts = _parts(text)
    first, rest = parts[0], parts[1:]
    if first.tag != "template":
        _fail(text, first.at, "the macro must begin with [template=ru].", "макрос должен начинаться с [template=ru].")
    for part in rest:
        _check(text, part)
    headers = [part for part in rest if part.tag == "header"]
    if len(headers) > 1:
        _fail(text, headers[1].at, "there is a second [header].", "здесь второй [header].")
    header = headers[0] if headers else _Part("header", "", "", 0)
    disk = _DISK.fullmatch(header.value)
    return Macro(
        template=_name(text, first),
        language=_language(text, first),
        params=_values(rest, "body"),
        header=disk[1] if disk else header.value,
        header_kind=header.option,
        button_params=_values(rest, "buttons"),
    )


def _parts(text: str) -> list[_Part]:
    """The text cut into its tags; at least one."""
    parts: list[_Part] = []
    place = _skip_blanks(text, 0)
    while place < len(text) or not parts:
        opening = _OPENING.match(text, place)
        if opening is None:
            _fail_outside(text, place)
        tag = opening[1].lower()
        closing = _TAG.search(text, opening.end())
        if closing is None or closing[0].lower() != f"[/{tag}]":
            _fail_unclosed(text, place, tag, closing.start() if closing else None)
        value = text[opening.end() : closing.start()].strip()
        parts.append(_Part(tag, (opening[2] or "").strip().lower(), value, place))
        place = _skip_blanks(text, closing.end())
    return parts


def _skip_blanks(text: str, place: int) -> int:
    while place < len(text) and (text[place].isspace() or text[place] in "\u200b\ufeff"):
        place += 1
    return place


def _name(text: str, part: _Part) -> str:
    if not part.value or "[" in part.value or "]" in part.value or "\n" in part.value:
        _fail(
            text, part.at, "the template's name must stand here: [template=ru]name[/template].",
            "здесь должно быть название шаблона: [template=ru]название[/template].",
        )  # fmt: skip
    return part.value


def _language(text: str, part: _Part) -> str:
    if not _LANGUAGE.fullmatch(part.option):
        _fail(
            text, part.at, "the template's language must stand here: [template=ru].",
            "здесь должен быть язык шаблона: [template=ru].",
        )  # fmt: skip
    return part.option


def _check(text: str, part: _Part) -> None:
    """Whether a tag after the first is one of the language."""
    if part.tag == "template":
        _fail(text, part.at, "there is a second [template].", "здесь второй [template].")
    if part.tag == "header" and part.option not in _HEADERS:
        _fail(
            text, part.at, "a header is [header=image], [header=video] or [header=document].",
            "заголовок бывает [header=image], [header=video] или [header=document].",
        )  # fmt: skip
    if part.tag == "buttons" and part.option != "url":
        _fail(text, part.at, "buttons are written [buttons=url].", "кнопки пишутся [buttons=url].")
    if part.tag == "body" and part.option:
        _fail(text, part.at, "write [body] alone.", "пишите просто [body].")


def _values(parts: list[_Part], tag: str) -> tuple[str, ...]:
    return tuple(part.value for part in parts if part.tag == tag)


def _fail_outside(text: str, place: int) -> NoReturn:
    _fail(
        text, place, "a macro may have nothing around it: the whole field is the macro, or there is none.",
        "вокруг макроса ничего не должно быть: либо всё поле — макрос, либо его нет совсем.",
    )  # fmt: skip


def _fail_unclosed(text: str, place: int, tag: str, inside: int | None) -> NoReturn:
    if inside is None:
        en, ru = (
            "[{tag}] is not closed, put [/{tag}] after its value.",
            "[{tag}] не закрыт, поставьте после значения [/{tag}].",
        )
    else:
        en, ru = "[/{tag}] must stand before this tag.", "перед этим тегом должен стоять [/{tag}]."
    _fail(text, place if inside is None else inside, en.format(tag=tag), ru.format(tag=tag))


def _fail(text: str, at: int, en: str, ru: str) -> NoReturn:
    """Refuse the text and name the place: line and character from 1, and what stands there."""
    line, line_start = text.count("\n", 0, at) + 1, text.rfind("\n", 0, at) + 1
    where = Text(f"Line {{line}}, character {{column}}: {en}", f"Строка {{line}}, символ {{column}}: {ru}")
    fragment = text[at:].strip()
    raise refused(
        "value_invalid",
        at="text",
        field=Text("Text", "Текст"),
        value=fragment if len(fragment) <= _FRAGMENT else fragment[: _FRAGMENT - 1] + "…",
        remedy=where.format(line=line, column=at - line_start + 1),
    )
