"""The page around the app's iframe: the main page, a placement; and what a frame asks its host to do."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, abort, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from bx24.emulator.pages.layout import base_values, language, viewer
from bx24.emulator.rules import frames, lifecycle
from bx24.emulator.state.faults import SLOW_FRAME_S
from bx24.emulator.state.portal import Portal


def register(app: Flask, portal: Portal) -> None:
    @app.get("/app")
    def app_page() -> ResponseReturnValue:
        with portal.cloud.lock:
            return _app_page(portal)

    @app.post("/emulator/frame/<action>")
    def frame_action(action: str) -> ResponseReturnValue:
        with portal.cloud.lock:
            return _frame_action(portal, action, request.get_json(silent=True) or {})


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
        return render_template("frame.html", frame=None, **base_values(portal, "app"))
    # For DEFAULT the options are the page's own GET parameters, as on the real page.
    options = {key: value for key, value in request.args.items() if key not in ("placement", "lang", "user")}
    if request.args.get("params"):
        options = {**json.loads(request.args["params"])}
    options |= uri()
    made = frames.new_frame(
        portal, url, user_id=viewer(portal), placement=placement, options=options, lang=language(portal)
    )
    return render_template(
        "frame.html",
        frame=made,
        data=frame_data(portal, made, placement, options),
        height="",
        **base_values(portal, "app"),
    )


def frame_data(portal: Portal, made: frames.Frame, placement: str, options: dict[str, Any]) -> dict[str, Any]:
    """What static/host.js needs; `init` is the answer to `getInitData`."""
    parts, row, user = urlsplit(made.url), portal.installation, portal.users.get(viewer(portal))
    init = {
        "LANG": language(portal),
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
        "user": viewer(portal),
        "delay_ms": int(SLOW_FRAME_S * 1000) if portal.faults.slow_frames else 0,
        "refuse_resize": portal.faults.refuse_resize,
        "slider": request.args.get("slider") == "1",
    }


def _frame_action(portal: Portal, action: str, data: dict[str, Any]) -> ResponseReturnValue:
    user_id = int(data.get("user", 1))
    row = portal.installation
    if action == "refresh":
        if portal.user(user_id) is None or not row.active:
            return jsonify({"error": "ACCESS_DENIED"}), 403
        if portal.faults.session_ended:
            return jsonify(None)
        grant = portal.cloud.tokens.issue(portal, user_id)
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
