"""How pages ask a vendor while a person waits: with short timeouts, and from a few threads of the process at a time.

The same threads serve robot calls and webhooks, so most of them must stay free however slow a vendor is.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Seconds to connect, and to wait between bytes of the answer, while a person waits. Robots have more time.
PAGE_TIMEOUT = (3.0, 5.0)
#: Threads of a process that may wait for one vendor at a time.
THREADS_PER_VENDOR = 3
#: Seconds to wait for a free slot.
PATIENCE_S = 2.0


class ConcurrencyLimit:
    """Limits how many threads of this process wait for one vendor at a time."""

    def __init__(self, most: int = THREADS_PER_VENDOR, patience_s: float = PATIENCE_S) -> None:
        self._free = threading.BoundedSemaphore(most)
        self._patience_s = patience_s

    @contextmanager
    def acquire(self) -> Iterator[bool]:
        """Hold a slot during the block. Yields False, and holds nothing, if no slot became free within `patience_s`."""
        is_free = self._free.acquire(timeout=self._patience_s)
        try:
            yield is_free
        finally:
            if is_free:
                self._free.release()
