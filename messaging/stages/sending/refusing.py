"""Queued messages without a run whose line sends nothing any more: they fail, and who has sent them learns why.

Runs are ended elsewhere (messaging.lines.circuit_breaker, messaging.lines.lines), and their messages dropped with them.
Campaigns (priority 1) wait until their line works again.
"""

from collections.abc import Iterable

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from messaging.runtime import Runtime
from messaging.stages.status_changes import advance
from messaging.store import rows
from messaging.store.changes import Changes
from messaging.store.models import SHARDS, Line, Message
from messaging.store.sql import there_is
from messaging.store.states import LineStatus, MessageStatus

#: Messages refused in one transaction. SQLite's other writers wait until it is over.
GROUP = 200
_LONE = (
    Message.line_id == Line.id,
    Message.status == "queued",
    Message.run_id.is_(None),
    Message.priority == 0,
)
_DEAD_LINES = (
    select(Line)
    .where(
        or_(Line.stopped_at.is_not(None), Line.status != LineStatus.CONNECTED),
        there_is(Message, Message.position, *_LONE),
    )
    .order_by(Line.id)
)


def refuse_lone(session: Session, runtime: Runtime, shards: Iterable[int]) -> int:
    """Fail what is queued without a run on stopped and removed lines of these shards, at most GROUP. Returns how many."""
    held, refused = set(shards), 0
    for line in session.scalars(_DEAD_LINES).all():
        if line.portal_id % SHARDS in held and refused < GROUP:
            refused += _refuse(session, runtime, line, GROUP - refused)
    return refused


def _refuse(session: Session, runtime: Runtime, line: Line, limit: int) -> int:
    queued = select(Message.id).where(Line.id == line.id, *_LONE).order_by(Message.position, Message.id).limit(limit)
    code, reason = (line.stop_code, line.stop_reason) if line.stopped_at else ("line_not_connected", "")
    changes = Changes(session)
    messages = rows.messages_by_id(session, session.scalars(queued))
    for message in messages:
        changes.set(message, error_code=code, error_reason=reason)
        advance(changes, runtime, message, MessageStatus.FAILED, runtime.clock())
    changes.write()
    return len(messages)
