"""What is in a portal and what has happened there. Nothing here changes it, except `calls?reset=1`."""

from __future__ import annotations

from typing import Any

from bx24.emulator.control.workflows import find_workflow
from bx24.emulator.state import crm
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.records import Counters

_ATTEMPTS_SHOWN = 500


def log(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"workflow_id"?}: one workflow or all, each with its log and the answers it got."""
    if data.get("workflow_id"):
        return {"workflows": [find_workflow(portal, str(data["workflow_id"])).to_dict()]}
    return {"workflows": [flow.to_dict() for flow in portal.workflows.values()]}


def calls(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """The REST calls that were counted, and the latest calls to the app. {"reset"?: 1} starts to count anew."""
    shown = {
        **portal.counters.to_dict(),
        "outgoing": [attempt.to_dict() for attempt in portal.cloud.queue.history[-_ATTEMPTS_SHOWN:]],
        "pending": portal.cloud.queue.next_due(),
    }
    if data.get("reset"):
        portal.counters = Counters()
    return shown


def robots(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """The registered robots and activities."""
    return {
        "robots": [
            {
                "code": record.code,
                "kind": "robot" if record.is_robot else "activity",
                "fields": record.fields,
                "placement_handler": record.placement_handler,
            }
            for record in portal.robots.values()
        ]
    }


def state(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    row = portal.installation
    return {
        "portal": portal.base_url,
        "auth": portal.cloud.auth_url,
        "member_id": portal.member_id,
        "domain": portal.domain,
        "lang": portal.lang,
        "active": row.active,
        "installed": row.installed,
        "version": row.version,
        "scope": list(row.scope),
        "client_id": row.client_id,
        "install_url": row.install_url,
        "app_url": row.app_url,
        "events": [vars(binding) for binding in portal.events],
        "placements": [vars(binding) for binding in portal.placements],
        "stages": [{"id": stage.id, "robots": [robot.to_dict() for robot in stage.robots]} for stage in portal.stages],
        "deals": portal.crm.of(crm.DEAL),
    }


def notices(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    return {"notices": [vars(notice) for notice in portal.notices]}
