"""Redis carries no work, only bells: "there is work in shard 7".

A wake-up is one round trip. It rings at the process that holds the shard, else at whoever listens, and says when no
drain is running at all, so that one is queued in RQ. A bell that is lost costs a second or two: the sweeper looks
into the database and rings again.

    waba24:owners     hash shard → drain that holds it       waba24:drains   sorted set drain → alive until (Redis time)
    waba24:bell:<id>  list of shards, for one drain           waba24:bell     list of shards, for whoever listens
    waba24:summoned   set while a drain job is queued and has not begun
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker

QUEUE = "waba24"
DRAIN_JOB = "messaging.worker.jobs.drain"
ALIVE_S = 10
SUMMON_S = 15
BELL_CAP = 1024
log = structlog.get_logger(__name__)

_RING = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', 'waba24:drains', '-inf', now)
for _, shard in ipairs(ARGV) do
  local owner = redis.call('HGET', 'waba24:owners', shard)
  local bell = 'waba24:bell'
  if owner and redis.call('ZSCORE', 'waba24:drains', owner) then bell = bell .. ':' .. owner end
  if redis.call('LLEN', bell) < %d then redis.call('RPUSH', bell, shard) end
  redis.call('EXPIRE', bell, 60)
end
if redis.call('ZCARD', 'waba24:drains') == 0 and redis.call('SET', 'waba24:summoned', 1, 'NX', 'EX', %d) then
  return 1
end
return 0
""" % (BELL_CAP, SUMMON_S)  # noqa: UP031  # braces belong to Lua here


@contextmanager
def _best_effort() -> Iterator[None]:
    """Without Redis the database goes on: drains and sweepers look there by themselves."""
    try:
        yield
    except RedisError as error:
        log.warning("Redis is away, the database goes on", error=type(error).__name__)


class Unrung:
    """Shards that were given work and not rung for yet: one round trip for all of them, by whoever has time first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shards: set[int] = set()
        self._ringing = False

    def add(self, shards: Iterable[int]) -> None:
        with self._lock:
            self._shards |= set(shards)

    def ring(self, bells: "Callable[[], Bells]") -> None:
        """Ring for what was added, until nothing is left; nobody waits for a ringing that is under way."""
        while shards := self._taken():
            try:
                bells().ring(shards)
            finally:
                self._ringing = False

    def _taken(self) -> set[int]:
        with self._lock:
            if self._ringing or not self._shards:
                return set()
            shards, self._shards = self._shards, set()
            self._ringing = True
            return shards


class Bells:
    """The ringing side and the listening side, over one Redis."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self._ring = redis.register_script(_RING)

    def ring(self, shards: Iterable[int]) -> None:
        """Say that these shards have work. Best effort: what was committed is found by the sweeper anyway."""
        wanted = [str(shard) for shard in shards]
        if not wanted:
            return
        try:
            if self._ring(args=wanted):
                self._summon()
        except RedisError as error:
            log.warning("wake-up lost, the sweeper will ring", error=type(error).__name__)

    def summon_help(self) -> None:
        """Queue one more drain, unless one is queued already or every worker has one."""
        with _best_effort():
            drains: Any = self.redis.zcard("waba24:drains")
            if drains >= Worker.count(queue=Queue(QUEUE, connection=self.redis)):
                return
            if self.redis.set("waba24:summoned", 1, nx=True, ex=SUMMON_S):
                self._summon()

    def _summon(self) -> None:
        # ttl: while no worker runs, a summons follows a summons; only the last ones are worth beginning.
        queue = Queue(QUEUE, connection=self.redis)
        queue.enqueue(DRAIN_JOB, job_timeout=-1, ttl=2 * SUMMON_S, result_ttl=60, failure_ttl=3600)

    def begun(self, drain: str) -> None:
        """A drain job has begun: it listens from now on, and another may be summoned."""
        self.alive(drain)
        self.redis.delete("waba24:summoned")

    def alive(self, drain: str) -> None:
        """Tell that this drain listens for ALIVE_S more seconds."""
        self.redis.zadd("waba24:drains", {drain: self._now() + ALIVE_S})

    def _now(self) -> int:
        told: Any = self.redis.time()
        return int(told[0])

    def holds(self, drain: str, shards: Iterable[int]) -> None:
        """Bells of these shards ring at this drain from now on."""
        owners: dict[Any, Any] = {str(shard): drain for shard in shards}
        if owners:
            with _best_effort():
                self.redis.hset("waba24:owners", mapping=owners)

    def tell_load(self, drain: str, tasks_per_s: float) -> None:
        """How much this drain does."""
        with _best_effort():
            self.redis.hset("waba24:loads", drain, str(round(tasks_per_s, 1)))

    def loads(self) -> dict[str, float]:
        """What the drains that are alive do; one that has not told yet does nothing."""
        try:
            alive: Any = self.redis.zrangebyscore("waba24:drains", self._now(), "+inf")
            told: Any = self.redis.hmget("waba24:loads", alive) if alive else []
        except RedisError:
            return {}
        return {name.decode(): float(load or 0) for name, load in zip(alive, told, strict=True)}

    def offer(self, shard: int, drain: str) -> None:
        """This shard is free; ring at the drain that is to take it."""
        with _best_effort():
            self.redis.hdel("waba24:owners", str(shard))
            self.redis.rpush(f"waba24:bell:{drain}", shard)

    def gone(self, drain: str) -> bool:
        """The drain stops listening; True if bells rang meanwhile, so that it must go on instead.

        First leave, then look: whoever rings after the leaving finds no drain and summons one. While Redis is away nobody
        can be summoned, so it goes on as well.
        """
        try:
            self.redis.zrem("waba24:drains", drain)
            self.redis.hdel("waba24:loads", drain)
            return bool(self.redis.llen(f"waba24:bell:{drain}") or self.redis.llen("waba24:bell"))
        except RedisError:
            return True

    def buried(self, prefix: str) -> None:
        """Drains whose names begin so are dead: nobody rings at them any more, and the next bell summons another drain."""
        with _best_effort():
            names: Any = self.redis.zrange("waba24:drains", 0, -1)
            for name in names:
                if name.decode().startswith(prefix):
                    self.redis.zrem("waba24:drains", name)
                    self.redis.hdel("waba24:loads", name)

    def listen(self, drain: str, bound_s: float) -> tuple[set[int], bool]:
        """Wait for bells, at most `bound_s` seconds; the shards that rang, and whether they rang at this drain alone."""
        first: Any = self.redis.blpop([f"waba24:bell:{drain}", "waba24:bell"], timeout=bound_s)
        if not first:
            return set(), False
        rest: Any = self.redis.lpop(first[0].decode(), BELL_CAP) or []
        own = first[0].decode() != "waba24:bell"
        return {int(shard) for shard in [first[1], *rest]}, own
