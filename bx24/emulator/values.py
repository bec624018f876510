"""Expressions of a placed robot, and how values of each type travel to the app and back.

Source: bizproc/lib/basetype of the product and the docs under api-reference/bizproc.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from . import php
from .crm import COMPANY, CONTACT, Crm

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
        found = resolve(whole.group(1), whole.group(2))
        return printable(found) if whole.group(3) and "printable" in whole.group(3) else found
    return _EXPRESSION.sub(lambda match: printable(resolve(match.group(1), match.group(2))), value)


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


def document_value(crm: Crm, item: dict[str, Any] | None, field: str) -> Any:
    """`{=Document:FIELD}`: `CONTACT.NAME` and `COMPANY.TITLE` reach the client, PHONE is the multi-field itself."""
    if item is None:
        return None
    name, _, rest = field.partition(".")
    if rest and name.upper() in ("CONTACT", "COMPANY"):
        kind, key = (CONTACT, "contactId") if name.upper() == "CONTACT" else (COMPANY, "companyId")
        return document_value(crm, crm.get(kind, item.get(key) or 0), rest)
    upper = field.upper()
    if upper.startswith("PHONE") or upper.startswith("EMAIL"):
        return _multi(item, upper)
    wanted = upper.replace("_", "").removesuffix("PRINTABLE")
    if wanted == "ID":
        return str(item["id"])
    aliases = {"STATUSID": "STAGEID", "ASSIGNEDBY": "ASSIGNEDBYID"}
    wanted = aliases.get(wanted, wanted)
    value = next((value for key, value in item.items() if key.upper() == wanted), None)
    if wanted == "ASSIGNEDBYID" and value:
        return f"user_{value}"
    return value.get("id") if isinstance(value, dict) else value


def _multi(item: dict[str, Any], field: str) -> Any:
    kind, _, value_type = field.partition("_")
    rows = [row for row in item.get("fm", []) if row["typeId"] == kind]
    if value_type == "PRINTABLE":
        return ", ".join(row["value"] for row in rows)
    if value_type:
        return [row["value"] for row in rows if row["valueType"] == value_type]
    if not rows:
        return None
    return {"n" + str(row["id"]): {"VALUE": row["value"], "VALUE_TYPE": row["valueType"]} for row in rows}
