"""Why messages did not arrive, counted by reason: from two indexes that hold failures alone, so no row is opened."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import exists, func, literal_column, select
from sqlalchemy.orm import Session

from messaging.insight.periods import hour_column, read_hour
from messaging.store.id_search import first_since
from messaging.store.models import Message, Run
from messaging.store.states import MessageStatus

#: Written out, as the partial index has it: SQLite does not see that a parameter is the same.
_HAS_FAILED = Run.outcome == literal_column("'failed'")


def refused(session: Session, portal_id: int, since: datetime) -> Iterator[tuple[datetime, int | None, str, int]]:
    """Hour, line, code, how many: a portal's failed runs since `since` whose message did not fail, mostly for lack of one."""
    hour = hour_column(session, Run.stored_at)
    # `portal_id` as well: the partial index of failed messages begins with it.
    has_failed_message = exists().where(
        Message.portal_id == portal_id, Message.run_id == Run.id, Message.status == MessageStatus.FAILED
    )
    columns = (hour, Run.line_id, Run.error_code)
    asked = select(*columns, func.count()).where(
        Run.portal_id == portal_id, _HAS_FAILED, Run.stored_at >= since, ~has_failed_message
    )
    for found, line_id, code, number in session.execute(asked.group_by(*columns)):
        yield read_hour(found), line_id, code, number


def by_reason(session: Session, portal_id: int, since: datetime) -> Counter[tuple[int | None, str]]:
    """Line and code → how many of a portal's runs since `since` sent nothing, and how many messages did not arrive."""
    first = first_since(session, Run.id, Run.stored_at, since)
    failed = select(Message.line_id, Message.error_code, func.count()).where(
        Message.portal_id == portal_id, Message.status == MessageStatus.FAILED, Message.run_id >= first
    )
    found: Counter[tuple[int | None, str]] = Counter()
    lone = select(Message.line_id, Message.error_code, func.count()).where(
        Message.portal_id == portal_id,
        Message.status == MessageStatus.FAILED,
        Message.run_id.is_(None),
        Message.created_at >= since,
    )
    for asked in (failed, lone):
        for line_id, code, number in session.execute(asked.group_by(Message.line_id, Message.error_code)):
            found[line_id, code] += number
    for _hour, refusing, code, number in refused(session, portal_id, since):
        found[refusing, code] += number
    return found
