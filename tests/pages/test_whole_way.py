"""From nothing to a workflow that goes on after the client's answer: what a person does who has only read the README.

Everything is real but the two vendors: processes, database, Redis, Chromium. `SHOTS=docs/pictures` keeps the pictures,
in a folder for each language; only then the way is gone in English too.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, FloatRect, FrameLocator, Page, expect

from demo import Demo
from messaging.system import embedded_redis
from tests.support.browser import open_app

APP, NUMBER, CLIENT = "AcmeShop", "+7 900 111-22-33", "79123456789"
BODY = "Здравствуйте, {{1}}! Заказ «{{2}}» на сумму {{3}} собран. Вам удобно получить его завтра?"
#: The texts a person reads in a bubble, in reading order (the same marks on the preview and on the emulated phone).
READ = """box => [...box.querySelectorAll('[data-read]')].filter(part => !part.closest('.panel'))
  .map(part => part.textContent.replaceAll('\\u200b', '').trim()).filter(Boolean)"""
#: Whether a frame shows all it holds, or is as high as frames become.
GROWN = "innerHeight >= document.documentElement.scrollHeight || innerHeight >= 1200"
#: What a person reads and presses, in English; the test itself names it in Russian.
ENGLISH = {
    BODY: "Hello {{1}}, your order “{{2}}” for {{3}} is ready. Does it suit you to receive it tomorrow?",
    "Ольга": "Olga",
    "Шкаф-купе": "Wardrobe",
    "Шкаф-купе на заказ": "Sliding wardrobe to order",
    "48 000 ₽": "₽48,000",
    "Да, жду": "Yes, please",
    "Перенести": "Another day",
    "Начало работы": "Getting started",
    "Подключить линию": "Connect a line",
    "Подключить": "Connect the line",
    "Номер": "Number",
    "Настроить адрес в Gupshup": "Set the address in Gupshup",
    "Вебхук отвечает": "The webhook answers",
    "Готово": "Done",
    "Добавить робота: Замер": "Add a robot: Measuring",
    "WhatsApp: шаблон клиенту": "WhatsApp: template to the client",
    "WhatsApp: текст клиенту": "WhatsApp: text to the client",
    "Шаблон": "Template",
    "Вставить поле в": "Insert a field into",
    "Контакт: Имя": "Contact: First name",
    "Название": "Name",
    "Сумма": "Amount",
    "Когда идти дальше": "When to continue",
    "клиент ответил": "the client has replied",
    "Готово к сохранению": "Ready to save",
    "Сохранить": "Save",
    "Сохранено": "Saved",
    "Текст": "Text",
    "Записали: ": "Noted: ",
    "Ответ: текст": "Reply: text",
    "собран": "is ready",
    "Процесс завершён": "Workflow finished",
    "Сообщения": "Messages",
    "Ответил": "Replied",
    "запустил робота": "started the robot",
    "Gupshup принял": "Gupshup accepted it",
    "Доставлено на телефон": "Delivered to the phone",
    "Прочитано": "Read",
    "Клиент ответил": "The client replied",
    "Битрикс24 получил результат: ответил": "Bitrix24 got the result: replied",
    "Телефон не найден": "No phone was found",
}
LANGUAGES = ("ru", "en") if os.environ.get("SHOTS") else ("ru",)


@dataclass(frozen=True)
class Reader:
    """Who looks at the pages, in a language."""

    lang: str

    def __call__(self, russian: str) -> str:
        """What this person reads where a Russian one reads that."""
        return russian if self.lang == "ru" else ENGLISH[russian]

    @property
    def titles(self) -> list[str]:
        return [self("Да, жду"), self("Перенести")]

    @property
    def body(self) -> str:
        return self(BODY)

    def template(self) -> dict[str, Any]:
        """As the emulated Gupshup takes it."""
        return {
            "name": "order_ready",
            "language": self.lang,
            "category": "UTILITY",
            "body": self.body,
            "samples": {"1": self("Ольга"), "2": self("Шкаф-купе"), "3": self("48 000 ₽")},
            "buttons": [{"type": "QUICK_REPLY", "text": title} for title in self.titles],
        }


@pytest.fixture(scope="module", params=LANGUAGES)
def t(request: pytest.FixtureRequest) -> Reader:
    return Reader(request.param)


@pytest.fixture(scope="module")
def demo(t: Reader) -> Iterator[Demo]:
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


@pytest.fixture
def page(browser: Browser, t: Reader) -> Iterator[Page]:
    """A page that fails the test if its console shows an error."""
    opened = browser.new_page(
        viewport={"width": 1280, "height": 900}, locale=f"{t.lang}-{'RU' if t.lang == 'ru' else 'GB'}"
    )
    errors: list[str] = []
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    opened.close()
    assert errors == []


def shot(page: Page, t: Reader, name: str, to_frame: bool = False) -> None:
    """A picture for the docs, if they are asked for. The caret stays: hiding it needs a style our CSP forbids.

    to_frame: without what stands below the frame.
    """
    folder = os.environ.get("SHOTS")
    if folder:
        page.mouse.move(0, 0)
        wait_for_frames(page)
        path = Path(folder) / t.lang / f"{name}.png"
        box = page.locator("iframe").bounding_box() if to_frame else None
        clip: FloatRect | None = {"x": 0, "y": 0, "width": 1280, "height": box["y"] + box["height"]} if box else None
        page.screenshot(path=path, caret="initial", animations="allow", full_page=True, clip=clip)


def wait_for_frames(page: Page) -> None:
    """Until the frames have grown to what they hold; some never do. By evaluate(), for our CSP forbids wait_for_function()."""
    for _ in range(20):
        if all(frame.evaluate(GROWN) for frame in page.frames[1:]):
            return
        page.wait_for_timeout(100)


def test_a_template_robot_from_the_first_click_to_the_clients_answer(demo: Demo, page: Page, t: Reader) -> None:
    account = demo.gupshup(
        "apps", {"app_name": APP, "phone": "79001112233", "templates": [t.template()], "allow_http": True}
    )
    page.set_default_timeout(15_000)
    settle(demo, t)
    install(demo, page, t)
    connect(demo, page, t, account)
    preview = set_up(demo, page, t)
    move(demo, page, t)
    shown = answer(demo, page, t)
    # What was previewed is what arrived: values in the places of fields, everything else letter by letter.
    assert preview == filled(t, t("Ольга"), t("Шкаф-купе"), t("48 000 ₽"))
    assert shown == filled(t, t("Ольга"), t("Шкаф-купе на заказ"), "48500")
    went_on(demo, page, t)
    fails(demo, page, t)


def filled(t: Reader, *values: str) -> list[str]:
    """What the template's bubble reads with these values: its text, then its buttons."""
    text = t.body
    for number, value in enumerate(values, 1):
        text = text.replace(f"{{{{{number}}}}}", value)
    return [text, *t.titles]


