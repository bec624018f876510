"""A town of real processes: both emulators, web, worker pools and the embedded Redis; tests kill them."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from redis import Redis, RedisError
from sqlalchemy import func, select, text
from sqlalchemy.orm import joinedload

from messaging.lines import lines
from messaging.runtime import Runtime, open_runtime
from messaging.store import schema
from messaging.store.models import Lease, Line, Message, Portal, Run
from messaging.system import config, embedded_redis
from tests.crash.processes import ROOT, Process, free_port, kill, until
from web.serve import halves

CLIENT_ID, CLIENT_SECRET = "local.crash0123456789.01234567", "secret-of-a-crashing-app"
TEMPLATE = {"name": "order_ready", "language": "ru", "body": "Здравствуйте, {{1}}! Заказ {{2}} готов."}
UNKNOWN_AFTER_S = 5


class Vendors:
    """The two emulators: one process each, shared by all towns."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[str]] = []
        self.numbers = itertools.count(1)
        try:
            made = self._start("bx24.emulator", "--client-id", CLIENT_ID, "--client-secret", CLIENT_SECRET)
            self.portal, self.auth = made["portal"], made["auth"]
            self.gupshup = self._start("gupshup.emulator")["url"]
        except BaseException:
            self.close()
            raise

    def _start(self, module: str, *args: str) -> dict[str, str]:
        argv = [sys.executable, "-m", module, "--port", "0", *args]
        process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self._processes.append(process)
        assert process.stdout is not None
        ready: dict[str, str] = json.loads(process.stdout.readline())
        return ready

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait(10)


@dataclass(frozen=True)
class Shop:
    """One portal with the app installed and one line."""

    portal: str
    app: str
    line_id: int


@dataclass
class Call:
    """One robot call: `text` is unique, so that its message can be told from all others."""

    shop: Shop
    text: str
    phone: str
    workflow: str


@dataclass
class Story:
    """What became of one call, as the portal, Gupshup and our database saw it."""

    call: Call
    flow: dict[str, Any]
    accepted: list[dict[str, Any]]
    run: Run
    message: Message | None
    answers: list[dict[str, Any]] = field(default_factory=list)

    @property
    def answer(self) -> dict[str, Any]:
        return self.answers[0] if self.answers else {}


