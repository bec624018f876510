"""Queueing messages that no run asks for: what a person sends by hand, what an operator writes in a chat, campaigns."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gupshup import messages
from gupshup.messages import Choices
from messaging.store.models import Line, Message, Run, shard_of
from messaging.store.sql import insert_missing
from messaging.store.states import Origin

#: `Message.priority` of campaigns: robots and people go first, whenever they come.
BEHIND_THE_RUNS = 1
#: In the payload of a failed message: it shows a text of which no message could be made, such as a text with a broken
#: macro, and must never leave.
AS_WRITTEN = "as_written"
_NEWEST_RUN = select(Run.id).order_by(Run.id.desc()).limit(1)


def columns_of(message: messages.Message, choices: Choices | None = None) -> dict[str, Any]:
    """The columns that a message's content fills. choices: what a client may tap, if not the message's own."""
    tapped = message.choices if choices is None else choices
    return {
        "kind": message.kind,
        "is_session": message.is_session,
        "payload": {"path": message.path, "form": message.form()},
        "choices": [list(choice) for choice in tapped] or None,
    }


def queue(
    session: Session,
    now: datetime,
    line: Line,
    conversation_id: int,
    cause: tuple[Origin, int],
    content: Mapping[str, Any],
) -> int | None:
    """Queue a message; its id, or None if this cause has queued its message before.

    cause: the origin, and an id that is its own for each message of this origin. content: of the message, `columns_of` and the
    other columns. The caller wakes the drain of the line's shard.
    """
    origin, origin_id = cause
    row = {
        "origin": origin,
        "origin_id": origin_id,
        "portal_id": line.portal_id,
        "shard": shard_of(line.portal_id),
        "line_id": line.id,
        "conversation_id": conversation_id,
        **content,
    }
    return next((new.id for new in queue_all(session, now, [row])), None)


def queue_all(session: Session, now: datetime, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Queue messages; `id` and `origin_id` of each that its origin has not queued before. rows: their other columns.

    Within its priority a message leaves after the robots that were called before it, and before robots that are called later.
    """
    place = {"position": session.scalar(_NEWEST_RUN) or 0, "created_at": now, "send_at": now}
    return insert_missing(session, Message, [{**row, **place} for row in rows], "id", "origin_id")
