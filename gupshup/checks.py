"""The checks messages are made of. Each raises InvalidMessage in the words of `problems`."""

import math
from urllib.parse import urlsplit

from gupshup import limits, problems
from gupshup.parts import Button, Choices, Row, Section, choices_of
from gupshup.problems import Label, field
from gupshup.reading import is_blank


def limited(label: Label, value: str, limit: int) -> None:
    """Raises InvalidMessage if the value has more than `limit` code points."""
    if len(value) > limit:
        raise problems.too_long(label, len(value), limit)


def required(label: Label, value: str, limit: int | None = None) -> None:
    """Raises InvalidMessage if the value is blank, or longer than `limit` code points."""
    if is_blank(value):
        raise problems.missing(label)
    if limit is not None:
        limited(label, value, limit)


def frame(header: str, text: str, footer: str) -> None:
    """What buttons and lists have around them."""
    limited(field("header", "Header", "Заголовок"), header, limits.HEADER_LIMIT)
    required(field("text", "Text", "Текст"), text, limits.BODY_LIMIT)
    limited(field("footer", "Footer", "Нижняя строка"), footer, limits.FOOTER_LIMIT)


def buttons(given: tuple[Button, ...]) -> None:
    """Raises InvalidMessage unless there are 1 to BUTTONS_LIMIT buttons, with titles and ids that differ and fit."""
    if not 1 <= len(given) <= limits.BUTTONS_LIMIT:
        raise problems.wrong_button_count(len(given), limits.BUTTONS_LIMIT)
    titles: set[str] = set()
    for position, button in enumerate(given, 1):
        title = button.title.strip()
        if is_blank(title):
            raise problems.untitled_button(position)
        label = Label("buttons", f"the title of button {position}", f"название кнопки {position}", position)
        limited(label, button.title, limits.BUTTON_TITLE_LIMIT)
        button_id(button.id, position)
        if title in titles:
            raise problems.equal_buttons(title, position)
        titles.add(title)
    if twin := _twin(choices_of(given)):
        raise problems.equal_ids("buttons_invalid", "buttons", *twin)


def button_id(value: str, position: int) -> None:
    if len(value) > limits.BUTTON_ID_LIMIT:
        label = Label("buttons", f"the id of button {position}", f"id кнопки {position}", position)
        raise problems.too_long(label, len(value), limits.BUTTON_ID_LIMIT, "buttons_invalid")


def sections(given: tuple[Section, ...]) -> None:
    """Raises InvalidMessage unless the sections of a list and their rows fit WhatsApp's limits and have different ids."""
    rows = [row for section in given for row in section.rows]
    if not 1 <= len(rows) <= limits.ROWS_LIMIT:
        raise problems.wrong_row_count(len(rows), limits.ROWS_LIMIT)
    if len(given) > limits.SECTIONS_LIMIT:
        raise problems.too_many_sections(len(given), limits.SECTIONS_LIMIT)
    for position, section in enumerate(given, 1):
        if not section.rows:
            raise problems.empty_section(position, section.title)
        if len(given) > 1 and is_blank(section.title):
            raise problems.untitled_section(position)
        label = Label("items", f"the title of section {position}", f"название раздела {position}", position)
        limited(label, section.title, limits.SECTION_TITLE_LIMIT)
        _tell_apart(section)
    for position, row in enumerate(rows, 1):
        _row(row, position)
    if twin := _twin(choices_of(rows)):
        raise problems.equal_ids("list_invalid", "items", *twin)


def _tell_apart(section: Section) -> None:
    # Equal titles alone are fine ("10:00 | Monday", "10:00 | Tuesday"); rows nobody can tell apart are not.
    seen: set[tuple[str, str]] = set()
    for position, row in enumerate(section.rows, 1):
        face = (row.title.strip(), row.description.strip())
        if face in seen and face[0]:
            raise problems.equal_rows(face[0], position)
        seen.add(face)


def _row(row: Row, position: int) -> None:
    if is_blank(row.title):
        raise problems.untitled_row(position)
    title = Label("items", f"the title of row {position}", f"название строки {position}", position)
    limited(title, row.title, limits.ROW_TITLE_LIMIT)
    description = Label("items", f"the description of row {position}", f"описание строки {position}", position)
    limited(description, row.description, limits.ROW_DESCRIPTION_LIMIT)
    if len(row.id) > limits.ROW_ID_LIMIT:
        label = Label("items", f"the id of row {position}", f"id строки {position}", position)
        raise problems.too_long(label, len(row.id), limits.ROW_ID_LIMIT, "list_invalid")


def _twin(choices: Choices) -> tuple[str, int] | None:
    """The first id that stands twice, and its second position; WhatsApp refuses the whole menu then."""
    seen: set[str] = set()
    for position, (value, _) in enumerate(choices, 1):
        if value in seen:
            return value, position
        seen.add(value)
    return None


def degrees(label: Label, value: float, limit: int) -> None:
    if not math.isfinite(value) or abs(value) > limit:
        raise problems.out_of_range(label, value, limit)


def link(label: Label, value: str) -> None:
    """An absolute http or https address. Whether http is allowed at all is for the caller to know."""
    if is_blank(value):
        raise problems.missing(label)
    try:
        parts = urlsplit(value)
        is_link = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_link = False
    if not is_link or any(character.isspace() or not character.isprintable() for character in value):
        raise problems.not_a_link(label, value)
