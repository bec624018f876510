"""Pausing campaigns: nothing more of a paused campaign leaves until a person, or the worker, lets it go on.

Everything here happens in the caller's transaction.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from messaging.store.campaigns import Campaign, CampaignState, Paused, Recipient, RecipientState
from messaging.store.models import Message
from messaging.store.sql import among
from messaging.store.states import MessageStatus

#: States in which a campaign goes on by itself.
_MOVING = (CampaignState.SCHEDULED, CampaignState.PREPARING, CampaignState.RUNNING)


def pause_campaign(session: Session, campaign: Campaign, reason: Paused, look_at: datetime | None = None) -> None:
    """Pause a locked campaign. look_at: when the worker looks whether it may go on; None: a person decides."""
    campaign.state, campaign.paused_reason, campaign.due_at = CampaignState.PAUSED, reason, look_at
    take_back(session, campaign.id)


def pause_all(session: Session, reason: Paused, *which: Any, look_at: datetime | None = None) -> Sequence[Campaign]:
    """Pause the campaigns that would go on by themselves, and return them. which: conditions on Campaign.

    A campaign that waits for a person already keeps its reason.
    """
    waits_by_itself = (Campaign.state == CampaignState.PAUSED) & Campaign.due_at.is_not(None)
    moving = select(Campaign).where(or_(Campaign.state.in_(_MOVING), waits_by_itself), *which)
    found = session.scalars(moving.order_by(Campaign.id).with_for_update()).all()
    for campaign in found:
        pause_campaign(session, campaign, reason, look_at)
    session.flush()
    return found


def take_back(session: Session, campaign_id: int, line_ids: Collection[int] | None = None) -> int:
    """Delete a campaign's messages that are queued and not claimed; their recipients are pending again. How many.

    line_ids: only the messages on these lines.
    """
    of_lines = [Message.line_id.in_(line_ids)] if line_ids is not None else []
    gone = session.scalars(
        delete(Message)
        .where(Message.campaign_id == campaign_id, Message.status == MessageStatus.QUEUED, *of_lines)
        .returning(Message.origin_id)
        .execution_options(synchronize_session=False)
    ).all()
    if gone:
        session.execute(_PENDING_AGAIN, {"ids": list(gone)})
    return len(gone)


_PENDING_AGAIN = (
    update(Recipient)
    .where(among(Recipient.id, "ids"))
    .values(state=RecipientState.PENDING, message_id=None)
    .execution_options(synchronize_session=False)
)
