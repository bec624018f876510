"""Filters of list methods: a prefix for the comparison, a field, a value. Source: docs, crm-item-list.

`>= > <= <` compare, `@ !@` look into a list, `% %= =% ! != !% !=% !%=` and `=` compare texts; no prefix means equal.
"""

from __future__ import annotations

import re
from typing import Any, Protocol

from bx24.emulator.formats import php

_PREFIX = re.compile(r"(!=%|!%=|>=|<=|!@|!%|!=|=%|%=|>|<|@|%|!|=)?(.*)", re.DOTALL)
_ABSENT: tuple[Any, ...] = (None, "", [], {})


class Row(Protocol):
    """What a filter looks into."""

    def get(self, name: str, /) -> Any: ...


def split_key(key: str) -> tuple[str, str]:
    """("!=%", "title") of "!=%title"; without a prefix "="."""
    found = _PREFIX.fullmatch(key)
    return (found.group(1) or "=", found.group(2)) if found else ("=", key)


def matches(row: Row, criteria: Any) -> bool:
    """Whether the row meets all criteria; a group with `logic: "OR"` needs one of them."""
    given = php.items(criteria)
    any_of = any(key == "logic" and str(value).upper() == "OR" for key, value in given)
    answers = [
        matches(row, value) if key.isdigit() and php.is_array(value) else _meets(row, *split_key(key), value)
        for key, value in given
        if key != "logic"
    ]
    return any(answers) if any_of and answers else all(answers)


def _meets(row: Row, prefix: str, name: str, wanted: Any) -> bool:
    stored = row.get(name)
    entries = stored if isinstance(stored, list) else [stored]
    if prefix.startswith("!"):
        return not any(_is(entry, prefix[1:] or "=", wanted) for entry in entries)
    return any(_is(entry, prefix, wanted) for entry in entries) or (not entries and php.is_empty(wanted))


def _is(stored: Any, prefix: str, wanted: Any) -> bool:
    if php.is_array(wanted) or prefix == "@":
        return any(_equal(stored, entry) for entry in (php.values(wanted) if php.is_array(wanted) else [wanted]))
    if prefix in (">", "<", ">=", "<="):
        return _compare(stored, prefix, wanted)
    if prefix == "%":
        return str(wanted).lower() in _text(stored).lower()
    if prefix in ("=%", "%="):
        pattern = ".*".join(re.escape(part) for part in str(wanted).split("%"))
        return re.fullmatch(pattern, _text(stored), re.IGNORECASE | re.DOTALL) is not None
    return _equal(stored, wanted)


def _equal(stored: Any, wanted: Any) -> bool:
    if isinstance(stored, bool) or isinstance(wanted, bool):
        # Booleans need 1 and 0: Y and N find nothing.
        return _text(stored) == _text(wanted)
    if php.is_empty(wanted) and stored in (*_ABSENT, 0):
        return True
    left, right = _number(stored), _number(wanted)
    return left == right if left is not None and right is not None else _text(stored) == _text(wanted)


def _compare(stored: Any, prefix: str, wanted: Any) -> bool:
    """An empty value counts as 0: `>id` with nothing behind it starts at the beginning."""
    left, right = _number(stored), _number(wanted if wanted not in _ABSENT else 0)
    a, b = (left, right) if left is not None and right is not None else (_text(stored), _text(wanted))
    if prefix.startswith(">"):
        return bool(a > b or (prefix == ">=" and a == b))  # type: ignore[operator]
    return bool(a < b or (prefix == "<=" and a == b))  # type: ignore[operator]


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return "" if value is None else str(value)


def names_of(criteria: Any) -> list[str]:
    """The fields that the criteria name, in groups too."""
    names: list[str] = []
    for key, value in php.items(criteria):
        if key.isdigit() and php.is_array(value):
            names += names_of(value)
        elif key != "logic":
            names.append(split_key(key)[1])
    return names


def order(rows: list[dict[str, Any]], by: Any) -> list[dict[str, Any]]:
    """The rows in an order such as {"title": "ASC", "id": "desc"}. Empty values come first, numbers before texts."""
    for name, direction in reversed(php.items(by)):
        rows = sorted(rows, key=lambda row: _sort_key(row.get(name)), reverse=str(direction).lower() == "desc")
    return rows


def _sort_key(value: Any) -> tuple[bool, float, str]:
    number = _number(value)
    return number is None and value is not None, number or 0.0, "" if number is not None else _text(value)
