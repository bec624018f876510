"""Two machines, one database, one Redis: one of them is cut off and comes back; nothing is lost, nothing is sent twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from sqlalchemy import make_url

from messaging.queue.leases import LEASE_S
from messaging.system import config
from tests.crash.machines import Machine, can_be_made, relay
from tests.crash.processes import free_port, until
from tests.crash.rig import Call, Town
from tests.crash.test_crashes import CALLS, CLIENTS, check, tell, unclear

THREADS = 8
pytestmark = [
    pytest.mark.skipif("CRASH_CALLS" not in os.environ, reason="takes a minute: `make crash` plays it"),
    pytest.mark.skipif(not can_be_made(), reason="needs root and iproute2, for network namespaces"),
]


@dataclass(frozen=True)
class Site:
    """Two machines, each with a web and a worker of its own; robot calls and webhooks come to them in turn."""

    machines: tuple[Machine, Machine]
    portals: list[str]


@pytest.fixture
def site(postgres_town: Town) -> Iterator[Site]:
    town = postgres_town
    portals = [town.new_portal() for _ in range(4)]
    url = make_url(town.env["DATABASE_URL"])
    database, redis = free_port(), free_port()
    vendors = [urlsplit(address) for address in (*portals, town.vendors.auth, town.vendors.gupshup)]
    served = {vendor.port: vendor.netloc for vendor in vendors if vendor.port}
    served[database] = f"{url.query['host']}/.s.PGSQL.5432"
    served[redis] = str(town.redis.connection_pool.connection_kwargs["path"])
    env = {
        **town.env,
        "DATABASE_URL": url.set(host="127.0.0.1", port=database, query={}).render_as_string(hide_password=False),
        "REDIS_URL": f"redis://127.0.0.1:{redis}",
        "SECRET_KEY": (town.folder / config.KEY_FILE).read_text().strip(),
        "WORKER_THREADS": str(THREADS),
    }
    with ExitStack() as cleanup:
        one, two = (cleanup.enter_context(closing(Machine(number, served, town.log))) for number in range(2))
        for machine in (one, two):
            folder = town.folder / machine.name
            folder.mkdir()
            own = {"BIND": f"{machine.address}:8000", "DATA_DIR": str(folder)}
            machine.start(["-m", "web.serve"], {**env, **own})
        balancer = relay({town.env["BIND"]: [f"{machine.address}:8000" for machine in (one, two)]}, town.log)
        cleanup.callback(balancer.destroy)
        town.until_ready()
        yield Site((one, two), portals)


def test_a_machine_that_is_cut_off_loses_nothing(postgres_town: Town, site: Site) -> None:
    town = postgres_town
    shops = [town.open_shop(pace=40, portal=portal) for portal in site.portals]
    town.gupshup_faults(latency_ms=150, auto_read_ms=100)
    until("both machines have a worker", lambda: town.redis.scard("rq:workers") >= 2)
    share = CALLS // len(shops) // 4

    def load() -> list[Call]:
        return [call for shop in shops for call in town.calls(shop, share, CLIENTS, ("accepted", "delivered"))]

    calls = load()
    until("both hold shards", lambda: len(town.owners()) > 1, step_s=0.01)
    both = town.owners()
    site.machines[0].cut_off()
    calls += load()
    until("its shards are the other's", lambda: len(town.owners()) == 1 and town.owners() < both, 4 * LEASE_S)
    town.until_sent(CALLS // 4, 4 * LEASE_S)
    site.machines[0].bring_back()
    calls += load() + load()
    town.until_answered(calls, 120 + CALLS / 20)

    stories = check(town, calls)
    tell("two machines", ["one is cut off and comes back"], stories)
    assert len(unclear(stories)) <= THREADS, "what the one that was cut off had in its hands"
