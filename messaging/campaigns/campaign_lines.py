"""The lines of a campaign: which are connected, which send now, and how many new clients campaigns may write to on them."""

from datetime import datetime
from math import inf

from sqlalchemy import select
from sqlalchemy.orm import Session

from messaging.campaigns.counts import on_line
from messaging.policy import tier
from messaging.store.campaigns import Campaign
from messaging.store.models import Line
from messaging.store.states import LineStatus

#: The share of a line's limit of new clients that campaigns use; the rest is left to robots and people.
LIMIT_SHARE = 0.9


def connected_lines(session: Session, campaign: Campaign) -> list[Line]:
    """The campaign's connected lines, in the order in which they were chosen."""
    found = session.scalars(
        select(Line).where(
            Line.id.in_(campaign.line_ids or []),
            Line.portal_id == campaign.portal_id,
            Line.status == LineStatus.CONNECTED,
        )
    )
    by_id = {line.id: line for line in found}
    return [by_id[line_id] for line_id in campaign.line_ids or [] if line_id in by_id]


def sends_now(line: Line) -> bool:
    """Whether messages leave on this line now: it is connected, not stopped, not paused."""
    return line.status == LineStatus.CONNECTED and line.stopped_at is None and line.paused_at is None


def new_clients_left(session: Session, line: Line, now: datetime) -> float:
    """How many more new clients campaigns may write to today on this line; infinite if WhatsApp sets no limit."""
    used = tier.use(session, line, now)
    if not used.limit:
        return inf
    return int(used.limit * LIMIT_SHARE) - used.written - on_line(session, line.id)
