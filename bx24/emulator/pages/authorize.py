"""The browser half of OAuth: the user agrees, and the browser goes back to the app with a code."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Flask, redirect, request
from flask.typing import ResponseReturnValue

from bx24.emulator.state.portal import Portal


def register(app: Flask, portal: Portal) -> None:
    @app.get("/oauth/authorize/")
    def authorize() -> ResponseReturnValue:
        """The user `?user_id=`, else the administrator, agrees at once. The code lives 30 seconds."""
        row = portal.installation
        if request.args.get("client_id") != row.client_id or not row.active or not row.app_url:
            return {"error": "invalid_client", "error_description": "Invalid client"}, 400
        with portal.cloud.lock:
            code = portal.cloud.tokens.code(portal, int(request.args.get("user_id", 1)))
        back = {
            "code": code,
            "state": request.args.get("state", ""),
            "domain": portal.domain,
            "member_id": portal.member_id,
            "scope": ",".join(row.scope),
            "server_domain": portal.cloud.auth_domain,
        }
        return redirect(row.app_url + ("&" if "?" in row.app_url else "?") + urlencode(back))
