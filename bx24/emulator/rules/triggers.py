"""Placing triggers on the stages of deals and of the smart process, and firing them.

Source: crm/lib/automation/trigger/basetrigger.php, docs crm/automation/triggers. Items of other types have no stages with
triggers here, so on them a trigger does nothing, as on a portal without automation for them. There are no orders.
"""

from __future__ import annotations

from typing import Any

from bx24.emulator.rules import deals
from bx24.emulator.state import crm
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.triggers import Execution, Item, Move, PlacedTrigger

FINAL_STAGES = ("WON", "LOSE")
NOBODY = 0
"""A trigger moves an item on nobody's behalf: events and robot calls that follow have no tokens."""


def place(
    portal: Portal, stage_id: str, code: str, *, allow_back: bool = False, conditions: dict[str, Any] | None = None
) -> PlacedTrigger:
    """Put a registered trigger on a stage. Raises KeyError for an unknown stage or code."""
    app_id = portal.installation.row_id
    if not is_stage(portal, stage_id):
        raise KeyError(stage_id)
    if portal.triggers.find(app_id, code) is None:
        raise KeyError(code)
    placed = PlacedTrigger(portal.new_id(), code, app_id, stage_id, allow_back, dict(conditions or {}))
    portal.triggers.placed.append(placed)
    return placed


def remove(portal: Portal, placed_id: int) -> None:
    portal.triggers.placed = [item for item in portal.triggers.placed if item.id != placed_id]


def is_stage(portal: Portal, stage_id: str) -> bool:
    """Whether triggers can be placed there."""
    return stage_id in (*_stages(portal, crm.DEAL), *_stages(portal, crm.SMART_PROCESS))


def execute(portal: Portal, code: str, owner: Item) -> Execution:
    """For each item that is meant, fire the first placed trigger that fits: it moves the item. The robots of a deal's new
    stage start at once."""
    moves = [_moved(portal, item, code) for item in _meant(portal, owner)]
    execution = Execution(portal.clock(), code, owner, tuple(move for move in moves if move is not None))
    portal.triggers.executions.append(execution)
    return execution


def _moved(portal: Portal, item: dict[str, Any], code: str) -> Move | None:
    target = next((placed for placed in _candidates(portal, item, code) if _meets(item, placed)), None)
    if target is None:
        return None
    move = Move((item["entityTypeId"], item["id"]), item["stageId"], target.stage)
    if item["entityTypeId"] == crm.DEAL:
        deals.move(portal, item["id"], target.stage, user_id=NOBODY)
    else:
        deals.put_on(portal, item, target.stage)
    return move


def _meant(portal: Portal, owner: Item) -> list[dict[str, Any]]:
    """The item itself; for a contact or a company, the newest of the client's deals that are not closed, and all of the
    client's items of the smart process."""
    entity, number = owner
    if entity in (crm.DEAL, crm.SMART_PROCESS):
        item = portal.crm.get(entity, number)
        return [item] if item else []
    if entity not in (crm.CONTACT, crm.COMPANY):
        return []

    def is_theirs(item: dict[str, Any]) -> bool:
        return bool(number in item.get("contactIds", []) if entity == crm.CONTACT else item.get("companyId") == number)

    current = [one for one in portal.crm.of(crm.DEAL) if is_theirs(one) and one["stageId"] not in FINAL_STAGES][-1:]
    return current + [one for one in portal.crm.of(crm.SMART_PROCESS) if is_theirs(one)]


def _stages(portal: Portal, entity: int) -> list[str]:
    return [stage.id for stage in portal.stages] if entity == crm.DEAL else list(crm.SMART_STAGES)


def _candidates(portal: Portal, moving: dict[str, Any], code: str) -> list[PlacedTrigger]:
    """Placed triggers in the order in which they are tried: on later stages, then backwards where that is allowed."""
    order = _stages(portal, moving["entityTypeId"])
    if moving.get("stageId") not in order:
        return []
    current = order.index(moving["stageId"])
    app_id = portal.installation.row_id
    on = [
        item
        for stage_id in order
        for item in portal.triggers.on(stage_id)
        if (item.app_id, item.code) == (app_id, code)
    ]
    later = [item for item in on if order.index(item.stage) > current]
    return later + [item for item in on if item.allow_back and order.index(item.stage) < current]


def _meets(item: dict[str, Any], placed: PlacedTrigger) -> bool:
    return all(str(item.get(name)) == str(value) for name, value in placed.conditions.items())
