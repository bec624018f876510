"""`bizproc.event.send` and `bizproc.activity.log`: how the app answers a waiting step, and writes into its log."""

from __future__ import annotations

from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rest.base import Call, RestError, access_denied, rest
from bx24.emulator.rules import event_tokens
from bx24.emulator.rules.workflow_engine import Engine


@rest("bizproc.event.send", "bizproc")
def event_send(call: Call) -> bool:
    """Always true if the signature is right: the portal works after it has answered, and reports no errors."""
    params = call.upper()
    token = _token(call, params)
    Engine(call.portal).answer(token, params.get("RETURN_VALUES") or {}, params.get("LOG_MESSAGE") or "")
    return True


@rest("bizproc.activity.log", "bizproc")
def activity_log(call: Call) -> bool:
    params = call.upper()
    token = _token(call, params)
    if php.is_empty(params.get("LOG_MESSAGE")):
        raise RestError("ERROR_EMPTY_LOG_MESSAGE", "Empty log message!")
    problem = Engine(call.portal).note(token, str(params["LOG_MESSAGE"]))
    if problem:
        raise RestError(*problem)
    return True


def _token(call: Call, params: dict[str, Any]) -> str:
    token = params.get("EVENT_TOKEN")
    if not event_tokens.is_valid(call.portal, token):
        raise access_denied()
    return str(token)
