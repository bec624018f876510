"""Health: the figures of contract section 6, of the viewer's own portal alone."""

from __future__ import annotations

import re

from redis import Redis
from sqlalchemy import select

from demo_past import Past
from messaging.insight import daily, hourly
from messaging.lines import lines
from messaging.store.models import Portal, Reply
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    jump_clock,
    open_windows,
    post_webhook,
    start_each,
    status_payload,
    template_robot,
    text_robot,
    webhook_path,
)
from tests.support.world import World
from tests.web.inside import STRANGER, Frame, second_portal, seen


def _figures(world: World) -> hourly.Figures:
    world.runtime.counters.flush(world.runtime.redis)
    with world.runtime.db.read() as session:
        return hourly.figures(session, world.runtime, session.scalars(select(Portal)).one())


def _busy_day(shop: World) -> None:
    open_windows(shop)
    start_each(
        shop, template_robot(until="delivered"), text_robot(PHONES[1]), template_robot(PHONES[2], template="nothing")
    )
    shop.robots_start(template_robot(PHONES[5]))
    jump_clock(shop, 0.1)
    post_webhook(shop, status_payload("failed", shop.sent[-1].id, PHONES[5], code=131049, reason="ecosystem"))
    shop.advance_clock(3)
    shop.app.post(webhook_path(shop, shop.line), data=b"broken")
    shop.advance_clock(3600)
    start_each(shop, template_robot(PHONES[3]))
    shop.advance_clock(40)


@ONE_DATABASE
def test_the_start_page_and_health_count_the_same_failures_of_today(shop: World) -> None:
    """Also those of robots that made no message: here two of three."""
    _busy_day(shop)
    frame = Frame(shop)
    assert re.search(r"Не доставлено 3\b", seen(frame.page("start/figures")))
    assert re.search(r"не доставлено 3\b", seen(frame.page("health")))


@ONE_DATABASE
def test_the_past_that_the_demo_makes_up_is_counted_too(shop: World) -> None:
    """Health reads counters, not rows."""
    Past(shop.runtime, shop.line, "t-1", "en").store()
    found = _figures(shop)
    ended, came = [sum(map(sum, rows.values())) for rows in (found.ended, found.runs)]
    assert ended == came > 40
    assert found.waits[shop.line.id][-2] is not None, "the last of them lies some minutes back"
    assert max(reply.received_at for reply in shop.stored_rows(Reply)) <= shop.now


def test_the_figures_are_those_of_the_last_24_hours(shop: World) -> None:
    _busy_day(shop)
    found = _figures(shop)
    assert {name: hours[-2:] for name, hours in found.runs.items()} == {"send_template": [3, 1], "send_text": [1, 0]}
    assert {name: sum(found.outcomes[name]) for name in found.outcomes} == {"accepted": 2, "delivered": 1, "failed": 2}
    line = shop.line.id
    assert {line_id: hours[-2:] for line_id, hours in found.ended.items()} == {line: [4, 1]}
    assert found.refusals == {(line, "window_closed"): 1, (line, "template_not_found"): 1, (line, "131049"): 1}
    assert sum(found.webhooks["message-event.delivered"]) >= 2
    assert found.unknown[-2:] == [1, 0]
    assert found.answers[-2:] == [4, 1]
    assert sum(found.rest_calls) >= 5
    waited = [hour for hour in found.waits[line] if hour]
    assert waited[0].median_s <= waited[0].worst_s <= 1
    assert {queue.name: queue.depth for queue in found.queues} == dict.fromkeys(
        ("runs", "messages", "answers", "events"), 0
    )
    shop.now = shop.now.replace(day=shop.now.day + 2)
    later_on = _figures(shop)
    assert (later_on.runs, later_on.outcomes, sum(later_on.answers)) == ({}, {}, 0)


def test_a_queue_that_waits_is_named_with_its_age(shop: World) -> None:
    shop.set_gupshup_faults(next=[{"answer": "429", "retry_after": 300}])
    start_each(shop, template_robot(PHONES[0]))
    jump_clock(shop, 1, 30)
    page = Frame(shop).get("/app/health")
    assert "1 ждёт, дольше всех — 3" in seen(page)
    assert "обычно до 2 с" in page.text
    assert '<span class="status warn">' in page.text


@ONE_DATABASE
def test_what_waits_for_the_end_of_a_pause_is_no_fault_of_the_queue(shop: World) -> None:
    lines.pause(shop.runtime, 1)
    start_each(shop, template_robot(PHONES[0]), template_robot(PHONES[1]))
    jump_clock(shop, 1, 60)
    page = Frame(shop).get("/app/health").text
    assert "Сообщения на отправку пусто, 2 на паузе" in seen(page)
    figures = shop.app.get("/metrics").text
    assert 'waba24_queue_oldest_seconds{queue="messages"} 0.0' in figures, "no alarm for what a person has paused"
    assert 'waba24_lines_paused{line="1"} 1.0' in figures
    assert '<span class="status warn">' not in page


@ONE_DATABASE
def test_the_page_shows_them_in_both_languages_and_reads_without_pictures(shop: World) -> None:
    _busy_day(shop)
    for _ in daily.count(shop.runtime, shop.now.date()):
        pass
    shop.runtime.counters.flush(shop.runtime.redis)
    page = Frame(shop).get("/app/health").text
    plain = seen(page)
    assert "Запуски роботов 5 за 24 часа, 1 за этот час" in plain
    assert "Клиент получил много рекламы, и WhatsApp не пропустил вашу" in plain
    assert 'role="img"' in page
    assert "style=" not in page
    english = seen(Frame(shop, lang="en").get("/app/health").text)
    assert "Runs received 5 in 24 hours, 1 in this hour" in english
    assert "median " in english
    assert not re.search(r"[А-Яа-я]", english)


@ONE_DATABASE
def test_another_portal_sees_none_of_it(shop: World) -> None:
    _busy_day(shop)
    shop.runtime.counters.flush(shop.runtime.redis)
    second_portal(shop)
    plain = seen(Frame(shop, member_id=STRANGER).get("/app/health").text)
    assert "131049" not in plain
    assert '<svg class="chart' not in plain
    assert plain.count("За 24 часа ничего") == 5
    assert shop.app.get("/app/health").status_code == 401


@ONE_DATABASE
def test_without_redis_the_queues_are_still_told(shop: World) -> None:
    start_each(shop, template_robot(OLGA))
    shop.advance_clock(2)
    shop.runtime.__dict__["redis"] = Redis.from_url("unix:///nowhere/redis.sock")
    page = Frame(shop).get("/app/health")
    assert page.status_code == 200
    assert seen(page).count("пусто обычно до 2 с") == 4