def settle(demo: Demo, t: Reader) -> None:
    """The portal's language, and in it the names of the first deal and its client."""
    demo.portal("settle", {"lang": t.lang})
    client = {"name": t("Ольга"), "lastName": "", "phones": [["MOBILE", "+7 (912) 345-67-89"]]}
    demo.portal("deals", {"entityTypeId": 3, "item_id": 1, **client})
    demo.portal("deals", {"item_id": 1, "title": t("Шкаф-купе на заказ"), "opportunity": 48500, "contactId": 1})


def install(demo: Demo, page: Page, t: Reader) -> None:
    demo.portal("install", {"install_url": f"{demo.url}/bx24/install", "app_url": f"{demo.url}/bx24/app"})
    page.goto(f"{demo.emulators.portal}/app?lang={t.lang}")
    app = page.frame_locator("iframe")
    expect(app.get_by_role("heading", name=t("Начало работы"))).to_be_visible(timeout=20_000)
    shot(page, t, "1-first-steps")


def connect(demo: Demo, page: Page, t: Reader, account: dict[str, Any]) -> None:
    app = page.frame_locator("iframe")
    app.get_by_role("link", name=t("Подключить линию")).first.click()
    app.get_by_label("App API Key").fill(account["api_key"])
    app.get_by_label("App name").fill(APP)
    app.get_by_label(t("Номер")).fill(NUMBER)
    app.get_by_label("App ID").fill(account["app_id"])
    shot(page, t, "2-connect")
    app.get_by_role("button", name=t("Подключить")).click()
    app.get_by_role("button", name=t("Настроить адрес в Gupshup")).click()
    expect(app.get_by_role("listitem").filter(has_text=t("Вебхук отвечает"))).to_contain_text(t("Готово"))
    shot(page, t, "3-line")


def set_up(demo: Demo, page: Page, t: Reader) -> list[str]:
    """Choose the template and a field for each variable, by mouse only. Returns what the preview's bubble reads."""
    page.goto(f"{demo.emulators.portal}/designer?lang={t.lang}")
    page.get_by_role("link", name=t("Добавить робота: Замер")).click()
    page.get_by_role("link", name=t("WhatsApp: шаблон клиенту")).click()
    settings = page.frame_locator("iframe")
    settings.get_by_role("combobox", name=t("Шаблон")).click()
    settings.get_by_role("option", name="order_ready").click()
    for place, field in (("{{1}}", "Контакт: Имя"), ("{{2}}", "Название"), ("{{3}}", "Сумма")):
        settings.get_by_role("button", name=f"{t('Вставить поле в')} {place}").click()
        if place == "{{2}}":
            shot(page, t, "4-fields", to_frame=True)
        settings.get_by_role("option", name=re.compile(f"^{t(field)}")).first.click()
    settings.get_by_label(t("Когда идти дальше")).select_option(t("клиент ответил"))
    expect(settings.get_by_text(t("Готово к сохранению"))).to_be_visible()
    page.evaluate("scrollTo(0, 0)")
    shot(page, t, "4-settings", to_frame=True)
    read: list[str] = settings.get_by_role("article").evaluate(READ)
    page.get_by_role("button", name=t("Сохранить")).click()
    expect(page.get_by_role("status")).to_contain_text(t("Сохранено"))
    add_thanks(page, t)
    return read


