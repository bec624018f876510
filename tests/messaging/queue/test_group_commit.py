"""What comes in: groups that wait for one commit, rows that fail, portals that go, a database that is away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from bx24.forms import build_query
from messaging.intake.replay import Keeper
from messaging.portals import uninstalling
from messaging.store.models import InboundEvent, Run
from tests.crash.processes import until
from tests.flows.scenes import OLGA, webhook_path
from tests.support.world import World


def post(world: World, token: str) -> int:
    """One robot call; its status."""
    document = {"0": "crm", "1": "CCrmDocumentDeal", "2": "DEAL_1"}
    body = {
        "workflow_id": token,
        "code": "robot.send_template",
        "document_id": document,
        "document_type": {**document, "2": "DEAL"},
        "event_token": token,
        "properties": {"template": "welcome", "language": "ru", "phone": OLGA},
        "use_subscription": "Y",
        "auth": world.portal.event_auth(1, with_refresh=True),
    }
    answer = world.flask.test_client().post("/robots/send_template", data=build_query(body), buffered=True)
    return answer.status_code


def notify(world: World, path: str, name: str) -> int:
    body = {"type": "message-event", "payload": {"id": name, "gsId": name, "type": "sent", "destination": OLGA}}
    return world.flask.test_client().post(path, json=body, buffered=True).status_code


@contextmanager
def on_begin(world: World, act: Any) -> Iterator[None]:
    """`act` happens at the begin of each transaction of the engine."""

    def listener(_: Any) -> None:
        act()

    event.listen(world.runtime.db.engine, "begin", listener)
    try:
        yield
    finally:
        event.remove(world.runtime.db.engine, "begin", listener)


def together(world: World, tokens: list[str]) -> tuple[list[int], int]:
    """The first call is held in its transaction until all others wait; their statuses, and how many transactions it took."""
    assert post(world, "known") == 200  # from now on nobody asks the database who calls
    begun: list[int] = []
    first = threading.Event()

    def gate() -> None:
        begun.append(1)
        if len(begun) == 1:
            first.set()
            until("the others wait", lambda: world.runtime.intake.waiting == len(tokens) - 1, 10, 0.002)

    with on_begin(world, gate), ThreadPoolExecutor(len(tokens)) as pool:
        answers = [pool.submit(post, world, tokens[0])]
        assert first.wait(10)
        answers += [pool.submit(post, world, token) for token in tokens[1:]]
        return [answer.result() for answer in answers], len(begun)


def test_calls_that_wait_together_share_one_transaction_and_one_wakeup(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    notified: list[set[int]] = []
    monkeypatch.setattr(shop.runtime.wakeups, "notify", notified.append)
    before = len(shop.stored_rows(Run))
    statuses, transactions = together(shop, ["a", "b", "c", "c", "d", "a"])
    assert (statuses, transactions) == ([200] * 6, 2)
    stored = shop.stored_rows(Run)[before:]
    assert sorted(run.workflow_id for run in stored) == ["a", "b", "c", "d", "known"]
    assert len({run.trace for run in stored}) == 5
    assert notified in ([{1}] * 2, [{1}] * 3), (
        "known, then a and one wake-up for all the others, or one for all of them"
    )


def test_a_bad_row_spoils_only_itself(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    store = shop.runtime.intake.store

    def spoiled(spec: Any, values: dict[str, Any], *rest: Any) -> int | None:
        return store(spec, {**values, "waits": None} if values["workflow_id"] == "bad" else values, *rest)

    monkeypatch.setattr(shop.runtime.intake, "store", spoiled)
    statuses, _ = together(shop, ["a", "b", "bad", "c"])
    assert statuses == [200, 200, 500, 200]
    assert sorted(run.workflow_id for run in shop.stored_rows(Run)) == ["a", "b", "c", "known"]


def test_a_portal_that_was_uninstalled_elsewhere_is_refused_whatever_is_remembered(shop: World) -> None:
    path = webhook_path(shop, shop.line)
    assert (post(shop, "before"), notify(shop, path, "before")) == (200, 200)
    uninstalling.uninstall(shop.runtime, 1, clean=True)
    assert (post(shop, "after"), notify(shop, path, "after")) == (403, 404)
    assert (shop.stored_rows(Run), shop.stored_rows(InboundEvent)) == ([], [])
    shop.install_app()
    assert post(shop, "again") == 200


def test_a_call_waits_for_a_database_that_is_away_for_a_moment(shop: World) -> None:
    path = webhook_path(shop, shop.line)
    assert (post(shop, "known"), notify(shop, path, "known")) == (200, 200)
    intake, waited = shop.runtime.intake, [0.0]
    intake.now = lambda: waited[0]
    back_after = [0.8]

    def pause(seconds: float) -> None:
        waited[0] += seconds

    def away() -> None:
        if waited[0] < back_after[0]:
            raise OperationalError("BEGIN", {}, Exception("server closed the connection"))

    intake.pause = pause
    with on_begin(shop, away):
        assert post(shop, "patient") == 200
        waited[0] = 0.0
        assert notify(shop, path, "patient") == 200
    assert [run.workflow_id for run in shop.stored_rows(Run)] == ["known", "patient"]
    assert len(shop.stored_rows(InboundEvent)) == 2


def test_a_database_that_stalls_keeps_one_thread_and_the_others_spool(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("messaging.queue.group_commit.STALLED_S", 0.05)
    assert post(shop, "known") == 200
    begun, goes_on = threading.Event(), threading.Event()

    def stall() -> None:
        begun.set()
        assert goes_on.wait(10)

    with ThreadPoolExecutor(1) as pool, on_begin(shop, stall):
        stalled = pool.submit(post, shop, "a")
        assert begun.wait(10)
        assert (post(shop, "b"), post(shop, "c")) == (200, 200)
        goes_on.set()
        assert stalled.result(10) == 200
    Keeper(shop.runtime).tick()
    assert sorted(run.workflow_id for run in shop.stored_rows(Run)) == ["a", "b", "c", "known"]
    assert post(shop, "d") == 200
    assert shop.stored_rows(Run)[-1].workflow_id == "d"


@pytest.mark.parametrize("tables_url", ["sqlite"], indirect=True)
def test_writers_on_sqlite_take_turns_and_a_thread_never_waits_for_itself(world: World) -> None:
    database = world.runtime.db
    order: list[str] = []

    def write() -> None:
        with database.write() as session:
            session.connection()  # a session begins with its first statement
            order.append("other")

    with ThreadPoolExecutor(1) as pool:
        with database.write() as outer:
            outer.connection()
            other = pool.submit(write)
            with pytest.raises(OperationalError, match="this very thread"), database.write() as inner:
                inner.connection()
            order.append("mine")
        other.result(10)
    assert order == ["mine", "other"]


def test_a_leader_waits_for_as_many_as_there_were_and_no_longer(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Minutes, if they did not come: the test would end by its time limit."""
    monkeypatch.setattr("messaging.queue.group_commit.GATHER_S", 3600.0)
    assert together(shop, ["a", "b", "c"])[0] == [200] * 3  # one, then two that waited behind it
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda token: post(shop, token), ["d", "e"])) == [200, 200]


