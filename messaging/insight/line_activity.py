"""What became of a line's messages of the last 24 hours, and what was heard of it last. Read from the rows.

Reading a day through costs a tenth of a second for 50,000 messages, so a page that shows it loads it by itself. The other
questions look at the newest rows of all lines only: some milliseconds, however many there are.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from messaging.insight.periods import HOURS, hour_column, last_hours, read_hour
from messaging.runtime import Runtime
from messaging.store.id_search import first_since
from messaging.store.models import InboundEvent, Message
from messaging.store.states import MessageStatus

NEWEST = 3_000
#: Gupshup tells of `sent` within seconds; if all messages of a line stay `accepted` for longer, its events do not arrive.
SILENT_AFTER = timedelta(minutes=10)


def day(runtime: Runtime, line_id: int) -> list[tuple[datetime, Counter[str]]]:
    """24 hours in order, this one last: when each begins, and how many messages planned in it have which status now."""
    hours = {at: Counter[str]() for at in last_hours(runtime.clock())}
    begin = min(hours)
    with runtime.db.read() as session:
        hour = hour_column(session, Message.created_at)
        first = first_since(session, Message.id, Message.created_at, begin)
        query = select(hour, Message.status, func.count()).where(
            Message.id >= first, Message.created_at >= begin, Message.line_id == line_id
        )
        for found, status, number in session.execute(query.group_by(hour, Message.status)):
            if (at := read_hour(found)) in hours:
                hours[at][status] += number
    return list(hours.items())


def silent_since(session: Session, now: datetime, line_ids: Sequence[int]) -> dict[int, datetime]:
    """Lines of whose messages Gupshup has told nothing lately, though it took them: since when."""
    rows = session.execute(
        select(Message.line_id, Message.status, func.min(Message.accepted_at).label("since"))
        .where(Message.id >= _newest(session, Message.id), Message.line_id.in_(line_ids))
        .where(Message.accepted_at > now - timedelta(hours=HOURS), Message.accepted_at < now - SILENT_AFTER)
        .group_by(Message.line_id, Message.status)
    ).all()
    reported = {row.line_id for row in rows if row.status != MessageStatus.ACCEPTED}
    return {row.line_id: row.since for row in rows if row.line_id not in reported}


def heard_at(session: Session, line_id: int) -> datetime | None:
    """When the line's last webhook came, if it is one of the newest of all; None: long ago, or never."""
    return session.scalar(
        select(InboundEvent.received_at)
        .where(InboundEvent.id >= _newest(session, InboundEvent.id), InboundEvent.line_id == line_id)
        .order_by(InboundEvent.id.desc())
        .limit(1)
    )


def last_messages(session: Session, line_id: int, limit: int = 50) -> Sequence[Any]:
    """The line's last messages, newest first, as far as they are among the newest of all."""
    return session.execute(
        select(Message.status, Message.error_code, Message.accepted_at, Message.sent_at, Message.failed_at)
        .where(Message.id >= _newest(session, Message.id), Message.line_id == line_id)
        .order_by(Message.id.desc())
        .limit(limit)
    ).all()


def _newest(session: Session, key: InstrumentedAttribute[int]) -> int:
    """The id from which on the newest rows of a table lie."""
    return (session.scalar(select(key).order_by(key.desc()).limit(1)) or 0) - NEWEST
