"""The endpoints of a portal that want an event: read once in a transaction, or not at all if another row says there is none."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from secrets import token_urlsafe
from typing import Any

from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import Session

from messaging.callbacks import shapes
from messaging.store.callbacks import Callback, CallbackState, Endpoint, EndpointState, Event
from messaging.store.models import shard_of


@dataclass(frozen=True)
class Listener:
    """An endpoint that is on. origins: of the messages whose statuses it wants, none: all."""

    id: int
    events: frozenset[str]
    origins: frozenset[str]

    def wants(self, event: Event, origin: str) -> bool:
        return event in self.events and (not origin or not self.origins or origin in self.origins)


@dataclass(frozen=True)
class News:
    """Something that has happened. lane: what it is about, so that its events keep their order. origin: of a message."""

    event: Event
    lane: str
    at: datetime
    data: Mapping[str, Any]
    origin: str = ""


_LISTENING = (
    select(Endpoint.id, Endpoint.events, Endpoint.origins)
    .where(Endpoint.portal_id == bindparam("portal"), Endpoint.state == EndpointState.ON)
    .order_by(Endpoint.id)
)


def listeners(session: Session, portal_id: int) -> Sequence[Listener]:
    """The endpoints of this portal that are on; asked once in a transaction."""
    known: dict[int, Sequence[Listener]] = session.info.setdefault("listeners", {})
    if portal_id not in known:
        rows = session.execute(_LISTENING, {"portal": portal_id})
        known[portal_id] = [Listener(row.id, frozenset(row.events), frozenset(row.origins)) for row in rows]
    return known[portal_id]


def nobody_listens(session: Session, portal_id: int) -> None:
    """Another statement of this transaction has seen that this portal has no endpoint: it is not asked again."""
    known: dict[int, Sequence[Listener]] = session.info.setdefault("listeners", {})
    known.setdefault(portal_id, ())


def wanted(session: Session, portal_id: int, event: Event) -> bool:
    """Whether any endpoint of the portal wants such events."""
    return any(listener.wants(event, "") for listener in listeners(session, portal_id))


def tell(session: Session, portal_id: int, now: datetime, news: Iterable[News]) -> None:
    """Store what has happened, once for each endpoint that wants to know it; it leaves when this transaction is through."""
    rows: list[dict[str, Any]] = []
    for one in news:
        ears = [listener.id for listener in listeners(session, portal_id) if listener.wants(one.event, one.origin)]
        rows += _rows(portal_id, now, one, ears)
    if rows:
        session.execute(insert(Callback), rows)


def tell_one(session: Session, portal_id: int, endpoint_id: int, now: datetime, news: News) -> None:
    """Store an event for one endpoint, whatever it wants."""
    session.execute(insert(Callback), _rows(portal_id, now, news, [endpoint_id]))


def _rows(portal_id: int, now: datetime, news: News, endpoint_ids: Iterable[int]) -> list[dict[str, Any]]:
    ids = list(endpoint_ids)
    if not ids:
        return []
    common = {
        "key": f"msg_{token_urlsafe(18)}",
        "portal_id": portal_id,
        "shard": shard_of(portal_id),
        "type": news.event,
        "lane": news.lane[:40],
        "body": shapes.body(news.event, news.at, news.data),
        "state": CallbackState.NEW,
        "created_at": now,
        "due_at": now,
    }
    return [{**common, "endpoint_id": endpoint_id} for endpoint_id in ids]
