"""`imopenlines.config.*`: the lines and their settings. Source: docs imopenlines/openlines/imopenlines-config-*."""

from __future__ import annotations

from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rest.base import Call, RestError, rest
from bx24.emulator.rest.connectors import SCOPE
from bx24.emulator.rules import open_line_setup
from bx24.emulator.state.open_lines import OpenLine


def _shown(line: OpenLine, *, with_queue: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {"ID": str(line.id), "LINE_NAME": line.name, **line.settings}
    if with_queue:
        shown["QUEUE"] = [str(user) for user in line.queue]
        shown["QUEUE_ONLINE"] = "Y" if line.queue else "N"
    return shown


def _permitted(call: Call) -> None:
    if not call.user.is_admin:
        raise RestError("CONFIG_WRONG_USER_PERMISSION", "You do not have permission to edit the open line", 403)


def _id(call: Call) -> int:
    number = php.to_int(call.upper().get("CONFIG_ID"))
    if number <= 0:
        raise RestError("CONFIG_ID_EMPTY", "Config ID can't be empty")
    return number


@rest("imopenlines.config.get", SCOPE)
def config_get(call: Call) -> dict[str, Any] | bool:
    """false for a line that does not exist."""
    line = call.portal.open_lines.lines.get(_id(call))
    return _shown(line, with_queue=call.upper().get("WITH_QUEUE") != "N") if line else False


@rest("imopenlines.config.list.get", SCOPE)
def config_list(call: Call) -> list[dict[str, Any]]:
    """Only exact filters work, and ID orders."""
    params, options = call.upper().get("PARAMS") or {}, call.upper().get("OPTIONS") or {}
    if not isinstance(params, dict):
        raise RestError("INVALID_FORMAT", "A wrong format for the PARAMS field is passed")
    params = {str(key).lower(): value for key, value in params.items()}
    for name in ("select", "order", "filter"):
        if not php.is_array(params.get(name) or []):
            raise RestError("INVALID_FORMAT", f"A wrong format for the {name.upper()} field is passed")
    with_queue = isinstance(options, dict) and options.get("QUEUE") == "Y"
    rows = [_shown(line, with_queue=with_queue) for line in call.portal.open_lines.lines.values()]
    for key, value in php.items(params.get("filter")):
        rows = [row for row in rows if str(row.get(key.lstrip("="))) == str(value)]
    if any(str(way).upper() == "DESC" for _, way in php.items(params.get("order"))):
        rows.reverse()
    offset, limit = php.to_int(params.get("offset")), php.to_int(params.get("limit")) or len(rows)
    names = [str(name) for name in php.values(params.get("select"))]
    return [_selected(row, names) for row in rows[offset : offset + limit]]


def _selected(row: dict[str, Any], names: list[str]) -> dict[str, Any]:
    return {name: row[name] for name in names if name in row} if names and "*" not in names else row


@rest("imopenlines.config.add", SCOPE)
def config_add(call: Call) -> int:
    _permitted(call)
    params = call.upper().get("PARAMS")
    return open_line_setup.add_line(call.portal, params if isinstance(params, dict) else {}).id


@rest("imopenlines.config.update", SCOPE)
def config_update(call: Call) -> bool:
    number = _id(call)
    _permitted(call)
    params, line = call.upper().get("PARAMS"), call.portal.open_lines.lines.get(number)
    if line is None:
        return False
    open_line_setup.change_line(line, params if isinstance(params, dict) else {})
    return True


@rest("imopenlines.config.delete", SCOPE)
def config_delete(call: Call) -> bool:
    number = _id(call)
    _permitted(call)
    if number not in call.portal.open_lines.lines:
        return False
    open_line_setup.delete_line(call.portal, number, user_id=call.user.id)
    return True
