"""What has been written on a line in a period: messages a page at a time with how many there are, and how far they came.

The whole line is read as the page Messages reads it (messaging.insight.search). Those of one client, or with one template, are
found by indexes of their own.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from messaging.conversations import lookup
from messaging.insight import search
from messaging.insight.query import Query
from messaging.insight.search_rows import Place
from messaging.runtime import Runtime
from messaging.store.campaigns import Recipient
from messaging.store.id_search import first_since
from messaging.store.models import Line, Message, Portal, Run
from messaging.store.states import MessageStatus
from messaging.store.tallies import Tally

#: Rows that one list reads at most: a page beyond them is refused.
DEEPEST = 10_000
#: Rows that are read together, and seconds in which a page must be found.
STEP, PATIENCE_S = 200, 2.0
_REACHED: dict[str, tuple[str, ...]] = {
    "sent": (MessageStatus.ACCEPTED, MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ),
    "delivered": (MessageStatus.DELIVERED, MessageStatus.READ),
    "read": (MessageStatus.READ,),
    "errors": (MessageStatus.FAILED, MessageStatus.DROPPED),
}


class TooLong(Exception):
    """Too many rows must be looked through for these. A shorter period has fewer."""


@dataclass(frozen=True)
class Wanted:
    """since, until: of their creation, without `until` itself. phone: digits, "" any; template: its name, "" any.
    status: the status they have now, as `Query` takes it, "" any."""

    line: Line
    since: datetime
    until: datetime
    phone: str = ""
    template: str = ""
    status: str = ""


def page(
    session: Session, runtime: Runtime, portal: Portal, wanted: Wanted, skip: int, limit: int
) -> tuple[list[Place], int]:
    """`limit` places after the first `skip`, the newest first, and how many there are in all. Raises TooLong."""
    if wanted.phone or wanted.template:
        return _found(session, _narrow(session, runtime, wanted), skip, limit)
    query = Query(line_id=wanted.line.id, since=wanted.since, until=wanted.until, status=wanted.status, sends_only=True)
    places: list[Place] = []
    before: Place | None = None
    ends_at = time.monotonic() + PATIENCE_S
    while len(places) < skip + limit:
        if time.monotonic() > ends_at:
            raise TooLong
        some, following = search.places(session, runtime, portal, query, before, STEP)
        places += some
        if following is None:
            break
        before = following
    return places[skip : skip + limit], _total(session, portal.id, query)


def _total(session: Session, portal_id: int, query: Query) -> int:
    assert query.since is not None
    low = max(0, first_since(session, Run.id, Run.stored_at, query.since) - search.BLUR)
    runs = select(func.count()).select_from(Run).where(*query.conditions(portal_id, low, 1 << 62))
    condition = query.message_condition()
    if condition is not None:
        runs = (
            select(func.count())
            .select_from(Run)
            .outerjoin(Message, Message.run_id == Run.id)
            .where(*query.conditions(portal_id, low, 1 << 62), condition)
        )
    lone = select(func.count()).select_from(Message).where(*query.of_lone(portal_id, low, 1 << 62))
    return (session.scalar(runs) or 0) + (session.scalar(lone) or 0)


def _narrow(session: Session, runtime: Runtime, wanted: Wanted) -> Select[int | None, int, int]:
    """The messages to one client, or with one template."""
    found = [Message.created_at >= wanted.since, Message.created_at < wanted.until]
    if wanted.phone:
        known = lookup.conversations_with(session, [wanted.line.id], runtime.phone_keys(wanted.phone))
        found.append(or_(*(Message.conversation_id == one.id for one in known)) if known else Message.id == 0)
    else:
        found += [Message.line_id == wanted.line.id, Message.template != ""]
    if wanted.template:
        found.append(Message.template == wanted.template)
    if wanted.status:
        found.append(Message.status.in_(_REACHED["errors"] if wanted.status == "failed" else (wanted.status,)))
    return select(Message.run_id, Message.position, Message.id).where(*found)


def _found(session: Session, asked: Select[int | None, int, int], skip: int, limit: int) -> tuple[list[Place], int]:
    total = session.scalar(select(func.count()).select_from(asked.subquery())) or 0
    rows = session.execute(asked.order_by(Message.created_at.desc(), Message.id.desc()).offset(skip).limit(limit))
    return [Place(row.run_id) if row.run_id is not None else Place(row.position, row.id) for row in rows], total


def messages_at(session: Session, portal_id: int, places: Sequence[Place]) -> dict[Place, Message]:
    """The rows of the messages at these places. A run that has sent nothing has none."""
    run_ids = [place.position for place in places if not place.message_id]
    ids = [place.message_id for place in places if place.message_id]
    mine = Message.portal_id == portal_id
    found = session.scalars(select(Message).where(mine, or_(Message.run_id.in_(run_ids), Message.id.in_(ids))))
    return {Place(one.run_id) if one.run_id is not None else Place(one.position, one.id): one for one in found}


# --- figures ---------------------------------------------------------------------------------------------------------------


def figures_by_day(session: Session, line_id: int, since: datetime, until: datetime) -> dict[str, dict[str, int]]:
    """Day (UTC) → figures of the messages planned on it. They are counted every few minutes (messaging.insight.daily)."""
    asked = select(Tally.day, Tally.status, Tally.count).where(
        Tally.line_id == line_id, Tally.day >= since.date(), Tally.day <= (until - timedelta(microseconds=1)).date()
    )
    counted: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for day, status, number in session.execute(asked.order_by(Tally.day)):
        counted[day.isoformat()][status] += number
    return {day: figures(by_status) for day, by_status in counted.items()}


def figures_by_template(
    session: Session, line_id: int, since: datetime, until: datetime, template: str = ""
) -> dict[str, dict[str, int]]:
    """Template → figures of the messages made of it."""
    asked = select(Message.template, Message.status, func.count()).where(
        Message.line_id == line_id,
        Message.template != "",
        *([Message.template == template] if template else []),
        Message.created_at >= since,
        Message.created_at < until,
    )
    counted: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for name, status, number in session.execute(asked.group_by(Message.template, Message.status)):
        counted[name][status] += number
    return {name: figures(counted[name]) for name in sorted(counted)}


def figures(by_status: Counter[str]) -> dict[str, int]:
    """How many messages there were, and how many of them came at least so far."""
    reached = {name: sum(by_status[status] for status in statuses) for name, statuses in _REACHED.items()}
    return {"total": by_status.total(), **reached}


def campaign_replies(session: Session, line_id: int, since: datetime, until: datetime) -> tuple[int, int]:
    """Recipients of campaigns that were written to on a line, and how many of them have replied."""
    sent = (
        (Message.line_id == line_id)
        & (Message.template != "")
        & (Message.created_at >= since)
        & (Message.created_at < until)
        & Message.campaign_id.is_not(None)
        & Message.status.in_(_REACHED["sent"])
    )
    asked = select(func.count(), func.count(Recipient.replied_at)).select_from(Message)
    row = session.execute(asked.outerjoin(Recipient, Recipient.id == Message.origin_id).where(sent)).one()
    return int(row[0]), int(row[1])
