"""`python -m bench.simulation`: a thousand portals with uneven load on a simulated clock. Does anybody wait for others?

Calls are spread over the portals by Zipf's law, with bursts of 500 at once; lines of pace 1, 10 and 80; some portals are slow
or dead, one line is answered 429 by a provider stricter than its pace. What is real and what is not: bench/simulated.py. For
each message `waited` (call stored → claimed) is held against what its own line explains (bench/fairness.py).

Exit code 1 if anybody waited a second longer than that, or a message was lost or sent twice.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from sqlalchemy import insert, select

import bx24.client
import gupshup.client
from bench.fairness import Wish, explained, gini
from bench.figures import markdown, number, percentile
from bench.ground import say
from bench.machine import peak_mb
from bench.simulated import START, Clock, Costs, Portals, Process, Provider, SimulatedRedis, Writers, Yard
from bx24.payloads import Auth, RunCall
from gupshup.templates import TemplateInfo
from messaging.intake import robot_calls
from messaging.queue.group_commit import Caller
from messaging.runtime import Runtime
from messaging.store import schema
from messaging.store.crypto import Vault
from messaging.store.database import Database, open_engine
from messaging.store.models import Line, Message, Portal, Run, Template
from messaging.system import embedded_redis, logs
from messaging.system.config import Config
from messaging.worker import due_work
from robots import lookup
from tests.support.postgres import create_database, postgres

#: The provider of one line takes so many a second, whatever its pace says.
STRICT_PER_S = 2.0
WAIT_MINUTES = 60
CARDS = "phone from the card"
MEMORY = Path("/dev/shm")
TEMPLATE = TemplateInfo("t1", "order_ready", "ru", "APPROVED", "UTILITY", "TEXT", body="Готов.")


@dataclass(frozen=True)
class Scale:
    """How much of everything. per_s: calls a second of all portals together, bursts not counted."""

    portals: int = 1000
    minutes: float = 10.0
    drains: int = 4
    per_s: float = 20.0
    bursts: int = 6
    burst: int = 500
    threads: int = 64
    seed: int = 1
    costs: Costs = field(default_factory=Costs)

    @property
    def seconds(self) -> float:
        return self.minutes * 60


@dataclass(frozen=True)
class Shop:
    """A portal and its line. cards: its robots leave the phone to the CRM card. kind: usual, slow, dead, strict."""

    number: int
    pace: float
    burst: int
    cards: bool = False
    kind: str = "usual"

    @property
    def app(self) -> str:
        return f"app{self.number}"

    @property
    def host(self) -> str:
        return f"p{self.number}.example"


@dataclass(frozen=True)
class Sent:
    """What the database knows of one message, in seconds since START."""

    shop: Shop
    client: int
    stored: float
    planned: float
    claimed: float
    status: str


@dataclass
class Outcome:
    """What a simulation found. excess: seconds a message waited that its own line does not explain."""

    excess: list[float] = field(default_factory=list)
    worst: dict[str, float] = field(default_factory=dict)
    early: float = 0.0
    figures: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


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
        self._held: list[list[int]] = []
        self._config = Config(
            public_url="https://waba.example",
            database_url=database_url,
            redis_url=redis_url,
            data_dir=folder,
            secret_keys=(Fernet.generate_key().decode(),),
        )
        self._vault = Vault(self._config.secret_keys)
        self.db = Database(open_engine(database_url, self._vault))
        self.redis = SimulatedRedis.on(redis_url, self.clock)
        writers = Writers(self.db.engine.dialect.name == "sqlite")
        self.web = self._runtime()
        self.processes += [
            Process(self.clock, self._runtime(), scale.threads, scale.costs, writers) for _ in range(scale.drains)
        ]
        for runtime in [self.web, *(process.runtime for process in self.processes)]:
            vars(runtime)["bells"] = Yard(self.redis, self.processes, self.clock)
        schema.upgrade(self.db.engine)
        self.web.prepare()
        self._callers = self._open()

    def _runtime(self) -> Runtime:
        made = Runtime(
            config=self._config,
            vault=self._vault,
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

    def _open(self) -> dict[int, Caller]:
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
        return {shop.number: Caller(shop.number, "active", 0, "") for shop in self.shops}

    # --- what happens --------------------------------------------------------------------------------------------------

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
        """A robot of this portal runs: stored as the web stores it, then the bell."""
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
        self.web.unrung.ring(lambda: self.web.bells)
        self._listen()

    def _phone(self, shop: Shop) -> str:
        """Mostly somebody new; every tenth is one of the shop's twenty regulars."""
        if self.chance.random() < 0.1:
            return f"79{shop.number:05d}{self.chance.randrange(20):02d}11"
        self._phones += 1
        return f"791{self._phones:08d}"

    def _listen(self) -> None:
        """Whoever was rung for hears it."""
        if self.redis.rung:
            self.redis.rung = False
            for process in self.processes:
                process.listen()

    def _supervise(self) -> None:
        """What the pool's supervisor does each second; and what is looked at for the figures."""
        due_work.sweep(self.web)
        self._listen()
        self._held.append([len(process.drain.held) if process.drain else 0 for process in self.processes])

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

    # --- what came of it -----------------------------------------------------------------------------------------------

    def outcome(self) -> Outcome:
        found = Outcome()
        sent = self._sent()
        self._waits(found, sent)
        self._answers(found)
        self._processes(found)
        self._promises(found, sent)
        return found

    def _sent(self) -> dict[int, list[Sent]]:
        """By line, in the order of the calls."""
        columns = (Run.stored_at, Message.created_at, Message.claimed_at, Message.status, Message.conversation_id)
        query = select(Message.line_id, *columns).join(Message.run).order_by(Message.run_id)
        by_line: defaultdict[int, list[Sent]] = defaultdict(list)
        with self.db.read() as session:
            for line_id, stored, planned, claimed, status, client in session.execute(query):
                shop = self.shops[line_id - 1]
                times = (_seconds(stored), _seconds(planned), _seconds(claimed) if claimed else float("inf"))
                by_line[line_id].append(Sent(shop, client, *times, status))
        return by_line

    def _waits(self, found: Outcome, by_line: dict[int, list[Sent]]) -> None:
        by_kind: defaultdict[str, list[float]] = defaultdict(list)
        waited: list[float] = []
        read = [one.planned - one.stored for sent in by_line.values() for one in sent if _kind(one.shop) == CARDS]
        for sent in by_line.values():
            shop = sent[0].shop
            if shop.kind == "strict":
                continue  # its provider explains its waiting, not its pace
            leaves = explained(_wishes(sent), shop.pace, shop.burst)
            for one, at in zip(sent, leaves, strict=True):
                by_kind[_kind(shop)].append(one.claimed - at)
                waited.append(one.claimed - one.stored)
        found.excess = [excess for group in by_kind.values() for excess in group]
        found.worst = {kind: max(group) for kind, group in sorted(by_kind.items())}
        found.early = -min(found.excess)
        found.figures |= {
            "messages": len(waited),
            "waited_p50_s": round(percentile(waited, 0.5), 3),
            "waited_max_s": round(max(waited), 1),
            "excess_p50_s": round(percentile(found.excess, 0.5), 3),
            "excess_p99_s": round(percentile(found.excess, 0.99), 3),
            "excess_max_s": round(max(found.excess), 3),
            "excess_max_by_line_s": {kind: round(worst, 3) for kind, worst in found.worst.items()},
            "p99_by_line_s": {kind: round(percentile(group, 0.99), 3) for kind, group in sorted(by_kind.items())},
            "ahead_of_pace_s": round(found.early, 3),
            "card_p99_s": round(percentile(read, 0.99), 3),
        }

    def _answers(self, found: Outcome) -> None:
        healthy = [shop.number for shop in self.shops if shop.kind not in ("dead", "slow")]
        with self.db.read() as session:
            query = select(Run.ended_at, Run.answered_at).where(Run.portal_id.in_(healthy), Run.ended_at.is_not(None))
            rows = session.execute(query).all()
        delays = [(answered - ended).total_seconds() for ended, answered in rows if ended and answered]
        calls = {shop.host: self.portals.calls[shop.host] for shop in self.shops if shop.number in set(healthy)}
        found.figures |= {
            "answered": len(delays),
            "answer_p50_s": round(percentile(delays, 0.5), 3),
            "answer_p99_s": round(percentile(delays, 0.99), 3),
            "rest_calls": sum(calls.values()),
            "rest_calls_busiest": max(calls.values()),
            "rest_fullest_bucket": round(self.portals.fullest, 1),
            "rest_refused": sum(self.portals.refused.values()),
        }
        if len(delays) < len(rows):
            found.problems.append(f"{len(rows) - len(delays)} runs of healthy portals were not answered")

    def _processes(self, found: Outcome) -> None:
        busy = [held for held in self._held if sum(held)]
        mean = [sum(column) / max(1, len(busy)) for column in zip(*busy, strict=True)]
        found.figures |= {
            "shards_mean": [round(one, 1) for one in mean],
            "shards_most": max((max(held) for held in busy), default=0),
            "shards_gini": round(gini(mean), 2),
            "busy_share": [round(process.busy_s / self.clock.seconds, 3) for process in self.processes],
            "rounds": [process.rounds for process in self.processes],
            "peak_mb": round(peak_mb(os.getpid())),
        }

    def _promises(self, found: Outcome, by_line: dict[int, list[Sent]]) -> None:
        strict = [one for sent in by_line.values() for one in sent if one.shop.kind == "strict"]
        found.figures |= {
            "calls": self.calls,
            "strict_messages": len(strict),
            "strict_refused": sum(self.provider.refused.values()),
            "strict_last_s": round(max((one.claimed for one in strict), default=0.0), 1),
        }
        unsent = sum(one.status in ("queued", "sending") for sent in by_line.values() for one in sent)
        unknown = sum(one.status == "unknown" for sent in by_line.values() for one in sent)
        accepted = sum(self.provider.accepted.values())
        recorded = sum(one.status == "accepted" for sent in by_line.values() for one in sent)
        for count, what in (
            (unsent, "messages did not leave"),
            (unknown, "messages are unclear"),
            (accepted - recorded, "messages were accepted and not recorded, or sent twice"),
            (self.portals.refused.total(), "REST calls were over a portal's limit"),
        ):
            if count:
                found.problems.append(f"{count} {what}")

    def close(self) -> None:
        self.redis.close()
        self.db.close()


