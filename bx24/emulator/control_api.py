"""The control API under `/emulator/`: what tests, the demo and benchmarks tell a portal to do. JSON in, JSON out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

from bx24.emulator.rules import deals, frames, lifecycle
from bx24.emulator.rules.workflow_engine import Engine
from bx24.emulator.state import crm
from bx24.emulator.state.faults import Faults
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.portals import Portals
from bx24.emulator.state.records import Counters
from bx24.emulator.state.workflow import PlacedRobot, Workflow

Action = Callable[[Portal, dict[str, Any]], dict[str, Any]]


class ControlError(Exception):
    """A control request that makes no sense; answered 400 (404 for a missing object)."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


def register(app: Flask, portal: Portal, portals: Portals) -> None:
    def action(path: str, run: Action, *methods: str) -> None:
        def view(**parts: Any) -> ResponseReturnValue:
            data = request.get_json(silent=True) or {}
            try:
                with portal.cloud.lock:
                    return jsonify(run(portal, {**request.args.to_dict(), **data, **parts}))
            except ControlError as error:
                return jsonify({"error": str(error)}), error.status
            except (KeyError, TypeError, ValueError) as error:
                return jsonify({"error": f"{type(error).__name__}: {error}"}), 400

        app.add_url_rule(f"/emulator/{path}", f"emulator/{path}", view, methods=list(methods))

    for path, (run, method) in ACTIONS.items():
        action(path, run, method)

    @app.post("/emulator/install")
    def install() -> ResponseReturnValue:
        return _install(portal, request.get_json(silent=True) or {})

    @app.post("/emulator/portals")
    def add_portal() -> ResponseReturnValue:
        data = request.get_json(silent=True) or {}
        added = portals.add(data.get("url", ""), lang=data.get("lang", "ru"))
        return jsonify({"portal": added.base_url, "member_id": added.member_id})

    @app.post("/emulator/rename")
    def rename() -> ResponseReturnValue:
        data = request.get_json(silent=True) or {}
        return jsonify({"portal": portals.rename(portal, data.get("url", ""))})


def _install(portal: Portal, data: dict[str, Any]) -> ResponseReturnValue:
    """Not under the lock while the app's page is fetched: it calls REST before it answers."""
    if not data.get("install_url") or not data.get("app_url"):
        return jsonify({"error": "install_url and app_url are required"}), 400
    user_id = int(data.get("user_id", 1))
    with portal.cloud.lock:
        row = lifecycle.install(
            portal, data["install_url"], data["app_url"], scope=data.get("scope"), kind=data.get("kind", "ui")
        )
        if data.get("kind") == "api":
            return jsonify({"status": None, "installed": row.installed})
        made = frames.new_frame(portal, row.install_url, user_id=user_id)
    try:
        status, body = frames.post_frame(portal, made)
    except OSError as error:
        return jsonify({"error": f"{type(error).__name__}: {error}"}), 502
    with portal.cloud.lock:
        if data.get("finish") and status == 200:
            lifecycle.finish(portal, user_id=user_id)
    return jsonify(
        {
            "status": status,
            "body": body,
            "app_sid": made.app_sid,
            "url": made.url,
            "form": made.form,
            "installed": portal.installation.installed,
        }
    )


