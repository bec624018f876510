"""Values as PHP writes them into its JSON and its forms: lists as maps, numbers as texts, switches as letters."""

import re
from collections.abc import Mapping
from typing import Any

from bx24.forms import as_list


def upper_map(value: Any) -> dict[str, Any]:
    """A map with its keys in upper case: which case they have differs from method to method."""
    if isinstance(value, list):
        value = {str(index): part for index, part in enumerate(value)}
    return {str(key).upper(): part for key, part in value.items()} if isinstance(value, Mapping) else {}


def values(value: Any) -> list[Any]:
    """The entries of a list, which may come as a map."""
    listed = as_list(value)
    return list(listed.values()) if isinstance(listed, Mapping) else listed if isinstance(listed, list) else []


def text(value: Any) -> str:
    """A text or a number as text; "" for anything else."""
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def number(value: Any) -> int:
    """A number of at most 18 digits, also as text; 0 for anything else."""
    digits = text(value).strip()
    return int(digits) if re.fullmatch(r"[0-9]{1,18}", digits) else 0


def is_on(value: Any) -> bool:
    """Whether a switch is on, in whichever of PHP's spellings."""
    return value in (True, 1, "1", "Y", "y", "true")
