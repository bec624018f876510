"""How much a template is used by robots and activities."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import func, literal, select, text
from sqlalchemy.orm import Session

from messaging.store.models import Message
from messaging.store.states import Origin

#: Runs that count as present use, and up to how many of them are counted.
USED_WITHIN = timedelta(days=30)
MOST_COUNTED = 10_000


def runs_using(session: Session, line_id: int, names: Collection[str], now: datetime) -> int:
    """How many messages of robots and activities used these templates in the last 30 days; MOST_COUNTED + 1 for more."""
    uses = (
        select(literal(1))
        .where(
            Message.line_id == line_id,
            Message.template.in_(names),
            text("message.template <> ''"),  # in these words, so that the partial index is used
            Message.created_at >= now - USED_WITHIN,
            Message.origin.in_((Origin.ROBOT, Origin.ACTIVITY)),
        )
        .limit(MOST_COUNTED + 1)
    )
    return session.scalar(select(func.count()).select_from(uses.subquery())) or 0
