"""One installation on a simulated clock: its portals, its calls, its worker processes."""

from __future__ import annotations

import random
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from sqlalchemy import insert, select

import bx24.client
import gupshup.client
from bench.ground import say
from bench.simulated import START, Clock, Portals, Process, Provider, SimulatedRedis, Writers, Yard
from bench.simulation.shops import Scale, Shop, uneven
from bx24.payloads import Auth, RunCall
from gupshup.templates import TemplateInfo
from messaging.intake import robot_calls
from messaging.queue.group_commit import CachedPortal
from messaging.runtime import Runtime
from messaging.store import schema
from messaging.store.crypto import Cipher
from messaging.store.database import Database, open_engine
from messaging.store.models import Line, Portal, Run, Template
from messaging.system import embedded_redis
from messaging.system.config import Config
from messaging.worker import due_work
from robots import lookup
from tests.support.postgres import create_database, postgres

#: The provider of one line takes so many a second, whatever its pace says.
STRICT_PER_S = 2.0
WAIT_MINUTES = 60
MEMORY = Path("/dev/shm")
TEMPLATE = TemplateInfo("t1", "order_ready", "ru", "APPROVED", "UTILITY", "TEXT", body="Готов.")


class Simulation:
    """One installation on one clock."""

    def __init__(
        self, scale: Scale, database_url: str, redis_url: str, folder: Path, shops: list[Shop] | None = None
    ) -> None:
        self.scale = scale
        self.chance = random.Random(scale.seed)
        self.clock = Clock()
        self.shops = shops or uneven(scale.portals)
        self.portals = Portals(self.clock)
        self.portals.dead = {shop.host for shop in self.shops if shop.kind == "dead"}
        self.portals.slow = {shop.host for shop in self.shops if shop.kind == "slow"}
        self.provider = Provider(self.clock, {shop.app: STRICT_PER_S for shop in self.shops if shop.kind == "strict"})
        self.processes: list[Process] = []
        self.calls = 0
        self._phones = 0
        self.held: list[list[int]] = []
        self._config = Config(
            public_url="https://waba.example",
            database_url=database_url,
            redis_url=redis_url,
            data_dir=folder,
            secret_keys=(Fernet.generate_key().decode(),),
        )
        self._cipher = Cipher(self._config.secret_keys)
        self.db = Database(open_engine(database_url, self._cipher))
        self.redis = SimulatedRedis.on(redis_url, self.clock)
        writers = Writers(self.db.engine.dialect.name == "sqlite")
        self.web = self._runtime()
        self.processes += [
            Process(self.clock, self._runtime(), scale.threads, scale.costs, writers) for _ in range(scale.drains)
        ]
        for runtime in [self.web, *(process.runtime for process in self.processes)]:
            vars(runtime)["wakeups"] = Yard(self.redis, self.processes, self.clock)
        schema.upgrade(self.db.engine)
        self.web.prepare()
        self._callers = self._open()

    def _runtime(self) -> Runtime:
        made = Runtime(
            config=self._config,
            cipher=self._cipher,
            db=self.db,
            clock=self.clock,
            bx_session=bx24.client.session(4),
            gs_session=gupshup.client.session(4),
            redis_url=self._config.redis_url,
            sleep=self.clock.sleep,
            _redis=self.redis,
        )
        made.bx_session.mount("https://", self.portals)
        vars(made)["gupshup"] = self.provider  # in the place of the cached door
        return made

    def _open(self) -> dict[int, CachedPortal]:
        """Portals and lines, as an install and `lines add` leave them."""
        tomorrow = START + timedelta(days=1)
        portals, lines = [], []
        for shop in self.shops:
            portals.append(
                {
                    "id": shop.number,
                    "member_id": f"member{shop.number}",
                    "client_endpoint": f"https://{shop.host}/rest/",
                    "access_token": "token",
                    "token_expires_at": tomorrow,
                    "installed": True,
                    "installed_at": START,
                    "region": "ru",
                    "default_line_id": shop.number,
                }
            )
            lines.append(
                {
                    "id": shop.number,
                    "portal_id": shop.number,
                    "name": shop.app,
                    "phone": "79001112233",
                    "app_name": shop.app,
                    "app_id": shop.app,
                    "api_key": "key",
                    "secret_digest": shop.app,
                    "pace": shop.pace,
                    "burst": shop.burst,
                    "connected_at": START,
                    "templates_synced_at": START + timedelta(hours=1),
                }
            )
        known = [{"line_id": shop.number, "template_id": "t1", **_known(TEMPLATE)} for shop in self.shops]
        with self.db.write() as session:
            session.execute(insert(Portal), portals)
            session.execute(insert(Line), lines)
            session.execute(insert(Template), known)
        return {shop.number: CachedPortal(shop.number, "active", 0, "") for shop in self.shops}

    def run(self) -> None:
        """All calls, then until nothing is left to send or answer; for what cannot be answered nobody waits."""
        self.plan_calls()
        self.begin()
        began, seconds = time.monotonic(), 0.0
        while seconds < self.scale.seconds or (self.is_open() and seconds < self.scale.seconds * 3):
            seconds += 5.0
            self.clock.run(seconds)
            say(f"simulated {seconds:.0f} s, {self.calls:,} calls, {time.monotonic() - began:.0f} s")

    def begin(self) -> None:
        """The pool's supervisor looks each second."""
        self._each(1.0, self._supervise)

    def plan_calls(self) -> None:
        """Who calls when."""
        scale, chance = self.scale, self.chance
        usual = sorted(self.shops, key=lambda shop: chance.random())
        usual.sort(key=lambda shop: shop.pace < 10)  # a line of pace 1 has no thousand clients
        weights = [1 / rank for rank in range(1, len(usual) + 1)]
        count = int(scale.per_s * scale.seconds)
        for shop in chance.choices(usual, weights, k=count):
            self.clock.at(chance.uniform(0, scale.seconds), partial(self.call, shop))
        for shop, many in self._bursts():
            begins = chance.uniform(0.05, 0.6) * scale.seconds
            for index in range(many):
                self.clock.at(begins + index / 1000, partial(self.call, shop))

    def _bursts(self) -> Iterator[tuple[Shop, int]]:
        """Who calls many times at once: fast and usual lines in turn; a slow line, a dead portal, the strict line, less."""
        scale, chance = self.scale, self.chance
        for index in range(scale.bursts):
            pace = (10.0, 80.0)[index % 2]
            yield chance.choice([s for s in self.shops if s.kind == "usual" and s.pace == pace]), scale.burst
        for special in (
            [s for s in self.shops if s.pace == 1.0],
            [s for s in self.shops if s.kind == "dead" and s.cards],
            [s for s in self.shops if s.kind == "dead" and not s.cards],
            [s for s in self.shops if s.kind == "slow"],
            [s for s in self.shops if s.kind == "strict"],
        ):
            yield chance.choice(special), scale.burst // 5

    def call(self, shop: Shop) -> None:
        """A robot of this portal runs: stored as the web stores it, then the wake-up."""
        action = lookup.action_of("robots", "send_template")
        assert action is not None
        phone = self._phone(shop)
        lead = ("crm", "CCrmDocumentLead", f"LEAD_{phone}")
        call = RunCall(
            workflow_id="w",
            code="robot.send_template",
            document_type=("crm", "CCrmDocumentLead", "LEAD"),
            document_id=lead,
            event_token=secrets.token_hex(24),
            properties={
                "template": "order_ready",
                "phone": "" if shop.cards else phone,
                "wait_minutes": str(WAIT_MINUTES),
            },
            use_subscription="Y",
            timeout_duration=0,
            ts=None,
            auth=Auth(f"member{shop.number}"),
        )
        robot_calls.store(self.web, self._callers[shop.number], "robots", action, call)
        self.calls += 1
        self.web.pending_wakeups.notify(lambda: self.web.wakeups)
        self._listen()

    def _phone(self, shop: Shop) -> str:
        """Mostly somebody new; every tenth is one of the shop's twenty regulars."""
        if self.chance.random() < 0.1:
            return f"79{shop.number:05d}{self.chance.randrange(20):02d}11"
        self._phones += 1
        return f"791{self._phones:08d}"

    def _listen(self) -> None:
        """Whoever was notified for hears it."""
        if self.redis.notified:
            self.redis.notified = False
            for process in self.processes:
                process.listen()

    def _supervise(self) -> None:
        """What the pool's supervisor does each second; and what is looked at for the figures."""
        due_work.notify_drains(self.web)
        self._listen()
        self.held.append([len(process.drain.held) if process.drain else 0 for process in self.processes])

    def _each(self, seconds: float, event: Any) -> None:
        def again() -> None:
            event()
            self.clock.after(seconds, again)

        self.clock.after(seconds, again)

    def is_open(self) -> bool:
        """Whether a run waits that can be answered."""
        hopeless = [shop.number for shop in self.shops if shop.kind == "dead"]
        with self.db.read() as session:
            open_run = select(Run.id).where(Run.portal_id.not_in(hopeless), Run.answered_at.is_(None)).limit(1)
            return session.scalar(open_run) is not None

    def close(self) -> None:
        self.redis.close()
        self.db.close()


def _known(info: TemplateInfo) -> dict[str, Any]:
    return {"name": info.name, "language": info.language, "status": info.status, "data": info.to_dict()}


@contextmanager
def opened(scale: Scale, on_postgresql: bool = False, shops: list[Shop] | None = None) -> Iterator[Simulation]:
    """A simulation with an embedded Redis and a database of its own; SQLite in memory where that is a folder."""
    folder = Path(tempfile.mkdtemp(prefix="w24-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        redis_url = embedded_redis.ensure(folder)
        if not on_postgresql:
            yield from _started(scale, f"sqlite:///{folder / 'waba24.db'}", redis_url, folder, shops)
            return
        with postgres() as server:
            yield from _started(scale, create_database(server), redis_url, folder, shops)
    finally:
        embedded_redis.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _started(
    scale: Scale, database_url: str, redis_url: str, folder: Path, shops: list[Shop] | None
) -> Iterator[Simulation]:
    made = Simulation(scale, database_url, redis_url, folder, shops)
    try:
        yield made
    finally:
        made.close()
