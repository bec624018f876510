"""What is watched while mutated bodies come in: faults in the log, CPU of a single call, memory that stays."""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("activities", "bx24", "gupshup", "messaging", "robots", "web")
#: `make fuzz`. Among the other tests memory is not counted: too few cases come, and each allocation traced takes its time.
ALONE = "CASES" in os.environ
#: Of one call. Beside the other tests of the suite a core is shared, and the same work may take longer.
CPU_S = 1.0 if ALONE else 3.0
#: How many times slower a thread may be while each of its allocations is traced.
TRACED = 4
#: What our own lines may keep: bounded caches that fill up.
GROWTH_BYTES = 4 * 1024 * 1024


class Watch:
    """cases: how many will come. After half of them, when what is kept for all is there, memory is counted."""

    def __init__(self, cases: int) -> None:
        self._cases = cases
        self._seen = 0
        self.slowest = 0.0
        self._faults: list[str] = []

    @contextmanager
    def open(self) -> Iterator[Watch]:
        """Listen to the log. At the end nothing may have grown."""
        former = structlog.get_config()["processors"]
        structlog.configure(processors=[self._listen, *former])
        try:
            yield self
            assert self.kept() <= GROWTH_BYTES, f"our lines keep {self.kept():,} bytes that they did not keep before"
        finally:
            tracemalloc.stop()
            structlog.configure(processors=former)

    def _listen(self, _: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if event.get("exc_info") or event["event"] in ("request failed", "a run cannot be read and is set aside"):
            self._faults.append(repr(dict(event))[:1000])
        return event

    @contextmanager
    def call(self) -> Iterator[None]:
        """One call: no fault of ours in the log, and no more than a second of this thread."""
        begun = time.thread_time()
        yield
        taken = (time.thread_time() - begun) / (TRACED if tracemalloc.is_tracing() else 1)
        self.slowest = max(self.slowest, taken)
        faults, self._faults = self._faults, []
        assert not faults, faults
        assert taken < CPU_S, f"{taken:.1f} s of CPU"
        self._seen += 1
        if ALONE and self._seen == self._cases // 2:
            tracemalloc.start()

    def kept(self) -> int:
        """Bytes that lines of the product have taken since memory is counted, and still hold."""
        if not tracemalloc.is_tracing():
            return 0
        ours = [tracemalloc.Filter(True, str(ROOT / package / "*")) for package in PACKAGES]
        emulators = [tracemalloc.Filter(False, str(ROOT / vendor / "emulator" / "*")) for vendor in ("bx24", "gupshup")]
        found = tracemalloc.take_snapshot().filter_traces([*ours]).filter_traces(emulators)
        return sum(trace.size for trace in found.traces)
