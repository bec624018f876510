"""What is forgotten, and when: webhooks, then texts, then rows (docs/decisions/0015).

Called each second by the worker's supervisor, it does a second's share: a few transactions of at most BATCH rows (some
milliseconds of SQLite's one write lock), oldest first. It remembers nothing: the next call finds what is left, so a crash costs
one batch. Nothing is unsealed. One supervisor at a time does it, by a key in Redis; should two ever do, they only share the
work, since each batch locks what it takes.

Never touched: a run that is open, unanswered or whose answer is still to be repeated, and whatever hangs on it.
"""

import secrets
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Text, delete, exists, literal_column, or_, select, tuple_, type_coerce, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from messaging.insight.daily import Tallies
from messaging.runtime import Runtime
from messaging.store.id_search import first_since
from messaging.store.models import Conversation, InboundEvent, Message, Reply, Run, Tally
from messaging.store.types import WIPED

#: Rows of one transaction, not counting what hangs on them: a message and a reply per run.
BATCH = 100
#: Transactions of each kind in one call: a thousand rows a second, when seven would do for 100,000 messages a day.
ROUNDS = 2
REST = timedelta(minutes=1)
#: Longer than the rest: who has the turn keeps it.
TURN_S = 150
TURN = "waba24:housekeeping"
TALLIES_KEPT = timedelta(days=3 * 366)
log = structlog.get_logger(__name__)

Duty = Callable[[Session, Runtime, int], int]


class Housekeeper:
    """One process' share of forgetting and counting."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.name = secrets.token_hex(6)
        self._tallies = Tallies(runtime)
        self._rests_until: datetime | None = None

    def tick(self) -> int:
        """A second's share; how many rows were wiped or deleted. Rests a minute when nothing was left."""
        now = self.runtime.clock()
        if (self._rests_until and now < self._rests_until) or not self._has_turn():
            return 0
        done = sum(self._do(duty) for duty in DUTIES for _ in range(ROUNDS))
        counting = self._count()
        self._rests_until = None if done or counting else now + REST
        return done

    @property
    def is_resting(self) -> bool:
        """Whether the last call found nothing left to do."""
        return self._rests_until is not None

    def _has_turn(self) -> bool:
        redis = self.runtime.redis
        if redis.set(TURN, self.name, nx=True, ex=TURN_S):
            return True
        return bool(redis.get(TURN) == self.name.encode() and redis.expire(TURN, TURN_S))

    def _do(self, duty: Duty) -> int:
        """One batch of one kind; one that fails (a row of somebody who was faster, say) stops no other kind."""
        try:
            with self.runtime.db.write() as session:
                done = duty(session, self.runtime, BATCH)
        except SQLAlchemyError as error:
            log.error("housekeeping failed, again later", duty=duty.__name__, error=type(error).__name__)
            return 0
        if done:
            log.debug("housekeeping", duty=duty.__name__, rows=done)
        return done

    def _count(self) -> bool:
        try:
            return self._tallies.step()
        except SQLAlchemyError as error:
            log.error("counting failed, again later", error=type(error).__name__)
            return False


def events(session: Session, runtime: Runtime, limit: int) -> int:
    """Webhooks that were applied, or will never be, KEEP_EVENTS_DAYS after they came."""
    before = runtime.clock() - timedelta(days=runtime.config.keep_events_days)
    end = first_since(session, InboundEvent.id, InboundEvent.received_at, before)
    old = select(InboundEvent.id).where(
        InboundEvent.id < end, InboundEvent.received_at < before, InboundEvent.state != "stored"
    )
    return _delete(session, InboundEvent, _ids(session, old.order_by(InboundEvent.id), limit))


def run_texts(session: Session, runtime: Runtime, limit: int) -> int:
    """What runs and their messages say, KEEP_TEXTS_DAYS after the end. A repeated call would be a new one from now on."""
    before = runtime.clock() - timedelta(days=runtime.config.keep_texts_days)
    unwiped = type_coerce(Run.event_token, Text) != WIPED
    over = select(Run.id).where(_answered(), unwiped, Run.ended_at < before)
    ids = _ids(session, over.order_by(Run.ended_at), limit)
    if not ids:
        return 0
    session.execute(
        update(Run)
        .where(Run.id.in_(ids))
        .values(
            event_token=WIPED,
            token_digest=literal_column("'.' || id"),  # unique, short, and beside the others of its kind
            properties=WIPED,
            auth=None,
            answer=None,
            log_line=WIPED,
            note="",
        )
        .execution_options(synchronize_session=False)
    )
    wiped = session.scalars(
        update(Message)
        .where(Message.run_id.in_(ids))
        .values(payload=None, choices=None, whatsapp_id=None)
        .returning(Message.run_id)
        .execution_options(synchronize_session=False)
    ).all()
    # Their messages tell to whom they went; the index that finds the runs of a conversation stays small.
    known = update(Run).where(Run.id.in_(wiped)).values(conversation_id=None)
    session.execute(known.execution_options(synchronize_session=False))
    return len(ids)


