"""What a webhook means: it is applied to message, run and conversation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from gupshup import webhooks
from messaging.conversations import replies
from messaging.conversations.lookup import conversation_of, conversation_with
from messaging.lines import circuit_breaker
from messaging.runs import outcomes, statuses
from messaging.runtime import Runtime
from messaging.store import rows
from messaging.store.models import Line, Message, Reply
from messaging.store.rows import EventRow, MessageRow
from messaging.store.sql import among

PARK = timedelta(minutes=10)
#: How far a provider's clock may run before ours when an event is matched to an unclear send.
SKEW = timedelta(seconds=60)
#: An event says nothing about an unclear send of long ago: it is about a later message, from Gupshup's console say.
ADOPTABLE = timedelta(hours=24)
_STATUS_OF = {"enqueued": "accepted", "sent": "sent", "delivered": "delivered", "read": "read", "failed": "failed"}
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Arrived:
    """A stored webhook, opened and read. events: none if no known key opens it."""

    row: EventRow
    events: list[webhooks.Event]


_LINES = select(Line).where(among(Line.id, "ids")).options(defer(Line.api_key), defer(Line.secret))


class Known:
    """The messages a group of events speaks of, found in one question and held; by the provider's ids."""

    def __init__(self, session: Session, events: Iterable[webhooks.Event]) -> None:
        self._session = session
        self._events = [event for event in events if isinstance(event, webhooks.Status)]
        self._found: list[MessageRow] = []
        self.read()

    def read(self) -> None:
        """Read them, or read them anew: the ORM may have changed them meanwhile."""
        gupshup_ids = {event.gs_id or event.ref for event in self._events} - {""}
        whatsapp_ids = {event.whatsapp_id or event.ref for event in self._events} - {""}
        known = gupshup_ids or whatsapp_ids
        self._found = rows.messages_by_provider(self._session, gupshup_ids, whatsapp_ids) if known else []

    def write(self) -> None:
        """Write what was changed."""
        rows.write(self._session, [row for message in self._found for row in (message, message.run)])

    def find(self, line: Line, event: webhooks.Status) -> MessageRow | None:
        """By Gupshup's id, else by WhatsApp's id as an earlier event told it."""
        mine = [message for message in self._found if message.line_id == line.id]
        by_gupshup, by_whatsapp = event.gs_id or event.ref, event.whatsapp_id or event.ref
        return next(
            (message for message in mine if by_gupshup and message.gupshup_id == by_gupshup),
            next((message for message in mine if by_whatsapp and message.whatsapp_id == by_whatsapp), None),
        )

    def add(self, message: MessageRow) -> None:
        """One that got its id only now: later events of the group find it too."""
        self._found.append(message)


def apply(session: Session, runtime: Runtime, group: Sequence[Arrived]) -> None:
    """Apply stored webhooks in their order; each ends `done`, `odd`, or waits for its message."""
    lines = {line.id: line for line in session.scalars(_LINES, {"ids": list({one.row.line_id for one in group})})}
    known = Known(session, [event for one in group for event in one.events])
    for one in group:
        row = one.row
        states = [_apply_one(session, runtime, lines[row.line_id], row, event, known) for event in one.events]
        if "wait" not in states:
            row.state = "odd" if "odd" in states or not states else "done"
        elif runtime.clock() - row.received_at >= PARK:
            row.state = "odd"
        else:
            waited = (runtime.clock() - row.received_at).total_seconds()
            row.due_at = runtime.clock() + timedelta(seconds=min(60.0, 2 + waited))
    known.write()
    rows.write(session, [one.row for one in group])


def _apply_one(
    session: Session, runtime: Runtime, line: Line, row: EventRow, event: webhooks.Event, known: Known
) -> str:
    if isinstance(event, webhooks.Status):
        return _status(session, runtime, line, row, event, known)
    if isinstance(event, webhooks.Reply):
        known.write()
        state = _reply(session, runtime, line, row, event)
        session.flush()
        known.read()
        return state
    if isinstance(event, webhooks.TemplateEvent):
        line.templates_synced_at = None
        return "done"
    return "odd" if isinstance(event, webhooks.Unknown) else "done"


def _status(session: Session, runtime: Runtime, line: Line, row: EventRow, event: webhooks.Status, known: Known) -> str:
    if event.kind == "mismatch":
        return _spelled(session, runtime, line, event)
    status = _STATUS_OF.get(event.kind)
    if status is None:
        return "done"  # deleted: about what the client did, not about our message
    message = known.find(line, event)
    if message is None:
        known.write()
        if (message := _adopted(session, runtime, line, event)) is None:
            return "wait"
        known.add(message)
    # An old event may carry WhatsApp's id alone: that must not be taken for Gupshup's.
    message.gupshup_id = message.gupshup_id or event.gs_id[:100] or None
    message.whatsapp_id = message.whatsapp_id or event.whatsapp_id[:200] or None
    if status == "failed":
        message.error_code, message.error_reason = (event.code or "unknown")[:40], event.reason[:500]
    if statuses.raise_to(message, status, event.at or row.received_at):
        log.info("status", trace=message.run.trace, run=message.run_id, status=status, code=event.code or "")
        outcomes.by_status(session, runtime, message)
        circuit_breaker.heard(session, runtime, message, line)
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


def _adopted(session: Session, runtime: Runtime, line: Line, event: webhooks.Status) -> MessageRow | None:
    """An unclear send this event may belong to: only when exactly one is open to that client (reference section 12).

    Guessing among two would tell one robot what became of another's message. A send in flight this very moment counts as
    open: its event may overtake its answer.
    """
    if not event.destination or not (event.gs_id or event.ref):
        return None
    conversation = conversation_of(session, line.id, runtime.phone_key(event.destination))
    if conversation is None:
        return None
    at = event.at or runtime.clock()
    open_ones = rows.messages(
        session,
        (Message.conversation_id == conversation.id)
        & Message.status.in_(("unknown", "sending"))
        & Message.gupshup_id.is_(None)
        & Message.claimed_at.between(at - ADOPTABLE, at + SKEW),
    )
    if event.session is not None:
        open_ones = [message for message in open_ones if message.is_session == event.session]
    if len(open_ones) != 1 or open_ones[0].status != "unknown":
        return None
    log.info("unclear send cleared up by an event", trace=open_ones[0].run.trace, run=open_ones[0].run_id)
    return open_ones[0]


def _reply(session: Session, runtime: Runtime, line: Line, row: EventRow, event: webhooks.Reply) -> str:
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
