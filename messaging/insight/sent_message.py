"""A sent message as the client saw it: texts, buttons, rows, file names."""

import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gupshup.templates import TemplateInfo
from messaging.insight.stored_json import parse_json
from messaging.store.models import Message, Template

_EMPTY: dict[str, Any] = {
    **dict.fromkeys(("media", "title", "note", "header", "body", "footer", "button"), ""),
    "buttons": [],
    "sections": [],
}
#: Gupshup's types of template buttons; all others are quick replies.
_BUTTON_KINDS = {"URL": "url", "PHONE_NUMBER": "phone", "COPY_CODE": "copy", "OTP": "copy"}


def client_view(session: Session, message: Message) -> dict[str, Any] | None:
    """The parts of a message to be drawn; texts keep WhatsApp's formatting. None if its template is no longer stored.

    {"media": image video audio document location contact or "", "title", "note", "header", "body", "footer",
    "buttons": [(reply url phone copy, title)], "button", "sections": [(title, [(title, description)])]}
    """
    form = (message.payload or {}).get("form") or {}
    sent = parse_json(form.get("message"))
    if "template" not in form:
        return {**_EMPTY, **_session_message(sent)}
    call = parse_json(form["template"])
    stored = session.scalar(
        select(Template.data).where(Template.line_id == message.line_id, Template.template_id == str(call.get("id")))
    )
    return {**_EMPTY, **_template_message(TemplateInfo.from_dict(stored), call, sent)} if stored else None


def _session_message(sent: dict[str, Any]) -> dict[str, Any]:
    kind = sent.get("type")
    return _PARTS.get(kind, _file)(sent) if isinstance(kind, str) else {}


def _text(sent: dict[str, Any]) -> dict[str, Any]:
    return {"body": sent.get("text", "")}


def _quick_reply(sent: dict[str, Any]) -> dict[str, Any]:
    content = sent.get("content") or {}
    return {
        "header": content.get("header", ""),
        "body": content.get("text", ""),
        "footer": content.get("caption", ""),
        "buttons": [("reply", option.get("title", "")) for option in sent.get("options") or []],
    }


def _list(sent: dict[str, Any]) -> dict[str, Any]:
    return {
        "header": sent.get("title", ""),
        "body": sent.get("body", ""),
        "footer": sent.get("footer", ""),
        "button": next((button.get("title", "") for button in sent.get("globalButtons") or []), ""),
        "sections": [
            (
                section.get("title", ""),
                [(row.get("title", ""), row.get("description", "")) for row in section.get("options") or []],
            )
            for section in sent.get("items") or []
        ],
    }


def _contact(sent: dict[str, Any]) -> dict[str, Any]:
    contact = sent.get("contact") or {}
    phones = ", ".join(phone.get("phone", "") for phone in contact.get("phones") or [])
    return {"media": "contact", "title": (contact.get("name") or {}).get("formattedName", ""), "note": phones}


def _location(sent: dict[str, Any]) -> dict[str, Any]:
    point = f"{sent.get('latitude', '')}, {sent.get('longitude', '')}"
    return {"media": "location", "title": sent.get("name") or point, "note": sent.get("address") or ""}


def _file(sent: dict[str, Any]) -> dict[str, Any]:
    media = "document" if sent["type"] == "file" else sent["type"]
    return {"media": media, "title": sent.get("filename", ""), "body": sent.get("caption", "")}


#: Type of a session message → its parts; any other type is a file.
_PARTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "text": _text,
    "quick_reply": _quick_reply,
    "list": _list,
    "contact": _contact,
    "location": _location,
}


def _template_message(info: TemplateInfo, call: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    """The template with its variables filled in. call: id and params; sent: the header's media, if it has any."""
    params = [str(value) for value in call.get("params") or []]
    body_params = params[len(info.header_vars) :]
    return {
        **_header_media(sent),
        "header": _filled(info.header, info.header_vars, params),
        "body": _filled(info.body, info.body_vars, body_params),
        "footer": info.footer,
        "buttons": [(_BUTTON_KINDS.get(button.type, "reply"), button.text) for button in info.buttons],
        "sections": _cards(info, body_params[len(info.body_vars) + sum(one.has_variable for one in info.buttons) :]),
    }


def _cards(info: TemplateInfo, params: list[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The cards of a carousel as rows: the text of each, and its buttons."""
    rows = []
    for card in info.cards:
        text = _filled(card.body, card.body_vars, params)
        params = params[len(card.body_vars) + sum(button.has_variable for button in card.buttons) :]
        rows.append((text, ", ".join(button.text for button in card.buttons)))
    return [("", rows)] if rows else []


def _header_media(sent: dict[str, Any]) -> dict[str, Any]:
    kind = str(sent.get("type") or "")
    if kind == "location":
        return _location(sent.get("location") or {})
    if kind == "carousel":
        return {"media": str(sent.get("cardHeaderType") or "image").lower()}
    return {"media": kind, "title": (sent.get(kind) or {}).get("filename", "") if kind else ""}


def _filled(text: str, names: tuple[str, ...], values: list[str]) -> str:
    """The text with its variables replaced; a variable without a value stays as it is."""
    given = dict(zip(names, values, strict=False))
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: given.get(found[1], found[0]), text)
