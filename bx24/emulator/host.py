"""The page around the app's iframe: the main page, a placement, and a robot's settings with Save."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Flask, abort, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from . import catalogue, lifecycle, php
from .pages import context
from .values import is_yes

if TYPE_CHECKING:
    from .portal import Portal
    from .state import RobotRecord

SETTINGS = "BIZPROC_ACTIVITY_PROPERTIES_DIALOG"


def register(app: Flask, portal: Portal) -> None:
    @app.get("/app")
    def app_page() -> ResponseReturnValue:
        with portal.emulator.lock:
            return _app_page(portal)

    @app.get("/robots/<stage_id>/<int:index>")
    def settings(stage_id: str, index: int) -> ResponseReturnValue:
        with portal.emulator.lock:
            return _settings(portal, stage_id, index, [])

    @app.post("/robots/<stage_id>/<int:index>")
    def save(stage_id: str, index: int) -> ResponseReturnValue:
        with portal.emulator.lock:
            return _save(portal, stage_id, index)

    @app.post("/emulator/frame/<action>")
    def frame_action(action: str) -> ResponseReturnValue:
        with portal.emulator.lock:
            return _frame_action(portal, action, request.get_json(silent=True) or {})


def viewer() -> int:
    """Who looks at the portal: `?user=2` is an ordinary employee."""
    given = request.args.get("user", "1")
    return int(given) if given.isdigit() else 1


def uri() -> dict[str, str]:
    """The key every placement gets; absent when the browser sent no Referer."""
    return {"URI": request.full_path.rstrip("?")} if request.referrer else {}


def _app_page(portal: Portal) -> ResponseReturnValue:
    row, placement = portal.installation, request.args.get("placement", "DEFAULT")
    bound = next((item for item in portal.placements if item.placement == placement), None)
    url = bound.handler if bound else row.app_url if row.installed else row.install_url
    if placement != "DEFAULT" and (bound is None or not row.installed):
        abort(404)
    if not row.active or not url:
        return render_template("frame.html", frame=None, **context(portal, "app"))
    # For DEFAULT the options are the page's own GET parameters, as on the real page.
    options = {key: value for key, value in request.args.items() if key not in ("placement", "lang", "user")}
    if request.args.get("params"):
        options = {**json.loads(request.args["params"])}
    options |= uri()
    made = lifecycle.frame(
        portal, url, user_id=viewer(), placement=placement, options=options, lang=context(portal, "app")["lang"]
    )
    return render_template(
        "frame.html", frame=made, data=_data(portal, made, placement, options), height="", **context(portal, "app")
    )


def _data(portal: Portal, made: lifecycle.Frame, placement: str, options: dict[str, Any]) -> dict[str, Any]:
    parts, row, user = urlsplit(made.url), portal.installation, portal.users.get(viewer())
    init = {
        "LANG": context(portal, "app")["lang"],
        "DOMAIN": portal.domain,
        "PROTOCOL": int(portal.is_https),
        "PATH": "/rest",
        "AUTH_ID": made.form["AUTH_ID"],
        "AUTH_EXPIRES": made.form["AUTH_EXPIRES"],
        "REFRESH_ID": made.form["REFRESH_ID"],
        "MEMBER_ID": portal.member_id,
        "FIRST_RUN": row.first_run,
        "IS_ADMIN": bool(user and user.is_admin),
        "INSTALL": not row.installed,
        "USER_OPTIONS": {},
        "APP_OPTIONS": row.options,
        "PLACEMENT": placement,
        "PLACEMENT_OPTIONS": options,
    }
    return {
        "init": init,
        "app_sid": made.app_sid,
        "app_origin": f"{parts.scheme}://{parts.netloc}",
        "placement": placement,
        "user": viewer(),
        "refuse_resize": portal.faults.refuse_resize,
        "slider": request.args.get("slider") == "1",
    }


def _place(portal: Portal, stage_id: str, index: int) -> tuple[Any, Any, RobotRecord]:
    stage = portal.stage(stage_id)
    if stage is None or index >= len(stage.robots):
        abort(404)
    record = portal.robots.get(stage.robots[index].code)
    if record is None:
        abort(404)
    return stage, stage.robots[index], record


def _settings(portal: Portal, stage_id: str, index: int, problems: list[str]) -> ResponseReturnValue:
    stage, robot, record = _place(portal, stage_id, index)
    options = catalogue.settings_options(portal, stage, index) | uri()
    made, data = None, None
    if record.placement_handler:
        made = lifecycle.frame(
            portal,
            record.placement_handler,
            user_id=viewer(),
            placement=SETTINGS,
            options=options,
            lang=context(portal, "board")["lang"],
        )
        data = _data(portal, made, SETTINGS, options)
        data["properties"] = [code.lower() for code in record.properties()]
    return render_template(
        "settings.html",
        frame=made,
        data=data,
        robot=robot,
        record=record,
        problems=problems,
        saved=request.args.get("saved") == "1",
        inputs=_inputs(robot.values, record),
        **context(portal, "board"),
    )


def _inputs(placed: dict[str, Any], record: RobotRecord) -> list[tuple[str, str]]:
    rows = []
    known = {code.lower(): value for code, value in placed.items()}
    for code in record.properties():
        value = known.get(code.lower())
        if isinstance(value, list):
            rows += [(f"property_{code.lower()}[]", str(entry)) for entry in value]
        elif value is not None:
            rows.append((f"property_{code.lower()}", str(value)))
    return rows


def _save(portal: Portal, stage_id: str, index: int) -> ResponseReturnValue:
    _, robot, record = _place(portal, stage_id, index)
    values, problems = read_values(record, portal.lang)
    if problems:
        return _settings(portal, stage_id, index, problems)
    robot.values = values
    limit = request.form.get("timeout_s", "")
    robot.timeout_s = int(limit) if limit.isdigit() else 0
    return redirect(f"{request.path}?saved=1&lang={context(portal, 'board')['lang']}")


def read_values(record: RobotRecord, lang: str) -> tuple[dict[str, Any], list[str]]:
    """The form's values; empty items of a multiple property are dropped and the rest re-indexed, as the host does."""
    found: dict[str, Any] = {}
    problems = []
    for code, descriptor in record.properties().items():
        name = f"property_{code.lower()}"
        several = request.form.getlist(f"{name}[]")
        value: Any = request.form.get(name, "")
        if is_yes(descriptor.get("MULTIPLE")):
            value = [entry for entry in (several or [value]) if entry != ""]
        if is_yes(descriptor.get("REQUIRED")) and not value:
            problems.append(code)
        options = {key for key, _ in php.items(descriptor.get("OPTIONS"))}
        if (
            str(descriptor.get("TYPE")).lower() == "select"
            and isinstance(value, str)
            and value
            and "{=" not in value
            and value not in options
        ):
            problems.append(code)
        found[code] = value
    return found, problems


def _frame_action(portal: Portal, action: str, data: dict[str, Any]) -> ResponseReturnValue:
    user_id = int(data.get("user", 1))
    row = portal.installation
    if action == "refresh":
        if portal.user(user_id) is None or not row.active:
            return jsonify({"error": "ACCESS_DENIED"}), 403
        grant = portal.emulator.tokens.issue(portal, user_id)
        return jsonify({"AUTH_ID": grant.access_token, "AUTH_EXPIRES": "3600", "REFRESH_ID": grant.refresh_token})
    if action == "finish":
        return jsonify({"finished": lifecycle.finish(portal, user_id=user_id)})
    if action == "install":
        row.first_run = False
        return jsonify({"install": True})
    if action == "option":
        user = portal.user(user_id)
        if user is None or not user.is_admin:
            return jsonify({"error": "ACCESS_DENIED"}), 403
        row.options[str(data["name"])] = data.get("value")
        return jsonify(row.options)
    return jsonify({"error": f"no such action: {action}"}), 404
