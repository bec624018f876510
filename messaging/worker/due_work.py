"""What is due now, found in the database: a wake-up that Redis lost delays the work, it does not lose it."""

from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, exists, or_, select
from sqlalchemy.orm import Session

from messaging.lines import circuit_breaker
from messaging.runs.outcomes import UNCLEAR_FOR
from messaging.runtime import Runtime
from messaging.stages.operators import UNTOLD
from messaging.stages.portal_writes import due as portal_tasks
from messaging.stages.portal_writes.kinds import KINDS
from messaging.store.callbacks import Callback, Endpoint
from messaging.store.campaigns import Campaign
from messaging.store.models import SHARDS, InboundEvent, Lease, Line, Message, Portal, Reply, Run, shard_of
from messaging.store.money import LineAccount
from messaging.store.open_channels import OperatorMessage
from messaging.store.portal_tasks import PortalTask
from messaging.store.provider import ProviderMessage
from messaging.store.sql import there_is
from messaging.store.states import EventState, MessageStatus, PortalStatus, RunState
from messaging.store.types import UTCDateTime


def due_shards(session: Session, runtime: Runtime) -> set[int]:
    """The shards with work now: something to plan, send, answer, apply, fetch, register or end, or sends of a dead process.

    Called many times a second. For each shard and each kind of work the statement takes one step into a partial index, so
    the cost does not grow with the number of waiting rows.
    """
    now = runtime.clock()
    unclear_since = now - timedelta(seconds=runtime.config.unknown_after_s)
    asked = {"now": now, "unclear_since": unclear_since, "unclear_until": unclear_since - UNCLEAR_FOR}
    due = set(session.scalars(_DUE, asked))
    rare = [*session.scalars(_REGISTRATIONS, asked), *session.scalars(_PROBES, asked)]
    tasks = portal_tasks.pairs(session, range(SHARDS), KINDS, now)
    return due | {shard_of(portal_id) for portal_id in [*rare, *(portal_id for portal_id, _ in tasks)]}


def _due(table: Any, *conditions: Any) -> Any:
    """Whether the shard has a row that is due. conditions: of the partial index with the rows that wait."""
    return there_is(table, table.due_at, table.shard == Lease.shard, *conditions, table.due_at <= _NOW)


def _of_active_portal(table: Any) -> Any:
    return exists().where(Portal.id == table.portal_id, Portal.status == PortalStatus.ACTIVE)


# Built once: SQLAlchemy spends more time on building this statement than on running it.
_NOW = bindparam("now", type_=UTCDateTime)
_RUN, _MESSAGE = Run.shard == Lease.shard, Message.shard == Lease.shard
_ANSWERABLE = exists().where(Portal.id == Run.portal_id, Portal.status != PortalStatus.INACTIVE)
_STILL_OPEN = exists().where(Run.id == Message.run_id, Run.state != RunState.ENDED)
_DUE = select(Lease.shard).where(
    or_(
        there_is(Run, Run.portal_id, _RUN, Run.state == RunState.STORED, Run.plan_at <= _NOW),
        there_is(Run, Run.deadline_at, _RUN, Run.state != RunState.ENDED, Run.deadline_at <= _NOW),
        there_is(Run, Run.answer_at, _RUN, Run.answer_at.is_not(None), Run.answer_at <= _NOW, _ANSWERABLE),
        there_is(Message, Message.send_at, _MESSAGE, Message.status == MessageStatus.QUEUED, Message.send_at <= _NOW),
        there_is(
            Message, Message.held_until, _MESSAGE, Message.status == MessageStatus.HELD, Message.held_until <= _NOW
        ),
        there_is(
            Message,
            Message.claimed_at,
            _MESSAGE,
            Message.status == MessageStatus.UNKNOWN,
            _STILL_OPEN,
            Message.claimed_at <= bindparam("unclear_since", type_=UTCDateTime),
            Message.claimed_at > bindparam("unclear_until", type_=UTCDateTime),
        ),
        there_is(
            Message,
            Message.claimed_at,
            _MESSAGE,
            Message.status == MessageStatus.UNKNOWN,
            UNTOLD,
            Message.claimed_at <= bindparam("unclear_since", type_=UTCDateTime),
            Message.claimed_at > bindparam("unclear_until", type_=UTCDateTime),
        ),
        ((Lease.owner == "") | (Lease.expires_at < _NOW))
        & there_is(Message, Message.claimed_at, _MESSAGE, Message.status == MessageStatus.SENDING),
        there_is(
            Reply, Reply.fetch_at, Reply.shard == Lease.shard, Reply.fetch_at.is_not(None), Reply.fetch_at <= _NOW
        ),
        _due(InboundEvent, InboundEvent.state == EventState.STORED),
        _due(OperatorMessage, OperatorMessage.state == "stored", _of_active_portal(OperatorMessage)),
        _due(ProviderMessage, ProviderMessage.state == "stored", _of_active_portal(ProviderMessage)),
        _due(Campaign, Campaign.due_at.is_not(None), _of_active_portal(Campaign)),
        there_is(Callback, Callback.id, Callback.shard == Lease.shard, Callback.state == "new"),
        _due(
            Endpoint,
            Endpoint.due_at.is_not(None),
            exists().where(Portal.id == Endpoint.portal_id, Portal.status != PortalStatus.INACTIVE),
        ),
        # A line of a portal that is gone stays due: it must wake nobody.
        exists().where(
            LineAccount.shard == Lease.shard,
            LineAccount.due_at.is_not(None),
            LineAccount.due_at <= _NOW,
            exists().where(
                Line.id == LineAccount.line_id,
                Line.status == "connected",
                Portal.id == Line.portal_id,
                Portal.status == PortalStatus.ACTIVE,
            ),
        ),
        ((Lease.owner == "") | (Lease.expires_at < _NOW))
        & there_is(PortalTask, PortalTask.claimed_at, PortalTask.shard == Lease.shard, PortalTask.state == "doing"),
    )
)
_PROBES = select(Line.portal_id).where(circuit_breaker.due(_NOW))
_REGISTRATIONS = select(Portal.id).where(Portal.registration_due_at <= _NOW, Portal.status == PortalStatus.ACTIVE)


def notify_drains(runtime: Runtime) -> set[int]:
    """Send wake-ups for all shards with due work, and return these shards. The supervisor calls this every second."""
    with runtime.db.read() as session:
        due = due_shards(session, runtime)
    runtime.wakeups.notify(due)
    return due
