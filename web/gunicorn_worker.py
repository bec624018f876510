"""The worker class of `make serve`: gunicorn's threads, with a bound on how long a request may take to arrive, and its answer
to be read.

gunicorn's thread worker reads headers and body on the thread that answers, and waits for them without a limit: as many
half-sent requests as there are threads stop the web. Here a connection that keeps its thread too long is closed for reading.
What has arrived is still read and answered; who waits for more finds the end, and answers 400 or closes. So a request
that has arrived loses nothing, however long it is worked on, and nothing needs to know which requests these are.

An answer is written on the same thread, which waits while the other side does not read. A connection that takes no more bytes
whenever the watching thread looks, for as long as SENDING_S, is closed.
"""

import contextlib
import select
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
#: Seconds in which what an answer's connection cannot take at once must be read; while fewer than SPARE threads are free.
SENDING_S, CROWDED_SENDING_S = 60.0, 3.0
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
        #: Connections that take no more bytes, since when.
        self.full: dict[Any, float] = {}
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
            begun, now = self.begun.copy(), time.monotonic()
            for conn in too_long(begun, self.cfg.threads, now):
                _close(conn.sock, socket.SHUT_RD)
            self.full = {conn: self.full.get(conn, now) for conn in begun if takes_nothing(conn.sock)}
            for conn in unread(self.full, self.cfg.threads - len(begun), now):
                _close(conn.sock, socket.SHUT_RDWR)


def _close(sock: socket.socket, how: int) -> None:
    with contextlib.suppress(OSError):  # closed a moment ago
        sock.shutdown(how)


def too_long(begun: Mapping[Key, float], threads: int, now: float) -> list[Key]:
    """The connections, of those that keep a thread, that had their time to arrive. begun: since when, in seconds as `now`."""
    is_crowded = threads - len(begun) < SPARE
    limit = CROWDED_ARRIVAL_S if is_crowded else ARRIVAL_S
    return [key for key, since in begun.items() if now - since > limit]


def unread(full: Mapping[Key, float], free: int, now: float) -> list[Key]:
    """The connections whose answer had its time to be read. full: since when they take no more bytes; free: threads."""
    limit = CROWDED_SENDING_S if free < SPARE else SENDING_S
    return [key for key, since in full.items() if now - since > limit]


def takes_nothing(sock: socket.socket) -> bool:
    """Whether a connection has no room for more bytes now."""
    looking = select.poll()
    with contextlib.suppress(OSError, ValueError):  # closed a moment ago
        looking.register(sock, select.POLLOUT)
        return not looking.poll(0)
    return False
