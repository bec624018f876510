"""Promises live in the database: what is due there is found there, whatever Redis remembers."""

from datetime import timedelta

from sqlalchemy import bindparam, exists, or_, select
from sqlalchemy.orm import Session

from messaging.lines import circuit_breaker
from messaging.runs.outcomes import UNCLEAR_FOR
from messaging.runtime import Runtime
from messaging.store.models import InboundEvent, Lease, Line, Message, Portal, Reply, Run, shard_of
from messaging.store.sql import there_is
from messaging.store.types import UTCDateTime


def due_shards(session: Session, runtime: Runtime) -> set[int]:
    """Shards with something to do now: to plan, send, answer, apply, register, end; or left by a dead process.

    Asked many times a second. Each shard is asked whether there is something, by one step into a partial index per kind:
    the cost does not rise with what waits.
    """
    now = runtime.clock()
    unclear_since = now - timedelta(seconds=runtime.config.unknown_after_s)
    asked = {"now": now, "unclear_since": unclear_since, "unclear_until": unclear_since - UNCLEAR_FOR}
    due = set(session.scalars(_DUE, asked))
    rare = [*session.scalars(_REGISTRATIONS, asked), *session.scalars(_PROBES, asked)]
    return due | {shard_of(portal_id) for portal_id in rare}


# Made once: building this statement costs more than running it.
_NOW = bindparam("now", type_=UTCDateTime)
_RUN, _MESSAGE = Run.shard == Lease.shard, Message.shard == Lease.shard
_ANSWERABLE = exists().where(Portal.id == Run.portal_id, Portal.status != "inactive")
_STILL_OPEN = exists().where(Run.id == Message.run_id, Run.state != "ended")


_DUE = select(Lease.shard).where(
    or_(
        there_is(Run, Run.portal_id, _RUN, Run.state == "stored", Run.plan_at <= _NOW),
        there_is(Run, Run.deadline_at, _RUN, Run.state != "ended", Run.deadline_at <= _NOW),
        there_is(Run, Run.answer_at, _RUN, Run.answer_at.is_not(None), Run.answer_at <= _NOW, _ANSWERABLE),
        there_is(Message, Message.send_at, _MESSAGE, Message.status == "queued", Message.send_at <= _NOW),
        there_is(
            Message,
            Message.claimed_at,
            _MESSAGE,
            Message.status == "unknown",
            _STILL_OPEN,
            Message.claimed_at <= bindparam("unclear_since", type_=UTCDateTime),
            Message.claimed_at > bindparam("unclear_until", type_=UTCDateTime),
        ),
        ((Lease.owner == "") | (Lease.expires_at < _NOW))
        & there_is(Message, Message.claimed_at, _MESSAGE, Message.status == "sending"),
        there_is(
            Reply, Reply.fetch_at, Reply.shard == Lease.shard, Reply.fetch_at.is_not(None), Reply.fetch_at <= _NOW
        ),
        there_is(
            InboundEvent,
            InboundEvent.due_at,
            InboundEvent.shard == Lease.shard,
            InboundEvent.state == "stored",
            InboundEvent.due_at <= _NOW,
        ),
    )
)
_PROBES = select(Line.portal_id).where(circuit_breaker.due(_NOW))
_REGISTRATIONS = select(Portal.id).where(Portal.registration_due_at <= _NOW, Portal.status == "active")


def sweep(runtime: Runtime) -> set[int]:
    """Ring for everything that is due; what the supervisor does every second or two."""
    with runtime.db.read() as session:
        due = due_shards(session, runtime)
    runtime.wakeups.notify(due)
    return due
