"""How a page asks others while somebody looks at it: quickly, and with a few threads of the process at once.

Robots' calls and webhooks come to the same threads and need the others, however slow a vendor is.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Seconds to connect, seconds to wait, where somebody looks at a spinner: a robot has more time than a page.
HASTE = (3.0, 5.0)
#: Threads of a process that may wait for one vendor.
SEATS = 3
#: How long who finds them taken waits for one.
PATIENCE_S = 2.0


class Seats:
    """The threads of this process that wait for one vendor."""

    def __init__(self, most: int = SEATS, patience_s: float = PATIENCE_S) -> None:
        self._free = threading.BoundedSemaphore(most)
        self._patience_s = patience_s

    @contextmanager
    def one(self) -> Iterator[bool]:
        """Whether there was a seat; it is given back at the end."""
        has_seat = self._free.acquire(timeout=self._patience_s)
        try:
            yield has_seat
        finally:
            if has_seat:
                self._free.release()
