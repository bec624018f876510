"""Runs one REST method: checks token and scope, wraps the result. Used by `dispatch` and for each command of `batch`."""

from __future__ import annotations

import time
from typing import Any

from bx24.emulator.formats.http_basics import timing
from bx24.emulator.rest.base import METHODS, Call, Page, RestError
from bx24.emulator.state.faults import FREE_PLAN
from bx24.emulator.state.portal import Portal


def authorize(portal: Portal, name: str, token: str, params: dict[str, Any]) -> Call:
    """The call and its user, if Bitrix24 would accept this token for this method. Raises RestError."""
    grant = portal.cloud.tokens.by_access(token)
    if not token:
        raise RestError("NO_AUTH_FOUND", "Wrong authorization data", 401)
    if grant is None or grant.member_id != portal.member_id:
        raise RestError("invalid_token", "Unable to get application by token", 401)
    if grant.dead or not portal.installation.active:
        raise RestError("APPLICATION_NOT_FOUND", "Application not found", 401)
    if portal.cloud.tokens.expired(grant):
        raise RestError("expired_token", "The access token provided has expired.", 401)
    user = portal.user(grant.user_id)
    if user is None:
        raise RestError("authorization_error", "Unable to authorize user", 401)
    scope = METHODS[name].scope
    if scope == "bizproc" and portal.faults.plan == FREE_PLAN:
        # "On cloud the methods exist only when the plan has workflows": docs, api-reference/bizproc.
        raise RestError("ERROR_METHOD_NOT_FOUND", "Method not found!", 404)
    if scope and scope not in portal.installation.scope:
        raise RestError(
            "insufficient_scope", "The request requires higher privileges than provided by the access token", 401
        )
    start = params.pop("start", 0)
    return Call(portal, grant, user, name, params, int(start) if str(start).lstrip("-").isdigit() else 0)


def execute(call: Call, started: float) -> dict[str, Any]:
    """Run the method; return its envelope: result, total, next, and the cloud's time block. Raises RestError.

    started: `time.perf_counter()` when the request came in.
    """
    portal, now = call.portal, call.portal.clock()
    blocked_until = portal.faults.time_limit.get(call.method, 0)
    if blocked_until > now:
        raise RestError("OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit.", 429)
    result = METHODS[call.method].handler(call)
    portal.cloud.pause(portal.faults.slow.get(call.method, 0))
    spent = time.perf_counter() - started
    portal.operating.add(call.method, spent)
    body: dict[str, Any] = {"result": result}
    if isinstance(result, Page):
        body = {"result": result.result, "total": result.total}
        if result.next is not None:
            body["next"] = result.next
    body["time"] = {
        **timing(now, spent),
        "operating_reset_at": int(now) + 600,
        "operating": portal.operating.spent(call.method),
    }
    return body
