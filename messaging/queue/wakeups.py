"""Wake-ups: Redis says "there is work in shard 7"; the work itself lies in the database.

A wake-up goes to the drain that holds the shard, or else to any drain that listens. If no drain runs, a drain job is queued in
RQ, as JSON: a pickle would let whoever writes to Redis run any code. A lost wake-up costs a second or two:
`messaging.worker.due_work` finds the work in the database and notifies again.

    waba24:owners     hash: shard → drain that holds it      waba24:drains   sorted set: drain → alive until (Redis time)
    waba24:bell:<id>  list of shards, for one drain          waba24:bell     list of shards, for any drain that listens
    waba24:loads      hash: drain → tasks a second           waba24:summoned set while a drain job is queued and has not begun
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.serializers import JSONSerializer

#: The queue of RQ, and the job in it that runs a drain.
QUEUE = "waba24"
DRAIN_JOB = "messaging.worker.jobs.drain"
#: Seconds for which a drain counts as listening since it said so last.
ALIVE_S = 10
#: Seconds after which another drain job may be queued, though the last one has not begun.
SUMMON_S = 15
#: Most shards in one list of wake-ups.
LIST_CAP = 1024
log = structlog.get_logger(__name__)

_NOTIFY = """
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
""" % (LIST_CAP, SUMMON_S)  # noqa: UP031  # braces belong to Lua here


def living_workers(redis: Redis) -> int:
    """How many worker processes live, at least. A killed one may count for two minutes more.

    An idle worker keeps its record at RQ fresh, a busy one its place among the drains; RQ keeps the names of dead ones.
    """
    told: Any = redis.time()
    drains: Any = redis.zcount("waba24:drains", told[0], "+inf")
    names = Worker.all_keys(queue=Queue(QUEUE, connection=redis))
    records: Any = redis.exists(*names) if names else 0
    return max(int(drains), int(records))


@contextmanager
def _best_effort() -> Iterator[None]:
    """Go on without Redis: drains and `due_work` look into the database by themselves."""
    try:
        yield
    except RedisError as error:
        log.warning("Redis is away, the database goes on", error=type(error).__name__)


class PendingWakeups:
    """Shards with new work whose drains are not notified yet. The next thread with time notifies all of them at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shards: set[int] = set()
        self._notifying = False

    def add(self, shards: Iterable[int]) -> None:
        with self._lock:
            self._shards |= set(shards)

    def notify(self, wakeups: "Callable[[], Wakeups]") -> None:
        """Notify until no shard is left; returns at once if another thread is doing that already."""
        while shards := self._taken():
            try:
                wakeups().notify(shards)
            finally:
                self._notifying = False

    def _taken(self) -> set[int]:
        with self._lock:
            if self._notifying or not self._shards:
                return set()
            shards, self._shards = self._shards, set()
            self._notifying = True
            return shards


class Wakeups:
    """Sends wake-ups over Redis, and listens for them."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self._notify = redis.register_script(_NOTIFY)

    def notify(self, shards: Iterable[int]) -> None:
        """Say that these shards have work. If Redis is away the wake-up is lost, and `due_work` finds the work later."""
        wanted = [str(shard) for shard in shards]
        if not wanted:
            return
        try:
            if self._notify(args=wanted):
                self._summon()
        except RedisError as error:
            log.warning("wake-up lost, due_work will notify", error=type(error).__name__)

    def summon_help(self) -> None:
        """Queue one more drain, unless one is queued already or every worker has one."""
        with _best_effort():
            drains: Any = self.redis.zcard("waba24:drains")
            if drains >= Worker.count(queue=Queue(QUEUE, connection=self.redis)):
                return
            if self.redis.set("waba24:summoned", 1, nx=True, ex=SUMMON_S):
                self._summon()

    def _summon(self) -> None:
        # ttl: while no worker runs, one job after another is queued; only the newest are worth running.
        queue = Queue(QUEUE, connection=self.redis, serializer=JSONSerializer)
        queue.enqueue(DRAIN_JOB, job_timeout=-1, ttl=2 * SUMMON_S, result_ttl=60, failure_ttl=3600)

    def begun(self, drain: str) -> None:
        """A drain job has begun: it listens from now on, and another drain job may be queued."""
        self.alive(drain)
        self.redis.delete("waba24:summoned")

    def alive(self, drain: str) -> None:
        """Register this drain as listening for the next ALIVE_S seconds."""
        self.redis.zadd("waba24:drains", {drain: self._now() + ALIVE_S})

    def _now(self) -> int:
        told: Any = self.redis.time()
        return int(told[0])

    def holds(self, drain: str, shards: Iterable[int]) -> None:
        """From now on, wake-ups of these shards go to this drain."""
        owners: dict[Any, Any] = {str(shard): drain for shard in shards}
        if owners:
            with _best_effort():
                self.redis.hset("waba24:owners", mapping=owners)

    def tell_load(self, drain: str, tasks_per_s: float) -> None:
        """Publish how many tasks a second this drain does."""
        with _best_effort():
            self.redis.hset("waba24:loads", drain, str(round(tasks_per_s, 1)))

    def loads(self) -> dict[str, float]:
        """Tasks a second of each drain that is alive; 0 for a drain that has published nothing yet."""
        try:
            alive: Any = self.redis.zrangebyscore("waba24:drains", self._now(), "+inf")
            told: Any = self.redis.hmget("waba24:loads", alive) if alive else []
        except RedisError:
            return {}
        return {name.decode(): float(load or 0) for name, load in zip(alive, told, strict=True)}

    def offer(self, shard: int, drain: str) -> None:
        """Wake this drain for a shard that is free now, so that it takes it."""
        with _best_effort():
            self.redis.hdel("waba24:owners", str(shard))
            self.redis.rpush(f"waba24:bell:{drain}", shard)

    def gone(self, drain: str) -> bool:
        """The drain stops listening. True if a wake-up came meanwhile, or if Redis is away: then the drain must go on.

        The drain leaves first and looks afterwards: a wake-up after it has left finds no drain and queues a new job.
        """
        try:
            self.redis.zrem("waba24:drains", drain)
            self.redis.hdel("waba24:loads", drain)
            return bool(self.redis.llen(f"waba24:bell:{drain}") or self.redis.llen("waba24:bell"))
        except RedisError:
            return True

    def buried(self, prefix: str) -> None:
        """Drains whose names begin with `prefix` are dead: they get no wake-ups, and the next wake-up queues a new drain."""
        with _best_effort():
            names: Any = self.redis.zrange("waba24:drains", 0, -1)
            for name in names:
                if name.decode().startswith(prefix):
                    self.redis.zrem("waba24:drains", name)
                    self.redis.hdel("waba24:loads", name)

    def listen(self, drain: str, bound_s: float) -> tuple[set[int], bool]:
        """Wait for wake-ups, at most `bound_s` seconds. Returns the shards, and whether they were sent to this drain alone."""
        first: Any = self.redis.blpop([f"waba24:bell:{drain}", "waba24:bell"], timeout=bound_s)
        if not first:
            return set(), False
        rest: Any = self.redis.lpop(first[0].decode(), LIST_CAP) or []
        own = first[0].decode() != "waba24:bell"
        return {int(shard) for shard in [first[1], *rest]}, own
