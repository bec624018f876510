"""The replay of the spool verifies each entry, waits for nobody who does not answer, and goes on where it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from redis.exceptions import TimeoutError as RedisTimeout
from sqlalchemy import create_engine, text, update
from sqlalchemy.exc import OperationalError

from activities.base import DEFAULT_WAIT_MINUTES
from messaging.intake import robot_calls
from messaging.intake.replay import HELD_EVERY, Keeper
from messaging.limits import bounds
from messaging.limits.quotas import OverQuota
from messaging.portals import uninstalling
from messaging.store.models import Portal, Run, shard_of
from tests.flows.scenes import ONE_DATABASE
from tests.messaging.intake.outage import (
    away,
    call,
    events,
    figures,
    files,
    notify,
    tick,
    tokens,
)
from tests.support.world import AUTH, World


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
    with monkeypatch.context() as patch, engine.begin() as connection:
        patch.setattr(bounds, "DATABASE_STALLED_S", 0.05)
        # As from a server that is frozen: whoever asks gets no answer, and no error.
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
    uninstalling.uninstall(known.runtime, 1, clean=True)
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
