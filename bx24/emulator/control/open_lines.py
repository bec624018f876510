"""Lines and connectors of Open Channels: looking at them, and what an administrator or another app does."""

from __future__ import annotations

from typing import Any

from bx24.emulator.control.errors import ControlError
from bx24.emulator.rules import open_line_setup
from bx24.emulator.state.open_lines import OpenLine
from bx24.emulator.state.portal import Portal


def open_lines(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """The lines with their settings, the connectors, and which is switched on where."""
    statuses = portal.open_lines.statuses.values()
    return {
        "lines": [vars(line) for line in portal.open_lines.lines.values()],
        "connectors": [vars(connector) for connector in portal.open_lines.connectors.values()],
        "statuses": [{**vars(row), "configured": row.configured, "works": row.works} for row in statuses],
    }


def add(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"name"?, "queue"?: [user ids], "settings"?: {"WELCOME_MESSAGE": "Y", …}}: a new line; answers its id."""
    return {"line": open_line_setup.add_line(portal, _params(data)).id}


def change(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"name"?, "queue"?, "settings"?}: change a line."""
    line = _line(portal, data)
    open_line_setup.change_line(line, _params(data))
    return {"line": vars(line)}


def delete(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"user_id"?}: an administrator deletes a line."""
    line = _line(portal, data)
    open_line_setup.delete_line(portal, line.id, user_id=int(data.get("user_id", 1)))
    return {"deleted": line.id}


def disconnect(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"connector", "user_id"?}: an administrator switches a connector off on a line."""
    line, connector = _line(portal, data), str(data["connector"])
    open_line_setup.switch_off(portal, connector, line.id, user_id=int(data.get("user_id", 1)))
    return {"disconnected": connector}


def take(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"app"?}: another app registers a connector with the same id, which takes it from ours."""
    connector = portal.open_lines.connectors.get(str(data["connector"]))
    if connector is None:
        raise ControlError("no such connector", 404)
    connector.app = str(data.get("app", "local.another"))
    return {"connector": vars(connector)}


def grant(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"scope": […]}: an administrator agrees to these rights of the app, beside those it has."""
    row = portal.installation
    row.scope = tuple(dict.fromkeys([*row.scope, *map(str, data["scope"])]))
    return {"scope": list(row.scope)}


def _line(portal: Portal, data: dict[str, Any]) -> OpenLine:
    line = portal.open_lines.lines.get(int(data["line"]))
    if line is None:
        raise ControlError("no such line", 404)
    return line


def _params(data: dict[str, Any]) -> dict[str, Any]:
    """As the parameters of `imopenlines.config.add`."""
    params = dict(data.get("settings", {}))
    if "name" in data:
        params["LINE_NAME"] = data["name"]
    if "queue" in data:
        params["QUEUE"] = data["queue"]
    return params
