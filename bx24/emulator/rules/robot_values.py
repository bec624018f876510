"""The values that a running robot sends to the app: the placed values, with their expressions evaluated."""

from __future__ import annotations

from typing import Any

from bx24.emulator.formats import values
from bx24.emulator.formats.expressions import Resolver, evaluate
from bx24.emulator.formats.texts import text_of
from bx24.emulator.rules import deal_values
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.records import RobotRecord
from bx24.emulator.state.workflow import PlacedRobot, Workflow

_VARIABLES = ("Template", "Variable", "Constant", "GlobalVar", "GlobalConst")


def properties(portal: Portal, flow: Workflow, step: PlacedRobot, record: RobotRecord) -> dict[str, Any]:
    """Values of the registered properties by code: as placed, in whatever case the code was written, or the default."""
    placed = {code.lower(): value for code, value in step.values.items()}
    resolve = _resolver(portal, flow)
    result = {}
    for code, descriptor in record.properties().items():
        if code not in values.RESERVED:
            raw = placed.get(code.lower(), descriptor.get("DEFAULT"))
            result[code] = values.outgoing(evaluate(raw, resolve), descriptor)
    return result


def status_text(portal: Portal, flow: Workflow, step: PlacedRobot) -> str:
    """What the workflow shows while the step waits."""
    text = values.printable(evaluate(step.status_text, _resolver(portal, flow)))
    return text or text_of("waiting_for_app", portal.lang)


def _resolver(portal: Portal, flow: Workflow) -> Resolver:
    item = portal.crm.document(flow.document_id)

    def resolve(source: str, name: str) -> Any:
        if source == "Document":
            return deal_values.value(portal, item, name)
        return flow.variables.get(name) if source in _VARIABLES else _result_of(flow, source, name)

    return resolve


def _result_of(flow: Workflow, source: str, name: str) -> Any:
    """What an earlier step returned. Its name decides before title and code, which several robots may share."""
    reached = flow.steps[: flow.index + 1]
    named = [step for step in reached if step.name == source]
    named = named or [step for step in reached if source in (step.title, step.code)]
    returned = flow.returned.get(named[0].name, {}) if named else {}
    return {key.lower(): value for key, value in returned.items()}.get(name.lower())
