"""What Gupshup posts: stored as it came, then applied to message, run and conversation.

Events come unordered, more than once, sometimes before our own record of the message, sometimes never (reference section 7).
An event whose message is not known yet waits for it up to PARK; after that it is somebody else's (sent from Gupshup's
console) and is kept as `odd`.
"""

from datetime import timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from gupshup import webhooks
from messaging import circuit, endings, replies, statuses
from messaging.db import insert_once
from messaging.models import InboundEvent, Line, Message, Reply, shard_of
from messaging.runs import conversation_of, conversation_with
from messaging.runtime import Runtime

PARK = timedelta(minutes=10)
MAX_BODY = 256 * 1024
BATCH = 100
#: For how long an event that fails for a fault of ours is tried again before it is put aside.
STUBBORN = timedelta(minutes=1)
#: How far a provider's clock may run before ours when an event is matched to an unclear send.
SKEW = timedelta(seconds=60)
_STATUS_OF = {"enqueued": "accepted", "sent": "sent", "delivered": "delivered", "read": "read", "failed": "failed"}
log = structlog.get_logger(__name__)


def store(runtime: Runtime, line: Line, body: bytes) -> bool:
    """Store one webhook; False if the same event was stored before."""
    events = webhooks.parse(body)
    first = events[0]
    now = runtime.clock()
    row = {
        "line_id": line.id,
        "shard": shard_of(line.portal_id),
        "key": webhooks.key(first),
        "body": body[:MAX_BODY].decode("utf-8", "replace"),
        "label": first.type_label[:60],
        "ref": first.ref[:200] or None if isinstance(first, webhooks.Status) else None,
        "received_at": now,
        "due_at": now,
    }
    with runtime.db.write() as session:
        stored = insert_once(session, InboundEvent, row)
    runtime.counters.add("webhooks", first.type_label)
    if isinstance(first, webhooks.Unknown):
        runtime.counters.add("webhooks_unknown")
    return stored is not None


class Inbound:
    """The stage of a drain that applies stored events. It needs no network, so it does its work while claiming."""

    name = "inbound"

    def __init__(self, runtime: Runtime, owner: str) -> None:
        self.runtime = runtime
        self.applied = 0
        self.busy: set[int] = set()

    @staticmethod
    def hands(threads: int) -> int:
        return 1

    def claim(self, session: Session, held: dict[int, int], room: int) -> list[None]:
        rows = session.scalars(
            select(InboundEvent)
            .where(
                InboundEvent.shard.in_(held),
                InboundEvent.state == "stored",
                InboundEvent.due_at <= self.runtime.clock(),
            )
            .order_by(InboundEvent.id)
            .limit(BATCH)
        ).all()
        for row in rows:
            self._apply(session, row)
        self.applied = len(rows)
        return []

    def _apply(self, session: Session, row: InboundEvent) -> None:
        """One event that cannot be applied for a fault of ours waits and is then put aside; the others go on."""
        try:
            with session.begin_nested():
                apply(session, self.runtime, row)
        except OperationalError:
            raise  # the database's trouble, not the event's: all of them again later
        except Exception:
            log.exception("an event could not be applied", event_id=row.id, label=row.label)
            if self.runtime.clock() - row.received_at < STUBBORN:
                row.due_at = self.runtime.clock() + timedelta(seconds=5)
            else:
                row.state = "odd"

    def work(self, task: None) -> None:
        """Nothing happens on threads."""

    def record(self, session: Session, task: None, result: None) -> None:
        """Nothing comes back from threads."""

    def lost(self, session: Session, task: None) -> None:
        """Nothing can get lost on threads."""


def apply(session: Session, runtime: Runtime, row: InboundEvent) -> None:
    """Apply one stored webhook; it ends `done`, `odd`, or waits for its message."""
    line = session.get_one(Line, row.line_id)
    states = [_apply_one(session, runtime, line, row, event) for event in webhooks.parse(row.body.encode())]
    if "wait" not in states:
        row.state = "odd" if "odd" in states else "done"
    elif runtime.clock() - row.received_at >= PARK:
        row.state = "odd"
    else:
        waited = (runtime.clock() - row.received_at).total_seconds()
        row.due_at = runtime.clock() + timedelta(seconds=min(60.0, 2 + waited))


def _apply_one(session: Session, runtime: Runtime, line: Line, row: InboundEvent, event: webhooks.Event) -> str:
    if isinstance(event, webhooks.Status):
        return _status(session, runtime, line, row, event)
    if isinstance(event, webhooks.Reply):
        return _reply(session, runtime, line, row, event)
    if isinstance(event, webhooks.TemplateEvent):
        line.templates_synced_at = None
        return "done"
    return "odd" if isinstance(event, webhooks.Unknown) else "done"