def uneven(count: int) -> list[Shop]:
    """Of a hundred: ten of pace 1, ten of pace 80, ten whose robots read cards; a few slow and dead, one strict line in all."""
    shops = []
    for portal in range(1, count + 1):
        pace, burst = {1: (1.0, 5), 2: (80.0, 20)}.get(portal % 10, (10.0, 20))
        kind = "strict" if portal == 13 else {4: "slow", 5: "dead", 6: "dead"}.get(portal % 200, "usual")
        shops.append(Shop(portal, pace, burst, portal % 10 == 6, kind))
    return shops


def _known(info: TemplateInfo) -> dict[str, Any]:
    return {"name": info.name, "language": info.language, "status": info.status, "data": info.to_dict()}


def _kind(shop: Shop) -> str:
    if shop.kind != "usual":
        return f"{shop.kind} portal"
    return CARDS if shop.cards else f"pace {shop.pace:g}"


def _seconds(moment: datetime) -> float:
    return (moment - START).total_seconds()


def _wishes(sent: Sequence[Sent]) -> list[Wish]:
    """From when each could leave. Where a portal must be asked first, once it and the calls before it are planned."""
    ready, wishes = 0.0, []
    for one in sent:
        ready = max(ready, one.planned)
        wishes.append(Wish(ready if one.shop.cards else one.stored, one.client))
    return wishes


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


