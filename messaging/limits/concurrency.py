"""How pages ask a vendor while a person waits: with short timeouts, and from a few threads of the process at a time.

The same threads serve robot calls and webhooks, so most of them must stay free however slow a vendor or a portal is.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Seconds to connect, and to wait between bytes of the answer, while a person waits. Robots have more time.
PAGE_TIMEOUT = (3.0, 5.0)
#: Threads of a process that may wait for one vendor at a time.
THREADS_PER_VENDOR = 3
#: Seconds to wait for a free slot.
PATIENCE_S = 2.0
#: Threads of a process that may wait until a portal's slot is free.
WAITING_PER_PORTAL = 2
#: A portal that needs more seconds than this for an answer is slow: nobody waits for its slot.
SLOW_S = 1.0


class ConcurrencyLimit:
    """Limits how many threads of this process wait for one vendor at a time; for each portal one. now: seconds."""

    def __init__(
        self,
        most: int = THREADS_PER_VENDOR,
        patience_s: float = PATIENCE_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = most
        self._patience_s = patience_s
        self._now = now
        self._changed = threading.Condition()
        self._busy = 0
        self._waiting: Counter[str] = Counter()
        #: When each portal that has a slot got it.
        self._since: dict[str, float] = {}
        #: Until when a portal that was slow is not asked again.
        self._resting: dict[str, float] = {}

    @contextmanager
    def acquire(self, portal: str = "") -> Iterator[bool]:
        """Hold a slot during the block. Yields False, and holds nothing, if no slot became free within `patience_s`.

        portal: the member_id of a verified portal, which has one slot of its own; "" if no known portal is asked. A portal
        that is slow is refused at once, and afterwards for as long as its answer took.
        """
        is_free = self._enter(portal)
        try:
            yield is_free
        finally:
            if is_free:
                self._leave(portal)

    def _enter(self, portal: str) -> bool:
        with self._changed:
            if portal and self._is_slow(portal):
                return False
            self._waiting[portal] += 1
            try:
                is_free = self._changed.wait_for(lambda: self._has_slot(portal), self._patience_s)
            finally:
                self._waiting -= Counter([portal])
            if is_free:
                self._busy += 1
                self._since[portal] = self._now()
            return is_free

    def _is_slow(self, portal: str) -> bool:
        """Whether waiting for this portal would cost a thread too much."""
        now = self._now()
        self._resting = {name: until for name, until in self._resting.items() if until > now}
        is_stuck = now - self._since.get(portal, now) > SLOW_S
        return is_stuck or portal in self._resting or self._waiting[portal] >= WAITING_PER_PORTAL

    def _has_slot(self, portal: str) -> bool:
        return self._busy < self._most and not (portal and portal in self._since)

    def _leave(self, portal: str) -> None:
        with self._changed:
            self._busy -= 1
            now, since = self._now(), self._since.pop(portal, None)
            if portal and since is not None and now - since > SLOW_S:
                self._resting[portal] = now + (now - since)
            self._changed.notify_all()
