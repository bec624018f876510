"""The addresses of the control API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

from bx24.emulator.control import chats, crm, inspection, installation, messages, open_lines, settings, workflows
from bx24.emulator.control.errors import ControlError
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.portals import Portals

Action = Callable[[Portal, dict[str, Any]], dict[str, Any]]
"""action(portal, parameters) -> answer. Called under the lock; may raise KeyError, TypeError, ValueError, ControlError."""

ACTIONS: dict[str, tuple[Action, str]] = {
    "token": (installation.token, "GET"),
    "finish": (installation.finish, "POST"),
    "uninstall": (installation.uninstall, "POST"),
    "update": (installation.update, "POST"),
    "stage-robots": (workflows.set_stage_robots, "POST"),
    "templates": (workflows.add_template, "POST"),
    "deals": (workflows.add_item, "POST"),
    "items/seed": (crm.seed_items, "POST"),
    "deals/<int:deal_id>/move": (workflows.move_deal, "POST"),
    "run": (workflows.run, "POST"),
    "hold": (workflows.hold, "POST"),
    "workflows/<workflow_id>/terminate": (workflows.terminate, "POST"),
    "timeline": (crm.timeline, "GET"),
    "timeline/click": (crm.click, "POST"),
    "activities": (crm.add_activity, "POST"),
    "stage-triggers": (crm.set_stage_triggers, "POST"),
    "triggers": (crm.show_triggers, "GET"),
    "log": (inspection.log, "GET"),
    "calls": (inspection.calls, "GET"),
    "robots": (inspection.robots, "GET"),
    "state": (inspection.state, "GET"),
    "notices": (inspection.notices, "GET"),
    "chats": (chats.chats, "GET"),
    "chats/<int:chat_id>/write": (chats.write, "POST"),
    "chats/<int:chat_id>/note": (chats.note, "POST"),
    "chats/<int:chat_id>/answer": (chats.answer, "POST"),
    "chats/<int:chat_id>/close": (chats.close, "POST"),
    "messages/<int:message_id>/edit": (chats.edit, "POST"),
    "messages/<int:message_id>/delete": (chats.delete, "POST"),
    "open-lines": (open_lines.open_lines, "GET"),
    "open-lines/add": (open_lines.add, "POST"),
    "open-lines/<int:line>": (open_lines.change, "POST"),
    "open-lines/<int:line>/delete": (open_lines.delete, "POST"),
    "open-lines/<int:line>/disconnect": (open_lines.disconnect, "POST"),
    "connectors/<connector>/take": (open_lines.take, "POST"),
    "senders": (messages.senders, "GET"),
    "sms": (messages.messages, "GET"),
    "sms/send": (messages.send, "POST"),
    "sms/<int:number>/again": (messages.again, "POST"),
    "grant": (open_lines.grant, "POST"),
    "faults": (settings.change_faults, "POST"),
    "settle": (settings.change_settings, "POST"),
}


def register(app: Flask, portal: Portal, portals: Portals) -> None:
    for path, (action, method) in ACTIONS.items():
        app.add_url_rule(f"/emulator/{path}", f"emulator/{path}", _view(portal, action), methods=[method])

    @app.post("/emulator/install")
    def install() -> ResponseReturnValue:
        # Not under the lock: the app's install page calls REST before it answers.
        return installation.install(portal, _body())

    @app.post("/emulator/portals")
    def add_portal() -> ResponseReturnValue:
        data = _body()
        added = portals.add(data.get("url", ""), lang=data.get("lang", "ru"))
        return jsonify({"portal": added.base_url, "member_id": added.member_id})

    @app.post("/emulator/rename")
    def rename() -> ResponseReturnValue:
        return jsonify({"portal": portals.rename(portal, _body().get("url", ""))})


def _body() -> dict[str, Any]:
    return request.get_json(silent=True) or {}


def _view(portal: Portal, action: Action) -> Callable[..., ResponseReturnValue]:
    """Parameters of an action: the query, the JSON body, the parts of the path; the later ones win."""

    def view(**parts: Any) -> ResponseReturnValue:
        try:
            with portal.cloud.lock:
                return jsonify(action(portal, {**request.args.to_dict(), **_body(), **parts}))
        except ControlError as error:
            return jsonify({"error": str(error)}), error.status
        except (KeyError, TypeError, ValueError) as error:
            return jsonify({"error": f"{type(error).__name__}: {error}"}), 400

    return view
