"""What an operator writes in a client's chat is stored before the portal is answered: it never repeats an event.

A message of n files becomes n messages of ours: WhatsApp shows one file in each. The text is the caption of the first file,
unless it is too long for that, or the file is a sound, which has none.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from bx24.open_channels import OperatorFile, Posted, Written, posted
from bx24.payloads import EventCall
from gupshup.limits import CAPTION_LIMIT
from messaging.conversations import bbcode, chat_tasks, lookup
from messaging.conversations.chat_notes import FILES_NOT_SENT, NOT_CONNECTED, NOT_SENT
from messaging.runtime import Runtime
from messaging.store.models import Conversation, Portal, shard_of
from messaging.store.open_channels import CONNECTOR, OpenLine, OperatorMessage, OperatorState, keep_chat
from messaging.store.sql import insert_missing

#: How long messages wait for each other: those written one right after the other may arrive in the wrong order.
SETTLE = timedelta(seconds=1)
#: Files of one message that are sent on. The others are told in the chat.
MOST_FILES = 30
#: A text, a file, or a file with its caption.
Part = tuple[str, OperatorFile | None]
log = structlog.get_logger(__name__)


def written(runtime: Runtime, portal: Portal, call: EventCall) -> None:
    """Store what an operator has written, each message once however often the event comes."""
    event = posted(call.data)
    if event.connector == CONNECTOR:
        parts = [_parts(message) for message in event.messages]
        runtime.db.write_again(lambda session: _store(session, runtime, portal, event, parts))


def switched_off(runtime: Runtime, portal: Portal, call: EventCall) -> None:
    """A connector was switched off, or an open line deleted. The event may be an old one, so the portal is asked."""
    line = call.word or str(call.data.get("line") or call.data.get("LINE") or "")
    if not line.isdecimal() or len(line) > 9:
        return
    with runtime.db.write() as session:
        mine = (OpenLine.portal_id == portal.id) & (OpenLine.open_line_id == int(line))
        if session.scalar(select(OpenLine.line_id).where(mine)) is not None:
            chat_tasks.ask_if_on(session, runtime, portal.id, int(line), str(call.ts or runtime.clock().timestamp()))


def _store(session: Session, runtime: Runtime, portal: Portal, event: Posted, parts: Sequence[Sequence[Part]]) -> None:
    mine = (OpenLine.portal_id == portal.id) & (OpenLine.open_line_id == event.line)
    open_line = session.scalar(select(OpenLine).where(mine))
    for message, its_parts in zip(event.messages, parts, strict=True):
        if not message.user_id or not (message.text or message.files or message.lost_files):
            continue  # a text of the portal itself: greeting, closing, rating
        conversation = _conversation(session, runtime, open_line, message) if open_line is not None else None
        if open_line is None or conversation is None:
            _tell_not_connected(session, runtime, portal, message)
            continue
        if keep_chat(session, portal.id, conversation.id, event.line, message.chat_id, runtime.clock()):
            chat_tasks.chat_began(session, runtime, portal.id, conversation.id)
        _tell_lost_files(session, runtime, portal, conversation, message)
        rows = list(_rows(portal.id, open_line.line_id, conversation.id, message, its_parts, runtime.clock()))
        new = insert_missing(session, OperatorMessage, rows, "id")
        log.info("operator has written", portal=portal.id, line=open_line.line_id, parts=len(rows), new=len(new))


def _conversation(session: Session, runtime: Runtime, open_line: OpenLine, message: Written) -> Conversation | None:
    """The client's conversation; a new one if the former was deleted since. None: the chat is not one of ours."""
    if not message.client.isdecimal() or not 5 <= len(message.client) <= 15:
        return None
    return lookup.known_or_new(session, runtime, open_line.line_id, message.client)


def _tell_not_connected(session: Session, runtime: Runtime, portal: Portal, message: Written) -> None:
    text = NOT_SENT.format(why=NOT_CONNECTED).to(portal.language)
    key, of_chat = f"off {message.message_id}", {"chat_id": message.chat_id, "user_id": message.user_id}
    chat_tasks.note(session, runtime, portal.id, key, text, conversation_id=None, **of_chat)


def _tell_lost_files(
    session: Session, runtime: Runtime, portal: Portal, conversation: Conversation, message: Written
) -> None:
    lost = message.lost_files + len(message.files[MOST_FILES:])
    if lost:
        text = FILES_NOT_SENT.format(count=lost, most=MOST_FILES).to(portal.language)
        key, of_chat = f"files {message.message_id}", {"chat_id": message.chat_id, "user_id": message.user_id}
        chat_tasks.note(session, runtime, portal.id, key, text, conversation_id=conversation.id, **of_chat)


def _rows(
    portal_id: int, line_id: int, conversation_id: int, message: Written, parts: Sequence[Part], now: datetime
) -> Iterator[dict[str, Any]]:
    """A row for each part."""
    for number, (text, file) in enumerate(parts):
        yield {
            "portal_id": portal_id,
            "shard": shard_of(portal_id),
            "line_id": line_id,
            "conversation_id": conversation_id,
            "key": f"im {message.message_id} {number}",
            "chat_id": message.chat_id,
            "im_message_id": message.message_id,
            "user_id": message.user_id,
            "content": {"text": text, "file": _file(file)},
            "state": OperatorState.STORED,
            "created_at": now,
            "due_at": now + SETTLE,
            "tries": 0,
        }


def _parts(message: Written) -> list[Part]:
    text = bbcode.to_whatsapp(message.text)
    files: list[OperatorFile] = list(message.files[:MOST_FILES])
    if not files:
        return [(text, None)] if text or not message.lost_files else []
    is_caption = len(text) <= CAPTION_LIMIT and not files[0].is_audio
    first: list[Part] = [] if is_caption or not text else [(text, None)]
    return [*first, (text if is_caption else "", files[0]), *[("", file) for file in files[1:]]]


def _file(file: OperatorFile | None) -> dict[str, str] | None:
    return {"name": file.name[:200], "link": file.link} if file is not None else None