def table(found: dict[str, Any]) -> str:
    """The figures as docs/performance.md shows them."""
    by_line = ", ".join(f"{kind} {worst:g}" for kind, worst in found["excess_max_by_line_s"].items())
    shards = ", ".join(f"{one:g}" for one in found["shards_mean"])
    busy = ", ".join(f"{one:.0%}" for one in found["busy_share"])
    per_1000 = number(found["rest_calls"] / max(1, found["answered"]) * 1000)
    rows = {
        "calls; messages": f"{found['calls']:,}; {found['messages']:,}",
        "from call to claim, p50, most": f"{found['waited_p50_s']:g} s, {found['waited_max_s']:g} s",
        "of that not explained by its own line, p50, p99, worst": (
            f"{found['excess_p50_s']:g} s, {found['excess_p99_s']:g} s, {found['excess_max_s']:g} s"
        ),
        "– worst by line, s": by_line,
        "until a card was read (healthy portals), p99": f"{found['card_p99_s']:g} s",
        "ahead of its pace, most": f"{found['ahead_of_pace_s']:g} s",
        "answer after the end of its run, p50, p99": f"{found['answer_p50_s']:g} s, {found['answer_p99_s']:g} s",
        "REST calls per 1,000 answers; of the busiest portal": f"{per_1000}; {found['rest_calls_busiest']:,}",
        "fullest bucket of 50; REST calls over the limit": f"{found['rest_fullest_bucket']:g}; {found['rest_refused']}",
        "line answered 429: messages, refusals, last one out": (
            f"{found['strict_messages']}, {found['strict_refused']}, {found['strict_last_s']:g} s"
        ),
        "shards per process, mean; most; Gini": f"{shards}; {found['shards_most']}; {found['shards_gini']:g}",
        "busy share of each process": busy,
        "peak memory, all of them in one process": f"{found['peak_mb']} MB",
    }
    return markdown(("what", "found"), rows.items())


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.simulation", description=__doc__)
    parser.add_argument("--portals", type=int, default=Scale.portals)
    parser.add_argument("--minutes", type=float, default=Scale.minutes, help="simulated; calls come for so long")
    parser.add_argument("--drains", type=int, default=Scale.drains, help="worker processes")
    parser.add_argument(
        "--per-s", type=float, default=Scale.per_s, help="calls a second of all portals, without bursts"
    )
    parser.add_argument("--slower", type=float, default=1.0, help="how many times slower than measured a process is")
    parser.add_argument("--seed", type=int, default=Scale.seed)
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    parser.add_argument("--json", type=Path, help="write the figures there")
    return parser.parse_args(given)


def main() -> int:
    given = arguments()
    # Also when started in the background, where Ctrl-C is ignored: its Redis would stay behind.
    for which in (signal.SIGINT, signal.SIGTERM):
        signal.signal(which, signal.default_int_handler)
    logs.configure("text", "error")
    usual = Costs()
    scale = Scale(
        portals=given.portals,
        minutes=given.minutes,
        drains=given.drains,
        per_s=given.per_s,
        seed=given.seed,
        costs=Costs(usual.round_s * given.slower, usual.item_s * given.slower),
    )
    began = time.monotonic()
    with opened(scale, given.postgresql) as simulation:
        simulation.run()
        found = simulation.outcome()
    print(table(found.figures))
    if given.json:
        given.json.write_text(json.dumps(found.figures, indent=2) + "\n")
    late = [f"somebody waited {max(found.excess):.1f} s longer than its line explains"] if max(found.excess) > 1 else []
    problems = [*found.problems, *late]
    print(f"\n{time.monotonic() - began:.0f} s. " + ("; ".join(problems) or "Nobody waited for others."))
    return 1 if problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\nstopped; everything that was started has been ended")
