"""Money on the pages of a message, a campaign and a line, and on Home."""

from __future__ import annotations

import re
from datetime import timedelta

from sqlalchemy import update

from messaging.campaigns import changes, costs
from messaging.store.models import Portal
from tests.flows.mailing import Mailing
from tests.flows.scenes import OLGA, ONE_DATABASE, PHONES, open_windows, template_robot
from tests.support.world import World
from tests.web.inside import EMPLOYEE, Frame, seen

ONE = 41_000
POLAND = "48512345678"


def text_of(page: str) -> str:
    return seen(page).replace("\N{NO-BREAK SPACE}", " ")


def preview(shop: World, mailing: Mailing) -> costs.Expected:
    mailing.do(changes.check)
    shop.advance_clock(3)
    with shop.runtime.db.read() as session:
        portal = session.get_one(Portal, shop.line.portal_id)
        return costs.expected(session, shop.runtime, portal, mailing.row)


@ONE_DATABASE
def test_a_message_says_whether_its_cost_is_estimated_or_billed(shop: World) -> None:
    shop.set_gupshup_faults(billing=False)
    shop.robot_runs(template_robot()[0], **template_robot()[1])
    assert "≈ 0,0410 $ (оценка)" in text_of(Frame(shop).page("messages/1"))
    shop.set_gupshup_faults(billing=True, billing_category="marketing")
    shop.robot_runs(template_robot()[0], **template_robot(PHONES[0])[1])
    shop.advance_clock(3)
    page = text_of(Frame(shop).page("messages/2"))
    assert re.search(r"0,0812 \$ \(по счёту\) ?, оценка была 0,0410 \$", page)
    shop.robot_runs(template_robot()[0], **template_robot(POLAND)[1])
    assert "неизвестна: нет цены" in text_of(Frame(shop).page("messages/3"))


def test_a_preview_prices_by_country_and_knows_open_windows(shop: World) -> None:
    open_windows(shop, OLGA)
    mailing = Mailing(shop, [OLGA, PHONES[0], "4915112345678"])
    found = preview(shop, mailing)
    assert {(row.country, row.is_open, row.count) for row in found.rows} == {
        ("RU", True, 1),
        ("RU", False, 1),
        ("DE", False, 1),
    }
    assert (found.in_window, found.free) == (1, 0), "since October 2026 the window is charged"
    assert found.to_api() == {"amount": "0.138", "currency": "USD"}
    page = text_of(Frame(shop).page(f"campaigns/{mailing.key}/check"))
    assert "≈ 0,14 $" in page
    assert "У 1 клиента открыто окно" in page


def test_a_preview_without_a_price_says_which(shop: World) -> None:
    mailing = Mailing(shop, [PHONES[0], POLAND])
    found = preview(shop, mailing)
    assert found.to_api() is None
    assert [(row.country, row.missing) for row in found.missing] == [("PL", "utility")]
    page = text_of(Frame(shop).page(f"campaigns/{mailing.key}/check"))
    assert "Не хватает цен, поэтому стоимость известна не вся: PL (" in page


@ONE_DATABASE
def test_a_campaign_shows_what_it_has_cost_and_takes_another_budget(shop: World) -> None:
    mailing = Mailing(shop, PHONES)
    mailing.do(changes.set_budget, 3 * ONE, "USD")
    mailing.start()
    frame = Frame(shop)
    page = text_of(frame.page(f"campaigns/{mailing.key}"))
    assert "Бюджет на день исчерпан" in page
    told = text_of(frame.page("start/needs"))
    assert "Рассылка «Майская акция» на паузе: бюджет на день исчерпан" in told
    with shop.runtime.db.write() as session:
        policy = {"rights": {"broadcast": {"who": "admins"}}}
        session.execute(update(Portal).values(policy=policy))
    assert "Майская акция" not in Frame(shop, EMPLOYEE).page("start/needs")
    money = text_of(frame.page(f"campaigns/{mailing.key}/money"))
    assert "0,12 $ (по счёту)" in money
    assert "За доставленное сообщение 0,0410 $" in money
    assert "0,12 $ из 0,12 $ исчерпан" in money
    assert "Введите сумму больше 0" in text_of(frame.change(f"campaigns/{mailing.key}/budget", budget="-5"))
    assert "Бюджет сохранён" in text_of(frame.change(f"campaigns/{mailing.key}/budget", budget="5"))
    shop.advance_clock(20)
    assert mailing.state == ("finished", "")
    Frame(shop, EMPLOYEE).change(f"campaigns/{mailing.key}/budget", 403, budget="1")


@ONE_DATABASE
def test_a_lines_page_and_home_tell_of_balance_and_budget(shop: World) -> None:
    frame = Frame(shop)
    page = text_of(frame.page("lines/1"))
    assert "Баланс в Gupshup нет сведений" in page
    assert "GUPSHUP_PARTNER_TOKEN" in page
    assert "в Gupshup осталось" not in text_of(frame.page("start/needs"))
    shop.become_partner()
    shop.set_wallet(balance=4.2, quality="RED")
    shop.robot_runs("robot.check_window", phone=OLGA)
    page = text_of(frame.page("lines/1"))
    assert "4,20 $" in page
    assert "Качество номера низкое" in page
    assert "GUPSHUP_PARTNER_TOKEN" not in page
    assert "в Gupshup осталось 4,20 $" in text_of(frame.page("start/needs"))
    for days in ("0", "61", "x", "²"):
        assert "от 1 до 60" in text_of(frame.change("lines/1/balance-days", balance_days=days)), days
    assert "Сохранено" in text_of(frame.change("lines/1/balance-days", balance_days="3"))
    assert re.search(r'<input[^>]*name="balance_days"[^>]*value="3"', frame.page("lines/1"))
    assert "Введите сумму больше 0" in text_of(frame.change("lines/1/budget", budget="0"))
    assert "Бюджет сохранён" in text_of(frame.change("lines/1/budget", budget="0,05"))
    shop.robot_runs(template_robot()[0], **template_robot()[1])
    assert "бюджета на сегодня" in text_of(frame.page("start/needs"))
    for what in ("budget", "balance-days"):
        Frame(shop, EMPLOYEE).change(f"lines/1/{what}", 403, budget="1", balance_days="1")


@ONE_DATABASE
def test_a_start_that_the_balance_does_not_cover_warns_first(shop: World) -> None:
    shop.become_partner()
    shop.set_wallet(balance=0.1)
    shop.robot_runs("robot.check_window", phone=OLGA)
    mailing = Mailing(shop, PHONES)
    preview(shop, mailing)
    assert "Сначала пополните баланс" in text_of(Frame(shop).page(f"campaigns/{mailing.key}/check"))
    shop.set_wallet(balance=100)
    shop.now += timedelta(minutes=21)
    shop.advance_clock(1)
    assert "Сначала пополните" not in text_of(Frame(shop).page(f"campaigns/{mailing.key}/check"))
