"""Installing, updating and removing the app on command; tokens for tests."""

from __future__ import annotations

from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue

from bx24.emulator.control.errors import ControlError
from bx24.emulator.rules import frames, lifecycle
from bx24.emulator.state.portal import Portal


def install(portal: Portal, data: dict[str, Any]) -> ResponseReturnValue:
    """Install the app and open its install page, as an administrator's browser would.

    {"install_url", "app_url", "scope"?, "kind"?: "ui" | "api", "user_id"?, "finish"?: true}. Call without the lock.
    """
    if not data.get("install_url") or not data.get("app_url"):
        return jsonify({"error": "install_url and app_url are required"}), 400
    user_id, kind = int(data.get("user_id", 1)), data.get("kind", "ui")
    with portal.cloud.lock:
        row = lifecycle.install(portal, data["install_url"], data["app_url"], scope=data.get("scope"), kind=kind)
        if kind == "api":
            return jsonify({"status": None, "installed": row.installed})
        frame = frames.new_frame(portal, row.install_url, user_id=user_id)
    try:
        status, body = frames.post_frame(portal, frame)
    except OSError as error:
        return jsonify({"error": f"{type(error).__name__}: {error}"}), 502
    with portal.cloud.lock:
        if data.get("finish") and status == 200:
            lifecycle.finish(portal, user_id=user_id)
    return jsonify(
        {
            "status": status,
            "body": body,
            "app_sid": frame.app_sid,
            "url": frame.url,
            "form": frame.form,
            "installed": portal.installation.installed,
        }
    )


def finish(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"user_id"?}: the user finishes the installation."""
    done = lifecycle.finish(portal, user_id=int(data.get("user_id", 1)))
    return {"finished": done, "installed": portal.installation.installed}


def update(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    return {"sent": lifecycle.update(portal), "version": portal.installation.version}


def uninstall(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"clean"?: 1}."""
    return {"sent": lifecycle.uninstall(portal, clean=str(data.get("clean", 0)) in ("1", "True", "true"))}


def token(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """{"user_id"?}: a new token pair of the user, and the app's credentials."""
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
