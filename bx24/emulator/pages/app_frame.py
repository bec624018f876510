"""The page with the app in an iframe: the app's main page or a placement; and what the iframe asks of its host."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, abort, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from bx24.emulator.pages.layout import base_values, language, viewer
from bx24.emulator.rules import frames, lifecycle
from bx24.emulator.state import crm
from bx24.emulator.state.faults import SLOW_FRAME_S
from bx24.emulator.state.portal import Portal

BOARD_PATH = "/crm/deal/kanban/category/0/"
"""The address of the board on a real portal; apps read the pipeline's number from it."""
_NO_OPTIONS = ("placement", "bound", "slider", "tab", "lang", "user")
"""Parameters of the portal's own pages."""


def register(app: Flask, portal: Portal) -> None:
    @app.get("/app")
    def app_page() -> ResponseReturnValue:
        with portal.cloud.lock:
            return _app_page(portal)

    @app.post("/emulator/frame/<action>")
    def frame_action(action: str) -> ResponseReturnValue:
        data = request.get_json(silent=True) or {}
        if action not in _ACTIONS:
            return jsonify({"error": f"no such action: {action}"}), 404
        with portal.cloud.lock:
            return _ACTIONS[action](portal, int(data.get("user", 1)), data)


def _app_page(portal: Portal) -> ResponseReturnValue:
    row, placement = portal.installation, request.args.get("placement", "DEFAULT")
    number = request.args.get("bound", "")
    bound = next(
        (item for item in portal.placements if item.placement == placement and number in ("", str(item.id))), None
    )
    url = bound.handler if bound else row.app_url if row.installed else row.install_url
    if placement != "DEFAULT" and (bound is None or not row.installed):
        abort(404)
    values = base_values(portal, "app")
    if not row.active or not url:
        return render_template("frame.html", frame=None, **values)
    options = _page_options() | uri_option()
    frame = frames.new_frame(
        portal, url, user_id=viewer(portal), placement=placement, options=options, lang=values["lang"]
    )
    data = frame_data(portal, frame, placement, options)
    return render_template("frame.html", frame=frame, data=data, height="", **values)


def _page_options() -> dict[str, Any]:
    """PLACEMENT_OPTIONS: `?params=` of openApplication, else the GET parameters of the page, as on the real one."""
    if request.args.get("params"):
        return {**json.loads(request.args["params"])}
    return {key: value for key, value in request.args.items() if key not in _NO_OPTIONS}


def uri_option() -> dict[str, str]:
    """The option `URI` that every placement gets, unless the browser sent no Referer.

    A placement of a CRM page that opens above it gets the address of that page.
    """
    if not request.referrer:
        return {}
    above = urlsplit(request.referrer).path
    if request.args.get("placement", "").startswith("CRM_") and (above == "/" or above.startswith("/crm/")):
        return {"URI": BOARD_PATH if above == "/" else above}
    return {"URI": request.full_path.rstrip("?")}


def frame_data(portal: Portal, frame: frames.Frame, placement: str, options: dict[str, Any]) -> dict[str, Any]:
    """What static/host.js needs."""
    parts = urlsplit(frame.url)
    return {
        "init": _init_data(portal, frame, placement, options),
        "app_sid": frame.app_sid,
        "app_origin": f"{parts.scheme}://{parts.netloc}",
        "placement": placement,
        "user": viewer(portal),
        "delay_ms": int(SLOW_FRAME_S * 1000) if portal.faults.slow_frames else 0,
        "refuse_resize": portal.faults.refuse_resize,
        "slider": request.args.get("slider") == "1",
    }


def _init_data(portal: Portal, frame: frames.Frame, placement: str, options: dict[str, Any]) -> dict[str, Any]:
    """The answer to `getInitData`."""
    row, user = portal.installation, portal.users.get(viewer(portal))
    return {
        "LANG": language(portal),
        "DOMAIN": portal.domain,
        "PROTOCOL": int(portal.is_https),
        "PATH": "/rest",
        "AUTH_ID": frame.form["AUTH_ID"],
        "AUTH_EXPIRES": frame.form["AUTH_EXPIRES"],
        "REFRESH_ID": frame.form["REFRESH_ID"],
        "MEMBER_ID": portal.member_id,
        "FIRST_RUN": row.first_run,
        "IS_ADMIN": bool(user and user.is_admin),
        "INSTALL": not row.installed,
        "USER_OPTIONS": {},
        "APP_OPTIONS": row.options,
        "PLACEMENT": placement,
        "PLACEMENT_OPTIONS": options,
    }


def _refresh_auth(portal: Portal, user_id: int, data: dict[str, Any]) -> ResponseReturnValue:
    if portal.user(user_id) is None or not portal.installation.active:
        return jsonify({"error": "ACCESS_DENIED"}), 403
    if portal.faults.session_ended:
        return jsonify(None)
    grant = portal.cloud.tokens.issue(portal, user_id)
    return jsonify({"AUTH_ID": grant.access_token, "AUTH_EXPIRES": "3600", "REFRESH_ID": grant.refresh_token})


def _finish_install(portal: Portal, user_id: int, data: dict[str, Any]) -> ResponseReturnValue:
    return jsonify({"finished": lifecycle.finish(portal, user_id=user_id)})


def _set_install(portal: Portal, user_id: int, data: dict[str, Any]) -> ResponseReturnValue:
    portal.installation.first_run = False
    return jsonify({"install": True})


def _set_app_option(portal: Portal, user_id: int, data: dict[str, Any]) -> ResponseReturnValue:
    user = portal.user(user_id)
    if user is None or not user.is_admin:
        return jsonify({"error": "ACCESS_DENIED"}), 403
    portal.installation.options[str(data["name"])] = data.get("value")
    return jsonify(portal.installation.options)


def _crm_items(portal: Portal, user_id: int, data: dict[str, Any]) -> ResponseReturnValue:
    """What the dialog of `selectCRM` offers. Source: docs, sdk/bx24-js-sdk/system-dialogues/bx24-select-crm."""
    wanted = [name for name in data.get("types") or [] if name in _CRM_TYPES]
    return jsonify({name: [_crm_item(name, item) for item in portal.crm.of(_CRM_TYPES[name][0])] for name in wanted})


def _crm_item(name: str, item: dict[str, Any]) -> dict[str, Any]:
    phones = [row["value"] for row in item.get("fm", []) if row["typeId"] == "PHONE"]
    return {
        "id": f"{_CRM_TYPES[name][1]}_{item['id']}",
        "type": name,
        "place": name,
        "title": crm.title(item),
        "desc": phones[0] if phones else "",
        "url": f"/crm/{name}/show/{item['id']}/",
    }


_CRM_TYPES = {
    "lead": (crm.LEAD, "L"),
    "contact": (crm.CONTACT, "C"),
    "company": (crm.COMPANY, "CO"),
    "deal": (crm.DEAL, "D"),
    "quote": (crm.QUOTE, "Q"),
}
"""Type of item in `selectCRM` → its entity type, and what stands before the number in its id."""
_ACTIONS: dict[str, Callable[[Portal, int, dict[str, Any]], ResponseReturnValue]] = {
    "crm": _crm_items,
    "refresh": _refresh_auth,
    "finish": _finish_install,
    "install": _set_install,
    "option": _set_app_option,
}
"""What static/host.js asks of the portal when the app calls a method of BX24.js."""
