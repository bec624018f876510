"""The shape of a payload: its keys, types and lengths, and never a value of it.

A shape is kept and sent with bug reports, so nothing of a person may be in it: a key is named only if it looks like an
identifier of a program, a value only by its type and the range of its length. It is short whatever the payload is: what lies
deeper, and what comes after so many keys, is counted.
"""

import re
import threading
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from messaging.system.clock import Clock
from messaging.system.counters import Counters

#: Characters of a shape, of a key; levels; keys of one map; elements of a list that are looked at; values in all.
MAX_SHAPE, MAX_KEY, MAX_DEPTH, MAX_KEYS, MAX_ELEMENTS, MAX_VALUES = 2000, 60, 7, 40, 20, 400
#: Shapes that one process works out in an hour: of one portal, and of all. More are counted without their shape.
PER_PORTAL, PER_PROCESS = 30, 300
#: Upper ends of the ranges in which a length is told.
_RANGES = (0, 16, 64, 256, 1024, 4096, 65536)
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]*")
#: A key with so many digits is an id, a phone or a token.
_MAX_DIGITS = 3
_HEX = re.compile(r"[0-9a-fA-F-]{16,}")
_FORMATS = (
    ("digits", re.compile(r"\+?[0-9]{1,20}")),
    ("number", re.compile(r"-?[0-9]{1,20}[.,][0-9]{1,20}")),
    ("uuid", re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")),
    ("link", re.compile(r"https?://\S{1,4000}")),
    ("time", re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.+Z-]{5,30}")),
)


def shape_of(value: Any) -> str:
    """A JSON value, or a parsed form, as one line: `{app: text 1–16, payload: {code: digits 4, list: [number] 1–16}}`."""
    return _Describer().describe(value, 0)[:MAX_SHAPE]


class _Describer:
    def __init__(self) -> None:
        self._left = MAX_VALUES

    def describe(self, value: Any, depth: int) -> str:
        self._left -= 1
        if isinstance(value, Mapping):
            return self._map(value, depth)
        if isinstance(value, list | tuple):
            return self._list(value, depth)
        if isinstance(value, str):
            return _text(value)
        if isinstance(value, bool):
            return "bool"
        return {int: "int", float: "float", type(None): "null"}.get(type(value), "other")

    def _map(self, value: Mapping[Any, Any], depth: int) -> str:
        if not value:
            return "{}"
        if depth >= MAX_DEPTH or self._left <= 0:
            return f"{{{_length(len(value))} keys}}"
        parts: list[str] = []
        hidden = 0
        for key, inner in list(value.items())[:MAX_KEYS]:
            name = key_of(key)
            hidden += not name
            if name:
                parts.append(f"{name}: {self.describe(inner, depth + 1)}")
        hidden += max(0, len(value) - MAX_KEYS)
        return "{" + ", ".join(sorted(parts) + ([f"{_length(hidden)} other keys"] if hidden else [])) + "}"

    def _list(self, value: list[Any] | tuple[Any, ...], depth: int) -> str:
        if depth >= MAX_DEPTH or self._left <= 0:
            return f"[] {_length(len(value))}"
        kinds = dict.fromkeys(self.describe(one, depth + 1) for one in value[:MAX_ELEMENTS])
        return f"[{' | '.join(list(kinds)[:3])}] {_length(len(value))}"


def key_of(key: object) -> str:
    """A key as it may be named, cut to MAX_KEY characters; "" for one that may be somebody's name, number or token."""
    text = str(key)
    if len(text) > 4 * MAX_KEY or not _IDENTIFIER.fullmatch(text) or _HEX.search(text):
        return ""
    return text[:MAX_KEY] if sum(map(str.isdigit, text)) <= _MAX_DIGITS else ""


def _text(value: str) -> str:
    if not value:
        return '""'
    if len(value) <= 4096:
        for name, pattern in _FORMATS:
            if pattern.fullmatch(value):
                # The number of digits tells seconds from milliseconds, and a phone from an id.
                return f"{name} {len(value)}" if name == "digits" else name
    return f"text {_length(len(value))}"


def _length(number: int) -> str:
    """The range in which a length lies: 17–64."""
    below = 0
    for end in _RANGES:
        if number <= end:
            return str(end) if end == 0 else f"{below + 1}–{end}"
        below = end
    return f"over {_RANGES[-1]}"


class ShapeReports:
    """Keeps the shapes of payloads that were not understood or were refused; the rows are those of `observation`."""

    def __init__(self, counters: Counters, clock: Clock) -> None:
        self._counters, self._clock = counters, clock
        self._lock = threading.Lock()
        self._hour: datetime | None = None
        self._kept: Counter[int] = Counter()

    def keep(self, kind: str, why: str, payload: Any, portal: int = 0) -> None:
        """Count this payload under its shape. kind: where it came; why: words of ours; portal: 0 if it is not known."""
        shape = shape_of(payload) if self._is_allowed(portal) else ""
        self._counters.seen(kind, why[:100], shape, portal)

    def _is_allowed(self, portal: int) -> bool:
        """Whether another shape may be worked out in this hour: whoever sends nonsense is to cost nothing."""
        hour = self._clock().replace(minute=0, second=0, microsecond=0)
        with self._lock:
            if hour != self._hour:
                self._hour, self._kept = hour, Counter()
            if self._kept[portal] >= PER_PORTAL or self._kept.total() >= PER_PROCESS:
                return False
            self._kept[portal] += 1
            return True
