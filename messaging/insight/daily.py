"""Figures by day and by hour: how many messages of each line have come how far, kept when the messages go.

Nothing is counted where messages are sent: an index or a counter would cost each change of status. A day's messages lie side
by side in the table, so reading them again costs a tenth of a second per 100,000, in pieces, without the write lock.
Today is counted every five minutes, each of the fourteen days before once a day (a message may be read days later).
What pages show of the newest hours they count themselves (messaging.insight.traffic).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from messaging.insight.periods import WEEK, hour_column, midnight, read_hour
from messaging.runtime import Runtime
from messaging.store.id_search import first_since
from messaging.store.models import Message, Reply
from messaging.store.tallies import REPLY, HourTally, Tally

EVERY = timedelta(minutes=5)
SETTLED = timedelta(days=2 * WEEK)
#: Ids per look: some 10 ms.
CHUNK = 10_000
#: Rows of one transaction.
BATCH = 100
#: Ids and times of several processes may lie the other way round by a moment's messages.
BLUR = 1_000
#: Hour, line, status → how many.
HourCounts = Counter[tuple[datetime, int, str]]


class Tallies:
    """Which days are due is known to this object alone: after a restart all of them are counted once more."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._counted: dict[date, datetime] = {}
        self._work: Iterator[None] | None = None

    def step(self) -> bool:
        """Count one piece; False if no day is due."""
        if self._work is None:
            now = self.runtime.clock()
            day = self._due(now)
            if day is None:
                return False
            self._counted[day] = now
            self._work = count(self.runtime, day)
        try:
            next(self._work)
        except StopIteration:
            self._work = None
        except BaseException:
            self._work = None
            raise
        return True

    def _due(self, now: datetime) -> date | None:
        today = now.date()
        self._counted = {day: at for day, at in self._counted.items() if day >= today - SETTLED}
        if today not in self._counted or now - self._counted[today] >= EVERY:
            return today
        earlier = (today - timedelta(days=back) for back in range(1, SETTLED.days + 1))
        return next((day for day in earlier if day not in self._counted or self._counted[day] < midnight(today)), None)


def count(runtime: Runtime, day: date) -> Iterator[None]:
    """Count the messages planned on a day (UTC) and the replies that came, and keep the figures; pauses after each piece."""
    counts: HourCounts = Counter()
    yield from _count(runtime, day, counts, Message.created_at, Message.status)
    by_day: Counter[tuple[Any, ...]] = Counter()
    for (_hour, line, status), number in counts.items():
        by_day[day, line, status] += number
    yield from _count(runtime, day, counts, Reply.received_at)
    yield from _keep(runtime, Tally, Tally.day, by_day, (day, day + timedelta(days=1)))
    yield from _keep(runtime, HourTally, HourTally.hour, counts, _bounds(day))


def _bounds(day: date) -> tuple[datetime, datetime]:
    return midnight(day), midnight(day + timedelta(days=1))


def _count(
    runtime: Runtime, day: date, counts: HourCounts, at: InstrumentedAttribute[datetime], *status: Any
) -> Iterator[None]:
    """Add a day's rows of one table. at: the column with their time; status: that with their status, if they have one."""
    table, (begin, end) = at.class_, _bounds(day)
    with runtime.db.read() as session:
        low = first_since(session, table.id, at, begin) - BLUR
        high = first_since(session, table.id, at, end) + BLUR
        high = min(high, (session.scalar(select(table.id).order_by(table.id.desc()).limit(1)) or 0) + 1)
    for start in range(low, high, CHUNK):
        with runtime.db.read() as session:
            columns = (hour_column(session, at), table.line_id, *status)
            piece = (
                select(*columns, func.count())
                .where(table.id >= start, table.id < min(start + CHUNK, high))
                .where(at >= begin, at < end)
                .group_by(*columns)
            )
            for found, line, *name, number in session.execute(piece):
                counts[read_hour(found), line, name[0] if name else REPLY] += number
        yield


def _keep(
    runtime: Runtime, table: type[Tally | HourTally], at: Any, counts: Mapping[tuple[Any, ...], int], bounds: Any
) -> Iterator[None]:
    """Write what has changed. counts: time, line, status → how many; at: the table's time; bounds: the first, and the next."""
    key = (at, table.line_id, table.status)
    with runtime.db.read() as session:
        rows = session.execute(select(*key, table.count).where(at >= bounds[0], at < bounds[1]))
        kept = {(when, line, status): number for when, line, status, number in rows}
    changed = sorted(place for place in {**kept, **counts} if kept.get(place) != counts.get(place))
    for start in range(0, len(changed), BATCH):
        places = changed[start : start + BATCH]
        values = [
            {at.key: when, "line_id": line, "status": status, "count": counts[when, line, status]}
            for when, line, status in places
            if (when, line, status) in counts
        ]
        with runtime.db.write() as session:
            session.execute(delete(table).where(tuple_(*key).in_(places)).execution_options(synchronize_session=False))
            if values:
                session.execute(insert(table), values)
        yield
