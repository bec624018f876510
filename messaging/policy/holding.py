"""Held messages: what is ready but must not leave yet, because the client's window is closed or it is night where he is.

A held message is a row and nothing more: it takes no place in its client's queue, no thread and no question of its own.
    window   the client writes: `release_if_open`, in the transaction that learns it
    quiet    the quiet hours end: `release_due`, many of them at once
    by hand  somebody lets it go or drops it on its page: `send_now`, `drop`
Its run's deadline drops it as it drops a queued one. Released, it stands in the queue where it would have stood.

A message that could not leave in time is judged again (`judge_again`): its run is planned once more, and its row is kept.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import structlog
from sqlalchemy import and_, bindparam, exists, or_, select, update
from sqlalchemy.orm import Session, defer

from activities.errors import refused
from messaging.conversations.window import window_until
from messaging.lines import circuit_breaker
from messaging.runs import outcomes
from messaging.runtime import Runtime
from messaging.store import rows
from messaging.store.changes import Changes
from messaging.store.database import ask
from messaging.store.models import Conversation, Line, Message, Run, shard_of
from messaging.store.rows import MessageRow
from messaging.store.sql import among
from messaging.store.states import Hold, MessageStatus, RunState
from messaging.store.types import UTCDateTime

log = structlog.get_logger(__name__)
#: Messages that are let go in one transaction: all portals of a drain wait for it, on SQLite robot calls too.
GROUP = 1_000


@dataclass(eq=False)
class Waiting:
    """A held message that waits for its client's words."""

    model: ClassVar[Any] = Message

    id: int
    conversation_id: int
    judge_at: datetime | None


def release_if_open(session: Session, line: Line, conversations: Iterable[Conversation], now: datetime) -> None:
    """Queue what waits for the words of these clients of a line, if their windows are open by now."""
    _release(session, [(conversation, line) for conversation in conversations], now)


def look_again(session: Session, lines: Mapping[int, Line], conversation_ids: Collection[int], now: datetime) -> None:
    """A message has just been held for each of these clients, who may have written since their windows were looked at."""
    found = session.scalars(_CONVERSATIONS, {"ids": list(conversation_ids)}) if conversation_ids else ()
    _release(session, [(conversation, lines[conversation.line_id]) for conversation in found], now)


def _release(session: Session, talks: Iterable[tuple[Conversation, Line]], now: datetime) -> None:
    """Queue what waits for an open window in those of these conversations whose windows are open."""
    windows = {talk.id: until for talk, line in talks if (until := window_until(talk, line, now)) is not None}
    changes = Changes(session)
    for row in ask(session, _WAITING_FOR_WORDS, {"ids": list(windows)}) if windows else ():
        message, until = Waiting(row.id, row.conversation_id, row.judge_at), windows[row.conversation_id]
        # Quiet hours that began meanwhile count; the window ends when it ends.
        judge_at = min(until, message.judge_at) if message.judge_at is not None else until
        changes.set(message, status=MessageStatus.QUEUED, held_until=None, send_at=now, judge_at=judge_at)
    changes.write()


def release_due(session: Session, shards: Iterable[int], now: datetime) -> int:
    """Queue what waited for the end of quiet hours on these shards, at most GROUP messages. Returns how many.

    What is held longer than its run lasts is dropped: a process of the former release, which does not know that messages
    may be held, has ended the run.
    """
    looked = {"shards": list(shards), "now": now, "group": GROUP}
    due = [found for hold in Hold for found in ask(session, _DUE, {**looked, "hold": hold}).scalars()]
    if not due:
        return 0
    session.execute(_LEFT_OVER, {"ids": due})
    released = session.execute(_RELEASED_BY_TIME, {"ids": due, "now": now})
    return int(released.rowcount)  # type: ignore[attr-defined]  # a CursorResult, typed as Result


def late(session: Session, message_ids: Collection[int], now: datetime) -> set[int]:
    """The messages, of these that are about to leave, that must be judged again because their `judge_at` has come."""
    return set(ask(session, _LATE, {"ids": list(message_ids), "now": now}).scalars())


