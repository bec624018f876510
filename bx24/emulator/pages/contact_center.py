"""The contact centre: a tile for each channel, the open lines to connect it to, and the app's settings page for it."""

from __future__ import annotations

from typing import Any

from flask import Flask, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue

from bx24.emulator.pages.app_frame import frame_data, uri_option
from bx24.emulator.pages.layout import base_values, language, title_of, viewer
from bx24.emulator.rules import connector_events, frames, open_line_setup
from bx24.emulator.state.open_lines import Connector, OpenLine
from bx24.emulator.state.portal import Portal

TILE = "CONTACT_CENTER"
SETTINGS = (
    ("ACTIVE", "Y", "N", ""),
    ("CRM", "Y", "N", ""),
    ("OPERATOR_DATA", "profile", "hide", ""),
    ("WELCOME_MESSAGE", "Y", "N", "WELCOME_MESSAGE_TEXT"),
    ("CLOSE_RULE", "text", "none", "CLOSE_TEXT"),
    ("VOTE_MESSAGE", "Y", "N", "VOTE_MESSAGE_2_TEXT"),
)
"""Settings of a line that the page offers: name, value for on, value for off, the name of the text that goes with it."""


def register(app: Flask, portal: Portal) -> None:
    @app.get("/contact-center")
    def tiles() -> str:
        with portal.cloud.lock:
            return render_template("contact_center.html", tiles=_tiles(portal), **_values(portal))

    @app.get("/contact-center/tile/<int:number>")
    def tile(number: int) -> str:
        with portal.cloud.lock:
            return _tile_page(portal, number)

    @app.get("/contact-center/<connector_id>")
    def channel(connector_id: str) -> str:
        with portal.cloud.lock:
            connector = _own(portal, connector_id)
            lines = [
                (line, portal.open_lines.status(connector.id, line.id)) for line in portal.open_lines.lines.values()
            ]
            return render_template("channel.html", connector=connector, lines=lines, **_values(portal))

    @app.post("/contact-center/<connector_id>")
    def add_line(connector_id: str) -> ResponseReturnValue:
        with portal.cloud.lock:
            connector = _own(portal, connector_id)
            line = open_line_setup.add_line(
                portal, {"LINE_NAME": request.form.get("name", "").strip(), "QUEUE": [1, 2]}
            )
            return redirect(f"/contact-center/{connector.id}/{line.id}", 303)

    @app.get("/contact-center/<connector_id>/<int:number>")
    def connection(connector_id: str, number: int) -> str:
        with portal.cloud.lock:
            return _connection_page(portal, _own(portal, connector_id), _line(portal, number))

    @app.post("/contact-center/<connector_id>/<int:number>/<action>")
    def act_on_channel(connector_id: str, number: int, action: str) -> ResponseReturnValue:
        with portal.cloud.lock:
            connector, line = _own(portal, connector_id), _line(portal, number)
            if action == "disconnect":
                open_line_setup.switch_off(portal, connector.id, line.id, user_id=viewer(portal))
                return redirect(f"/contact-center/{connector.id}?done=disconnected", 303)
            if action != "texts":
                abort(404)
            open_line_setup.change_line(line, _settings())
            return redirect(f"/contact-center/{connector.id}/{line.id}?done=saved", 303)


def _values(portal: Portal) -> dict[str, Any]:
    done = {"saved": "saved", "disconnected": "channel_disconnected"}.get(request.args.get("done", ""), "")
    return {**base_values(portal, "contact_center"), "done": done}


def _own(portal: Portal, connector_id: str) -> Connector:
    """The connector, if our app owns it; else the answer 404."""
    return connector_events.owned(portal, connector_id) or abort(404)


def _line(portal: Portal, number: int) -> OpenLine:
    return portal.open_lines.lines.get(number) or abort(404)


def _tiles(portal: Portal) -> list[dict[str, Any]]:
    """Connectors first, then the tiles that an app bound by itself."""
    lines = portal.open_lines.lines.values()
    shown: list[dict[str, Any]] = [
        {
            "name": connector.name,
            "icon": connector.icon.get("DATA_IMAGE", ""),
            "href": f"/contact-center/{connector.id}" if connector_events.owned(portal, connector.id) else "",
            "lines": ", ".join(line.name for line in lines if portal.open_lines.status(connector.id, line.id).works),
            "is_channel": True,
        }
        for connector in portal.open_lines.connectors.values()
    ]
    for row in portal.placements:
        if row.placement == TILE and portal.installation.installed:
            name = title_of(portal, row, language(portal))
            shown.append({"name": name, "icon": "", "href": f"/contact-center/tile/{row.id}", "is_channel": False})
    return shown


def _tile_page(portal: Portal, number: int) -> str:
    row = next((row for row in portal.placements if row.id == number and row.placement == TILE), None) or abort(404)
    options = {"ID": str(row.id)} | uri_option()
    frame = frames.new_frame(
        portal, row.handler, user_id=viewer(portal), placement=TILE, options=options, lang=language(portal)
    )
    data = frame_data(portal, frame, TILE, options)
    return render_template(
        "connection.html",
        title=title_of(portal, row, language(portal)),
        frame=frame,
        data=data,
        line=None,
        **_values(portal),
    )


def _connection_page(portal: Portal, connector: Connector, line: OpenLine) -> str:
    """The app's settings page for this connector on this line."""
    status = portal.open_lines.status(connector.id, line.id)
    options: dict[str, Any] = {
        "CONNECTOR": connector.id,
        "LINE": str(line.id),
        "STATUS": status.works,
        "ACTIVE_STATUS": status.active,
        "CONNECTION_STATUS": status.connection,
        "REGISTER_STATUS": status.register,
        "ERROR_STATUS": status.error,
    }
    options |= uri_option()
    frame = frames.new_frame(
        portal,
        connector.handler,
        user_id=viewer(portal),
        placement=open_line_setup.PLACEMENT,
        options=options,
        lang=language(portal),
    )
    return render_template(
        "connection.html",
        title=f"{connector.name} · {line.name}",
        frame=frame,
        data=frame_data(portal, frame, open_line_setup.PLACEMENT, options),
        connector=connector,
        line=line,
        status=status,
        settings=[(name, line.settings.get(name) == on, text) for name, on, _, text in SETTINGS],
        **_values(portal),
    )


def _settings() -> dict[str, Any]:
    """The settings of the submitted form."""
    settings = {name: on if name in request.form else off for name, on, off, _ in SETTINGS}
    return settings | {text: request.form[text] for _, _, _, text in SETTINGS if text and text in request.form}
