"""`event.bind`, `event.unbind`, `event.get`, `event.test`, `events`. Source: rest/lib/api/event.php, api-reference/events."""

from __future__ import annotations

from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rest.base import Call, RestError, access_denied, argument, check_url, rest
from bx24.emulator.rules import connector_events
from bx24.emulator.state.records import EventBinding

LIFECYCLE = (
    "ONAPPINSTALL",
    "ONAPPUNINSTALL",
    "ONAPPUPDATE",
    "ONAPPPAYMENT",
    "ONAPPTEST",
    "ONSUBSCRIPTIONRENEW",
    "ONAPPMETHODCONFIRM",
    "ONOFFLINEEVENT",
)
CRM_EVENTS = tuple(
    f"ONCRM{entity}{what}"
    for entity in ("LEAD", "DEAL", "CONTACT", "COMPANY", "QUOTE", "DYNAMICITEM")
    for what in ("ADD", "UPDATE", "DELETE")
)


def known_events(call: Call) -> list[str]:
    scope = call.portal.installation.scope
    # The product keeps the events of connectors under imopenlines, the docs under imconnector.
    lines = "imopenlines" in scope or "imconnector" in scope
    return [*LIFECYCLE, *(CRM_EVENTS if "crm" in scope else ()), *(connector_events.EVENTS if lines else ())]


@rest("events")
def events(call: Call) -> list[str]:
    return known_events(call)


@rest("event.bind")
def bind(call: Call) -> bool:
    params = call.upper()
    event, handler = _event(call, params), params.get("HANDLER")
    kind = str(params.get("EVENT_TYPE") or "online").lower()
    auth_type = php.to_int(params.get("AUTH_TYPE"))
    if kind == "offline":
        call.need_admin()
    elif not handler:
        raise argument("HANDLER")
    else:
        check_url(handler)
    if not call.user.is_admin:
        if auth_type not in (0, call.user.id):
            raise access_denied()
        auth_type = call.user.id
    same = (event, str(handler or ""), auth_type, kind == "offline")
    if any((row.event, row.handler, row.auth_type, row.offline) == same for row in call.portal.events):
        raise RestError("ERROR_CORE", "Unable to set event handler: Handler already binded")
    call.portal.events.append(EventBinding(call.portal.new_id(), *same))
    return True


def _event(call: Call, params: dict[str, Any]) -> str:
    event = str(params.get("EVENT") or "").upper()
    if not event:
        raise argument("EVENT")
    if event not in known_events(call):
        raise RestError("ERROR_EVENT_NOT_FOUND", "Event not found")
    return event


@rest("event.unbind")
def unbind(call: Call) -> dict[str, int]:
    params = call.upper()
    event, handler = _event(call, params), params.get("HANDLER")
    if not handler:
        raise argument("HANDLER")
    auth_type = php.to_int(params.get("AUTH_TYPE"))
    gone = [
        row
        for row in call.portal.events
        if row.event == event and row.handler == handler and (not auth_type or row.auth_type == auth_type)
    ]
    call.portal.events = [row for row in call.portal.events if row not in gone]
    return {"count": len(gone)}


@rest("event.get")
def get(call: Call) -> list[dict[str, Any]]:
    rows = (
        call.portal.events
        if call.user.is_admin
        else [row for row in call.portal.events if row.auth_type == call.user.id]
    )
    return [
        {"event": row.event, "handler": row.handler, "auth_type": row.auth_type, "offline": int(row.offline)}
        for row in rows
    ]


@rest("event.test")
def test(call: Call) -> bool:
    """Send ONAPPTEST with whatever was passed. Source: docs, api-reference/events/test-handler."""
    data = {"QUERY": dict(call.params), "LANGUAGE_ID": call.portal.lang}
    call.portal.raise_event("ONAPPTEST", data, user_id=call.user.id, with_refresh=True)
    return True
