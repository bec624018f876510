"""The auth server: `/oauth/token/` and `/rest/app.info`, with the real one's answer to each wrong request.

Source: docs, settings/oauth; the shape of app.info as the official Python SDK reads it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, jsonify, request

from bx24.emulator.formats.http_basics import gateway_page, read_body, timing
from bx24.emulator.state.portal import Portal
from bx24.emulator.state.portals import Portals
from bx24.emulator.state.records import Grant, count

Answer = tuple[Response, int] | Response | tuple[str, int]


def create_auth_app(portals: Portals) -> Flask:
    app = Flask("bx24.emulator.auth", static_folder=None)
    app.before_request(read_body)

    @app.route("/oauth/token/", methods=["GET", "POST"])
    @app.route("/oauth/token", methods=["GET", "POST"])
    def token() -> Answer:
        with portals.cloud.lock:
            return _token(portals)

    @app.route("/rest/app.info", methods=["GET", "POST"])
    @app.route("/rest/app.info/", methods=["GET", "POST"])
    @app.route("/rest/app.info.json", methods=["GET", "POST"])
    def app_info() -> Answer:
        with portals.cloud.lock:
            return _app_info(portals, request.values.get("auth", ""))

    return app


def _refuse(status: int, error: str, description: str) -> Answer:
    return jsonify({"error": error, "error_description": description}), status


def _token(portals: Portals) -> Answer:
    given = request.values
    kind = given.get("grant_type", "")
    if (given.get("client_id"), given.get("client_secret")) != (portals.cloud.client_id, portals.cloud.client_secret):
        return _refuse(400, "invalid_client", "Invalid client or client secret")
    if kind == "refresh_token":
        return _refresh(portals, given.get("refresh_token", ""))
    if kind == "authorization_code":
        return _exchange(portals, given.get("code", ""))
    return _refuse(400, "invalid_request", "Invalid grant_type parameter or parameter missing")


def _refresh(portals: Portals, refresh_token: str) -> Answer:
    grant = portals.cloud.tokens.by_refresh(refresh_token)
    portal = portals.by_member_id(grant.member_id) if grant else None
    if not grant or not portal:
        return _refuse(400, "invalid_grant", "Invalid refresh token")
    count(portal.counters.oauth, "refresh")
    if portal.faults.take("oauth_502"):
        return gateway_page(502)
    if portal.faults.payment_required:
        return _refuse(402, "PAYMENT_REQUIRED", "Payment required")
    if not portals.cloud.tokens.usable_refresh(grant) or not portal.installation.active:
        return _refuse(400, "invalid_grant", "Invalid refresh token")
    grant.replaced = True
    return jsonify(_tokens(portal, grant.user_id))


def _exchange(portals: Portals, code: str) -> Answer:
    redeemed = portals.cloud.tokens.redeem(code)
    portal = portals.by_member_id(redeemed[0]) if redeemed else None
    if not redeemed or not portal or not portal.installation.active:
        return _refuse(400, "invalid_grant", "The authorization code is invalid or expired")
    count(portal.counters.oauth, "code")
    return jsonify(_tokens(portal, redeemed[1]))


def _tokens(portal: Portal, user_id: int) -> dict[str, Any]:
    """New tokens for a user. As in the real answer, `domain` is the auth server's host; in events it is the portal's."""
    return {
        **portal.grant_auth(portal.cloud.tokens.issue(portal, user_id)),
        "domain": portal.cloud.auth_domain,
        "server_endpoint": portal.cloud.server_endpoint,
        "client_endpoint": portal.client_endpoint,
        "member_id": portal.member_id,
    }


def _app_info(portals: Portals, access_token: str) -> Answer:
    grant = portals.cloud.tokens.by_access(access_token)
    portal = portals.by_member_id(grant.member_id) if grant else None
    if not access_token:
        return _refuse(401, "NO_AUTH_FOUND", "Wrong authorization data")
    if not grant or not portal:
        return _refuse(401, "invalid_token", "Unable to get application by token")
    count(portal.counters.oauth, "app.info")
    if portal.faults.take("oauth_502"):
        return gateway_page(502)
    if grant.dead or not portal.installation.active:
        return _refuse(401, "ERROR_OAUTH", "Application not installed")
    if portals.cloud.tokens.expired(grant):
        return _refuse(401, "expired_token", "The access token provided has expired.")
    return jsonify({"result": _info(portal, grant), "time": timing(portals.cloud.clock(), 0.0)})


def _info(portal: Portal, grant: Grant) -> dict[str, Any]:
    """What the auth server knows about an installation; an app should trust no other source."""
    scope = ",".join(portal.installation.scope)
    return {
        "client_id": portal.installation.client_id,
        "scope": scope,
        "expires": datetime.fromtimestamp(int(grant.expires_at), UTC).isoformat(),
        "install": {
            "installed": portal.installation.installed,
            "version": str(portal.installation.version),
            "status": portal.installation.status,
            "scope": scope,
            "domain": portal.domain,
            "uri": portal.base_url,
            "client_endpoint": portal.client_endpoint,
            "member_id": portal.member_id,
            "member_type": "bitrix24",
        },
        "user_id": grant.user_id,
    }
