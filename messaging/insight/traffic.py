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

#: Rows of a table that are counted as they stand.
LIVE = 2_000
#: Stands among the statuses: runs that failed before their message did.
REFUSED = "refused"
TAKEN = (MessageStatus.ACCEPTED, MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ)
#: Line and hour → status, REPLY or REFUSED → how many.
Hours = dict[tuple[int | None, datetime], Counter[str]]


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
    found = of_lines(session, line_ids, since)
    for at, line_id, _code, number in refused(session, portal_id, since):
        found.setdefault((line_id, at), Counter())[REFUSED] += number
    return found


def of_lines(session: Session, line_ids: Sequence[int], since: datetime) -> Hours:
    """The same for lines, without the runs that were refused."""
    found: Hours = {}
    for line_id, at, name, number in (
        *_counted(session, line_ids, since, Message.created_at, Message.status),
        *_counted(session, line_ids, since, Reply.received_at),
    ):
        found.setdefault((line_id, at), Counter())[name] += number
    return found


def _counted(
    session: Session, line_ids: Sequence[int], since: datetime, at: InstrumentedAttribute[datetime], *status: Any
) -> Iterator[tuple[int, datetime, str, int]]:
    """Line, hour, status, how many. at: the column with a row's time; status: that with its status, if it has one."""
    table = at.class_
    first_id, live_from = _live(session, at, since)
    kept = select(HourTally.line_id, HourTally.hour, HourTally.status, HourTally.count).where(
        HourTally.line_id.in_(line_ids), HourTally.hour >= since, HourTally.hour < live_from
    )
    is_reply = HourTally.status == REPLY
    yield from session.execute(kept.where(is_reply if table is Reply else ~is_reply))  # type: ignore[misc]  # rows are tuples
    hour = hour_column(session, at)
    columns = (table.line_id, hour, *status)
    live = select(*columns, func.count()).where(table.id >= first_id, table.line_id.in_(line_ids), at >= live_from)
    for line_id, found, *name, number in session.execute(live.group_by(*columns)):
        yield line_id, read_hour(found), name[0] if name else REPLY, number


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
    by_hour = _by_hour(found)
    parts = [(at, _counts(by_hour.get(at, {}))) for at in (start + nth * HOUR for nth in range(24))]
    return Period(_between(by_hour, start, now), _between(by_hour, start, now, timedelta(days=1)), [*parts])


def week(found: Hours, now: datetime, zone: tzinfo) -> Period:
    """Seven days with today, beside the seven before up to the same time."""
    days = [now.astimezone(zone).date() - timedelta(days=back) for back in reversed(range(WEEK))]
    by_hour = _by_hour(found)
    by_day = {day: Counter[str]() for day in days}
    for at, counts in by_hour.items():
        day = (at + HOUR / 2).astimezone(zone).date()
        if day in by_day:
            by_day[day].update(counts)
    start = first_hour(days[0], zone)
    parts = [(day, _counts(counts)) for day, counts in by_day.items()]
    return Period(_between(by_hour, start, now), _between(by_hour, start, now, timedelta(days=WEEK)), [*parts])


def _by_hour(found: Hours) -> dict[datetime, Counter[str]]:
    summed: dict[datetime, Counter[str]] = {}
    for (_line_id, at), counts in found.items():
        summed.setdefault(at, Counter()).update(counts)
    return summed


def _between(
    by_hour: Mapping[datetime, Counter[str]], start: datetime, now: datetime, earlier: timedelta = timedelta()
) -> Counts:
    """From `start` until `now`, or the same time so much earlier: of its last hour as much as has passed of this one."""
    last = hour_of(now)
    whole, part = Counter[str](), Counter[str]()
    for at, counts in by_hour.items():
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


def by_status(found: Hours, since: datetime) -> Counter[str]:
    """Messages planned since `since`, by status."""
    summed = Counter[str]()
    for (_line_id, at), counts in found.items():
        if at >= since:
            summed.update({name: number for name, number in counts.items() if name not in (REPLY, REFUSED)})
    return summed


def taken_by_line(found: Hours, since: datetime) -> Counter[int | None]:
    """Line → messages planned since `since` that Gupshup took."""
    summed = Counter[int | None]()
    for (line_id, at), counts in found.items():
        if at >= since:
            summed[line_id] += sum(counts[name] for name in TAKEN)
    return summed
