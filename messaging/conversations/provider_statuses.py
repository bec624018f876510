"""What the portal is told of the messages it has handed over: portal tasks of the kind `provider`, one for each message.

A task brings the portal up to date: what has changed within COLLAPSE is told once, as the rows show it then. The portal takes
any status at any time, so a status that is lower than the one told before is never told (bx24.message_service.RANK).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bx24.message_service import RANK, Status
from gupshup.refusals import OWN_CODES
from messaging.runtime import Runtime
from messaging.store import portal_tasks
from messaging.store.changes import Changes
from messaging.store.models import Message
from messaging.store.portal_tasks import PortalTask
from messaging.store.provider import ProviderMessage, ProviderState
from messaging.store.rows import MessageRow
from messaging.store.states import MessageStatus, Origin

KIND = "provider"
COLLAPSE = timedelta(seconds=5)
#: A portal that posts a message twice then sets its own status on it; ours is told again after this time.
AGAIN_AFTER = timedelta(seconds=15)
#: What a portal is told, by the status of the message; of the others nothing that it does not show already.
_TOLD: dict[str, Status] = {
    MessageStatus.SENT: Status.SENT,
    MessageStatus.DELIVERED: Status.DELIVERED,
    MessageStatus.READ: Status.DELIVERED,
    MessageStatus.FAILED: Status.FAILED,
    MessageStatus.DROPPED: Status.FAILED,
}


def message_changed(changes: Changes, runtime: Runtime, message: MessageRow) -> None:
    """The status of a message that the portal has handed over has risen. The listener of its origin."""
    if message.status in _TOLD:
        changes.gathered(Changed).add(message.portal_id, runtime.clock(), message.id)


class Changed:
    """Messages whose statuses one transaction has raised: their tasks are stored together."""

    def __init__(self) -> None:
        self._ids: defaultdict[int, set[int]] = defaultdict(set)
        self._now = datetime.min.replace(tzinfo=UTC)

    def add(self, portal_id: int, now: datetime, message_id: int) -> None:
        self._now = now
        self._ids[portal_id].add(message_id)

    def write(self, session: Session) -> None:
        ids = sorted(set().union(*self._ids.values()))
        found: defaultdict[int, dict[int, int | None]] = defaultdict(dict)
        asked = select(Message.portal_id, Message.origin_id, Message.id).where(Message.id.in_(ids))
        for row in session.execute(asked) if ids else ():
            if row.origin_id:
                found[row.portal_id][row.origin_id] = row.id
        for portal_id in sorted(found):
            put(session, portal_id, self._now, found[portal_id])


def put(session: Session, portal_id: int, now: datetime, rows: Mapping[int, int | None]) -> None:
    """Tell the portal, soon, what became of these: id of what it has handed over → id of the message, if it has become one."""
    tasks: list[dict[str, Any]] = [
        {
            "kind": KIND,
            "key": _key(row_id),
            "message_id": message_id,
            "result": {"row": row_id},
            "due_at": now + COLLAPSE,
        }
        for row_id, message_id in sorted(rows.items())
    ]
    portal_tasks.put(session, portal_id, now, tasks)
    portal_tasks.change(session, portal_id, [task["key"] for task in tasks], now + COLLAPSE)


def tell_again(session: Session, runtime: Runtime, portal_id: int, message_id: str) -> None:
    """The portal has posted this message (by its own id) twice: tell it once more what it was told."""
    mine = (ProviderMessage.portal_id == portal_id) & (ProviderMessage.message_id == message_id)
    row_id = session.scalar(select(ProviderMessage.id).where(mine))
    if row_id is None:
        return
    own = (PortalTask.portal_id == portal_id) & (PortalTask.key == _key(row_id))
    task = session.scalar(select(PortalTask).where(own).with_for_update())
    if task is not None:  # else it was told nothing yet
        known = task.result or {}
        # A number, not a mark: the task may be telling the portal at this very moment.
        task.result = {**known, "again": int(known.get("again") or 0) + 1}
        session.flush()
        portal_tasks.change(session, portal_id, [task.key], runtime.clock() + AGAIN_AFTER)


def _key(row_id: int) -> str:
    return f"provider {row_id}"


def to_tell(row: ProviderMessage, message: Message | None, told: Mapping[str, Any]) -> Status | None:
    """What the portal is to be told now, None: nothing that it has not been told. told: the result of its task."""
    wanted = wanted_status(row, message)
    before = told.get("told")
    if wanted is None or before is None:
        return wanted
    if RANK[wanted] < RANK[Status(before)]:
        return None
    return wanted if wanted != before or told.get("again", 0) != told.get("again_told", 0) else None


def wanted_status(row: ProviderMessage, message: Message | None) -> Status | None:
    """The status that the portal should show."""
    if message is None:
        return Status.FAILED if row.state == ProviderState.REFUSED else None
    if message.status == MessageStatus.FAILED and was_taken(message):
        return Status.UNDELIVERED
    return _TOLD.get(message.status)


def was_taken(message: Message) -> bool:
    """Whether WhatsApp had taken a message that failed; else Gupshup or we have refused it."""
    return message.sent_at is not None or (message.accepted_at is not None and message.error_code not in OWN_CODES)


def messages_of(session: Session, rows: Sequence[ProviderMessage]) -> dict[int, Message]:
    """The messages that these have become: id of what was handed over → message."""
    ids = [row.id for row in rows]
    mine = (Message.origin == Origin.PROVIDER) & Message.origin_id.in_(ids)
    return {message.origin_id: message for message in session.scalars(select(Message).where(mine)) if message.origin_id}
