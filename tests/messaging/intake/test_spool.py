"""The database is away: calls and webhooks wait in the spool, and are stored in their order, once, when it is back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from messaging.intake import spooling
from messaging.intake.replay import Keeper
from messaging.limits import bounds
from messaging.store.models import InboundEvent
from tests.flows.scenes import ONE_DATABASE
from tests.messaging.intake.outage import (
    ROBOT,
    another_process,
    away,
    call,
    events,
    figures,
    files,
    notify,
    runtime_of,
    tick,
    tokens,
)
from tests.support.world import World
from tests.web.inside import Frame, seen
from tests.web.posts import robot_call


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


@ONE_DATABASE
def test_the_health_page_tells_what_still_waits(known: World) -> None:
    assert "база данных" not in seen(Frame(known).get("/app/health").text)
    with away(known.runtime):
        call(known, "a")
    known.now += timedelta(seconds=40)
    page = Frame(known).get("/app/health").text
    assert "Пришло, пока база данных была недоступна дольше всех — 40 с" in seen(page)
    assert '<span class="status warn">' in page