class _DiskFull(Exception):
    """As the drivers tell it."""

    def __init__(self, **told: object) -> None:
        super().__init__("full")
        self.__dict__ |= told


@pytest.mark.parametrize("told", [{"sqlite_errorcode": 13}, {"sqlstate": "53100"}, {"errno": 28}])
def test_a_full_disk_is_not_waited_for_and_is_told(shop: World, told: dict[str, object]) -> None:
    path = webhook_path(shop, shop.line)
    intake, waits, now = shop.runtime.intake, [], [0.0]
    intake.now, intake.pause = lambda: now[0], waits.append

    def full() -> None:
        raise OperationalError("INSERT", {}, _DiskFull(**told))

    assert (post(shop, "known"), notify(shop, path, "known")) == (200, 200)
    assert shop.app.get("/readyz").status_code == 200
    with on_begin(shop, full):
        assert (post(shop, "lost"), notify(shop, path, "repeated")) == (503, 503)
    assert waits == [], "a thread waited for room on the disk"
    figures = shop.app.get("/metrics").text
    for table in ("run", "inbound_event"):
        assert f'\nwaba24_rows_without_room_total{{table="{table}"}} 1.0' in figures
    ready = shop.app.get("/readyz")
    assert (ready.status_code, ready.json["status"]) == (503, "unready")
    assert "disk is full" in ready.json["database"]
    assert (post(shop, "room again"), notify(shop, path, "repeated")) == (200, 200)
    now[0] = 61.0
    assert shop.app.get("/readyz").status_code == 200


def test_little_room_is_told_before_it_is_full(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\nwaba24_disk_free_bytes " in shop.app.get("/metrics").text
    monkeypatch.setattr("messaging.system.disk.free_bytes", lambda _: 1_000_000)
    assert "disk is full" in shop.app.get("/readyz").json["database"]
    assert "\nwaba24_disk_free_bytes 1e+06" in shop.app.get("/metrics").text
