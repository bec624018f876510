"""Daily figures: how many messages of each line have come how far, counted by day and kept when the messages go.

Nothing is counted where messages are sent: an index or a counter would cost each change of status. A day's messages lie side
by side in the table, so reading them again costs a tenth of a second per 100,000, in pieces, without the write lock.
Today is counted every five minutes, each of the seven days before once a day (a message may be read days later).
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from sqlalchemy import delete, func, select

from messaging.insight.periods import midnight
from messaging.runtime import Runtime
from messaging.store.id_search import first_since
from messaging.store.models import Message, Tally

EVERY = timedelta(minutes=5)
SETTLED = timedelta(days=7)
#: Ids per look: some 10 ms.
CHUNK = 10_000
#: Rows of one transaction.
BATCH = 100
#: Ids and times of several processes may lie the other way round by a moment's messages.
BLUR = 1_000
Counts = dict[tuple[int, str], int]


class Tallies:
    """Which days are due is known to this object alone: after a restart all eight are counted once more."""

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
    """Count the messages planned on a day and keep the figures; pauses after each piece."""
    begin, end = midnight(day), midnight(day + timedelta(days=1))
    with runtime.db.read() as session:
        low = first_since(session, Message.id, Message.created_at, begin) - BLUR
        high = first_since(session, Message.id, Message.created_at, end) + BLUR
        high = min(high, (session.scalar(select(Message.id).order_by(Message.id.desc()).limit(1)) or 0) + 1)
    counts: Counter[tuple[int, str]] = Counter()
    for start in range(low, high, CHUNK):
        piece = (
            select(Message.line_id, Message.status, func.count())
            .where(Message.id >= start, Message.id < min(start + CHUNK, high))
            .where(Message.created_at >= begin, Message.created_at < end)
            .group_by(Message.line_id, Message.status)
        )
        with runtime.db.read() as session:
            counts.update({(line, status): number for line, status, number in session.execute(piece)})
        yield
    _keep(runtime, day, counts)


def _keep(runtime: Runtime, day: date, counts: Counts) -> None:
    with runtime.db.read() as session:
        rows = session.scalars(select(Tally).where(Tally.day == day))
        kept = {(row.line_id, row.status): row.count for row in rows}
    changed = sorted(place for place in {**kept, **counts} if kept.get(place) != counts.get(place))
    for start in range(0, len(changed), BATCH):
        with runtime.db.write() as session:
            for line, status in changed[start : start + BATCH]:
                if number := counts.get((line, status)):
                    session.merge(Tally(day=day, line_id=line, status=status, count=number))
                else:
                    gone = delete(Tally).where(Tally.day == day, Tally.line_id == line, Tally.status == status)
                    session.execute(gone)
