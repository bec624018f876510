"""Small checks of JSON values, from which the shapes of all messages are built.

A check looks at one value and notes what is wrong with it. Two kinds of wrong exist, because Gupshup knows two:
what it refuses at once (the JSON does not have the documented shape) and what it queues and fails later by event
(a text over its limit, a missing parameter, a link that cannot be fetched).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gupshup.emulator.state import codes

Check = Callable[[object, str, "Findings"], None]


@dataclass
class Findings:
    """What the checks found, in order. malformed: refused at once. failures: (code, reason), fail later."""

    allow_http: bool = False
    malformed: list[str] = field(default_factory=list)
    failures: list[tuple[int, str]] = field(default_factory=list)

    def refuse(self, where: str, problem: str) -> None:
        self.malformed.append(f"{where}: {problem}")

    def fail(self, code: int, detail: str) -> None:
        self.failures.append((code, f"{codes.reason_of(code)} ({detail})"))


def anything(value: object, where: str, found: Findings) -> None:
    """Any value."""


def string(limit: int | None = None, *, empty: bool = True) -> Check:
    """A JSON string of at most `limit` code points; with `empty=False`, of more than white space."""

    def check(value: object, where: str, found: Findings) -> None:
        if not isinstance(value, str):
            found.refuse(where, "must be a string")
        elif not empty and not value.strip():
            found.fail(codes.PARAMETER_MISSING, where)
        elif limit is not None and len(value) > limit:
            found.fail(codes.VALUE_INVALID, f"{where} has {len(value)} characters, at most {limit}")

    return check


def boolean(value: object, where: str, found: Findings) -> None:
    """A JSON true or false."""
    if not isinstance(value, bool):
        found.refuse(where, "must be true or false")


def number(low: float, high: float) -> Check:
    """A JSON number within the bounds; a string of digits is not a number."""

    def check(value: object, where: str, found: Findings) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            found.refuse(where, "must be a number")
        elif not low <= value <= high:
            found.fail(codes.VALUE_INVALID, f"{where} must lie between {low:g} and {high:g}")

    return check


def one_of(*allowed: str) -> Check:
    """One of the documented words."""

    def check(value: object, where: str, found: Findings) -> None:
        if value not in allowed:
            found.refuse(where, f"must be one of {', '.join(allowed)}")

    return check


def link(value: object, where: str, found: Findings) -> None:
    """An https address; http only for an app with `allow_http`."""
    if not isinstance(value, str):
        found.refuse(where, "must be a string")
        return
    parts = urlsplit(value)
    schemes = {"https", "http"} if found.allow_http else {"https"}
    if parts.scheme not in schemes or not parts.hostname or any(c.isspace() for c in value):
        found.fail(codes.MEDIA_URL, where)


def list_of(item: Check, low: int = 0, high: int | None = None) -> Check:
    """A JSON list of `low` to `high` items, each of which passes `item`."""

    def check(value: object, where: str, found: Findings) -> None:
        if not isinstance(value, list):
            found.refuse(where, "must be a list")
            return
        if len(value) < low:
            found.fail(codes.PARAMETER_MISSING, f"{where} needs at least {low}")
        if high is not None and len(value) > high:
            found.fail(codes.VALUE_INVALID, f"{where} has {len(value)} items, at most {high}")
        for position, part in enumerate(value):
            item(part, f"{where}[{position}]", found)

    return check


def object_of(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """A JSON object with exactly these keys: an unknown one is refused, a missing one fails later with 1009."""
    known = {**required, **(optional or {})}

    def check(value: object, where: str, found: Findings) -> None:
        if not isinstance(value, dict):
            found.refuse(where, "must be an object")
            return
        for key in value.keys() - known.keys():
            found.refuse(f"{where}.{key}", "unknown key")
        for key in required:
            if key not in value:
                found.fail(codes.PARAMETER_MISSING, f"{where}.{key}")
        for key, check_value in known.items():
            if key in value:
                check_value(value[key], f"{where}.{key}", found)

    return check


def all_of(*checks: Check) -> Check:
    """All checks, in order."""

    def check(value: object, where: str, found: Findings) -> None:
        for each in checks:
            each(value, where, found)

    return check


def strings_at(value: object, *path: str) -> list[str]:
    """The strings under a path of keys, through lists and objects; whatever does not fit the path is skipped."""
    if not path:
        return [value] if isinstance(value, str) else []
    if isinstance(value, list):
        return [text for part in value for text in strings_at(part, *path)]
    return strings_at(value.get(path[0]), *path[1:]) if isinstance(value, dict) else []
