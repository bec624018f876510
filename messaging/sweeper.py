"""Promises live in the database: what is due there is found there, whatever Redis remembers."""

from datetime import timedelta

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from messaging.models import InboundEvent, Lease, Message, Portal, Reply, Run, shard_of
from messaging.runtime import Runtime

#: An unclear send is answered as soon as it is old enough, so those older still are answered already, or end with their wait.
#: Without this bound each look would go through all that ever were unclear.
UNCLEAR_FOR = timedelta(days=2)


def due_shards(session: Session, runtime: Runtime) -> set[int]:
    """Shards with something to do now: to plan, send, answer, apply, register, end; or left by a dead process.

    Asked many times a second. Each shard is asked whether there is something, by one step into a partial index per kind:
    the cost does not rise with what waits.
    """
    now = runtime.clock()
    unclear_since = now - timedelta(seconds=runtime.config.unknown_after_s)
    run, message = Run.shard == Lease.shard, Message.shard == Lease.shard
    answerable = exists().where(Portal.id == Run.portal_id, Portal.status != "inactive")
    still_open = exists().where(Run.id == Message.run_id, Run.state != "ended")
    shards = session.scalars(
        select(Lease.shard).where(
            or_(
                exists().where(run, Run.state == "stored", Run.plan_at <= now),
                exists().where(run, Run.state != "ended", Run.deadline_at <= now),
                exists().where(run, Run.answer_at.is_not(None), Run.answer_at <= now, answerable),
                exists().where(message, Message.status == "queued", Message.send_at <= now),
                exists()
                .where(message, Message.status == "unknown", still_open)
                .where(Message.claimed_at <= unclear_since, Message.claimed_at > unclear_since - UNCLEAR_FOR),
                ((Lease.owner == "") | (Lease.expires_at < now)) & exists().where(message, Message.status == "sending"),
                exists().where(Reply.shard == Lease.shard, Reply.fetch_at.is_not(None), Reply.fetch_at <= now),
                exists().where(
                    InboundEvent.shard == Lease.shard, InboundEvent.state == "stored", InboundEvent.due_at <= now
                ),
            )
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
