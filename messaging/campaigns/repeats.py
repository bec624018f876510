"""A second campaign for the recipients of another one whose messages failed with a code that may pass.

The new draft only names the other campaign; the worker reads the recipients in parts (messaging.campaigns.sources), like a
file: reading a hundred thousand would hold a thread of the web for minutes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from messaging.campaigns import changes
from messaging.campaigns.audience import Kind
from messaging.runtime import Runtime
from messaging.store.campaigns import Campaign, Recipient
from messaging.store.models import Message
from messaging.store.states import MessageStatus

#: WhatsApp lets advertising that it has refused through a day later at the earliest.
LATER = timedelta(hours=24)


@dataclass(frozen=True)
class Failed:
    """A recipient whose message failed. message_id: of that message."""

    message_id: int
    recipient: Recipient


def make(runtime: Runtime, portal_id: int, key: str, user_id: int, name: str, codes: Sequence[str]) -> str:
    """A draft for those whose messages of this campaign failed with one of these codes, and its key; the worker reads them.

    Raises LookupError, TooMany.
    """
    with runtime.db.read() as session:
        old = changes.find(session, portal_id, key)
    new = changes.copy(runtime, portal_id, key, user_id, name)
    audience = {"kind": Kind.AGAIN, "campaign": old.id, "name": old.name, "codes": list(codes)}
    changes.edit(runtime, portal_id, new, audience=audience, start_at=runtime.clock() + LATER)
    changes.check(runtime, portal_id, new)
    return new


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
