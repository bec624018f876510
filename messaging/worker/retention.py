"""What is deleted, and when: first webhooks, then texts, then rows (docs/decisions/0015).

The worker's supervisor calls `step` each second. A step takes a few transactions of at most BATCH rows, oldest first, so that
it holds SQLite's one write lock for milliseconds. No progress is stored: the next step finds what is left, so a crash
costs one batch. Nothing is decrypted. A key in Redis lets one supervisor work at a time; if two ever do, they share the work,
because each batch locks its rows.

Never deleted: a run that is open, unanswered, or whose answer is still to be repeated, and its message and reply.
"""

import secrets
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Text, delete, exists, literal_column, or_, select, tuple_, type_coerce, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from messaging.insight.daily import Tallies
from messaging.runtime import Runtime
from messaging.store.id_search import first_since
from messaging.store.models import Conversation, InboundEvent, Message, Reply, Run
from messaging.store.observations import Observation
from messaging.store.open_channels import ClientChat, OperatorMessage, OperatorState
from messaging.store.portal_tasks import PortalTask
from messaging.store.provider import ProviderMessage
from messaging.store.reports import ReportDay, ReportKey, ReportMonth
from messaging.store.states import EventState, MessageStatus, Origin, RunState
from messaging.store.tallies import HourTally, Tally
from messaging.store.types import WIPED
from messaging.system.counters import POINT
from messaging.worker import api_retention, callback_retention, campaign_retention

#: Rows of one transaction, not counting the message and the reply of each run.
BATCH = 100
#: Transactions of each duty in one step.
BATCHES = 2
#: How long nothing is looked for after a step that found nothing.
PAUSE = timedelta(minutes=1)
#: Redis key with the name of the supervisor that works. It lives longer than PAUSE, so that its owner keeps it.
LOCK = "waba24:housekeeping"
LOCK_S = 150
TALLIES_KEPT = timedelta(days=3 * 366)
HOURS_KEPT = timedelta(days=20)
log = structlog.get_logger(__name__)

#: Deletes or wipes up to `limit` rows of one kind; returns how many.
Duty = Callable[[Session, Runtime, int], int]


