"""What is due when, and the posting of webhooks with retries.

The timetable is a heap of things to do. Nobody here sleeps: a caller asks what is due by the injected clock.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from gupshup.emulator.state.json_types import JsonObject
from gupshup.emulator.state.records import Webhook

Clock = Callable[[], datetime]
Post = Callable[[str, JsonObject], int]

_BACK_OFF_S = (1, 2, 4, 8, 16)
_LOG_LIMIT = 100_000


class Timetable:
    """Actions by due time, and the log of all webhooks. changed: the emulator's lock."""

    def __init__(self, clock: Clock, post: Post, changed: threading.Condition) -> None:
        self._clock = clock
        self._post = post
        self._changed = changed
        self._heap: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._ready: list[Webhook] = []
        self.log: deque[Webhook] = deque(maxlen=_LOG_LIMIT)

    def run_at(self, due: datetime, action: Callable[[], None]) -> None:
        """Do something under the lock, not before `due`."""
        with self._changed:
            sooner = not self._heap or due < self._heap[0][0]
            heapq.heappush(self._heap, (due, next(self._order), action))
            if sooner:
                self._changed.notify_all()

    def add_webhook(self, webhook: Webhook) -> None:
        """Post a webhook when it is due."""
        with self._changed:
            self.log.append(webhook)
            self._queue(webhook)

    def _queue(self, webhook: Webhook) -> None:
        self.run_at(webhook.due, lambda: self._ready.append(webhook))

    def next_due(self) -> datetime | None:
        """The time of the next action; None if there is none."""
        with self._changed:
            return self._heap[0][0] if self._heap else None

    def take_due(self) -> list[Webhook]:
        """Do what is due; return the webhooks that are due, in order. The caller posts each with `deliver`."""
        with self._changed:
            now = self._clock()
            while self._heap and self._heap[0][0] <= now:
                heapq.heappop(self._heap)[2]()
            ready, self._ready = self._ready, []
            return ready

    def deliver(self, webhook: Webhook, retries: int) -> None:
        """Post a webhook. After an answer other than 2xx it is posted again, up to `retries` times, with growing pauses."""
        answer = self._post(webhook.url, webhook.body)
        with self._changed:
            now = self._clock()
            webhook.answers.append(answer)
            webhook.posted.append(now)
            attempt = len(webhook.answers)
            if 200 <= answer < 300:
                webhook.state = "delivered"
            elif attempt > retries:
                webhook.state = "given up"
            else:
                webhook.state = "retrying"
                webhook.due = now + timedelta(seconds=_BACK_OFF_S[min(attempt, len(_BACK_OFF_S)) - 1])
                self._queue(webhook)
