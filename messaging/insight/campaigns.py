"""What the page Campaigns asks: the list, a campaign's recipients a page at a time, its curve over time."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timezone
from typing import Any

from sqlalchemy import Select, extract, func, select
from sqlalchemy.orm import Session

from gupshup.refusals import Kind, refusal
from messaging.campaigns.counts import failures
from messaging.campaigns.repeats import Missed, is_silent
from messaging.store.campaigns import Campaign, Recipient, RecipientState, RefusedRow
from messaging.store.models import Message
from messaging.store.states import MessageStatus

#: What the list of recipients can be filtered by: where a recipient is, or the status of its message.
WAITING = (RecipientState.PENDING, RecipientState.SKIPPED)
STATUSES = (
    MessageStatus.QUEUED,
    MessageStatus.SENDING,
    MessageStatus.UNKNOWN,
    MessageStatus.ACCEPTED,
    MessageStatus.SENT,
    MessageStatus.DELIVERED,
    MessageStatus.READ,
    MessageStatus.FAILED,
)
REPLIED = "replied"
#: Who has got the message and has not read it, or not answered it.
SILENT = (Missed.UNREAD, Missed.UNANSWERED)
#: After these the same message may well arrive later, or once something is repaired.
_MAY_BE_REPEATED = frozenset({Kind.RETRY, Kind.DELAYED, Kind.CONFIG})
_HOUR_S = 3600


def newest(
    session: Session, portal_id: int, before: int | None, limit: int, *, states: Collection[str] = (), skip: int = 0
) -> Sequence[Campaign]:
    """The portal's campaigns, the newest first. before: the id behind which they begin; states: none means all."""
    query = select(Campaign).where(Campaign.portal_id == portal_id)
    if states:
        query = query.where(Campaign.state.in_(states))
    if before is not None:
        query = query.where(Campaign.id < before)
    return session.scalars(query.order_by(Campaign.id.desc()).offset(skip).limit(limit)).all()


@dataclass(frozen=True)
class Shown:
    """Which recipients are wanted. state: of WAITING, STATUSES, REPLIED, SILENT, or "" for all; reason: why skipped, or which
    code."""

    state: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Entry:
    """A recipient, with its message once it has one."""

    recipient: Recipient
    message: Message | None

    @property
    def state(self) -> str:
        """As the contract counts it."""
        return self.message.status if self.message is not None else self.recipient.state

    @property
    def reason(self) -> str:
        """Why it was skipped, or the code with which its message failed."""
        return self.message.error_code if self.message is not None else self.recipient.reason


def recipients(
    session: Session, campaign_id: int, shown: Shown, after: int, limit: int, *, skip: int = 0
) -> list[Entry]:
    """Recipients behind this id, in the order in which they were stored; of messages, in the order of the messages.

    after: `place` of the last one, 0 for the first page. skip: recipients that are passed over, without reading them.
    """
    if shown.state in STATUSES:
        ids = session.execute(_of_messages(campaign_id, shown, after).offset(skip).limit(limit)).all()
        messages = _messages(session, [row.id for row in ids])
        found = {one.id: one for one in _recipients(session, [row.origin_id for row in ids])}
        return [Entry(found[row.origin_id], messages[row.id]) for row in ids if row.origin_id in found]
    rows = session.scalars(_of_recipients(campaign_id, shown, after).offset(skip).limit(limit)).all()
    messages = _messages(session, [row.message_id for row in rows if row.message_id is not None])
    return [Entry(row, messages.get(row.message_id or 0)) for row in rows]


def place(entry: Entry, shown: Shown) -> int:
    """Behind which the next page begins."""
    return entry.message.id if shown.state in STATUSES and entry.message is not None else entry.recipient.id


def _of_messages(campaign_id: int, shown: Shown, after: int) -> Select[Any, Any]:
    query = select(Message.id, Message.origin_id).where(
        Message.campaign_id == campaign_id, Message.status == shown.state, Message.id > after
    )
    if shown.reason:
        query = query.where(Message.error_code == shown.reason)
    return query.order_by(Message.id)


