"""PLACEMENT_OPTIONS: what the settings page of a robot learns about the robot, the document and earlier steps.

Shape: docs, tutorials/bizproc/setting-robot; bizproc/classes/general/restactivity.php.
"""

from __future__ import annotations

from typing import Any

from bx24.emulator.rules import deal_fields
from bx24.emulator.state import crm
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.records import localized
from bx24.emulator.state.workflow import PlacedRobot


def settings_options(portal: Portal, robot: PlacedRobot, earlier: list[PlacedRobot]) -> dict[str, Any]:
    """`properties` have their stored shape: upper-case keys, a map of languages for each text.

    earlier: the robots of the stage that run before this one; it may use their results.
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
