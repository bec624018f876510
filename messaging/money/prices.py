"""The prices that a portal has set itself: read, set, removed. Each change raises `portal.prices_version`.

Workers keep a portal's table in memory under that number, which they read with the portal anyway: planning a message asks
the database for no price, and a change is known at the next message.
"""

from collections.abc import Iterable, Sequence
from datetime import date

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from messaging.money.table import Rate, Table
from messaging.runtime import Runtime
from messaging.store.models import Portal
from messaging.store.money import Price
from messaging.store.sql import insert_missing

#: Prices of its own that a portal may have.
AT_MOST = 5_000
#: Tables kept in one process.
_KEPT = 200
_PRICES = (
    select(Price.id, Price.country, Price.category, Price.since, Price.amount, Price.currency)
    .order_by(Price.country, Price.category, Price.since)
    .limit(AT_MOST)
)
log = structlog.get_logger(__name__)


class TooMany(Exception):
    """More than AT_MOST prices."""


def table_of(runtime: Runtime, portal: Portal) -> Table:
    """The price table of a portal, from memory if this process knows it."""
    key = (portal.id, portal.prices_version) if portal.prices_version else (0, 0)
    found = runtime.price_tables.get(key)
    if found is None:
        found = Table(_own(runtime, portal.id)) if portal.prices_version else Table()
        while len(runtime.price_tables) >= _KEPT:
            runtime.price_tables.pop(next(iter(runtime.price_tables)), None)
        runtime.price_tables[key] = found
    return found


def _own(runtime: Runtime, portal_id: int) -> list[Rate]:
    with runtime.db.read() as session:
        return [rate for _, rate in own(session, portal_id)]


def own(session: Session, portal_id: int) -> Sequence[tuple[int, Rate]]:
    """A portal's own prices with their ids."""
    rows = session.execute(_PRICES.where(Price.portal_id == portal_id))
    return [(row.id, Rate(row.country, row.category, row.since, row.amount, row.currency, True)) for row in rows]


def put(runtime: Runtime, portal_id: int, rates: Iterable[Rate], user_id: int | None) -> int:
    """Set prices; a price of the same country, category and day is replaced. Returns how many. Raises TooMany."""
    with runtime.db.write() as session:
        portal = session.get_one(Portal, portal_id, with_for_update=True)
        now, wanted = runtime.clock(), {(one.country, one.category, one.since): one for one in rates}
        known = {(rate.country, rate.category, rate.since): price_id for price_id, rate in own(session, portal_id)}
        replaced = [price_id for key, price_id in known.items() if key in wanted]
        if len(known) - len(replaced) + len(wanted) > AT_MOST:
            raise TooMany
        session.execute(delete(Price).where(Price.id.in_(replaced)))
        rows = [
            {
                "portal_id": portal_id,
                "country": one.country,
                "category": one.category,
                "since": one.since,
                "amount": one.amount,
                "currency": one.currency,
                "user_id": user_id,
                "changed_at": now,
            }
            for one in wanted.values()
        ]
        insert_missing(session, Price, rows, "id")
        portal.prices_version += 1
    log.info("prices set", portal=portal_id, count=len(wanted), user=user_id)
    return len(wanted)


def remove(runtime: Runtime, portal_id: int, price_id: int) -> bool:
    """Remove one of a portal's own prices; False if there is none with this id."""
    with runtime.db.write() as session:
        portal = session.get_one(Portal, portal_id, with_for_update=True)
        mine = delete(Price).where(Price.id == price_id, Price.portal_id == portal_id).returning(Price.id)
        gone = session.scalar(mine)
        if gone is not None:
            portal.prices_version += 1
    return gone is not None


def count(session: Session, portal_id: int) -> int:
    """How many prices of its own a portal has."""
    return session.scalar(select(func.count()).where(Price.portal_id == portal_id)) or 0


def today(runtime: Runtime) -> date:
    """The day by which prices are chosen: UTC's."""
    return runtime.clock().date()
