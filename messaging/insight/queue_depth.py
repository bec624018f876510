"""How much waits to be worked on, and for how long: for the whole installation, or for one portal.

Each queue is counted in its own partial index, which is as small as what waits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from messaging.store.models import InboundEvent, Message, Run, shard_of


@dataclass(frozen=True)
class Queue:
    """Runs, messages, answers or events that wait. oldest_s: seconds since the oldest of them came.

    paused: messages that wait for the end of their line's pause; `depth` and `oldest_s` leave them out.
    """

    name: str
    depth: int
    oldest_s: float
    paused: int = 0


_QUEUED = Message.status == "queued"
#: Queue → its table, the column that tells how old a row is, and which rows wait.
_WAITING: dict[str, tuple[type[Any], Any, ColumnElement[bool]]] = {
    "runs": (Run, Run.stored_at, Run.state == "stored"),
    # A message of a paused line waits for a person: no fault of the queue, and no alarm.
    "messages": (Message, Message.created_at, _QUEUED & Message.send_at.is_not(None)),
    "answers": (Run, Run.ended_at, Run.answer_at.is_not(None) & Run.answered_at.is_(None)),
    "events": (InboundEvent, InboundEvent.received_at, InboundEvent.state == "stored"),
}


def queues(session: Session, now: datetime) -> list[Queue]:
    """The queues of all portals together. Paused messages are not counted."""
    return [Queue(name, *_measure(session, now, since, which)) for name, (_table, since, which) in _WAITING.items()]


def queues_of(session: Session, now: datetime, portal_id: int, line_ids: Sequence[int]) -> list[Queue]:
    """The queues of one portal. line_ids: all its lines."""
    shard = shard_of(portal_id)
    owned: dict[type[Any], ColumnElement[bool]] = {
        Run: (Run.shard == shard) & (Run.portal_id == portal_id),
        Message: (Message.shard == shard) & (Message.portal_id == portal_id),
        InboundEvent: (InboundEvent.shard == shard) & InboundEvent.line_id.in_(line_ids),
    }
    held = session.scalar(select(func.count()).where(owned[Message], _QUEUED, Message.send_at.is_(None))) or 0
    return [
        Queue(name, *_measure(session, now, since, owned[table] & which), held if table is Message else 0)
        for name, (table, since, which) in _WAITING.items()
    ]


def _measure(session: Session, now: datetime, since: Any, which: ColumnElement[bool]) -> tuple[int, float]:
    """Number of rows, and seconds since the oldest of them."""
    count, oldest = session.execute(select(func.count(), func.min(since)).where(which)).one()
    return count, (now - oldest).total_seconds() if oldest else 0.0
