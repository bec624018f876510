"""The queue of calls from the portals to the app, and of time limits.

Robot calls and events leave after a short delay, once, in no guaranteed order. Like Bitrix24, the emulator does not
repeat a failed call; it records the failure and goes on. Only crash tests have robot calls repeated, by the fault
`retry_until_200`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.state.injected import Clock, Post

RETRY_S = 1.0
HEADERS = {
    "Content-Type": "application/x-www-form-urlencoded",
    "User-Agent": "Bitrix24 Webhook Engine",
    "Accept": "*/*",
}


@dataclass(order=True)
class QueueItem:
    """One POST to the app. With an empty url it is a timer that only calls `done`."""

    due: float
    number: int
    url: str = field(compare=False, default="")
    body: bytes = field(compare=False, default=b"")
    label: str = field(compare=False, default="")
    attempts: int = field(compare=False, default=0)
    repeat: Callable[[], bool] | None = field(compare=False, default=None)
    done: Callable[[int, str], None] | None = field(compare=False, default=None)


@dataclass(frozen=True)
class Attempt:
    """The result of one attempt; status 0 means that there was no answer."""

    at: float
    label: str
    url: str
    status: int
    detail: str

    def to_dict(self) -> dict[str, Any]:
        return {"at": self.at, "label": self.label, "url": self.url, "status": self.status, "detail": self.detail}


class CallQueue:
    """A heap of items by due time. Its users hold the cloud's lock, except while they make a call."""

    def __init__(self, clock: Clock, post: Post, wake: Callable[[], None]) -> None:
        self.clock = clock
        self.post = post
        self._wake = wake
        self.history: list[Attempt] = []
        self._heap: list[QueueItem] = []
        self._number = 0

    def send(
        self,
        url: str,
        form: dict[str, Any],
        *,
        delay_s: float,
        label: str,
        repeat: Callable[[], bool] | None = None,
        done: Callable[[int, str], None] | None = None,
    ) -> None:
        self._push(QueueItem(self.clock() + delay_s, 0, url, php.encode(form), label, 0, repeat, done))

    def timer(self, due: float, done: Callable[[int, str], None]) -> None:
        self._push(QueueItem(due, 0, done=done))

    def _push(self, item: QueueItem) -> None:
        self._number += 1
        item.number = self._number
        heapq.heappush(self._heap, item)
        self._wake()

    def next_due(self) -> float | None:
        """Unix time of the earliest item; None if the queue is empty."""
        return self._heap[0].due if self._heap else None

    def pop_due(self) -> QueueItem | None:
        """Take the earliest item if it is due."""
        if self._heap and self._heap[0].due <= self.clock():
            return heapq.heappop(self._heap)
        return None

    def call(self, item: QueueItem) -> tuple[int, str]:
        """Make the POST; (status, detail). Call without the lock: the app may call the portal back before it answers."""
        if not item.url:
            return 0, ""
        try:
            return self.post(item.url, dict(HEADERS), item.body)
        except OSError as error:
            return 0, f"{type(error).__name__}: {error}"

    def record(self, item: QueueItem, status: int, detail: str) -> None:
        """Record the result of a call, or queue the call again if a crash test asked for that."""
        if not item.url:
            if item.done:
                item.done(status, detail)
            return
        item.attempts += 1
        self.history.append(Attempt(self.clock(), item.label, item.url, status, detail[:300] if status != 200 else ""))
        if status != 200 and item.repeat and item.repeat():
            item.due = self.clock() + RETRY_S
            self._push(item)
        elif item.done:
            item.done(status, detail)
