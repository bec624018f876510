"""How often one token of the API may call: a token bucket in Redis, shared by all processes. Without Redis: any number."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from messaging.system.embedded_redis import QueueServerError

RATE_PER_S = 20
BURST = 60
#: Seconds until an empty bucket is full again.
WINDOW_S = BURST // RATE_PER_S
#: After Redis has not answered, nobody asks for so many seconds: each question would wait for the connection.
REST_S = 5.0

# KEYS[1]: the bucket; ARGV: rate, burst. Returns milliseconds to wait, and how many calls are left. Counts the call only if
# that is 0 ms.
_TAKE = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local left = tonumber(redis.call('HGET', KEYS[1], 'left') or ARGV[2])
local at = tonumber(redis.call('HGET', KEYS[1], 'at') or now)
left = math.min(tonumber(ARGV[2]), left + math.max(0, now - at) / 1000 * ARGV[1])
if left < 1 then
  return {math.ceil((1 - left) / ARGV[1] * 1000), 0}
end
redis.call('HSET', KEYS[1], 'left', tostring(left - 1), 'at', now)
redis.call('PEXPIRE', KEYS[1], 60000)
return {0, math.floor(left - 1)}
"""


@dataclass(frozen=True)
class Allowance:
    """left: calls that may follow at once. wait_s: seconds until a call is allowed, 0: this one is."""

    left: int
    wait_s: float


class TokenRate:
    """Counts the calls of tokens. redis: asked for at each call, so that it is opened by the first one."""

    def __init__(self, redis: Callable[[], Redis], now: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._now = now
        self._away_until = 0.0

    def take(self, token_id: int) -> Allowance:
        """Count a call of this token, if it is allowed."""
        if self._now() < self._away_until:
            return Allowance(BURST, 0.0)
        try:
            told: Any = self._redis().eval(_TAKE, 1, f"waba24:api:{token_id}", RATE_PER_S, BURST)
        except (RedisError, QueueServerError):
            self._away_until = self._now() + REST_S
            return Allowance(BURST, 0.0)
        wait_ms, left = told
        return Allowance(int(left), float(wait_ms) / 1000)
