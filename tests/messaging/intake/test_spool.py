"""The database is away: calls and webhooks wait in the spool, and are stored in their order, once, when it is back."""

from __future__ import annotations

import errno
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from cryptography.fernet import Fernet
from redis.exceptions import TimeoutError as RedisTimeout
from sqlalchemy import create_engine, event, text, update
from sqlalchemy.exc import OperationalError

from activities.base import DEFAULT_WAIT_MINUTES
from app import create_app
from messaging.intake import robot_calls, spooling
from messaging.intake.replay import HELD_EVERY, Keeper
from messaging.limits import bounds
from messaging.limits.quotas import OverQuota
from messaging.portals import portals
from messaging.queue.spool import Spool
from messaging.runtime import Runtime
from messaging.store.crypto import Cipher
from messaging.store.database import Database, open_engine
from messaging.store.models import InboundEvent, Portal, Run, shard_of
from messaging.system.disk import Disk
from tests.flows.scenes import OLGA, ONE_DATABASE, webhook_path
from tests.support.world import AUTH, World
from tests.web.inside import Frame, seen
from tests.web.posts import robot_call

ROBOT = "/robots/send_template"


@contextmanager
def away(*runtimes: Runtime) -> Iterator[None]:
    """Nobody reaches the database."""

    def refuse(_: Any) -> None:
        raise OperationalError("CONNECT", {}, Exception("connection refused"))

    engines = [runtime.db.engine for runtime in runtimes]
    for engine in engines:
        event.listen(engine, "engine_connect", refuse)
    try:
        yield
    finally:
        for engine in engines:
            event.remove(engine, "engine_connect", refuse)


@pytest.fixture
def known(shop: World) -> World:
    """A web process that has recognised its portal and its line before, and whose clock the test sees."""
    assert (call(shop, "known"), notify(shop, "known")) == (200, 200)
    waited = [0.0]
    intake = shop.runtime.intake
    intake.now, intake.pause = lambda: waited[0], lambda seconds: waited.__setitem__(0, waited[0] + seconds)
    return shop


def another_process(world: World) -> Any:
    """Another web process of the same machine, which has recognised nobody yet; a client of its app."""
    config = world.runtime.config
    cipher = Cipher(config.secret_keys)
    runtime = replace(world.runtime, cipher=cipher, db=Database(open_engine(config.database_url, cipher)))
    return create_app(runtime).test_client()


def runtime_of(client: Any) -> Runtime:
    runtime: Runtime = client.application.extensions["waba24"]
    return runtime


def call(world: World, token: str, client: Any = None, **auth: str) -> int:
    body = robot_call(world, token=token, **auth)
    return int((client or world.app).post(ROBOT, data=body).status_code)


def notify(world: World, name: str, client: Any = None, path: str = "") -> int:
    body = {"type": "message-event", "payload": {"id": name, "gsId": name, "type": "sent", "destination": OLGA}}
    return int((client or world.app).post(path or webhook_path(world, world.line), json=body).status_code)


def tick(world: World) -> None:
    Keeper(world.runtime).tick()


def tokens(world: World) -> list[str]:
    return [run.event_token for run in world.stored_rows(Run)]


def events(world: World) -> list[str | None]:
    return [row.ref for row in world.stored_rows(InboundEvent)]


def files(world: World) -> list[Path]:
    return sorted((world.runtime.config.data_dir / "spool").glob("*.spool"))


def figures(world: World, name: str) -> dict[str, float]:
    """Figures of this name: their labels as they are written → value."""
    lines = [line for line in world.app.get("/metrics").text.splitlines() if line.startswith(f"waba24_{name}")]
    return {line.rpartition(" ")[0].removeprefix(f"waba24_{name}"): float(line.rpartition(" ")[2]) for line in lines}


