"""Turns what a client sends, as the control API describes it, into the vendor's `payload`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gupshup.emulator.rules.choices import Choice, find
from gupshup.emulator.state.json_types import JsonObject
from gupshup.emulator.state.records import Message, epoch_ms

_MIME = {
    "image": "image/jpeg",
    "video": "video/mp4",
    "audio": "audio/ogg; codecs=opus",
    "sticker": "image/webp",
    "file": "application/pdf",
}
_NAMES = {
    "image": "photo.jpg",
    "video": "video.mp4",
    "audio": "voice.ogg",
    "sticker": "sticker.webp",
    "file": "file.pdf",
}
# Gupshup keeps inbound media for seven days.
_MEDIA_LIFE = timedelta(days=7)

Store = Callable[[str, str, bytes], str]


class BadReply(ValueError):
    """A reply that no phone could send; the text says why."""


@dataclass(frozen=True)
class Style:
    """Which of the vendor's contradicting shapes to use."""

    old_clicks: bool = False


def build(spec: JsonObject, quoted: Message | None, style: Style, store: Store, now: datetime) -> JsonObject:
    """`{"type", "payload"}` of an inbound message. `store` keeps a file and returns its address. Raises BadReply."""
    kind = str(spec.get("type", "text"))
    if kind == "raw":
        return _raw(spec)
    if kind == "text":
        return {"type": "text", "payload": {"text": _text(spec, "text")}}
    if kind in _MIME:
        return _media(kind, spec, store, now)
    if kind == "location":
        return _location(spec)
    if kind == "contact":
        return {"type": "contact", "payload": {"contacts": spec.get("contacts") or [_contact(spec)]}}
    if kind in ("button", "list"):
        return _click(kind, spec, quoted, style)
    if kind == "reaction":
        return _reaction(spec, quoted)
    raise BadReply(f"unknown type {kind!r}")


def _raw(spec: JsonObject) -> JsonObject:
    payload = spec.get("payload")
    if not isinstance(payload, dict) or "type" not in payload:
        raise BadReply('raw wants payload {"type", "payload"}')
    return payload


def _text(spec: JsonObject, key: str) -> str:
    value = spec.get(key)
    if not isinstance(value, str) or not value:
        raise BadReply(f"{key} is missing")
    return value


def _media(kind: str, spec: JsonObject, store: Store, now: datetime) -> JsonObject:
    content_type = str(spec.get("content_type") or _MIME[kind])
    name = str(spec.get("file_name") or _NAMES[kind])
    try:
        content = base64.b64decode(str(spec.get("content_base64") or ""), validate=True)
    except (binascii.Error, ValueError):
        raise BadReply("content_base64 is not base64") from None
    payload: JsonObject = {
        "url": str(spec.get("url") or store(content_type, name, content)),
        "contentType": content_type,
        "urlExpiry": epoch_ms(now + _MEDIA_LIFE),
    }
    if kind == "file":
        payload["name"] = name
    if spec.get("caption"):
        payload["caption"] = str(spec["caption"])
    return {"type": kind, "payload": payload}


def _location(spec: JsonObject) -> JsonObject:
    # Strings, as in the vendor's samples.
    payload: JsonObject = {"longitude": str(spec.get("longitude", "")), "latitude": str(spec.get("latitude", ""))}
    if not payload["longitude"] or not payload["latitude"]:
        raise BadReply("latitude and longitude are missing")
    payload |= {key: str(spec[key]) for key in ("name", "address") if spec.get(key)}
    return {"type": "location", "payload": payload}


def _contact(spec: JsonObject) -> JsonObject:
    name, phone = _text(spec, "contact_name"), _text(spec, "contact_phone")
    first, _, last = name.partition(" ")
    return {
        "name": {"first_name": first, "last_name": last, "formatted_name": name},
        "phones": [{"phone": f"+{phone.lstrip('+')}", "type": "CELL", "wa_id": phone.lstrip("+")}],
        "emails": [],
        "addresses": [],
        "org": {},
        "urls": [],
        "ims": [],
    }


def _reaction(spec: JsonObject, quoted: Message | None) -> JsonObject:
    if quoted is None:
        raise BadReply("a reaction needs context_gs_id")
    payload = {"emoji": str(spec.get("emoji", "👍")), "id": quoted.whatsapp_id, "gsId": quoted.id}
    return {"type": "reaction", "payload": payload}


def _click(kind: str, spec: JsonObject, quoted: Message | None, style: Style) -> JsonObject:
    if quoted is None:
        raise BadReply(f"a {kind} click needs context_gs_id")
    choice = find(quoted, spec)
    if choice is None or (choice.kind == "list") != (kind == "list"):
        raise BadReply(f"the message has no such {kind}; name it by index, title or postback")
    shape = spec.get("shape")
    if shape not in (None, "new", "old"):
        raise BadReply("shape must be new or old")
    old = shape == "old" or (shape is None and style.old_clicks)
    payload = _clicked(choice, quoted, old)
    if spec.get("omit_postback"):
        payload.pop("postbackText", None)
    return {"type": _click_type(choice, old), "payload": payload}


def _click_type(choice: Choice, old: bool) -> str:
    if choice.kind == "list":
        return "list_reply"
    if choice.kind == "template":
        return "text" if old else "quick_reply"
    return "quick_reply" if old else "button_reply"


def _clicked(choice: Choice, quoted: Message, old: bool) -> JsonObject:
    if choice.kind == "template":
        return {"text": choice.title, "type": "button", "postbackText": choice.postback}
    payload: JsonObject = {
        "id": str((quoted.message or {}).get("msgid") or ""),
        "title": choice.title,
        "reply": f"{choice.title} {choice.index + 1}",
    }
    # The older shape of a button has no postback, only msgid, title and index.
    if choice.postback is not None and (choice.kind == "list" or not old):
        payload["postbackText"] = choice.postback
    if choice.kind == "list":
        payload["description"] = choice.description
    return payload
