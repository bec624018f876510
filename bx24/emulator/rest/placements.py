"""`placement.*`. Source: rest/lib/api/placement.php, docs api-reference/widgets."""

from __future__ import annotations

from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rest.base import Call, RestError, argument, check_url, rest
from bx24.emulator.state.records import PlacementBinding

_ENTITIES = ("LEAD", "DEAL", "CONTACT", "COMPANY", "QUOTE", "SMART_INVOICE", "DYNAMIC_183")
_PLACES = (
    "DETAIL_TAB",
    "DETAIL_ACTIVITY",
    "DETAIL_TOOLBAR",
    "ACTIVITY_TIMELINE_MENU",
    "LIST_MENU",
    "LIST_TOOLBAR",
    "ROBOT_DESIGNER_TOOLBAR",
)
CRM_PLACEMENTS = tuple(f"CRM_{entity}_{place}" for entity in _ENTITIES for place in _PLACES)
IM_PLACEMENTS = ("IM_TEXTAREA", "IM_SIDEBAR", "IM_CONTEXT_MENU", "IM_NAVIGATION")
ICONIC = ("IM_TEXTAREA", "IM_SIDEBAR", "IM_NAVIGATION")
SINGLE = ("REST_APP_URI", "PAGE_BACKGROUND_WORKER")


def known(call: Call) -> list[str]:
    scope = call.portal.installation.scope
    return [
        *SINGLE,
        *(CRM_PLACEMENTS if "crm" in scope else ()),
        *(IM_PLACEMENTS if "im" in scope else ()),
        *(("CONTACT_CENTER",) if "contact_center" in scope else ()),
        # Accepted, but only what imconnector.register makes is ever shown.
        *(("SETTING_CONNECTOR",) if "imopenlines" in scope else ()),
    ]


@rest("placement.list", "placement")
def placement_list(call: Call) -> list[str]:
    return known(call)


@rest("placement.bind", "placement")
def bind(call: Call) -> bool:
    call.need_admin()
    params = call.upper()
    placement, handler = _placement(call, params), params.get("HANDLER")
    if php.is_empty(handler):
        raise argument("HANDLER")
    check_url(handler)
    rows = [row for row in call.portal.placements if row.placement == placement]
    if placement in SINGLE and rows:
        raise RestError("ERROR_PLACEMENT_MAX_COUNT", "Placement max count: 1")
    if params.get("USER_ID") and placement not in ICONIC:
        raise RestError("ERROR_PLACEMENT_USER_MODE", "User mode is not available.")
    options = params.get("OPTIONS") if isinstance(params.get("OPTIONS"), dict) else {}
    if placement in ICONIC and not (options or {}).get("iconName"):
        raise argument("iconName")
    if any(row.handler == handler for row in rows):
        raise RestError("ERROR_CORE", "Unable to set placement handler: Handler already binded")
    call.portal.placements.append(_row(call, placement, str(handler), params, options or {}))
    return True


def _row(call: Call, placement: str, handler: str, params: dict[str, Any], options: dict[str, Any]) -> PlacementBinding:
    lang_all = params.get("LANG_ALL") if isinstance(params.get("LANG_ALL"), dict) else {}
    return PlacementBinding(
        call.portal.new_id(),
        placement,
        handler,
        str(params.get("TITLE") or ""),
        str(params.get("DESCRIPTION") or ""),
        str(params.get("GROUP_NAME") or ""),
        lang_all or {},
        options,
    )


def _placement(call: Call, params: dict[str, Any]) -> str:
    placement = str(params.get("PLACEMENT") or "").upper()
    if not placement:
        raise argument("PLACEMENT")
    if placement not in known(call):
        raise RestError("ERROR_PLACEMENT_NOT_FOUND", "Placement not found")
    return placement


@rest("placement.unbind", "placement")
def unbind(call: Call) -> dict[str, int]:
    """Without HANDLER, remove all handlers of the placement. As in the product, each removed one counts twice."""
    call.need_admin()
    params = call.upper()
    placement, handler = _placement(call, params), params.get("HANDLER")
    gone = [row for row in call.portal.placements if row.placement == placement and handler in (None, "", row.handler)]
    call.portal.placements = [row for row in call.portal.placements if row not in gone]
    return {"count": 2 * len(gone)}


@rest("placement.get", "placement")
def get(call: Call) -> list[dict[str, Any]]:
    call.need_admin()
    return [
        {
            "id": row.id,
            "placement": row.placement,
            "userId": 0,
            "handler": row.handler,
            "options": row.options,
            "title": row.title,
            "description": row.description,
            "langAll": row.lang_all,
        }
        for row in call.portal.placements
    ]
