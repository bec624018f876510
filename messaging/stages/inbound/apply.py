"""What a webhook means: it is applied to message, run and conversation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from gupshup import webhooks
from messaging.conversations import replies
from messaging.conversations.lookup import conversation_of, conversation_with
from messaging.runtime import Runtime
from messaging.stages.status_changes import advance
from messaging.store import rows
from messaging.store.changes import Changes
from messaging.store.models import Conversation, InboundEvent, Line, Message, Reply
from messaging.store.rows import MessageRow
from messaging.store.sql import among
from messaging.store.states import EventState, MessageStatus

PARK = timedelta(minutes=10)
#: How far a provider's clock may run before ours when an event is matched to an unclear send.
SKEW = timedelta(seconds=60)
#: An event says nothing about an unclear send of long ago: it is about a later message, from Gupshup's console say.
ADOPTABLE = timedelta(hours=24)
#: An event that waits for its message is no state of its own: it stays `stored`, and is due later.
WAIT = "wait"
_STATUS_OF = {"enqueued": "accepted", "sent": "sent", "delivered": "delivered", "read": "read", "failed": "failed"}
log = structlog.get_logger(__name__)


@dataclass(eq=False)
class EventRow:
    """A stored webhook. encrypted: its body."""

    model: ClassVar[Any] = InboundEvent

    id: int
    line_id: int
    shard: int
    key: str
    label: str
    received_at: datetime
    due_at: datetime
    state: str
    encrypted: str


@dataclass(frozen=True)
class Arrived:
    """A stored webhook, decrypted and parsed. events: none if no known key decrypts it."""

    row: EventRow
    events: list[webhooks.Event]


_LINES = select(Line).where(among(Line.id, "ids")).options(defer(Line.api_key), defer(Line.secret))


class KnownMessages:
    """The messages a group of events speaks of, found in one question and locked; by the provider's ids."""

    def __init__(self, session: Session, events: Iterable[webhooks.Event]) -> None:
        self._session = session
        self._events = [event for event in events if isinstance(event, webhooks.Status)]
        self._found: list[MessageRow] = []
        self.read()

    def read(self) -> None:
        """Read them, or read them anew after a reply has been applied: it may have ended a run."""
        gupshup_ids = {event.gs_id or event.ref for event in self._events} - {""}
        whatsapp_ids = {event.whatsapp_id or event.ref for event in self._events} - {""}
        known = gupshup_ids or whatsapp_ids
        self._found = rows.messages_by_provider(self._session, gupshup_ids, whatsapp_ids) if known else []

    def find(self, line: Line, event: webhooks.Status) -> MessageRow | None:
        """By Gupshup's id, else by WhatsApp's id as an earlier event told it."""
        mine = [message for message in self._found if message.line_id == line.id]
        by_gupshup, by_whatsapp = event.gs_id or event.ref, event.whatsapp_id or event.ref
        return next(
            (message for message in mine if by_gupshup and message.gupshup_id == by_gupshup),
            next((message for message in mine if by_whatsapp and message.whatsapp_id == by_whatsapp), None),
        )

    def add(self, message: MessageRow) -> None:
        """This message got its id only now: later events of the group find it too."""
        self._found.append(message)


def apply(session: Session, runtime: Runtime, group: Sequence[Arrived]) -> None:
    """Apply stored webhooks in their order; each ends `done` or `odd`, or waits for its message."""
    lines = {line.id: line for line in session.scalars(_LINES, {"ids": list({one.row.line_id for one in group})})}
    known = KnownMessages(session, [event for one in group for event in one.events])
    applying = Applying(Changes(session), runtime, known)
    for one in group:
        states = [applying.apply(lines[one.row.line_id], one.row, event) for event in one.events]
        applying.changes.set(one.row, **_settled(one.row, states, runtime.clock()))
    applying.changes.write()


def _settled(row: EventRow, states: list[str], now: datetime) -> dict[str, Any]:
    """What becomes of a webhook whose events ended in these states: `done`, `odd` or WAIT."""
    if WAIT not in states:
        is_odd = EventState.UNHANDLED in states or not states
        return {"state": EventState.UNHANDLED if is_odd else EventState.DONE}
    waited = now - row.received_at
    if waited >= PARK:
        return {"state": EventState.UNHANDLED}
    return {"due_at": now + timedelta(seconds=min(60.0, 2 + waited.total_seconds()))}


