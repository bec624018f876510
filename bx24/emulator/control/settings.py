"""The language of a portal, the user who looks at it, and its faults."""

from __future__ import annotations

from typing import Any

from bx24.emulator.state.faults import Faults
from bx24.emulator.state.portal import Portal


def change_settings(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"lang"?: "ru" | "en", "viewer"?: user id}. Raises ValueError for unknown ones."""
    portal.change_settings(lang=data.get("lang"), viewer=data.get("viewer"))
    return {"lang": portal.lang, "viewer": portal.viewer_id}


def change_faults(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """Fields of `Faults`; {"reset": true} starts from none; {"expire_tokens": true} expires the access tokens."""
    changes = dict(data)
    if changes.pop("expire_tokens", False):
        portal.cloud.tokens.expire(portal.member_id)
    if changes.pop("reset", False):
        portal.faults = Faults()
    portal.faults.update(changes)
    return portal.faults.to_dict()
