"""A day's messages added up for reports: read by the worker in pieces, or live for the newest rows, and kept by portal."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import case, delete, func, insert, select, update
from sqlalchemy.orm import Session

from messaging.insight.periods import first_hour, hour_column, midnight, read_hour
from messaging.policy import zones
from messaging.policy.settings import Policy
from messaging.runtime import Runtime
from messaging.store.models import Message, Portal
from messaging.store.priced import is_charged
from messaging.store.reports import STATUSES, SUMS, ReportDay, ReportKey, ReportMonth, next_month
from messaging.store.sql import among, insert_missing

#: Rows of one transaction.
BATCH = 100
#: By which messages are told apart, in the order of the columns of ReportKey.
KEY = ("line_id", "origin", "action", "campaign_id", "template", "category", "country", "author_id", "currency")
#: What is counted of each key: columns of ReportDay.
COUNTS = (*STATUSES, *SUMS)
_PLACE = {name: place for place, name in enumerate(COUNTS)}
_COST = case((is_charged(Message), Message.cost))
#: Values of KEY.
Key = tuple[Any, ...]


def pieces(session: Session) -> list[Any]:
    """The columns to group by: hour, portal, status, then KEY."""
    return [
        *(hour_column(session, Message.created_at), Message.portal_id, Message.status),
        *(getattr(Message, name) for name in KEY),
    ]


def sums() -> list[Any]:
    """The columns to add up: how many messages, then SUMS."""
    return [
        func.count(),
        *(func.count(Message.replied_at), func.count(Message.opted_out_at), func.count(_COST)),
        func.coalesce(func.sum(case((Message.billed == 1, 1), else_=0)), 0),
        func.coalesce(func.sum(_COST), 0),
    ]


@dataclass(frozen=True)
class Piece:
    """Messages of one hour that have everything in common."""

    hour: datetime
    portal_id: int
    status: str
    key: Key
    number: int
    sums: tuple[int, ...]

    @classmethod
    def read(cls, row: Sequence[Any]) -> "Piece":
        """From a row of `pieces` and `sums`."""
        hour, portal_id, status, *rest = row
        key = tuple(value or (0 if name.endswith("_id") else "") for name, value in zip(KEY, rest, strict=False))
        number, *added = rest[len(KEY) :]
        return cls(read_hour(hour), portal_id, status, key, number, tuple(int(value) for value in added))


def added(counts: list[int], piece: Piece) -> None:
    """Add a piece to the counts (COUNTS) of its key."""
    if piece.status in _PLACE:
        counts[_PLACE[piece.status]] += piece.number
    for name, value in zip(SUMS, piece.sums, strict=True):
        counts[_PLACE[name]] += value


def empty() -> list[int]:
    return [0] * len(COUNTS)


# --- a day of all portals ---------------------------------------------------------------------------------------------------


@dataclass
class Day:
    """One day as each portal's clock has it. bounds: portal → its first hour and that of the next day."""

    day: date
    bounds: Mapping[int, tuple[datetime, datetime]]
    counted: dict[int, dict[Key, list[int]]] = field(default_factory=dict)

    @property
    def begin(self) -> datetime:
        return min((begin for begin, _end in self.bounds.values()), default=midnight(self.day))

    @property
    def end(self) -> datetime:
        return max((end for _begin, end in self.bounds.values()), default=midnight(self.day))

    def add(self, piece: Piece) -> None:
        """Count a piece, if it lies in its portal's day."""
        begin, end = self.bounds.get(piece.portal_id, (piece.hour, piece.hour))
        if begin <= piece.hour < end:
            keys = self.counted.setdefault(piece.portal_id, {})
            added(keys.setdefault(piece.key, empty()), piece)


def zones_of(session: Session) -> dict[int, tzinfo]:
    """Portal → its time zone."""
    read = session.execute(select(Portal.id, Portal.policy, Portal.region, Portal.language, Portal.phone_region))
    known: dict[tuple[str, ...], tzinfo] = {}
    found = {}
    for portal_id, policy, *of_country in read:
        name = str((policy or {}).get("time_zone") or "")
        said = (name, *of_country)
        if said not in known:
            known[said] = zones.of(Policy(time_zone=name), *of_country)
        found[portal_id] = known[said]
    return found


def day_of(day: date, zones_by_portal: Mapping[int, tzinfo]) -> Day:
    """The day, nothing counted yet."""
    bounds = {
        zone: (first_hour(day, zone), first_hour(day + timedelta(days=1), zone))
        for zone in set(zones_by_portal.values())
    }
    return Day(day, {portal_id: bounds[zone] for portal_id, zone in zones_by_portal.items()})


