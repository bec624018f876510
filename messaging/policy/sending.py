"""Whether messages may go to their clients: the only place that knows consent and caps, for messages of every origin.

The question is asked where a message is planned and again where it leaves, for many messages at once: between the two the
client may have written “stop”.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, literal_column, or_, select, union
from sqlalchemy.orm import Session, load_only

from activities.errors import MARKETING_REST, MARKETING_STOPPED, Refused, refused
from bx24.i18n import Text
from messaging.policy.settings import START_WORDS, Policy
from messaging.store import opt_outs
from messaging.store.database import ask
from messaging.store.models import Conversation, Line, Message, Portal
from messaging.store.opt_outs import EVERY_LINE, OptOut, Source
from messaging.store.sql import among, there_is
from messaging.store.states import MessageStatus

MARKETING = "MARKETING"
#: Templates that go to a client who has opted out, unless the portal forbids them too.
_SERVICE = frozenset({"UTILITY", "AUTHENTICATION"})
#: WhatsApp's word that a client has got enough marketing for now.
_ENOUGH = "131049"
_LEFT = (
    MessageStatus.SENDING,
    MessageStatus.UNKNOWN,
    MessageStatus.ACCEPTED,
    MessageStatus.SENT,
    MessageStatus.DELIVERED,
    MessageStatus.READ,
)
_PLANNED = (MessageStatus.HELD, MessageStatus.QUEUED, *_LEFT)


@dataclass(frozen=True)
class Wanted:
    """A message that somebody wants to send. keys: all under which its client stands in the phone index; category: of its
    template, in capitals; "" for a session message, and for a template that nobody knows. run_id: of the run that sends it:
    if its message exists already, it does not count against itself. is_lifted: whether the client's opt-out is about to be
    lifted, by a run that is carried out before this one."""

    portal_id: int
    line_id: int
    keys: frozenset[str]
    is_session: bool
    category: str
    run_id: int | None = None
    is_lifted: bool = False


def may_send(
    session: Session, now: datetime, wanted: Sequence[Wanted], *, leaving: bool = False
) -> list[Refused | None]:
    """For each message the reason why it may not be sent, or None. Messages count in the order given.

    leaving: they are planned already, so those that wait like them do not count against them.
    """
    keys = {key for one in wanted for key in one.keys}
    entries = opt_outs.entries(session, {one.portal_id for one in wanted}, keys)
    advertised = [one for one in wanted if one.category == MARKETING]
    if not entries and not advertised:
        return [None] * len(wanted)
    policies = _policies(session, {one.portal_id for one in wanted})
    holding = _by_client(entries)
    caps = _Caps(session, now, advertised, policies, _LEFT if leaving else _PLANNED)
    return [
        _opted_out(one, [entry for key in one.keys for entry in holding[one.portal_id, key]], policies[one.portal_id])
        or (caps.refusal(one) if one.category == MARKETING else None)
        for one in wanted
    ]


def held_back(session: Session, now: datetime, message_ids: Collection[int]) -> dict[int, Refused]:
    """The messages, of these queued ones, that may no longer leave, each with its reason."""
    found = ask(session, _DOUBTFUL, {"ids": list(message_ids)}).all()
    wanted = [
        Wanted(
            row.portal_id,
            row.line_id,
            frozenset({row.phone_key, row.alias_key or row.phone_key}),
            row.is_session,
            row.category,
        )
        for row in found
    ]
    reasons = may_send(session, now, wanted, leaving=True) if wanted else []
    return {row.id: reason for row, reason in zip(found, reasons, strict=True) if reason is not None}


def _policies(session: Session, portal_ids: Iterable[int]) -> dict[int, Policy]:
    return {portal.id: Policy.of(portal) for portal in session.scalars(_PORTALS, {"ids": list(portal_ids)})}


def _by_client(entries: Iterable[OptOut]) -> defaultdict[tuple[int, str], list[OptOut]]:
    found: defaultdict[tuple[int, str], list[OptOut]] = defaultdict(list)
    for entry in entries:
        for key in entry.keys:
            found[entry.portal_id, key].append(entry)
    return found


# --- consent ----------------------------------------------------------------------------------------------------------------


def _opted_out(one: Wanted, entries: Sequence[OptOut], policy: Policy) -> Refused | None:
    if not entries:
        return None
    own = next((entry for entry in entries if entry.line_id == EVERY_LINE), None)
    if own is not None and not one.is_lifted and (one.category not in _SERVICE or policy.stops_utility):
        word = policy.start_words[0] if policy.start_words else START_WORDS[0]
        return refused("opted_out", since=day(own.since), why=why(own), word=word)
    if not one.is_session and one.category not in _SERVICE:
        of_line = next((entry for entry in entries if entry.line_id == one.line_id), None)
        if of_line is not None:
            return Refused("opted_out", MARKETING_STOPPED.format(since=day(of_line.since)))
    return None


def why(entry: OptOut) -> Text:
    """What put a client on the list, in a few words."""
    source = Source(entry.source)
    if not entry.why and source in (Source.WORD, Source.BUTTON):
        return _UNREADABLE
    return _WHY[source].format(said=entry.why)


def day(at: datetime) -> Text:
    """A day as a workflow's log shows it; the portal's zone is not known there."""
    return Text(f"{at.day} {at:%b %Y}", f"{at:%d.%m.%Y}")


_WHY = {
    Source.WORD: Text("the client wrote “{said}”", "клиент написал «{said}»"),
    Source.BUTTON: Text("the client tapped “{said}”", "клиент нажал «{said}»"),
    Source.ACTION: Text("put on the list by a robot", "в список внёс робот"),
    Source.PAGE: Text("put on the list by an administrator", "в список внёс администратор"),
    Source.IMPORT: Text("loaded from the file {said}", "загружено из файла {said}"),
    Source.API: Text("put on the list by another program", "в список внесла другая программа"),
    Source.PROVIDER: Text("the client stopped the marketing in WhatsApp", "клиент отключил рекламу в WhatsApp"),
}
#: The word itself cannot be decrypted.
_UNREADABLE = Text("the client asked for it", "по просьбе клиента")


# --- caps -------------------------------------------------------------------------------------------------------------------


class _Caps:
    """How much marketing the clients of these messages have got since they wrote last, on all lines of their portals."""

    def __init__(
        self,
        session: Session,
        now: datetime,
        wanted: Sequence[Wanted],
        policies: dict[int, Policy],
        counted: Sequence[MessageStatus],
    ) -> None:
        self._now, self._policies, self._counted = now, policies, counted
        #: Messages that were let through a moment ago and are not written yet.
        self._granted: Counter[tuple[int, str]] = Counter()
        self._talks: defaultdict[tuple[int, str], dict[int, Any]] = defaultdict(dict)
        self._messages: defaultdict[int, list[Any]] = defaultdict(list)
        if wanted:
            self._read(session, wanted)

    def _read(self, session: Session, wanted: Sequence[Wanted]) -> None:
        asked = {
            "portals": list({one.portal_id for one in wanted}),
            "keys": list({key for one in wanted for key in one.keys}),
        }
        ids = set()
        for talk in ask(session, _TALKS, asked):
            ids.add(talk.id)
            for key in (talk.phone_key, talk.alias_key or talk.phone_key):
                self._talks[talk.portal_id, key][talk.id] = talk
        for message in ask(session, _ADVERTISED, {"ids": list(ids)}) if ids else ():
            self._messages[message.conversation_id].append(message)

    def refusal(self, one: Wanted) -> Refused | None:
        """Why this client gets no marketing now; None: the client may get this message, which counts from now on."""
        policy = self._policies[one.portal_id]
        talks = {talk.id: talk for key in one.keys for talk in self._talks[one.portal_id, key].values()}
        messages = [message for talk_id in talks for message in self._messages[talk_id]]
        rest = timedelta(hours=policy.cap_rest_h)
        since = max((message.failed_at for message in messages if _is_enough(message)), default=None)
        if since is not None and since + rest > self._now:
            return Refused("marketing_cap", MARKETING_REST.format(since=day(since), hours=policy.cap_rest_h))
        if not policy.cap_in_a_row:
            return None
        wrote = max((talk.last_inbound_at for talk in talks.values() if talk.last_inbound_at), default=None)
        others = [message for message in messages if one.run_id is None or message.run_id != one.run_id]
        got = sum(message.status in self._counted and (wrote is None or message.at > wrote) for message in others)
        got += max(self._granted[one.portal_id, key] for key in one.keys)
        if got >= policy.cap_in_a_row:
            return refused("marketing_cap", count=policy.cap_in_a_row)
        self._granted.update((one.portal_id, key) for key in one.keys)
        return None


def _is_enough(message: Any) -> bool:
    return bool(message.status == MessageStatus.FAILED and message.error_code == _ENOUGH and message.failed_at)


# Statements are made once: building a statement takes longer than running it.
_PORTALS = select(Portal).where(among(Portal.id, "ids")).options(load_only(Portal.id, Portal.policy))
#: The planner must see the word itself, or the partial index of marketing messages is not used.
_IS_MARKETING = Message.category == literal_column(f"'{MARKETING}'")


def _is_on_list(*keys: Any) -> Any:
    """Whether an entry bears one of these keys of the message's client."""
    return or_(
        *(
            there_is(OptOut, following, OptOut.portal_id == Message.portal_id, column == key)
            for key in keys
            for column, following in ((OptOut.phone_key, OptOut.line_id), (OptOut.alias_key, OptOut.alias_key))
        )
    )


