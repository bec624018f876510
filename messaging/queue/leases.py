"""Leases: which process works on a shard, and until when. They are rows of the database, each with a fence.

A process that dies stops renewing its leases; LEASE_S later its shards are free. The fence rises with every new owner: by the
older fence the new owner finds what the dead one had in flight, and a process that was only frozen can claim nothing more,
because every claim compares the fence. A supervisor that saw its worker end need not wait for LEASE_S: it releases the
worker's leases (`release_dead`).
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

#: Seconds until a lease that nobody renews runs out.
LEASE_S = 10.0
#: Seconds between two renewals.
RENEW_S = 3.0
#: Environment variable that names the supervisor of a worker process, see `new_place`.
PLACE = "WABA24_PLACE"


def ensure(session: Session, now: datetime) -> None:
    """Create the rows of those shards that have none yet."""
    known = set(session.scalars(select(Lease.shard)))
    session.add_all(
        Lease(shard=shard, owner="", fence=0, expires_at=now) for shard in range(SHARDS) if shard not in known
    )


def take(session: Session, owner: str, shards: set[int], now: datetime) -> dict[int, int]:
    """Take those of these shards that are free. Returns shard → fence of the shards taken."""
    if not shards:
        return {}
    # A shard of this owner counts as free: if the connection broke after the commit, the owner does not know that it has it.
    free = (Lease.owner == "") | (Lease.owner == owner) | (Lease.expires_at < now)
    taken = session.execute(
        update(Lease)
        .where(Lease.shard.in_(shards), free)
        .values(owner=owner, fence=Lease.fence + 1, expires_at=now + timedelta(seconds=LEASE_S))
        .returning(Lease.shard, Lease.fence)
    )
    return {row.shard: row.fence for row in taken}


def renew(session: Session, owner: str, now: datetime) -> set[int]:
    """Prolong the owner's leases that have not run out. Returns their shards."""
    kept = session.execute(
        update(Lease)
        .where(Lease.owner == owner, Lease.expires_at >= now)
        .values(expires_at=now + timedelta(seconds=LEASE_S))
        .returning(Lease.shard)
    )
    return set(kept.scalars())


def valid(session: Session, owner: str, now: datetime) -> set[int]:
    """The shards that the owner holds at `now`, locked: nobody can take them before this transaction ends."""
    return set(ask(session, _VALID, {"owner": owner, "now": now}).scalars())


_VALID = (
    select(Lease.shard)
    .where(Lease.owner == bindparam("owner"), Lease.expires_at > bindparam("now", type_=UTCDateTime))
    .with_for_update(read=True)
)


def release(session: Session, owner: str, shards: set[int] | None = None) -> None:
    """Give up the owner's leases on these shards, or on all of its shards."""
    statement = update(Lease).where(Lease.owner == owner).values(owner="")
    session.execute(statement if shards is None else statement.where(Lease.shard.in_(shards)))


def new_place() -> str:
    """A new name for a supervisor and its workers, at most 27 characters.

    It is partly random, because two containers may have the same host name and the same process ids.
    """
    return f"{socket.gethostname()[:20]}-{secrets.token_hex(3)}"


def owner_name() -> str:
    """A new name for an owner: place, process id, and a random part, because a process may have one owner after another."""
    place = os.environ.get(PLACE) or new_place()
    return f"{_of_process(place, os.getpid())}{secrets.token_hex(4)}"


def _of_process(place: str, pid: int) -> str:
    return f"{place}-{pid}-"


def release_dead(session: Session, place: str, pid: int) -> str:
    """Release the leases of a worker process that has ended for certain: its supervisor has waited for it.

    Returns the prefix that the names of all its owners share.
    """
    prefix = _of_process(place, pid)
    session.execute(update(Lease).where(Lease.owner.startswith(prefix, autoescape=True)).values(owner=""))
    return prefix