class Retention:
    """Deletes what is old, and counts the daily figures, for one supervisor."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.name = secrets.token_hex(6)
        self._tallies = Tallies(runtime)
        self._paused_until: datetime | None = None
        self._has_left = True

    def step(self) -> int:
        """Do the work of one second; returns how many rows were wiped or deleted. Pauses for PAUSE when nothing is left."""
        now = self.runtime.clock()
        if (self._paused_until and now < self._paused_until) or not self._has_lock():
            return 0
        # Once nothing is left, only the counting goes on: each question takes SQLite's write lock.
        done = sum(self._repeat(duty) for duty in DUTIES) if self._has_left else 0
        counting = self._count()
        is_over = not done and not counting
        self._paused_until = now + PAUSE if is_over else None
        self._has_left = done > 0 or is_over
        return done

    def _repeat(self, duty: Duty) -> int:
        """Do up to BATCHES of this duty, as long as they find something."""
        done = 0
        for _ in range(BATCHES):
            found = self._do(duty)
            done += found
            if not found:
                break
        return done

    @property
    def is_paused(self) -> bool:
        """Whether the last step found nothing to do."""
        return self._paused_until is not None

    def _has_lock(self) -> bool:
        redis = self.runtime.redis
        if redis.set(LOCK, self.name, nx=True, ex=LOCK_S):
            return True
        return bool(redis.get(LOCK) == self.name.encode() and redis.expire(LOCK, LOCK_S))

    def _do(self, duty: Duty) -> int:
        """Do one batch of this duty. A duty that fails, because another process was faster, say, stops no other duty."""
        try:
            with self.runtime.db.write() as session:
                done = duty(session, self.runtime, BATCH)
        except SQLAlchemyError as error:
            log.error("retention failed, again later", duty=duty.__name__, error=type(error).__name__)
            return 0
        if done:
            log.debug("retention", duty=duty.__name__, rows=done)
        return done

    def _count(self) -> bool:
        try:
            return self._tallies.step()
        except SQLAlchemyError as error:
            log.error("counting failed, again later", error=type(error).__name__)
            return False


def events(session: Session, runtime: Runtime, limit: int) -> int:
    """Delete webhooks KEEP_EVENTS_DAYS after they came, except those that are still to be applied."""
    before = runtime.clock() - timedelta(days=runtime.config.keep_events_days)
    end = first_since(session, InboundEvent.id, InboundEvent.received_at, before)
    old = select(InboundEvent.id).where(
        InboundEvent.id < end, InboundEvent.received_at < before, InboundEvent.state != EventState.STORED
    )
    return _delete(session, InboundEvent, _ids(session, old.order_by(InboundEvent.id), limit))


def run_texts(session: Session, runtime: Runtime, limit: int) -> int:
    """Wipe the texts of runs and messages KEEP_TEXTS_DAYS after the end. A repeated call is a new run from then on."""
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
            token_digest=literal_column("'.' || id"),  # unique and short; wiped runs lie side by side in the index
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
    # The message knows its conversation, so the run need not; the index of a conversation's runs stays small.
    known = update(Run).where(Run.id.in_(wiped)).values(conversation_id=None)
    session.execute(known.execution_options(synchronize_session=False))
    return len(ids)


def reply_texts(session: Session, runtime: Runtime, limit: int) -> int:
    """Wipe what clients wrote KEEP_TEXTS_DAYS after it came."""
    before = runtime.clock() - timedelta(days=runtime.config.keep_texts_days)
    unwiped = type_coerce(Reply.content, Text) != WIPED
    old = select(Reply.id).where(unwiped, Reply.received_at < before, _is_unneeded())
    ids = _ids(session, old.order_by(Reply.received_at), limit)
    wiped = update(Reply).where(Reply.id.in_(ids)).values(content=WIPED)
    session.execute(wiped.execution_options(synchronize_session=False))
    return len(ids)


def runs(session: Session, runtime: Runtime, limit: int) -> int:
    """Delete runs KEEP_DAYS after their end, with message and reply, and the conversations that are empty then."""
    before = runtime.clock() - timedelta(days=runtime.config.keep_days)
    end = first_since(session, Run.id, Run.stored_at, before)
    over = select(Run.id).where(Run.id < end, _answered(), Run.ended_at < before)
    ids = _ids(session, over.order_by(Run.id), limit)
    if not ids:
        return 0
    touched = {
        *session.scalars(select(Run.conversation_id).where(Run.id.in_(ids), Run.conversation_id.is_not(None))),
        *session.scalars(delete(Reply).where(Reply.run_id.in_(ids)).returning(Reply.conversation_id)),
        *session.scalars(delete(Message).where(Message.run_id.in_(ids)).returning(Message.conversation_id)),
    }
    _delete(session, Run, ids)
    _delete_empty(session, {conversation_id for conversation_id in touched if conversation_id is not None}, before)
    return len(ids)


def replies(session: Session, runtime: Runtime, limit: int) -> int:
    """Delete replies that ended no run KEEP_DAYS after they came, and the conversations that are empty then."""
    before = runtime.clock() - timedelta(days=runtime.config.keep_days)
    end = first_since(session, Reply.id, Reply.received_at, before)
    free = Reply.run_id.is_(None) & Reply.fetch_at.is_(None)
    old = select(Reply.id).where(Reply.id < end, Reply.received_at < before, free)
    ids = _ids(session, old.order_by(Reply.id), limit)
    touched = set(session.scalars(delete(Reply).where(Reply.id.in_(ids)).returning(Reply.conversation_id)))
    _delete_empty(session, touched, before)
    return len(ids)


def lone_texts(session: Session, runtime: Runtime, limit: int) -> int:
    """Wipe the texts of messages without a run KEEP_TEXTS_DAYS after they were queued, unless they still wait."""
    before = runtime.clock() - timedelta(days=runtime.config.keep_texts_days)
    old = select(Message.id).where(
        Message.run_id.is_(None), Message.payload.is_not(None), Message.created_at < before, _has_left()
    )
    ids = _ids(session, old.order_by(Message.created_at), limit)
    wiped = update(Message).where(Message.id.in_(ids)).values(payload=None, choices=None, whatsapp_id=None)
    session.execute(wiped.execution_options(synchronize_session=False))
    return len(ids)


def lone_messages(session: Session, runtime: Runtime, limit: int) -> int:
    """Delete messages without a run KEEP_DAYS after they were queued, and the conversations that are empty then."""
    before = runtime.clock() - timedelta(days=runtime.config.keep_days)
    end = first_since(session, Message.id, Message.created_at, before)
    old = select(Message.id).where(Message.id < end, Message.run_id.is_(None), Message.created_at < before, _has_left())
    ids = _ids(session, old.order_by(Message.id), limit)
    gone = delete(Message).where(Message.id.in_(ids)).returning(Message.conversation_id)
    _delete_empty(session, set(session.scalars(gone)), before)
    return len(ids)


def _has_left() -> Any:
    waiting = (MessageStatus.HELD, MessageStatus.QUEUED, MessageStatus.SENDING)
    return Message.status.not_in(waiting)


def old_tallies(session: Session, runtime: Runtime, limit: int) -> int:
    """Delete daily figures after TALLIES_KEPT."""
    return _delete_before(session, Tally, Tally.day, (runtime.clock() - TALLIES_KEPT).date(), limit)


def old_hours(session: Session, runtime: Runtime, limit: int) -> int:
    """Delete hourly figures after HOURS_KEPT."""
    return _delete_before(session, HourTally, HourTally.hour, runtime.clock() - HOURS_KEPT, limit)


def old_reports(session: Session, runtime: Runtime, limit: int) -> int:
    """Delete days and months of reports after TALLIES_KEPT, then the keys that have none any more."""
    before = (runtime.clock() - TALLIES_KEPT).date()
    for table, at, end in (
        (ReportDay, ReportDay.day, before),
        (ReportMonth, ReportMonth.month, before.replace(day=1)),
    ):
        key = (table.portal_id, at, table.key_id)
        old = [tuple(row) for row in session.execute(select(*key).where(at < end).order_by(at).limit(limit))]
        if old:
            session.execute(delete(table).where(tuple_(*key).in_(old)).execution_options(synchronize_session=False))
            return len(old)
    empty = select(ReportKey.id).where(ReportKey.last_day < before.replace(day=1)).order_by(ReportKey.last_day)
    return _delete(session, ReportKey, _ids(session, empty, limit))


def _delete_before(session: Session, table: type[Tally | HourTally], at: Any, before: date, limit: int) -> int:
    """Delete figures of a time before `before`, the oldest first. at: the column with their time."""
    key = (at, table.line_id, table.status)
    rows = session.execute(select(*key).where(at < before).order_by(*key).limit(limit))
    old = [tuple(row) for row in rows]
    if old:
        session.execute(delete(table).where(tuple_(*key).in_(old)).execution_options(synchronize_session=False))
    return len(old)


def shapes(session: Session, runtime: Runtime, limit: int) -> int:
    """Delete shapes of payloads KEEP_TEXTS_DAYS after one like it came last. Answers to open points stay."""
    before = runtime.clock() - timedelta(days=runtime.config.keep_texts_days)
    key = (Observation.portal_id, Observation.kind, Observation.digest)
    old = select(*key).where(Observation.last_seen < before, Observation.kind != POINT)
    rows = [tuple(row) for row in session.execute(old.order_by(Observation.last_seen).limit(limit))]
    if rows:
        session.execute(delete(Observation).where(tuple_(*key).in_(rows)).execution_options(synchronize_session=False))
    return len(rows)


def portal_tasks(session: Session, runtime: Runtime, limit: int) -> int:
    """Delete what was written to portals KEEP_TEXTS_DAYS after it was done or given up, and what nobody took up so long.

    Nobody takes up tasks of a portal that is not active, or of a kind that only a newer release knew.
    """
    before = runtime.clock() - timedelta(days=runtime.config.keep_texts_days)
    old = select(PortalTask.id).where(PortalTask.done_at.is_not(None), PortalTask.done_at < before)
    stuck = select(PortalTask.id).where(PortalTask.done_at.is_(None), PortalTask.due_at < before)
    over = _ids(session, old.order_by(PortalTask.done_at), limit)
    left = _ids(session, stuck.order_by(PortalTask.due_at), limit - len(over))
    return _delete(session, PortalTask, [*over, *left])


def operator_messages(session: Session, runtime: Runtime, limit: int) -> int:
    """Delete what operators wrote KEEP_DAYS after they wrote it, once the message it became is deleted."""
    before = runtime.clock() - timedelta(days=runtime.config.keep_days)
    message = exists().where(Message.origin == Origin.OPERATOR, Message.origin_id == OperatorMessage.id)
    is_over = OperatorMessage.state != OperatorState.STORED
    old = select(OperatorMessage.id).where(OperatorMessage.created_at < before, is_over, ~message)
    return _delete(session, OperatorMessage, _ids(session, old.order_by(OperatorMessage.created_at), limit))


def provider_messages(session: Session, runtime: Runtime, limit: int) -> int:
    """Delete what portals handed over KEEP_DAYS after they did, once the message it became is deleted.

    What is still stored then belongs to a portal that is not active.
    """
    before = runtime.clock() - timedelta(days=runtime.config.keep_days)
    message = exists().where(Message.origin == Origin.PROVIDER, Message.origin_id == ProviderMessage.id)
    old = select(ProviderMessage.id).where(ProviderMessage.created_at < before, ~message)
    return _delete(session, ProviderMessage, _ids(session, old.order_by(ProviderMessage.created_at), limit))


#: In this order: what is deleted needs no wiping.
DUTIES: tuple[Duty, ...] = (
    *(runs, lone_messages, replies, run_texts, lone_texts, reply_texts, events),
    *(old_tallies, old_hours, old_reports, shapes, portal_tasks, operator_messages, provider_messages),
    *campaign_retention.DUTIES,
    *api_retention.DUTIES,
    *callback_retention.DUTIES,
)


def _answered() -> Any:
    """The run is ended and answered for good. Only a webhook about its message may still come."""
    return (Run.state == RunState.ENDED) & Run.answer_at.is_(None)


def _is_unneeded() -> Any:
    """The text of a reply is not needed any more: its file is fetched, and its run, if any, is answered."""
    is_needed = exists().where(Run.id == Reply.run_id, or_(Run.state != RunState.ENDED, Run.answer_at.is_not(None)))
    return Reply.fetch_at.is_(None) & ~is_needed


def _ids(session: Session, query: Any, limit: int) -> list[int]:
    """The ids of a batch, locked. Rows that another transaction has locked are left for later."""
    return list(session.scalars(query.limit(limit).with_for_update(skip_locked=True)))


def _delete(session: Session, model: Any, ids: Iterable[int]) -> int:
    gone = list(ids)
    if gone:
        session.execute(delete(model).where(model.id.in_(gone)).execution_options(synchronize_session=False))
    return len(gone)


def _delete_empty(session: Session, touched: set[int], before: datetime) -> None:
    """Delete those of these conversations that have been silent since `before` and to which no row refers.

    They are locked before the references are counted, so that a message planned meanwhile is seen.
    """
    last = [Conversation.last_activity_at, Conversation.last_inbound_at]
    quiet = [or_(at.is_(None), at < before) for at in last]
    ids = _ids(session, select(Conversation.id).where(Conversation.id.in_(touched), *quiet), len(touched))
    refers = [exists().where(model.conversation_id == Conversation.id) for model in (Message, Reply, Run)]
    empty = select(Conversation.id).where(Conversation.id.in_(ids), *(~reference for reference in refers))
    gone = list(session.scalars(empty))
    # The id of a conversation may be given to another one, which must not find this one's chat.
    chats = delete(ClientChat).where(ClientChat.conversation_id.in_(gone))
    session.execute(chats.execution_options(synchronize_session=False))
    _delete(session, Conversation, gone)
