"""From an HTTP request to a REST method and back: request limits, faults, parameters, errors, JSON."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

from flask import Flask, Response, request

from bx24.emulator.formats import php
from bx24.emulator.formats.http_basics import gateway_page
from bx24.emulator.rest import (
    app_and_users,
    batch,
    connector_messages,
    connectors,
    crm_activities,
    crm_classic,
    crm_configurable,
    crm_items,
    crm_timeline,
    crm_triggers,
    disk,
    events,
    messages,
    messenger,
    notifications,
    open_line_chats,
    open_line_operators,
    open_lines,
    placements,
    robots,
    workflow_answers,
    workflow_templates,
)
from bx24.emulator.rest.base import METHODS, RestError
from bx24.emulator.rest.execution import authorize, execute
from bx24.emulator.state.faults import Faults
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.records import count

MODULES = (
    app_and_users,
    batch,
    connector_messages,
    connectors,
    crm_activities,
    crm_classic,
    crm_configurable,
    crm_items,
    crm_timeline,
    crm_triggers,
    disk,
    events,
    messages,
    messenger,
    notifications,
    open_line_chats,
    open_line_operators,
    open_lines,
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
        method = name.strip("/").removesuffix(".json").lower()
        with portal.cloud.lock:
            trouble = Trouble(portal.faults, portal.faults.next_of(method))
        answer = _guarded(portal, method, trouble)
        if trouble.strikes("drop_after"):
            hang_up()
        return answer

    @app.route("/rest/<path:name>", methods=["OPTIONS"])
    def preflight(name: str) -> Response:
        return _json({}, 200)


class Trouble:
    """What spoils one request: a fault of the next requests of all methods, or this one's own."""

    def __init__(self, faults: Faults, own: str) -> None:
        self._faults, self._own = faults, own

    def strikes(self, name: str) -> bool:
        return self._own == name or self._faults.take(name)


def _guarded(portal: Portal, name: str, trouble: Trouble) -> Response:
    counters = portal.counters
    with portal.cloud.lock:
        counters.http += 1
        count(counters.methods, name)
        if trouble.strikes("drop_before"):
            hang_up()
        if trouble.strikes("html_502"):
            return gateway_page(502)
        started = time.perf_counter()
        try:
            body, status = _envelope(portal, name, started, trouble), 200
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


def _envelope(portal: Portal, name: str, started: float, trouble: Trouble) -> dict[str, Any]:
    faults = portal.faults
    if faults.limiter and not portal.request_limit.admit(request.remote_addr or ""):
        raise RestError("QUERY_LIMIT_EXCEEDED", "Too many requests", 503)
    if trouble.strikes("query_limit"):
        raise RestError("QUERY_LIMIT_EXCEEDED", "Too many requests", 503)
    if faults.deleted:
        raise RestError("PORTAL_DELETED", "Portal was deleted", 403)
    if trouble.strikes("internal_error"):
        raise RestError("INTERNAL_SERVER_ERROR", "Internal server error", 500)
    params = read_params()
    if name not in METHODS:
        raise RestError("ERROR_METHOD_NOT_FOUND", "Method not found!", 404)
    token = _token(params)
    if trouble.strikes("connection_error"):
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
