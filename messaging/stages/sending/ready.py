"""The statements that find, claim and put off messages."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    bindparam,
    column,
    exists,
    func,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.orm import Session, aliased, defer

from messaging.callbacks import telling
from messaging.runtime import Runtime
from messaging.store.models import Conversation, InboundEvent, Lease, Line, Message, Run
from messaging.store.sql import among, there_is
from messaging.store.types import Array, UTCDateTime

#: A message waits for earlier runs of its portal that are not planned yet, so that robots keep their order; but not
#: for ever: one run whose card cannot be read must not hold up the others. So with earlier messages to the same client
#: that are judged again.
ORDER_PATIENCE = timedelta(seconds=60)
#: No send takes this long: connect 5 s, read 30 s.
LOST_AFTER = timedelta(seconds=120)


# Statements are made once: SQLAlchemy spends more on building one than on running it. Parameters: line, limit, ids, `times`.
def times(now: datetime) -> dict[str, datetime]:
    return {"now": now, "patient": now - ORDER_PATIENCE}


NOW = bindparam("now", type_=UTCDateTime)
_PATIENT = bindparam("patient", type_=UTCDateTime)
_EARLIER, _AGAIN, _FLYING, _UNPLANNED = aliased(Message), aliased(Message), aliased(Message), aliased(Run)


def _wanted(message: Any) -> ColumnElement[bool]:
    """Whether its run still waits: a message whose wait is over must never leave, however long the queue stood still."""
    waits = exists().where(Run.id == message.run_id, Run.state != "ended", Run.deadline_at > NOW)
    return or_(message.run_id.is_(None), waits)


def _order(message: Any) -> tuple[Any, Any, Any]:
    """The order in which the messages of a line, and of a client, leave."""
    return message.priority, message.position, message.id


def _ready(message: Any) -> Select[tuple[int, int, int]]:
    """Queued messages that nothing stands in front of, in their order. In front of a message stand: earlier messages to the
    same client, queued or about to be judged again; a message in flight to that client; and earlier runs of its portal that
    are not planned yet and may turn out to go to the same client.

    message: `Message`, or a part of its rows.
    """
    earlier = there_is(
        _EARLIER,
        _EARLIER.priority,
        _EARLIER.conversation_id == message.conversation_id,
        tuple_(*_order(_EARLIER)) < tuple_(*_order(message)),
        _EARLIER.status == "queued",
    )
    again = there_is(
        _AGAIN,
        _AGAIN.conversation_id,
        _AGAIN.conversation_id == message.conversation_id,
        tuple_(*_order(_AGAIN)) < tuple_(*_order(message)),
        _AGAIN.status == "held",
        _AGAIN.hold == "",
        _AGAIN.send_at > _PATIENT,  # since it was put back
    )
    in_flight = there_is(
        _FLYING, _FLYING.priority, _FLYING.conversation_id == message.conversation_id, _FLYING.status == "sending"
    )
    unplanned = there_is(
        _UNPLANNED,
        _UNPLANNED.id,
        _UNPLANNED.shard == message.shard,  # follows from the portal, and opens the index of stored runs
        _UNPLANNED.portal_id == message.portal_id,
        _UNPLANNED.state == "stored",
        _UNPLANNED.id < message.position,
        _UNPLANNED.stored_at > _PATIENT,
    )
    return (
        select(message.id, message.conversation_id, message.line_id)
        .where(message.status == "queued", message.send_at <= NOW, _wanted(message))
        .where(~earlier, ~again, ~in_flight, ~unplanned)
        .order_by(*_order(message))
    )


_READY_ALL = _ready(Message)
_READY = _READY_ALL.where(Message.line_id == bindparam("line")).limit(bindparam("limit"))
#: SQLite: of many lines in one question, of each as many as may leave of any.
_EACH = func.json_each(bindparam("lines", type_=Array(BigInteger()))).table_valued("value", name="each")
_OLDEST = aliased(Message)
READY_OF_LINES = (
    select(Message.id, Message.conversation_id, Message.line_id)
    .join_from(
        _EACH,
        Message,
        Message.id.in_(
            _ready(_OLDEST)
            .with_only_columns(_OLDEST.id)
            .where(_OLDEST.line_id == _EACH.c.value)
            .limit(bindparam("limit"))
            .correlate(_EACH)
        ),
    )
    .order_by(*_order(Message))
)
#: PostgreSQL: of many lines in one question.
_TURN = (
    func.unnest(bindparam("lines", type_=Array(BigInteger())), bindparam("limits", type_=Array(Integer())))
    .table_valued(column("line_id", BigInteger), column("may", Integer))
    .render_derived(name="turn")
)
#: Sorted before it is looked at closely: else PostgreSQL asks all that of each message a line has queued, and sorts then.
_QUEUE = (
    select(Message)
    .where(Message.status == "queued", Message.line_id == _TURN.c.line_id)
    .order_by(*_order(Message))
    .correlate(_TURN)
    .lateral("queue")
)
_OF_TURN = _ready(aliased(Message, _QUEUE)).limit(_TURN.c.may).lateral("ready")
READY_IN_TURN = select(_OF_TURN.c.id, _OF_TURN.c.conversation_id, _OF_TURN.c.line_id).join_from(_TURN, _OF_TURN, true())
READY_RUNS = _READY_ALL.where(among(Message.run_id, "runs"))
#: Of a stopped line: the one message that is to show whether it works again (messaging.lines.circuit_breaker).
READY_TRIAL = _READY.where(Message.run_id == bindparam("trial"))
CLAIM = (
    update(Message)
    .where(among(Message.id, "ids"), Message.status == "queued", _wanted(Message))
    .values(
        status="sending",
        claimed_at=NOW,
        attempts=Message.attempts + 1,
        fence=select(Lease.fence).where(Lease.shard == Message.shard).scalar_subquery(),
    )
    .returning(
        Message.id,
        Message.run_id,
        Message.fence,
        Message.portal_id,
        Message.line_id,
        Message.attempts,
        Message.priority,
        Message.position,
        Message.judge_at,
        select(Run.trace).where(Run.id == Message.run_id).scalar_subquery().label("trace"),
    )
    .execution_options(synchronize_session=False)
)
CONTENTS = (
    select(Message.id, Conversation.phone, Message.payload)
    .join(Conversation, Conversation.id == Message.conversation_id)
    .where(among(Message.id, "ids"))
)
LINES_WITH_MORE = (
    select(Message.line_id).where(among(Message.conversation_id, "ids"), Message.status == "queued").distinct()
)
LINES = (
    select(Line)
    .where(among(Line.id, "ids"), Line.status == "connected")
    .order_by(Line.id)
    .options(defer(Line.secret))
    .execution_options(populate_existing=True)
)
PAUSED_LINES = select(Line.id).where(among(Line.id, "ids"), Line.paused_at.is_not(None)).with_for_update(read=True)
#: The shards open the index of what is due: what waits already, however much it is, is not looked at again.
PUT_OFF = (
    update(Message)
    .where(
        among(Message.shard, "shards"),
        among(Message.line_id, "ids"),
        Message.status == "queued",
        Message.send_at.is_not(None),
    )
    .values(send_at=None)
    .execution_options(synchronize_session=False)
)
QUEUED_LINES = select(Line.id, Line.portal_id).where(
    exists().where(Message.line_id == Line.id, Message.status == "queued")
)
TALKED = (
    update(Conversation)
    .where(among(Conversation.id, "ids"))
    .values(last_activity_at=NOW)
    .execution_options(synchronize_session=False)
)
OVERTAKING = (
    update(InboundEvent)
    .where(among(InboundEvent.ref, "refs"), InboundEvent.state == "stored")
    .values(due_at=NOW)
    .execution_options(synchronize_session=False)
)


def lost_in_flight(session: Session, runtime: Runtime, shards: Iterable[int]) -> int:
    """Claimed long ago and in nobody's hands: a claim whose commit went through while its answer was lost."""
    return _unclear(session, runtime, shards, Message.claimed_at < runtime.clock() - LOST_AFTER)


def orphaned(session: Session, runtime: Runtime, shards: Iterable[int]) -> int:
    """The shards were just taken over: what their former owner had in flight is unclear from now on."""
    return _unclear(session, runtime, shards)


def _unclear(session: Session, runtime: Runtime, shards: Iterable[int], *which: ColumnElement[bool]) -> int:
    lost = session.scalars(
        update(Message)
        .where(Message.shard.in_(list(shards)), Message.status == "sending", *which)
        .values(status="unknown", error_code="worker_died")
        .returning(Message.id)
        .execution_options(synchronize_session=False)
    ).all()
    telling.unclear(session, runtime, lost)
    return len(lost)
