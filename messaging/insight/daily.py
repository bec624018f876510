"""Figures by day and by hour: how many messages have come how far, kept when the messages go.

Nothing is counted where messages are sent: an index or a counter would cost each change of status. A day's messages lie side
by side in the table, so reading them again costs a tenth of a second per 100,000, in pieces, without the write lock.
One reading gives three tables: days and hours of each line in UTC, and the portals' own days for reports, told apart by robot,
template and so on (messaging.insight.report_counting). The day that runs is counted every five minutes, the day before every
hour, each of the thirteen before once a day (a message may be read days later); an older one when something of it changes.
What pages show of the newest hours they count themselves (messaging.insight.traffic, messaging.insight.reports).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select, tuple_

from messaging.insight import recounting, report_counting
from messaging.insight.periods import hour_column, midnight, read_hour
from messaging.insight.report_counting import Piece
from messaging.runtime import Runtime
from messaging.store.id_search import stretches
from messaging.store.models import Message, Reply
from messaging.store.reports import SETTLED
from messaging.store.tallies import REPLY, HourTally, Tally

EVERY = timedelta(minutes=5)
#: The day before the one that runs, where most of what is late belongs.
EVERY_HOUR = timedelta(hours=1)
#: Ids per look: some 10 ms.
CHUNK = 10_000
#: Rows of one transaction.
BATCH = 100
DAY = timedelta(days=1)
#: Hour, line, status → how many.
HourCounts = Counter[tuple[datetime, int, str]]


class Tallies:
    """Which days are due is known to this object alone: after a restart all of them are counted once more."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._counted: dict[date, datetime] = {}
        self._work: Iterator[None] | None = None
        self._today: tuple[datetime, set[date]] | None = None

    def step(self) -> bool:
        """Count one piece; False if no day is due."""
        if self._work is None:
            self._work = self._next()
        if self._work is None:
            return False
        try:
            next(self._work)
        except StopIteration:
            self._work = None
        except BaseException:
            self._work = None
            raise
        return True

    def _next(self) -> Iterator[None] | None:
        now = self.runtime.clock()
        day = self._due(now)
        if day is not None:
            self._counted[day] = now
            return count(self.runtime, day)
        again = recounting.due(self.runtime)
        return recounting.recount(self.runtime, again, count) if again is not None else None

    def _due(self, now: datetime) -> date | None:
        running = self._running(now)
        oldest = min(running)
        self._counted = {day: at for day, at in self._counted.items() if day >= oldest - SETTLED}
        every = {**dict.fromkeys(sorted(running, reverse=True), EVERY), oldest - DAY: EVERY_HOUR}
        for day, often in every.items():
            if day not in self._counted or now - self._counted[day] >= often:
                return day
        earlier = (oldest - DAY * back for back in range(2, SETTLED.days + 1))
        return next((day for day in earlier if day not in self._counted or self._counted[day] < midnight(oldest)), None)

    def _running(self, now: datetime) -> set[date]:
        """Today, as the clocks of the portals show it; read every five minutes."""
        if self._today is None or now - self._today[0] >= EVERY:
            with self.runtime.db.read() as session:
                clocks = set(report_counting.zones_of(session).values())
            self._today = now, {now.date(), *(now.astimezone(zone).date() for zone in clocks)}
        return self._today[1]


def count(runtime: Runtime, day: date) -> Iterator[None]:
    """Count the messages planned on a day and the replies that came, and keep the figures; pauses after each piece.

    day: of UTC for lines, of each portal's zone for reports.
    """
    counts: HourCounts = Counter()
    with runtime.db.read() as session:
        report = report_counting.day_of(day, report_counting.zones_of(session))
    yield from _count_messages(runtime, day, counts, report)
    by_day: Counter[tuple[Any, ...]] = Counter()
    for (_hour, line, status), number in counts.items():
        by_day[day, line, status] += number
    yield from _count_replies(runtime, day, counts)
    yield from _keep(runtime, Tally, Tally.day, by_day, (day, day + DAY))
    yield from _keep(runtime, HourTally, HourTally.hour, counts, _bounds(day))
    yield from report_counting.keep(runtime, report)


def _bounds(day: date) -> tuple[datetime, datetime]:
    return midnight(day), midnight(day + DAY)


def _count_messages(runtime: Runtime, day: date, counts: HourCounts, report: report_counting.Day) -> Iterator[None]:
    """Add a day's messages to the hours of its lines, and to the days of its portals."""
    first, last = _bounds(day)
    begin, end = min(first, report.begin), max(last, report.end)
    for in_piece in stretches(runtime.db, Message.created_at, begin, end, CHUNK):
        with runtime.db.read() as session:
            columns = report_counting.pieces(session)
            rows = session.execute(select(*columns, *report_counting.sums()).where(*in_piece).group_by(*columns))
            for piece in map(Piece.read, rows):
                report.add(piece)
                if first <= piece.hour < last:
                    counts[piece.hour, piece.key[0], piece.status] += piece.number
        yield


def _count_replies(runtime: Runtime, day: date, counts: HourCounts) -> Iterator[None]:
    for in_piece in stretches(runtime.db, Reply.received_at, *_bounds(day), CHUNK):
        with runtime.db.read() as session:
            columns = (hour_column(session, Reply.received_at), Reply.line_id)
            for found, line, number in session.execute(
                select(*columns, func.count()).where(*in_piece).group_by(*columns)
            ):
                counts[read_hour(found), line, REPLY] += number
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