def add_thanks(page: Page, t: Reader) -> None:
    """A second robot, whose text holds what the client answered to the first."""
    page.get_by_role("link", name=t("Добавить робота: Замер")).click()
    page.get_by_role("link", name=t("WhatsApp: текст клиенту")).click()
    settings = page.frame_locator("iframe")
    settings.get_by_role("textbox", name=t("Текст"), exact=True).click()
    page.keyboard.type(t("Записали: "))
    settings.get_by_role("button", name=f"{t('Вставить поле в')} {t('Текст')}").click()
    settings.get_by_role("option", name=t("Ответ: текст")).first.click()
    expect(settings.get_by_text(t("Готово к сохранению"))).to_be_visible()
    shot(page, t, "5-answer", to_frame=True)
    page.get_by_role("button", name=t("Сохранить")).click()
    expect(page.get_by_role("status")).to_contain_text(t("Сохранено"))
    shot(page, t, "5-designer")


def move(demo: Demo, page: Page, t: Reader) -> None:
    """The deal of the client with this phone goes to the stage with the robots."""
    page.goto(f"{demo.emulators.portal}/?lang={t.lang}")
    deal = page.get_by_role("article").filter(has_text=t("Шкаф-купе на заказ")).first
    deal.get_by_role("button", name="Перенести" if t.lang == "ru" else "Move").click()


def answer(demo: Demo, page: Page, t: Reader) -> list[str]:
    """The client reads the message on the phone and presses the first button. Returns what the bubble reads."""
    page.goto(f"{demo.emulators.gupshup}/phone/{CLIENT}?lang={t.lang}")
    bubble = page.locator(".bubble.theirs").last
    expect(bubble).to_contain_text(t("собран"), timeout=20_000)
    read: list[str] = bubble.evaluate(READ)
    shot(page, t, "6-phone")
    bubble.get_by_role("button", name=t("Да, жду")).click()
    thanks = f"{t('Записали: ')}{t('Да, жду')}"
    expect(page.locator(".bubble.theirs").last).to_contain_text(thanks, timeout=20_000)
    shot(page, t, "7-answered")
    return read


def went_on(demo: Demo, page: Page, t: Reader) -> None:
    """The workflow is through, and the app tells the message's whole story."""
    page.goto(f"{demo.emulators.portal}/log?lang={t.lang}")
    log = page.get_by_role("main")
    expect(log.get_by_text(t("Процесс завершён"))).to_be_visible()
    expect(log.get_by_role("definition").filter(has_text=t("Да, жду"))).to_be_visible()
    app = open_messages(demo, page, t)
    expect(app.get_by_role("row").filter(has_text="order_ready")).to_contain_text(t("Ответил"))
    shot(page, t, "8-messages")
    app.get_by_role("row").filter(has_text="order_ready").get_by_role("link").first.click()
    story = app.get_by_role("listitem")
    replied = f"{t('Клиент ответил')}: {t('Да, жду')}"
    for step in (*map(t, ("запустил робота", "Gupshup принял", "Доставлено на телефон", "Прочитано")), replied):
        expect(story.filter(has_text=step)).to_be_visible()
    expect(story.last).to_contain_text(t("Битрикс24 получил результат: ответил"))
    shot(page, t, "9-story")


def open_messages(demo: Demo, page: Page, t: Reader) -> FrameLocator:
    app = open_app(page, demo.emulators.portal, t.lang)
    app.get_by_role("link", name=t("Сообщения"), exact=True).click()
    expect(app.get_by_role("heading", name=t("Сообщения"), exact=True)).to_be_visible()
    return app


def fails(demo: Demo, page: Page, t: Reader) -> None:
    """A deal whose client has no phone: nothing is sent, and the page says why."""
    client = demo.portal("deals", {"entityTypeId": 3, "name": t("Ольга"), "phones": []})["item"]["id"]
    deal = demo.portal("deals", {"title": t("Шкаф-купе"), "contactId": client})["item"]["id"]
    demo.portal(f"deals/{deal}/move", {"stage": "PREPARATION"})
    page.goto(f"{demo.emulators.portal}/log?lang={t.lang}")
    expect(page.get_by_role("main").get_by_text(t("Процесс завершён"))).to_have_count(2)
    app = open_messages(demo, page, t)
    app.get_by_role("row").filter(has_text=t("WhatsApp: шаблон клиенту")).first.get_by_role("link").first.click()
    expect(app.get_by_text(t("Телефон не найден")).first).to_be_visible()
    shot(page, t, "10-failed")
