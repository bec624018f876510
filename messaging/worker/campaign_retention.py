"""What becomes of campaigns in time: texts are wiped, rows deleted, as those of other messages are."""

from datetime import timedelta

import structlog
from sqlalchemy import delete, exists, func, or_, select, type_coerce, update
from sqlalchemy.orm import Session
from sqlalchemy.types import Text

from messaging.campaigns import changes
from messaging.runtime import Runtime
from messaging.store.campaigns import Campaign, CampaignState, Paused, Recipient, RefusedRow
from messaging.store.models import Message

#: How long after a campaign was made the report on its file's bad rows is kept.
REPORT_KEPT = timedelta(days=30)
log = structlog.get_logger(__name__)
_OVER = or_(Campaign.state == CampaignState.FINISHED, Campaign.state == CampaignState.CANCELLED)


def refused_rows(session: Session, runtime: Runtime, limit: int) -> int:
    """Delete the report on a file's bad rows after REPORT_KEPT."""
    old = select(Campaign.id).where(Campaign.created_at < runtime.clock() - REPORT_KEPT)
    ids = session.scalars(select(RefusedRow.id).where(RefusedRow.campaign_id.in_(old)).limit(limit)).all()
    return _delete(session, RefusedRow, list(ids))


def recipient_texts(session: Session, runtime: Runtime, limit: int) -> int:
    """Wipe recipients' values KEEP_TEXTS_DAYS after the end of their campaign, then what the campaign holds of texts."""
    before = runtime.clock() - timedelta(days=runtime.config.keep_texts_days)
    unwiped = type_coerce(Campaign.mapping, Text).is_not(None) | type_coerce(Campaign.audience, Text).is_not(None)
    old = session.scalar(select(Campaign.id).where(_OVER, Campaign.ended_at < before, unwiped).limit(1))
    if old is None:
        return 0
    has_values = type_coerce(Recipient.values, Text).is_not(None)
    ids = session.scalars(select(Recipient.id).where(Recipient.campaign_id == old, has_values).limit(limit)).all()
    wiped = update(Recipient).where(Recipient.id.in_(ids)).values(values=None)
    if not ids:
        wiped = update(Campaign).where(Campaign.id == old).values(mapping=None, audience=None)
    session.execute(wiped.execution_options(synchronize_session=False))
    return max(1, len(ids))


def drafts(session: Session, runtime: Runtime, limit: int) -> int:
    """Delete drafts with their recipients KEEP_TEXTS_DAYS after they were made, or looked at last."""
    before = runtime.clock() - timedelta(days=runtime.config.keep_texts_days)
    seen = [or_(at.is_(None), at < before) for at in (Campaign.read_at, Campaign.checked_at)]
    is_old = (Campaign.state == CampaignState.DRAFT) & Campaign.due_at.is_(None) & (Campaign.created_at < before)
    old = session.scalar(select(Campaign.id).where(is_old, *seen).limit(1))
    if old is None:
        return 0
    return _delete_with_recipients(session, old, limit)


def abandoned(session: Session, runtime: Runtime, limit: int) -> int:
    """Cancel a campaign that has waited for a person for PAUSED_KEPT: its phones and texts are not kept for ever."""
    since = func.coalesce(Campaign.fed_at, Campaign.start_at, Campaign.created_at)
    is_nobodys = Campaign.due_at.is_(None) | (Campaign.paused_reason == Paused.UNINSTALLED)
    left = (Campaign.state == CampaignState.PAUSED) & is_nobodys
    old = select(Campaign).where(left, since < runtime.clock() - changes.PAUSED_KEPT).order_by(Campaign.id).limit(1)
    campaign = session.scalar(old.with_for_update(skip_locked=True))
    if campaign is None:
        return 0
    changes.end(session, campaign, runtime.clock())
    log.info("campaign was paused for too long", portal=campaign.portal_id, campaign=campaign.id)
    return 1


def campaigns(session: Session, runtime: Runtime, limit: int) -> int:
    """Delete recipients KEEP_DAYS after the end of their campaign, once their messages are deleted, then the campaign."""
    before = runtime.clock() - timedelta(days=runtime.config.keep_days)
    message = exists().where(Message.campaign_id == Campaign.id)
    old = session.scalar(select(Campaign.id).where(_OVER, Campaign.ended_at < before, ~message).limit(1))
    if old is None:
        return 0
    return _delete_with_recipients(session, old, limit)


def _delete_with_recipients(session: Session, campaign_id: int, limit: int) -> int:
    for table in (Recipient, RefusedRow):
        ids = session.scalars(select(table.id).where(table.campaign_id == campaign_id).limit(limit)).all()
        if ids:
            return _delete(session, table, list(ids))
    return _delete(session, Campaign, [campaign_id])


def _delete(session: Session, model: type[Campaign | Recipient | RefusedRow], ids: list[int]) -> int:
    if ids:
        session.execute(delete(model).where(model.id.in_(ids)).execution_options(synchronize_session=False))
    return len(ids)


DUTIES = (refused_rows, recipient_texts, drafts, abandoned, campaigns)
