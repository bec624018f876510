"""Runs as a list shows them: each with its message, decrypted as far as the list needs it."""

import json
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Text, case, func, select, type_coerce
from sqlalchemy.orm import Session

from messaging.runtime import Runtime
from messaging.store.crypto import Undecryptable
from messaging.store.models import Conversation, Line, Message, Portal, Run, Template

#: What a run and its message come to, in the order of a message's life.
STATUSES = (
    *("queued", "accepted", "sent", "delivered", "read", "replied", "failed", "unknown", "timeout", "ok"),
)  # fmt: skip
_FIRST_WORDS = 90


@dataclass(frozen=True)
class Found:
    """One run as the list shows it.

    phone: digits, "" where nobody knows it; text: the first words that were sent, or the template's name; reached_at: when
    the status was reached; reason: the provider's words; said: the error's text as the workflow got it.
    """

    id: int
    at: datetime
    side: str
    action: str
    document: list[str]
    line: str
    phone: str
    text: str
    is_template: bool
    status: str
    reached_at: datetime | None
    code: str
    reason: str
    said: str
    has_message: bool
    gupshup_id: str


def status_of(outcome: str, message: str | None) -> str:
    """One of STATUSES: what became of a run with this outcome ("": none yet) whose message has this status."""
    if outcome in ("replied", "ok"):
        return outcome
    if outcome == "failed" or message == "failed":
        return "failed"
    if outcome == "timeout":
        return outcome
    return "queued" if message in (None, "queued", "sending", "dropped") else message


def rows_of(session: Session, runtime: Runtime, portal: Portal, ids: list[int]) -> list[Found]:
    """These runs in this order, unsealed as far as a list shows them."""
    if not ids:
        return []
    talk = func.coalesce(Message.conversation_id, Run.conversation_id)
    asked = (
        select(
            *(Run.id, Run.stored_at, Run.side, Run.action, Run.document, Run.outcome, Run.ended_at),
            *(Run.error_code, Line.name, Line.app_name, Message.status, Message.kind, Message.gupshup_id),
            *(Message.accepted_at, Message.sent_at, Message.delivered_at, Message.read_at, Message.failed_at),
            *(Message.error_code.label("their_code"), Message.error_reason, Message.id.label("message_id")),
            func.coalesce(Message.line_id, Run.line_id).label("line_id"),
            type_coerce(Conversation.phone, Text).label("phone"),
            type_coerce(Message.payload, Text).label("payload"),
            case((Message.id.is_(None), type_coerce(Run.properties, Text))).label("properties"),
            case((Run.outcome == "failed", type_coerce(Run.answer, Text))).label("answer"),
        )
        .outerjoin(Message, Message.run_id == Run.id)
        .outerjoin(Conversation, Conversation.id == talk)
        .outerjoin(Line, Line.id == func.coalesce(Message.line_id, Run.line_id))
        .where(Run.id.in_(ids), Run.portal_id == portal.id)
    )
    found = {row.id: _found(runtime, row) for row in session.execute(asked)}
    return _with_template_names(session, portal, [found[run_id] for run_id in ids if run_id in found])


def _found(runtime: Runtime, row: Any) -> Found:
    given = open_json(runtime, row.properties)
    payload = open_json(runtime, row.payload)
    status = status_of(row.outcome, row.status)
    return Found(
        id=row.id,
        at=row.stored_at,
        side=row.side,
        action=row.action,
        document=row.document,
        line=row.name or row.app_name or "",
        phone=open_text(runtime, row.phone) or typed_phone(given),
        text=words_of(payload) or _typed_words(given),
        is_template=row.action == "send_template",
        status=status,
        reached_at=getattr(row, f"{status}_at", None) or row.ended_at,
        code=row.their_code or row.error_code if status == "failed" else row.error_code,
        reason=row.error_reason or "",
        said=str(open_json(runtime, row.answer).get("error_text") or ""),
        has_message=row.message_id is not None,
        gupshup_id=row.gupshup_id or "",
    )


def _with_template_names(session: Session, portal: Portal, rows: list[Found]) -> list[Found]:
    """Gupshup's ids of templates say nothing to people."""
    ids = {row.text for row in rows if row.is_template}
    if not ids:
        return rows
    mine = select(Line.id).where(Line.portal_id == portal.id)
    known = select(Template.template_id, Template.name).where(Template.template_id.in_(ids), Template.line_id.in_(mine))
    names = {row.template_id: row.name for row in session.execute(known)}
    return [replace(row, text=names.get(row.text, row.text)) if row.is_template else row for row in rows]


def words_of(payload: dict[str, Any]) -> str:
    """The first words of what was sent, by the form it was handed over in; a template's id; "" if wiped."""
    form = payload.get("form") or {}
    if "template" in form:
        return str(_json(form["template"]).get("id") or "")
    message = _json(form.get("message") or "")
    content, contact = message.get("content") or {}, message.get("contact") or {}
    words = (
        *(message.get("text"), message.get("body"), content.get("text"), message.get("caption")),
        *(message.get("filename"), message.get("name"), (contact.get("name") or {}).get("formattedName")),
    )
    return _short(next((str(word) for word in words if word), ""))


def _typed_words(given: dict[str, Any]) -> str:
    for name in ("text", "template", "caption", "file_name", "contact_name", "place"):
        if isinstance(value := given.get(name), str) and value.strip():
            return _short(value)
    return ""


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _FIRST_WORDS else f"{line[: _FIRST_WORDS - 1]}…"


def typed_phone(given: dict[str, Any]) -> str:
    """The digits of the phone a robot named itself."""
    typed = given.get("phone")
    digits = re.sub(r"[^0-9]", "", typed) if isinstance(typed, str) else ""
    return digits if 7 <= len(digits) <= 15 else ""


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def open_json(runtime: Runtime, sealed: str | None) -> dict[str, Any]:
    """What a sealed column holds, its names in small letters; {} if it was wiped or no key opens it."""
    return {name.lower(): value for name, value in _json(open_text(runtime, sealed)).items()}


def open_text(runtime: Runtime, sealed: str | None) -> str:
    try:
        return runtime.cipher.decrypt(sealed) if sealed else ""
    except Undecryptable:
        return ""
