"""What reports add up: the same as the messages' rows say, whatever comes in whatever order, and still when they are gone."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from messaging.insight import reports
from messaging.insight.daily import Tallies
from messaging.insight.reports import By
from messaging.policy import settings as policy
from messaging.store.models import Message, Portal
from messaging.store.reports import Recount, ReportDay, ReportKey
from tests.flows.mailing import Mailing
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    add_template,
    jump_clock,
    open_windows,
    post_webhook,
    start_each,
    status_payload,
    template_robot,
    text_payload,
    text_robot,
)
from tests.messaging.insight.reporting import (
    EVERYTHING,
    VLADIVOSTOK,
    again,
    count,
    kept,
    of_rows,
    of_the_worker,
    plain,
    report,
    sums,
)
from tests.messaging.worker.test_retention import delete_old
from tests.support.world import World

# --- whatever comes, in whatever order --------------------------------------------------------------------------------------

EVENTS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["sent", "delivered", "read", "failed"]), st.integers(0, 30)),
        st.tuples(
            st.sampled_from(["answer", "write", "stop", "start", "robot", "template", "template", "template"]),
            st.integers(0, 30),
        ),
        st.tuples(st.sampled_from(["bill", "count", "hours"]), st.integers(0, 30)),
    ),
    min_size=3,
    max_size=14,
)


def happen(world: World, what: str, number: int) -> None:
    """One thing, through the door by which it comes."""
    phone = PHONES[number % 3]
    sent = [row for row in world.stored_rows(Message) if row.gupshup_id]
    message = sent[number % len(sent)] if sent else None
    match what:
        case "robot":
            world.robots_start(text_robot(phone))
        case "template":
            world.robots_start(template_robot(phone))
        case "hours":
            jump_clock(world, (1, 2, 20)[number % 3] * 3600)
        case "count":
            count(world)
        case "write" | "stop" | "start":
            words = {"write": "Да", "stop": "Стоп", "start": "Старт"}[what]
            world.client_replies(phone, f"{words}")
        case "answer" if message is not None:
            context = {"context": {"gsId": message.gupshup_id, "id": message.whatsapp_id or ""}}
            post_webhook(world, text_payload(phone, f"Ответ {world.now}", **context), kind="message")
        case "bill" if message is not None:  # what Gupshup told about its price
            with world.runtime.db.write() as session:
                priced = {
                    "cost": 4_200 + number,
                    "currency": ("USD", "RUB")[number % 2],
                    "billed": (None, 1, 0)[number % 3],
                }
                session.execute(update(Message).where(Message.id == message.id).values(priced))
        case _ if message is not None:
            post_webhook(world, status_payload(what, message.gupshup_id, code=1026, reason="?"))
    world.do_due_work()


def test_counts_equal_the_messages_whatever_came_in_whatever_order(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy.change(shop.runtime, shop.line.portal_id, time_zone=VLADIVOSTOK)
    open_windows(shop, *PHONES[:3])
    start_each(shop, *(template_robot(phone) for phone in PHONES[:3]))
    jump_clock(shop, 1)

    @settings(max_examples=12, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(EVENTS)
    def holds(events: list[tuple[str, int]]) -> None:
        for what, number in events:
            happen(shop, what, number)
        count(shop)
        rows = of_rows(shop, VLADIVOSTOK)
        assert plain(of_the_worker(shop, monkeypatch, *EVERYTHING, days=400)) == rows
        without_days: dict[tuple[Any, ...], Counter[str]] = {}
        for key, counted in rows.items():
            without_days.setdefault(key[:-1], Counter()).update(counted)
        in_months = of_the_worker(shop, monkeypatch, *EVERYTHING[:-1], days=400)
        assert plain(in_months) == without_days, "months say what their days say"
        today = shop.now.astimezone(ZoneInfo(VLADIVOSTOK)).date()
        recent = {key: counted for key, counted in rows.items() if key[-1] >= today - timedelta(days=14)}
        assert plain(report(shop, *EVERYTHING, days=14)) == recent, "as they stand"

    holds()
    jump_clock(shop, 35 * 86400)  # the month is over
    count(shop)
    everything = sums(of_the_worker(shop, monkeypatch, days=400))
    assert everything.total == len(shop.stored_rows(Message))


# --- days -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "utc", "day"),
    [
        ("Asia/Vladivostok", "2026-11-23T13:59", "2026-11-23"),
        ("Asia/Vladivostok", "2026-11-23T14:00", "2026-11-24"),
        ("Europe/Moscow", "2026-11-23T21:30", "2026-11-24"),
        ("America/New_York", "2026-11-24T04:30", "2026-11-23"),
        # In a zone half an hour off, the hour around midnight belongs to the day in which most of it lies.
        ("Asia/Kolkata", "2026-11-23T18:00", "2026-11-24"),
        ("Asia/Kolkata", "2026-11-23T17:59", "2026-11-23"),
        # Without a zone of its own: where offices of the portal's country are, Moscow here.
        ("", "2026-11-23T20:59", "2026-11-23"),
        ("", "2026-11-23T21:00", "2026-11-24"),
    ],
)
@ONE_DATABASE
def test_a_day_is_the_portals(shop: World, monkeypatch: pytest.MonkeyPatch, zone: str, utc: str, day: str) -> None:
    policy.change(shop.runtime, shop.line.portal_id, time_zone=zone)
    shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA)
    with shop.runtime.db.write() as session:
        session.execute(update(Message).values(created_at=datetime.fromisoformat(utc).replace(tzinfo=UTC)))
    jump_clock(shop, 36 * 3600)
    count(shop)
    assert list(of_the_worker(shop, monkeypatch, By.DAY)) == [(date.fromisoformat(day),)]
    assert list(report(shop, By.DAY)) == [(date.fromisoformat(day),)]


def test_a_message_that_is_delivered_weeks_later_counts_as_delivered_on_its_day(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.set_gupshup_faults(drop_statuses=["sent", "delivered", "read"])
    shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA)
    planned = shop.now.date()
    count(shop)
    jump_clock(shop, 25 * 86400)
    count(shop)
    before = of_the_worker(shop, monkeypatch, By.DAY)
    post_webhook(shop, status_payload("read", str(shop.stored_rows(Message)[0].gupshup_id)))
    shop.do_due_work()
    assert of_the_worker(shop, monkeypatch, By.DAY) == before, "not yet"
    assert again(shop)
    count(shop)
    assert plain(of_the_worker(shop, monkeypatch, By.DAY)) == {(planned,): Counter({"read": 1, "cost USD": 41_000})}
    assert again(shop) == []


@ONE_DATABASE
def test_what_changes_while_its_day_is_counted_again_is_counted_once_more(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.set_gupshup_faults(drop_statuses=["sent", "delivered", "read"])
    shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA)
    gupshup_id = str(shop.stored_rows(Message)[0].gupshup_id)
    jump_clock(shop, 25 * 86400)
    count(shop)
    post_webhook(shop, status_payload("delivered", gupshup_id))
    shop.do_due_work()
    tallies = Tallies(shop.runtime)
    tallies._counted = dict.fromkeys((shop.now.date() - timedelta(days=back) for back in range(-1, 16)), shop.now)
    while not any(row.has_begun for row in again(shop)):
        assert tallies.step()
    for _ in range(3):  # the rows are read, nothing is kept yet
        tallies.step()
    post_webhook(shop, status_payload("read", gupshup_id))
    shop.do_due_work()
    while tallies.step():
        pass
    assert sums(of_the_worker(shop, monkeypatch)).read == 1


def test_figures_outlive_the_messages_their_texts_and_the_campaign(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    Mailing(shop, PHONES[:2]).start(seconds=4)
    shop.client_replies(PHONES[0], "Да")
    shop.advance_clock(60)
    count(shop)
    early = of_the_worker(shop, monkeypatch, *EVERYTHING)
    assert sums(early).replied == 1
    for days in (91, 320):
        jump_clock(shop, days * 86400)
        delete_old(shop)
    assert shop.stored_rows(Message) == []
    with shop.runtime.db.write() as session:
        session.add(Recount(day=next(iter(early))[-1]))  # type: ignore[arg-type]
    count(shop)
    assert of_the_worker(shop, monkeypatch, *EVERYTHING, days=430) == early, (
        "a day without its rows is not counted again"
    )
    assert report(shop, *EVERYTHING, days=430) == early
    assert again(shop) == []
    shop.now += timedelta(days=3 * 366)
    delete_old(shop)
    assert kept(shop) == (0, 0)


@ONE_DATABASE
def test_the_past_is_counted_when_reports_come(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who wrote a message, who answered and who opted out was not written down then."""
    add_template(shop, "sale", "MARKETING")
    open_windows(shop, OLGA, PHONES[0], PHONES[1])
    start_each(shop, text_robot(OLGA, until="replied"), template_robot(PHONES[0]), template_robot(PHONES[2]))
    start_each(shop, template_robot(PHONES[3]), template_robot(PHONES[4], template="sale"))
    jump_clock(shop, 5)
    shop.client_replies(PHONES[3], "Стоп")
    sale = next(row for row in shop.stored_rows(Message) if row.template == "sale")
    post_webhook(shop, status_payload("failed", str(sale.gupshup_id), PHONES[4], code=131050, reason="stopped"))
    shop.client_replies(OLGA, "Да")
    jump_clock(shop, 3600)
    Mailing(shop, [PHONES[1]]).start(seconds=4)
    shop.client_replies(PHONES[1], "Хорошо")
    shop.client_replies(PHONES[0], "Спасибо")
    jump_clock(shop, 60)
    count(shop)
    jump_clock(shop, 40 * 86400)
    right = of_the_worker(shop, monkeypatch, *EVERYTHING)
    assert (sums(right).replied, sums(right).opted_out) == (4, 2)
    day = next(iter(right))[-1]
    with shop.runtime.db.write() as session:
        for table in (ReportDay, ReportKey):
            session.execute(delete(table))
        session.execute(update(Message).values(replied_at=None, opted_out_at=None))
        assert isinstance(day, date)
        session.add_all([Recount(day=day + timedelta(days=by), is_past=True) for by in range(-1, 3)])
    with shop.runtime.db.read() as session:
        portal = session.scalars(select(Portal)).one()
        assert reports.known(session, portal, reports.live_from(session, portal, shop.now)).is_behind
    count(shop)
    assert of_the_worker(shop, monkeypatch, *EVERYTHING) == right
