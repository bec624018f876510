"""Runs that wait for a message another run has sent: the action `wait_delivery`.

Several may wait for one message. The message is marked, so that a rise of its status costs nothing where nobody waits.
"""

from datetime import datetime

from sqlalchemy import bindparam, select

from messaging.runs import outcomes
from messaging.runtime import Runtime
from messaging.store import rows
from messaging.store.changes import Changes
from messaging.store.models import Run
from messaging.store.rows import MessageRow, RunRow
from messaging.store.states import RunState


def begin(changes: Changes, runtime: Runtime, run: RunRow, message_id: int, until: str, deadline_at: datetime) -> None:
    """Let this locked run wait for a message; it may have come so far before."""
    found = rows.messages_alone(changes.session, [message_id])
    if not found:
        outcomes.finish_run(changes, runtime, run, outcomes.internal(run.trace))  # wiped since it was planned
        return
    run.awaited = message = found[0]
    waits = {"until": until, "deadline_at": deadline_at, "awaits_message_id": message.id}
    changes.set(run, state=RunState.WAITING, line_id=message.line_id, conversation_id=message.conversation_id, **waits)
    changes.set(message, is_awaited=True)
    _decide(changes, runtime, run)


def message_changed(changes: Changes, runtime: Runtime, message: MessageRow) -> None:
    """A message's status has risen: runs that wait for it may go on."""
    if not message.is_awaited:
        return
    changes.write()  # others of this transaction may have ended meanwhile
    for run in rows.runs(changes.session, changes.session.scalars(_WAITING, {"message": message.id}).all()):
        run.awaited = message
        _decide(changes, runtime, run)


def _decide(changes: Changes, runtime: Runtime, run: RunRow) -> None:
    outcome = outcomes.awaited_so_far(run)
    if outcome is not None:
        outcomes.finish_run(changes, runtime, run, outcome)


# Built once: SQLAlchemy spends more time on building a statement than on running it.
_WAITING = (
    select(Run.id)
    .where(Run.awaits_message_id == bindparam("message"), Run.state == "waiting", Run.awaits_message_id.is_not(None))
    .order_by(Run.id)
)