def judge_again(changes: Changes, runtime: Runtime, message: MessageRow) -> None:
    """A queued message is late: its run is planned again. Until then it is held for no reason of its own, and keeps its place
    in front of its client's later messages for a while (messaging.stages.sending.ready)."""
    run, now = message.run, runtime.clock()
    if run is None or run.state == RunState.ENDED:
        return
    changes.set(message, status=MessageStatus.HELD, hold="", held_until=None, send_at=now)
    changes.set(run, state=RunState.STORED, plan_at=now)
    circuit_breaker.not_tried(changes.session, runtime, message)
    log.info("message is judged again", trace=run.trace, message=message.id)


def send_now(runtime: Runtime, portal_id: int, run_id: int) -> bool:
    """Let the held message of a run go, whatever it waits for; False if it is not held any more.

    WhatsApp decides then: while the window is closed it refuses.
    """
    now = runtime.clock()
    with runtime.db.write() as session:
        message = _held(session, portal_id, run_id)
        if message is None or message.run is None or message.run.state != RunState.WAITING:
            return False  # a message that is judged again waits for its run to be planned
        changes = Changes(session)
        changes.set(message, status=MessageStatus.QUEUED, send_at=now, held_until=None, judge_at=None)
        changes.write()
    runtime.wakeups.notify([shard_of(portal_id)])
    return True


def drop(runtime: Runtime, portal_id: int, run_id: int) -> bool:
    """Never send the held message of a run, and end the run; False if it is not held any more."""
    with runtime.db.write() as session:
        message = _held(session, portal_id, run_id)
        if message is None or message.run is None:
            return False
        changes = Changes(session)
        outcomes.finish_run(changes, runtime, message.run, outcomes.failed(refused("dropped")))
        changes.write()
    runtime.wakeups.notify([shard_of(portal_id)])
    return True


def _held(session: Session, portal_id: int, run_id: int) -> MessageRow | None:
    """The message of this run, locked with its run, if it is held."""
    found = rows.messages(session, (Message.run_id == run_id) & (Message.portal_id == portal_id))
    return found[0] if found and found[0].status == MessageStatus.HELD else None


# Statements are made once: building a statement takes longer than running it.
_NOW = bindparam("now", type_=UTCDateTime)
_CONVERSATIONS = (
    select(Conversation)
    .where(among(Conversation.id, "ids"))
    .order_by(Conversation.id)
    .options(defer(Conversation.phone))
)
#: Why it was held stays: its timeline tells it.
_QUEUED = {"status": MessageStatus.QUEUED, "held_until": None, "send_at": _NOW}
_IS_WANTED = or_(Message.run_id.is_(None), exists().where(Run.id == Message.run_id, Run.state != RunState.ENDED))
_WAITING_FOR_WORDS = (
    select(Message.id, Message.conversation_id, Message.judge_at)
    .where(among(Message.conversation_id, "ids"), Message.status == "held", Message.hold == Hold.WINDOW, _IS_WANTED)
    .order_by(Message.id)
    .with_for_update(of=Message.__table__)
)
#: In the order in which they leave: a client's later message is never released before an earlier one.
_DUE = (
    select(Message.id)
    .where(
        among(Message.shard, "shards"),
        Message.status == "held",
        Message.held_until <= _NOW,
        Message.hold == bindparam("hold"),
    )
    .order_by(Message.held_until, Message.position, Message.id)
    .limit(bindparam("group"))
)
_IS_HELD = and_(among(Message.id, "ids"), Message.status == "held")
_RELEASED_BY_TIME = (
    update(Message)
    .where(_IS_HELD, Message.hold == Hold.QUIET, _IS_WANTED)
    .values(**_QUEUED)
    .execution_options(synchronize_session=False)
)
_LEFT_OVER = (
    update(Message)
    .where(_IS_HELD, ~_IS_WANTED)
    .values(status=MessageStatus.DROPPED)
    .execution_options(synchronize_session=False)
)
_LATE = select(Message.id).where(among(Message.id, "ids"), Message.judge_at <= _NOW)
