"""What was seen in the traffic, from the memory of Redis into the table `observation`, and what is kept there.

Web and worker processes count in memory and flush with their counters; a worker's supervisor moves the sums once a minute, and
the doctor before it reads. A Redis that is emptied costs a minute; a crash between the two counts a minute twice. The table is
small: the answers to open points are words of ours, and of shapes only so many are kept; more are counted without their shape.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from redis.exceptions import ResponseError
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from messaging.runtime import Runtime
from messaging.store.crypto import digest
from messaging.store.observations import Observation
from messaging.system.counters import POINT, SEEN, SEPARATOR

#: Shapes that are kept for one portal (0: portals that are not known), and in all.
PER_PORTAL, IN_ALL = 100, 5000
TAKEN, LOCK, LOCK_S = f"{SEEN}:taken", f"{SEEN}:lock", 60
Key = tuple[int, str, str, str]


def gather(runtime: Runtime) -> int:
    """Move what was seen into the database; returns how many different things. Raises RedisError, SQLAlchemyError."""
    redis = runtime.redis
    runtime.counters.flush(redis)
    if not redis.set(LOCK, 1, nx=True, ex=LOCK_S):
        return 0  # somebody does it this moment
    try:
        try:
            redis.renamenx(SEEN, TAKEN)  # what an earlier try has left goes first
        except ResponseError:
            if not redis.exists(TAKEN):
                return 0
        kept: dict[bytes, bytes] = redis.hgetall(TAKEN)  # type: ignore[assignment]  # nothing is decoded
        found = {key: int(times) for raw, times in kept.items() if (key := _key(raw.decode())) is not None}
        with runtime.db.write() as session:
            _add(session, runtime, found)
        redis.delete(TAKEN)
        return len(found)
    finally:
        redis.delete(LOCK)


def _key(text: str) -> Key | None:
    """portal, kind, name, what; None for a key that an older version wrote."""
    parts = text.split(SEPARATOR)
    return (int(parts[0]), parts[1], parts[2], parts[3]) if len(parts) == 4 and parts[0].isdecimal() else None


def _add(session: Session, runtime: Runtime, found: dict[Key, int]) -> None:
    now, room = runtime.clock(), _Room(session)
    for (portal, kind, name, what), times in found.items():
        row = session.get(Observation, (portal, kind, _digest(name, what)))
        if row is None and kind != POINT and what and not room.take(portal):
            what = ""
            row = session.get(Observation, (portal, kind, _digest(name, what)))
        if row is None:
            row = Observation(portal_id=portal, kind=kind, digest=_digest(name, what), name=name, what=what)
            row.first_seen, row.count = now, 0
            session.add(row)
        row.last_seen, row.count = now, row.count + times
        session.flush()


def _digest(name: str, what: str) -> str:
    return digest(f"{name}{SEPARATOR}{what}")[:32]


class _Room:
    """How many more shapes may be kept."""

    def __init__(self, session: Session) -> None:
        counted = select(Observation.portal_id, func.count()).where(Observation.kind != POINT)
        self._kept: Counter[int] = Counter()
        for portal, number in session.execute(counted.group_by(Observation.portal_id)):
            self._kept[portal] = number

    def take(self, portal: int) -> bool:
        if self._kept[portal] >= PER_PORTAL or self._kept.total() >= IN_ALL:
            return False
        self._kept[portal] += 1
        return True


def answers(session: Session, portal_ids: Sequence[int] | None = None) -> list[Observation]:
    """The answers to open points. portal_ids: of these portals alone."""
    return list(_rows(session, Observation.kind == POINT, portal_ids))


def shapes(session: Session, portal_ids: Sequence[int] | None = None) -> list[Observation]:
    """The shapes of unknown and refused payloads, the last one first. portal_ids: of these portals alone."""
    return list(_rows(session, Observation.kind != POINT, portal_ids))


def _rows(session: Session, which: ColumnElement[bool], portal_ids: Sequence[int] | None) -> Iterator[Observation]:
    query = select(Observation).where(which)
    if portal_ids is not None:
        query = query.where(Observation.portal_id.in_(portal_ids))
    yield from session.scalars(query.order_by(Observation.last_seen.desc(), Observation.kind, Observation.name))
