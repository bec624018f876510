"""Bodies of webhooks, version 2, as pure functions. Gupshup docs: message-events, inbound-messages, template events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gupshup.emulator.state.codes import is_synchronous
from gupshup.emulator.state.json_types import JsonObject
from gupshup.emulator.state.records import MODES, App, Message, Reply, Status, epoch_ms
from gupshup.emulator.state.templates import Template

_MODE_OF_TYPE = {
    "message": "MESSAGE",
    "template-event": "TEMPLATE",
    "account-event": "ACCOUNT",
    "billing-event": "BILLING",
}


def mode_of(kind: str, payload: JsonObject) -> str:
    """The subscription mode under which an event is delivered."""
    if kind == "message-event":
        word = str(payload.get("type", "")).upper()
        return word if word in MODES else "OTHERS"
    return _MODE_OF_TYPE.get(kind, "OTHERS")


def envelope(app: App, kind: str, payload: JsonObject, at: datetime) -> JsonObject:
    """What Gupshup posts around a payload; `timestamp` is in milliseconds."""
    return {
        "app": app.name,
        "phone": app.phone,
        "appId": app.id,
        "timestamp": epoch_ms(at),
        "version": 2,
        "type": kind,
        "payload": payload,
    }


def enqueued(message: Message) -> JsonObject:
    """The `enqueued` event: `id` is Gupshup's id, WhatsApp's id is inside."""
    inner: JsonObject = {
        "whatsappMessageId": message.whatsapp_id,
        "type": "template" if message.is_template else "session",
    }
    return {"id": message.id, "type": "enqueued", "destination": message.destination, "payload": inner}


def failed(message: Message, step: Status, *, synchronous: bool | None = None) -> JsonObject:
    """The `failed` event. Synchronous: `id` is Gupshup's, no `gsId`. Asynchronous: `id` is WhatsApp's, `gsId` Gupshup's."""
    if synchronous is None:
        synchronous = is_synchronous(step.code or 0)
    ids: JsonObject = {"id": message.id} if synchronous else {"id": message.whatsapp_id, "gsId": message.id}
    inner: JsonObject = {"code": step.code, "reason": step.reason}
    return {**ids, "type": "failed", "destination": message.destination, "payload": inner}


def progress(message: Message, step: Status, *, gs_id: bool = True) -> JsonObject:
    """The events `sent`, `delivered` and `read`. `sent` has conversation and pricing beside the inner payload."""
    event: JsonObject = {"id": message.whatsapp_id}
    if gs_id:
        event["gsId"] = message.id
    event |= {
        "type": step.status,
        "destination": message.destination,
        "payload": {"ts": int(step.at.timestamp())},
    }
    if step.status == "sent":
        event |= _charge(message, step.at)
    return event


def _charge(message: Message, at: datetime) -> JsonObject:
    known = message.known_template
    category = str(known.raw.get("category", "UTILITY")).lower() if known else "service"
    return {
        "conversation": {
            "id": message.whatsapp_id[-32:].lower(),
            "expiresAt": int((at + timedelta(days=1)).timestamp()),
            "type": category,
        },
        "pricing": {
            "policy": "PMP",
            "category": category,
            "type": "regular" if known else "free_customer_service",
        },
    }


#: From then on WhatsApp charges utility templates inside the window too.
_WINDOW_CHARGED_FROM = datetime(2026, 10, 1, tzinfo=UTC)


def billing(message: Message, *, is_open: bool, category: str | None, as_text: bool) -> JsonObject:
    """The charge decision about a delivered template. is_open: the window; category: instead of the template's own."""
    known = message.known_template
    as_what = category or (str(known.raw.get("category", "UTILITY")).lower() if known else "utility")
    is_free = as_what == "utility" and is_open and message.at < _WINDOW_CHARGED_FROM
    deductions: JsonObject = {
        "type": "free_customer_service" if is_free else "regular",
        "model": "PMP",
        "source": "whatsapp",
        "billable": ("false" if is_free else "true") if as_text else not is_free,
        "category": as_what,
    }
    references: JsonObject = {
        "id": message.whatsapp_id,
        "gsId": message.id,
        "destination": message.destination,
    }
    return {"deductions": deductions, "references": references}


def template_status(template: Template) -> JsonObject:
    """The `status-update` of a template-event."""
    event = _template("status-update", template) | {"status": template.status.lower()}
    return event | ({"rejectedReason": template.raw.get("reason")} if template.status == "REJECTED" else {})


def template_category(template: Template, category: str, is_announced: bool) -> JsonObject:
    """The `category-update` of a template-event: an announcement, then the change."""
    was = template.raw.get("category")
    told = {"current": was, "correct": category} if is_announced else {"old": was, "new": category}
    return _template("category-update", template) | {"category": told}


def _template(kind: str, template: Template) -> JsonObject:
    raw = template.raw
    names = {"elementName": raw.get("elementName"), "languageCode": raw.get("languageCode")}
    return {"type": kind, "id": template.id, **names}


def inbound(reply: Reply, name: str, *, context: bool = True) -> JsonObject:
    """A message of the client. `reply.payload` = `{"type", "payload"}`."""
    phone = reply.phone
    event: JsonObject = {
        "id": reply.id,
        "source": phone,
        **reply.payload,
        "sender": {"phone": phone, "name": name, **_dial(phone), "userId": f"RU.{phone[::-1]}"},
    }
    if context and reply.quotes:
        event["context"] = {
            "id": reply.quotes.whatsapp_id,
            "gsId": reply.quotes.id,
            "forwarded": False,
            "frequently_forwarded": False,
        }
    return event


def _dial(phone: str) -> JsonObject:
    digits = 1 if phone[:1] in "17" else 2
    return {"country_code": phone[:digits], "dial_code": phone[digits:]}
