"""How far a campaign has come, counted from its recipients and their messages; no counts are stored."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CompoundSelect, func, literal, select, union_all
from sqlalchemy.orm import Session

from messaging.conversations.queueing import BEHIND_THE_RUNS
from messaging.store.campaigns import Recipient, RecipientState, Skipped
from messaging.store.models import Message
from messaging.store.states import MessageStatus

#: States of a recipient as the contract counts them, from the first to the last.
STATES = ("pending", "queued", "sending", "unknown", "accepted", "sent", "delivered", "read", "failed")
#: Statuses of messages that are on the clients' phones.
_ARRIVED = ("delivered", "read")
_SENT = ("accepted", "sent", *_ARRIVED)


@dataclass(frozen=True)
class Counts:
    """by_state: STATES → recipients; skipped: reason → recipients; replied: of all."""

    by_state: dict[str, int]
    skipped: dict[str, int]
    replied: int

    @property
    def audience(self) -> int:
        """All recipients."""
        return sum(self.by_state.values()) + sum(self.skipped.values())

    @property
    def willing(self) -> int:
        """Recipients who are not skipped."""
        return sum(self.by_state.values())

    @property
    def meant(self) -> int:
        """Recipients who were to be written to: also those to whom a cancelled campaign was not sent."""
        return self.willing + self.skipped.get(Skipped.CANCELLED, 0)

    @property
    def left(self) -> int:
        """Recipients whose message is not handed over to Gupshup yet."""
        return self.by_state["pending"] + self.by_state["queued"]

    @property
    def sent(self) -> int:
        """Messages that Gupshup has accepted and that have not failed."""
        return sum(self.by_state[state] for state in _SENT)

    @property
    def delivered(self) -> int:
        """Messages that are on the clients' phones."""
        return sum(self.by_state[state] for state in _ARRIVED)

    @property
    def read(self) -> int:
        """Messages that the clients have opened."""
        return self.by_state["read"]

    def to_dict(self) -> dict[str, Any]:
        """As contract section 14 shows them."""
        return {**self.by_state, "skipped": self.skipped, "replied": self.replied}


def counts(session: Session, campaign_id: int) -> Counts:
    """Count a campaign's recipients, each once, under its newest state. One statement sees one moment."""
    return counts_of(session, [campaign_id])[campaign_id]


def counts_of(session: Session, campaign_ids: Collection[int]) -> dict[int, Counts]:
    """By campaign, the same for many of them, in one statement."""
    waiting = (
        select(Recipient.campaign_id, Recipient.state, Recipient.reason, func.count())
        .where(
            Recipient.campaign_id.in_(campaign_ids),
            Recipient.state.in_([RecipientState.PENDING, RecipientState.SKIPPED]),
        )
        .group_by(Recipient.campaign_id, Recipient.state, Recipient.reason)
    )
    written = (
        select(Message.campaign_id, Message.status, literal("message"), func.count())
        .where(Message.campaign_id.in_(campaign_ids))
        .group_by(Message.campaign_id, Message.status)
    )
    replied = (
        select(Recipient.campaign_id, literal("replied"), literal("replied"), func.count())
        .where(Recipient.campaign_id.in_(campaign_ids), Recipient.replied_at.is_not(None))
        .group_by(Recipient.campaign_id)
    )
    by_state = {one: Counter(dict.fromkeys(STATES, 0)) for one in campaign_ids}
    skipped: dict[int, dict[str, int]] = {one: {} for one in campaign_ids}
    answered = dict.fromkeys(campaign_ids, 0)
    together: CompoundSelect[Any] = union_all(waiting, written, replied)
    for campaign_id, state, reason, number in session.execute(together):
        if state == "replied":
            answered[campaign_id] = number
        elif state == RecipientState.SKIPPED:
            skipped[campaign_id][reason] = number
        else:
            by_state[campaign_id][state] += number
    return {one: Counts(dict(by_state[one]), skipped[one], answered[one]) for one in campaign_ids}


def failures(session: Session, campaign_id: int) -> dict[str, int]:
    """Error code → messages that failed with it, the most frequent first."""
    found = session.execute(
        select(Message.error_code, func.count().label("number"))
        .where(Message.campaign_id == campaign_id, Message.status == MessageStatus.FAILED)
        .group_by(Message.error_code)
        .order_by(func.count().desc(), Message.error_code)
    )
    return {row.error_code: row.number for row in found}


def on_line(session: Session, line_id: int) -> int:
    """Messages of campaigns that are queued on a line and not claimed."""
    waiting = select(func.count()).where(
        Message.line_id == line_id, Message.status == MessageStatus.QUEUED, Message.priority == BEHIND_THE_RUNS
    )
    return session.scalar(waiting) or 0
