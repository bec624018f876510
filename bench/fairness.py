"""How long a message had to wait: what its line's pace, its client's rate and the line's earlier messages explain. Pure.

A second, simpler account of messaging/limits/pace.py: each line alone in the world, with threads and processor to spare.
What is left of the real waiting after this is what others cost it: processes, databases, neighbours.
"""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass

from messaging.limits.pace import CLIENT_BURST, CLIENT_GAP_S, CLIENT_SLOT_S


@dataclass(frozen=True)
class Wish:
    """One message that would like to leave. ready: seconds; client: whom it goes to. Wishes stand in the order of calls."""

    ready: float
    client: int


class _ClientRate:
    """One client's: CLIENT_BURST messages CLIENT_GAP_S apart, one more each CLIENT_SLOT_S."""

    def __init__(self) -> None:
        self._credit, self._at, self._last = float(CLIENT_BURST), 0.0, float("-inf")

    def opens(self, now: float) -> float:
        """When the next one may leave, not before now."""
        short = max(0.0, 1.0 - self._filled(now))
        return max(now + short * CLIENT_SLOT_S, self._last + CLIENT_GAP_S)

    def leaves(self, now: float) -> None:
        self._credit, self._at, self._last = self._filled(now) - 1.0, now, now

    def _filled(self, now: float) -> float:
        return min(float(CLIENT_BURST), self._credit + (now - self._at) / CLIENT_SLOT_S)


def explained(wishes: Sequence[Wish], pace: float, burst: int) -> list[float]:
    """When each would leave if its line were alone, in seconds. pace: messages a second; burst: how many at once."""
    heads: defaultdict[int, deque[int]] = defaultdict(deque)
    for index, wish in enumerate(wishes):
        heads[wish.client].append(index)
    clients: defaultdict[int, _ClientRate] = defaultdict(_ClientRate)
    coming = [(wishes[queue[0]].ready, queue[0]) for queue in heads.values()]
    heapq.heapify(coming)
    ready: list[int] = []
    leaves = [0.0] * len(wishes)
    tokens, now, filled_at = float(burst), 0.0, 0.0
    while coming or ready:
        if not ready:
            now = max(now, coming[0][0])
        while coming and coming[0][0] <= now:
            heapq.heappush(ready, heapq.heappop(coming)[1])
        tokens, filled_at = min(float(burst), tokens + (now - filled_at) * pace), now
        if tokens < 1.0 - 1e-9:
            now += (1.0 - tokens) / pace
            continue  # meanwhile an earlier one may have become ready
        index = heapq.heappop(ready)
        tokens, leaves[index] = tokens - 1.0, now
        client = wishes[index].client
        clients[client].leaves(now)
        heads[client].popleft()
        if heads[client]:
            following = heads[client][0]
            heapq.heappush(coming, (clients[client].opens(max(now, wishes[following].ready)), following))
    return leaves


def gini(parts: Sequence[float]) -> float:
    """How unevenly something is shared: 0 evenly, towards 1 one has it all. 0.0 of nothing."""
    ordered, total = sorted(parts), sum(parts)
    if not total:
        return 0.0
    weighted = sum(rank * part for rank, part in enumerate(ordered, 1))
    return 2 * weighted / (len(ordered) * total) - (len(ordered) + 1) / len(ordered)
