"""Promises live in the database: what is due there is found there, whatever Redis remembers."""

from datetime import timedelta

from sqlalchemy import select, union
from sqlalchemy.orm import Session

from messaging import circuit
from messaging.models import SHARDS, InboundEvent, Lease, Line, Message, Portal, Reply, Run, shard_of
from messaging.runtime import Runtime


def due_shards(session: Session, runtime: Runtime) -> set[int]:
    """Shards with something to do now: to plan, send, answer, apply, register, end; or left by a dead process."""
    now = runtime.clock()
    unclear_since = now - timedelta(seconds=runtime.config.unknown_after_s)
    shards = session.scalars(
        union(
            select(Run.shard).where(Run.state == "stored", Run.plan_at <= now),
            select(Run.shard).where(Run.state != "ended", Run.deadline_at <= now),
            select(Run.shard)
            .join(Portal)
            .where(Run.answer_at.is_not(None), Run.answer_at <= now, Portal.status != "inactive"),
            select(Message.shard).where(Message.status == "queued", Message.send_at <= now),
            select(Message.shard)
            .join(Run)
            .where(Message.status == "unknown", Message.claimed_at <= unclear_since, Run.state != "ended"),
            select(Message.shard)
            .join(Lease, Lease.shard == Message.shard)
            .where(Message.status == "sending", (Lease.owner == "") | (Lease.expires_at < now)),
            select(Reply.shard).where(Reply.fetch_at.is_not(None), Reply.fetch_at <= now),
            select(Line.portal_id % SHARDS).where(circuit.due(now)),
            select(InboundEvent.shard).where(InboundEvent.state == "stored", InboundEvent.due_at <= now),
        )
    )
    due = set(shards)
    registrations = select(Portal.id).where(Portal.registration_due_at <= now, Portal.status == "active")
    return due | {shard_of(portal_id) for portal_id in session.scalars(registrations)}


def sweep(runtime: Runtime) -> set[int]:
    """Ring for everything that is due; what the supervisor does every second or two."""
    with runtime.db.read() as session:
        due = due_shards(session, runtime)
    runtime.bells.ring(due)
    return due
