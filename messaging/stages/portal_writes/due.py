"""Which portal tasks are due: whose turn it is, the next tasks of one portal and kind, and those that a dead process left."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    CompoundSelect,
    Integer,
    Select,
    bindparam,
    func,
    literal,
    literal_column,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import Session, aliased

from messaging.stages.portal_writes.writer import Writer
from messaging.store.crypto import Undecryptable
from messaging.store.database import ask
from messaging.store.models import SHARDS, Portal
from messaging.store.portal_tasks import UNREADABLE, PortalTask
from messaging.store.sql import among, there_is
from messaging.store.states import PortalStatus
from messaging.store.types import UTCDateTime

#: Portal and kind: the tasks of one pair are done by one call at a time.
Pair = tuple[int, str]

# Statements are made once: building a statement takes longer than running it.
_NOW = bindparam("now", type_=UTCDateTime)
_WAITS = or_(PortalTask.state == "due", PortalTask.state == "unclear")
#: The portals with tasks that wait, each found by one step into the index: a portal with thousands of them costs no more.
_PORTALS = select(literal(0, BigInteger).label("id")).cte("portals", recursive=True)
_FOLLOWING = (
    select(func.min(PortalTask.portal_id)).where(_WAITS, PortalTask.portal_id > _PORTALS.c.id).scalar_subquery()
)
_PORTALS = _PORTALS.union_all(select(_FOLLOWING).where(_PORTALS.c.id.is_not(None)))
_EARLIER = aliased(PortalTask)
_OF_LANE = (
    _EARLIER.portal_id == PortalTask.portal_id,
    _EARLIER.lane == PortalTask.lane,
    or_(_EARLIER.state == "due", _EARLIER.state == "doing", _EARLIER.state == "unclear"),
    _EARLIER.id < PortalTask.id,
)
#: In front of a task stand the earlier ones of its lane that are being done, or wait for a later moment.
_IN_FRONT = there_is(_EARLIER, _EARLIER.id, *_OF_LANE, or_(_EARLIER.state == "doing", _EARLIER.due_at > _NOW))
_IS_FIRST = ~there_is(_EARLIER, _EARLIER.id, *_OF_LANE)
_NEXT = (
    select(PortalTask.id)
    .where(
        PortalTask.portal_id == bindparam("portal"),
        PortalTask.kind == bindparam("kind"),
        _WAITS,
        PortalTask.due_at <= _NOW,
    )
    .order_by(PortalTask.id)
    .limit(bindparam("most"))
)
_NEXT_OF_LANES = _NEXT.where(or_(PortalTask.lane == "", ~_IN_FRONT))
_FIRST_OF_LANES = _NEXT.where(or_(PortalTask.lane == "", _IS_FIRST))
#: Locked: what changes meanwhile waits, and then sees that the task is being done.
_BY_ID = (
    select(PortalTask)
    .where(among(PortalTask.id, "ids"), _WAITS)
    .order_by(PortalTask.id)
    .with_for_update()
    .execution_options(populate_existing=True)
)
_UNREADABLE = (
    update(PortalTask)
    .where(PortalTask.id == bindparam("task"))
    .values(state="failed", done_at=_NOW, payload=None, error=UNREADABLE)
    .execution_options(synchronize_session=False)
)
_ORPHANED = (
    update(PortalTask)
    .where(
        among(PortalTask.shard, "shards"),
        PortalTask.state == "doing",
        PortalTask.claimed_at < bindparam("before", type_=UTCDateTime),
    )
    .values(state="unclear", due_at=func.coalesce(PortalTask.settled_at, _NOW))
    .execution_options(synchronize_session=False)
)


@cache
def _due_pairs(kinds: tuple[str, ...]) -> CompoundSelect[Any]:
    """Places of kinds, and portals. One statement for all kinds: one for each was a quarter of all statements of a round."""
    return union_all(*(_due_portals(place, kind) for place, kind in enumerate(kinds)))


def _due_portals(place: int, kind: str) -> Select[int, int]:
    has_due = there_is(
        PortalTask,
        PortalTask.id,
        PortalTask.portal_id == Portal.id,
        PortalTask.kind == kind,
        _WAITS,
        PortalTask.due_at <= _NOW,
    )
    return (
        select(literal_column(str(place), Integer), Portal.id)
        .join(_PORTALS, _PORTALS.c.id == Portal.id)
        .where(among(Portal.id % SHARDS, "shards"), Portal.status == PortalStatus.ACTIVE, has_due)
    )


def pairs(session: Session, shards: Iterable[int], kinds: Iterable[str], now: datetime) -> list[Pair]:
    """The portals and kinds with tasks that are due on these shards, by kind; of active portals only."""
    asked = tuple(kinds)
    found = ask(session, _due_pairs(asked), {"shards": list(shards), "now": now})
    return [(portal_id, asked[place]) for place, portal_id in sorted(tuple(row) for row in found)]


def next_tasks(session: Session, portal_id: int, writer: Writer, now: datetime) -> list[PortalTask]:
    """The tasks of one portal and kind whose turn it is, locked, at most as many as the writer takes at once."""
    statement = _FIRST_OF_LANES if writer.one_of_a_lane else _NEXT_OF_LANES
    asked = {"portal": portal_id, "kind": writer.kind, "most": writer.batch, "now": now}
    return _readable(session, session.scalars(statement, asked).all(), now)


def _readable(session: Session, ids: Sequence[int], now: datetime) -> list[PortalTask]:
    """These tasks, locked. A task that no known key decrypts is given up."""
    if not ids:
        return []
    try:
        return list(session.scalars(_BY_ID, {"ids": list(ids)}))
    except Undecryptable:
        if len(ids) == 1:
            session.execute(_UNREADABLE, {"task": ids[0], "now": now})
            return []
    return [task for task_id in ids for task in _readable(session, [task_id], now)]


def orphaned(session: Session, shards: Iterable[int], now: datetime, older_than: timedelta = timedelta(0)) -> None:
    """What was being done on these shards, claimed longer ago than that, is unclear: its process died or lost the shard.

    The portal may still be at work on it: nobody looks before `settled_at`.
    """
    # A claim of this very moment counts too: the clock may stand still between a death and its discovery.
    before = now - older_than + timedelta(microseconds=1)
    session.execute(_ORPHANED, {"shards": list(shards), "before": before, "now": now})
