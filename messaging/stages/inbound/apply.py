"""Applying webhooks: what an event changes in its message, run and conversation."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from gupshup import webhooks
from gupshup.open_points import TEMPLATE_CLICKS
from gupshup.spellings import alike, todays
from messaging.callbacks.listeners import nobody_listens
from messaging.conversations import replies
from messaging.conversations.lookup import conversations_of, new_conversation, unite
from messaging.money.billing import Bills
from messaging.policy import consent, holding, tier
from messaging.runtime import Runtime
from messaging.stages import observers
from messaging.stages.status_changes import advance
from messaging.store import rows
from messaging.store.callbacks import has_endpoint
from messaging.store.changes import Changes
from messaging.store.models import Conversation, InboundEvent, Line, Message, Reply
from messaging.store.rows import MessageRow
from messaging.store.sql import among
from messaging.store.states import EventState, MessageStatus
from messaging.system.counters import POINT
from messaging.templates import changes

#: How long an event waits for a message that is not known yet.
PARK = timedelta(minutes=10)
#: How far Gupshup's clock may be ahead of ours when an event is matched to an unclear send.
SKEW = timedelta(seconds=60)
#: An event is not matched to an unclear send older than this: it is about a later message, sent from Gupshup's console, say.
ADOPTABLE = timedelta(hours=24)
#: What becomes of an event: EventState.DONE or UNHANDLED, or WAIT, which no table holds. A webhook that waits stays stored.
WAIT = "wait"
_STATUS_OF: dict[str, MessageStatus] = {
    "enqueued": MessageStatus.ACCEPTED,
    "sent": MessageStatus.SENT,
    "delivered": MessageStatus.DELIVERED,
    "read": MessageStatus.READ,
    "failed": MessageStatus.FAILED,
}
log = structlog.get_logger(__name__)


@dataclass(eq=False)
class EventRow:
    """A stored webhook, as its row holds it. encrypted: its body."""

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


_LINES = (
    select(Line, has_endpoint(Line.portal_id).label("is_watched"))
    .where(among(Line.id, "ids"))
    .options(defer(Line.api_key), defer(Line.secret))
)


class KnownMessages:
    """The messages these events are about, found by the provider's ids in one query, and locked."""

    def __init__(self, session: Session, events: Iterable[webhooks.Event]) -> None:
        self._session = session
        self._events = [event for event in events if isinstance(event, webhooks.Status)]
        #: By line: an event of one line is never about a message of another.
        self._found: defaultdict[int, list[MessageRow]] = defaultdict(list)
        self.read()

    def read(self) -> None:
        """Read the messages; again after a reply was applied, which may have ended a run."""
        gupshup_ids = {event.gs_id or event.ref for event in self._events} - {""}
        whatsapp_ids = {event.whatsapp_id or event.ref for event in self._events} - {""}
        known = gupshup_ids or whatsapp_ids
        self._found.clear()
        for message in rows.messages_by_provider(self._session, gupshup_ids, whatsapp_ids) if known else ():
            self.add(message)

    def find(self, line: Line, event: webhooks.Status) -> MessageRow | None:
        """The message with the event's Gupshup id, else the one to which an earlier event gave its WhatsApp id."""
        mine = self._found[line.id]
        by_gupshup, by_whatsapp = event.gs_id or event.ref, event.whatsapp_id or event.ref
        return next(
            (message for message in mine if by_gupshup and message.gupshup_id == by_gupshup),
            next((message for message in mine if by_whatsapp and message.whatsapp_id == by_whatsapp), None),
        )

    def add(self, message: MessageRow) -> None:
        """Let later events find this message, which was found in another way."""
        self._found[message.line_id].append(message)


def apply(session: Session, runtime: Runtime, group: Sequence[Arrived]) -> None:
    """Apply stored webhooks in their order; afterwards each is done or unhandled, or waits for its message."""
    ids = list({webhook.row.line_id for webhook in group})
    lines = {}
    for line, is_watched in session.execute(_LINES, {"ids": ids}):
        lines[line.id] = line
        if not is_watched:
            nobody_listens(session, line.portal_id)
    known = KnownMessages(session, [event for webhook in group for event in webhook.events])
    bills = Bills(session, runtime, [one for hook in group for one in hook.events if isinstance(one, webhooks.Billing)])
    applying = Applying(Changes(session), runtime, known, bills)
    for webhook in group:
        row = webhook.row
        states = [applying.apply(lines[row.line_id], row, event) for event in webhook.events]
        applying.changes.set(row, **settled(row.received_at, states, runtime.clock()))
    applying.changes.write()


