"""What a robot's settings page is told about the document: its fields, earlier steps, stored values.

Shape: docs, tutorials/bizproc/setting-robot; bizproc/classes/general/restactivity.php.
"""

from __future__ import annotations

from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rules import deal_fields
from bx24.emulator.state import crm
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.records import RobotRecord, localized
from bx24.emulator.state.workflow import PlacedRobot


def settings_options(portal: Portal, robot: PlacedRobot, earlier: list[PlacedRobot]) -> dict[str, Any]:
    """PLACEMENT_OPTIONS of a settings page. `properties` have the stored shape: upper-case keys, language maps.

    earlier: the robots of the stage that run before this one; their results are what it may use.
    """
    record = portal.robots[robot.code]
    placed = {code.lower(): value for code, value in robot.values.items()}
    return {
        "code": robot.code,
        "activity_name": robot.name,
        "properties": record.properties(),
        "current_values": {code: placed.get(code.lower()) for code in record.properties()},
        "document_type": list(crm.document_type(crm.DEAL)),
        "document_fields": deal_fields.fields(portal),
        "template": _template(portal, earlier),
    }


def _template(portal: Portal, earlier: list[PlacedRobot]) -> dict[str, Any]:
    steps = []
    for robot in earlier:
        record = portal.robots.get(robot.code)
        if record:
            returns = [
                {"Id": code, "Name": localized(item.get("NAME"), portal.lang), "Type": str(item.get("TYPE", "string"))}
                for code, item in record.returns().items()
            ]
            steps.append(
                {"Id": robot.name, "Type": f"rest_{robot.code}", "Title": portal.robot_title(robot), "Return": returns}
            )
    return {
        "parameters": [],
        "variables": [],
        "constants": [],
        "global_variables": [],
        "global_constants": [],
        "return_activities": steps,
    }


def offered(portal: Portal, triple: tuple[str, str, str]) -> list[RobotRecord]:
    """The robots that may be placed on this document: activities are for the workflow designer, FILTER excludes."""
    return [record for record in portal.robots.values() if record.is_robot and _passes(record, triple)]


def _passes(record: RobotRecord, triple: tuple[str, str, str]) -> bool:
    rules = record.fields.get("FILTER")
    if not isinstance(rules, dict):
        return True
    include, exclude = (php.values(rules.get(key)) for key in ("INCLUDE", "EXCLUDE"))
    if include and not any(_matches(rule, triple) for rule in include):
        return False
    return not any(_matches(rule, triple) for rule in exclude)


def _matches(rule: Any, triple: tuple[str, str, str]) -> bool:
    # A string names the edition, and this portal is a cloud one; a list is a prefix of the document's triple.
    if isinstance(rule, str):
        return rule == "b24"
    wanted = [str(part) for part in php.values(rule)]
    return bool(wanted) and wanted == list(triple[: len(wanted)])
