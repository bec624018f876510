"""Files behind the links that REST gives out. A link carries an access token and dies with it."""

from __future__ import annotations

from urllib.parse import quote

from flask import Flask, Response, abort, request

from bx24.emulator.formats.http_basics import gateway_page
from bx24.emulator.state.files import FILES
from bx24.emulator.state.portal import Portal


def register(app: Flask, portal: Portal) -> None:
    @app.get("/rest/download.json")
    @app.get("/rest/crm.controller.item.getFile/")
    def download() -> Response:
        return _send(portal, request.args.get("token", "").partition("|")[2])

    @app.get("/bitrix/components/bitrix/crm.deal.show/show_file.php")
    def crm_file() -> Response:
        return _send(portal, request.args.get("fileId", ""))

    @app.get("/~pub<int:number>")
    def public(number: int) -> str:
        if number not in FILES:
            abort(404)
        return f"<!doctype html><title>{FILES[number].name}</title><p>{FILES[number].name}</p>"


def _send(portal: Portal, number: str) -> Response:
    # The real front end answers 404 to clients without these headers.
    if not request.headers.get("User-Agent") or not request.headers.get("Accept"):
        return gateway_page(404)
    found = FILES.get(int(number)) if number.isdigit() else None
    with portal.cloud.lock:
        grant = portal.cloud.tokens.by_access(request.args.get("auth", ""))
        if found is None or grant is None or grant.dead or portal.cloud.tokens.expired(grant):
            return gateway_page(404)
    disposition = f"attachment; filename*=utf-8''{quote(found.name)}"
    return Response(found.content, content_type=found.content_type, headers={"Content-Disposition": disposition})
