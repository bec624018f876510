"""What a report answers: whose answer and opt-out it is, what it cost, how it is grouped and filtered."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import update

from messaging.insight import reports
from messaging.insight.reports import By, Question
from messaging.portals import uninstalling
from messaging.store.models import Message, Portal
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
    count,
    kept,
    of_the_worker,
    report,
    sums,
)
from tests.support.world import World

# --- what clients do --------------------------------------------------------------------------------------------------------


def test_an_answer_belongs_to_the_quoted_message_else_to_the_newest_and_to_the_campaigns(shop: World) -> None:
    Mailing(shop, [PHONES[0]]).start(seconds=4)
    for _ in range(2):
        shop.robots_start(template_robot(PHONES[0]))
        jump_clock(shop, 5)
    of_campaign, first, newest = shop.stored_rows(Message)
    post_webhook(shop, text_payload(PHONES[0], "Цитата", context={"gsId": first.gupshup_id, "id": ""}), kind="message")
    shop.do_due_work()
    assert _answered(shop) == {first.id}
    shop.client_replies(PHONES[0], "Да")
    shop.do_due_work()
    assert _answered(shop) == {of_campaign.id, first.id, newest.id}
    assert sums(report(shop)).replied == 3, "each message once"


@ONE_DATABASE
def test_what_a_client_writes_days_later_answers_nothing(shop: World) -> None:
    shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA)
    jump_clock(shop, 73 * 3600)
    shop.client_replies(OLGA, "Здравствуйте")
    shop.do_due_work()
    assert sums(report(shop)).replied == 0


def _answered(shop: World) -> set[int]:
    return {row.id for row in shop.stored_rows(Message) if row.replied_at is not None}


def test_an_opt_out_belongs_to_the_message_before_it_and_stays_when_it_is_lifted(shop: World) -> None:
    add_template(shop, "sale", "MARKETING")
    start_each(shop, template_robot(PHONES[0]), template_robot(PHONES[1], template="sale"))
    jump_clock(shop, 2)
    shop.client_replies(PHONES[0], "Стоп")
    sale = next(row for row in shop.stored_rows(Message) if row.template == "sale")
    post_webhook(shop, status_payload("failed", str(sale.gupshup_id), PHONES[1], code=131050, reason="stopped"))
    shop.client_replies(PHONES[2], "Стоп")
    shop.do_due_work()
    shop.client_replies(PHONES[0], "Старт")
    shop.do_due_work()
    found = report(shop, By.TEMPLATE)
    assert {key: one.opted_out for key, one in found.items()} == {("welcome",): 1, ("sale",): 1}


# --- money ------------------------------------------------------------------------------------------------------------------


def test_costs_are_added_up_by_currency_once_a_message_costs_something(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_each(shop, *(template_robot(phone) for phone in PHONES[:5]))
    jump_clock(shop, 2, 60)
    prices: list[dict[str, Any]] = [
        {"cost": 80_200, "currency": "USD", "status": "delivered"},
        {"cost": 7_000_000, "currency": "RUB", "status": "sent", "billed": 1},
        {"cost": 80_200, "currency": "USD", "status": "sent"},  # not delivered, nobody has told: costs nothing yet
        {"cost": 0, "currency": "USD", "status": "read", "billed": 0},
        {"cost": None, "currency": "", "status": "read"},
    ]
    with shop.runtime.db.write() as session:
        for number, values in enumerate(prices, 1):
            session.execute(update(Message).where(Message.id == number).values(values))
    count(shop)
    for found in (of_the_worker(shop, monkeypatch), report(shop)):
        whole = sums(found)
        assert whole.costs == {"USD": 80_200, "RUB": 7_000_000}
        assert (whole.priced, whole.billed, whole.delivered) == (3, 1, 3)


# --- questions --------------------------------------------------------------------------------------------------------------


def test_a_report_is_grouped_and_filtered(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    open_windows(shop, PHONES[0])
    start_each(shop, template_robot(PHONES[0]), template_robot(PHONES[1]), text_robot(PHONES[0]))
    mailing = Mailing(shop, PHONES[2:4])
    mailing.start(seconds=4)
    count(shop)
    for ask in (report, lambda *args, **more: of_the_worker(args[0], monkeypatch, *args[1:], **more)):
        assert {key: one.total for key, one in ask(shop, By.ROBOT).items()} == {
            ("send_template",): 2,
            ("send_text",): 1,
            ("",): 2,
        }
        assert {key: one.total for key, one in ask(shop, By.ORIGIN, By.CAMPAIGN).items()} == {
            ("robot", 0): 3,
            ("campaign", mailing.row.id): 2,
        }
        assert sums(ask(shop, template="welcome", origin="robot")).total == 2
        assert ask(shop, robot="send_contact") == {}
        assert sums(ask(shop, robot="send_template")).total == 2, "a campaign is no robot"
    with shop.runtime.db.read() as session:
        offered = reports.values(session, shop.line.portal_id, shop.now.date())
    assert offered[By.CAMPAIGN] == {mailing.row.id}
    assert offered[By.ROBOT] == {"send_template", "send_text"}


@ONE_DATABASE
def test_no_portal_sees_anothers(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA)
    count(shop)
    with shop.runtime.db.write() as session:
        portal = Portal(member_id="other", client_endpoint="https://other.example/rest/", installed_at=shop.now)
        session.add(portal)
        session.flush()
        asked = Question(shop.now.date(), shop.now.date(), (By.LINE,))
        assert reports.rows(session, portal, asked, reports.live_from(session, portal, shop.now)) == {}
        monkeypatch.setattr(reports, "LIVE", -1)
        assert reports.rows(session, portal, asked, reports.live_from(session, portal, shop.now)) == {}
        assert all(not found for found in reports.values(session, portal.id, date.min).values())


def test_a_clean_uninstall_takes_the_figures_along(shop: World) -> None:
    shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA)
    count(shop)
    assert kept(shop) == (1, 1)
    uninstalling.uninstall(shop.runtime, shop.line.portal_id, clean=True)
    assert kept(shop) == (0, 0)


@ONE_DATABASE
def test_a_report_with_too_many_rows_is_refused(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    add_template(shop, "sale", "MARKETING")
    start_each(shop, template_robot(PHONES[0]), template_robot(PHONES[2], template="sale"))
    jump_clock(shop, 1)
    monkeypatch.setattr(reports, "MOST_ROWS", 1)
    with pytest.raises(reports.TooManyRows):
        report(shop, By.TEMPLATE)
    assert len(report(shop, By.LINE)) == 1
