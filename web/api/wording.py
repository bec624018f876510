"""What marshmallow finds wrong with a body, as codes and texts of ours, each at its field."""

from collections.abc import Iterator, Mapping
from typing import Any

from bx24.i18n import Text

MISSING, UNKNOWN, INVALID = "value_missing", "unknown_field", "value_invalid"
_EMPTY = Text("Fill in this field.", "Заполните это поле.")
_TIME = Text(
    "Give a time with its zone, for example 2026-11-23T09:00:00Z.",
    "Укажите время с часовым поясом, например 2026-11-23T09:00:00Z.",
)
_NUMBER = Text("Give a number.", "Укажите число.")
_OBJECT = Text("Give an object.", "Укажите объект.")
#: What marshmallow says → code and text; what stands in the place of {} there fills the places {0}, {1} here.
_TABLE: tuple[tuple[str, str, Text], ...] = (
    ("Missing data for required field.", MISSING, _EMPTY),
    ("Field may not be null.", MISSING, _EMPTY),
    ("Shorter than minimum length 1.", MISSING, _EMPTY),
    (
        "Unknown field.",
        UNKNOWN,
        Text("There is no such field. Check its name.", "Такого поля нет. Проверьте название."),
    ),
    ("Not a valid string.", INVALID, Text("Give a text.", "Укажите строку.")),
    ("Not a valid integer.", INVALID, _NUMBER),
    ("Not a valid number.", INVALID, _NUMBER),
    ("Not a valid boolean.", INVALID, Text("Give true or false.", "Укажите true или false.")),
    ("Not a valid list.", INVALID, Text("Give an array.", "Укажите массив.")),
    ("Not a valid mapping type.", INVALID, _OBJECT),
    ("Invalid input type.", INVALID, _OBJECT),
    ("Not a valid datetime.", INVALID, _TIME),
    ("Not a valid aware datetime.", INVALID, _TIME),
    ("Not a valid date.", INVALID, _TIME),
    ("Not a valid URL.", INVALID, Text("Give an https address.", "Укажите адрес https.")),
    ("Must be one of: {}.", INVALID, Text("Allowed: {0}.", "Допустимо: {0}.")),
    (
        "Must be greater than or equal to {} and less than or equal to {}.",
        INVALID,
        Text("Give a number from {0} to {1}.", "Укажите число от {0} до {1}."),
    ),
    ("Longer than maximum length {}.", "text_too_long", Text("At most {0} are allowed.", "Допустимо не больше {0}.")),
    ("Length must be between {} and {}.", INVALID, Text("Give from {0} to {1}.", "Укажите от {0} до {1}.")),
)
_OTHER = Text("The value is wrong.", "Неверное значение.")
#: Errors of one answer at most: a body of a thousand rows may have a thousand.
MOST = 100


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
    for words, code, text in _TABLE:
        places = _places(words, said)
        if places is not None:
            return code, Text(text.en.format(*places), text.ru.format(*places))
    return INVALID, _OTHER


def _places(words: str, said: str) -> list[str] | None:
    """What stands in the places {} of these words; None: something else was said."""
    first, *others = words.split("{}")
    if not said.startswith(first):
        return None
    places, left = [], said[len(first) :]
    for place, part in enumerate(others, 1):
        found, mark, left = left.partition(part) if place < len(others) else left.rpartition(part)
        if not mark:
            return None
        places.append(found)
    return None if left else places
