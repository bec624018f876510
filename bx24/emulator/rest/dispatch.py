"""From an HTTP request to a REST method and back: request limits, faults, parameters, errors, JSON."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

from flask import Flask, Response, g, request

from bx24.emulator.formats import php
from bx24.emulator.formats.http_basics import gateway_page
from bx24.emulator.rest import (
    app_and_users,
    batch,
    crm_activities,
    crm_classic,
    crm_configurable,
    crm_items,
    crm_timeline,
    crm_triggers,
    disk,
    events,
    notifications,
    placements,
    robots,
    workflow_answers,
    workflow_templates,
)
from bx24.emulator.rest.base import METHODS, RestError
from bx24.emulator.rest.execution import authorize, execute
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.records import count

MODULES = (
    app_and_users,
    batch,
    crm_activities,
    crm_classic,
    crm_configurable,
    crm_items,
    crm_timeline,
    crm_triggers,
    disk,
    events,
    notifications,
    placements,
    robots,
    workflow_answers,
    workflow_templates,
)
"""Importing them fills METHODS."""


def register(app: Flask, portal: Portal) -> None:
    @app.route("/rest/<path:name>", methods=["GET", "POST"], provide_automatic_options=False)
    def rest(name: str) -> Response:
        if request.host in portal.old_hosts:
            # A renamed portal redirects. A client that follows turns its POST into a GET and loses the body.
            return Response(status=302, headers={"Location": portal.base_url + request.full_path.rstrip("?")})
        answer = _guarded(portal, name.strip("/").removesuffix(".json").lower())
        spoiled = g.pop("spoiled_answer", {})
        # Not under the lock: the portal goes on meanwhile.
        time.sleep(float(spoiled.get("slow_s", 0)))
        if portal.faults.take("drop_after") or spoiled.get("drop_after"):
            hang_up()
        return answer

    @app.route("/rest/<path:name>", methods=["OPTIONS"])
    def preflight(name: str) -> Response:
        return _json({}, 200)


def _guarded(portal: Portal, name: str) -> Response:
    faults, counters = portal.faults, portal.counters
    with portal.cloud.lock:
        counters.http += 1
        count(counters.methods, name)
        if faults.take("drop_before"):
            hang_up()
        if faults.take("html_502"):
            return gateway_page(502)
        started = time.perf_counter()
        try:
            body, status = _envelope(portal, name, started), 200
        except RestError as error:
            body, status = error.body(), error.status
            count(counters.errors, error.code)
    return _json(body, status)


def _json(body: Any, status: int) -> Response:
    # Pages of the app call REST by BX24.callMethod, so every answer needs CORS headers.
    headers = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "origin, content-type, accept"}
    text = json.dumps(php.jsonable(body), ensure_ascii=True)
    return Response(text, status=status, headers=headers, content_type="application/json; charset=utf-8")


def hang_up() -> None:
    """Close the connection without an answer. Callers without a socket get a ConnectionAbortedError."""
    connection = request.environ.get("werkzeug.socket")
    if connection is not None:
        connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError("the emulator dropped the connection")


def _envelope(portal: Portal, name: str, started: float) -> dict[str, Any]:
    faults = portal.faults
    if faults.limiter and not portal.request_limit.admit(request.remote_addr or ""):
        raise RestError("QUERY_LIMIT_EXCEEDED", "Too many requests", 503)
    if faults.take("query_limit"):
        raise RestError("QUERY_LIMIT_EXCEEDED", "Too many requests", 503)
    if faults.deleted:
        raise RestError("PORTAL_DELETED", "Portal was deleted", 403)
    if faults.take("internal_error"):
        raise RestError("INTERNAL_SERVER_ERROR", "Internal server error", 500)
    params = read_params()
    if name not in METHODS:
        raise RestError("ERROR_METHOD_NOT_FOUND", "Method not found!", 404)
    token = _token(params)
    if faults.take("connection_error"):
        raise RestError("CONNECTION_ERROR", "Error connecting to authorization server", 401)
    call = authorize(portal, name, token, params)
    return execute(call, started)


def read_params() -> dict[str, Any]:
    """The parameters of query and body; the body wins. A broken JSON body counts as empty."""
    query = php.decode(request.query_string.decode("utf-8", "replace"))
    body = request.get_data()
    if (request.mimetype or "").endswith("json"):
        try:
            data = json.loads(body or b"{}")
        except ValueError:
            data = {}
        return {**query, **(data if isinstance(data, dict) else {})}
    return {**query, **php.decode(body.decode("utf-8", "replace"))}


def _token(params: dict[str, Any]) -> str:
    found = params.pop("auth", None) or params.pop("access_token", None)
    header = request.headers.get("Authorization", "")
    if not found and header.lower().startswith("bearer "):
        found = header[7:].strip()
    return found if isinstance(found, str) else ""
