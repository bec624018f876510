"""Balances from Gupshup's partner API, and budgets of a day: what stops a campaign, and what goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, insert, select

from messaging.campaigns import changes
from messaging.lines import lines
from messaging.money import accounts, spending
from messaging.policy import settings
from messaging.store.models import Message, Portal
from messaging.store.money import LineAccount
from messaging.store.reports import STATUSES, SUMS, ReportDay, ReportKey
from tests.flows.mailing import Mailing
from tests.flows.scenes import OLGA, ONE_DATABASE, PHONES, jump_clock, template_robot
from tests.support.world import World

#: What one message costs, in millionths: a utility template to Russia, and Gupshup's fee.
ONE = 41_000


def account(shop: World) -> LineAccount | None:
    with shop.runtime.db.read() as session:
        found = accounts.of_lines(session, [shop.line.id]).get(shop.line.id)
        session.expunge_all()
        return found


def known(shop: World) -> LineAccount:
    found = account(shop)
    assert found is not None
    return found


def asked(shop: World, what: str) -> int:
    return sum(f"/{what}" in str(request.url) for request in shop.net.seen)


@pytest.fixture
def partner(shop: World) -> World:
    """The shop with a partner's token; its wallet was asked for."""
    shop.become_partner()
    shop.robot_runs("robot.check_window", phone=OLGA)
    return shop


def test_without_a_partners_token_nobody_is_asked(shop: World) -> None:
    shop.robot_runs("robot.check_window", phone=OLGA)
    jump_clock(shop, 3600)
    assert account(shop) is None
    assert asked(shop, "partner") == 0


def test_the_balance_is_asked_for_every_twenty_minutes_and_the_rest_once_a_day(partner: World) -> None:
    first = known(partner)
    assert (first.balance, first.currency, first.quality) == (100_000_000, "USD", "GREEN")
    partner.set_wallet(balance=12.5, overdraft=-20, has_status=False, quality="RED")
    partner.advance_clock(21 * 60)
    second = known(partner)
    assert (second.balance, second.overdraft, second.quality) == (12_500_000, -20_000_000, "GREEN")
    assert (asked(partner, "wallet"), asked(partner, "waba/info"), asked(partner, "token")) == (2, 1, 1)
    partner.now += timedelta(hours=24)
    partner.advance_clock(1)
    assert known(partner).quality == "RED"


@pytest.mark.parametrize(
    ("answers", "tries", "wait_s"),
    [(["401", "401"], 1, 60), ([{"answer": "429", "retry_after": 90}], 1, 90), (["503"], 1, 60)],
)
def test_a_silent_partner_api_leaves_what_is_known(partner: World, answers: Any, tries: int, wait_s: float) -> None:
    told = [one if isinstance(one, dict) else {"answer": one} for one in answers]
    partner.set_gupshup_faults(next=[{**one, "on": "partner"} for one in told])
    partner.now += timedelta(minutes=21)
    partner.do_due_work()
    found = known(partner)
    assert (found.balance, found.tries) == (100_000_000, tries)
    assert found.problem
    assert found.due_at is not None
    assert wait_s <= (found.due_at - partner.now).total_seconds() <= 1.5 * wait_s + 1
    partner.advance_clock(2 * wait_s)
    assert (known(partner).tries, known(partner).problem) == (0, "")


def test_a_campaign_pauses_before_the_money_is_gone_and_goes_on_when_a_person_says_so(partner: World) -> None:
    lines.set_pace(partner.runtime, partner.line.id, 1)
    partner.set_wallet(balance=5 * ONE / 1e6, overdraft=-0.001)
    partner.now += timedelta(minutes=21)
    partner.do_due_work()
    mailing = Mailing(partner, PHONES)
    mailing.start(seconds=30)
    assert mailing.state == ("paused", "balance")
    assert mailing.reached().total() == 3, "the next portion of 3 times 1.2 is more than what is left"
    partner.set_wallet(balance=50)
    mailing.do(changes.resume)
    partner.replace_worker()
    partner.advance_clock(60)
    assert mailing.state == ("finished", "")
    assert mailing.reached() == dict.fromkeys(PHONES, 1)


def test_a_balance_in_another_currency_stops_nobody(partner: World) -> None:
    partner.set_wallet(balance=0.001, currency="INR")
    partner.now += timedelta(minutes=21)
    partner.do_due_work()
    mailing = Mailing(partner, PHONES)
    mailing.start()
    assert mailing.state == ("finished", "")


def test_after_a_portion_the_balance_is_asked_for_once_a_minute(partner: World) -> None:
    lines.set_pace(partner.runtime, partner.line.id, 0.2)
    before = asked(partner, "wallet")
    partner.now += timedelta(minutes=2)
    Mailing(partner, PHONES).start(seconds=45)
    assert asked(partner, "wallet") - before == 1


