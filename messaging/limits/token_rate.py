"""How often one token of the API may call, and all tokens of one portal together: token buckets in Redis, shared by all
processes. Without Redis: any number."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from messaging.system.embedded_redis import QueueServerError

RATE_PER_S = 20
BURST = 60
#: All tokens of one portal together: threads that serve them serve others too.
PORTAL_RATE_PER_S = 60
PORTAL_BURST = 180
#: Seconds until an empty bucket is full again.
WINDOW_S = BURST // RATE_PER_S
#: Seconds without a question after Redis has not answered: each question would wait for the connection.
REST_S = 5.0

# KEYS: buckets; ARGV: rate, burst of each. Returns milliseconds to wait, and how many calls are left in the first one. Counts
# the call, in all of them, only if that is 0 ms.
_TAKE = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local left, wait = {}, 0
for i, key in ipairs(KEYS) do
  local rate, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local had = tonumber(redis.call('HGET', key, 'left') or burst)
  local at = tonumber(redis.call('HGET', key, 'at') or now)
  left[i] = math.min(burst, had + math.max(0, now - at) / 1000 * rate)
  if left[i] < 1 then wait = math.max(wait, math.ceil((1 - left[i]) / rate * 1000)) end
end
if wait > 0 then return {wait, math.floor(left[1])} end
for i, key in ipairs(KEYS) do
  redis.call('HSET', key, 'left', tostring(left[i] - 1), 'at', now)
  redis.call('PEXPIRE', key, 60000)
end
return {0, math.floor(left[1] - 1)}
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

    def take(
        self, token_id: int, portal_id: int, what: str = "", *, rate_per_s: float = RATE_PER_S, burst: int = BURST
    ) -> Allowance:
        """Count a call of this token of this portal, if it is allowed. what: its calls have a bucket of their own."""
        if self._now() < self._away_until:
            return Allowance(burst, 0.0)
        buckets = (rate_per_s, burst, PORTAL_RATE_PER_S, PORTAL_BURST)
        try:
            told: Any = self._redis().eval(_TAKE, 2, *_names(token_id, portal_id, what), *buckets)
        except (RedisError, QueueServerError):
            self._away_until = self._now() + REST_S
            return Allowance(burst, 0.0)
        wait_ms, left = told
        return Allowance(int(left), float(wait_ms) / 1000)


def _names(token_id: int, portal_id: int, what: str) -> tuple[str, str]:
    own = f"waba24:api:{token_id}"
    return f"{own}:{what}" if what else own, f"waba24:api:portal:{portal_id}"
