"""The cloud's limits: requests a second, and the time that a method may take. Source: docs, limits.md."""

from __future__ import annotations

from bx24.emulator.state.injected import Clock

LEAK_PER_S, CAPACITY = 2.0, 50.0
WINDOW_S = 600.0
COUNTED_FROM_S = 0.1


class RequestLimit:
    """A leaky bucket for each source address: 2 requests a second; of requests at once, the 51st is refused."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._levels: dict[str, tuple[float, float]] = {}

    def admit(self, source: str) -> bool:
        now = self._clock()
        level, seen = self._levels.get(source, (0.0, now))
        level = max(0.0, level - (now - seen) * LEAK_PER_S)
        admitted = level + 1 <= CAPACITY
        self._levels[source] = (level + 1 if admitted else level, now)
        return admitted


class OperatingTime:
    """Seconds that each method has worked in the last ten minutes. Calls under 0.1 s are not counted."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._spent: dict[str, list[tuple[float, float]]] = {}

    def add(self, method: str, seconds: float) -> None:
        if seconds >= COUNTED_FROM_S:
            self._spent.setdefault(method, []).append((self._clock(), seconds))

    def spent(self, method: str) -> float:
        since = self._clock() - WINDOW_S
        recent = [entry for entry in self._spent.get(method, []) if entry[0] > since]
        self._spent[method] = recent
        return round(sum(seconds for _, seconds in recent), 6)
