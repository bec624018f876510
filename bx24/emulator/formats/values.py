"""Expressions of a placed robot, and how values of each type travel to the app and back.

Source: bizproc/lib/basetype of the product and the docs under api-reference/bizproc.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from bx24.emulator.formats import php

RESERVED = frozenset(
    {
        "Title",
        "UseSubscription",
        "IsTimeout",
        "AuthUserId",
        "SetStatusMessage",
        "StatusMessage",
        "TimeoutDuration",
        "TimeoutDurationType",
    }
)
"""Codes the step itself uses; the portal ignores properties that bear them."""

_EXPRESSION = re.compile(r"\{=\s*([^:{}]+?)\s*:\s*([^{}>]+?)\s*(?:>\s*([\w,; ]+?)\s*)?\}")
Resolver = Callable[[str, str], Any]
"""resolver(object, field) -> value of `{=object:field}`, None when there is no such thing."""


def evaluate(value: Any, resolve: Resolver) -> Any:
    """Replace expressions. A string that is one expression keeps the value's own shape (a list stays a list)."""
    if isinstance(value, list):
        return [item for entry in value for item in _spread(evaluate(entry, resolve))]
    if isinstance(value, dict):
        return {key: evaluate(entry, resolve) for key, entry in value.items()}
    if not isinstance(value, str):
        return value
    whole = _EXPRESSION.fullmatch(value.strip())
    if whole:
        return _found(whole, resolve)
    return _EXPRESSION.sub(lambda match: printable(_found(match, resolve)), value)


def _found(match: re.Match[str], resolve: Resolver) -> Any:
    source, name, modifiers = match.groups()
    if "printable" not in (modifiers or ""):
        return resolve(source, name)
    # Of a document field the printable form is its twin: a title for a key, a name for a user.
    return printable(resolve(source, name.removesuffix("_PRINTABLE") + "_PRINTABLE" if source == "Document" else name))


def is_expression(value: str) -> bool:
    return _EXPRESSION.search(value) is not None


def _spread(value: Any) -> list[Any]:
    # An expression that yields several values expands into several items of a multiple property.
    return value if isinstance(value, list) else [value]


def printable(value: Any) -> str:
    """A value inside other text: lists are joined with a comma, null is nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "Y" if value else "N"
    if php.is_array(value):
        return ", ".join(printable(item) for item in php.values(value))
    return str(value)


def outgoing(value: Any, descriptor: dict[str, Any]) -> Any:
    """A property as it is put into the robot's POST: null becomes "", an empty list stays (and vanishes in PHP)."""
    if value is None:
        return ""
    multiple = is_yes(descriptor.get("MULTIPLE"))
    kind = str(descriptor.get("TYPE") or "string").lower()
    if multiple:
        entries = php.values(value) if php.is_array(value) else [] if value == "" else [value]
        # The settings form drops empty entries of a multiple property and re-indexes the rest.
        return [_scalar(entry, kind) for entry in entries if entry not in (None, "")]
    if php.is_array(value):
        entries = php.values(value)
        value = entries[0] if entries else ""
    return _scalar(value, kind)


def _scalar(value: Any, kind: str) -> str:
    if kind == "bool" and value not in ("", None):
        return "Y" if is_yes(value) else "N"
    return printable(value)


def is_yes(value: Any) -> bool:
    """`CBPHelper::getBool`."""
    return value is True or str(value).strip().lower() in ("y", "yes", "true", "1")


def incoming(value: Any, descriptor: dict[str, Any]) -> Any:
    """A returned value converted to the type of its RETURN_PROPERTIES descriptor."""
    kind = str(descriptor.get("TYPE") or "string").lower()
    if is_yes(descriptor.get("MULTIPLE")):
        entries = php.values(value) if php.is_array(value) else [value]
        return [_typed(entry, kind, descriptor) for entry in entries]
    if php.is_array(value):
        value = next(iter(php.values(value)), None)
    return _typed(value, kind, descriptor)


def _typed(value: Any, kind: str, descriptor: dict[str, Any]) -> Any:
    if value is None or value == "":
        return value
    if kind == "int":
        return _leading_int(str(value))
    if kind == "double":
        found = re.match(r"\s*-?\d+([.,]\d+)?", str(value))
        return float(found.group().replace(",", ".")) if found else None
    if kind == "bool":
        return "Y" if is_yes(value) else "N"
    if kind == "select":
        keys = {key for key, _ in php.items(descriptor.get("OPTIONS"))}
        return str(value) if str(value) in keys else None
    return printable(value)


def _leading_int(text: str) -> int | None:
    found = re.match(r"\s*-?\d+", text)
    return int(found.group()) if found else None
