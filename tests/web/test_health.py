"""For orchestrators and Prometheus (contract, sections 3 and 6)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis
from sqlalchemy import text

from messaging.insight import daily
from messaging.limits.bounds import DISK_FULL_SHOWN_S
from messaging.lines import lines
from messaging.store.models import Run
from messaging.worker.pool import make_worker
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    jump_clock,
    open_windows,
    start_each,
    template_robot,
    text_robot,
    webhook_path,
)
from tests.support.world import World

#: Room on the disk: others write there, too.
OTHERS = "waba24_disk_free_bytes"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def _figures(world: World) -> Samples:
    answer = world.app.get("/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return {
        (s.name, tuple(sorted(s.labels.items()))): s.value
        for family in families
        for s in family.samples
        if s.name != OTHERS
    }


def _of(figures: Samples, name: str, **labels: str) -> float:
    return sum(
        value for (known, given), value in figures.items() if known == name and labels.items() <= dict(given).items()
    )


@ONE_DATABASE
def test_alive_is_not_ready(world: World) -> None:
    assert world.app.get("/healthz").status_code == 200
    ready = world.app.get("/readyz")
    assert (ready.status_code, ready.json) == (200, {"status": "ok", "database": "ok", "queue": "ok"})
    with world.runtime.db.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    old = world.app.get("/readyz")
    assert old.status_code == 503
    assert "db upgrade" in (old.json or {})["database"]
    assert world.app.get("/healthz").status_code == 200


def test_without_redis_it_is_alive_not_ready_and_still_stores_what_comes(shop: World) -> None:
    open_windows(shop)
    shop.runtime.__dict__["redis"] = Redis.from_url("unix:///nowhere/redis.sock")
    shop.runtime.wakeups.redis = shop.runtime.redis
    unready = shop.app.get("/readyz")
    assert unready.status_code == 503
    assert (unready.json or {})["queue"].startswith("unreachable")
    assert (unready.json or {})["database"] == "ok"
    assert shop.app.get("/healthz").status_code == 200
    assert shop.app.post(webhook_path(shop, shop.line), data=b'{"type":"user-event","payload":{}}').status_code == 200
    shop.robots_start(template_robot(PHONES[0]))
    jump_clock(shop, 0.1)
    assert len(shop.stored_rows(Run)) == 1, "the call was answered 200, so it is stored"
    assert shop.bx.queue.history[-1].status == 200


MAY_SEE: list[tuple[str, dict[str, str], str, int]] = [
    ("", {}, "127.0.0.1", 200),
    ("", {}, "::1", 200),
    ("", {}, "10.0.0.7", 403),
    ("", {"X-Forwarded-For": "203.0.113.9"}, "127.0.0.1", 403),
    ("", {"X-Forwarded-Host": "waba.example"}, "127.0.0.1", 403),
    ("", {"Forwarded": "for=203.0.113.9"}, "127.0.0.1", 403),
    ("", {"X-Real-IP": "203.0.113.9"}, "127.0.0.1", 403),
    ("", {"Via": "1.1 proxy"}, "127.0.0.1", 403),
    ("", {"CF-Connecting-IP": "203.0.113.9"}, "127.0.0.1", 403),
    ("", {"Host": "waba.example"}, "127.0.0.1", 403),
    ("", {"Host": "localhost.evil.example"}, "127.0.0.1", 403),
    ("", {"Host": "[::1]:8000"}, "::1", 200),
    ("", {"Host": "LOCALHOST:8000"}, "127.0.0.1", 200),
    ("s3cret", {"Host": "waba.example", "Via": "x", "Authorization": "Bearer s3cret"}, "127.0.0.1", 200),
    ("s3cret", {}, "127.0.0.1", 403),
    ("s3cret", {"Authorization": "Bearer wrong"}, "127.0.0.1", 403),
    ("s3cret", {"Authorization": "s3cret"}, "127.0.0.1", 403),
    ("s3cret", {"Authorization": "Bearer ключ"}, "127.0.0.1", 403),
    ("s3cret", {"Authorization": "Bearer s3cret"}, "10.0.0.7", 200),
]


@ONE_DATABASE
def test_a_disk_that_was_full_a_moment_ago_is_told_for_a_minute(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """DATA_DIR has room, and the database's disk had none when a call came."""
    intake, seconds = world.runtime.intake, 1000.0
    monkeypatch.setattr(intake, "now", lambda: seconds)
    assert world.app.get("/readyz").status_code == 200
    intake.disk_full_at = seconds
    answer = world.app.get("/readyz")
    assert (answer.status_code, answer.json["database"]) == (503, "the disk is full: a call could not be stored")
    seconds += DISK_FULL_SHOWN_S
    assert world.app.get("/readyz").status_code == 200


