"""The recipients of a campaign: how they are stored, judged, and taken back before they are written to.

A recipient is judged twice by the same rules: when the campaign is prepared, which is also its dry run, and again in the
moment in which its message is queued. Everything here happens in the caller's transaction.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from activities import phones
from activities.errors import Refused
from messaging.campaigns.composing import Composer
from messaging.campaigns.mapping import Mapping as Variables
from messaging.conversations import lookup
from messaging.conversations.queueing import BEHIND_THE_RUNS, queue_all
from messaging.money import estimates
from messaging.money.table import Cost
from messaging.policy.sending import Wanted, may_send
from messaging.runs.reactions import AWAY, WINDOW
from messaging.runtime import Runtime
from messaging.store.campaigns import Campaign, CampaignState, Recipient, RecipientState, RefusedRow, Skipped
from messaging.store.models import Conversation, Line, Message, Portal
from messaging.store.sql import insert_missing
from messaging.store.states import Origin

#: Characters of what stands in the place of a phone, and of one value.
PHONE_LENGTH, VALUE_LENGTH = 100, 2000
#: What has not left by then is judged again: the hours may have ended, the template may have changed.
JUDGED_FOR = timedelta(minutes=2)
#: Rows deleted in one transaction: 30 ms on SQLite, whose one write lock robot calls need, too.
FORGOTTEN = 2000
#: Refusals of the rules of sending → why the recipient is skipped.
_REASONS = {"opted_out": Skipped.OPTED_OUT, "marketing_cap": Skipped.MARKETING_CAP}


@dataclass(frozen=True)
class Entry:
    """One entry of an audience. line_no: where it stood; phone: as it was written, perhaps several in one text;
    item: "DEAL_345" or ""; is_found: False if the CRM has no such item."""

    line_no: int
    phone: str
    values: Mapping[str, str] = field(default_factory=dict)
    item: str = ""
    is_found: bool = True


def region_of(portal: Portal) -> str:
    """The country in which a portal's numbers are read."""
    return phones.region_of(portal.region, portal.language, portal.phone_region)


Row = dict[str, Any]


def rows_of(runtime: Runtime, entries: Iterable[Entry], region: str) -> list[Row]:
    """The rows of a part of the audience, to be stored. Phones are read here, for which nobody needs to wait: a thousand of
    them take longer than to be stored."""
    return [_row(runtime, entry, region) for entry in entries]


def _row(runtime: Runtime, entry: Entry, region: str) -> Row:
    number = _number(entry.phone, region)
    return {
        "phone": number or entry.phone.strip()[:PHONE_LENGTH],
        "phone_key": runtime.phone_key(number) if number else None,
        "country": phones.country_of(number) if number else "",
        "item": entry.item[:64],
        "line_no": entry.line_no,
        "values": {name: str(value)[:VALUE_LENGTH] for name, value in entry.values.items()} or None,
        "state": RecipientState.PENDING if number else RecipientState.SKIPPED,
        "reason": "" if number else Skipped.INVALID_PHONE if entry.is_found else Skipped.NOT_FOUND,
        "due_at": runtime.clock(),
    }


def store(session: Session, campaign_id: int, rows: Sequence[Row]) -> None:
    """Store a part of the audience, all of it: a phone that the campaign has already becomes a `duplicate`."""
    new: dict[str, Row] = {}
    rest: list[Row] = []
    for given in rows:
        row = {**given, "campaign_id": campaign_id}
        if row["phone_key"] is None:
            rest.append(row)
        elif row["phone_key"] in new:
            rest.append(_duplicate(row))
        else:
            new[row["phone_key"]] = row
    kept = {found.phone_key for found in insert_missing(session, Recipient, list(new.values()), "phone_key")}
    rest += [_duplicate(row) for key, row in new.items() if key not in kept]
    if rest:
        session.execute(insert(Recipient), rest)


def forget_some(session: Session, campaign_id: int) -> int:
    """Delete some of what was stored of an audience; how many rows."""
    gone = 0
    for table in (Recipient, RefusedRow):
        ids = session.scalars(select(table.id).where(table.campaign_id == campaign_id).limit(FORGOTTEN - gone)).all()
        session.execute(delete(table).where(table.id.in_(ids)).execution_options(synchronize_session=False))
        gone += len(ids)
    return gone


def _number(text: str, region: str) -> str | None:
    """The first phone in it, as digits."""
    return next((found for part in phones.split(text) if (found := phones.digits(part, region))), None)


def _duplicate(row: Row) -> Row:
    return {**row, "phone_key": None, "state": RecipientState.SKIPPED, "reason": Skipped.DUPLICATE}


