"""PHP's nested form keys: `auth[member_id]=…&properties[vars][0]=…` → nested dicts, and back for batch commands.

Lists stay maps with "0", "1", … here: a map with numeric keys looks the same, only a schema can tell (as_list()).
Null and empty arrays never arrive: PHP's http_build_query leaves them out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote_to_bytes

_UNNUMBERED = re.compile(rb"(?:\[|%5B)(?:\]|%5D)", re.IGNORECASE)
#: Longer names are not remembered: a stranger would fill our memory with them.
KNOWN_KEY = 100
#: Bytes that are unescaped at a time: the library needs twenty times as much memory as it is given.
SLICE = 16 * 1024
Form = dict[str, Any]
"""str, or a Form again, under every key, in the order of arrival."""


class PayloadError(ValueError):
    """A body that is not what it should be. `str()` names the field and the problem, never the value."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field
        self.problem = problem


def parse_form(body: bytes, *, max_keys: int = 2000, max_depth: int = 6) -> Form:
    """A form body as nested dicts of strings.

    Whatever is odd is taken as it can be: of conflicting or repeated keys the first wins, broken UTF-8 is replaced,
    NUL is dropped (PostgreSQL refuses it). Raises PayloadError above max_keys fields or max_depth brackets.
    """
    if body.count(b"&") >= max_keys:
        raise PayloadError("body", f"has more than {max_keys} fields")
    form: Form = {}
    counters: dict[int, int] | None = {} if _UNNUMBERED.search(body) else None
    for pair in body.split(b"&"):
        key, _, value = pair.partition(b"=")
        path = _known_path(key, max_depth) if len(key) <= KNOWN_KEY else _read_path(key, max_depth)
        if path[0]:
            _put(form, path, decode(value), counters)
    return form


def parse_query(query: bytes, *, max_keys: int = 200) -> Form:
    """The query string of a frame's address; the same rules as of a body."""
    return parse_form(query, max_keys=max_keys)


def take_out(body: bytes, name: bytes) -> tuple[bytes, bytes]:
    """The body without its first field of this name, and that field's value as it came: `decode` reads it; b"" without one.

    For a field so long that reading it takes a while, before it is known who has sent it.
    """
    begin = 0 if body.startswith(name + b"=") else body.find(b"&" + name + b"=") + 1
    if not body.startswith(name + b"=", begin):
        return body, b""
    end = body.find(b"&", begin)
    end = len(body) if end < 0 else end
    return body[:begin] + body[end + 1 :], body[begin + len(name) + 1 : end]


def as_list(value: Any) -> Any:
    """Maps with keys 0, 1, … n-1, all the way down, as lists; everything else as it is."""
    if not isinstance(value, Mapping):
        return value
    inner = {key: as_list(part) for key, part in value.items()}
    numbers = [str(i) for i in range(len(inner))]
    return [inner[number] for number in numbers] if set(numbers) == set(inner) else inner


def build_query(params: Mapping[str, Any]) -> str:
    """Parameters as PHP's http_build_query writes them: `a=1&b[c][0]=2`; true and false as 1 and 0, None left out."""
    return "&".join(f"{quote(key, safe='[]')}={quote(value, safe='')}" for key, value in _flat(params))


def _flat(params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    pending = [(str(key), value) for key, value in reversed(list(params.items()))]
    while pending:
        key, value = pending.pop()
        if isinstance(value, list | tuple):
            value = dict(enumerate(value))
        if isinstance(value, Mapping):
            pending += [(f"{key}[{part}]", inner) for part, inner in reversed(list(value.items()))]
        elif value is not None:
            yield key, str(int(value)) if isinstance(value, bool) else str(value)


def decode(part: bytes) -> str:
    """The text; bytes that should have been escaped count as they are, as PHP takes them."""
    if b"+" in part:
        part = part.replace(b"+", b" ")
    text = (_unescaped(part) if b"%" in part else part).decode("utf-8", "replace")
    return text.replace("\x00", "") if "\x00" in text else text


def _unescaped(part: bytes) -> bytes:
    if len(part) <= SLICE:
        return unquote_to_bytes(part)
    whole = bytearray()
    start = 0
    while start < len(part):
        end = start + SLICE
        begun = part.rfind(b"%", end - 2, end)  # an escape that the slice would cut in two
        end = begun if begun > 0 else end
        whole += unquote_to_bytes(part[start:end])
        start = end
    return bytes(whole)


def _read_path(key: bytes, max_depth: int) -> tuple[str, ...]:
    """A field's name as a path. Raises PayloadError if it has more brackets than max_depth."""
    name = decode(key)
    if name.count("[") > max_depth:
        raise PayloadError("body", f"is nested deeper than {max_depth}")
    return tuple(_path(name))


#: Names repeat from call to call, and reading them is half of the work.
_known_path = lru_cache(2048)(_read_path)


def _path(key: str) -> list[str]:
    """ "a[b][]" → ["a", "b", ""]. What follows an unclosed bracket belongs to the name, as written."""
    name, bracket, rest = key.partition("[")
    path = [name]
    while bracket:
        part, closed, rest = rest.partition("]")
        if not closed:
            return [key] if len(path) == 1 else path
        path.append(part)
        bracket, rest = ("[", rest[1:]) if rest.startswith("[") else ("", rest)
    return path


def _put(form: Form, path: tuple[str, ...], value: str, counters: dict[int, int] | None) -> None:
    """counters: None where no `[]` is in the whole body, as almost always: then nothing need be counted."""
    node = form
    last = len(path) - 1
    for i, part in enumerate(path):
        key = part if counters is None else _numbered(node, part, i, counters)
        if i == last:
            node.setdefault(key, value)
            return
        inner = node.setdefault(key, {})
        if not isinstance(inner, dict):
            return
        node = inner


def _numbered(node: Form, part: str, depth: int, counters: dict[int, int]) -> str:
    """The key, of `[]` the next number. counters: per node; looking for its greatest key each time would be quadratic."""
    key = part if part or depth == 0 else str(counters.get(id(node), 0))
    if key.isascii() and key.isdigit() and len(key) < 10:
        counters[id(node)] = max(counters.get(id(node), 0), int(key) + 1)
    return key
