"""PostgreSQL is stopped, and the web is killed with -9 meanwhile; or database and queue stall: each call that was answered 200
is sent, once."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator

import pytest
import requests

from messaging.intake import spooling
from tests.crash.processes import family, kill, until
from tests.crash.rig import Shop, Town, Vendors
from tests.support.postgres import Server, ServerUnavailable, create_database, postgres_server
from tests.support.servers import do_without


@pytest.fixture
def server() -> Iterator[Server]:
    """A PostgreSQL of this test alone."""
    try:
        with postgres_server() as started:
            yield started
    except ServerUnavailable as error:
        do_without("PostgreSQL", str(error))


@pytest.fixture
def town(vendors: Vendors, server: Server) -> Iterator[Town]:
    made = Town(vendors, create_database(server.url))
    yield made
    made.close()


def held(shop: Shop, count: int) -> Iterator[tuple[str, str, str]]:
    """Calls that the portal has prepared and we deliver: phone, address, body."""
    phones = [f"7912{1000000 + number}" for number in range(count)]
    values = {"template": "order_ready", "params": ["[1]A", "[2]B"], "until": "accepted"}
    asked = {"code": "robot.send_template", "values": values, "each": [{"phone": phone} for phone in phones]}
    answer = requests.post(f"{shop.portal}/emulator/hold", json=asked, timeout=30).json()
    for phone, made in zip(phones, answer["calls"], strict=True):
        yield phone, made["url"], made["body"]


def deliver(calls: list[tuple[str, str, str]]) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    with requests.Session() as session:
        session.trust_env = False
        statuses = [session.post(url, data=body, headers=form, timeout=30).status_code for _, url, body in calls]
    assert statuses == [200] * len(calls)


def test_calls_of_an_outage_are_sent_once(town: Town, server: Server) -> None:
    top = town.serve()
    shop = town.open_shop()
    calls = list(held(shop, 40))
    deliver(calls[:10])
    server.stop()
    deliver(calls[10:20])
    files = [path for path in (town.folder / "spool").iterdir() if path.suffix == ".spool"]
    assert files, f"within {spooling.PATIENCE_S} s they are on the disk"
    for pid in top.find("gunicorn"):
        kill(pid)
    deliver([*calls[20:30], *calls[10:15]])  # some of them again, as nobody does; they wait until the web is back
    server.start()
    deliver(calls[30:])
    town.until_sent(len(calls))
    until("the spool is empty", lambda: not list((town.folder / "spool").glob("*.spool")))
    sent = Counter(message["destination"] for message in town.accepted())
    assert sent == Counter(phone for phone, *_ in calls)


def test_calls_while_database_and_queue_stall_are_sent_once(town: Town, server: Server) -> None:
    """Nobody refuses a connection, and nobody answers: as with a disk that hangs, or a machine that is being moved."""
    town.serve()
    shop = town.open_shop()
    calls = list(held(shop, 30))
    deliver(calls[:10])
    stalled = [*family(server.pid), town.redis_pid()]
    try:
        for pid in stalled:
            kill(pid, signal.SIGSTOP)
        deliver(calls[10:20])
        assert list((town.folder / "spool").glob("*.spool")), "they are on the disk"
    finally:
        for pid in reversed(stalled):
            kill(pid, signal.SIGCONT)
    deliver([*calls[20:], *calls[10:15]])  # some of them again: what the stall has kept may have been stored after all
    town.until_sent(len(calls))
    until("the spool is empty", lambda: not list((town.folder / "spool").glob("*.spool")))
    sent = Counter(message["destination"] for message in town.accepted())
    assert sent == Counter(phone for phone, *_ in calls)