class Applying:
    """One group of events on its way into the database. Each `apply` tells what became of the event."""

    def __init__(self, changes: Changes, runtime: Runtime, known: KnownMessages) -> None:
        self.changes = changes
        self.session = changes.session
        self.runtime = runtime
        self.known = known

    def apply(self, line: Line, row: EventRow, event: webhooks.Event) -> str:
        """Apply one event; `done`, `odd`, or WAIT for a message that is not known yet."""
        match event:
            case webhooks.Status():
                return self._status(line, row, event)
            case webhooks.Reply():
                self.changes.write()  # what a reply ends is looked for in the database
                state = self._reply(line, row, event)
                self.changes.write()
                self.session.flush()
                self.known.read()
                return state
            case webhooks.TemplateEvent():
                line.templates_synced_at = None
                return EventState.DONE
            case webhooks.Unknown():
                return EventState.UNHANDLED
        return EventState.DONE

    def _status(self, line: Line, row: EventRow, event: webhooks.Status) -> str:
        if event.kind == "mismatch":
            return self._spelled(line, event)
        status = _STATUS_OF.get(event.kind)
        if status is None:
            return EventState.DONE  # deleted: about what the client did, not about our message
        message = self.known.find(line, event)
        if message is None:
            self.changes.write()
            if (message := self._adopted(line, event)) is None:
                return WAIT
            self.known.add(message)
        told: dict[str, Any] = {
            # An old event may carry WhatsApp's id alone: that must not be taken for Gupshup's.
            "gupshup_id": message.gupshup_id or event.gs_id[:100] or None,
            "whatsapp_id": message.whatsapp_id or event.whatsapp_id[:200] or None,
        }
        if status == MessageStatus.FAILED:
            told |= {"error_code": (event.code or "unknown")[:40], "error_reason": event.reason[:500]}
        self.changes.set(message, **told)
        if advance(self.changes, self.runtime, message, status, event.at or row.received_at):
            trace = message.run.trace if message.run else ""
            log.info("status", trace=trace, message=message.id, status=status, code=event.code or "")
        return EventState.DONE

    def _spelled(self, line: Line, event: webhooks.Status) -> str:
        """WhatsApp writes this client's number in another way; the client's answers will come from that number."""
        conversation = self._conversation(line, event.destination)
        if conversation is not None and event.wa_id and event.wa_id != event.destination:
            conversation.alias_key = self.runtime.phone_key(event.wa_id)
        return EventState.DONE

    def _conversation(self, line: Line, phone: str) -> Conversation | None:
        return conversation_of(self.session, line.id, self.runtime.phone_key(phone)) if phone else None

    def _adopted(self, line: Line, event: webhooks.Status) -> MessageRow | None:
        """An unclear send this event may belong to: only when exactly one is open to that client (reference section 12).

        Guessing among two would tell one robot what became of another's message. A send in flight this very moment counts
        as open: its event may overtake its answer.
        """
        conversation = self._conversation(line, event.destination) if event.gs_id or event.ref else None
        if conversation is None:
            return None
        at = event.at or self.runtime.clock()
        open_ones = rows.messages(
            self.session,
            (Message.conversation_id == conversation.id)
            & Message.status.in_(("unknown", "sending"))
            & Message.gupshup_id.is_(None)
            & Message.claimed_at.between(at - ADOPTABLE, at + SKEW),
        )
        if event.session is not None:
            open_ones = [message for message in open_ones if message.is_session == event.session]
        if len(open_ones) != 1 or open_ones[0].status != MessageStatus.UNKNOWN:
            return None
        log.info("unclear send cleared up by an event", message=open_ones[0].id)
        return open_ones[0]

    def _reply(self, line: Line, row: EventRow, event: webhooks.Reply) -> str:
        if not event.phone:
            return (
                EventState.UNHANDLED
            )  # a client with a username only (BSUID): no conversation of ours has such a name
        if self._is_known(line, event):
            return EventState.DONE
        conversation = self._heard(line, row, event)
        message = replies.tapped(self.session, conversation.id, event)
        values = replies.values_of(event, message)
        reply = Reply(
            line_id=line.id,
            shard=row.shard,
            conversation_id=conversation.id,
            provider_id=(event.provider_id or row.key)[:200],
            type=event.type,
            content={"values": values, "url": event.file_url, "name": event.file_name, "mime": event.content_type},
            at=event.at or row.received_at,
            received_at=row.received_at,
            fetch_at=self.runtime.clock() if event.file_url else None,
        )
        self.session.add(reply)
        self.session.flush()
        run = replies.waiting_for(self.session, conversation.id, message, values, row.received_at)
        if run is not None:
            replies.give(self.changes, self.runtime, reply, run)
        log.info("reply", trace=run.trace if run else "", line=line.id, type=event.type, sender=event.phone)
        return EventState.DONE

    def _is_known(self, line: Line, event: webhooks.Reply) -> bool:
        same = select(Reply.id).where(Reply.line_id == line.id, Reply.provider_id == event.provider_id[:200])
        return bool(event.provider_id) and self.session.scalar(same) is not None

    def _heard(self, line: Line, row: EventRow, event: webhooks.Reply) -> Conversation:
        """The conversation, with the client's word in it: the window may begin anew."""
        conversation = conversation_with(self.session, self.runtime, line.id, event.phone)
        at = event.at or row.received_at
        if event.renews_window and (conversation.last_inbound_at is None or at > conversation.last_inbound_at):
            conversation.last_inbound_at = at
        conversation.last_activity_at = self.runtime.clock()
        return conversation
