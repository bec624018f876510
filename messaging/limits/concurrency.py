"""How pages ask a vendor while a person waits: with short timeouts, and from a few threads of the process at a time.

The same threads serve robot calls and webhooks, so most of them must stay free however slow a vendor or a portal is.
"""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Seconds to connect, and to wait between bytes of the answer, while a person waits. Robots have more time.
PAGE_TIMEOUT = (3.0, 5.0)
#: Threads of a process that may wait for one vendor at a time.
THREADS_PER_VENDOR = 3
#: Seconds to wait for a free slot.
PATIENCE_S = 2.0
#: Threads of a process that may wait until a slot of one portal is free.
WAITING_PER_PORTAL = 2
#: A portal that needs more seconds than this for an answer is slow: nobody waits for its slot.
SLOW_S = 1.0


class ConcurrencyLimit:
    """Limits how many threads of this process wait for one vendor at a time, and how many of them for one portal.

    slow_s: an answer that took longer makes the portal rest. now: seconds.
    """

    def __init__(
        self,
        most: int = THREADS_PER_VENDOR,
        patience_s: float = PATIENCE_S,
        now: Callable[[], float] = time.monotonic,
        per_portal: int = 1,
        slow_s: float = SLOW_S,
    ) -> None:
        self._most = most
        self._patience_s = patience_s
        self._now = now
        self._per_portal = per_portal
        self._slow_s = slow_s
        self._changed = threading.Condition()
        self._waiting: Counter[str] = Counter()
        #: When each slot was taken, by portal.
        self._since: defaultdict[str, list[float]] = defaultdict(list)
        #: Until when a portal that was slow is not asked again.
        self._resting: dict[str, float] = {}

    @contextmanager
    def acquire(self, portal: str = "") -> Iterator[bool]:
        """Hold a slot during the block. Yields False, and holds nothing, if no slot became free within `patience_s`.

        portal: a verified portal, which has slots of its own; "" if no known portal is asked. A portal that is slow is refused
        at once, and afterwards for as long as its answer took.
        """
        since = self._enter(portal)
        try:
            yield since is not None
        finally:
            if since is not None:
                self._leave(portal, since)

    def _enter(self, portal: str) -> float | None:
        """Take a slot; returns when, None without one."""
        with self._changed:
            if portal and self._is_slow(portal):
                return None
            self._waiting[portal] += 1
            try:
                is_free = self._changed.wait_for(lambda: self._has_slot(portal), self._patience_s)
            finally:
                self._waiting -= Counter([portal])
            if not is_free:
                return None
            since = self._now()
            self._since[portal].append(since)
            return since

    def _is_slow(self, portal: str) -> bool:
        """Whether waiting for this portal would cost a thread too much."""
        now = self._now()
        self._resting = {name: until for name, until in self._resting.items() if until > now}
        held = self._since.get(portal, [])
        is_stuck = len(held) >= self._per_portal and now - min(held) > self._slow_s
        return is_stuck or portal in self._resting or self._waiting[portal] >= WAITING_PER_PORTAL

    def _has_slot(self, portal: str) -> bool:
        if portal and len(self._since.get(portal, [])) >= self._per_portal:
            return False
        return sum(len(held) for held in self._since.values()) < self._most

    def _leave(self, portal: str, since: float) -> None:
        with self._changed:
            now = self._now()
            self._since[portal].remove(since)
            if not self._since[portal]:
                del self._since[portal]
            if portal and now - since > self._slow_s:
                self._resting[portal] = now + (now - since)
            self._changed.notify_all()
