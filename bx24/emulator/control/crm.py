"""The timeline of CRM items and the triggers: reading them, placing triggers, clicking like a person."""

from __future__ import annotations

from typing import Any

from bx24.emulator.control.errors import ControlError
from bx24.emulator.rules import timeline_clicks, triggers
from bx24.emulator.state import many_items
from bx24.emulator.state.crm import DEAL
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.timeline import CONFIGURABLE, Activity
from bx24.emulator.state.triggers import Execution


def timeline(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"entityTypeId", "id"}: the item's timeline, the newest first. Without them, everything of the portal."""
    store = portal.timeline
    if data.get("entityTypeId"):
        entries = store.of((int(data["entityTypeId"]), int(data["id"])))
    else:
        entries = [*store.activities.values(), *store.notes.values()]
    shown = [entry.to_dict() for entry in entries]
    return {
        "activities": [entry for entry in shown if entry["kind"] == "activity"],
        "log": [entry for entry in shown if entry["kind"] == "log"],
        "comments": [entry for entry in shown if entry["kind"] == "comment"],
    }


def seed_items(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"count", "entityTypeId"?: 2}: add thousands of items whose clients have phones; answers the first and the last id."""
    made = many_items.seed(portal.crm, int(data["count"]), int(data.get("entityTypeId", DEAL)))
    return {"first": made[0], "last": made[-1]}


def add_activity(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"ownerTypeId", "ownerId", "layout", "client_id"}: a configurable activity of another app, unchecked."""
    owner = int(data["ownerTypeId"]), int(data["ownerId"])
    activity = Activity(portal.new_id(), CONFIGURABLE, "CONFIGURABLE", [owner], portal.clock(), 1, 1, data["client_id"])
    activity.layout = dict(data["layout"])
    portal.timeline.activities[activity.id] = activity
    return {"id": activity.id}


def click(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"activity_id", "action", "entityTypeId"?, "id"?, "user_id"?}: click in the timeline of the owner or that item.

    action: where the action is in the layout, such as `footer.buttons.resend.action`.
    """
    activity = portal.timeline.activities.get(int(data["activity_id"]))
    if activity is None:
        raise ControlError("no such activity", 404)
    item = (int(data["entityTypeId"]), int(data["id"])) if data.get("entityTypeId") else activity.owner
    path, user_id = str(data["action"]), int(data.get("user_id", 1))
    return timeline_clicks.click(portal, activity, path, item=item, user_id=user_id)


def set_stage_triggers(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"stage", "triggers": [{"code", "allow_back"?, "conditions"?}]}: replace the triggers of a stage."""
    if not triggers.is_stage(portal, str(data["stage"])):
        raise ControlError("no such stage", 404)
    for placed in portal.triggers.on(str(data["stage"])):
        triggers.remove(portal, placed.id)
    for entry in data.get("triggers", []):
        triggers.place(portal, str(data["stage"]), **entry)
    return {"stage": data["stage"], "triggers": [vars(placed) for placed in portal.triggers.on(str(data["stage"]))]}


def show_triggers(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """What is registered and placed, each execution, and per code and owner how often it was executed and fired."""
    store = portal.triggers
    return {
        "registered": [vars(item) for item in store.of(portal.installation.row_id)],
        "placed": [vars(item) for item in store.placed],
        "executions": [_execution(item) for item in store.executions],
        "counts": _counts(store.executions),
    }


def _execution(item: Execution) -> dict[str, Any]:
    return {
        "at": item.at,
        "code": item.code,
        "entityTypeId": item.owner[0],
        "id": item.owner[1],
        "moves": [vars(move) for move in item.moves],
    }


def _counts(executions: list[Execution]) -> list[dict[str, Any]]:
    counted: dict[tuple[str, int, int], list[int]] = {}
    for item in executions:
        numbers = counted.setdefault((item.code, *item.owner), [0, 0])
        numbers[0] += 1
        numbers[1] += bool(item.moves)
    return [
        {"code": code, "entityTypeId": entity, "id": number, "executed": executed, "fired": fired}
        for (code, entity, number), (executed, fired) in counted.items()
    ]
