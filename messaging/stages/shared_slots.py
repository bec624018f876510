"""Slots that portals share, so that a portal with many tasks does not keep the others waiting.

`StoredRows` is the base of the stages that make messages of stored rows: what operators write, what portals hand over. Such a
row is `stored` until it is over.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from sqlalchemy import ColumnElement, Executable, bindparam, func, select
from sqlalchemy.orm import Session

from messaging.limits.backoff import backoff_s
from messaging.limits.bounds import share_of_portal
from messaging.runtime import Runtime
from messaging.store.models import Portal
from messaging.store.sql import among, not_among
from messaging.store.states import PortalStatus
from messaging.store.types import UTCDateTime

#: The first pause before a row is tried again, and the longest one.
BACKOFF_S, BACKOFF_MAX_S = 2.0, 60.0
R = TypeVar("R")


class Task(Protocol):
    """The part of a stored row that a thread works on. id: the row's."""

    @property
    def id(self) -> int: ...

    @property
    def portal_id(self) -> int: ...


class SharedSlots:
    """The slots of a stage, of which each portal may hold a share. busy: what is in work, each (id, portal's id)."""

    #: The stage has one slot for this many threads of the process.
    part = 8

    def __init__(self, runtime: Runtime, owner: str) -> None:
        self.runtime = runtime
        self.busy: set[tuple[int, int]] = set()
        self._share = 1

    def slots(self, threads: int) -> int:
        slots = max(4, threads // self.part)
        self._share = share_of_portal(slots)
        return slots

    def taken(self) -> Counter[int]:
        """Portal's id → slots that it holds."""
        return Counter(portal_id for _, portal_id in self.busy)

    def full(self) -> list[int]:
        """Ids of the portals that hold their whole share."""
        return [portal_id for portal_id, count in self.taken().items() if count >= self._share]


class StoredRows(SharedSlots):
    """A stage whose tasks are stored rows with a portal_id. fed: lines that got messages since `fed` was last emptied."""

    def __init__(self, runtime: Runtime, owner: str) -> None:
        super().__init__(runtime, owner)
        self.fed: set[int] = set()

    def begin(self, session: Session, due: Executable, held: Iterable[int], free_slots: int) -> list[Any]:
        """Rows of `due` (with id and portal_id) that find a slot; they are busy from now on."""
        taken = self.taken()
        asked = {
            "shards": list(held),
            "now": self.runtime.clock(),
            "busy": [row_id for row_id, _ in self.busy],
            "full": self.full(),
            "share": self._share,
            # Of portals with something in flight some of these rows are too many.
            "limit": free_slots + len(self.busy),
        }
        begun: list[Any] = []
        for row in session.execute(due, asked):
            if len(begun) < free_slots and taken[row.portal_id] < self._share:
                taken[row.portal_id] += 1
                self.busy.add((row.id, row.portal_id))
                begun.append(row)
        return begun

    def free(self, session: Session, table: type[R], task: Task) -> R | None:
        """Give the task's slot back; returns the task's row, locked, or None if it is over or was wiped with its portal."""
        self.busy.discard((task.id, task.portal_id))
        row: Any = session.get(table, task.id, with_for_update=True, populate_existing=True)
        # After a wipe, another portal's row may have got the number.
        if row is None or row.portal_id != task.portal_id or row.state != "stored":
            return None
        found: R = row
        return found

    def try_later(self, row: Any) -> None:
        """Count a try of this row, and set when the next one is due."""
        row.tries += 1
        wait_s = backoff_s(row.tries, BACKOFF_MAX_S, BACKOFF_S)
        row.due_at = self.runtime.clock() + timedelta(seconds=wait_s)


def due_rows(table: Any, columns: Sequence[Any], may_go: ColumnElement[bool]) -> Executable:
    """The statement for `StoredRows.begin`: the due rows of the shards, of each portal its share at most, in their order.

    columns: of the table, `id` and `portal_id` among them. may_go: whether no earlier row must be over first.
    """
    is_active = select(Portal.id).where(Portal.id == table.portal_id, Portal.status == PortalStatus.ACTIVE).exists()
    # Rows are numbered by portal before they are limited: the many rows of one portal hide nothing of the others.
    of_portals = (
        select(table.id, func.row_number().over(partition_by=table.portal_id, order_by=table.id).label("place"))
        .where(
            among(table.shard, "shards"),
            table.state == "stored",
            table.due_at <= bindparam("now", type_=UTCDateTime),
            not_among(table.id, "busy"),
            not_among(table.portal_id, "full"),
            may_go,
            is_active,
        )
        .subquery("of_portals")
    )
    return (
        select(*columns)
        .join(of_portals, of_portals.c.id == table.id)
        .where(of_portals.c.place <= bindparam("share"))
        .order_by(of_portals.c.place, table.id)
        .limit(bindparam("limit"))
    )
