"""What happens is counted in memory, and added to one Redis hash a few times a second (shown by messaging.insight.prometheus).

What no table knows of one portal's last hours is counted by hour as well, in a hash per portal and hour that Redis forgets
after two days (shown by messaging.insight.hourly).

What is seen in the traffic and worth remembering goes the same way: a worker's supervisor moves it into the database once a
minute (messaging.insight.observations).
"""

import threading
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime

from redis import Redis
from redis.exceptions import RedisError

from messaging.system.clock import Clock, utc_now

HASH = "waba24:metrics"
BUCKETS_S = (0.03, 0.1, 0.15, 0.3, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600)
HELP = {
    "runs_received": ("Robot and activity calls stored", ("side", "action")),
    "runs_ended": ("Runs ended, by outcome", ("line", "outcome")),
    "webhooks": ("Webhooks by type", ("type",)),
    "webhooks_unknown": ("Webhooks that were kept but not understood", ()),
    "answers": ("Answers handed to Bitrix24", ("outcome",)),
    "portal_writes": ("What was written to portals besides answers, by kind and what became of it", ("kind", "state")),
    "callbacks": ("Tries to deliver events to customers' webhooks, by what came of them", ("outcome",)),
    "operator_messages": ("What operators wrote in chats, by line and what became of it", ("line", "outcome")),
    "provider_messages": ("What portals handed over to be sent, by line and what became of it", ("line", "outcome")),
    "rest_calls": ("REST calls to Bitrix24", ("method",)),
    "portal_pauses": ("Pauses after a portal answered slowly: 5 to 60 s in which it is not asked", ("portal",)),
    "refusals": ("Messages refused, by code", ("line", "code")),
    "rows_without_room": ("Calls and webhooks not stored because the disk is full, by their table", ("table",)),
    "spooled": ("Calls and webhooks kept in the spool because the database was away", ("kind",)),
    "spool_refused": ("Calls and webhooks that the spool did not take", ("kind", "reason")),
    "spool_replayed": ("Calls and webhooks of the spool, by what became of them", ("kind", "outcome")),
    "requests_refused": ("Requests refused, by where they came and why", ("door", "reason")),
}


#: Kind of what answers an open point of the vendors' documentation; all other kinds are shapes of payloads.
POINT = "point"
#: What was seen: "portal|kind|name|what", separated by SEPARATOR → how often since it was last moved into the database.
SEEN = "waba24:seen"
SEPARATOR = "\x1f"
#: Lines that were made slower: id → "share of the set pace|since when" (messaging.limits.pace).
SLOWED = "waba24:slowed"
HOURS_KEPT_S = 48 * 3600


def hour_key(portal_id: int, at: datetime) -> str:
    """Where a portal's counts of the hour around a moment stand."""
    return f"waba24:hour:{portal_id}:{int(at.timestamp()) // 3600}"


class Counters:
    """Counts of this process that have not reached Redis yet."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: dict[str, float] = defaultdict(float)
        self._hours: dict[tuple[str, str], float] = defaultdict(float)
        self._seen: dict[str, int] = defaultdict(int)
        self._slowed: dict[str, str] = {}
        self._flushed_at: datetime | None = None

    def add(self, name: str, *labels: object, by: float = 1, portal: int | None = None) -> None:
        """Count one event; `labels` in the order of HELP. portal: whose hour it belongs to as well."""
        key = "|".join([name, *map(str, labels)])
        with self._lock:
            self._counts[key] += by
            if portal is not None:
                self._hours[hour_key(portal, self._clock()), key] += by

    def seen(self, kind: str, name: str, what: str, portal: int = 0) -> None:
        """Remember that this was seen once more; kind, name and what are those of the table `observation`."""
        key = SEPARATOR.join((str(portal), kind, name, what))
        with self._lock:
            self._seen[key] += 1

    def seconds_to_provider(self, line: object, seconds: float, portal: int | None = None) -> None:
        """One message reached Gupshup so many seconds after its robot call."""
        bucket = next((str(bound) for bound in BUCKETS_S if seconds <= bound), "+Inf")
        self.add("to_provider", line, bucket, portal=portal)
        self.add("to_provider_sum", line, by=max(0.0, seconds))

    def line_slowed(self, line_id: int, share: float, at: datetime) -> None:
        """From now on a line uses this part of its pace; how it rises again anybody can tell from that."""
        with self._lock:
            self._slowed[str(line_id)] = f"{share}|{at.isoformat()}"

    def flush_sometimes(self, redis: Callable[[], Redis], now: datetime) -> None:
        """Flush at most once a second: for web processes, after a request."""
        if self._flushed_at is None or (now - self._flushed_at).total_seconds() >= 1:
            self._flushed_at = now
            self.flush(redis())

    def flush(self, redis: Redis) -> None:
        """Add what was counted to the common sum; kept for the next time if Redis is away."""
        with self._lock:
            counts, self._counts = self._counts, defaultdict(float)
            hours, self._hours = self._hours, defaultdict(float)
            seen, self._seen = self._seen, defaultdict(int)
            slowed, self._slowed = self._slowed, {}
        if not counts and not slowed and not seen:
            return
        try:
            pipe = redis.pipeline(transaction=False)
            for key, value in counts.items():
                pipe.hincrbyfloat(HASH, key, value)
            for (hour, key), value in hours.items():
                pipe.hincrbyfloat(hour, key, value)
            for hour in {hour for hour, _ in hours}:
                pipe.expire(hour, HOURS_KEPT_S)
            for key, times in seen.items():
                pipe.hincrby(SEEN, key, times)
            for line, share in slowed.items():
                pipe.hset(SLOWED, line, share)
            pipe.execute()
        except RedisError:
            with self._lock:
                for key, value in counts.items():
                    self._counts[key] += value
                for place, value in hours.items():
                    self._hours[place] += value
                for key, times in seen.items():
                    self._seen[key] += times
                self._slowed = {**slowed, **self._slowed}
