"""A simulated clock, and what stands around our own code while it runs on it: Redis, vendors, worker processes.

Our code is real: drains with their leases, wake-ups, rounds, paces, limiter and rebalancing; so are database and Redis.
Simulated are time, the network, and what work costs a process. Events happen one after another, on one thread, so that a run
can be repeated. What a task does is done at once and comes back when its time is over.
"""

from __future__ import annotations

import heapq
import itertools
import json
import random
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import requests
from redis import Redis
from redis.commands.core import Script
from requests.adapters import BaseAdapter
from urllib3.response import HTTPResponse

from gupshup.client import Account
from gupshup.errors import Throttled
from messaging.limits.portal_rate import BURST, RATE_PER_S
from messaging.queue.wakeups import QUEUE, Wakeups
from messaging.runtime import Runtime
from messaging.stages.base import Finished, Stage
from messaging.worker.drain import GROUP, IDLE_S, LOOK_S, Drain
from messaging.worker.rebalancing import Rebalancing

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
#: How long Gupshup takes: 200 ms, give or take a quarter, so that what left together does not come back together.
SEND_S, SPREAD = 0.2, 0.25
REST_S, COMMAND_S = 0.12, 0.004
DEAD_S, SLOW_S = 5.0, 8.0
_SECONDS, _MICROSECONDS = "simulation:seconds", "simulation:microseconds"


class Clock:
    """Seconds since START; `aside` is what the task at hand has slept so far."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._aside = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def __call__(self) -> datetime:
        return START + timedelta(seconds=self.now())

    def now(self) -> float:
        return self.seconds + self._aside

    def sleep(self, seconds: float) -> None:
        """Only tasks sleep: everything else is an event."""
        self._aside += seconds

    def aside(self, work: Callable[[], Any]) -> tuple[Any, float]:
        """Do it now; its result, and how long it takes."""
        self._aside = 0.0
        try:
            return work(), self._aside
        finally:
            self._aside = 0.0

    def at(self, seconds: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (max(seconds, self.seconds), next(self._numbers), event))

    def after(self, seconds: float, event: Callable[[], None]) -> None:
        self.at(self.seconds + seconds, event)

    def run(self, until: float) -> None:
        """Let everything happen that happens until then."""
        while self._events and self._events[0][0] <= until:
            self.seconds, _, event = heapq.heappop(self._events)
            event()
        self.seconds = until


class SimulatedRedis(Redis):
    """A real Redis whose scripts and `TIME` read our clock, and whose blocking pop never blocks."""

    clock: Clock
    notified = False
    _told = -1.0

    @classmethod
    def on(cls, url: str, clock: Clock) -> Self:
        made = cls.from_url(url)
        assert isinstance(made, cls)
        made.clock = clock
        return made

    def time(self, **kwargs: Any) -> tuple[int, int]:
        now = self._instant()
        return int(now), int(now % 1 * 1e6)

    def eval(self, script: str, numkeys: int, *keys_and_args: Any) -> Any:
        self._tell()
        return super().eval(_on_our_clock(script), numkeys, *keys_and_args)

    def register_script(self, script: Any) -> Script:
        return super().register_script(_on_our_clock(script))

    def evalsha(self, sha: str, numkeys: int, *keys_and_args: Any) -> Any:
        self._tell()
        self.notified = True
        return super().evalsha(sha, numkeys, *keys_and_args)

    def rpush(self, name: Any, *values: Any) -> Any:
        self.notified = True
        return super().rpush(name, *values)

    def blpop(self, keys: Any, timeout: Any = 0) -> Any:
        return next(((key.encode(), value) for key in keys if (value := self.lpop(key)) is not None), None)

    def _instant(self) -> float:
        return START.timestamp() + self.clock.now()

    def _tell(self) -> None:
        if self._told != (now := self._instant()):
            self.mset({_SECONDS: int(now), _MICROSECONDS: int(now % 1 * 1e6)})
            self._told = now


def _on_our_clock(script: str) -> str:
    return script.replace("redis.call('TIME')", f"redis.call('MGET', '{_SECONDS}', '{_MICROSECONDS}')")


@dataclass
class Leak:
    """A bucket that leaks: `level` of what was poured in at `at`."""

    level: float = 0.0
    at: float = 0.0

    def pour(self, now: float, rate: float, most: float) -> bool:
        """Whether one more fits in; then it is in."""
        self.level, self.at = max(0.0, self.level - max(0.0, now - self.at) * rate), max(now, self.at)
        fits = self.level + 1 <= most + 1e-6
        self.level += fits
        return fits


class Provider:
    """Gupshup's door. strict: app name → messages a second it takes; the rest is answered 429."""

    def __init__(self, clock: Clock, strict: Mapping[str, float]) -> None:
        self.clock = clock
        self.strict = strict
        self.accepted: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._chance = random.Random(1)
        self._leaks: defaultdict[str, Leak] = defaultdict(Leak)

    def send(self, account: Account, destination: str, path: str, form: Mapping[str, str]) -> str:
        rate = self.strict.get(account.app_name)
        fits = rate is None or self._leaks[account.app_name].pour(self.clock.now(), rate, max(1.0, rate))
        self.clock.sleep(SEND_S * self._chance.uniform(1 - SPREAD, 1 + SPREAD))
        if not fits:
            self.refused[account.app_name] += 1
            raise Throttled("gupshup_429", "Too many requests")
        self.accepted[destination] += 1
        return str(uuid.uuid4())


