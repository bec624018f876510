"""`bizproc.robot.*` and `bizproc.activity.*`. Source: bizproc/lib/restservice.php, docs api-reference/bizproc.

Robots and activities share one code space, but each list names only its own kind, and neither may touch the other's.
"""

from __future__ import annotations

from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rest import robot_checks
from bx24.emulator.rest.base import Call, RestError, rest
from bx24.emulator.rest.robot_checks import invalid
from bx24.emulator.state import crm
from bx24.emulator.state.records import RobotRecord

UPDATABLE = (
    "HANDLER",
    "AUTH_USER_ID",
    "USE_SUBSCRIPTION",
    "USE_PLACEMENT",
    "NAME",
    "DESCRIPTION",
    "PROPERTIES",
    "RETURN_PROPERTIES",
    "DOCUMENT_TYPE",
    "FILTER",
)


@rest("bizproc.robot.add", "bizproc")
def robot_add(call: Call) -> bool:
    return _add(call, True)


@rest("bizproc.activity.add", "bizproc")
def activity_add(call: Call) -> bool:
    return _add(call, False)


@rest("bizproc.robot.update", "bizproc")
def robot_update(call: Call) -> bool:
    return _update(call, True)


@rest("bizproc.activity.update", "bizproc")
def activity_update(call: Call) -> bool:
    return _update(call, False)


@rest("bizproc.robot.delete", "bizproc")
def robot_delete(call: Call) -> bool:
    return _delete(call, True)


@rest("bizproc.activity.delete", "bizproc")
def activity_delete(call: Call) -> bool:
    return _delete(call, False)


@rest("bizproc.robot.list", "bizproc")
def robot_list(call: Call) -> list[str]:
    return _list(call, True)


@rest("bizproc.activity.list", "bizproc")
def activity_list(call: Call) -> list[str]:
    return _list(call, False)


def _list(call: Call, is_robot: bool) -> list[str]:
    call.need_admin()
    return [record.code for record in call.portal.robots.values() if record.is_robot is is_robot]


def _add(call: Call, is_robot: bool) -> bool:
    call.need_admin()
    data = robot_checks.upper_case_keys(call.params)
    robot_checks.check_registration(data, call.portal.crm)
    code = str(data["CODE"])
    if code in call.portal.robots:
        raise RestError("ERROR_ACTIVITY_ALREADY_INSTALLED", "Activity or Robot already installed!")
    placement = ""
    if data.get("USE_PLACEMENT") == "Y":
        placement = _placement(call, code, data.get("PLACEMENT_HANDLER"))
    if robot_checks.is_too_big(data):
        raise RestError("ERROR_ACTIVITY_ADD_FAILURE", "Activity save error!")
    fields = {key: data.get(key) for key in UPDATABLE if data.get(key) is not None}
    fields["AUTH_USER_ID"] = php.to_int(data.get("AUTH_USER_ID"))
    call.portal.robots[code] = RobotRecord(code, is_robot, fields, placement)
    return True


def _placement(call: Call, code: str, handler: Any) -> str:
    url = robot_checks.check_handler(handler)
    if any(record.placement_handler == url and record.code != code for record in call.portal.robots.values()):
        raise RestError(
            "ERROR_CORE", "Unable to set placement handler: You should use unique placement handler for each CODE!"
        )
    return url


def _known(call: Call, data: dict[str, Any], is_robot: bool) -> RobotRecord:
    code = robot_checks.check_code(data.get("CODE"))
    record = call.portal.robots.get(code)
    if record is None or record.is_robot is not is_robot:
        raise RestError("ERROR_ACTIVITY_NOT_FOUND", "Activity or Robot not found!")
    return record


def _update(call: Call, is_robot: bool) -> bool:
    data = robot_checks.upper_case_keys(call.params)
    call.need_admin()
    record = _known(call, data, is_robot)
    fields = data.get("FIELDS") if isinstance(data.get("FIELDS"), dict) else None
    changes = _changes(fields or {}, call.portal.crm)
    if not changes:
        # A change of PLACEMENT_HANDLER alone is refused, too.
        raise invalid("No fields to update")
    placement = record.placement_handler
    if fields and fields.get("PLACEMENT_HANDLER") is not None:
        placement = _placement(call, record.code, fields["PLACEMENT_HANDLER"])
    if changes.get("USE_PLACEMENT") == "N":
        placement = ""
    if robot_checks.is_too_big(changes):
        raise invalid("Data is too long")
    record.fields = {key: value for key, value in {**record.fields, **changes}.items() if value is not None}
    record.placement_handler = placement
    return True


def _changes(fields: dict[str, Any], known: crm.Crm) -> dict[str, Any]:
    changes: dict[str, Any] = {key: fields[key] for key in UPDATABLE if fields.get(key) is not None}
    if "HANDLER" in changes:
        robot_checks.check_handler(changes["HANDLER"])
    if "AUTH_USER_ID" in changes:
        changes["AUTH_USER_ID"] = php.to_int(changes["AUTH_USER_ID"])
    if php.is_empty(changes.get("NAME")):
        changes.pop("NAME", None)
    if "USE_PLACEMENT" in changes:
        changes["USE_PLACEMENT"] = "Y" if changes["USE_PLACEMENT"] == "Y" else "N"
    for key in ("PROPERTIES", "RETURN_PROPERTIES"):
        if key in changes:
            robot_checks.check_properties(changes[key])
    for key in ("DOCUMENT_TYPE", "FILTER"):
        if key in changes and php.is_empty(changes[key]):
            changes[key] = None
    if changes.get("DOCUMENT_TYPE") is not None:
        robot_checks.check_document_type(changes["DOCUMENT_TYPE"], known)
    if changes.get("FILTER") is not None:
        robot_checks.check_filter(changes["FILTER"])
    return changes


def _delete(call: Call, is_robot: bool) -> bool:
    call.need_admin()
    del call.portal.robots[_known(call, call.upper(), is_robot).code]
    return True