@ONE_DATABASE
def test_who_may_see_the_figures(world: World) -> None:
    for token, headers, address, status in MAY_SEE:
        world.runtime.config = replace(world.runtime.config, metrics_token=token)
        answer = world.app.get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": address})
        assert answer.status_code == status, (token, headers, address)
        assert ("waba24_" in answer.text) is (status == 200)


def test_the_figures_are_those_of_what_happened(shop: World) -> None:
    open_windows(shop)
    start_each(
        shop,
        template_robot(until="delivered"),
        text_robot(),
        template_robot(PHONES[0]),
        text_robot(PHONES[1]),
        template_robot(PHONES[2], template="nothing"),
    )
    shop.advance_clock(3)
    shop.set_gupshup_faults(next=["401"])
    shop.robots_start(template_robot(PHONES[4]))
    shop.advance_clock(1)
    lines.resume(shop.runtime, shop.line.id)  # the 401 has stopped it
    shop.client_replies(OLGA, "Да")
    shop.app.post(webhook_path(shop, shop.line), data=b"broken")
    shop.advance_clock(40)
    shop.set_gupshup_faults(next=[{"answer": "429", "retry_after": 60}])
    shop.robots_start(template_robot(PHONES[3]))
    jump_clock(shop, 0.1, 20)
    shop.drain.runtime.counters.flush(shop.runtime.redis)
    for _ in daily.count(shop.runtime, shop.now.date()):
        pass
    figures, line = _figures(shop), str(shop.line.id)
    assert _of(figures, "waba24_runs_received_total", side="robots", action="send_template") == 5
    assert _of(figures, "waba24_runs_received_total") == 7
    assert _of(figures, "waba24_messages", line=line, status="delivered") == 3
    assert _of(figures, "waba24_messages", line=line, status="failed") == 1
    assert _of(figures, "waba24_messages", line=line, status="queued") == 1
    assert _of(figures, "waba24_seconds_to_provider_count", line=line) == 3
    assert _of(figures, "waba24_queue_depth", queue="messages") == 1
    assert 19 <= _of(figures, "waba24_queue_oldest_seconds", queue="messages") <= 22
    assert _of(figures, "waba24_queue_depth", queue="answers") == 0
    assert _of(figures, "waba24_webhooks_total", type="message.text") == 2
    assert _of(figures, "waba24_webhooks_total", type="message-event.delivered") == 3
    assert _of(figures, "waba24_webhooks_unknown_total") == 1
    assert _of(figures, "waba24_answers_total") == 6, "a repetition is no second answer"
    assert _of(figures, "waba24_rest_calls_total") > 0
    assert _of(figures, "waba24_refusals_total", code="window_closed") == 1
    assert _of(figures, "waba24_refusals_total", code="gupshup_401", line=line) == 1
    assert _of(figures, "waba24_refusals_total", code="template_not_found") == 1
    before = len(shop.net.seen)
    assert _figures(shop) == figures, "looking changes nothing"
    assert len(shop.net.seen) == before


@ONE_DATABASE
def test_workers_are_counted_while_they_live(world: World) -> None:
    def workers() -> float:
        return _of(_figures(world), "waba24_workers")

    assert workers() == 0
    idle = make_worker(world.runtime.redis)
    idle.register_birth()
    assert workers() == 1
    world.runtime.redis.delete(
        idle.key
    )  # as it expires: RQ keeps the name of a killed worker, and of one that is long busy
    assert workers() == 0
    world.runtime.wakeups.alive("a drain")
    assert workers() == 1
