"""Sending by hand in a real browser: from the tab of a deal and from the menu of a list, by mouse, with the status growing."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, FrameLocator, Page, expect

from demo import Demo
from tests.pages.reader import AXE, TAGS
from tests.pages.test_replies_way import T, demo, page, say
from tests.pages.test_whole_way import shot

__all__ = ["demo", "page"]


def test_a_salesperson_writes_from_the_card_and_from_the_list(demo: Demo, page: Page, tmp_path: Path) -> None:
    demo.until("places", lambda: len(demo.portal("state")["placements"]) >= 8)
    say(demo, page, "Здравствуйте! Когда привезёте шкаф?")
    card = tab_of_deal(demo, page)
    expect(card.get_by_text("Когда привезёте шкаф?")).to_be_visible()
    card.get_by_label("Текст").fill("Добрый день! Привезём завтра к 12:00.")
    card.locator("#text").get_by_role("button", name="Отправить клиенту").click()
    expect(card.get_by_text("Сообщение отправляется")).to_be_visible()
    ours = card.locator(".bubble.ours").last
    expect(ours).to_contain_text(re.compile("доставлено|прочитано", re.IGNORECASE), timeout=20_000)
    picture = tmp_path / "large.bin"
    picture.write_bytes(b"x" * (16 * 1024 * 1024 + 1))
    card.get_by_label("Файл с компьютера").set_input_files(picture)
    assert card.locator("#f-file").evaluate("field => field.validationMessage").startswith("Файл больше 16 МБ")
    assert faults(page) == []
    shot(page, T, "h1-card")
    page.goto(f"{demo.emulators.portal}/crm/deal/list/?lang=ru")
    page.get_by_label("Действия: Шкаф-купе").click()
    page.get_by_role("link", name="Написать в WhatsApp").first.click()
    menu = page.frame_locator("dialog iframe").frame_locator("iframe")
    menu.locator("#f-template").select_option(label="order_ready (ru)")
    menu.locator("#template").get_by_role("button", name="Отправить клиенту").click()
    expect(menu.get_by_text("передан на отправку")).to_be_visible()
    expect(menu.locator(".bubble.ours").last).to_contain_text("Ваш заказ собран.")
    assert faults(page) == []
    shot(page, T, "h2-menu")


def test_a_file_is_chosen_on_drive_by_mouse(demo: Demo, page: Page) -> None:
    """From the storages down to a folder, by a part of its name; it can be left out again, and is sent with its name."""
    say(demo, page, "Пришлите, пожалуйста, прайс")
    card = tab_of_deal(demo, page)
    card.locator("#text").get_by_role("button", name="Выбрать на Диске").click()
    window = card.locator("#drive")
    window.get_by_role("button", name="Общий диск").click()
    expect(window.get_by_role("button", name="Договоры")).to_be_visible()
    assert faults(page) == []
    shot(page, T, "h3-drive")
    window.get_by_label("Название в этой папке").fill("прайс")
    expect(window.get_by_role("button", name="Договоры")).to_have_count(0)
    window.get_by_role("button", name="Прайс-лист.pdf").click()
    expect(window).not_to_be_visible()
    chosen = card.locator("#chosen-drive")
    expect(chosen).to_contain_text("Прайс-лист.pdf")
    chosen.get_by_role("button", name="Убрать").click()
    expect(chosen).to_be_empty()
    card.locator("#text").get_by_role("button", name="Выбрать на Диске").click()
    window.get_by_role("button", name="Общий диск").click()
    window.get_by_role("button", name="Прайс-лист.pdf").click()
    expect(chosen).to_contain_text("Прайс-лист.pdf")
    assert faults(page) == []
    shot(page, T, "h4-chosen")
    card.locator("#text").get_by_role("button", name="Отправить клиенту").click()
    expect(card.get_by_text("Сообщение отправляется")).to_be_visible()
    expect(card.locator(".bubble.ours").last).to_contain_text("Прайс-лист.pdf", timeout=20_000)


def test_a_server_that_is_busy_takes_nothing_off_the_page(demo: Demo, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900}, locale="ru-RU")
    say(demo, page, "Вы работаете в субботу?")
    card = tab_of_deal(demo, page)
    expect(card.get_by_text("Вы работаете в субботу?")).to_be_visible()
    card.get_by_label("Текст").fill("Да, с 10 до 18.")
    page.route(
        "**/app/hand/*", lambda route: route.fulfill(status=503, content_type="text/html", body="<h1>Занято</h1>")
    )
    with page.expect_response("**/app/hand/talk"):
        page.frames[-1].evaluate("htmx.trigger(document.body, 'tick')")
    card.locator("#text").get_by_role("button", name="Отправить клиенту").click()
    expect(card.locator("#hand-problem")).to_contain_text("Занято")
    expect(card.get_by_label("Текст")).to_have_value("Да, с 10 до 18.")
    expect(card.get_by_text("Вы работаете в субботу?")).to_be_visible()
    page.unroute_all()
    card.locator("#text").get_by_role("button", name="Отправить клиенту").click()
    expect(card.get_by_text("Сообщение отправляется")).to_be_visible()
    expect(card.locator("#hand-problem")).to_be_empty()
    page.close()


def faults(page: Page) -> list[str]:
    """Serious and critical faults of accessibility in the frame that was opened last."""
    frame = page.frames[-1]
    frame.evaluate(AXE)
    found = frame.evaluate("(tags) => axe.run(document, {runOnly: tags, resultTypes: ['violations']})", TAGS)
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


def tab_of_deal(demo: Demo, page: Page) -> FrameLocator:
    page.goto(f"{demo.emulators.portal}/crm/deal/details/1/?lang=ru")
    page.get_by_role("link", name="WhatsApp", exact=True).click()
    card = page.frame_locator("#app-frame")
    expect(card.get_by_role("heading", name="WhatsApp")).to_be_visible()
    return card
