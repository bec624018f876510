"""Who sees and changes which CRM items."""

from __future__ import annotations

from typing import Any

from bx24.emulator.state.portal import Portal


def may_see(portal: Portal, user_id: int, item: dict[str, Any]) -> bool:
    """False for an item of somebody else, if the user has only the right to see his own."""
    return user_id not in portal.faults.own_items or item.get("assignedById") == user_id


def may_change(portal: Portal, user_id: int, item: dict[str, Any]) -> bool:
    return may_see(portal, user_id, item) and user_id not in portal.faults.read_only
