"""Who works on a shard: a lease with a fence, kept in the database.

A process that dies stops renewing; after LEASE_S its shards are free. The next owner finds what the dead one had in
flight by its older fence. A process that was only frozen meanwhile can claim nothing more: every claim asks for the
fence it holds. A supervisor that saw its worker end does not wait for LEASE_S: it gives back what that one held.
"""

import os
import secrets
import socket
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from messaging.store.database import ask
from messaging.store.models import SHARDS, Lease
from messaging.store.types import UTCDateTime

LEASE_S = 10.0
RENEW_S = 3.0
#: Environment variable: whose worker this process is, see `new_place`.
PLACE = "WABA24_PLACE"


def ensure(session: Session, now: datetime) -> None:
    """Create the rows of all shards once."""
    known = set(session.scalars(select(Lease.shard)))
    session.add_all(
        Lease(shard=shard, owner="", fence=0, expires_at=now) for shard in range(SHARDS) if shard not in known
    )


def take(session: Session, owner: str, shards: set[int], now: datetime) -> dict[int, int]:
    """Take the free ones among these shards; shard → fence of those we got."""
    if not shards:
        return {}
    # Our own one counts as free: a taking that was committed while its answer was lost left it with nobody.
    free = (Lease.owner == "") | (Lease.owner == owner) | (Lease.expires_at < now)
    taken = session.execute(
        update(Lease)
        .where(Lease.shard.in_(shards), free)
        .values(owner=owner, fence=Lease.fence + 1, expires_at=now + timedelta(seconds=LEASE_S))
        .returning(Lease.shard, Lease.fence)
    )
    return {row.shard: row.fence for row in taken}


def renew(session: Session, owner: str, now: datetime) -> set[int]:
    """Prolong what we hold and has not run out; the shards still ours."""
    kept = session.execute(
        update(Lease)
        .where(Lease.owner == owner, Lease.expires_at >= now)
        .values(expires_at=now + timedelta(seconds=LEASE_S))
        .returning(Lease.shard)
    )
    return set(kept.scalars())


def valid(session: Session, owner: str, now: datetime) -> set[int]:
    """The shards that are ours this very moment; nobody can take them before the end of this transaction."""
    return set(ask(session, _VALID, {"owner": owner, "now": now}).scalars())


_VALID = (
    select(Lease.shard)
    .where(Lease.owner == bindparam("owner"), Lease.expires_at > bindparam("now", type_=UTCDateTime))
    .with_for_update(read=True)
)


def release(session: Session, owner: str, shards: set[int] | None = None) -> None:
    """Give shards back, all by default."""
    statement = update(Lease).where(Lease.owner == owner).values(owner="")
    session.execute(statement if shards is None else statement.where(Lease.shard.in_(shards)))


def new_place() -> str:
    """A name for one supervisor and its workers: at most 27 characters. Two containers may share host name and pids."""
    return f"{socket.gethostname()[:20]}-{secrets.token_hex(3)}"


def owner_name() -> str:
    """A name for a new owner: place, pid, and something drawn, since a process may have several owners one after another."""
    place = os.environ.get(PLACE) or new_place()
    return f"{_of_process(place, os.getpid())}{secrets.token_hex(4)}"


def _of_process(place: str, pid: int) -> str:
    return f"{place}-{pid}-"


def release_dead(session: Session, place: str, pid: int) -> str:
    """Give back what a process held that has ended for certain (waited for: it cannot be frozen and come back).

    Returns what the names of its owners began with.
    """
    prefix = _of_process(place, pid)
    session.execute(update(Lease).where(Lease.owner.startswith(prefix, autoescape=True)).values(owner=""))
    return prefix
