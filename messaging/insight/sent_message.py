"""A message as the client saw it: texts, buttons, rows, file names."""

import json
import re
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gupshup.templates import TemplateInfo
from messaging.store.models import Message, Template


def drawn(session: Session, message: Message) -> dict[str, Any] | None:
    """What was sent, for drawing. Texts with WhatsApp's marks in them.

    {"media": image video audio document location contact or "", "title", "note", "header", "body", "footer",
    "buttons": [(reply url phone copy, title)], "button", "sections": [(title, [(title, description)])]}
    """
    form = (message.payload or {}).get("form") or {}
    sent = parsed_json(form.get("message"))
    if "template" not in form:
        return {**_NOTHING, **_session_message(sent)}
    asked = parsed_json(form["template"])
    stored = session.scalar(
        select(Template.data).where(Template.line_id == message.line_id, Template.template_id == str(asked.get("id")))
    )
    return {**_NOTHING, **_template_message(TemplateInfo.from_dict(stored), asked, sent)} if stored else None


_NOTHING: dict[str, Any] = {
    **dict.fromkeys(("media", "title", "note", "header", "body", "footer", "button"), ""),
    "buttons": [],
    "sections": [],
}


def _session_message(sent: dict[str, Any]) -> dict[str, Any]:
    match sent.get("type"):
        case "text":
            return {"body": sent.get("text", "")}
        case "quick_reply":
            content = sent.get("content") or {}
            buttons = [("reply", option.get("title", "")) for option in sent.get("options") or []]
            words = {"header": content.get("header", ""), "body": content.get("text", "")}
            return {**words, "footer": content.get("caption", ""), "buttons": buttons}
        case "list":
            sections = [
                (
                    section.get("title", ""),
                    [(row.get("title", ""), row.get("description", "")) for row in section.get("options") or []],
                )
                for section in sent.get("items") or []
            ]
            words = {"header": sent.get("title", ""), "body": sent.get("body", ""), "footer": sent.get("footer", "")}
            button = next((one.get("title", "") for one in sent.get("globalButtons") or []), "")
            return {**words, "button": button, "sections": sections}
        case "contact":
            contact = sent.get("contact") or {}
            phones = ", ".join(phone.get("phone", "") for phone in contact.get("phones") or [])
            return {"media": "contact", "title": (contact.get("name") or {}).get("formattedName", ""), "note": phones}
        case "location":
            return _place(sent)
        case str(kind):
            name = sent.get("filename", "")
            return {"media": "document" if kind == "file" else kind, "title": name, "body": sent.get("caption", "")}
    return {}


def _place(sent: dict[str, Any]) -> dict[str, Any]:
    point = f"{sent.get('latitude', '')}, {sent.get('longitude', '')}"
    return {"media": "location", "title": sent.get("name") or point, "note": sent.get("address") or ""}


def _template_message(info: TemplateInfo, asked: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    params = [str(value) for value in asked.get("params") or []]
    heads = len(info.header_vars)
    kind = str(sent.get("type") or "")
    media = _place(sent.get("location") or {}) if kind == "location" else {"media": kind, "title": ""}
    if kind not in ("", "location"):
        media["title"] = (sent.get(kind) or {}).get("filename", "")
    signs = {"URL": "url", "PHONE_NUMBER": "phone", "COPY_CODE": "copy", "OTP": "copy"}
    return {
        **media,
        "header": _filled(info.header, info.header_vars, params),
        "body": _filled(info.body, info.body_vars, params[heads:]),
        "footer": info.footer,
        "buttons": [(signs.get(button.type, "reply"), button.text) for button in info.buttons],
    }


def _filled(text: str, names: tuple[str, ...], values: list[str]) -> str:
    known = dict(zip(names, values, strict=False))
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: known.get(found[1], found[0]), text)


def parsed_json(text: object) -> dict[str, Any]:
    try:
        value = json.loads(text) if isinstance(text, str) else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
