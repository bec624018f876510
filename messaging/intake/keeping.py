"""What Bitrix24 posts once and never repeats is kept before it is answered 200: a robot's call, a message to be sent.

In the database; while that is away, in the spool, from which it is stored later (messaging.intake.replay).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from bx24.payloads import Auth
from messaging.intake import known_callers, spooling
from messaging.limits import bounds
from messaging.portals import portals
from messaging.queue.group_commit import CachedPortal, Insert, Unavailable
from messaging.queue.group_insert import StaleSnapshot
from messaging.queue.spool import Source
from messaging.runtime import Runtime
from messaging.store.patience import answers_within

#: A portal that changes while its call is stored is read again at most this many times.
RECOGNISED_ANEW = 5


class Taken(Enum):
    """What became of a call. KEPT: stored or spooled, now or when it came for the first time."""

    KEPT = auto()
    UNKNOWN_CALLER = auto()
    WRONG_CODE = auto()
    #: Its address is that of another portal's line.
    FOREIGN = auto()
    #: Its portal changed again and again while it was to be stored.
    BUSY = auto()


@dataclass(frozen=True)
class Posted:
    """A call as it came.

    kind: of its entry in the spool; told: what its replay must know besides the body, the form it was read from.
    has_right_code: whether its code is that of its address. is_theirs: whether the address is the portal's.
    insert_of: its row, given the portal and whether the portal is over its quota. stored: told the portal's id, the row and
    its new id, None for a repetition.
    """

    kind: str
    auth: Auth
    has_right_code: bool
    told: dict[str, Any]
    body: bytes
    insert_of: Callable[[CachedPortal, bool], Insert]
    stored: Callable[[int, Insert, int | None], None]
    is_theirs: Callable[[CachedPortal], bool] = lambda portal: True


def take(runtime: Runtime, posted: Posted) -> Taken:
    """Keep a call, so that it may be answered 200.

    Raises OverQuota if its portal sends far too many; Unavailable, DiskFull if it cannot be kept.
    """
    with answers_within(bounds.DATABASE_STALLED_S):
        return _take(runtime, posted)


def _take(runtime: Runtime, posted: Posted) -> Taken:
    if runtime.spool.is_open and (taken := _spooled(runtime, posted, opens=False)):
        return taken
    try:
        return _recognise_and_store(runtime, posted, spooling.patience_s(runtime, posted.kind))
    except (Unavailable, SQLAlchemyError) as error:
        if not spooling.is_spoolable(error):
            raise
    return _spooled(runtime, posted, opens=True) or Taken.BUSY


def _recognise_and_store(runtime: Runtime, posted: Posted, patience_s: float) -> Taken:
    """Store a call; if the cached portal is out of date, read the portal again and retry.

    Raises OverQuota, Unavailable if the database stays away, SQLAlchemyError if it goes away while the portal is looked up.
    """
    is_refused = None
    for _ in range(RECOGNISED_ANEW):
        portal = portals.caller(runtime, posted.auth)
        if portal is None:
            return Taken.UNKNOWN_CALLER
        if not posted.has_right_code:
            return Taken.WRONG_CODE
        if not posted.is_theirs(portal):
            return Taken.FOREIGN
        if is_refused is None:
            is_refused = not runtime.call_quota.allows(portal.id)
        insert = posted.insert_of(portal, is_refused)
        try:
            stored = runtime.intake.store(*insert, patience_s)
        except StaleSnapshot:
            portals.forget(runtime, posted.auth)
        else:
            posted.stored(portal.id, insert, stored)
            return Taken.KEPT
    return Taken.BUSY


def _spooled(runtime: Runtime, posted: Posted, *, opens: bool) -> Taken | None:
    """Append the call to the spool. None: ask the database. Raises OverQuota, and as `spooling.append`."""
    if not posted.has_right_code:
        return Taken.WRONG_CODE
    auth = posted.auth
    source = Source(posted.kind, auth.member_id, known_callers.knows_portal(runtime, auth))
    told = dict(posted.told)
    if source.is_known:
        told["is_refused"] = not runtime.call_quota.allows(auth.member_id)
    return Taken.KEPT if spooling.append(runtime, source, told, posted.body, opens=opens) else None