def test_a_campaigns_budget_stops_it_until_the_next_day(shop: World) -> None:
    mailing = Mailing(shop, PHONES, per_minute=60)
    mailing.do(changes.set_budget, 4 * ONE + 1, "USD")
    mailing.start(seconds=30)
    assert mailing.state == ("paused", "budget")
    assert mailing.reached().total() == 4
    shop.replace_worker()
    jump_clock(shop, 60, 600)
    assert mailing.state == ("paused", "budget")
    midnight = mailing.row.due_at
    assert midnight is not None
    assert midnight.astimezone(ZoneInfo("Europe/Moscow")).strftime("%H:%M") == "00:00"
    shop.now = midnight + timedelta(seconds=1)
    shop.advance_clock(30)
    assert mailing.state == ("finished", "")
    assert mailing.reached() == dict.fromkeys(PHONES, 1)


def test_a_campaign_that_waited_for_its_next_day_asks_a_person_after_days_without_a_server(shop: World) -> None:
    mailing = Mailing(shop, PHONES, per_minute=60)
    mailing.do(changes.set_budget, 4 * ONE + 1, "USD")
    mailing.start(seconds=30)
    shop.now += timedelta(days=3)
    shop.advance_clock(30)
    assert mailing.state == ("paused", "stale")
    assert mailing.reached().total() == 4


@pytest.mark.parametrize(
    ("now", "next_day"),
    [("2027-11-07T04:05:00", "2027-11-08T05:00:00"), ("2026-11-24T10:00:00", "2026-11-25T05:00:00")],
)
def test_the_next_day_begins_at_midnight_also_when_the_clocks_go_back(shop: World, now: str, next_day: str) -> None:
    settings.change(shop.runtime, shop.line.portal_id, time_zone="America/New_York")
    shop.now = datetime.fromisoformat(now).replace(tzinfo=UTC)
    mailing = Mailing(shop, PHONES, per_minute=60)
    mailing.do(changes.set_budget, 4 * ONE + 1, "USD")
    mailing.start(seconds=30)
    assert mailing.state == ("paused", "budget")
    assert mailing.row.due_at == datetime.fromisoformat(next_day).replace(tzinfo=UTC)


def test_without_a_partners_token_any_more_a_balance_stops_nobody(partner: World) -> None:
    partner.set_wallet(balance=0.001)
    partner.now += timedelta(minutes=21)
    partner.do_due_work()
    mailing = Mailing(partner, PHONES)
    mailing.start()
    assert mailing.state == ("paused", "balance")
    partner.runtime.partner = None
    partner.now += timedelta(minutes=21)
    partner.do_due_work()
    mailing.do(changes.resume)
    partner.advance_clock(30)
    assert mailing.state == ("finished", "")


def test_a_question_for_the_quality_that_fails_costs_no_balance(partner: World) -> None:
    partner.set_wallet(balance=42)
    partner.now += timedelta(hours=25)
    partner.set_gupshup_faults(next=[{"answer": "503", "on": "quality"}])
    partner.do_due_work()
    assert (known(partner).balance, known(partner).tries) == (42_000_000, 0)


def test_a_budget_that_is_raised_lets_the_campaign_go_on(shop: World) -> None:
    mailing = Mailing(shop, PHONES)
    mailing.do(changes.set_budget, 3 * ONE, "USD")
    mailing.start(seconds=10)
    assert mailing.reached().total() == 3
    mailing.do(changes.set_budget, None, "")
    shop.advance_clock(10)
    assert mailing.state == ("finished", "")


def test_a_lines_budget_stops_campaigns_and_counts_robots_who_go_on(shop: World) -> None:
    accounts.set_budget(shop.runtime, shop.line.id, 3 * ONE, "USD")
    for phone in PHONES[:2]:
        shop.robot_runs(template_robot()[0], **template_robot(phone)[1])
    mailing = Mailing(shop, PHONES[2:6])
    mailing.start()
    assert mailing.state == ("paused", "budget")
    assert mailing.reached().total() == 3
    shop.robot_runs(template_robot()[0], **template_robot(PHONES[7])[1])
    assert len(shop.sent) == 4, "a robot goes on"
    with shop.runtime.db.read() as session:
        budget = spending.of_line(session, session.get_one(Portal, shop.line.portal_id), shop.line.id, shop.now)
    assert budget is not None
    assert (budget.spent, budget.is_reached) == (4 * ONE, True)
    accounts.set_budget(shop.runtime, shop.line.id, 100 * ONE, "USD")
    changes.look_again(shop.runtime, shop.line.portal_id)
    shop.advance_clock(60)
    assert mailing.state == ("finished", "")