def token(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    if not portal.installation.active:
        raise ControlError("the app is not installed", 409)
    user_id = int(data.get("user_id", 1))
    if portal.user(user_id) is None:
        raise ControlError("no such user", 404)
    return {
        **portal.event_auth(user_id, with_refresh=True),
        "client_id": portal.installation.client_id,
        "client_secret": portal.cloud.client_secret,
        "installed": portal.installation.installed,
    }


def finish(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    done = lifecycle.finish(portal, user_id=int(data.get("user_id", 1)))
    return {"finished": done, "installed": portal.installation.installed}


def uninstall(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    return {"sent": lifecycle.uninstall(portal, clean=str(data.get("clean", 0)) in ("1", "True", "true"))}


def update(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    return {"sent": lifecycle.update(portal), "version": portal.installation.version}


def set_stage(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    stage = portal.stage(str(data["stage"]))
    if stage is None:
        raise ControlError("no such stage", 404)
    stage.robots = [placed(entry) for entry in data.get("robots", [])]
    return {"stage": stage.id, "robots": [robot.to_dict() for robot in stage.robots]}


def placed(entry: dict[str, Any]) -> PlacedRobot:
    """{"code", "values", "title", "name", "timeout_s", "use_subscription", "auth_user_id"}; TypeError for others."""
    return PlacedRobot(**entry)


def add_deal(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"entityTypeId": 2, …camelCase fields…, "phones": ["+7…", ["MOBILE", "+7…"]]}."""
    fields = dict(data)
    entity = int(fields.pop("entityTypeId", crm.DEAL))
    if entity == crm.DEAL:
        fields = {"stageId": "NEW", "categoryId": 0, "opportunity": 0, "currencyId": "RUB", **fields}
    return {"item": portal.crm.add(entity, **fields)}


def move_deal(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    try:
        flow = deals.move(portal, int(data["deal_id"]), str(data["stage"]), user_id=int(data.get("user_id", 1)))
    except KeyError as error:
        raise ControlError(f"no such deal or stage: {error}", 404) from error
    return {"workflow": flow.to_dict() if flow else None}


def run(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """Run robots or activities on any document: {"document_type": […3], "document_id": […3] | "entityTypeId", "id",
    "robots": […]} or {"code", "values", …} for a single one; "variables" feed {=Variable:…} and {=Template:…}."""
    steps = [placed(entry) for entry in data.get("robots", [])] or [
        placed({key: data[key] for key in ("code", "values", "title", "timeout_s", "use_subscription") if key in data})
    ]
    document_type, document_id = _document(data)
    flow = Engine(portal).start(
        document_id, document_type, steps, user_id=int(data.get("user_id", 1)), variables=data.get("variables")
    )
    return {"workflow": flow.to_dict()}


def hold(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """Like `run` with {"code", "values"}, once for each entry of "each" (values of its own), but nothing is posted: the
    calls come back as {"workflow", "url", "body"} for a load generator that is faster than this process."""
    document_type, document_id = _document(data)
    calls = []
    for own in data["each"]:
        step = placed({"code": data["code"], "values": {**data.get("values", {}), **own}})
        held: list[tuple[str, bytes]] = []
        flow = Engine(portal).start(document_id, document_type, [step], user_id=int(data.get("user_id", 1)), held=held)
        calls += [{"workflow": flow.id, "url": url, "body": body.decode()} for url, body in held]
    return {"calls": calls}


def _document(data: dict[str, Any]) -> tuple[tuple[str, str, str], tuple[str, str, str]]:
    if "document_id" in data:
        first, second = data["document_type"], data["document_id"]
        return (first[0], first[1], first[2]), (second[0], second[1], second[2])
    triple = crm.document_type(int(data.get("entityTypeId", crm.DEAL)))
    return triple, (triple[0], triple[1], f"{triple[2]}_{int(data.get('id', 1))}")


def flow_of(portal: Portal, workflow_id: str) -> Workflow:
    flow = portal.workflows.get(workflow_id)
    if flow is None:
        raise ControlError("no such workflow", 404)
    return flow


def terminate(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    flow = flow_of(portal, str(data["workflow_id"]))
    Engine(portal).terminate(flow)
    return {"workflow": flow.to_dict()}


def log(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    if data.get("workflow_id"):
        return {"workflows": [flow_of(portal, str(data["workflow_id"])).to_dict()]}
    return {"workflows": [flow.to_dict() for flow in portal.workflows.values()]}


def calls(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    shown = {
        **portal.counters.to_dict(),
        "outgoing": [attempt.to_dict() for attempt in portal.cloud.queue.history[-500:]],
        "pending": portal.cloud.queue.next_due(),
    }
    if data.get("reset"):
        portal.counters = Counters()
    return shown


def robots(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "robots": [
            {
                "code": record.code,
                "kind": "robot" if record.is_robot else "activity",
                "fields": record.fields,
                "placement_handler": record.placement_handler,
            }
            for record in portal.robots.values()
        ]
    }


def state(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    row = portal.installation
    return {
        "portal": portal.base_url,
        "auth": portal.cloud.auth_url,
        "member_id": portal.member_id,
        "domain": portal.domain,
        "lang": portal.lang,
        "active": row.active,
        "installed": row.installed,
        "version": row.version,
        "scope": list(row.scope),
        "client_id": row.client_id,
        "install_url": row.install_url,
        "app_url": row.app_url,
        "events": [vars(binding) for binding in portal.events],
        "placements": [vars(binding) for binding in portal.placements],
        "stages": [{"id": stage.id, "robots": [robot.to_dict() for robot in stage.robots]} for stage in portal.stages],
        "deals": portal.crm.of(crm.DEAL),
    }


def notices(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    return {"notices": [vars(notice) for notice in portal.notices]}


def settle(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"lang": "ru" | "en", "viewer": user id}, each optional; ValueError for others."""
    portal.change_settings(lang=data.get("lang"), viewer=data.get("viewer"))
    return {"lang": portal.lang, "viewer": portal.viewer_id}


def faults(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    changes = dict(data)
    if changes.pop("expire_tokens", False):
        portal.cloud.tokens.expire(portal.member_id)
    if changes.pop("reset", False):
        portal.faults = Faults()
    portal.faults.update(changes)
    return portal.faults.to_dict()


ACTIONS: dict[str, tuple[Action, str]] = {
    "token": (token, "GET"),
    "finish": (finish, "POST"),
    "uninstall": (uninstall, "POST"),
    "update": (update, "POST"),
    "stage-robots": (set_stage, "POST"),
    "deals": (add_deal, "POST"),
    "deals/<int:deal_id>/move": (move_deal, "POST"),
    "run": (run, "POST"),
    "hold": (hold, "POST"),
    "workflows/<workflow_id>/terminate": (terminate, "POST"),
    "log": (log, "GET"),
    "calls": (calls, "GET"),
    "robots": (robots, "GET"),
    "state": (state, "GET"),
    "notices": (notices, "GET"),
    "faults": (faults, "POST"),
    "settle": (settle, "POST"),
}
