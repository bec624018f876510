"""How the outside sees a message, a reply, a campaign, an opt-out, a template and a line: the `data` of an event.

Names and words are those of the API (contract sections 10 and 11): ids are its ids, moments ISO 8601 with zone, None what is
not known. Nothing here asks the database.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gupshup.refusals import refusal
from gupshup.templates import TemplateInfo
from messaging.callbacks import ids
from messaging.callbacks.ids import Kind
from messaging.runtime import Runtime
from messaging.store import amounts
from messaging.store.callbacks import Event
from messaging.store.campaigns import Campaign
from messaging.store.models import Line, Reply
from messaging.store.priced import charge
from messaging.store.rows import MessageRow, RunRow
from messaging.store.states import LineStatus, MessageStatus

#: A body has fewer bytes than that (Standard Webhooks: 20 KB). Longer texts are cut.
BODY_BYTES = 20_000
#: Characters of a text; half of that, and so on, if the body is too long for it.
TEXT = 8_000


def body(event: Event, at: datetime, data: Mapping[str, Any]) -> str:
    """The body of a request, smaller than BODY_BYTES whatever clients and customers have written."""
    most = TEXT
    while len((written := _body(event, at, data, most)).encode()) >= BODY_BYTES:
        most //= 2
    return written


def _body(event: Event, at: datetime, data: Mapping[str, Any], most: int) -> str:
    whole = {"type": event, "timestamp": moment(at), "data": _cut(data, most)}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))


def _cut(value: Any, most: int) -> Any:
    match value:
        case str():
            return value[:most]
        case Mapping():
            return {name: _cut(inner, most) for name, inner in value.items()}
    return value


def moment(at: datetime | None) -> str | None:
    """ISO 8601 with zone, to the millisecond."""
    return at.isoformat(timespec="milliseconds") if at is not None else None


def message(runtime: Runtime, row: MessageRow, more: Mapping[str, Any]) -> dict[str, Any]:
    """A message as it is now. more: what a MessageRow does not hold: kind, action, created_at, campaign (its
    key, or None), cost, currency, billed."""
    has_error = row.status in (MessageStatus.FAILED, MessageStatus.UNKNOWN)
    return {
        "id": ids.of_message(runtime, row.portal_id, row.id, row.run_id),
        "line": row.line_id,
        "phone": row.client.phone,
        "origin": row.origin,
        "type": more["action"].removeprefix("send_") or more["kind"],
        "status": row.status,
        "error_code": (row.error_code or None) if has_error else None,
        "error_text": _error(row.error_code, row.error_reason) if has_error else None,
        "provider_id": row.gupshup_id,
        "created_at": moment(more["created_at"]),
        "sent_at": moment(row.sent_at),
        "delivered_at": moment(row.delivered_at),
        "read_at": moment(row.read_at),
        "cost": amounts.shown(charge(more["cost"], row.status, more["billed"]), more["currency"]),
        "campaign": more["campaign"],
        "item": row.item or None,
    }


def unsent(runtime: Runtime, run: RunRow, said: str, more: Mapping[str, Any]) -> dict[str, Any]:
    """A message that never left, and never will: its run has ended. said: why; more: origin, phone, item."""
    return {
        "id": ids.encode(runtime, Kind.RUN, run.portal_id, run.id),
        "line": run.line_id,
        "phone": more["phone"],
        "origin": more["origin"],
        "type": run.action.removeprefix("send_"),
        "status": run.outcome,
        "error_code": run.error_code or None,
        "error_text": said or None,
        "provider_id": None,
        "created_at": moment(run.stored_at),
        "sent_at": None,
        "delivered_at": None,
        "read_at": None,
        "cost": None,
        "campaign": None,
        "item": more["item"] or None,
    }


def _error(code: str, reason: str) -> str | None:
    """What an error code means, in English: our own codes have their words stored, the provider's codes are looked up."""
    if not code:
        return None
    is_providers = code.isdecimal() or code.startswith("gupshup_")
    return refusal(code, reason).en if is_providers else reason or code


def reply(runtime: Runtime, portal_id: int, row: Reply, phone: str, to_message: str | None) -> dict[str, Any]:
    """What a client wrote or tapped. to_message: the id of our message that it answers, quotes or taps."""
    values = row.content["values"]
    return {
        "id": ids.encode(runtime, Kind.REPLY, portal_id, row.id),
        "line": row.line_id,
        "phone": phone,
        "type": row.type,
        "text": values["reply_text"] or None,
        "reply_id": values["reply_id"] or None,
        "file": values["reply_file"] or None,
        "at": moment(row.at),
        "to_message": to_message,
    }


def campaign(row: Campaign, counts: Mapping[str, Any]) -> dict[str, Any]:
    """A campaign with its counts."""
    return {
        "id": row.key,
        "name": row.name,
        "state": row.state,
        "paused_reason": row.paused_reason or None,
        "lines": row.line_ids,
        "template": row.template or None,
        "language": row.language or None,
        "start_at": moment(row.start_at),
        "started_at": moment(row.started_at),
        "ended_at": moment(row.ended_at),
        "counts": dict(counts),
    }


def opt_out(phone: str, line_id: int, opted_out: bool, source: str, at: datetime) -> dict[str, Any]:
    """line: None for all lines of the portal; otherwise its marketing alone."""
    return {
        "phone": phone,
        "line": line_id or None,
        "opted_out": opted_out,
        "source": source,
        "at": moment(at),
    }


def template(line: Line, info: TemplateInfo, change: Mapping[str, Any]) -> dict[str, Any]:
    """A template, under its id at the provider: rows of our copy come and go. change: kind, before, after."""
    return {
        "id": info.id,
        "line": line.id,
        "name": info.name,
        "language": info.language,
        "category": info.category,
        "status": info.status,
        "reason": info.reason or None,
        "change": dict(change),
    }


def line(row: Line) -> dict[str, Any]:
    """reason_code: why it is stopped."""
    return {
        "id": row.id,
        "phone": row.phone,
        "name": row.name or row.app_name,
        "status": line_status(row),
        "reason_code": row.stop_code or None,
    }


def line_status(row: Line) -> str:
    """connected, stopped, paused or removed."""
    if row.status == LineStatus.REMOVED:
        return "removed"
    if row.stopped_at is not None:
        return "stopped"
    return "paused" if row.paused_at is not None else "connected"