def _of_recipients(campaign_id: int, shown: Shown, after: int) -> Select[Recipient]:
    query = select(Recipient).where(Recipient.campaign_id == campaign_id, Recipient.id > after)
    if shown.state == REPLIED:
        query = query.where(Recipient.replied_at.is_not(None))
    elif shown.state in SILENT:
        query = query.join(Message, Message.id == Recipient.message_id).where(is_silent(Missed(shown.state)))
    elif shown.state in WAITING:
        query = query.where(Recipient.state == shown.state)
        if shown.reason:
            query = query.where(Recipient.reason == shown.reason)
    return query.order_by(Recipient.id)


def _messages(session: Session, ids: Sequence[int]) -> dict[int, Message]:
    return {one.id: one for one in session.scalars(select(Message).where(Message.id.in_(ids)))} if ids else {}


def _recipients(session: Session, ids: Sequence[int]) -> Sequence[Recipient]:
    return session.scalars(select(Recipient).where(Recipient.id.in_(ids))).all() if ids else []


def nth(session: Session, campaign_id: int, position: int) -> Recipient | None:
    """The recipient at this place, from 0, among those who are to be written to."""
    mine = (Recipient.campaign_id == campaign_id) & (Recipient.state == RecipientState.PENDING)
    return session.scalar(
        select(Recipient).where(mine).order_by(Recipient.reason, Recipient.id).offset(position).limit(1)
    )


def value_names(session: Session, campaign_id: int) -> list[str]:
    """The names of the values that the first recipients bring."""
    first = select(Recipient.values).where(Recipient.campaign_id == campaign_id).order_by(Recipient.id).limit(100)
    return list(dict.fromkeys(name for values in session.scalars(first) for name in values or {}))


def by_line(session: Session, campaign_id: int) -> dict[int, int]:
    """Line → recipients who wait for it."""
    mine = (Recipient.campaign_id == campaign_id) & (Recipient.state == RecipientState.PENDING)
    found = session.execute(select(Recipient.line_id, func.count()).where(mine).group_by(Recipient.line_id))
    return {line_id: number for line_id, number in found if line_id is not None}


def refused_rows(session: Session, campaign_id: int, after: int, limit: int) -> Sequence[RefusedRow]:
    """Rows of the file that are no recipients, in the file's order. after: id of the last row of the page before."""
    mine = (RefusedRow.campaign_id == campaign_id) & (RefusedRow.id > after)
    return session.scalars(select(RefusedRow).where(mine).order_by(RefusedRow.id).limit(limit)).all()


@dataclass(frozen=True)
class Curve:
    """Messages by hour. hours: the beginning of each, none left out, from the one before the first message to the one
    behind the last."""

    hours: list[datetime]
    accepted: list[int]
    delivered: list[int]
    read: list[int]


def curve(session: Session, campaign_id: int, most_hours: int, zone: timezone = UTC) -> Curve:
    """How many were accepted, delivered and read in each hour, from the first on, at most so many hours.

    zone: of the reader, whose hours begin half an hour off in some places.
    """
    shift_s = int(zone.utcoffset(None).total_seconds()) % _HOUR_S
    columns = (Message.accepted_at, Message.delivered_at, Message.read_at)
    counted = [_by_hour(session, campaign_id, column, shift_s) for column in columns]
    known = [hour for one in counted for hour in one]
    if not known:
        return Curve([], [], [], [])
    first, last = min(known) - 1, max(known) + 1
    hours = list(range(first, min(last, first + most_hours - 1) + 1))
    rows = [[one.get(hour, 0) for hour in hours] for one in counted]
    return Curve([datetime.fromtimestamp(hour * _HOUR_S - shift_s, zone) for hour in hours], *rows)


def _by_hour(session: Session, campaign_id: int, column: Any, shift_s: int) -> dict[int, int]:
    """Hour since 1970, by a clock that is `shift_s` ahead of UTC → messages."""
    seconds = extract("epoch", column) + shift_s
    begin = (seconds - seconds % _HOUR_S).label("begin")
    query = select(begin, func.count()).where(Message.campaign_id == campaign_id, column.is_not(None))
    found = session.execute(query.group_by("begin"))
    return {int(at) // _HOUR_S: number for at, number in found}


def repeatable(session: Session, campaign_id: int) -> dict[str, int]:
    """Error code → failed messages that may arrive when they are sent again."""
    return {code: number for code, number in failures(session, campaign_id).items() if may_be_repeated(code)}


def may_be_repeated(code: str) -> bool:
    """Whether a message that failed so may arrive later."""
    return refusal(code).kind in _MAY_BE_REPEATED
