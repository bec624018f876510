"""What lines have sent and heard, by hour, up to this moment; today and the last seven days in the reader's time zone.

The newest rows of all portals (LIVE of each table) are counted as they stand: some milliseconds. Hours before them come from
the worker's figures (messaging.insight.daily), which are some minutes old. So a page costs the same with a thousand messages
a day or a million, and shows a message as soon as it is sent unless LIVE others were planned within the same hour.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from messaging.insight.failures import refused
from messaging.insight.periods import HOUR, WEEK, first_hour, hour_column, hour_of, read_hour
from messaging.store.models import Message, Reply
from messaging.store.states import MessageStatus
from messaging.store.tallies import REPLY, HourTally

#: The newest rows of a table, which are counted when somebody looks.
LIVE = 2_000
#: Stands among the statuses: runs that failed before their message did.
REFUSED = "refused"
TAKEN = (MessageStatus.ACCEPTED, MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ)
#: Hour → status, REPLY or REFUSED → how many.
Hours = dict[datetime, Counter[str]]


@dataclass(frozen=True)
class Counts:
    """Messages that Gupshup took, that came to the phone, that were read; replies of clients; runs that sent nothing."""

    sent: int = 0
    delivered: int = 0
    read: int = 0
    replies: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Period:
    """What happened in a period, in as long a time before it, and in each of its parts (hours or days)."""

    now: Counts
    before: Counts
    parts: list[tuple[datetime | date, Counts]]


def hours(session: Session, portal_id: int, line_ids: Sequence[int], since: datetime) -> Hours:
    """All hours of a portal from `since` on (the beginning of an hour) in which anything happened. line_ids: all its lines."""
    found: Hours = {}
    for at, name, number in (
        *_counted(session, line_ids, since, Message.created_at, "hour", "status"),
        *_counted(session, line_ids, since, Reply.received_at, "hour"),
        *((at, REFUSED, number) for at, _line_id, _code, number in refused(session, portal_id, since)),
    ):
        found.setdefault(read_hour(at), Counter())[name] += number
    return found


def by_status(session: Session, line_ids: Sequence[int], since: datetime) -> Counter[str]:
    """Messages of these lines planned since `since`, by status."""
    found = Counter[str]()
    for name, number in _counted(session, line_ids, since, Message.created_at, "status"):
        found[name] += number
    return found


def taken_by_line(session: Session, line_ids: Sequence[int], since: datetime) -> Counter[int]:
    """Line → messages planned since `since` that Gupshup took."""
    found = Counter[int]()
    for line_id, name, number in _counted(session, line_ids, since, Message.created_at, "line_id", "status"):
        if name in TAKEN:
            found[line_id] += number
    return found


def _counted(
    session: Session, line_ids: Sequence[int], since: datetime, at: InstrumentedAttribute[datetime], *by: str
) -> Iterator[tuple[Any, ...]]:
    """Rows of `by` (line_id, hour, status) and how many, several times for the same. at: the column with a row's time.

    Of replies, which have no status, each row says REPLY before the number.
    """
    table = at.class_
    first_id, live_from = _live(session, at, since)
    in_hours = (HourTally.line_id.in_(line_ids), HourTally.hour >= since, HourTally.hour < live_from)
    is_reply = HourTally.status == REPLY
    kept = [getattr(HourTally, name) for name in by]
    whole = select(*kept, func.sum(HourTally.count)).where(*in_hours, is_reply if table is Reply else ~is_reply)
    live = [hour_column(session, at) if name == "hour" else getattr(table, name) for name in by]
    rows = select(*live, func.count()).where(table.id >= first_id, table.line_id.in_(line_ids), at >= live_from)
    word = (REPLY,) if table is Reply else ()
    for query in (whole.group_by(*kept), rows.group_by(*live)):
        for *key, number in session.execute(query):
            yield (*key, *word, number)


def _live(session: Session, at: InstrumentedAttribute[datetime], since: datetime) -> tuple[int, datetime]:
    """The first id of the rows that are counted as they stand, and the first hour that lies in them wholly."""
    table = at.class_
    first_id = (session.scalar(select(table.id).order_by(table.id.desc()).limit(1)) or 0) - LIVE
    before = select(at).where(table.id < first_id).order_by(table.id.desc()).limit(1)
    last_before = session.scalar(before) if first_id > 0 else None
    return first_id, since if last_before is None else max(since, hour_of(last_before) + HOUR)


# --- periods ----------------------------------------------------------------------------------------------------------------


def begin(now: datetime, zone: tzinfo) -> datetime:
    """The first hour that `today` and `week` look at."""
    return first_hour(now.astimezone(zone).date() - timedelta(days=2 * WEEK - 1), zone)


def today(found: Hours, now: datetime, zone: tzinfo) -> Period:
    """The day by hours, beside the day before up to the same time."""
    start = first_hour(now.astimezone(zone).date(), zone)
    parts = [(at, _counts(found.get(at, {}))) for at in (start + nth * HOUR for nth in range(24))]
    return Period(_between(found, start, now), _between(found, start, now, timedelta(days=1)), [*parts])


def week(found: Hours, now: datetime, zone: tzinfo) -> Period:
    """Seven days with today, beside the seven before up to the same time."""
    days = [now.astimezone(zone).date() - timedelta(days=back) for back in reversed(range(WEEK))]
    by_day = {day: Counter[str]() for day in days}
    for at, counts in found.items():
        day = (at + HOUR / 2).astimezone(zone).date()
        if day in by_day:
            by_day[day].update(counts)
    start = first_hour(days[0], zone)
    parts = [(day, _counts(counts)) for day, counts in by_day.items()]
    return Period(_between(found, start, now), _between(found, start, now, timedelta(days=WEEK)), [*parts])


def _between(found: Hours, start: datetime, now: datetime, earlier: timedelta = timedelta()) -> Counts:
    """From `start` until `now`, or the same time so much earlier: of its last hour as much as has passed of this one."""
    last = hour_of(now)
    whole, part = Counter[str](), Counter[str]()
    for at, counts in found.items():
        if start - earlier <= at < last - earlier:
            whole.update(counts)
        elif at == last - earlier:
            part = counts
    share = (now - last) / HOUR if earlier else 1
    whole.update({name: round(number * share) for name, number in part.items()})
    return _counts(whole)


def _counts(by_status: Mapping[str, int]) -> Counts:
    def of(*names: str) -> int:
        return sum(by_status.get(name, 0) for name in names)

    return Counts(
        sent=of(*TAKEN),
        delivered=of(MessageStatus.DELIVERED, MessageStatus.READ),
        read=of(MessageStatus.READ),
        replies=of(REPLY),
        failed=of(MessageStatus.FAILED, REFUSED),
    )
