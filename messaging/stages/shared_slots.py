"""What stages have in common that prepare what portals and their people have written: slots that portals share."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.orm import Session

from messaging.limits.bounds import share_of_portal
from messaging.runtime import Runtime


class SharedSlots:
    """busy: what is being prepared, each with its portal. fed: lines that have got messages since somebody last looked."""

    #: Of so many threads one slot.
    part = 8

    def __init__(self, runtime: Runtime, owner: str) -> None:
        self.runtime = runtime
        self.busy: set[tuple[int, int]] = set()
        self.fed: set[int] = set()
        self._share = 1

    def slots(self, threads: int) -> int:
        slots = max(4, threads // self.part)
        self._share = share_of_portal(slots)
        return slots

    def begin(self, session: Session, due: Executable, held: Iterable[int], free_slots: int) -> list[Any]:
        """Rows of `due` (with id and portal_id) that find a slot; they are busy from now on."""
        taken = Counter(portal_id for _, portal_id in self.busy)
        asked = {
            "shards": list(held),
            "now": self.runtime.clock(),
            "busy": [row_id for row_id, _ in self.busy],
            "full": [portal_id for portal_id, count in taken.items() if count >= self._share],
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
