"""Registering connectors, switching them on and off on lines, creating and deleting lines.

Source: imconnector/lib/rest/{customconnectors,helper}.php, imconnector/lib/status.php.
"""

from __future__ import annotations

from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rules import connector_events
from bx24.emulator.state.open_lines import FLAGS, Connector, ConnectorStatus, OpenLine
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.records import PlacementBinding

PLACEMENT = "SETTING_CONNECTOR"
DATA_KEYS = ("ID", "URL", "URL_IM", "NAME")


def register(portal: Portal, fields: dict[str, Any]) -> Connector:
    """Add a connector, or change the one with this id, whichever app owns it. fields: checked, with upper-case keys."""
    number, handler = str(fields["ID"]).lower(), str(fields["PLACEMENT_HANDLER"])
    known = portal.open_lines.connectors.get(number)
    flags = dict(known.flags) if known else {}
    flags |= {name: _flag(fields[name]) for name in FLAGS if name in fields}
    connector = Connector(
        number,
        str(fields["NAME"]),
        dict(fields["ICON"]),
        handler,
        portal.installation.client_id,
        _placement(portal, handler, str(fields.get("COMMENT") or "")),
        flags,
        str(fields.get("COMMENT") or ""),
    )
    portal.open_lines.connectors[number] = connector
    return connector


def _flag(value: Any) -> bool:
    """As the product stores it in a column of Y and N."""
    return value is True or str(value).upper() in ("Y", "1", "TRUE")


def _placement(portal: Portal, handler: str, comment: str) -> int:
    """The id of the binding of SETTING_CONNECTOR with this handler; the same handler keeps its binding."""
    for row in portal.placements:
        if row.placement == PLACEMENT and row.handler == handler:
            return row.id
    row = PlacementBinding(portal.new_id(), PLACEMENT, handler, "", comment, "", {}, {})
    portal.placements.append(row)
    return row.id


def unregister(portal: Portal, connector_id: str, *, user_id: int | None) -> None:
    """Remove the statuses of the connector on all lines and, if the app owns it, connector and placement."""
    number = connector_id.lower()
    for name, line in list(portal.open_lines.statuses):
        if name == number:
            switch_off(portal, number, line, user_id=user_id)
    connector = connector_events.owned(portal, number)
    if connector is None:
        return
    del portal.open_lines.connectors[number]
    if all(other.placement_id != connector.placement_id for other in portal.open_lines.connectors.values()):
        portal.placements = [row for row in portal.placements if row.id != connector.placement_id]


def drop_app(portal: Portal) -> None:
    """The app is gone, and its connectors with it; nobody is told."""
    portal.open_lines.connectors = {
        number: known
        for number, known in portal.open_lines.connectors.items()
        if known.app != portal.installation.client_id
    }
    kept = portal.open_lines.connectors
    portal.open_lines.statuses = {key: row for key, row in portal.open_lines.statuses.items() if key[0] in kept}


def switch_on(portal: Portal, connector: str, line: int) -> None:
    """Active, connected and registered, without an error."""
    status = portal.open_lines.keep(portal.open_lines.status(connector, line))
    status.active = status.connection = status.register = True
    status.error = False


def switch_off(portal: Portal, connector: str, line: int, *, user_id: int | None) -> None:
    """Delete the status with the data stored there, and tell the app."""
    portal.open_lines.statuses.pop((connector, line), None)
    connector_events.status_deleted(portal, connector, line, user_id=user_id)


def set_data(portal: Portal, connector: str, line: int, data: dict[str, Any]) -> ConnectorStatus:
    """Merge with what is stored; empty values are skipped, so nothing can be cleared."""
    status = portal.open_lines.keep(portal.open_lines.status(connector, line))
    status.data |= {key: data[key] for key in DATA_KEYS if not php.is_empty(data.get(key))}
    return status


def add_line(portal: Portal, params: dict[str, Any]) -> OpenLine:
    """A new line. params: as of `imopenlines.config.add`."""
    settings, queue = _settings(params)
    return portal.open_lines.add_line(str(params.get("LINE_NAME") or ""), settings, [1] if queue is None else queue)


def change_line(line: OpenLine, params: dict[str, Any]) -> None:
    settings, queue = _settings(params)
    line.settings |= settings
    line.name = str(params.get("LINE_NAME") or line.name)
    line.queue = line.queue if queue is None else queue


def _settings(params: dict[str, Any]) -> tuple[dict[str, Any], list[int] | None]:
    """The settings, and the ids of the operators; None, if the queue is not named."""
    settings = {key: value for key, value in params.items() if key not in ("QUEUE", "LINE_NAME", "ID")}
    if "QUEUE" not in params:
        return settings, None
    rows = php.values(params["QUEUE"])
    return settings, [php.to_int(row.get("ENTITY_ID") if isinstance(row, dict) else row) for row in rows]


def delete_line(portal: Portal, line: int, *, user_id: int | None) -> None:
    """Delete a line with the statuses of all its connectors; every app is told."""
    for connector, number in list(portal.open_lines.statuses):
        if number == line:
            switch_off(portal, connector, line, user_id=user_id)
    portal.open_lines.lines.pop(line, None)
    connector_events.line_deleted(portal, line, user_id=user_id)
