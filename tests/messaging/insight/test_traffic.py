"""The figures of the start page: live, in the reader's day, beside as long a time before, from few rows."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from sqlalchemy import select

from messaging.insight import daily, failures, traffic
from messaging.insight.traffic import Counts, Hours
from messaging.store.models import Portal
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
)
from tests.support.world import World

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def _read(hours: dict[int, int]) -> Hours:
    """{-3: 5}: five messages were read that were planned in the third hour before this one."""
    return {NOW.replace(minute=0) + timedelta(hours=ago): Counter(read=count) for ago, count in hours.items()}


@pytest.mark.parametrize(
    ("minutes", "sent", "today", "before"),
    [
        # The hour that runs counts whole today, and as far as the clock has come yesterday.
        (0, {0: 5, -24: 4}, 5, 2),
        (0, {-9: 1, -10: 7, -33: 3, -34: 8}, 1, 3),
        (180, {-12: 1, -13: 7, -36: 3, -37: 8}, 1, 3),
        (-300, {-4: 1, -5: 7, -28: 3, -29: 8}, 1, 3),
        # 15:00 in India: its midnight lies in the middle of an hour, which counts for the day in which most of it lies.
        (330, {-15: 1, -16: 7}, 1, 0),
        (345, {-15: 1, -16: 7}, 1, 0),
        (0, {-22: 9, -23: 9}, 0, 0),
    ],
)
def test_a_day_is_the_readers_and_ends_now(minutes: int, sent: dict[int, int], today: int, before: int) -> None:
    found = traffic.today(_read(sent), NOW, timezone(timedelta(minutes=minutes)))
    assert (found.now.sent, found.before.sent) == (today, before)
    assert len(found.parts) == 24
    assert sum(counts.sent for _at, counts in found.parts) == today


def test_a_week_is_seven_of_the_readers_days() -> None:
    zone = timezone(timedelta(hours=10))
    at_midnight = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
    hours: Hours = {at_midnight - timedelta(hours=1): Counter(refused=2), at_midnight: Counter(sent=1)}
    hours[at_midnight - timedelta(days=7)] = Counter(delivered=4)
    hours[at_midnight - timedelta(days=14)] = Counter(delivered=8)
    found = traffic.week(hours, NOW, zone)
    assert [(at, counts) for at, counts in found.parts if counts != Counts()] == [
        (date(2026, 11, 22), Counts(failed=2)),
        (date(2026, 11, 23), Counts(sent=1)),
    ]
    assert (found.now, found.before) == (Counts(sent=1, failed=2), Counts(sent=4, delivered=4))
    assert traffic.begin(NOW, zone) == at_midnight - timedelta(days=13)


def _figures(shop: World) -> Counts:
    with shop.runtime.db.read() as session:
        portal = session.scalars(select(Portal)).one()
        hours = traffic.hours(session, portal.id, [1], traffic.begin(shop.now, UTC))
    return traffic.today(hours, shop.now, UTC).now


def test_rows_count_at_once_and_the_workers_figures_take_their_place(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_windows(shop, OLGA, PHONES[0])
    start_each(shop, template_robot(until="delivered"), text_robot(PHONES[0]), text_robot(PHONES[1]))
    start_each(shop, template_robot(PHONES[2]), template_robot(PHONES[3], template="nothing"))
    jump_clock(shop, 2)
    post_webhook(shop, status_payload("failed", shop.sent[-1].id, PHONES[2], code=131049, reason="ecosystem"))
    jump_clock(shop, 1)
    live = _figures(shop)
    # Failed: a window was closed, a template is unknown, a message did not arrive; the first two have no message.
    assert (live.sent, live.replies, live.failed) == (2, 2, 3)
    assert live.delivered == 2
    monkeypatch.setattr(traffic, "LIVE", 0)
    assert (_figures(shop).sent, _figures(shop).replies) == (0, 0), "nothing has been counted yet"
    for _ in daily.count(shop.runtime, shop.now.date()):
        pass
    assert _figures(shop) == live
    with shop.runtime.db.read() as session:
        reasons = failures.by_reason(session, 1, shop.now - timedelta(hours=24))
    assert reasons == {(1, "window_closed"): 1, (1, "template_not_found"): 1, (1, "131049"): 1}


@ONE_DATABASE
def test_a_message_of_the_other_portal_is_not_counted(shop: World) -> None:
    start_each(shop, template_robot())
    jump_clock(shop, 2)
    with shop.runtime.db.read() as session:
        assert traffic.hours(session, 2, [2], shop.now - timedelta(days=1)) == {}
        assert failures.by_reason(session, 2, shop.now - timedelta(days=1)) == {}
