"""Values by type: how they go to the app, come back, and look inside a text.

Source: bizproc/lib/basetype of the product and the docs under api-reference/bizproc.
"""

from __future__ import annotations

import re
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
"""Codes that the step itself uses; the portal ignores registered properties with these codes."""


def printable(value: Any) -> str:
    """A value as text: lists joined with a comma, null as nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "Y" if value else "N"
    if php.is_array(value):
        return ", ".join(printable(item) for item in php.values(value))
    return str(value)


def outgoing(value: Any, descriptor: dict[str, Any]) -> Any:
    """A value as the robot's POST has it: null becomes "", an empty list stays a list, which PHP leaves out."""
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
    """A returned value, converted to the type in its RETURN_PROPERTIES; None if it cannot be."""
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