def test_what_has_failed_is_not_spent(shop: World) -> None:
    accounts.set_budget(shop.runtime, shop.line.id, 3 * ONE, "USD")
    shop.set_gupshup_faults(destinations={PHONES[0]: {"code": 131026}})
    for phone in PHONES[:2]:
        shop.robot_runs(template_robot()[0], **template_robot(phone)[1])
    assert {message.status for message in shop.stored_rows(Message)} == {"failed", "delivered"}
    with shop.runtime.db.read() as session:
        assert accounts.spent(session, [shop.line.id], shop.now - timedelta(days=1), "USD") == ONE


def test_a_worker_that_dies_in_a_campaign_spends_no_more_than_the_budget(shop: World) -> None:
    lines.set_pace(shop.runtime, shop.line.id, 1)
    mailing = Mailing(shop, PHONES)
    mailing.do(changes.set_budget, 5 * ONE, "USD")
    mailing.do(changes.start)
    for _ in range(6):
        shop.advance_clock(3)
        shop.replace_worker()
    shop.advance_clock(120)
    assert mailing.reached().total() == 5
    assert mailing.state == ("paused", "budget")


# --- from when on a balance is low ------------------------------------------------------------------------------------------


def spent_a_day(shop: World, millionths: int, days: int) -> None:
    """The worker has counted that the line's messages cost so much on each of the last days, and as much today."""
    with shop.runtime.db.write() as session:
        key = {
            "line_id": shop.line.id,
            "portal_id": shop.line.portal_id,
            "currency": "USD",
            "last_day": shop.now.date(),
        }
        words = dict.fromkeys(("origin", "action", "template", "category", "country"), "")
        session.execute(insert(ReportKey).values(id=77, digest="x", campaign_id=0, author_id=0, **key, **words))
        counts = dict.fromkeys((*STATUSES, *SUMS), 0) | {"cost": millionths}
        for ago in range(days + 1):
            row = {"portal_id": shop.line.portal_id, "key_id": 77, "day": shop.now.date() - timedelta(days=ago)}
            session.execute(insert(ReportDay).values(**row, **counts))


@pytest.mark.parametrize(
    ("a_day", "days", "balance", "wanted", "lasts", "is_low"),
    [
        pytest.param(0, 0, 5.1, 1, None, False, id="nothing spent: 5 units are enough"),
        pytest.param(0, 0, 4.9, 1, None, True, id="nothing spent: less than 5"),
        pytest.param(1_000_000, 7, 1.5, 1, 1, False, id="little is spent: less than 5 is enough"),
        pytest.param(30_000_000, 7, 25, 1, 0, True, id="much is spent: 25 are too few"),
        pytest.param(30_000_000, 7, 31, 1, 1, False, id="a day's spending is there"),
        pytest.param(30_000_000, 7, 80, 3, 2, True, id="three days are wanted"),
        pytest.param(70_000_000, 1, 11, 1, 1, False, id="one day of seven counts for a seventh"),
        pytest.param(1_000_000, 7, -0.1, 1, 0, True, id="overdrawn"),
    ],
)
def test_a_balance_is_low_when_it_lasts_too_short(
    partner: World, a_day: int, days: int, balance: float, wanted: int, lasts: int | None, is_low: bool
) -> None:
    if a_day:
        spent_a_day(partner, a_day, days)
    partner.set_wallet(balance=balance)
    settings.change(partner.runtime, partner.line.portal_id, balance_days=wanted)
    partner.advance_clock(21 * 60)
    with partner.runtime.db.read() as session:
        portal = session.get_one(Portal, partner.line.portal_id)
        found = spending.supply(session, portal, known(partner), partner.now)
    assert found is not None
    assert (found.days, found.is_low) == (lasts, is_low)


@ONE_DATABASE
def test_the_balances_of_all_lines_are_read_together(partner: World) -> None:
    for number in range(2):
        partner.connect_line(f"acmeshop{number}", f"7900111225{number}")
    partner.advance_clock(21 * 60)
    with partner.runtime.db.read() as session:
        portal = session.get_one(Portal, partner.line.portal_id)
        stored = session.scalars(select(LineAccount)).all()
        made: list[str] = []

        def hear(*told: Any) -> None:
            made.append(told[2])

        event.listen(partner.runtime.db.engine, "before_cursor_execute", hear)
        found = spending.supplies(session, portal, stored, partner.now)
        event.remove(partner.runtime.db.engine, "before_cursor_execute", hear)
    assert (len(found), len(made)) == (3, 2), made
