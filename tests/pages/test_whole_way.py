"""From nothing to a workflow that goes on after the client's answer: what a person does who has only read the README.

Everything is real but the two vendors: processes, database, Redis, Chromium. `SHOTS=docs/pictures` keeps the pictures.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from demo import Demo
from messaging.system import embedded_redis
from tests.support.browser import launch

APP, NUMBER, CLIENT = "AcmeShop", "+7 900 111-22-33", "79123456789"
BODY = "Здравствуйте, {{1}}! Заказ «{{2}}» на сумму {{3}} собран. Вам удобно получить его завтра?"
TEMPLATE = {
    "name": "order_ready",
    "language": "ru",
    "category": "UTILITY",
    "body": BODY,
    "samples": {"1": "Ольга", "2": "Шкаф-купе", "3": "48 000 ₽"},
    "buttons": [{"type": "QUICK_REPLY", "text": "Да, жду"}, {"type": "QUICK_REPLY", "text": "Перенести"}],
}
TITLES = ["Да, жду", "Перенести"]
#: The texts a person reads in a bubble, in reading order (the same marks on the preview and on the emulated phone).
READ = """box => [...box.querySelectorAll('[data-read]')].filter(part => !part.closest('.panel'))
  .map(part => part.textContent.replaceAll('\\u200b', '').trim()).filter(Boolean)"""


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """Everything as `make demo` starts it; nothing is installed, nothing connected."""
    with tempfile.TemporaryDirectory(prefix="waba24-t-", dir="/tmp") as folder:
        made = Demo(Path(folder))
        try:
            made.supervisor.start()
            made.until("web", made.is_ready)
            yield made
        finally:
            made.close()
            embedded_redis.stop(Path(folder))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = launch(playwright)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test if its console shows an error."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900}, locale="ru-RU")
    errors: list[str] = []
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    opened.close()
    assert errors == []


def shot(page: Page, name: str) -> None:
    """A picture for the docs, if they are asked for. The caret stays: hiding it needs a style our CSP forbids."""
    folder = os.environ.get("SHOTS")
    if folder:
        page.mouse.move(0, 0)
        page.screenshot(path=Path(folder) / f"{name}.png", caret="initial", animations="allow")


def test_a_template_robot_from_the_first_click_to_the_clients_answer(demo: Demo, page: Page) -> None:
    account = demo.gupshup(
        "apps", {"app_name": APP, "phone": "79001112233", "templates": [TEMPLATE], "allow_http": True}
    )
    page.set_default_timeout(15_000)
    demo.portal("settle", {"lang": "ru"})
    install(demo, page)
    connect(demo, page, account)
    preview = set_up(demo, page)
    move(demo, page)
    shown = answer(demo, page)
    # What was previewed is what arrived: values in the places of fields, everything else letter by letter.
    assert preview == filled("Ольга", "Шкаф-купе", "48 000 ₽")
    assert shown == filled("Ольга", "Шкаф-купе на заказ", "48500")
    went_on(demo, page)


def filled(*values: str) -> list[str]:
    """What the template's bubble reads with these values: its text, then its buttons."""
    text = BODY
    for number, value in enumerate(values, 1):
        text = text.replace(f"{{{{{number}}}}}", value)
    return [text, *TITLES]


def install(demo: Demo, page: Page) -> None:
    demo.portal("install", {"install_url": f"{demo.url}/bx24/install", "app_url": f"{demo.url}/bx24/app"})
    page.goto(f"{demo.emulators.portal}/app?lang=ru")
    app = page.frame_locator("iframe")
    expect(app.get_by_role("heading", name="Начало работы")).to_be_visible(timeout=20_000)
    shot(page, "1-first-steps")


def connect(demo: Demo, page: Page, account: dict[str, Any]) -> None:
    app = page.frame_locator("iframe")
    app.get_by_role("link", name="Подключить линию").first.click()
    app.get_by_label("App API Key").fill(account["api_key"])
    app.get_by_label("App name").fill(APP)
    app.get_by_label("Номер").fill(NUMBER)
    app.get_by_label("App ID").fill(account["app_id"])
    shot(page, "2-connect")
    app.get_by_role("button", name="Подключить линию").click()
    app.get_by_role("button", name="Настроить адрес в Gupshup").click()
    expect(app.get_by_role("listitem").filter(has_text="Вебхук отвечает")).to_contain_text("Готово")
    shot(page, "3-line")


