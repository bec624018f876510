"""What a client did after a message: answer it, or ask for no more messages. Reports count it with the message.

An answer belongs to the message that the client quoted or tapped; else to the newest that had gone to him within WINDOW. If
that is no campaign's, the newest campaign's message within WINDOW is answered as well, as the campaign's own page counts it.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from messaging.runtime import Runtime
from messaging.store.changes import Changes
from messaging.store.models import Message
from messaging.store.reports import SETTLED, count_again, days_around
from messaging.store.rows import MessageRow
from messaging.store.sql import among
from messaging.store.states import MessageStatus
from messaging.store.types import UTCDateTime

#: An answer later than that is about something else.
WINDOW = timedelta(hours=72)
#: The daily count may be a day away.
_LATE = SETTLED - timedelta(days=1)
#: Statuses of messages that the client has not got.
AWAY = (MessageStatus.HELD, MessageStatus.QUEUED, MessageStatus.FAILED, MessageStatus.DROPPED)

# Statements are made once: building a statement takes longer than running it.
_NEWEST = (
    select(Message.id)
    .where(
        among(Message.conversation_id, "conversations"),
        Message.claimed_at > bindparam("since", type_=UTCDateTime),
        Message.claimed_at <= bindparam("until", type_=UTCDateTime),
        Message.status.not_in(AWAY),
    )
    .order_by(Message.id.desc())
    .limit(1)
)
_NEWEST_OF_CAMPAIGN = _NEWEST.where(Message.campaign_id.is_not(None))
_FIRST = {
    column.key: (
        update(Message)
        .where(among(Message.id, "ids"), column.is_(None))
        .values({column: bindparam("at", type_=UTCDateTime)})
        .returning(Message.created_at)
    )
    for column in (Message.replied_at, Message.opted_out_at)
}


def replied(session: Session, conversation_ids: Collection[int], message_id: int | None, now: datetime) -> None:
    """A client has written something. conversation_ids: his; message_id: of the message that he quoted or tapped."""
    ids = [message_id] if message_id is not None else _answered(session, conversation_ids, now, _NEWEST_OF_CAMPAIGN)
    _mark(session, "replied_at", ids, now)


def opted_out(session: Session, conversation_ids: Collection[int], message_id: int | None, now: datetime) -> None:
    """Note that a client has asked for no more messages. message_id: of the message that caused it, None if not known."""
    ids = [message_id] if message_id is not None else _answered(session, conversation_ids, now)
    _mark(session, "opted_out_at", ids, now)


def _answered(session: Session, conversation_ids: Collection[int], now: datetime, *others: Any) -> list[int]:
    asked = {"conversations": list(conversation_ids), "since": now - WINDOW, "until": now}
    found = [session.scalar(query, asked) for query in (_NEWEST, *others)]
    return list({message_id for message_id in found if message_id is not None})


def _mark(session: Session, column: str, ids: Collection[int], now: datetime) -> None:
    """For each of these messages, unless it happened before."""
    if not ids:
        return
    asked = {"ids": list(ids), "at": now}
    marked = session.execute(_FIRST[column], asked, execution_options={"synchronize_session": False})
    for planned_at in marked.scalars().all():
        _if_late(session, planned_at, now)


def changed(changes: Changes, runtime: Runtime, message: MessageRow) -> None:
    """Have a message counted again whose status has risen, if the worker no longer counts its day by itself."""
    _if_late(changes.session, message.created_at, runtime.clock())


def _if_late(session: Session, planned_at: datetime, now: datetime) -> None:
    if now - planned_at > _LATE:
        count_again(session, days_around(planned_at))
