"""Where in a table a moment lies. Ids rise with time, so the primary key finds it: no index on the time burdens inserts."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from messaging.store.database import Database

#: Ids and times of several processes may lie the other way round by a moment's messages.
BLUR = 1_000


def first_since(
    session: Session, key: InstrumentedAttribute[int], at: InstrumentedAttribute[datetime], moment: datetime
) -> int:
    """The id from which on rows are of `moment` or later; beyond the last one if all are older.

    Halving: some 25 looks at the primary key for 36 million rows, one if nothing is that old. Rows of several processes may
    lie the other way round by a few seconds: whoever needs it exactly asks for the time as well.
    """
    first = session.execute(select(key, at).order_by(key).limit(1)).first()
    if first is None or first[1] >= moment:
        return int(first[0]) if first else 0
    low = int(first[0]) + 1
    high = int(session.scalar(select(key).order_by(key.desc()).limit(1)) or low) + 1
    while low < high:
        middle = (low + high) // 2
        found = session.execute(select(key, at).where(key >= middle).order_by(key).limit(1)).first()
        if found is None or found[1] >= moment:
            high = middle
        else:
            low = int(found[0]) + 1
    return low


def stretches(
    db: Database, at: InstrumentedAttribute[datetime], begin: datetime, end: datetime, size: int
) -> Iterator[list[Any]]:
    """The conditions for the rows of a period, so many ids after another. at: the column with a row's time."""
    key = at.class_.id
    with db.read() as session:
        low = first_since(session, key, at, begin) - BLUR
        high = first_since(session, key, at, end) + BLUR
        high = min(high, (session.scalar(select(key).order_by(key.desc()).limit(1)) or 0) + 1)
    for start in range(low, high, size):
        yield [key >= start, key < min(start + size, high), at >= begin, at < end]
