"""Counts that take a while to make and may be some seconds old: made again every few seconds, added to in between."""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

from messaging.system.clock import Clock

#: A count is as old as that at most.
KEPT = timedelta(seconds=10)


class RememberedCounts:
    """Counts of this process, by number of what is counted. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._counts: dict[int, tuple[datetime, int]] = {}

    def get(self, key: int, count: Callable[[], int]) -> int:
        """The count of `key`; `count` makes it if it is too old or not known."""
        now = self._clock()
        with self._lock:
            made_at, known = self._counts.get(key, (None, 0))
        if made_at is not None and now - made_at < KEPT:
            return known
        made = count()
        with self._lock:
            self._counts[key] = (now, made)
        return made

    def add(self, key: int) -> None:
        """One more of `key`, if its count is known."""
        with self._lock:
            if key in self._counts:
                made_at, known = self._counts[key]
                self._counts[key] = (made_at, known + 1)

    def forget(self, key: int) -> None:
        """Count `key` anew the next time."""
        with self._lock:
            self._counts.pop(key, None)
