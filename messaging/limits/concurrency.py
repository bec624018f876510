"""How a page asks others while somebody looks at it: quickly, and with a few threads of the process at once.

Robots' calls and webhooks are served by the same threads, so they must stay free however slow a vendor is.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Seconds to connect, seconds to wait, while a person looks at a spinner. A robot has more time than a page.
PAGE_TIMEOUT = (3.0, 5.0)
#: Threads of a process that may wait for one vendor.
THREADS_PER_VENDOR = 3
#: Seconds to wait for a free slot.
PATIENCE_S = 2.0


class ConcurrencyLimit:
    """The threads of this process that wait for one vendor."""

    def __init__(self, most: int = THREADS_PER_VENDOR, patience_s: float = PATIENCE_S) -> None:
        self._free = threading.BoundedSemaphore(most)
        self._patience_s = patience_s

    @contextmanager
    def acquire(self) -> Iterator[bool]:
        """Take a slot for the time of the block. False if none became free in `patience_s`."""
        is_free = self._free.acquire(timeout=self._patience_s)
        try:
            yield is_free
        finally:
            if is_free:
                self._free.release()