def set_up(demo: Demo, page: Page) -> list[str]:
    """Choose the template and a field for each variable, by mouse only. Returns what the preview's bubble reads."""
    page.goto(f"{demo.emulators.portal}/designer?lang=ru")
    page.get_by_role("link", name="Добавить робота: Замер").click()
    page.get_by_role("link", name="WhatsApp: шаблон клиенту").click()
    settings = page.frame_locator("iframe")
    settings.get_by_role("combobox", name="Шаблон").click()
    settings.get_by_role("option", name="order_ready").click()
    for place, field in (("{{1}}", "Контакт: Имя"), ("{{2}}", "Название"), ("{{3}}", "Сумма")):
        settings.get_by_role("button", name=f"Вставить поле в {place}").click()
        settings.get_by_role("option", name=field).first.click()
    settings.get_by_label("Когда идти дальше").select_option("клиент ответил")
    expect(settings.get_by_text("Готово к сохранению")).to_be_visible()
    page.evaluate("scrollTo(0, 0)")
    shot(page, "4-settings")
    read: list[str] = settings.get_by_role("article").evaluate(READ)
    page.get_by_role("button", name="Сохранить").click()
    expect(page.get_by_role("status")).to_contain_text("Сохранено")
    add_thanks(page)
    return read


def add_thanks(page: Page) -> None:
    """A second robot, whose text holds what the client answered to the first."""
    page.get_by_role("link", name="Добавить робота: Замер").click()
    page.get_by_role("link", name="WhatsApp: текст клиенту").click()
    settings = page.frame_locator("iframe")
    settings.get_by_role("textbox", name="Текст", exact=True).click()
    page.keyboard.type("Записали: ")
    settings.get_by_role("button", name="Вставить поле в Текст").click()
    settings.get_by_role("option", name="Ответ: текст").first.click()
    expect(settings.get_by_text("Готово к сохранению")).to_be_visible()
    page.get_by_role("button", name="Сохранить").click()
    expect(page.get_by_role("status")).to_contain_text("Сохранено")
    shot(page, "5-designer")


def move(demo: Demo, page: Page) -> None:
    """The deal of the client with this phone goes to the stage with the robots."""
    page.goto(f"{demo.emulators.portal}/?lang=ru")
    deal = page.get_by_role("article").filter(has_text="Ольга").first
    deal.get_by_role("button", name="Перенести").click()


def answer(demo: Demo, page: Page) -> list[str]:
    """The client reads the message on the phone and presses the first button. Returns what the bubble reads."""
    page.goto(f"{demo.emulators.gupshup}/phone/{CLIENT}?lang=ru")
    bubble = page.locator(".bubble.theirs").last
    expect(bubble).to_contain_text("собран", timeout=20_000)
    read: list[str] = bubble.evaluate(READ)
    shot(page, "6-phone")
    bubble.get_by_role("button", name="Да, жду").click()
    expect(page.locator(".bubble.theirs").last).to_contain_text("Записали: Да, жду", timeout=20_000)
    shot(page, "7-answered")
    return read


def went_on(demo: Demo, page: Page) -> None:
    """The workflow is through, and the app tells the message's whole story."""
    page.goto(f"{demo.emulators.portal}/log?lang=ru")
    log = page.get_by_role("main")
    expect(log.get_by_text("Процесс завершён")).to_be_visible()
    expect(log.get_by_role("definition").filter(has_text="Да, жду")).to_be_visible()
    page.goto(f"{demo.emulators.portal}/app?lang=ru")
    app = page.frame_locator("iframe")
    app.get_by_role("link", name="Сообщения", exact=True).click()
    expect(app.get_by_role("heading", name="Сообщения", exact=True)).to_be_visible()
    expect(app.get_by_role("row").filter(has_text="order_ready")).to_contain_text("Ответил")
    shot(page, "8-messages")
    app.get_by_role("row").filter(has_text="order_ready").get_by_role("link").first.click()
    story = app.get_by_role("listitem")
    for step in ("запустил робота", "Gupshup принял", "Доставлено на телефон", "Прочитано", "Клиент ответил: Да, жду"):
        expect(story.filter(has_text=step)).to_be_visible()
    expect(story.last).to_contain_text("Битрикс24 получил результат: ответил")
    shot(page, "9-story")
