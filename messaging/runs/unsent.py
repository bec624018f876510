"""What a database says has not been sent yet. After an older dump was restored, that may be wrong.

Between the dump and the loss the database that is gone may have sent it: the dump does not know. Nothing of it may go out
again by itself, so a person looks and decides, before a worker starts: docs/operators/backup.md. Campaigns are paused, for they
would queue again what was given up. What was to be written to portals needs no decision: the portal can be asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from activities.errors import RESTORED
from messaging.runs.outcomes import Outcome, finish_run
from messaging.runtime import Runtime
from messaging.store import rows
from messaging.store.changes import Changes
from messaging.store.models import Message, Run
from messaging.store.portal_tasks import PortalTask
from messaging.store.rows import RunRow
from messaging.store.states import MessageStatus, OutcomeKind, RunState

#: Statuses of a message that has not left.
_UNSENT = (MessageStatus.HELD, MessageStatus.QUEUED)
#: Runs that are ended in one transaction.
GROUP = 200
#: `error_code` of a message that was given up so.
GIVEN_UP = "restored"


@dataclass(frozen=True)
class Unsent:
    """A run that would still send, or a message without one, whose `run_id` is None.

    is_planned: the message is ready; otherwise the call has only been stored.
    """

    run_id: int | None
    message_id: int | None
    portal_id: int
    line_id: int | None
    action: str
    item: str
    stored_at: datetime
    is_planned: bool


def find(session: Session, stored_before: datetime) -> list[Unsent]:
    """What is not handed over yet, oldest first: runs, then messages without one; not what could never be sent."""
    lone = session.execute(
        select(Message.id, Message.portal_id, Message.line_id, Message.action, Message.item, Message.created_at)
        .where(Message.run_id.is_(None), Message.status.in_(_UNSENT), Message.created_at <= stored_before)
        .order_by(Message.id)
    )
    found = session.execute(
        select(
            Run.id, Message.id, Run.portal_id, Run.line_id, Run.action, Run.item, Run.stored_at, Message.id.is_not(None)
        )
        .outerjoin(Message, Message.run_id == Run.id)
        .where(
            Run.state != RunState.ENDED,
            Run.action.startswith("send_"),
            Run.error_code == "",
            Run.stored_at <= stored_before,
            or_(Message.id.is_(None), Message.status.in_(_UNSENT)),
        )
        .order_by(Run.id)
    )
    return [*(Unsent(*row) for row in found), *(Unsent(None, *row, is_planned=True) for row in lone)]


def give_up(runtime: Runtime, run_ids: Sequence[int]) -> int:
    """End these runs as `unknown`: nothing more is sent, and their workflows go on. Returns how many were still unsent."""
    groups = [run_ids[start : start + GROUP] for start in range(0, len(run_ids), GROUP)]
    return sum(runtime.db.write_again(partial(_give_up, runtime, group)) for group in groups)


def give_up_lone(runtime: Runtime, message_ids: Sequence[int]) -> int:
    """Give up these messages without a run. Returns how many were still unsent."""
    given_up = (
        update(Message)
        .where(Message.id.in_(message_ids), Message.run_id.is_(None), Message.status.in_(_UNSENT))
        .values(status=MessageStatus.UNKNOWN, error_code=GIVEN_UP)
        .returning(Message.id)
    )
    return len(runtime.db.write_again(lambda session: session.scalars(given_up).all()))


def doubt_writes(runtime: Runtime, stored_before: datetime) -> int:
    """What is due in portals may be done there already: their writers look before they do it. Returns how many that are."""
    doubted = (
        update(PortalTask)
        .where(PortalTask.state == "due", PortalTask.created_at <= stored_before)
        .values(state="unclear", claimed_at=func.coalesce(PortalTask.claimed_at, PortalTask.created_at))
        .returning(PortalTask.id)
        .execution_options(synchronize_session=False)
    )
    return len(runtime.db.write_again(lambda session: session.scalars(doubted).all()))


def _give_up(runtime: Runtime, run_ids: Sequence[int], session: Session) -> int:
    changes = Changes(session)
    outcome = Outcome(OutcomeKind.UNKNOWN, text=RESTORED)
    given_up = 0
    for run in rows.runs_with_messages(session, run_ids):
        if _is_unsent(run):
            if run.message is not None:
                changes.set(run.message, status=MessageStatus.UNKNOWN, error_code=GIVEN_UP)
            given_up += finish_run(changes, runtime, run, outcome)
    changes.write()
    return given_up


def _is_unsent(run: RunRow) -> bool:
    return run.action.startswith("send_") and (run.message is None or run.message.status in _UNSENT)
