"""Placing robots, adding and moving CRM items, running robots, terminating workflows."""

from __future__ import annotations

from typing import Any

from bx24.emulator.control.errors import ControlError
from bx24.emulator.rules import deals
from bx24.emulator.rules.workflow_engine import Engine
from bx24.emulator.state import crm
from bx24.emulator.state.crm import Triple
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.workflow import PlacedRobot, Template, Workflow

_OF_ONE_ROBOT = ("code", "values", "title", "timeout_s", "use_subscription")


def set_stage_robots(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"stage", "robots": […]}: replace the robots of a stage."""
    stage = portal.stage(str(data["stage"]))
    if stage is None:
        raise ControlError("no such stage", 404)
    stage.robots = [_placed_robot(entry) for entry in data.get("robots", [])]
    return {"stage": stage.id, "robots": [robot.to_dict() for robot in stage.robots]}


def _placed_robot(entry: dict[str, Any]) -> PlacedRobot:
    """{"code", "values"?, "title"?, "name"?, "timeout_s"?, "use_subscription"?, "auth_user_id"?, "status_text"?}.

    Raises TypeError for other keys.
    """
    return PlacedRobot(**entry)


def add_template(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"name", "entityTypeId"?: 2, "robots": […]}: a workflow that somebody designed for a CRM type; answers its id."""
    kind = crm.document_type(int(data.get("entityTypeId", crm.DEAL)))
    steps = [_placed_robot(entry) for entry in data.get("robots", [])]
    template = Template(portal.new_id(), str(data["name"]), kind, steps)
    portal.templates[template.id] = template
    return {"id": template.id}


def add_item(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"entityTypeId"?: 2, …camelCase fields…, "phones"?: ["+7…", ["MOBILE", "+7…"]]}: a deal, or another CRM item."""
    fields = dict(data)
    entity = int(fields.pop("entityTypeId", crm.DEAL))
    if entity == crm.DEAL:
        fields = {"stageId": "NEW", "categoryId": 0, "opportunity": 0, "currencyId": "RUB", **fields}
    return {"item": portal.crm.add(entity, **fields)}


def move_deal(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"stage", "user_id"?}: move a deal; the answer has the workflow of the stage's robots, or null."""
    try:
        flow = deals.move(portal, int(data["deal_id"]), str(data["stage"]), user_id=int(data.get("user_id", 1)))
    except KeyError as error:
        raise ControlError(f"no such deal or stage: {error}", 404) from error
    return {"workflow": flow.to_dict() if flow else None}


def run(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """Run robots or activities on a document.

    {"robots": […]}, or {"code", "values"?, …} for a single one; {"entityTypeId"?, "id"?}, or {"document_type": […3],
    "document_id": […3]}; "variables"? for {=Variable:…} and {=Template:…}; "user_id"?.
    """
    steps = [_placed_robot(entry) for entry in data.get("robots", [])]
    steps = steps or [_placed_robot({key: data[key] for key in _OF_ONE_ROBOT if key in data})]
    document_type, document_id = _document(data)
    flow = Engine(portal).start(
        document_id, document_type, steps, user_id=int(data.get("user_id", 1)), variables=data.get("variables")
    )
    return {"workflow": flow.to_dict()}


def hold(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """Run one robot once for each entry of "each", which has values of its own, without calling the app.

    {"code", "values"?, "each": [{…}, …]} and the document as for `run`. The answer has the calls, as {"workflow", "url",
    "body"}: a load generator makes them faster than this process would.
    """
    document_type, document_id = _document(data)
    calls = []
    for own in data["each"]:
        step = _placed_robot({"code": data["code"], "values": {**data.get("values", {}), **own}})
        held: list[tuple[str, bytes]] = []
        flow = Engine(portal).start(document_id, document_type, [step], user_id=int(data.get("user_id", 1)), held=held)
        calls += [{"workflow": flow.id, "url": url, "body": body.decode()} for url, body in held]
    return {"calls": calls}


def _document(data: dict[str, Any]) -> tuple[Triple, Triple]:
    """Type and id of the document."""
    if "document_id" in data:
        kind, document = data["document_type"], data["document_id"]
        return (kind[0], kind[1], kind[2]), (document[0], document[1], document[2])
    kind = crm.document_type(int(data.get("entityTypeId", crm.DEAL)))
    return kind, (kind[0], kind[1], f"{kind[2]}_{int(data.get('id', 1))}")


def terminate(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    flow = find_workflow(portal, str(data["workflow_id"]))
    Engine(portal).terminate(flow)
    return {"workflow": flow.to_dict()}


def find_workflow(portal: Portal, workflow_id: str) -> Workflow:
    """Raises ControlError for an unknown id."""
    flow = portal.workflows.get(workflow_id)
    if flow is None:
        raise ControlError("no such workflow", 404)
    return flow