def keep(runtime: Runtime, found: Day) -> Iterator[None]:
    """Write what has changed on a day, a portal after another; pauses after each piece."""
    with runtime.db.read() as session:
        kept = set(session.scalars(select(ReportDay.portal_id).where(ReportDay.day == found.day).distinct()))
    for portal_id in sorted(kept | found.counted.keys()):
        yield from _keep(runtime, portal_id, found.day, found.counted.pop(portal_id, {}))


def _keep(runtime: Runtime, portal_id: int, day: date, counted: Mapping[Key, list[int]]) -> Iterator[None]:
    known: dict[str, int] = {}
    by_digest = {_digest(key): key for key in counted}
    for digests in _batches(by_digest):
        known |= _ids(runtime, portal_id, digests)
        if missing := [digest for digest in digests if digest not in known]:
            rows = [_key_row(portal_id, day, digest, by_digest[digest]) for digest in missing]
            with runtime.db.write() as session:
                insert_missing(session, ReportKey, rows, "id")
            known |= _ids(runtime, portal_id, missing)
            yield
    new = {known[digest]: tuple(counted[key]) for digest, key in by_digest.items()}
    with runtime.db.read() as session:
        of_day = (ReportDay.portal_id == portal_id, ReportDay.day == day)
        rows_of_day = session.execute(select(ReportDay.key_id, *_counts_columns()).where(*of_day))
        old = {row[0]: tuple(row[1:]) for row in rows_of_day}
    yield  # also where nothing has changed: there may be a thousand portals
    changed = sorted(key_id for key_id in {**old, **new} if old.get(key_id) != new.get(key_id))
    for ids in _batches(changed):
        _write(runtime, portal_id, day, ids, new)
        yield


def _write(
    runtime: Runtime, portal_id: int, day: date, ids: Collection[int], new: Mapping[int, tuple[int, ...]]
) -> None:
    of_ids = (ReportDay.portal_id == portal_id, ReportDay.day == day, ReportDay.key_id.in_(ids))
    values = [
        {"portal_id": portal_id, "day": day, "key_id": key_id, **dict(zip(COUNTS, new[key_id], strict=True))}
        for key_id in ids
        if key_id in new
    ]
    lasting = update(ReportKey).where(ReportKey.id.in_(ids), ReportKey.last_day < day).values(last_day=day)
    with runtime.db.write() as session:
        session.execute(delete(ReportDay).where(*of_ids).execution_options(synchronize_session=False))
        if values:
            session.execute(insert(ReportDay), values)
            session.execute(lasting.execution_options(synchronize_session=False))
        _write_month(session, portal_id, day.replace(day=1), ids)


def _write_month(session: Session, portal_id: int, month: date, ids: Collection[int]) -> None:
    """Sum these keys of a month again, in the transaction that has changed one of its days."""
    days = (ReportDay.portal_id == portal_id, ReportDay.day >= month, ReportDay.day < next_month(month))
    columns = [func.sum(getattr(ReportDay, name)) for name in COUNTS]
    mine = select(ReportDay.key_id, *columns).where(*days, ReportDay.key_id.in_(ids)).group_by(ReportDay.key_id)
    values = [
        {"portal_id": portal_id, "month": month, "key_id": key_id, **dict(zip(COUNTS, map(int, counts), strict=True))}
        for key_id, *counts in session.execute(mine)
    ]
    old = (ReportMonth.portal_id == portal_id, ReportMonth.month == month, ReportMonth.key_id.in_(ids))
    session.execute(delete(ReportMonth).where(*old).execution_options(synchronize_session=False))
    if values:
        session.execute(insert(ReportMonth), values)


def _ids(runtime: Runtime, portal_id: int, digests: Sequence[str]) -> dict[str, int]:
    query = select(ReportKey.digest, ReportKey.id).where(
        ReportKey.portal_id == portal_id, among(ReportKey.digest, "digests")
    )
    with runtime.db.read() as session:
        return {row.digest: row.id for row in session.execute(query, {"digests": list(digests)})}


def _key_row(portal_id: int, day: date, digest: str, key: Key) -> dict[str, Any]:
    return {"portal_id": portal_id, "digest": digest, "last_day": day, **dict(zip(KEY, key, strict=True))}


def _digest(key: Key) -> str:
    return hashlib.sha256("\0".join(map(str, key)).encode()).hexdigest()[:32]


def _counts_columns() -> list[Any]:
    return [getattr(ReportDay, name) for name in COUNTS]


def _batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    whole = list(items)
    for start in range(0, len(whole), BATCH):
        yield whole[start : start + BATCH]
