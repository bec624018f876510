"""A second campaign for recipients of another one: those who have not got it, not read it or not answered it.

The new draft only names the other campaign and whom of it (`Missed`); the worker reads the recipients in parts
(messaging.campaigns.sources), like a file: reading a hundred thousand would hold a thread of the web for minutes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from messaging.campaigns import changes
from messaging.campaigns.audience import Kind
from messaging.campaigns.counts import Counts
from messaging.runtime import Runtime
from messaging.store.campaigns import Campaign, Recipient, RecipientState, Skipped
from messaging.store.models import Message
from messaging.store.states import MessageStatus

#: A client should not get two messages on one day, and WhatsApp lets advertising that it has refused through no sooner.
LATER = timedelta(hours=24)


class Missed(StrEnum):
    """Whom of a campaign another one is for.

    failed: their messages failed with one of some codes; unread, unanswered: they have got it, and have neither read nor
    answered it, or not answered it; cancelled: nobody has written to them, because the campaign was cancelled.
    """

    FAILED = "failed"
    UNREAD = "unread"
    UNANSWERED = "unanswered"
    CANCELLED = "cancelled"


_UNREAD = (MessageStatus.ACCEPTED, MessageStatus.SENT, MessageStatus.DELIVERED)
#: Of those who are silent: the statuses of their messages.
_SILENT = {Missed.UNREAD: _UNREAD, Missed.UNANSWERED: (*_UNREAD, MessageStatus.READ)}


@dataclass(frozen=True)
class Failed:
    """A recipient whose message failed. message_id: of that message."""

    message_id: int
    recipient: Recipient


def make(
    runtime: Runtime,
    portal_id: int,
    key: str,
    user_id: int,
    name: str,
    missed: Missed,
    codes: Sequence[str] = (),
) -> str:
    """A draft for those whom this campaign has missed, and its key; the worker reads them. codes: of Missed.FAILED.

    It starts a day later at the earliest, unless nobody has written to them. Raises LookupError, TooMany.
    """
    with runtime.db.read() as session:
        old = changes.find(session, portal_id, key)
    new = changes.copy(runtime, portal_id, key, user_id, name)
    audience = {"kind": Kind.AGAIN, "campaign": old.id, "name": old.name, "missed": missed, "codes": list(codes)}
    start_at = None if missed == Missed.CANCELLED else runtime.clock() + LATER
    changes.edit(runtime, portal_id, new, audience=audience, start_at=start_at)
    changes.check(runtime, portal_id, new)
    return new


def missed_by(session: Session, campaign_id: int, so_far: Counts) -> dict[Missed, int]:
    """Whom a campaign has missed → recipients, but for those whose messages failed. so_far: its counts."""
    answered = (Recipient.campaign_id == campaign_id) & Recipient.replied_at.is_not(None)
    found = session.execute(
        select(Message.status, func.count())
        .join(Recipient, Recipient.message_id == Message.id)
        .where(answered)
        .group_by(Message.status)
    )
    replied = {str(status): number for status, number in found}
    silent = {
        missed: max(0, sum(so_far.by_state[status] - replied.get(status, 0) for status in statuses))
        for missed, statuses in _SILENT.items()
    }
    return {**silent, Missed.CANCELLED: so_far.skipped.get(Skipped.CANCELLED, 0)}


def is_silent(missed: Missed) -> ColumnElement[bool]:
    """Of a recipient with its message: whether it has not read, or not answered."""
    return Recipient.replied_at.is_(None) & Message.status.in_(_SILENT[missed])


def missed(
    session: Session, portal_id: int, campaign_id: int, whom: Missed, after: int, limit: int
) -> Sequence[Recipient]:
    """The next recipients of the portal's campaign who are silent, or whom nobody has written to; not those of Missed.FAILED.

    after: id of the last recipient of the page before, 0 for the first page.
    """
    people = select(Recipient).join(Campaign, Campaign.id == Recipient.campaign_id)
    mine = people.where(Recipient.campaign_id == campaign_id, Campaign.portal_id == portal_id, Recipient.id > after)
    return session.scalars(_who(mine, whom).order_by(Recipient.id).limit(limit)).all()


def _who(mine: Select[Recipient], whom: Missed) -> Select[Recipient]:
    if whom == Missed.CANCELLED:
        return mine.where(Recipient.state == RecipientState.SKIPPED, Recipient.reason == Skipped.CANCELLED)
    return mine.join(Message, Message.id == Recipient.message_id).where(is_silent(whom))


def failed(
    session: Session, portal_id: int, campaign_id: int, codes: Sequence[str], after: int, limit: int
) -> list[Failed]:
    """The next recipients of the portal's campaign whose messages failed with one of these codes.

    after: id of the last message of the page before, 0 for the first page.
    """
    rows = session.execute(
        select(Message.id, Message.origin_id)
        .where(
            Message.campaign_id == campaign_id,
            Message.status == MessageStatus.FAILED,
            Message.error_code.in_(codes),
            Message.portal_id == portal_id,
            Message.id > after,
        )
        .order_by(Message.id)
        .limit(limit)
    ).all()
    people = select(Recipient).join(Campaign, Campaign.id == Recipient.campaign_id)
    mine = people.where(Recipient.id.in_([row.origin_id for row in rows]), Campaign.portal_id == portal_id)
    by_id = {one.id: one for one in session.scalars(mine)} if rows else {}
    return [Failed(row.id, by_id[row.origin_id]) for row in rows if row.origin_id in by_id]