#: Most messages are not about marketing, and go to clients who are not on the list: none of these rows.
_DOUBTFUL = (
    select(
        Message.id,
        Message.portal_id,
        Message.line_id,
        Message.is_session,
        Message.category,
        Conversation.phone_key,
        Conversation.alias_key,
    )
    .join(Conversation, Conversation.id == Message.conversation_id)
    .where(among(Message.id, "ids"), or_(_IS_MARKETING, _is_on_list(Conversation.phone_key, Conversation.alias_key)))
    .order_by(Message.priority, Message.position, Message.id)
)
_TALK = select(
    Conversation.id, Line.portal_id, Conversation.phone_key, Conversation.alias_key, Conversation.last_inbound_at
).join(Line, Line.id == Conversation.line_id)
_TALKS = union(
    _TALK.where(among(Line.portal_id, "portals"), among(Conversation.phone_key, "keys")),
    _TALK.where(
        among(Line.portal_id, "portals"), among(Conversation.alias_key, "keys"), Conversation.alias_key.is_not(None)
    ),
)
_AT = func.coalesce(Message.claimed_at, Message.created_at)
_ADVERTISED = (
    select(
        Message.conversation_id, Message.run_id, Message.status, Message.error_code, Message.failed_at, _AT.label("at")
    )
    .join(Conversation, Conversation.id == Message.conversation_id)
    .where(
        among(Message.conversation_id, "ids"),
        _IS_MARKETING,
        # Only messages after the client's last word on the same line count.
        or_(Message.error_code == _ENOUGH, Conversation.last_inbound_at.is_(None), Conversation.last_inbound_at < _AT),
    )
)