def _status(session: Session, runtime: Runtime, line: Line, row: InboundEvent, event: webhooks.Status) -> str:
    if event.kind == "mismatch":
        return _spelled(session, runtime, line, event)
    status = _STATUS_OF.get(event.kind)
    if status is None:
        return "done"  # deleted: about what the client did, not about our message
    message = _message_of(session, line, event)
    if message is None and (message := _adopted(session, runtime, line, event)) is None:
        return "wait"
    # An old event may carry WhatsApp's id alone: that must not be taken for Gupshup's.
    message.gupshup_id = message.gupshup_id or event.gs_id[:100] or None
    message.whatsapp_id = message.whatsapp_id or event.whatsapp_id[:200] or None
    if status == "failed":
        message.error_code, message.error_reason = (event.code or "unknown")[:40], event.reason[:500]
    if statuses.raise_to(message, status, event.at or row.received_at):
        log.info("status", trace=message.run.trace, run=message.run_id, status=status, code=event.code or "")
        endings.by_status(session, runtime, message)
        circuit.heard(session, runtime, message)
        if status == "accepted":
            replies.overtaken(session, runtime, message)
    return "done"


def _spelled(session: Session, runtime: Runtime, line: Line, event: webhooks.Status) -> str:
    """WhatsApp writes this client's number in another way; the client's answers will come from that one."""
    conversation = (
        conversation_of(session, line.id, runtime.phone_key(event.destination)) if event.destination else None
    )
    if conversation is not None and event.wa_id and event.wa_id != event.destination:
        conversation.alias_key = runtime.phone_key(event.wa_id)
    return "done"


def _message_of(session: Session, line: Line, event: webhooks.Status) -> Message | None:
    """By Gupshup's id, else by WhatsApp's id as an earlier event told it."""
    for column, value in (
        (Message.gupshup_id, event.gs_id or event.ref),
        (Message.whatsapp_id, event.whatsapp_id or event.ref),
    ):
        if value:
            found = session.scalar(select(Message).where(column == value, Message.line_id == line.id).with_for_update())
            if found is not None:
                return found
    return None


def _adopted(session: Session, runtime: Runtime, line: Line, event: webhooks.Status) -> Message | None:
    """An unclear send this event may belong to: only when exactly one is open to that client (reference section 12).

    Guessing among two would tell one robot what became of another's message. A send in flight this very moment counts as
    open: its event may overtake its answer.
    """
    if not event.destination or not (event.gs_id or event.ref):
        return None
    conversation = conversation_of(session, line.id, runtime.phone_key(event.destination))
    if conversation is None:
        return None
    open_ones = session.scalars(
        select(Message)
        .where(
            Message.conversation_id == conversation.id,
            Message.status.in_(("unknown", "sending")),
            Message.gupshup_id.is_(None),
            Message.claimed_at <= (event.at or runtime.clock()) + SKEW,
        )
        .with_for_update()
    ).all()
    if event.session is not None:
        open_ones = [message for message in open_ones if message.is_session == event.session]
    if len(open_ones) != 1 or open_ones[0].status != "unknown":
        return None
    log.info("unclear send cleared up by an event", trace=open_ones[0].run.trace, run=open_ones[0].run_id)
    return open_ones[0]


def _reply(session: Session, runtime: Runtime, line: Line, row: InboundEvent, event: webhooks.Reply) -> str:
    if not event.phone:
        return "odd"  # a client with a username only (BSUID): kept, but no conversation of ours has such a name
    known = select(Reply.id).where(Reply.line_id == line.id, Reply.provider_id == event.provider_id[:200])
    if event.provider_id and session.scalar(known):
        return "done"
    conversation = conversation_with(session, runtime, line.id, event.phone)
    at = event.at or row.received_at
    if event.renews_window and (conversation.last_inbound_at is None or at > conversation.last_inbound_at):
        conversation.last_inbound_at = at
    conversation.last_activity_at = runtime.clock()
    message = replies.tapped(session, conversation.id, event)
    values = replies.values_of(event, message)
    reply = Reply(
        line_id=line.id,
        shard=row.shard,
        conversation_id=conversation.id,
        provider_id=(event.provider_id or row.key)[:200],
        type=event.type,
        content={"values": values, "url": event.file_url, "name": event.file_name, "mime": event.content_type},
        at=at,
        received_at=row.received_at,
        fetch_at=runtime.clock() if event.file_url else None,
    )
    session.add(reply)
    session.flush()
    run = replies.waiting_for(session, conversation.id, message, values, row.received_at)
    if run is not None:
        replies.give(session, runtime, reply, run)
    log.info("reply", trace=run.trace if run else "", line=line.id, type=event.type, sender=event.phone)
    return "done"
