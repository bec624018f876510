"""A field's value, as REST gives it, as the text that the portal shows: dates, money, lists, words for ids."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from bx24.i18n import Text, language
from bx24.php_values import is_on, number, text, values
from messaging.campaigns.crm.catalogue import Field, Words, directory_of
from messaging.portals import crm

#: Characters of a value.
TEXT_MAX = 2000
_SIGNS = {"RUB": "₽", "USD": "$", "EUR": "€", "KZT": "₸", "BYN": "Br", "UAH": "₴"}
_YES, _NO = Text("yes", "да"), Text("no", "нет")
_DATES = {"ru": "%d.%m.%Y", "en": "%m/%d/%Y"}
_TIMES = {"ru": " %H:%M", "en": " %I:%M %p"}


def text_of(field: Field | None, value: Any, entity_type_id: int, words: Words, lang: str) -> str:
    """The text of a value; several are joined by commas, an id without words is "". field: None if its kind is not known."""
    entries = (_single(field, one, entity_type_id, words, language(lang)) for one in _entries(field, value))
    return ", ".join(entry for entry in entries if entry)[:TEXT_MAX]


def contacts_of(item: Mapping[str, Any], code: str) -> str:
    """Phones or e-mails of a card. code: PHONE or EMAIL."""
    return ", ".join(crm.values(item, code))[:TEXT_MAX]


def ids_in(field: Field, value: Any, entity_type_id: int) -> Iterator[tuple[str, str]]:
    """The ids in a value that have words: ("id of a directory", "") or ("", "id of a user")."""
    for one in _entries(field, value):
        if field.kind == "directory" and text(one):
            yield directory_of(entity_type_id, field, text(one)), ""
        elif field.kind == "user" and number(one):
            yield "", text(one)


def _entries(field: Field | None, value: Any) -> list[Any]:
    is_file = field is not None and field.kind == "file" and isinstance(value, Mapping) and "id" in value
    return values(value) if isinstance(value, list | Mapping) and not is_file else [value]


def _single(field: Field | None, value: Any, entity_type_id: int, words: Words, lang: str) -> str:
    if value is None or value == "":
        return ""
    match field.kind if field is not None else "text":
        case "yes_no":
            return (_YES if is_on(value) else _NO).to(lang)
        case "date" | "datetime" as kind:
            return _date(text(value), kind, lang)
        case "money":
            amount, _, currency = text(value).partition("|")
            return f"{_grouped(amount)} {_SIGNS.get(currency, currency)}".strip()
        case "number":
            return _number(text(value))
        case "choice" if field is not None:
            return field.options.get(text(value), "")
        case "directory" if field is not None:
            return words.directories.get(directory_of(entity_type_id, field, text(value)), {}).get(text(value), "")
        case "user":
            return words.users.get(number(value), "")
        case "file":
            return text(value.get("url")) if isinstance(value, Mapping) else ""
    return ("1" if value else "0") if isinstance(value, bool) else text(value).strip()


def _date(written: str, kind: str, lang: str) -> str:
    """A date as the portal wrote it, which is in its own time zone."""
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        return written
    return (
        at.strftime(_DATES[lang] + (_TIMES[lang] if kind == "datetime" else "")).replace("AM", "am").replace("PM", "pm")
    )


def _number(written: str) -> str:
    """Without zeros behind the point: 48500.00 is 48500."""
    whole, point, rest = written.partition(".")
    return f"{whole}.{rest}" if point and rest.strip("0") else whole


def _grouped(amount: str) -> str:
    whole, _, rest = _number(amount).partition(".")
    if not whole.lstrip("-").isdecimal():
        return amount
    return f"{int(whole):,}".replace(",", " ") + (f".{rest.ljust(2, '0')}" if rest else "")
