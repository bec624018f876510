"""Bitrix24's request limit, kept by us as well: a leaky bucket per portal in Redis, shared by all processes.

Bitrix24 docs: limits. The bucket holds 50 requests and 2 leak out per second; a full one answers 503 QUERY_LIMIT_EXCEEDED.
"""

from collections.abc import Callable
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from bx24.errors import Throttled
from messaging.system.counters import Counters

RATE_PER_S = 2.0
BURST = 50
#: Seconds to wait for room in the bucket. A thread that sleeps here is a thread other portals lack.
PATIENCE_S = 2.0

# KEYS[1]: the bucket; ARGV: rate, burst. Returns milliseconds to wait, and the level. Adds the request only if that is 0 ms.
_TAKE = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local level = tonumber(redis.call('HGET', KEYS[1], 'level') or '0')
local at = tonumber(redis.call('HGET', KEYS[1], 'at') or now)
level = math.max(0, level - (now - at) / 1000 * ARGV[1])
if level + 1 > tonumber(ARGV[2]) then
  return {math.ceil((level + 1 - ARGV[2]) / ARGV[1] * 1000), math.floor(level)}
end
redis.call('HSET', KEYS[1], 'level', level + 1, 'at', now)
redis.call('PEXPIRE', KEYS[1], 120000)
return {0, math.floor(level) + 1}
"""


class Gate:
    """Called before each REST request to one portal: waits for room in its bucket, at most PATIENCE_S.

    Raises Throttled, which says how long the wait would have been.
    """

    def __init__(self, redis: Redis, portal_id: int, counters: Counters, sleep: Callable[[float], None]) -> None:
        self.redis = redis
        self.portal_id = portal_id
        self.key = f"waba24:limit:{portal_id}"
        self.sleep = sleep
        self.counters = counters
        #: Requests in the bucket after the last one, of BURST.
        self.level = 0

    def __call__(self) -> None:
        waited = 0.0
        while (wait := self._take()) > 0:
            if waited + wait > PATIENCE_S:
                raise Throttled("QUERY_LIMIT_EXCEEDED", "our own limiter", retry_after=wait)
            self.sleep(wait)
            waited += wait
        self.counters.add("rest_calls", "http", portal=self.portal_id)

    def _take(self) -> float:
        try:
            told: Any = self.redis.eval(_TAKE, 1, self.key, RATE_PER_S, BURST)
        except RedisError:
            return 0.0  # without Redis: send. Bitrix24 refuses what is too much; to stand still would cost more
        wait_ms, level = told
        self.level = int(level)
        return float(wait_ms) / 1000
