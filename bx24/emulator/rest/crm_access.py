"""What several CRM methods share: required parameters, and which items the caller may see and change."""

from __future__ import annotations

from typing import Any

from bx24.emulator.rest.base import Call, RestError, access_denied
from bx24.emulator.state.timeline import Item


def required(call: Call, name: str, params: dict[str, Any] | None = None) -> Any:
    """A parameter that must be there. Raises RestError with the code 100."""
    given = (call.params if params is None else params).get(name)
    if given is None:
        raise RestError("100", f"Could not find value for parameter {{{name}}}")
    return given


def whole(call: Call, name: str, params: dict[str, Any] | None = None) -> int:
    """A required whole number. Raises RestError with the code 100."""
    given = required(call, name, params)
    text = str(given).strip()
    if isinstance(given, bool) or not text.lstrip("-").isdecimal():
        raise RestError(
            "100", f"Invalid value {{{given}}} to match with parameter {{{name}}}. Should be value of type int."
        )
    return int(text)


def may_see(call: Call, item: dict[str, Any]) -> bool:
    """False for an item of somebody else, if the user has only the right to see his own."""
    return call.user.id not in call.portal.faults.own_items or item.get("assignedById") == call.user.id


def item_to_change(call: Call, item: Item) -> dict[str, Any]:
    """The CRM item, if the caller may change it. Raises RestError."""
    found = call.portal.crm.get(*item)
    if found is None:
        raise RestError("OWNER_NOT_FOUND", "Owner not found", 400)
    if not may_see(call, found):
        raise access_denied()
    return found