def test_what_comes_meanwhile_is_stored_in_its_order_and_once(known: World) -> None:
    with away(known.runtime):
        assert [call(known, token) for token in ("a", "b", "a", "known")] == [200] * 4
        assert [notify(known, name) for name in ("x", "x", "known")] == [200] * 3
        known.now += (later := timedelta(seconds=90))
        assert call(known, "c") == 200
        tick(known)
        ready = known.app.get("/readyz")
        assert ready.status_code == 503
        assert (ready.json["spool"]["entries"], ready.json["spool"]["oldest_seconds"]) == (8, 90.0)
        assert ready.json["spool"]["bytes"] == figures(known, "spool_bytes")[""] > 1000
        assert figures(known, "spool_oldest_seconds") == {"": 90.0}
        assert figures(known, "spooled_total") == {'{kind="call"}': 5.0, '{kind="webhook"}': 3.0}
    assert tokens(known) == ["known"]
    tick(known)
    assert (tokens(known), events(known)) == (["known", "a", "b", "c"], ["known", "x"])
    assert known.stored_rows(InboundEvent)[1].received_at == known.now - later, "the moment at which it came"
    assert (files(known), known.app.get("/readyz").status_code) == ([], 200)
    assert "spool" not in known.app.get("/readyz").json
    assert figures(known, "spool_replayed_total") == {
        '{kind="call",outcome="stored"}': 5.0,
        '{kind="webhook",outcome="stored"}': 3.0,
    }
    assert call(known, "d") == 200
    assert tokens(known)[-1] == "d", "the spool is closed"


@ONE_DATABASE
def test_only_the_first_waits_to_see_whether_the_database_comes_back(known: World) -> None:
    waits: list[float] = []
    intake = known.runtime.intake
    pause = intake.pause
    intake.pause = lambda seconds: (waits.append(seconds), pause(seconds))[1]
    with away(known.runtime):
        assert call(known, "a") == 200
        assert 0 < sum(waits) <= spooling.PATIENCE_S
        waits.clear()
        assert (call(known, "b"), notify(known, "b"), call(known, "c", application_token="forged")) == (200, 200, 200)
    assert waits == []


@ONE_DATABASE
def test_what_comes_after_the_outage_stays_behind_what_waits_but_not_for_ever(known: World) -> None:
    with away(known.runtime):
        call(known, "a")
    assert call(known, "b") == 200
    assert tokens(known) == ["known"], "b would overtake a"
    tick(known)
    assert tokens(known) == ["known", "a", "b"]

    with away(known.runtime):
        call(known, "c")
    spool = known.runtime.spool
    with spool.replaying() as replaying:  # a drain that takes long
        assert replaying is not None
        replaying.done(next(replaying.entries()))
        replaying.save()
        call(known, "d")
        known.now += timedelta(seconds=bounds.SPOOL_ORDER_S + 1)
        spool.look()
        call(known, "e")
    assert tokens(known)[-1] == "e"
    tick(known)
    assert sorted(tokens(known)[3:]) == ["d", "e"], "c counts as stored"


@ONE_DATABASE
def test_another_process_replays_and_both_go_back_to_the_database(known: World) -> None:
    tick(known)
    other = another_process(known)
    with away(known.runtime, runtime_of(other)):
        for token, client in zip("abcd", [None, other] * 2, strict=True):
            known.now += timedelta(milliseconds=1)
            assert call(known, token, client) == 200
        assert len(files(known)) == 2
    Keeper(runtime_of(other)).tick()
    assert tokens(known) == ["known", "a", "b", "c", "d"]
    assert (call(known, "e"), call(known, "f", other)) == (200, 200)
    assert (tokens(known)[5:], files(known)) == (["e", "f"], [])


@ONE_DATABASE
def test_a_clock_that_is_set_back_changes_no_order(known: World) -> None:
    other, start = another_process(known), known.now
    with away(known.runtime, runtime_of(other)):
        for token, client, minutes in [
            ("a", None, 90),
            ("b", other, 0),
            ("c", None, -60),
            ("d", other, -61),
            ("e", None, 1),
        ]:
            known.now = start + timedelta(minutes=minutes)
            assert call(known, token, client) == 200
        known.now = start - timedelta(minutes=61)
        assert figures(known, "spool_oldest_seconds") == {"": 0.0}
    tick(known)
    assert tokens(known) == ["known", "a", "b", "c", "d", "e"]


@ONE_DATABASE
def test_what_a_dead_process_left_is_replayed_by_the_next_one_from_where_it_was(known: World) -> None:
    with away(known.runtime):
        for token in ("a", "b", "c"):
            call(known, token)
    with known.runtime.spool.replaying() as replaying:  # dies when a is stored, and cannot tell it any more
        assert replaying is not None
    born = another_process(known)
    assert runtime_of(born).spool.is_open, "before its first call"
    known.now += timedelta(milliseconds=1)
    assert call(known, "d", born) == 200
    Keeper(runtime_of(born)).tick()
    Keeper(runtime_of(born)).tick()
    assert tokens(known) == ["known", "a", "b", "c", "d"]


