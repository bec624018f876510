"""Runs as a list shows them: each with its message, decrypted as far as the list needs it; and messages without a run."""

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


@dataclass(frozen=True, order=True)
class Place:
    """Where a row stands in the list, newest last.

    position: the id of a run; for a message without one, of the newest run when it was queued. message_id: of such a message,
    0 for a run.
    """

    position: int
    message_id: int = 0


@dataclass(frozen=True)
class Found:
    """One run as the list shows it, or a message without one.

    id: of the run, or of the message. side: of a message without a run its origin.
    phone: digits, "" if unknown. text: the first words that were sent, or the template's name.
    status: one of STATUSES, reached at `reached_at`. code, reason: of a failure, as Gupshup or we call it, and in Gupshup's
    words. said: the error's text as the workflow got it. hold, held_until: why a held message waits, and how long at most.
    """

    id: int
    place: Place
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


def lone_status(message: str) -> str:
    """One of STATUSES, for a message without a run: one that was dropped did not go well, for nobody has ended it."""
    return OutcomeKind.FAILED if message == MessageStatus.DROPPED else status_of("", message)


def rows_of(session: Session, runtime: Runtime, portal: Portal, places: list[Place]) -> list[Found]:
    """What stands at these places, in this order; what is another portal's, or deleted by now, is missing."""
    run_ids = [place.position for place in places if not place.message_id]
    lone_ids = [place.message_id for place in places if place.message_id]
    rows = [
        *(_runs(session, runtime, portal, run_ids) if run_ids else ()),
        *(lone_rows(session, runtime, portal, lone_ids) if lone_ids else ()),
    ]
    found = {row.place: row for row in rows}
    return _with_template_names(session, portal, [found[place] for place in places if place in found])


def _runs(session: Session, runtime: Runtime, portal: Portal, ids: list[int]) -> list[Found]:
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
    return [_found(runtime.cipher, row) for row in session.execute(asked)]


def lone_rows(session: Session, runtime: Runtime, portal: Portal, ids: list[int]) -> list[Found]:
    """These messages without a run, in any order."""
    asked = (
        select(
            *(Message.id, Message.position, Message.origin, Message.action, Message.kind, Message.item),
            *(Message.created_at, Message.status, Message.gupshup_id, Message.error_code, Message.error_reason),
            *(Message.accepted_at, Message.sent_at, Message.delivered_at, Message.read_at, Message.failed_at),
            *(Message.hold, Message.held_until, Line.name, Line.app_name),
            type_coerce(Conversation.phone, Text).label("phone"),
            type_coerce(Message.payload, Text).label("payload"),
        )
        .join(Conversation, Conversation.id == Message.conversation_id)
        .join(Line, Line.id == Message.line_id)
        .where(Message.id.in_(ids), Message.portal_id == portal.id, Message.run_id.is_(None))
    )
    return [_lone(runtime.cipher, row) for row in session.execute(asked)]


def _lone(cipher: Cipher, row: Any) -> Found:
    status = lone_status(row.status)
    return Found(
        id=row.id,
        place=Place(row.position, row.id),
        at=row.created_at,
        side=row.origin,
        action=row.action or "send_text",
        document=["crm", "", row.item.rpartition("_")[0], row.item],
        line=row.name or row.app_name,
        phone=open_text(cipher, row.phone),
        text=words_of(open_json(cipher, row.payload)),
        is_template=row.kind == "template",
        status=status,
        reached_at=getattr(row, f"{status}_at", None),
        code=row.error_code if status == OutcomeKind.FAILED else "",
        reason=row.error_reason,
        said="",
        has_message=True,
        gupshup_id=row.gupshup_id or "",
        hold=row.hold,
        held_until=row.held_until,
    )


def _found(cipher: Cipher, row: Any) -> Found:
    given = open_json(cipher, row.properties)
    payload = open_json(cipher, row.payload)
    status = status_of(row.outcome, row.status)
    return Found(
        id=row.id,
        place=Place(row.id),
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