def reply_texts(session: Session, runtime: Runtime, limit: int) -> int:
    """What clients wrote, KEEP_TEXTS_DAYS after it came."""
    before = runtime.clock() - timedelta(days=runtime.config.keep_texts_days)
    unwiped = type_coerce(Reply.content, Text) != WIPED
    old = select(Reply.id).where(unwiped, Reply.received_at < before, _given())
    ids = _ids(session, old.order_by(Reply.received_at), limit)
    wiped = update(Reply).where(Reply.id.in_(ids)).values(content=WIPED)
    session.execute(wiped.execution_options(synchronize_session=False))
    return len(ids)


def runs(session: Session, runtime: Runtime, limit: int) -> int:
    """Runs KEEP_DAYS after their end, with message and reply, and the conversations they leave empty."""
    before = runtime.clock() - timedelta(days=runtime.config.keep_days)
    end = first_since(session, Run.id, Run.stored_at, before)
    over = select(Run.id).where(Run.id < end, _answered(), Run.ended_at < before)
    ids = _ids(session, over.order_by(Run.id), limit)
    if not ids:
        return 0
    spoken = {
        *session.scalars(select(Run.conversation_id).where(Run.id.in_(ids), Run.conversation_id.is_not(None))),
        *session.scalars(delete(Reply).where(Reply.run_id.in_(ids)).returning(Reply.conversation_id)),
        *session.scalars(delete(Message).where(Message.run_id.in_(ids)).returning(Message.conversation_id)),
    }
    _delete(session, Run, ids)
    _silent(session, {one for one in spoken if one is not None}, before)
    return len(ids)


def replies(session: Session, runtime: Runtime, limit: int) -> int:
    """Replies that ended no run, KEEP_DAYS after they came, and the conversations they leave empty."""
    before = runtime.clock() - timedelta(days=runtime.config.keep_days)
    end = first_since(session, Reply.id, Reply.received_at, before)
    free = Reply.run_id.is_(None) & Reply.fetch_at.is_(None)
    old = select(Reply.id).where(Reply.id < end, Reply.received_at < before, free)
    ids = _ids(session, old.order_by(Reply.id), limit)
    spoken = set(session.scalars(delete(Reply).where(Reply.id.in_(ids)).returning(Reply.conversation_id)))
    _silent(session, spoken, before)
    return len(ids)


def old_tallies(session: Session, runtime: Runtime, limit: int) -> int:
    """Daily figures after three years."""
    before = (runtime.clock() - TALLIES_KEPT).date()
    key = (Tally.day, Tally.line_id, Tally.status)
    rows = session.execute(select(*key).where(Tally.day < before).order_by(*key).limit(limit))
    old = [tuple(row) for row in rows]
    if old:
        session.execute(delete(Tally).where(tuple_(*key).in_(old)).execution_options(synchronize_session=False))
    return len(old)


#: In this order: what is deleted needs no wiping.
DUTIES: tuple[Duty, ...] = (runs, replies, run_texts, reply_texts, events, old_tallies)


def _answered() -> Any:
    """Nothing more will happen to such a run, except that a webhook may still tell of its message."""
    return (Run.state == "ended") & Run.answer_at.is_(None)


def _given() -> Any:
    """Whether nobody needs this reply's text any more: its file is fetched, its run, if any, answered."""
    is_needed = exists().where(Run.id == Reply.run_id, or_(Run.state != "ended", Run.answer_at.is_not(None)))
    return Reply.fetch_at.is_(None) & ~is_needed


def _ids(session: Session, query: Any, limit: int) -> list[int]:
    """The ids of a batch, locked; what somebody else has locked is left for later."""
    return list(session.scalars(query.limit(limit).with_for_update(skip_locked=True)))


def _delete(session: Session, model: Any, ids: Iterable[int]) -> int:
    gone = list(ids)
    if gone:
        session.execute(delete(model).where(model.id.in_(gone)).execution_options(synchronize_session=False))
    return len(gone)


def _silent(session: Session, touched: set[int], before: datetime) -> None:
    """Delete those of these conversations in which nobody spoke lately and to which nothing refers.

    Locked first, looked at afterwards: a message that was being planned meanwhile is seen then.
    """
    last = [Conversation.last_activity_at, Conversation.last_inbound_at]
    quiet = [or_(at.is_(None), at < before) for at in last]
    ids = _ids(session, select(Conversation.id).where(Conversation.id.in_(touched), *quiet), len(touched))
    refers = [exists().where(model.conversation_id == Conversation.id) for model in (Message, Reply, Run)]
    empty = select(Conversation.id).where(Conversation.id.in_(ids), *(~one for one in refers))
    _delete(session, Conversation, session.scalars(empty))