class Portals(BaseAdapter):
    """All portals' REST doors: 2 requests a second and a bucket of 50 each. Hosts: p<id>.example."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.dead: set[str] = set()
        self.slow: set[str] = set()
        self.calls: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.fullest = 0.0
        self._leaks: defaultdict[str, Leak] = defaultdict(Leak)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        host = urlsplit(str(request.url)).netloc
        self.calls[host] += 1
        if host in self.dead:
            self.clock.sleep(DEAD_S)
            raise requests.exceptions.ConnectTimeout(host)
        leak = self._leaks[host]
        if not leak.pour(
            self.clock.now(), RATE_PER_S, BURST + 0.5
        ):  # half a request of tolerance: the limiter rounds to ms
            self.refused[host] += 1
            return _response(request, 503, {"error": "QUERY_LIMIT_EXCEEDED"})
        self.fullest = max(self.fullest, leak.level)
        commands: dict[str, str] = json.loads(request.body or "{}").get("cmd") or {}
        self.clock.sleep(SLOW_S if host in self.slow else REST_S + COMMAND_S * len(commands))
        results = {key: _result(command) for key, command in commands.items()}
        return _response(request, 200, {"result": {"result": results, "result_error": [], "result_time": {}}})

    def close(self) -> None:
        """Nothing to close."""


def _result(command: str) -> Any:
    method, _, query = command.partition("?")
    if method != "crm.item.get":
        return True
    number = parse_qs(query)["id"][0]  # the card's number is its client's phone
    return {"item": {"id": number, "fm": [{"typeId": "PHONE", "value": f"+{number}"}]}}


def _response(request: requests.PreparedRequest, status: int, body: Any) -> requests.Response:
    response = requests.Response()
    response.status_code, response.request, response.url = status, request, str(request.url)
    content = json.dumps(body).encode()
    response.headers["Content-Type"] = "application/json"
    response.raw = HTTPResponse(body=BytesIO(content), status=status, preload_content=False)
    return response


@dataclass(frozen=True)
class Costs:
    """What work takes of a process, in seconds: a round, and each task claimed or recorded in it.

    locked: share of it while SQLite's other writers wait; planning and reading come before.
    """

    round_s: float = 0.002
    item_s: float = 0.0005
    locked: float = 0.5


@dataclass
class Writers:
    """SQLite's writers take turns: a round writes when the one before is committed. PostgreSQL's do not."""

    take_turns: bool
    free_at: float = 0.0


class SteppedDrain(Drain):
    """A drain whose tasks are events and whose loop is `Process.step`."""

    def __init__(self, runtime: Runtime, threads: int, clock: Clock, back: Callable[[Any], None]) -> None:
        super().__init__(runtime, threads)
        self.rebalancing = Rebalancing(self, clock.now)
        self.now = clock.now
        self._clock = clock
        self._come_back = back

    def _submit(self, pool: Any, stage: Stage, task: Any) -> None:
        finished, took_s = self._clock.aside(lambda: self.work(stage, task))
        self._clock.after(took_s, lambda: self._come_back(finished))

    def hear(self, notified: set[int], own: bool) -> None:
        if own:
            self.rebalancing.offered(notified)
        self._notified |= notified

    def begin(self) -> None:
        self.runtime.wakeups.begun(self.name)
        self._take_due_shards()

    def next(self, finished: list[Finished], look: bool) -> int:
        return self._next(None, finished, look)  # type: ignore[arg-type]  # the pool is for `_submit`, which has none

    def begun(self) -> None:
        self._round_at = self._clock.seconds

    @property
    def is_idle(self) -> bool:
        return not (self.in_flight or self._has_due_work)

    def leave(self) -> None:
        self._leave()


@dataclass
class Process:
    """One worker process: idle, or running a drain. `step` is one turn of `Drain._loop`, on our clock."""

    clock: Clock
    runtime: Runtime
    threads: int
    costs: Costs
    writers: Writers
    drain: SteppedDrain | None = None
    rounds: int = 0
    busy_s: float = 0.0
    _back: list[Finished] = field(default_factory=list)
    _notified: bool = False
    _found: int = 0
    _due: float = float("inf")
    _free_at: float = 0.0
    _idle_since: float = 0.0
    _looked_at: float = 0.0
    left: Callable[[], None] = lambda: None

    def begin(self) -> None:
        """RQ hands us a drain job."""
        now = self._idle_since = self._looked_at = self._free_at = self.clock.seconds
        self.drain = SteppedDrain(self.runtime, self.threads, self.clock, self.come_back)
        self.drain.begin()
        self._found = 1
        self._step_at(now)

    def come_back(self, finished: Finished) -> None:
        self._back.append(finished)
        self._wake(finished)

    def listen(self) -> None:
        """The listener: wake-ups that came meanwhile."""
        if self.drain is None:
            return
        notified, own = self.runtime.wakeups.listen(self.drain.name, 1.0)
        if notified:
            self.drain.hear(notified, own)
            self._notified = True
            self._wake(notified)

    def _wake(self, event: Finished | set[int]) -> None:
        assert self.drain is not None
        self._step_at(max(self.clock.seconds, self._free_at, self.drain.latest_round(event)))

    def _step_at(self, seconds: float) -> None:
        if seconds < self._due:
            self._due = seconds
            self.clock.at(seconds, lambda: self._step(seconds))

    def _step(self, due: float) -> None:
        if due != self._due or self.drain is None:
            return  # woken earlier meanwhile
        self._due = float("inf")
        now = self.clock.seconds
        may_write = bool(self._back or self._notified or self._found)
        if may_write and self.writers.take_turns and self.writers.free_at > now:
            self._step_at(self.writers.free_at)
            return
        self.drain.rebalancing.waited(max(0.0, now - self._free_at))
        self.drain.begun()
        self._notified = False
        finished, self._back = self._back[:GROUP], self._back[GROUP:]
        look = now - self._looked_at >= LOOK_S
        self._looked_at = now if look else self._looked_at
        self._found = self.drain.next(finished, look)
        self._pay(now, len(finished) + self._found)
        self._idle(now, bool(self._found or finished))

    def _pay(self, now: float, items: int) -> None:
        took_s = self.costs.round_s + items * self.costs.item_s
        self.rounds += 1
        self.busy_s += took_s
        self._free_at = now + took_s
        if items:
            self.writers.free_at = now + took_s * self.costs.locked

    def _idle(self, now: float, did_something: bool) -> None:
        assert self.drain is not None
        if did_something or not self.drain.is_idle:
            self._idle_since = now
        elif now - self._idle_since >= IDLE_S and not self.runtime.wakeups.gone(self.drain.name):
            self.drain.leave()
            self.drain = None
            self.left()
            return
        self._step_at(max(self._free_at + self.drain.wait_s(), self.drain.earliest_round()))
        for finished in self._back:
            self._wake(finished)


class Yard(Wakeups):
    """Wakeups that call a drain from our worker processes instead of RQ's; the rest is theirs."""

    def __init__(self, redis: Redis, processes: list[Process], clock: Clock) -> None:
        super().__init__(redis)
        self._processes = processes
        self._clock = clock
        redis.sadd(f"rq:workers:{QUEUE}", *(f"worker {number}" for number in range(len(processes) or 1)))

    def _summon(self) -> None:
        self._clock.after(0.005, self._begin)

    def _begin(self) -> None:
        if idle := next((process for process in self._processes if process.drain is None), None):
            idle.begin()
