"""The threads of the emulator's process: one waits for what is due, a pool posts the webhooks.

Webhooks of one app go out one after another (`webhook_lanes` of them at a time, one by default), so a slow endpoint
delays the later events of its app, as Gupshup warns, and nobody else's.
"""

from __future__ import annotations

import logging
import threading
import zlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from gupshup.emulator.emulator import Emulator
from gupshup.emulator.state.records import Webhook

_POOL = 64
# The shortest wait between two rounds: with thousands of events a second, a wake-up for each would cost too much.
_BEAT_S = 0.01
_log = logging.getLogger(__name__)


@dataclass
class _Lane:
    waiting: deque[Webhook] = field(default_factory=deque)
    busy: bool = False


class Runner:
    """Posts webhooks when they are due, until `stop`."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._lanes: dict[tuple[str, str, int], _Lane] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(_POOL, "webhook")
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="due", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the threads. Webhooks that still wait are dropped."""
        with self._emulator.changed:
            self._stopped.set()
            self._emulator.changed.notify_all()
        self._thread.join()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        emulator = self._emulator
        while not self._stopped.is_set():
            for webhook in emulator.timetable.take_due():
                self._hand_over(webhook)
            with emulator.changed:
                due = emulator.next_due()
                wait = None if due is None else max((due - emulator.clock()).total_seconds(), _BEAT_S)
                if not self._stopped.is_set():
                    emulator.changed.wait(wait)

    def _hand_over(self, webhook: Webhook) -> None:
        lanes = max(self._emulator.faults.number(webhook.app.name, "webhook_lanes"), 1)
        key = (webhook.app.name, webhook.url, zlib.crc32(_phone_of(webhook).encode()) % lanes)
        with self._lock:
            lane = self._lanes.setdefault(key, _Lane())
            lane.waiting.append(webhook)
            if lane.busy:
                return
            lane.busy = True
        self._pool.submit(self._drain, lane)

    def _drain(self, lane: _Lane) -> None:
        while True:
            with self._lock:
                if not lane.waiting:
                    lane.busy = False
                    return
                webhook = lane.waiting.popleft()
            try:
                self._emulator.deliver(webhook)
            except Exception:
                # A webhook that cannot be posted must not stop those that wait behind it.
                _log.exception("webhook %s could not be posted", webhook.id)


def _phone_of(webhook: Webhook) -> str:
    payload = webhook.body.get("payload")
    return str(payload.get("destination") or payload.get("source") or "") if isinstance(payload, dict) else ""
