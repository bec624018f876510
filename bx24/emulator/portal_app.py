"""The Flask application of one portal: REST, control, pages, files, and the browser half of OAuth."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from flask import Flask, Response, abort, redirect, request
from flask.typing import ResponseReturnValue

from bx24.emulator import control_api
from bx24.emulator.formats.http_basics import drop_html, read_body
from bx24.emulator.pages import app_frame, board, robot_designer, switches
from bx24.emulator.rest import dispatch
from bx24.emulator.rest.disk import FILES
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.portals import Portals


def create_portal_app(portal: Portal, portals: Portals) -> Flask:
    app = Flask(__name__)
    # Robot settings carry a portal's whole field catalogue: more than Werkzeug's half a megabyte of form.
    app.config["MAX_FORM_MEMORY_SIZE"] = 8 * 1024 * 1024
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.before_request(read_body)
    _files(app, portal)
    _authorize(app, portal)
    dispatch.register(app, portal)
    control_api.register(app, portal, portals)
    app_frame.register(app, portal)
    robot_designer.register(app, portal)
    board.register(app, portal)
    switches.register(app, portal)
    return app


def _files(app: Flask, portal: Portal) -> None:
    def send(number: str) -> Response:
        # The real front end answers 404 to clients without these headers.
        if not request.headers.get("User-Agent") or not request.headers.get("Accept"):
            return drop_html(404)
        found = FILES.get(int(number)) if number.isdigit() else None
        with portal.cloud.lock:
            grant = portal.cloud.tokens.by_access(request.args.get("auth", ""))
            if found is None or grant is None or grant.dead or portal.cloud.tokens.expired(grant):
                return drop_html(404)
        disposition = f"attachment; filename*=utf-8''{quote(found.name)}"
        return Response(found.content, content_type=found.content_type, headers={"Content-Disposition": disposition})

    @app.get("/rest/download.json")
    @app.get("/rest/crm.controller.item.getFile/")
    def download() -> Response:
        return send(request.args.get("token", "").partition("|")[2])

    @app.get("/bitrix/components/bitrix/crm.deal.show/show_file.php")
    def crm_file() -> Response:
        return send(request.args.get("fileId", ""))

    @app.get("/~pub<int:number>")
    def public(number: int) -> str:
        if number not in FILES:
            abort(404)
        return f"<!doctype html><title>{FILES[number].name}</title><p>{FILES[number].name}</p>"


def _authorize(app: Flask, portal: Portal) -> None:
    @app.get("/oauth/authorize/")
    def authorize() -> ResponseReturnValue:
        """The logged-in user (`user_id`, default the administrator) agrees; the code lives 30 seconds."""
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
