"""The worker class of `make serve`: gunicorn's threads, with a bound on how long a request may take to arrive.

gunicorn's thread worker reads headers and body on the thread that answers, and waits for them without a limit: as many
half-sent requests as there are threads stop the web. Here a connection that keeps its thread too long is closed for reading.
What has arrived is still read and answered; who waits for more finds the end, and answers 400 or closes. So a request
that has arrived loses nothing, however long it is worked on, and nothing needs to know which requests these are.
"""

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, TypeVar

from gunicorn.workers.gthread import ThreadWorker

#: Seconds in which a request must arrive, headers and body; while fewer than SPARE threads are free.
ARRIVAL_S, CROWDED_ARRIVAL_S = 20.0, 1.0
SPARE = 2
TICK_S = 0.25
#: So long one thread computes while others wait for the interpreter. A robot call needs it a dozen times; with Python's own
#: 5 ms each of them would wait that long for every page that is drawn at the same time.
TURN_S = 0.0005

Key = TypeVar("Key")


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's thread worker with a thread that watches the others."""

    def init_process(self) -> None:
        #: When each connection got its thread, and its connection.
        self.begun: dict[Any, float] = {}
        sys.setswitchinterval(TURN_S)
        threading.Thread(target=self.watch, name="arrivals", daemon=True).start()
        super().init_process()  # serves until the process ends

    def handle(self, conn: Any) -> Any:
        """Serve one request; runs on a thread."""
        self.begun[conn] = time.monotonic()
        try:
            return super().handle(conn)
        finally:
            del self.begun[conn]

    def watch(self) -> None:
        """Close for reading what takes too long, four times a second; runs on a thread of its own."""
        while True:
            time.sleep(TICK_S)
            for conn in too_long(self.begun.copy(), self.cfg.threads, time.monotonic()):
                with contextlib.suppress(OSError):  # closed a moment ago
                    conn.sock.shutdown(socket.SHUT_RD)


def too_long(begun: Mapping[Key, float], threads: int, now: float) -> list[Key]:
    """The connections, of those that keep a thread, that had their time to arrive. begun: since when, in seconds as `now`."""
    is_crowded = threads - len(begun) < SPARE
    limit = CROWDED_ARRIVAL_S if is_crowded else ARRIVAL_S
    return [key for key, since in begun.items() if now - since > limit]