@dataclass(frozen=True)
class Judged:
    """What is to become of a recipient. line: by which it is written to; message: the columns of its content; keys: of the
    client in the phone index; reason: why it is skipped, "" if it is not; why: the same in words, where there are some."""

    recipient: Any
    line: Line | None
    conversation: Conversation | None
    keys: frozenset[str]
    message: dict[str, Any] | None = None
    reason: str = ""
    why: Refused | None = None

    @property
    def country(self) -> str:
        """To which its message goes."""
        return phones.country_of(self.recipient.phone)

    def cost(self, runtime: Runtime, portal: Portal) -> Cost:
        """What its message is expected to cost; nothing without one."""
        if self.line is None or self.message is None:
            return Cost(0, "")
        return estimates.of_message(runtime, portal, self.line, self.conversation, self.message, self.country)


class Judge:
    """Says which recipients of a campaign may be written to now. composers: by line, those that have the template."""

    def __init__(self, runtime: Runtime, campaign: Campaign, lines: Sequence[Line], composers: Mapping[int, Composer]):
        self.runtime = runtime
        self.campaign = campaign
        self.lines = list(lines)
        self.composers = composers
        self._own = {line.phone for line in lines}

    def judge(self, session: Session, recipients: Sequence[Any]) -> list[Judged]:
        """recipients: rows with id, phone, values and line_id, in their order."""
        keys = {row.id: frozenset(self.runtime.phone_keys(row.phone)) for row in recipients}
        talks = self._conversations(session, {key for found in keys.values() for key in found})
        judged = [self._composed(row, keys[row.id], talks) for row in recipients]
        asked = [one for one in judged if not one.reason]
        wanted = [
            Wanted(self.campaign.portal_id, one.line.id, one.keys, one.message["is_session"], one.message["category"])
            for one in asked
            if one.line is not None and one.message is not None
        ]
        answers = may_send(session, self.runtime.clock(), wanted) if wanted else []
        refused = {id(one): why for one, why in zip(asked, answers, strict=True) if why is not None}
        return [_refused(one, refused[id(one)]) if id(one) in refused else one for one in judged]

    def _conversations(self, session: Session, keys: Collection[str]) -> dict[str, list[Conversation]]:
        found: dict[str, list[Conversation]] = {}
        for talk in lookup.conversations_with(session, [line.id for line in self.lines], keys):
            for key in {talk.phone_key, talk.alias_key or talk.phone_key}:
                found.setdefault(key, []).append(talk)
        return found

    def _composed(self, row: Any, keys: frozenset[str], talks: Mapping[str, list[Conversation]]) -> Judged:
        mine = [talk for key in keys for talk in talks.get(key, ())]
        line = self._line(row, mine)
        known = next((talk for talk in mine if line is not None and talk.line_id == line.id), None)
        if row.phone in self._own or line is None:
            return Judged(row, line, known, keys, reason=Skipped.INVALID_PHONE)
        try:
            return Judged(row, line, known, keys, self.composers[line.id].columns(row.values or {}))
        except Refused as why:
            return Judged(row, line, known, keys, reason=Skipped.MISSING_VALUE, why=why)

    def _line(self, row: Any, talks: Sequence[Conversation]) -> Line | None:
        """The line of the client's newest conversation, else the lines in turn."""
        by_id = {line.id: line for line in self.lines if line.id in self.composers}
        if row.line_id in by_id:
            return by_id[row.line_id]
        at = {talk: talk.last_activity_at or talk.last_inbound_at for talk in talks if talk.line_id in by_id}
        talked = {talk: when for talk, when in at.items() if when is not None}
        if talked:
            return by_id[max(talked, key=lambda talk: talked[talk]).line_id]
        return list(by_id.values())[row.id % len(by_id)] if by_id else None


def _refused(one: Judged, why: Refused) -> Judged:
    reason = _REASONS.get(why.code, Skipped.OPTED_OUT)
    return Judged(one.recipient, one.line, one.conversation, one.keys, reason=reason, why=why)


def record(session: Session, judged: Sequence[Judged]) -> None:
    """Write down the judgement of recipients that are pending."""
    session.execute(
        update(Recipient),
        [
            {
                "id": one.recipient.id,
                "state": RecipientState.SKIPPED if one.reason else RecipientState.PENDING,
                "reason": one.reason,
                "line_id": one.line.id if one.line is not None else None,
            }
            for one in judged
        ],
    )


def variables_of(campaign: Campaign) -> Variables:
    """Where the campaign's variables come from."""
    return Variables.read(campaign.mapping)


