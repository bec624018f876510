"""How robot calls reach this process: how late, whether in order, how many at once.

Bitrix24 publishes none of that; the doctor tells what was seen (docs/operators/doctor.md, "Open points").
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

#: Portals that a process remembers.
MOST_PORTALS = 1000
#: A call that was queued so many seconds before an earlier one has been overtaken; less may be our own threads.
OVERTAKEN_S = 1
#: Seconds from the portal's queue to us → the word for it.
LATE: tuple[tuple[float, str], ...] = ((-5, "ahead"), (5, "within_5_s"), (60, "within_1_min"), (600, "within_10_min"))
#: Calls of a portal within one second, at which a higher class begins → the word for it.
RATES = {1: "up_to_2", 3: "up_to_10", 11: "up_to_50", 51: "over_50"}


@dataclass
class _Portal:
    queued_at: int = 0
    second: int = 0
    calls: int = 0


class Arrivals:
    """Remembers the last call of each portal."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._portals: OrderedDict[int, _Portal] = OrderedDict()

    def came(self, portal_id: int, queued_at: int | None, now: datetime) -> Iterator[tuple[str, str]]:
        """A call came. queued_at: unix seconds by the portal's clock. Returns pairs (`late`, `order` or `rate`; a word)."""
        second = int(now.timestamp())
        with self._lock:
            portal = self._portals.setdefault(portal_id, _Portal())
            self._portals.move_to_end(portal_id)
            if len(self._portals) > MOST_PORTALS:
                self._portals.popitem(last=False)
            portal.calls = portal.calls + 1 if portal.second == second else 1
            portal.second = second
            calls, last = portal.calls, portal.queued_at
            portal.queued_at = max(last, queued_at or 0)
        if calls in RATES:
            yield "rate", RATES[calls]
        if queued_at:
            late = now.timestamp() - queued_at
            yield "late", next((word for below, word in LATE if late < below), "later")
            if last:
                yield "order", "changed" if queued_at < last - OVERTAKEN_S else "kept"
