"""The queue between a portal and the app: robot calls and events leave a little later, once, in no promised order.

Bitrix24 does not repeat a call that failed; the emulator logs it as failed and goes on. The `retry_until_200` fault
repeats robot calls for crash tests only.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.state.records import Clock, Post

RETRY_S = 1.0
HEADERS = {
    "Content-Type": "application/x-www-form-urlencoded",
    "User-Agent": "Bitrix24 Webhook Engine",
    "Accept": "*/*",
}


@dataclass(order=True)
class Item:
    """One outgoing POST, or (url empty) a timer that only calls `done`."""

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
    """What became of one try; status 0 means nobody answered."""

    at: float
    label: str
    url: str
    status: int
    detail: str

    def to_dict(self) -> dict[str, Any]:
        return {"at": self.at, "label": self.label, "url": self.url, "status": self.status, "detail": self.detail}


class Queue:
    """A heap of things that become due. Whoever pops an item runs it outside the emulator's lock."""

    def __init__(self, clock: Clock, post: Post, wake: Callable[[], None]) -> None:
        self.clock = clock
        self.post = post
        self._wake = wake
        self.history: list[Attempt] = []
        self._heap: list[Item] = []
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
        self._push(Item(self.clock() + delay_s, 0, url, php.encode(form), label, 0, repeat, done))

    def timer(self, due: float, done: Callable[[int, str], None]) -> None:
        self._push(Item(due, 0, done=done))

    def _push(self, item: Item) -> None:
        self._number += 1
        item.number = self._number
        heapq.heappush(self._heap, item)
        self._wake()

    def next_due(self) -> float | None:
        """Unix time of the next thing to do, None when there is nothing."""
        return self._heap[0].due if self._heap else None

    def pop_due(self) -> Item | None:
        """The next item whose time has come. The caller holds the emulator's lock."""
        if self._heap and self._heap[0].due <= self.clock():
            return heapq.heappop(self._heap)
        return None

    def call(self, item: Item) -> tuple[int, str]:
        """Do the POST. Not under the lock: the app may call the portal back before it answers."""
        if not item.url:
            return 0, ""
        try:
            return self.post(item.url, dict(HEADERS), item.body)
        except OSError as error:
            return 0, f"{type(error).__name__}: {error}"

    def settle(self, item: Item, status: int, detail: str) -> None:
        """Record the outcome; repeat when a crash test asked for it. The caller holds the lock."""
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
