"""A portal whose REST was slow is asked less often: a pause that doubles with each slow exchange in a row.

Each exchange of a worker is timed, whatever stage makes it; planning and answering keep the pause. Several threads may be
asking the portal already, so an exchange that ends while the pause lasts changes nothing.
"""

from datetime import datetime, timedelta
from threading import Lock

from messaging.limits.backoff import backoff_s
from messaging.limits.bounds import SLOW_REST_PAUSE_S, SLOW_REST_S
from messaging.system.clock import Clock


class SlowPortals:
    """The portals that were slow, of this process. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        #: Portal → slow exchanges in a row, and when its pause ends.
        self._slow: dict[int, tuple[int, datetime]] = {}

    def took(self, portal_id: int, seconds: float) -> bool:
        """An exchange with this portal is over, answered or not. Returns whether a pause begins."""
        if seconds <= SLOW_REST_S and portal_id not in self._slow:
            return False
        now = self._clock()
        with self._lock:
            times, until = self._slow.get(portal_id, (0, now))
            if until > now:
                return False
            if seconds <= SLOW_REST_S:
                self._slow.pop(portal_id, None)
                return False
            pause_s = backoff_s(times + 1, SLOW_REST_PAUSE_S, SLOW_REST_S)
            self._slow[portal_id] = times + 1, now + timedelta(seconds=pause_s)
            return True

    def pause_s(self, portal_id: int) -> float:
        """Seconds until this portal is asked again; 0.0: now."""
        _, until = self._slow.get(portal_id, (0, None))
        return max(0.0, (until - self._clock()).total_seconds()) if until else 0.0
