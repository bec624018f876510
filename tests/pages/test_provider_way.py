"""Bitrix24's own "Send SMS/WhatsApp" in a real browser: refused with the remedy, then sent in the template the page offers."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect
from sqlalchemy import select

from demo import APP_NAME, Demo
from messaging.store.models import Line
from messaging.templates import catalogue
from tests.flows.sms import TEMPLATE
from tests.pages.test_hand_way import faults
from tests.pages.test_replies_way import T, demo, page
from tests.pages.test_whole_way import shot
from tests.support.browser import open_app

__all__ = ["demo", "page"]


def test_a_salesperson_sends_from_bitrix24_itself(demo: Demo, page: Page) -> None:
    demo.gupshup(f"apps/{APP_NAME}/templates", TEMPLATE)
    with demo.runtime.db.read() as session:
        line = session.scalars(select(Line)).one()
    catalogue.sync(demo.runtime, line)
    demo.until("the sender", lambda: demo.portal("senders")["senders"])
    send(demo, page, "Заказ готов, приезжайте")
    status = page.locator("[data-status]").first
    expect(status).to_have_text("ошибка отправки", timeout=30_000)
    expect(page.get_by_text("шаблон для свободных текстов").first).to_be_visible(timeout=30_000)
    shot(page, T, "s1-failed")
    choose_template(demo, page)
    send(demo, page, "Заказ всё ещё ждёт вас")
    expect(status).to_have_text("доставлено", timeout=30_000)
    accepted = demo.gupshup(f"messages?app={APP_NAME}")["messages"]
    assert accepted[-1]["template"]["params"] == ["Заказ всё ещё ждёт вас"]
    shot(page, T, "s3-delivered")


def send(demo: Demo, page: Page, words: str) -> None:
    """From the card of the deal."""
    page.goto(f"{demo.emulators.portal}/crm/deal/details/1/?lang=ru")
    page.get_by_text("Отправить SMS/WhatsApp", exact=True).click()
    page.get_by_label("Текст сообщения").fill(words)
    page.locator(".sms").get_by_role("button", name="Отправить").click()
    expect(page.locator(".sms-sent").get_by_text(words)).to_be_visible()


def choose_template(demo: Demo, page: Page) -> None:
    """An administrator does, on the page of the line, at both widths."""
    app = open_app(page, demo.emulators.portal, "ru")
    app.get_by_role("link", name="Линии", exact=True).click()
    app.get_by_role("link", name=APP_NAME).first.click()
    card = app.locator("#provider-card")
    expect(card.get_by_text("Линия зарегистрирована")).to_be_visible()
    field = card.get_by_label("Шаблон для свободных текстов")
    field.select_option(value=field.locator("option").filter(has_text=re.compile("^free_text")).get_attribute("value"))
    card.get_by_role("button", name="Сохранить").press("Enter")
    expect(card.get_by_text("Сохранено")).to_be_visible()
    expect(field.locator("option:checked")).to_contain_text("free_text (ru): Сообщение от магазина")
    assert faults(page) == []
    shot(page, T, "s2-line")
    page.set_viewport_size({"width": 600, "height": 900})
    assert card.evaluate("card => card.scrollWidth <= card.clientWidth")
    page.set_viewport_size({"width": 1280, "height": 900})
