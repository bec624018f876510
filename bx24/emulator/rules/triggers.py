"""Placing triggers on the stages of the deals, and firing them.

Source: crm/lib/automation/trigger/basetrigger.php, docs crm/automation/triggers. Only deals have stages here, so on
items of other types a trigger does nothing, as on a portal without automation for them.
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
    if portal.stage(stage_id) is None:
        raise KeyError(stage_id)
    if portal.triggers.find(app_id, code) is None:
        raise KeyError(code)
    placed = PlacedTrigger(portal.new_id(), code, app_id, stage_id, allow_back, dict(conditions or {}))
    portal.triggers.placed.append(placed)
    return placed


def remove(portal: Portal, placed_id: int) -> None:
    portal.triggers.placed = [item for item in portal.triggers.placed if item.id != placed_id]


def execute(portal: Portal, code: str, owner: Item) -> Execution:
    """Fire the first placed trigger that fits: it moves the deal, and the robots of the new stage start at once."""
    deal = _deal_of(portal, owner)
    target = next((item for item in _candidates(portal, deal, code) if _meets(deal, item)), None) if deal else None
    move = None
    if deal and target:
        move = Move(deal["id"], deal["stageId"], target.stage)
        deals.move(portal, deal["id"], target.stage, user_id=NOBODY)
    execution = Execution(portal.clock(), code, owner, move)
    portal.triggers.executions.append(execution)
    return execution


def _deal_of(portal: Portal, owner: Item) -> dict[str, Any] | None:
    """The deal itself; for a contact or a company, the newest of the client's deals that are not closed."""
    entity, number = owner
    if entity == crm.DEAL:
        return portal.crm.get(crm.DEAL, number)
    if entity not in (crm.CONTACT, crm.COMPANY):
        return None
    mine = [
        deal
        for deal in portal.crm.of(crm.DEAL)
        if deal["stageId"] not in FINAL_STAGES
        and (number in deal.get("contactIds", []) if entity == crm.CONTACT else deal.get("companyId") == number)
    ]
    return mine[-1] if mine else None


def _candidates(portal: Portal, deal: dict[str, Any], code: str) -> list[PlacedTrigger]:
    """Placed triggers in the order in which they are tried: on later stages, then backwards where that is allowed."""
    order = [stage.id for stage in portal.stages]
    if deal["stageId"] not in order:
        return []
    current = order.index(deal["stageId"])
    app_id = portal.installation.row_id
    on = [
        item
        for stage_id in order
        for item in portal.triggers.on(stage_id)
        if (item.app_id, item.code) == (app_id, code)
    ]
    later = [item for item in on if order.index(item.stage) > current]
    return later + [item for item in on if item.allow_back and order.index(item.stage) < current]


def _meets(deal: dict[str, Any], placed: PlacedTrigger) -> bool:
    return all(str(deal.get(name)) == str(value) for name, value in placed.conditions.items())
