"""What PHP does to data on its way through Bitrix24: bracketed forms, empty values left out, `[]` for an empty map.

It shares no code with the parser of the product on purpose: a mistake in one of them shows as a difference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import quote_plus, unquote_plus

_KEY = re.compile(r"^([^\[]+)((?:\[[^\]]*\])*)")
_PART = re.compile(r"\[([^\]]*)\]")
EMPTY_OBJECT: Mapping[str, Any] = MappingProxyType({})
"""An object without public properties, such as a DateTime: `{}` in JSON, where an empty map is `[]`."""


def encode(data: Mapping[str, Any]) -> bytes:
    """`http_build_query`: null and empty arrays are left out, booleans become 1 and 0, everything else is text."""
    return "&".join(f"{quote_plus(key)}={quote_plus(text)}" for key, text in _pairs(data, "")).encode()


def _pairs(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if value is None:
        return
    if isinstance(value, Mapping):
        items = list(value.items())
    elif isinstance(value, (list, tuple)):
        items = list(enumerate(value))
    else:
        yield key, ("1" if value else "0") if isinstance(value, bool) else str(value)
        return
    for name, inner in items:
        yield from _pairs(inner, f"{key}[{name}]" if key else str(name))


def decode(text: str) -> dict[str, Any]:
    """`parse_str`: later keys win, `[]` appends, consecutive keys from 0 come out as a list."""
    root: dict[str, Any] = {}
    for pair in text.split("&"):
        name, _, value = pair.partition("=")
        if name:
            _put(root, unquote_plus(name), unquote_plus(value))
    return {key: listify(value) for key, value in root.items()}


def _put(root: dict[str, Any], name: str, value: str) -> None:
    found = _KEY.match(name)
    if not found:
        return
    path = [re.sub(r"[. ]", "_", found.group(1)), *_PART.findall(found.group(2))]
    node = root
    for step, part in enumerate(path):
        part = part or str(next_index(node))
        if step == len(path) - 1:
            node[part] = value
            return
        if not isinstance(node.get(part), dict):
            node[part] = {}
        node = node[part]


def next_index(node: Mapping[str, Any]) -> int:
    """The index that `[]` gets: the highest number so far, plus one."""
    return max((int(key) for key in node if key.isdigit()), default=-1) + 1


def listify(value: Any) -> Any:
    """Maps with consecutive keys from 0 become lists, at every depth."""
    if not isinstance(value, dict):
        return value
    inner = {key: listify(item) for key, item in value.items()}
    if inner and list(inner) == [str(number) for number in range(len(inner))]:
        return list(inner.values())
    return inner


def jsonable(value: Any) -> Any:
    """As `json_encode` writes a PHP array: an empty map becomes `[]`, a map with the keys 0, 1, 2 … a list."""
    if value is EMPTY_OBJECT:
        return {}
    if isinstance(value, Mapping):
        if list(map(str, value)) == [str(number) for number in range(len(value))]:
            return [jsonable(item) for item in value.values()]
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    return value


def is_empty(value: Any) -> bool:
    """PHP's `empty()`: null, false, 0, "", "0" and the empty array."""
    return value is None or value in ("", "0", 0, False) or (isinstance(value, (list, dict, tuple)) and not value)


def to_int(value: Any) -> int:
    """PHP's `(int)`: leading digits count, everything else is 0."""
    found = re.match(r"\s*[+-]?\d+", str(value)) if not is_array(value) and not isinstance(value, bool) else None
    return int(found.group()) if found else int(value is True)


def is_array(value: Any) -> bool:
    return isinstance(value, (list, dict))


def items(value: Any) -> list[tuple[str, Any]]:
    """Keys and values of a PHP array, which may have arrived as a list or as a map."""
    if isinstance(value, list):
        return [(str(index), item) for index, item in enumerate(value)]
    return [(str(key), item) for key, item in value.items()] if isinstance(value, dict) else []


def values(value: Any) -> list[Any]:
    return [item for _, item in items(value)]


def deep_keys(value: Any, change: Callable[[str], str]) -> Any:
    """The value with the keys of all its maps changed, as the recursive Converter of the product does."""
    if isinstance(value, dict):
        return {change(str(key)): deep_keys(item, change) for key, item in value.items()}
    return [deep_keys(item, change) for item in value] if isinstance(value, list) else value


def upper_keys(data: Mapping[str, Any]) -> dict[str, Any]:
    """`array_change_key_case(…, CASE_UPPER)`."""
    return {str(key).upper(): value for key, value in data.items()}


def serialized_size(value: Any) -> int:
    """The length in bytes of `serialize($value)`: the portal stores PROPERTIES in this form."""
    if value is None:
        return 2
    if isinstance(value, bool):
        return 4
    if isinstance(value, (int, float)):
        return len(str(value)) + 3
    if isinstance(value, (dict, list)):
        pairs = items(value)
        inner = sum(_key_size(key) + serialized_size(item) for key, item in pairs)
        return len(f"a:{len(pairs)}:{{}}") + inner
    size = len(str(value).encode())
    return size + len(f's:{size}:"";')


def _key_size(key: str) -> int:
    return len(f"i:{key};") if key.isdigit() else serialized_size(key)
