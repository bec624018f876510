"""Runs as a list shows them: each with its message, decrypted as far as the list needs it."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Text, case, func, select, type_coerce
from sqlalchemy.orm import Session

from messaging.insight.stored_json import open_json, open_text, parse_json
from messaging.runtime import Runtime
from messaging.store.crypto import Cipher
from messaging.store.models import Conversation, Line, Message, Portal, Run, Template
from messaging.store.states import MessageStatus, OutcomeKind

#: The status of a run and its message taken together, in the order of a message's life.
STATUSES: tuple[str, ...] = (MessageStatus.HELD, MessageStatus.QUEUED, *OutcomeKind)
_NOT_HANDED_OVER = (MessageStatus.QUEUED, MessageStatus.SENDING, MessageStatus.DROPPED)
#: Characters of a text that the list shows.
_FIRST_WORDS = 90


@dataclass(frozen=True)
class Found:
    """One run as the list shows it.

    phone: digits, "" if unknown. text: the first words that were sent, or the template's name.
    status: one of STATUSES, reached at `reached_at`. code, reason: of a failure, as Gupshup or we call it, and in Gupshup's
    words. said: the error's text as the workflow got it. hold, held_until: why a held message waits, and how long at most.
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
    hold: str
    held_until: datetime | None


def status_of(outcome: str, message: str | None) -> str:
    """One of STATUSES, for a run with this outcome ("": none yet) whose message has this status (None: no message)."""
    if outcome in (OutcomeKind.REPLIED, OutcomeKind.OK):
        return outcome
    if outcome == OutcomeKind.FAILED or message == MessageStatus.FAILED:
        return OutcomeKind.FAILED
    if outcome == OutcomeKind.TIMEOUT:
        return outcome
    if message is None:
        return outcome or MessageStatus.QUEUED
    return MessageStatus.QUEUED if message in _NOT_HANDED_OVER else message


def rows_of(session: Session, runtime: Runtime, portal: Portal, ids: list[int]) -> list[Found]:
    """These runs in this order; those of another portal, or deleted by now, are missing."""
    if not ids:
        return []
    conversation_id = func.coalesce(Message.conversation_id, Run.conversation_id)
    asked = (
        select(
            *(Run.id, Run.stored_at, Run.side, Run.action, Run.document, Run.outcome, Run.ended_at),
            *(Run.error_code, Line.name, Line.app_name, Message.status, Message.kind, Message.gupshup_id),
            *(Message.accepted_at, Message.sent_at, Message.delivered_at, Message.read_at, Message.failed_at),
            *(Message.error_code.label("their_code"), Message.error_reason, Message.id.label("message_id")),
            *(Message.hold, Message.held_until),
            func.coalesce(Message.line_id, Run.line_id).label("line_id"),
            type_coerce(Conversation.phone, Text).label("phone"),
            type_coerce(Message.payload, Text).label("payload"),
            case((Message.id.is_(None), type_coerce(Run.properties, Text))).label("properties"),
            case((Run.outcome == OutcomeKind.FAILED, type_coerce(Run.answer, Text))).label("answer"),
        )
        .outerjoin(Message, Message.run_id == Run.id)
        .outerjoin(Conversation, Conversation.id == conversation_id)
        .outerjoin(Line, Line.id == func.coalesce(Message.line_id, Run.line_id))
        .where(Run.id.in_(ids), Run.portal_id == portal.id)
    )
    found = {row.id: _found(runtime.cipher, row) for row in session.execute(asked)}
    return _with_template_names(session, portal, [found[run_id] for run_id in ids if run_id in found])


def _found(cipher: Cipher, row: Any) -> Found:
    given = open_json(cipher, row.properties)
    payload = open_json(cipher, row.payload)
    status = status_of(row.outcome, row.status)
    return Found(
        id=row.id,
        at=row.stored_at,
        side=row.side,
        action=row.action,
        document=row.document,
        line=row.name or row.app_name or "",
        phone=open_text(cipher, row.phone) or typed_phone(given),
        text=words_of(payload) or _typed_words(given),
        is_template=row.action == "send_template",
        status=status,
        reached_at=getattr(row, f"{status}_at", None) or row.ended_at,
        code=row.their_code or row.error_code if status == OutcomeKind.FAILED else row.error_code,
        reason=row.error_reason or "",
        said=str(open_json(cipher, row.answer).get("error_text") or ""),
        has_message=row.message_id is not None,
        gupshup_id=row.gupshup_id or "",
        hold=row.hold or "",
        held_until=row.held_until,
    )


def _with_template_names(session: Session, portal: Portal, rows: list[Found]) -> list[Found]:
    """The same rows with the names of templates instead of Gupshup's ids, where the template is still stored."""
    ids = {row.text for row in rows if row.is_template}
    if not ids:
        return rows
    line_ids = select(Line.id).where(Line.portal_id == portal.id)
    stored = select(Template.template_id, Template.name).where(
        Template.template_id.in_(ids), Template.line_id.in_(line_ids)
    )
    names = {row.template_id: row.name for row in session.execute(stored)}
    return [replace(row, text=names.get(row.text, row.text)) if row.is_template else row for row in rows]


def words_of(payload: dict[str, Any]) -> str:
    """The first words of a sent message, or the id of its template; "" if it was wiped. payload: Message.payload."""
    form = payload.get("form") or {}
    if "template" in form:
        return str(parse_json(form["template"]).get("id") or "")
    message = parse_json(form.get("message"))
    content, contact = message.get("content") or {}, message.get("contact") or {}
    words = (
        *(message.get("text"), message.get("body"), content.get("text"), message.get("caption")),
        *(message.get("filename"), message.get("name"), (contact.get("name") or {}).get("formattedName")),
    )
    return _short(next((str(word) for word in words if word), ""))


def _typed_words(given: dict[str, Any]) -> str:
    """The first words of a robot's own fields, for a run without a message."""
    for name in ("text", "template", "caption", "file_name", "contact_name", "place"):
        if isinstance(value := given.get(name), str) and value.strip():
            return _short(value)
    return ""


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _FIRST_WORDS else f"{line[: _FIRST_WORDS - 1]}…"


def typed_phone(given: dict[str, Any]) -> str:
    """The digits of the phone that stands in the robot's own field; "" if that is empty or no phone."""
    typed = given.get("phone")
    digits = re.sub(r"[^0-9]", "", typed) if isinstance(typed, str) else ""
    return digits if 7 <= len(digits) <= 15 else ""
