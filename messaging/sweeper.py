"""Promises live in the database: what is due there is found there, whatever Redis remembers."""

from datetime import timedelta

from sqlalchemy import bindparam, select, union
from sqlalchemy.orm import Session

from messaging.db import Moment
from messaging.models import InboundEvent, Lease, Message, Portal, Reply, Run, shard_of
from messaging.runtime import Runtime


def due_shards(session: Session, runtime: Runtime) -> set[int]:
    """Shards with something to do now: to plan, send, answer, apply, register, end; or left by a dead process."""
    now = runtime.clock()
    asked = {"now": now, "unclear_since": now - timedelta(seconds=runtime.config.unknown_after_s)}
    due = set(session.scalars(_DUE, asked))
    return due | {shard_of(portal_id) for portal_id in session.scalars(_REGISTRATIONS, asked)}


# Made once: building this statement costs more than running it.
_NOW = bindparam("now", type_=Moment)
_DUE = union(
    select(Run.shard).where(Run.state == "stored", Run.plan_at <= _NOW),
    select(Run.shard).where(Run.state != "ended", Run.deadline_at <= _NOW),
    select(Run.shard)
    .join(Portal)
    .where(Run.answer_at.is_not(None), Run.answer_at <= _NOW, Portal.status != "inactive"),
    select(Message.shard).where(Message.status == "queued", Message.send_at <= _NOW),
    select(Message.shard)
    .join(Run)
    .where(
        Message.status == "unknown",
        Message.claimed_at <= bindparam("unclear_since", type_=Moment),
        Run.state != "ended",
    ),
    select(Message.shard)
    .join(Lease, Lease.shard == Message.shard)
    .where(Message.status == "sending", (Lease.owner == "") | (Lease.expires_at < _NOW)),
    select(Reply.shard).where(Reply.fetch_at.is_not(None), Reply.fetch_at <= _NOW),
    select(InboundEvent.shard).where(InboundEvent.state == "stored", InboundEvent.due_at <= _NOW),
)
_REGISTRATIONS = select(Portal.id).where(Portal.registration_due_at <= _NOW, Portal.status == "active")


def sweep(runtime: Runtime) -> set[int]:
    """Ring for everything that is due; what the supervisor does every second or two."""
    with runtime.db.read() as session:
        due = due_shards(session, runtime)
    runtime.bells.ring(due)
    return due
