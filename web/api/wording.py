"""What marshmallow finds wrong with a body, as codes and texts of ours, each at its field."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bx24.i18n import Text

MISSING, UNKNOWN, INVALID = "value_missing", "unknown_field", "value_invalid"
_EMPTY = Text("Fill in this field.", "Заполните это поле.")
#: What marshmallow says → code and text; groups of the pattern fill the places {0}, {1}.
_TABLE: tuple[tuple[re.Pattern[str], str, Text], ...] = tuple(
    (re.compile(pattern), code, text)
    for pattern, code, text in (
        (r"Missing data for required field\.", MISSING, _EMPTY),
        (r"Field may not be null\.", MISSING, _EMPTY),
        (r"Shorter than minimum length 1\.", MISSING, _EMPTY),
        (
            r"Unknown field\.",
            UNKNOWN,
            Text("There is no such field. Check its name.", "Такого поля нет. Проверьте название."),
        ),
        (r"Not a valid string\.", INVALID, Text("Give a text.", "Укажите строку.")),
        (r"Not a valid (?:integer|number)\.", INVALID, Text("Give a number.", "Укажите число.")),
        (r"Not a valid boolean\.", INVALID, Text("Give true or false.", "Укажите true или false.")),
        (r"Not a valid list\.", INVALID, Text("Give an array.", "Укажите массив.")),
        (r"Not a valid mapping type\.|Invalid input type\.", INVALID, Text("Give an object.", "Укажите объект.")),
        (
            r"Not a valid (?:aware )?(?:datetime|date)\.",
            INVALID,
            Text(
                "Give a time with its zone, for example 2026-11-23T09:00:00Z.",
                "Укажите время с часовым поясом, например 2026-11-23T09:00:00Z.",
            ),
        ),
        (r"Not a valid URL\.", INVALID, Text("Give an https address.", "Укажите адрес https.")),
        (r"Must be one of: (.+)\.", INVALID, Text("Allowed: {0}.", "Допустимо: {0}.")),
        (
            r"Must be greater than or equal to (\S+) and less than or equal to (\S+)\.",
            INVALID,
            Text("Give a number from {0} to {1}.", "Укажите число от {0} до {1}."),
        ),
        (
            r"Longer than maximum length (\d+)\.",
            "text_too_long",
            Text("At most {0} are allowed.", "Допустимо не больше {0}."),
        ),
        (
            r"Length must be between (\d+) and (\d+)\.",
            INVALID,
            Text("Give from {0} to {1}.", "Укажите от {0} до {1}."),
        ),
    )
)
_OTHER = Text("The value is wrong.", "Неверное значение.")
#: Errors of one answer at most: a body of a thousand rows may have a thousand.
MOST = 100


class Said(str):
    """An error message of a validator of ours that brings its own code and text."""

    code: str
    text: Text

    def __new__(cls, code: str, text: Text) -> "Said":
        made = super().__new__(cls, text.en)
        made.code, made.text = code, text
        return made


def errors_of(messages: Mapping[Any, Any]) -> dict[str, list[tuple[str, Text]]]:
    """Field → what is wrong with it. messages: as ValidationError has them; at most MOST fields."""
    found: dict[str, list[tuple[str, Text]]] = {}
    for path, said in _flat((), messages):
        if len(found) >= MOST and path not in found:
            break
        found.setdefault(path, []).append(_worded(said))
    return found


def _flat(path: tuple[str, ...], messages: Any) -> Iterator[tuple[str, str]]:
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            yield from _flat(path if name == "_schema" else (*path, str(name)[:60]), inner)
    elif isinstance(messages, list | tuple):
        for inner in messages:
            yield from _flat(path, inner)
    else:
        yield ".".join(path), messages


def _worded(said: str) -> tuple[str, Text]:
    if isinstance(said, Said):
        return said.code, said.text
    for pattern, code, text in _TABLE:
        if match := pattern.fullmatch(said):
            groups = match.groups()
            return code, Text(text.en.format(*groups), text.ru.format(*groups))
    return INVALID, _OTHER
