"""How often one portal, one address or one person may do something in a minute: token buckets in the memory of a process.

Each web process counts for itself, so with two of them somebody may do up to twice as much.
"""

import time
from collections.abc import Callable
from threading import Lock

from messaging.limits import bounds

Now = Callable[[], float]
#: A bucket is not empty for what adding up seconds has lost.
ROUNDING_S = 1e-6


class OverQuota(Exception):
    """Somebody does something too often. again_s: seconds until he may again."""

    def __init__(self, what: str, again_s: float) -> None:
        super().__init__(f"too many {what}")
        self.again_s = again_s


class Buckets:
    """One bucket for each name: so many tokens flow in each minute, as many fit in. now: seconds, from anywhere.

    Of more than bounds.QUOTA_NAMES names the one that was quiet for the longest time is forgotten, which fills its bucket.
    """

    def __init__(self, per_minute: int, now: Now = time.monotonic) -> None:
        self._each_s = 60 / per_minute
        self._now = now
        self._lock = Lock()
        #: When each bucket will be full again; the name that asked last stands last.
        self._full_at: dict[str, float] = {}

    def take(self, name: str) -> float:
        """Take a token: 0. If there is none, seconds until there is one."""
        with self._lock:
            now = self._now()
            full_at = max(now, self._full_at.pop(name, now)) + self._each_s
            wait_s = full_at - now - 60
            is_free = wait_s < ROUNDING_S
            self._full_at[name] = full_at if is_free else full_at - self._each_s
            if len(self._full_at) > bounds.QUOTA_NAMES:
                del self._full_at[next(iter(self._full_at))]
            return 0.0 if is_free else wait_s


class CallQuota:
    """Robot calls of each portal, which Bitrix24 never repeats: over the quota they become runs that are refused."""

    def __init__(self, per_minute: int, now: Now = time.monotonic) -> None:
        self._usual = Buckets(per_minute, now)
        self._most = Buckets(per_minute * bounds.CALLS_AT_MOST, now)

    def allows(self, portal_id: int) -> bool:
        """Count a call. Whether the portal is within its quota; raises OverQuota if it is far beyond."""
        if again_s := self._most.take(str(portal_id)):
            raise OverQuota("calls of a portal", again_s)
        return not self._usual.take(str(portal_id))