def settled(received_at: datetime, states: Sequence[str], now: datetime) -> dict[str, Any]:
    """The columns of a webhook whose events ended in these states: its own state, or when it is applied again."""
    if WAIT not in states:
        is_handled = bool(states) and EventState.UNHANDLED not in states
        return {"state": EventState.DONE if is_handled else EventState.UNHANDLED}
    waited = now - received_at
    if waited >= PARK:
        return {"state": EventState.UNHANDLED}
    return {"due_at": now + timedelta(seconds=min(60.0, 2 + waited.total_seconds()))}


class Applying:
    """Applies the events of one group, in one transaction."""

    def __init__(self, changes: Changes, runtime: Runtime, known: KnownMessages, bills: Bills) -> None:
        self.changes, self.bills = changes, bills
        self.session = changes.session
        self.runtime = runtime
        self.known = known

    def apply(self, line: Line, row: EventRow, event: webhooks.Event) -> str:
        """Apply one event; returns DONE, UNHANDLED, or WAIT if its message is not known yet."""
        match event:
            case webhooks.Status():
                return self._status(line, row, event)
            case webhooks.Reply():
                self.changes.write()  # the run that a reply ends is looked for in the database
                state = self._reply(line, row, event)
                self.changes.write()
                self.session.flush()
                self.known.read()
                return state
            case webhooks.TemplateEvent():
                changes.on_event(self.session, self.runtime, line, event)
                return EventState.DONE
            case webhooks.AccountEvent():
                if tier.learn(line, event):
                    log.info("the limit of new conversations", line=line.id, clients=line.tier)
                return EventState.DONE
            case webhooks.Billing():
                return EventState.DONE if self.bills.apply(self.changes, line.id, event) else WAIT
            case webhooks.Preference():
                return self._preference(line, row, event)
            case webhooks.Unknown():
                return EventState.UNHANDLED
        return EventState.DONE

    def _status(self, line: Line, row: EventRow, event: webhooks.Status) -> str:
        if event.kind == "mismatch":
            return self._alias(line, event)
        status = _STATUS_OF.get(event.kind)
        if status is None:
            return EventState.DONE  # `deleted`: the client deleted a message, which changes nothing
        message = self.known.find(line, event)
        if message is None:
            self.changes.write()
            if (message := self._adopt(line, event)) is None:
                return WAIT
            self.known.add(message)
        self._learn(line, message, event)
        columns: dict[str, Any] = {
            # An old event may carry only WhatsApp's id: it must not be taken for Gupshup's.
            "gupshup_id": message.gupshup_id or event.gs_id[:100] or None,
            "whatsapp_id": message.whatsapp_id or event.whatsapp_id[:200] or None,
        }
        if status == MessageStatus.FAILED:
            columns |= {"error_code": (event.code or "unknown")[:40], "error_reason": event.reason[:500]}
        self.changes.set(message, **columns)
        if advance(self.changes, self.runtime, message, status, event.at or row.received_at):
            trace = message.run.trace if message.run else ""
            log.info("status", trace=trace, message=message.id, status=status, code=event.code or "")
        return EventState.DONE

    def _alias(self, line: Line, event: webhooks.Status) -> str:
        """WhatsApp knows this client by another number: replies will come from that number, so the conversation keeps both."""
        if event.wa_id and event.destination:
            self._unite(self._with(line, event.destination, event.wa_id), event.destination, event.wa_id)
        return EventState.DONE

    def _learn(self, line: Line, message: MessageRow, event: webhooks.Status) -> None:
        """A status of ours may call its client by an id, or by another number than we do."""
        if event.user_id:
            self._remember([self.session.get_one(Conversation, message.conversation_id)], event.user_id)
        ours, theirs = message.client.phone, event.destination
        if theirs and todays(ours) != todays(theirs) and alike(ours, theirs):
            self._unite(self._with(line, ours, theirs), ours, theirs)

    def _with(self, line: Line, *phones: str) -> list[Conversation]:
        """The conversations with these numbers, the oldest first."""
        found = [one for phone in phones for one in conversations_of(self.session, self.runtime, line.id, phone)]
        return sorted(dict.fromkeys(found), key=lambda one: one.id)

    def _unite(self, conversations: Sequence[Conversation], *phones: str) -> None:
        for phone in phones if conversations else ():
            unite(self.runtime, conversations, phone)

    def _remember(self, conversations: Iterable[Conversation], user_id: str) -> None:
        """Later events may name this client by WhatsApp's id alone."""
        key = self.runtime.user_key(user_id)
        for conversation in conversations:
            if conversation.user_key != key:
                conversation.user_key = key

    def _adopt(self, line: Line, event: webhooks.Status) -> MessageRow | None:
        """The unclear send this event is about: only if it is the only open send to that client (reference section 12).

        A guess between two sends could give a robot the status of another robot's message. A send in flight at this
        moment counts as open, for its event may come before Gupshup's answer.
        """
        if not event.ref:
            return None
        theirs = conversations_of(self.session, self.runtime, line.id, event.destination, event.user_id)
        if not theirs:
            return None
        at = event.at or self.runtime.clock()
        open_ones = rows.messages(
            self.session,
            Message.conversation_id.in_([conversation.id for conversation in theirs])
            & Message.status.in_((MessageStatus.UNKNOWN, MessageStatus.SENDING))
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
        """A client has written or tapped something: the reply is stored, may end a run, and is told to the observers."""
        if self._is_known(line, event):
            return EventState.DONE
        theirs = conversations_of(self.session, self.runtime, line.id, event.phone, event.user_id)
        message = replies.tapped(self.session, line, [conversation.id for conversation in theirs], event)
        if message is not None and message.kind == "template" and event.click == "quick_reply":
            answer = "came_back" if event.postback else "did_not_come_back"
            self.runtime.counters.seen(POINT, TEMPLATE_CLICKS, answer, line.portal_id)
        theirs = self._connected(theirs, event, message) or self._first_words(line, event)
        if not theirs:
            return EventState.UNHANDLED  # who wrote is known by an id alone, which no event has connected with a phone
        self._touch(theirs, row, event)
        if event.renews_window:
            holding.release_if_open(self.session, line, theirs, self.runtime.clock())
        values = replies.values_of(event, message) | {"reply_from": event.phone or theirs[0].phone}
        reply = self._stored(line, row, event, theirs[0].id, values)
        ids = [conversation.id for conversation in theirs]
        run = replies.waiting_for(self.session, ids, message, values, row.received_at)
        if run is not None:
            replies.give(self.changes, self.runtime, reply, run)
        heard = observers.Heard(line, theirs, reply, message, run, values, is_words=event.renews_window)
        for observer in observers.REPLY:
            observer(self.changes, self.runtime, heard)
        log.info("reply", trace=run.trace if run else "", line=line.id, type=event.type, sender=event.phone)
        return EventState.DONE

    def _stored(
        self, line: Line, row: EventRow, event: webhooks.Reply, conversation_id: int, values: dict[str, Any]
    ) -> Reply:
        """A new row for this reply. values: of messaging.conversations.replies.values_of."""
        reply = Reply(
            line_id=line.id,
            shard=row.shard,
            conversation_id=conversation_id,
            provider_id=(event.provider_id or row.key)[:200],
            type=event.type,
            content={
                "values": values,
                "url": event.file_url,
                "name": event.file_name,
                "mime": event.content_type,
                "who": event.name,
            },
            at=event.at or row.received_at,
            received_at=row.received_at,
            fetch_at=self.runtime.clock() if event.file_url else None,
        )
        self.session.add(reply)
        self.session.flush()
        return reply

    def _preference(self, line: Line, row: EventRow, event: webhooks.Preference) -> str:
        """A client has stopped this line's marketing in WhatsApp, or allowed it again."""
        theirs = conversations_of(self.session, self.runtime, line.id, event.phone, event.user_id)
        phone = event.phone or (theirs[0].phone if theirs else "")
        if not phone:
            return EventState.UNHANDLED
        consent.preferred(self.session, self.runtime, line, phone, theirs, event.stops, event.at or row.received_at)
        return EventState.DONE

    def _is_known(self, line: Line, event: webhooks.Reply) -> bool:
        same = select(Reply.id).where(Reply.line_id == line.id, Reply.provider_id == event.provider_id[:200])
        return bool(event.provider_id) and self.session.scalar(same) is not None

    def _connected(
        self, theirs: list[Conversation], event: webhooks.Reply, message: Message | None
    ) -> list[Conversation]:
        """The client's conversations with that of the message of ours which the reply names: it is the same client.

        Unless the numbers are quite different: what such a reply says ends the message's run, and is no more to its client.
        """
        if message is None or message.conversation_id in [one.id for one in theirs]:
            return theirs
        other = self.session.get_one(Conversation, message.conversation_id)
        if event.phone and not alike(event.phone, other.phone):
            return theirs
        both = sorted([*theirs, other], key=lambda one: one.id)
        if event.phone:
            self._unite(both, event.phone)
        return both

    def _first_words(self, line: Line, event: webhooks.Reply) -> list[Conversation]:
        """The conversation of a client who was not known; none without a phone."""
        return [new_conversation(self.session, self.runtime, line.id, event.phone)] if event.phone else []

    def _touch(self, conversations: Iterable[Conversation], row: EventRow, event: webhooks.Reply) -> None:
        """The client has written. The 24-hour window begins again, if this reply renews it."""
        at = event.at or row.received_at
        for conversation in conversations:
            if event.renews_window and (conversation.last_inbound_at is None or at > conversation.last_inbound_at):
                conversation.last_inbound_at = at
            conversation.last_activity_at = self.runtime.clock()
        if event.user_id:
            self._remember(conversations, event.user_id)
