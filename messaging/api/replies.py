"""A portal's replies as the API shows them: the newest first, line by line from an index, merged."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Text, func, select, type_coerce
from sqlalchemy.orm import Session

from messaging.api import ids
from messaging.api.ids import Kind
from messaging.conversations import lookup
from messaging.insight.stored_json import open_json, open_text
from messaging.runtime import Runtime
from messaging.store.id_search import BLUR, first_since
from messaging.store.models import Conversation, Line, Reply, Run


@dataclass(frozen=True)
class Wanted:
    """Which replies. phone: digits; since, until: when they were received."""

    portal_id: int
    line_id: int | None
    phone: str | None
    since: datetime | None
    until: datetime | None


def newest(
    session: Session, runtime: Runtime, wanted: Wanted, before: int | None, limit: int
) -> tuple[list[dict[str, Any]], int | None]:
    """A page of replies, and where the next one begins; None: at the end. before: where this one begins."""
    mine = select(Line.id).where(Line.portal_id == wanted.portal_id)
    line_ids = [one for one in session.scalars(mine) if wanted.line_id in (None, one)]
    found = _of_phone(session, runtime, wanted, line_ids, before, limit + 1)
    if found is None:
        pages = [_ids(session, wanted, Reply.line_id == line_id, before, limit + 1) for line_id in line_ids]
        found = list(heapq.merge(*pages, reverse=True))
    page = found[:limit]
    return _rows(session, runtime, wanted.portal_id, page), page[-1] if len(found) > limit else None


def count(session: Session, runtime: Runtime, wanted: Wanted) -> int:
    """How many there are. A line must be named."""
    assert wanted.line_id is not None
    asked = select(func.count(Reply.id))
    if wanted.since is not None:
        # The ids of the period: no index has line and time of a reply.
        asked = asked.where(Reply.received_at >= wanted.since)
        asked = asked.where(Reply.id >= first_since(session, Reply.id, Reply.received_at, wanted.since) - BLUR)
    if wanted.until is not None:
        asked = asked.where(Reply.received_at < wanted.until)
    if wanted.phone is not None:
        known = lookup.conversations_with(session, [wanted.line_id], runtime.phone_keys(wanted.phone))
        return session.scalar(asked.where(Reply.conversation_id.in_([one.id for one in known]))) or 0
    return session.scalar(asked.where(Reply.line_id == wanted.line_id)) or 0


def _of_phone(
    session: Session, runtime: Runtime, wanted: Wanted, line_ids: Sequence[int], before: int | None, limit: int
) -> list[int] | None:
    """The ids of one client's replies, the newest first; None if all clients are meant."""
    if wanted.phone is None:
        return None
    known = lookup.conversations_with(session, line_ids, runtime.phone_keys(wanted.phone))
    pages = [_ids(session, wanted, Reply.conversation_id == one.id, before, limit) for one in known]
    return list(heapq.merge(*pages, reverse=True))


def _ids(session: Session, wanted: Wanted, which: Any, before: int | None, limit: int) -> list[int]:
    asked = select(Reply.id).where(which)
    if before is not None:
        asked = asked.where(Reply.id < before)
    if wanted.since is not None:
        asked = asked.where(Reply.received_at >= wanted.since)
    if wanted.until is not None:
        asked = asked.where(Reply.received_at < wanted.until)
    return list(session.scalars(asked.order_by(Reply.id.desc()).limit(limit)))


def _rows(session: Session, runtime: Runtime, portal_id: int, reply_ids: Sequence[int]) -> list[dict[str, Any]]:
    asked = (
        select(
            *(Reply.id, Reply.line_id, Reply.type, Reply.at, Run.id.label("run_id"), Run.action),
            type_coerce(Reply.content, Text).label("content"),
            type_coerce(Conversation.phone, Text).label("phone"),
        )
        .join(Conversation, Conversation.id == Reply.conversation_id)
        .outerjoin(Run, Run.id == Reply.run_id)
        .where(Reply.id.in_(reply_ids))
    )
    found = {row.id: _shown(runtime, portal_id, row) for row in session.execute(asked)} if reply_ids else {}
    return [found[one] for one in reply_ids if one in found]


def _shown(runtime: Runtime, portal_id: int, row: Any) -> dict[str, Any]:
    values = open_json(runtime.cipher, row.content).get("values") or {}
    answers = row.run_id is not None and row.action.startswith("send_")
    return {
        "id": ids.encode(runtime, Kind.REPLY, portal_id, row.id),
        "line": row.line_id,
        "phone": open_text(runtime.cipher, row.phone),
        "type": row.type,
        "text": values.get("reply_text") or None,
        "reply_id": values.get("reply_id") or None,
        "file": values.get("reply_file") or None,
        "at": row.at,
        "to_message": ids.encode(runtime, Kind.RUN, portal_id, row.run_id) if answers else None,
    }