class Town:
    """One installation of the app: database, Redis, web, workers."""

    def __init__(self, vendors: Vendors, database_url: str = "") -> None:
        self.vendors = vendors
        self.folder = Path(tempfile.mkdtemp(prefix="w24-", dir="/tmp"))
        self.log = self.folder / "processes.log"
        self.processes: list[Process] = []
        self.shops: list[Shop] = []
        self._number = 0
        self._earlier = 0
        self._http = requests.Session()
        self._http.trust_env = False
        self._earlier = self.sent()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {
            **{name: value for name, value in os.environ.items() if name not in ("METRICS_TOKEN", "WORKER_PROCESSES")},
            "PUBLIC_URL": self.url,
            "BIND": f"127.0.0.1:{self.port}",
            "BX24_CLIENT_ID": CLIENT_ID,
            "BX24_CLIENT_SECRET": CLIENT_SECRET,
            "BX24_AUTH_SERVERS": vendors.auth,
            "GUPSHUP_API_URL": vendors.gupshup,
            "GUPSHUP_PARTNER_URL": vendors.gupshup,
            "DATA_DIR": str(self.folder),
            "DATABASE_URL": database_url,
            "REDIS_URL": "embedded",
            "SECRET_KEY": "",
            "ALLOW_HTTP": "1",
            "LOG_LEVEL": "info",
            "WORKER_THREADS": "8",
            "CALLS_PER_MINUTE": "10000000",
            "UNKNOWN_AFTER_S": str(UNKNOWN_AFTER_S),
        }
        try:
            self.runtime: Runtime = open_runtime(config.load(self.env))
            schema.upgrade(self.runtime.db.engine)
            self.runtime.prepare()
            self.redis.ping()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Kill all processes, Redis last, and delete the folder."""
        for process in self.processes:
            process.destroy()
        embedded_redis.stop(self.folder)
        if hasattr(self, "runtime"):
            self.runtime.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- processes -------------------------------------------------------------------------------------------------

    def start(self, *argv: str, **env: str) -> Process:
        process = Process(list(argv), {**self.env, **env}, self.log)
        self.processes.append(process)
        return process

    def serve(self) -> Process:
        """Web and worker under one supervisor, as `make serve` starts them."""
        process = self.start("-m", "web.serve")
        self.until_ready()
        return process

    def up(self, pools: int = 1, **env: str) -> list[Process]:
        """Start the web and `pools` worker pools; returns the pools when the web is ready."""
        self.web()
        started = self.pools(pools, **env)
        self.until_ready()
        return started

    def web(self) -> Process:
        """The web alone, as `make serve` starts it."""
        return self.start(*halves(self.env["BIND"])[0].argv[1:])

    def pools(self, count: int = 1, **env: str) -> list[Process]:
        """Start `count` worker pools; returns when their workers wait for jobs."""
        before = self._workers()
        started = [self.start("worker.py", **env) for _ in range(count)]
        until("the workers wait for jobs", lambda: len(self._workers() - before) >= count)
        return started

    def _workers(self) -> set[bytes]:
        with suppress(RedisError):
            return set(self.redis.smembers("rq:workers"))  # type: ignore[arg-type]  # not awaitable here
        return set()

    def until_ready(self) -> None:
        until("the web is ready", lambda: self._ask("GET", f"{self.url}/readyz") is not None, 40)

    @property
    def redis(self) -> Redis:
        return self.runtime.redis

    def redis_pid(self) -> int:
        """The embedded server's process, 0 if it has none at the moment."""
        with suppress(OSError, ValueError):
            return int((self.folder / "redis" / "redis.pid").read_text())
        return 0

    def freeze(self, pids: list[int]) -> None:
        """Stop these processes, at a moment when none of them holds a lock in the database (PostgreSQL)."""

        def stopped() -> bool:
            for pid in pids:
                kill(pid, signal.SIGSTOP)
            with suppress(AssertionError):
                until("no transaction is left open", lambda: not self._open_transactions(), 0.3, 0.02)
                return True
            for pid in pids:
                kill(pid, signal.SIGCONT)
            return False

        until("frozen between two transactions", stopped, 20)

    def _open_transactions(self) -> int:
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL"
        with self.runtime.db.read() as session:
            return int(session.execute(text(f"{others} AND pid <> pg_backend_pid()")).scalar_one())

    def owners(self) -> set[str]:
        """The drains that hold a shard at the moment."""
        with self.runtime.db.read() as session:
            return set(session.scalars(select(Lease.owner).where(Lease.owner != "")))

    # --- shops -------------------------------------------------------------------------------------------------------

    def new_portal(self) -> str:
        """The address of a portal without the app."""
        return str(self.post(f"{self.vendors.portal}/emulator/portals")["portal"])

    def open_shop(self, pace: float = 40, portal: str = "", scope: list[str] | None = None) -> Shop:
        """Install the app on a new portal, or on this one, and connect a line of a new Gupshup app.

        pace: messages a second. scope: what the portal grants, None: what robots need.
        """
        name = f"crashshop{next(self.vendors.numbers)}"
        url = portal or self.new_portal()
        page: dict[str, Any] = {"install_url": f"{self.url}/bx24/install", "app_url": f"{self.url}/bx24/app"}
        page |= {"finish": True, "scope": scope}
        installed = self.post(f"{url}/emulator/install", page)
        assert installed["status"] == 200, installed
        member = self.get(f"{url}/emulator/state")["member_id"]
        app = {"app_name": name, "phone": "79001112233", "templates": [TEMPLATE], "allow_http": True}
        made = self.post(f"{self.vendors.gupshup}/emulator/apps", app)
        new = lines.NewLine(made["api_key"], name, "79001112233", made["app_id"])
        line = lines.add(self.runtime, member, new)
        with self.runtime.db.write() as session:
            stored = session.get_one(Line, line.id)
            stored.pace, stored.burst = pace, 10
        hook = {"url": lines.webhook_url(self.runtime, line)}
        self.post(f"{self.vendors.gupshup}/emulator/apps/{name}/webhook", hook)
        until("robots are registered", lambda: self._registered(url, member))
        self.post(f"{url}/emulator/faults", {"retry_until_200": True, "delay_s": 0.01})
        shop = Shop(url, name, line.id)
        self.shops.append(shop)
        return shop

    def _registered(self, portal: str, member: str) -> bool:
        codes = {robot["code"] for robot in self.get(f"{portal}/emulator/robots")["robots"]}
        with self.runtime.db.read() as session:
            stored = session.scalars(select(Portal).where(Portal.member_id == member)).one()
        return "robot.send_template" in codes and stored.registration_due_at is None

    def gupshup_faults(self, **faults: Any) -> None:
        for shop in self.shops:
            self.post(f"{self.vendors.gupshup}/emulator/faults", {"app": shop.app, **faults})

    # --- calls -------------------------------------------------------------------------------------------------------

    def call(self, shop: Shop, phone: str, wait_for: str = "accepted") -> Call:
        """Run a robot of this shop. The portal posts the call, and posts it again if the web does not take it."""
        self._number += 1
        name = f"{shop.app}-{self._number}"
        values = {
            "template": "order_ready",
            "params": [f"[1]{name}", "[2]A-17"],
            "phone": phone,
            "until": wait_for,
            "wait_minutes": "60",
        }
        body = {"entityTypeId": 2, "id": 1, "code": "robot.send_template", "values": values}
        flow = self.post(f"{shop.portal}/emulator/run", body)["workflow"]
        return Call(shop, name, phone, flow["id"])

    def calls(self, shop: Shop, count: int, clients: int = 20, wait_for: Iterable[str] = ("accepted",)) -> list[Call]:
        """Several calls, to some clients in turn."""
        ends = list(wait_for)
        numbers = range(self._number, self._number + count)
        return [self.call(shop, f"7912{number % clients + 1000001}", ends[number % len(ends)]) for number in numbers]

    # --- looking -----------------------------------------------------------------------------------------------------

    def accepted(self, shops: Iterable[Shop] | None = None) -> list[dict[str, Any]]:
        """What Gupshup accepted from these shops, oldest first."""
        found = [self.get(f"{self.vendors.gupshup}/emulator/messages?app={shop.app}") for shop in shops or self.shops]
        return [message for answer in found for message in answer["messages"]]

    def sent(self) -> int:
        """How many messages Gupshup has accepted since this town began; cheap enough to ask often."""
        return int(self.get(f"{self.vendors.gupshup}/emulator/messages/count")["accepted"]) - self._earlier

    def until_sent(self, count: int, limit_s: float = 40) -> None:
        """Wait until Gupshup has accepted so many messages."""
        until(f"{count} sent", lambda: self.sent() >= count, limit_s, 0.02)

    def until_answered(self, calls: list[Call], limit_s: float = 40) -> None:
        """Wait until the workflows of all these calls have gone on."""
        what = f"{len(calls)} answered"
        # The portal's whole log is asked for only when our own records say that there is an end.
        until(what, lambda: self._open_runs() == 0 and self.answered_of(calls) == len(calls), limit_s, 0.2)

    def _open_runs(self) -> int:
        with self.runtime.db.read() as session:
            return session.scalar(select(func.count()).where(Run.answered_at.is_(None))) or 0

    def answered_of(self, calls: list[Call]) -> int:
        """How many of these calls' workflows have gone on."""
        ids = {call.workflow for call in calls}
        return sum(flow["id"] in ids and flow["state"] == "completed" for flow in self._flows(calls))

    def _flows(self, calls: list[Call]) -> list[dict[str, Any]]:
        portals = {call.shop.portal for call in calls}
        return [flow for portal in portals for flow in self.get(f"{portal}/emulator/log")["workflows"]]

    def states(self, calls: list[Call]) -> Counter[str]:
        """Message statuses in the database, of these calls; runs without a message by their own state."""
        ids = {call.workflow for call in calls}
        with self.runtime.db.read() as session:
            found = session.execute(select(Run.workflow_id, Run.state, Message.status).outerjoin(Message)).all()
        return Counter(status or f"run {state}" for workflow, state, status in found if workflow in ids)

    def stories(self, calls: list[Call]) -> list[Story]:
        """What became of these calls."""
        flows = {flow["id"]: flow for flow in self._flows(calls)}
        by_text: dict[str, list[dict[str, Any]]] = {}
        for message in self.accepted({call.shop for call in calls}):
            by_text.setdefault(text_of(message), []).append(message)
        with self.runtime.db.read() as session:
            rows = session.scalars(select(Run).options(joinedload(Run.message))).all()
        runs: dict[str, list[Run]] = {}
        for run in rows:
            runs.setdefault(run.workflow_id, []).append(run)
        told = []
        for call in calls:
            flow = flows[call.workflow]
            (run,) = runs.get(call.workflow, [None])  # one call, one run, however often it was delivered
            assert run is not None, f"the call {call.text} was answered 200 and is not stored"
            answers = [answer["values"] for answer in flow["answers"]]
            told.append(Story(call, flow, by_text.get(call.text, []), run, run.message, answers))
        return told

    # --- HTTP --------------------------------------------------------------------------------------------------------

    def _ask(self, method: str, url: str, body: dict[str, Any] | None = None) -> Any:
        """The JSON of a 2xx response; None if there was no response or another status."""
        try:
            answer = self._http.request(method, url, json=body, timeout=30)
        except requests.RequestException:
            return None
        if not answer.ok:
            return None
        return answer.json() if answer.content else {}

    def get(self, url: str) -> Any:
        """The JSON of an answer that must be good."""
        answer = self._ask("GET", url)
        assert answer is not None, f"GET {url} failed"
        return answer

    def post(self, url: str, body: dict[str, Any] | None = None) -> Any:
        """The same for a POST."""
        answer = self._ask("POST", url, body or {})
        assert answer is not None, f"POST {url} failed"
        return answer


def text_of(message: dict[str, Any]) -> str:
    """The unique text of a template message that Gupshup accepted."""
    return str(message["template"]["params"][0])
