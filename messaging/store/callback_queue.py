"""The queue of events for endpoints: counted in, taken out in order, ended. Only the drain that holds the shard does this."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import bindparam, delete, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from messaging.store.callbacks import Callback, CallbackState, Endpoint, EndpointState
from messaging.store.models import Portal
from messaging.store.sql import among, not_among
from messaging.store.states import PortalStatus
from messaging.store.types import UTCDateTime

#: Events that may wait for one endpoint: those of a campaign of 12,000. Fewer may wait for an endpoint that takes none.
MOST_WAITING = 50_000
#: The same for one that has taken nothing for DEAD_FOR.
MOST_FOR_DEAD, DEAD_FOR = 5_000, timedelta(hours=1)
#: Rows counted in at once, and endpoints looked at in one round.
GROUP, LOOKED_AT = 1_000, 100

# Statements are made once: building a statement takes longer than running it.
_NOW = bindparam("now", type_=UTCDateTime)
_NEW = (
    select(Callback.id, Callback.endpoint_id)
    .where(among(Callback.shard, "shards"), Callback.state == "new")
    .order_by(Callback.id)
    .limit(bindparam("limit"))
)
#: Locked so that a change of a row waits, and a writer of events does not: his foreign key only shares the row's key.
_ENDPOINTS = (
    select(Endpoint)
    .where(among(Endpoint.id, "ids"))
    .order_by(Endpoint.id)
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)
_ADMITTED = (
    update(Callback)
    .where(among(Callback.id, "ids"))
    .values(state=CallbackState.WAITING)
    .execution_options(synchronize_session=False)
)
_DUE = (
    select(Endpoint)
    .join(Portal, Portal.id == Endpoint.portal_id)
    .where(
        among(Endpoint.shard, "shards"),
        Endpoint.due_at.is_not(None),
        Endpoint.due_at <= _NOW,
        Endpoint.state == EndpointState.ON,
        Portal.status != PortalStatus.INACTIVE,
        not_among(Endpoint.id, "busy"),
        not_among(Endpoint.portal_id, "full"),
    )
    .order_by(Endpoint.due_at, Endpoint.id)
    .limit(LOOKED_AT)
    .with_for_update(of=Endpoint, skip_locked=True, key_share=True)
    .execution_options(populate_existing=True)
)
_earlier = aliased(Callback)
#: An earlier event of the same lane that waits for its next try; of those that are due as well, the batch keeps the order.
_IS_BLOCKED = exists().where(
    _earlier.endpoint_id == Callback.endpoint_id,
    _earlier.lane == Callback.lane,
    Callback.lane != "",
    _earlier.state == "waiting",
    _earlier.id < Callback.id,
    _earlier.due_at > _NOW,
)
_NEXT = (
    select(Callback)
    .where(
        Callback.endpoint_id == bindparam("endpoint"),
        Callback.state == "waiting",
        Callback.due_at <= _NOW,
        ~_IS_BLOCKED,
    )
    .order_by(Callback.id)
    .limit(bindparam("limit"))
)
_LATER = select(func.min(Callback.due_at)).where(
    Callback.endpoint_id == bindparam("endpoint"), Callback.state == "waiting", Callback.due_at > _NOW
)
_ROWS = (
    select(Callback)
    .where(among(Callback.id, "ids"), Callback.endpoint_id == bindparam("endpoint"), Callback.state == "waiting")
    .with_for_update()
    .execution_options(populate_existing=True)
)
_HASTENED = (
    update(Callback)
    .where(Callback.endpoint_id == bindparam("endpoint"), Callback.state == "waiting", Callback.due_at > _NOW)
    .values(due_at=_NOW)
    .execution_options(synchronize_session=False)
)


def admit(session: Session, shards: Iterable[int], now: datetime) -> None:
    """Count in what was written since the last time. What an endpoint has no room for is deleted, and counted as missed."""
    found = session.execute(_NEW, {"shards": list(shards), "limit": GROUP}).all()
    if not found:
        return
    of: defaultdict[int, list[int]] = defaultdict(list)
    for row in found:
        of[row.endpoint_id].append(row.id)
    kept: list[int] = []
    missed: list[int] = []
    for endpoint in session.scalars(_ENDPOINTS, {"ids": sorted(of)}):
        ids = of[endpoint.id]
        room = max(0, _most(endpoint, now) - endpoint.waiting)
        kept += ids[:room]
        missed += ids[room:]
        endpoint.waiting += len(ids[:room])
        if ids[room:]:
            endpoint.missed, endpoint.missed_at = endpoint.missed + len(ids[room:]), now
        if endpoint.state == EndpointState.ON and endpoint.due_at is None:
            endpoint.due_at = now
    session.flush()
    if kept:
        session.execute(_ADMITTED, {"ids": kept})
    if missed:
        session.execute(delete(Callback).where(Callback.id.in_(missed)).execution_options(synchronize_session=False))


def _most(endpoint: Endpoint, now: datetime) -> int:
    since = endpoint.failing_since
    is_dead = endpoint.state != EndpointState.ON or (since is not None and now - since >= DEAD_FOR)
    return MOST_FOR_DEAD if is_dead else MOST_WAITING


def due(
    session: Session, shards: Iterable[int], now: datetime, busy: Collection[int], full: Collection[int]
) -> Sequence[Endpoint]:
    """Endpoints with events that are due, locked, the longest waiting first. full: portals that use all their slots."""
    asked = {"shards": list(shards), "now": now, "busy": list(busy), "full": list(full)}
    return session.scalars(_DUE, asked).all()


def next_of(session: Session, endpoint_id: int, now: datetime, limit: int) -> Sequence[Callback]:
    """The next events of an endpoint, the oldest first; none whose lane waits for an earlier one."""
    return session.scalars(_NEXT, {"endpoint": endpoint_id, "now": now, "limit": limit}).all()


def later(session: Session, endpoint_id: int, now: datetime) -> datetime | None:
    """When an event of this endpoint becomes due; None: none waits."""
    return session.scalar(_LATER, {"endpoint": endpoint_id, "now": now})


def locked(session: Session, endpoint_id: int) -> Endpoint | None:
    return session.get(Endpoint, endpoint_id, with_for_update={"key_share": True}, populate_existing=True)


def by_id(session: Session, endpoint_id: int, ids: Collection[int]) -> Mapping[int, Callback]:
    """The events with these ids that still wait, locked."""
    return {row.id: row for row in session.scalars(_ROWS, {"ids": list(ids), "endpoint": endpoint_id})}


def end(endpoint: Endpoint, row: Callback, state: CallbackState, now: datetime) -> None:
    """An event was taken or is given up."""
    row.state, row.ended_at = state, now
    endpoint.waiting = max(0, endpoint.waiting - 1)


def hasten(session: Session, endpoint_id: int, now: datetime) -> None:
    """Everything that waits is due now."""
    session.execute(_HASTENED, {"endpoint": endpoint_id, "now": now})


def host_of(endpoint: Endpoint) -> str:
    """The host of an endpoint, as people know it by; the rest of an address may hold a secret."""
    return urlsplit(endpoint.url).netloc or "?"