def _silent_auth_server(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(world.net.broken, urlsplit(AUTH).netloc, requests.ConnectionError("no answer"))


def _asked_too_often(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OverQuota("frames of a portal", 10)

    monkeypatch.setattr(world.runtime.frame_quota, "check", refuse)


@ONE_DATABASE
@pytest.mark.parametrize("hindrance", [_silent_auth_server, _asked_too_often])
def test_a_call_that_only_the_auth_server_can_judge_waits_for_it(
    known: World, monkeypatch: pytest.MonkeyPatch, hindrance: Any
) -> None:
    with known.runtime.db.write() as session:
        session.execute(update(Portal).values(application_token=None))
    known.runtime.intake.portals.forget(known.portal.event_auth(1, with_refresh=True)["member_id"])
    with away(known.runtime):
        assert [call(known, token) for token in ("a", "b")] == [200, 200]
        assert notify(known, "x") == 200
    keeper = Keeper(known.runtime)
    with monkeypatch.context() as patch:
        hindrance(known, patch)
        keeper.tick()
        assert (tokens(known), events(known), files(known)) == (["known"], ["known", "x"], [])
        known.now += HELD_EVERY
        keeper.tick()
        assert figures(known, "spool_held_bytes")[""] > 2000
        assert (known.app.get("/readyz").status_code, tokens(known)) == (200, ["known"])
    assert call(known, "c") == 200
    known.now += HELD_EVERY
    keeper.tick()
    assert tokens(known) == ["known", "c", "a", "b"]
    assert figures(known, "spool_held_bytes") == {"": 0.0}
    outcomes = {'{kind="call",outcome="held"}': 2.0, '{kind="call",outcome="stored"}': 2.0}
    assert outcomes.items() <= figures(known, "spool_replayed_total").items()


@ONE_DATABASE
@pytest.mark.parametrize("why", ["its workflow waits no more", "forged", "no room"])
def test_a_held_call_is_refused(known: World, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    with known.runtime.db.write() as session:
        session.execute(update(Portal).values(application_token=None))
    known.runtime.intake.portals.forget(known.portal.event_auth(1, with_refresh=True)["member_id"])
    with away(known.runtime):
        assert call(known, "a", **({"access_token": "f" * 70} if why == "forged" else {})) == 200
    keeper = Keeper(known.runtime)
    with monkeypatch.context() as patch:
        _silent_auth_server(known, patch)
        patch.setattr(bounds, "SPOOL_HELD_BYTES", 0 if why == "no room" else bounds.SPOOL_HELD_BYTES)
        keeper.tick()
        assert (figures(known, "spool_held_bytes")[""] > 0) == (why != "no room")
        known.now += timedelta(minutes=DEFAULT_WAIT_MINUTES + 1) if why.startswith("its") else HELD_EVERY
        if why != "forged":
            keeper.tick()
    keeper.tick()
    assert (tokens(known), figures(known, "spool_held_bytes")) == (["known"], {"": 0.0})
    assert figures(known, "spool_replayed_total")['{kind="call",outcome="refused"}'] == 1.0


STRANGERS: list[tuple[str, dict[str, str]]] = [
    ("a wrong token", {"application_token": "0" * 32}),
    ("no token", {"application_token": ""}),
    ("an unknown portal", {"member_id": "f" * 32}),
]


@ONE_DATABASE
@pytest.mark.parametrize(("who", "auth"), STRANGERS, ids=[who for who, _ in STRANGERS])
def test_a_stranger_is_verified_at_the_replay(known: World, who: str, auth: dict[str, str]) -> None:
    with away(known.runtime):
        assert (call(known, "forged", **auth), notify(known, "forged", path="/gupshup/nobody")) == (200, 200)
        assert call(known, "true") == 200
    tick(known)
    assert (tokens(known), events(known)) == (["known", "true"], ["known"])
    refused = {'{kind="call",outcome="refused"}': 1.0, '{kind="webhook",outcome="refused"}': 1.0}
    assert refused.items() <= figures(known, "spool_replayed_total").items()


@ONE_DATABASE
def test_a_process_that_starts_meanwhile_knows_whom_the_machine_has_recognised(
    known: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick(known)
    monkeypatch.setattr(bounds, "SPOOL_OF_UNKNOWN_BYTES", 0)
    born = another_process(known)
    with away(runtime_of(born)):
        assert (call(known, "a", born), notify(known, "a", born)) == (200, 200)
        assert call(known, "b", born, application_token="0" * 32) == 503
        assert notify(known, "b", born, path="/gupshup/nobody") == 503
    tick(known)
    assert (tokens(known), events(known)) == (["known", "a"], ["known", "a"])


ROOM: list[tuple[str, str, bool, str]] = [
    ("all of it", "most_bytes", True, "full"),
    ("unknown callers of one portal", "SPOOL_OF_UNKNOWN_BYTES", False, "full"),
    ("unknown callers together", "SPOOL_OF_ALL_UNKNOWN_BYTES", False, "full"),
    ("the disk", "FREE_FOR_SPOOL_BYTES", True, "disk_full"),
]


@ONE_DATABASE
@pytest.mark.parametrize(("what", "limit", "is_known", "reason"), ROOM, ids=[what for what, *_ in ROOM])
def test_over_its_bounds_the_spool_takes_nothing(
    known: World, monkeypatch: pytest.MonkeyPatch, what: str, limit: str, is_known: bool, reason: str
) -> None:
    auth = {} if is_known else {"application_token": "0" * 32}
    owner: Any = known.runtime.spool if limit == "most_bytes" else bounds
    with away(known.runtime):
        assert call(known, "a", **auth) == 200
        size = files(known)[0].stat().st_size
        monkeypatch.setattr(owner, limit, 10**18 if limit == "FREE_FOR_SPOOL_BYTES" else size * 3 // 2)
        refused = known.app.post(ROBOT, data=robot_call(known, token="b", **auth))
        assert (refused.status_code, files(known)[0].stat().st_size) == (503, size)
        assert int(refused.headers["Retry-After"]) > 0
        assert figures(known, "spool_refused_total") == {f'{{kind="call",reason="{reason}"}}': 1.0}
        monkeypatch.undo()
        assert call(known, "c", **auth) == 200
    tick(known)
    assert tokens(known) == (["known", "a", "c"] if is_known else ["known"])


@ONE_DATABASE
def test_one_portal_leaves_half_of_the_spool_to_others(known: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with away(known.runtime):
        call(known, "a")
        monkeypatch.setattr(known.runtime.spool, "most_bytes", 3 * files(known)[0].stat().st_size)
        assert (call(known, "b"), notify(known, "b")) == (503, 200)


@ONE_DATABASE
def test_a_full_spool_is_no_obstacle_when_the_database_is_back(known: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with away(known.runtime):
        call(known, "a")
    monkeypatch.setattr(known.runtime.spool, "most_bytes", 1)
    assert (call(known, "b"), notify(known, "b")) == (200, 200)
    assert (tokens(known), events(known)) == (["known", "b"], ["known", "b"])


@ONE_DATABASE
def test_an_unknown_caller_asks_the_database_while_the_spool_drains(
    known: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    born = another_process(known)
    monkeypatch.setattr(bounds, "SPOOL_OF_UNKNOWN_BYTES", 0)
    with away(known.runtime, runtime_of(born)):
        assert (call(known, "a"), call(known, "b"), call(known, "lost", born)) == (200, 200, 503)
    with known.runtime.spool.replaying() as replaying:
        assert replaying is not None
        replaying.done(next(replaying.entries()))
        replaying.save()
        runtime_of(born).spool.look()
        assert (call(known, "new", born), notify(known, "new", born)) == (200, 200)
        forged = call(known, "forged", born, application_token="0" * 32)
        assert (forged, notify(known, "forged", born, path="/gupshup/nobody")) == (403, 404)
    assert (tokens(known), events(known)) == (["known", "new"], ["known", "new"])


@ONE_DATABASE
def test_without_a_spool_calls_wait_longer_and_are_refused(known: World) -> None:
    known.runtime.spool.most_bytes = 0
    with away(known.runtime):
        assert (call(known, "a"), notify(known, "a")) == (503, 503)
        assert call(known, "a", application_token="0" * 32) == 503
    assert known.runtime.intake.now() >= spooling.UNSPOOLED_PATIENCE_S["call"]
    assert files(known) == []


class FailingDisk(Disk):
    """Breaks a write off after 100 bytes, or lets an fsync fail, while `error` is set. meanwhile: what happens before that."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.error: int | None = None
        self.meanwhile: Callable[[], None] = lambda: None

    def write(self, descriptor: int, content: bytes) -> None:
        super().write(descriptor, content[: 100 if self._fails("write") else None])
        self._fail("write")

    def sync(self, descriptor: int) -> None:
        super().sync(descriptor)
        self._fail("sync")

    def _fails(self, what: str) -> bool:
        return self.error is not None and self.where == what

    def _fail(self, what: str) -> None:
        if self._fails(what):
            self.meanwhile()
            raise OSError(self.error, "the disk fails")


DISKS: list[tuple[str, int, list[str]]] = [
    ("write", errno.ENOSPC, ["known", "a", "b"]),
    ("sync", errno.EIO, ["known", "a", "lost", "b"]),  # its 503 was too cautious: another process had read it already
]


@ONE_DATABASE
@pytest.mark.parametrize(("where", "error", "stored"), DISKS, ids=[where for where, *_ in DISKS])
def test_after_a_failure_of_the_disk_a_file_takes_nothing_more(
    known: World, where: str, error: int, stored: list[str]
) -> None:
    spool, disk = known.runtime.spool, FailingDisk(where)
    known.runtime.spool = Spool(spool.folder, spool.most_bytes, lambda: known.now, disk)
    other = Keeper(runtime_of(another_process(known)))
    with away(known.runtime):
        assert call(known, "a") == 200
        before = files(known)[0].read_bytes()
        disk.error, disk.meanwhile = error, other.tick
        assert call(known, "lost") == 503
        assert (where == "write") == (files(known)[0].read_bytes() == before)
        disk.error = None
        assert call(known, "b") == 200
    tick(known)
    assert (tokens(known), files(known)) == (stored, [])


@ONE_DATABASE
def test_a_full_disk_rings_the_alarm_and_leaves_no_empty_files(known: World) -> None:
    spool, disk = known.runtime.spool, FailingDisk("write")
    known.runtime.spool = Spool(spool.folder, spool.most_bytes, lambda: known.now, disk)
    with away(known.runtime):
        disk.error = errno.ENOSPC
        assert [call(known, token) for token in ("a", "b", "c")] == [503] * 3
        assert files(known) == []
    ready = known.app.get("/readyz")
    assert (ready.status_code, "disk is full" in ready.json["database"]) == (503, True), "the alarm"
    assert figures(known, "rows_without_room_total") == {'{table="run"}': 3.0}


@ONE_DATABASE
@pytest.mark.parametrize("cut", [1, 5, 15, 17, 100, 700])
def test_an_entry_that_was_broken_off_harms_none_before_it(known: World, cut: int) -> None:
    """As a process leaves it that is killed while it writes: before the 200."""
    with away(known.runtime):
        for token in ("a", "b"):
            call(known, token)
        (path,) = files(known)
        size = path.stat().st_size
        call(known, "torn")
    whole = path.read_bytes()
    path.write_bytes(whole[: min(size + cut, len(whole) - 1)])
    tick(known)
    assert (tokens(known), files(known)) == (["known", "a", "b"], [])


def _another_key(path: Path, world: World) -> None:
    world.runtime.cipher = Cipher((Fernet.generate_key().decode(),))


def _flipped_bit(path: Path, world: World) -> None:
    path.write_bytes(flipped(path.read_bytes(), 40))  # in the content of the first entry


@ONE_DATABASE
@pytest.mark.parametrize(("harm", "left"), [(_flipped_bit, ["b"]), (_another_key, [])])
def test_what_cannot_be_read_is_set_aside_and_holds_up_nothing(known: World, harm: Any, left: list[str]) -> None:
    with away(known.runtime):
        for token in ("a", "b"):
            call(known, token)
    former = known.runtime.cipher
    harm(files(known)[0], known)
    tick(known)
    known.runtime.cipher = former
    assert (tokens(known), files(known)) == (["known", *left], [])
    aside = known.runtime.config.data_dir / "spool" / "set-aside"
    if harm is _another_key:  # it is found: the file is renamed, and replayed
        aside.rename(aside.with_name("again.spool"))
        tick(known)
        assert tokens(known) == ["known", "a", "b"]
    else:
        assert aside.stat().st_size > 100


@ONE_DATABASE
def test_what_is_set_aside_is_bounded_and_the_newest_is_kept(known: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with away(known.runtime):
        for token in "abcdefg":
            call(known, token)
    size = files(known)[0].stat().st_size // 7 + 50
    former = known.runtime.cipher
    with monkeypatch.context() as patch:
        patch.setattr(bounds, "SPOOL_SET_ASIDE_BYTES", 2 * size)
        patch.setattr(known.runtime.spool, "most_bytes", 1)
        _another_key(files(known)[0], known)
        tick(known)
    folder = known.runtime.config.data_dir / "spool"
    kept = sum(path.stat().st_size for path in folder.glob("set-aside*"))
    assert figures(known, "spool_set_aside_bytes") == {"": kept}
    assert 2 * size < kept <= 4 * size
    known.runtime.cipher = former
    for path in folder.glob("set-aside*"):
        path.rename(path.with_name(f"{path.name}.spool"))
    tick(known)
    assert tokens(known) == ["known", "e", "f", "g"]
    assert figures(known, "spool_set_aside_bytes") == {"": 0.0}


#: What the disk does to the second entry of three; `at` is where it begins, `end` where the third does.
DAMAGE: dict[str, Callable[[bytes, int, int], bytes]] = {
    "mark": lambda kept, at, end: flipped(kept, at),
    "arrival": lambda kept, at, end: flipped(kept, at + 4),
    "length": lambda kept, at, end: flipped(kept, at + 14),
    "a length beyond the file": lambda kept, at, end: flipped(kept, at + 12),
    "checksum": lambda kept, at, end: flipped(kept, at + 19),
    "content": lambda kept, at, end: flipped(kept, at + 100),
    "zeros": lambda kept, at, end: kept[:at] + bytes(end - at) + kept[end:],
    "a hole": lambda kept, at, end: kept[: at + 10] + kept[end:],
    "something else": lambda kept, at, end: kept[:at] + b"\xff" * 3_000_000 + kept[end:],
}


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0x80]) + content[at + 1 :]


@ONE_DATABASE
@pytest.mark.parametrize("place", ["first", "middle", "last"])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_what_the_disk_has_damaged_takes_no_other_entry_along(known: World, damage: Any, place: str) -> None:
    with away(known.runtime):
        sizes = [0]
        for token in ("a", "b", "c"):
            call(known, token)
            sizes.append(files(known)[0].stat().st_size)
        (path,) = files(known)
        number = ["first", "middle", "last"].index(place)
        path.write_bytes(damage(path.read_bytes(), sizes[number], sizes[number + 1]))
        assert known.app.get("/readyz").status_code == 503
    tick(known)
    left = [token for token in ("a", "b", "c") if token != "abc"[number]]
    assert (tokens(known), files(known)) == (["known", *left], [])
    aside = path.parent / "set-aside"
    is_short_tail = damage is DAMAGE["a hole"] and place == "last"  # as if it had been broken off
    assert is_short_tail or aside.stat().st_size > 30


@ONE_DATABASE
def test_nothing_in_the_spool_can_be_read_by_others(known: World) -> None:
    secret = webhook_path(known, known.line).rpartition("/")[2]
    with away(known.runtime):
        call(known, "a")
        notify(known, "x")
        tick(known)
    folder = known.runtime.config.data_dir / "spool"
    found = [path for path in folder.iterdir() if path.is_file()] + [folder.parent / "known-callers"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in found} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    readable = b"".join(path.read_bytes() for path in found)
    auth = known.portal.event_auth(1, with_refresh=True)
    for word in (OLGA, secret, auth["application_token"], auth["member_id"], "DEAL_1", "message-event"):
        assert word.encode() not in readable, word


@ONE_DATABASE
def test_calls_over_the_quota_when_they_came_are_refused_and_a_rush_at_the_replay_is_none(known: World) -> None:
    known.runtime.config = replace(known.runtime.config, calls_per_minute=60)
    known.runtime.__dict__.pop("call_quota")
    with away(known.runtime):
        for number in range(62):
            assert call(known, f"n{number}") == 200
    known.runtime.__dict__.pop("call_quota")
    tick(known)
    assert [run.event_token for run in known.stored_rows(Run) if run.error_code] == ["n60", "n61"]


@ONE_DATABASE
def test_a_replay_that_is_broken_off_goes_on_where_it_was(known: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with away(known.runtime):
        for token in ("a", "b", "c"):
            call(known, token)
    store, stored = known.runtime.intake.store_in_order, []

    def breaks_off(inserts: Any) -> list[int | None]:
        if len(stored) == 1:
            raise OperationalError("INSERT", {}, Exception("server closed the connection"))
        stored.append(inserts)
        return store(inserts)

    monkeypatch.setattr("messaging.intake.replay.TOGETHER", 2)
    with monkeypatch.context() as patch:
        patch.setattr(known.runtime.intake, "store_in_order", breaks_off)
        tick(known)
    assert tokens(known) == ["known", "a", "b"]
    assert known.app.get("/readyz").json["spool"]["entries"] == 1
    tick(known)
    assert tokens(known) == ["known", "a", "b", "c"]


@pytest.mark.parametrize("tables_url", ["postgresql"], indirect=True)
def test_a_database_that_does_not_answer_counts_as_away(known: World, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = create_engine(known.runtime.config.database_url)
    monkeypatch.setattr(bounds, "DATABASE_STALLED_S", 0.05)
    with engine.begin() as connection:  # as of a server that is frozen: whoever asks gets no answer, and no error
        connection.execute(text("LOCK TABLE run, inbound_event, portal, line IN ACCESS EXCLUSIVE MODE"))
        assert [call(known, "a"), notify(known, "x"), call(known, "b")] == [200, 200, 200]
        tick(known)
        assert len(files(known)) == 1
        assert known.app.get("/readyz").json["spool"]["entries"] == 3
        with known.runtime.spool.replaying() as replaying:
            assert replaying is not None, "it has given its lock back"
    engine.dispose()
    tick(known)
    assert (tokens(known), events(known), files(known)) == (["known", "a", "b"], ["known", "x"], [])


@ONE_DATABASE
def test_a_vanished_redis_does_not_slow_the_replay(known: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with away(known.runtime):
        for token in ("a", "b", "c"):
            call(known, token)
    asked: list[str] = []

    class Vanished:
        def __getattr__(self, name: str) -> Any:
            asked.append(name)
            raise RedisTimeout("after 5 s")

    monkeypatch.setattr("messaging.intake.replay.TOGETHER", 1)
    keeper = Keeper(known.runtime)
    with monkeypatch.context() as patch:
        for name in ("redis", "wakeups"):
            patch.setitem(known.runtime.__dict__, name, Vanished())
        keeper.tick()
    assert (tokens(known), files(known), asked) == (["known", "a", "b", "c"], [], [])
    told: list[set[int]] = []
    monkeypatch.setattr(known.runtime.wakeups, "notify", told.append)
    keeper.notify()
    assert told == [{shard_of(1)}], "afterwards"


def test_a_portal_and_a_line_that_changed_meanwhile_are_read_again(known: World) -> None:
    with away(known.runtime):
        assert (call(known, "a"), notify(known, "a")) == (200, 200)
    with known.runtime.db.write() as session:
        session.execute(update(Portal).values(token_version=Portal.token_version + 1))
    tick(known)
    assert (tokens(known), events(known)) == (["known", "a"], ["known", "a"])

    with away(known.runtime):
        assert (call(known, "b"), notify(known, "b")) == (200, 200)
    portals.uninstall(known.runtime, 1, clean=True)
    tick(known)
    assert (tokens(known), events(known), files(known)) == ([], [], []), "nobody is there any more"


def test_a_row_that_the_database_refuses_is_set_aside_alone(known: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with away(known.runtime):
        for token in ("a", "bad", "c"):
            call(known, token)
    insert_of = robot_calls.insert_of

    def spoiled(*args: Any, **more: Any) -> Any:
        insert = insert_of(*args, **more)
        is_bad = insert.values["event_token"] == "bad"
        return insert._replace(values={**insert.values, "waits": None}) if is_bad else insert

    monkeypatch.setattr(robot_calls, "insert_of", spoiled)
    tick(known)
    assert (tokens(known), files(known)) == (["known", "a", "c"], [])
    assert figures(known, "spool_replayed_total")['{kind="unknown",outcome="set aside"}'] == 1.0
    aside = known.runtime.config.data_dir / "spool" / "set-aside"
    aside.rename(aside.with_name("repaired.spool"))
    monkeypatch.undo()
    tick(known)
    assert tokens(known) == ["known", "a", "c", "bad"]


@ONE_DATABASE
def test_the_health_page_tells_what_still_waits(known: World) -> None:
    assert "база данных" not in seen(Frame(known).get("/app/health").text)
    with away(known.runtime):
        call(known, "a")
    known.now += timedelta(seconds=40)
    page = Frame(known).get("/app/health").text
    assert "Пришло, пока база данных была недоступна дольше всех — 40 с" in seen(page)
    assert '<span class="status warn">' in page
