"""Moving a deal from stage to stage, which is what starts the robots; and items that have no robots here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bx24.emulator.rules.workflow_engine import Engine
from bx24.emulator.state import crm
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.workflow import Workflow


def move(portal: Portal, deal_id: int, stage_id: str, *, user_id: int = 1) -> Workflow | None:
    """Put a deal on a stage and start the stage's robots; None if it has none. Raises KeyError if either is unknown."""
    deal, stage = portal.crm.get(crm.DEAL, deal_id), portal.stage(stage_id)
    if deal is None or stage is None:
        raise KeyError(deal_id if deal is None else stage_id)
    put_on(portal, deal, stage_id)
    document_type = crm.document_type(crm.DEAL)
    document_id = (document_type[0], document_type[1], f"DEAL_{deal_id}")
    engine = Engine(portal)
    for flow in portal.workflows.values():
        # Bitrix24 terminates the workflow of the stage that the deal leaves.
        if flow.document_id == document_id and flow.stage:
            engine.terminate(flow)
    portal.raise_event("ONCRMDEALUPDATE", {"FIELDS": {"ID": deal_id}}, user_id=user_id)
    if not stage.robots:
        return None
    return engine.start(document_id, document_type, list(stage.robots), user_id=user_id, stage=stage_id)


def put_on(portal: Portal, item: dict[str, Any], stage_id: str) -> None:
    """Write down that an item has come to a stage, and when."""
    item["stageId"] = stage_id
    item["movedTime"] = datetime.fromtimestamp(portal.clock(), UTC).isoformat(timespec="seconds")
