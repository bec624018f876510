"""What all parts stand on: the vendors, the stub, PostgreSQL, towns of our own processes, the table, the peaks of memory."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
from sqlalchemy import func, select

from bench import load
from bench.figures import NAMES, Row
from bench.machine import Peaks
from messaging.store.models import Line, Run
from tests.crash.processes import ROOT, Process, until
from tests.crash.rig import Shop, Town, Vendors
from tests.support.postgres import DURABLE, ServerUnavailable, create_database, drop_database, postgres

THREADS = 128
FIELDS = {"template": "order_ready", "params": ["[1]Ольга", "[2]A-17"], "until": "accepted", "wait_minutes": "60"}
HELD_AT_ONCE = 500
STEP_S = 0.25


class Unfinished(Exception):
    """A part did not end within its limit; the text says how far it came."""


@dataclass(frozen=True)
class HeldCall:
    """A robot call that the emulated portal has signed and logged, and that we post in its place."""

    workflow: str
    phone: str
    url: str
    body: bytes

    def encoded(self) -> bytes:
        return load.encode(self.url, self.body)


@dataclass
class Ground:
    """One run of the benchmark. scale: 1.0 = everything. problems: what was lost or sent twice."""

    scale: float = 1.0
    rows: list[Row] = field(default_factory=list)
    parts: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    peaks: Peaks = field(default_factory=Peaks)
    vendors: Any = None
    stub: str = ""
    postgres: str = ""

    def __post_init__(self) -> None:
        self._phones = (
            f"7912{number:07d}" for number in itertools.count(1_000_001) if not f"{number}".endswith("0000")
        )
        self._http = requests.Session()
        self._http.trust_env = False

    # --- telling ---------------------------------------------------------------------------------------------------

    def row(self, part: str, what: str, database: str, figures: str) -> None:
        """One line of the table, as soon as it is known."""
        self.rows.append(Row(part, what, database, figures))
        say("")
        print(self.rows[-1].text(), flush=True)

    def problem(self, text: str) -> None:
        self.problems.append(text)
        say("")
        print(f"PROBLEM   {text}", flush=True)

    def scaled(self, count: int, least: int = 1) -> int:
        return max(least, round(count * self.scale))

    # --- what is there -----------------------------------------------------------------------------------------------

    @contextmanager
    def open(self) -> Iterator[Ground]:
        """Emulators, stub and PostgreSQL, for all parts."""
        with ExitStack() as cleanup:
            say("starting the emulators and PostgreSQL")
            self.vendors = Vendors()
            cleanup.callback(self.vendors.close)
            self.stub = cleanup.enter_context(_stub())
            try:
                self.postgres = cleanup.enter_context(postgres(DURABLE))
            except ServerUnavailable as error:
                say("")
                print(f"PostgreSQL is left out: {error}", flush=True)
            yield self

    def each_database(self, part: str, measure: Callable[[str], dict[str, Any]]) -> None:
        """Measure on each; what breaks on one does not take the other away."""
        figures: dict[str, Any] = self.parts.setdefault(part, {})
        for database in ["sqlite", "postgresql"] if self.postgres else ["sqlite"]:
            with self.attempt(f"{part}, {NAMES[database]}"):
                figures[database] = measure(database)

    @contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """What cannot be done is told, and the next one has its turn."""
        try:
            yield
        except Exception as error:
            say("")
            traceback.print_exc()
            self.problem(f"{what} could not be measured to its end: {error}")

    def phones(self, count: int) -> list[str]:
        """Numbers nobody had before in this run of the benchmark: whoever gets two messages got one twice."""
        return list(itertools.islice(self._phones, count))

    def ask(self, url: str) -> Any:
        """GET, JSON."""
        answer = self._http.get(url, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def arrivals(self) -> list[tuple[str, float]]:
        """(destination, unix time) of what reached the stub since the last asking."""
        return [(phone, at) for phone, at in self.ask(f"{self.stub}/stub/arrivals")["arrivals"]]

    def accepted(self) -> int:
        """How many messages the stub has accepted since it began."""
        return int(self.ask(f"{self.stub}/stub/count")["accepted"])

    def check_duplicates(self, part: str) -> None:
        """Nobody was sent two messages by way of the stub."""
        if duplicates := self.ask(f"{self.stub}/stub/count")["duplicates"]:
            self.problem(f"{part}: {duplicates} messages were sent twice")

    # --- towns ---------------------------------------------------------------------------------------------------------

    @contextmanager
    def town(self, database: str, *, emulated: bool = False) -> Iterator[Any]:
        """An empty installation. emulated: messages go to the emulated Gupshup, else to the stub."""
        url = create_database(self.postgres) if database == "postgresql" else ""
        try:
            town = Town(self.vendors, url)
            town.env.update(WORKER_THREADS=str(THREADS), UNKNOWN_AFTER_S="600")
            if not emulated:
                town.env.update(GUPSHUP_API_URL=self.stub, GUPSHUP_PARTNER_URL=self.stub)
            try:
                yield town
                self.note_memory(town)
            finally:
                town.close()
        finally:
            if url:
                drop_database(url)

    def note_memory(self, town: Any) -> None:
        """Peaks of the processes that are alive now."""
        for process in town.processes:
            self.peaks.note("worker", process.find("worker.py child"))
            self.peaks.note("web", process.find("app:serving()"))

    def workers(self, town: Any, processes: int) -> Process:
        """A pool whose workers all wait for jobs."""
        (pool,) = town.pools(1, WORKER_PROCESSES=str(processes))
        until("all workers wait for jobs", lambda: len(town.redis.smembers("rq:workers")) >= processes)
        return pool

    def stop(self, town: Any, process: Process) -> None:
        """Ask it to end; its memory was noted."""
        self.note_memory(town)
        process.popen.send_signal(signal.SIGTERM)
        process.ended(60)

    def shops(self, town: Any, count: int, pace: float, burst: int) -> list[Shop]:
        """So many portals with one line each. Needs web and a worker."""
        opened = []
        for number in range(count):
            say(f"installing the app on portal {number + 1} of {count}")
            opened.append(town.open_shop(pace=pace))
        with town.runtime.db.write() as session:
            for line in session.scalars(select(Line)):
                line.pace, line.burst = pace, burst
        return opened

    def hold(self, shop: Shop, count: int) -> list[HeldCall]:
        """So many calls of `send_template`, each to a phone of its own, for us to post."""
        calls: list[HeldCall] = []
        while len(calls) < count:
            say(f"preparing robot calls: {len(calls):,} of {count:,}")
            phones = self.phones(min(HELD_AT_ONCE, count - len(calls)))
            body = {"code": "robot.send_template", "values": FIELDS, "each": [{"phone": phone} for phone in phones]}
            answer = self._http.post(f"{shop.portal}/emulator/hold", json=body, timeout=60)
            answer.raise_for_status()
            held = zip(phones, answer.json()["calls"], strict=True)
            calls += [HeldCall(made["workflow"], phone, made["url"], made["body"].encode()) for phone, made in held]
        return calls


@contextmanager
def _stub() -> Iterator[str]:
    command = [sys.executable, "-m", "bench.stub"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.kill()
        process.wait(10)


def count_runs(town: Any, *conditions: Any) -> int:
    """How many runs there are, of these."""
    with town.runtime.db.read() as session:
        return session.scalar(select(func.count()).select_from(Run).where(*conditions)) or 0


def wait(what: str, done: Callable[[], int], total: int, limit_s: float, step_s: float = STEP_S) -> None:
    """Ask until `done()` has reached `total`, showing how far it is. Raises Unfinished."""
    begun = time.monotonic()
    while (reached := done()) < total:
        if time.monotonic() - begun > limit_s:
            raise Unfinished(f"{reached:,} of {total:,} {what} after {limit_s:.0f} s")
        say(f"{what}: {reached:,} of {total:,}, {time.monotonic() - begun:.0f} s")
        time.sleep(step_s)


_said = [0.0]


def say(text: str) -> None:
    """Progress on standard error: one line that changes on a terminal, a line every ten seconds elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    elif text and time.monotonic() - _said[0] > 10:
        _said[0] = time.monotonic()
        print(f"… {text}", file=sys.stderr, flush=True)