def not_leaving(session: Session, message: Any, why: Refused | None = None) -> None:
    """A queued message of a campaign may not leave any more: it is taken back, and its recipient is skipped, or pending.

    why: None if it only comes too late to leave without being judged again.
    """
    gone = delete(Message).where(Message.id == message.id).returning(Message.origin_id)
    recipient_id = session.scalar(gone.execution_options(synchronize_session=False))
    state = session.scalar(select(Campaign.state).where(Campaign.id == message.campaign_id))
    reason = _REASONS.get(why.code, "") if why is not None else ""
    if state == CampaignState.CANCELLED:
        reason = Skipped.CANCELLED
    session.execute(
        update(Recipient)
        .where(Recipient.id == recipient_id)
        .values(state=RecipientState.SKIPPED if reason else RecipientState.PENDING, reason=reason, message_id=None)
        .execution_options(synchronize_session=False)
    )


def is_running(session: Session, campaign_id: int) -> bool:
    """Whether messages of this campaign may leave. It stays so until the caller's transaction is over: who wants to pause it
    waits for that, and who is pausing it is waited for."""
    state = select(Campaign.state).where(Campaign.id == campaign_id).with_for_update(read=True)
    return session.scalar(state) == CampaignState.RUNNING


def write_to(session: Session, runtime: Runtime, campaign: Campaign, judged: Sequence[Judged], now: datetime) -> int:
    """Queue the messages of these recipients, who may be written to; how many."""
    talks = _conversations_for(session, runtime, judged)
    portal = session.get_one(Portal, campaign.portal_id)
    rows = [
        {
            **(one.message or {}),
            "origin": Origin.CAMPAIGN,
            **estimates.columns(one.cost(runtime, portal)),
            "origin_id": one.recipient.id,
            "campaign_id": campaign.id,
            "priority": BEHIND_THE_RUNS,
            "portal_id": campaign.portal_id,
            "shard": campaign.shard,
            "line_id": one.line.id,
            "conversation_id": talks[one.line.id, one.recipient.phone],
            "judge_at": now + JUDGED_FOR,
            "country": one.country,
            "item": one.recipient.item,
            "timeline": False,
        }
        for one in judged
        if one.line is not None
    ]
    queued = queue_all(session, now, rows)
    of_recipient = [{"id": row.origin_id, "state": RecipientState.QUEUED, "message_id": row.id} for row in queued]
    if of_recipient:
        session.execute(update(Recipient), of_recipient)
    return len(queued)


def _conversations_for(session: Session, runtime: Runtime, judged: Sequence[Judged]) -> dict[tuple[int, str], int]:
    """The conversation of each, made where there is none."""
    found = {
        (one.line.id, one.recipient.phone): one.conversation.id
        for one in judged
        if one.line is not None and one.conversation is not None
    }
    new = {
        (one.line.id, runtime.phone_key(one.recipient.phone)): one.recipient.phone
        for one in judged
        if one.line is not None and (one.line.id, one.recipient.phone) not in found
    }
    if new:
        rows = [{"line_id": line, "phone": phone, "phone_key": key} for (line, key), phone in new.items()]
        insert_missing(session, Conversation, rows, "id")
        for talk in lookup.conversations_with(session, {line for line, _ in new}, [key for _, key in new]):
            if (talk.line_id, talk.phone_key) in new:
                found[talk.line_id, new[talk.line_id, talk.phone_key]] = talk.id
    return found


def replied(session: Session, conversation_ids: list[int], message_id: int | None, now: datetime) -> None:
    """A client has written: the recipient whose message he quoted or tapped, else of the newest one in WINDOW, has
    replied."""
    query = select(Message.origin_id).where(Message.campaign_id.is_not(None))
    if message_id is not None:
        query = query.where(Message.id == message_id)
    else:
        of_client = Message.conversation_id.in_(conversation_ids)
        is_there = Message.status.not_in(AWAY)
        query = query.where(of_client, Message.claimed_at > now - WINDOW, is_there)
    recipient_id = session.scalar(query.order_by(Message.id.desc()).limit(1))
    if recipient_id is not None:
        first = (Recipient.id == recipient_id) & Recipient.replied_at.is_(None)
        counted = update(Recipient).where(first).values(replied_at=now)
        session.execute(counted.execution_options(synchronize_session=False))


#: The next recipients to be judged for the first time, in the order in which they were stored.
UNJUDGED = (
    select(Recipient)
    .where(
        Recipient.campaign_id == bindparam("campaign"),
        Recipient.id > bindparam("after"),
        Recipient.phone_key.is_not(None),
    )
    .order_by(Recipient.id)
    .limit(bindparam("limit"))
)
