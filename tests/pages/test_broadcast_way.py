"""A broadcast in a real browser, by mouse and keyboard: from writing the template to reading the report and a client's answer.

Everything is real but the two vendors, as in test_whole_way; `SHOTS=docs/pictures` keeps the pictures.
"""

from __future__ import annotations

import re
from pathlib import Path

from openpyxl import load_workbook
from playwright.sync_api import FrameLocator, Locator, Page, expect

from demo import APP_NAME, Demo
from tests.pages.test_replies_way import T, demo, page
from tests.pages.test_whole_way import CLIENT, shot
from tests.support.browser import open_app, wait_for_htmx

__all__ = ["demo", "page"]

#: Deals that are added; every fourth of them is at the stage that gets the campaign.
DEALS, RECIPIENTS = 60, 15
#: So slow that somebody can pause it in the middle: three messages every three seconds.
PER_MINUTE = 60
NAME = "Сервис перед зимой"


def test_a_broadcast_from_its_template_to_a_clients_answer(demo: Demo, page: Page, tmp_path: Path) -> None:
    demo.portal("items/seed", {"count": DEALS})
    app = open_app(page, demo.emulators.portal, "ru")
    write_template(page, app)
    approve(demo, page, app)
    choose_deals(page, app)
    map_and_preview(page, app)
    send_to_oneself(app)
    check_and_start(page, app)
    pause(page, app)
    answer(demo, page)
    app = resume(demo, page)
    report(page, app, tmp_path)
    assert each_once(demo)


def write_template(page: Page, app: FrameLocator) -> None:
    press(page, app.get_by_role("link", name="Шаблоны", exact=True))
    press(page, app.get_by_role("link", name="Новый шаблон"))
    app.get_by_label("Название", exact=True).fill("winter_service")
    app.get_by_role("radio", name=re.compile("^Маркетинг")).check()
    text = app.get_by_label("Текст", exact=True)
    text.fill("Здравствуйте, ")
    app.get_by_role("button", name="Переменная").click()
    page.keyboard.type("! Проверим вашу мебель перед зимой. Записать вас?")
    app.get_by_role("textbox", name="Пример для {{1}}").fill("Ольга")
    app.get_by_role("button", name="Кнопка", exact=True).click()
    app.locator("#buttons").get_by_label("Текст").fill("Да, запишите")

    expect(app.get_by_text("Правила WhatsApp соблюдены")).to_be_visible()
    shot(page, T, "b1-template")
    app.get_by_role("button", name="Отправить на проверку").click()
    expect(app.get_by_role("heading", name="winter_service")).to_contain_text("На проверке")


def press(page: Page, place: Locator) -> None:
    """Press it, and wait until what comes listens: no person is as quick as this one."""
    place.click()
    wait_for_htmx(page.frames[-1])


def approve(demo: Demo, page: Page, app: FrameLocator) -> None:
    """WhatsApp approves it; whoever looks at the template sees it, and sees it all the time before."""
    page.wait_for_event("response", lambda answer: answer.status == 204)
    known = next(one for one in demo.gupshup("apps")["apps"] if one["app_name"] == APP_NAME)["templates"]
    written = next(one for one in known if one["name"] == "winter_service")
    demo.gupshup(f"apps/{APP_NAME}/templates/{written['id']}/review", {"verdict": "approve"})
    expect(app.get_by_role("heading", name="winter_service")).to_contain_text("Одобрен", timeout=20_000)
    shot(page, T, "b2-approved")


def choose_deals(page: Page, app: FrameLocator) -> None:
    """The deals at one stage, by the filter."""
    press(page, app.get_by_role("link", name="Рассылки", exact=True))
    press(page, app.get_by_role("button", name="Новая рассылка"))
    app.get_by_label("Название рассылки").fill(NAME)
    press(page, app.get_by_role("link", name="Из CRM"))
    app.get_by_text("Стадии: любые").click()
    wait_for_htmx(page.frames[-1])
    app.get_by_role("group", name="Стадии").get_by_label("В работе").check()
    expect(app.get_by_text(f"Нашлось: {RECIPIENTS}")).to_be_visible()
    shot(page, T, "b3-audience")
    press(page, app.get_by_role("button", name="Взять этих"))
    expect(app.get_by_text("Получатели выбраны.")).to_be_visible()
    expect(app.get_by_label("Название рассылки")).to_have_value(NAME)
    press(page, app.get_by_role("button", name="Дальше: шаблон"))


def map_and_preview(page: Page, app: FrameLocator) -> None:
    """The variable is the contact's first name; leafing shows it for one recipient after the other."""
    app.get_by_label("Шаблон").select_option("ru winter_service")
    app.get_by_label("Переменная {{1}}").select_option(label="Контакт: Имя")
    app.get_by_label("Если пусто").fill("друзья")
    bubble = app.get_by_role("article")
    expect(bubble).to_contain_text("Здравствуйте, Вера! Проверим вашу мебель")
    app.get_by_role("button", name="Следующий получатель").click()
    expect(bubble).to_contain_text("Здравствуйте, Борис!")
    shot(page, T, "b4-preview")


def send_to_oneself(app: FrameLocator) -> None:
    app.get_by_label("Отправить себе").fill(f"+{CLIENT}")
    app.get_by_role("button", name="Отправить", exact=True).click()
    expect(app.get_by_text("Отправляем на")).to_be_visible()


def check_and_start(page: Page, app: FrameLocator) -> None:
    press(page, app.get_by_role("button", name="Дальше: время и скорость"))
    app.get_by_label("Только в эти часы").uncheck()
    app.get_by_label("Сообщений в минуту").fill(str(PER_MINUTE))
    shot(page, T, "b5-timing")
    press(page, app.get_by_role("button", name="Дальше: проверка"))
    expect(app.get_by_text(f"Получателей: {RECIPIENTS} → получат: {RECIPIENTS}")).to_be_visible(timeout=20_000)
    shot(page, T, "b6-check")
    app.get_by_role("button", name=f"Отправить сообщения: {RECIPIENTS}…").click()
    app.get_by_role("dialog").get_by_role("button", name=f"Отправить сообщения: {RECIPIENTS}").click()


def pause(page: Page, app: FrameLocator) -> None:
    """In the middle: some have got it, some have not."""
    expect(progress(app)).to_have_text(re.compile(rf"Идёт написали [1-9] из {RECIPIENTS} клиентов"), timeout=20_000)
    app.get_by_role("button", name="Пауза").click()
    app.get_by_role("dialog").get_by_role("button", name="Пауза").click()
    expect(app.get_by_text("Остановлена вручную")).to_be_visible()
    shot(page, T, "b7-paused")


def progress(app: FrameLocator) -> Locator:
    return app.locator("#how-far")


def answer(demo: Demo, page: Page) -> None:
    """The test has come to one's own phone; a client who has got the campaign presses its button."""
    open_phone(demo, page, CLIENT)
    expect(page.locator(".bubble.theirs").last).to_contain_text("Здравствуйте, Борис!")
    reached = [one["destination"] for one in campaign_messages(demo)]
    open_phone(demo, page, reached[0])
    page.locator(".bubble.theirs").last.get_by_role("button", name="Да, запишите").click()
    expect(page.locator(".bubble.mine").last).to_contain_text("Да, запишите")
    shot(page, T, "b8-answered")


def open_phone(demo: Demo, page: Page, number: str) -> None:
    page.goto(f"{demo.emulators.gupshup}/phone/{number}?lang=ru&app={APP_NAME}")


def campaign_messages(demo: Demo) -> list[dict[str, str]]:
    """What Gupshup accepted for others than oneself."""
    accepted: list[dict[str, str]] = demo.gupshup(f"messages?app={APP_NAME}")["messages"]
    return [one for one in accepted if one["destination"] != CLIENT]


def resume(demo: Demo, page: Page) -> FrameLocator:
    """Nobody gets it for longer than a portion takes; then it goes on to its end."""
    before = len(campaign_messages(demo))
    app = open_app(page, demo.emulators.portal, "ru")
    press(page, app.get_by_role("link", name="Рассылки", exact=True))
    app.get_by_role("link", name=NAME).click()
    for _ in range(2):
        page.wait_for_event("response", lambda answer: answer.url.endswith("/live"))
    expect(progress(app)).to_have_text(re.compile(rf"На паузе\s+написали {before} из {RECIPIENTS} клиентов"))
    app.get_by_role("button", name="Продолжить").click()
    over = re.compile(rf"Завершена\s+написали {RECIPIENTS} из {RECIPIENTS} клиентов")
    expect(progress(app)).to_have_text(over, timeout=40_000)
    return app


def report(page: Page, app: FrameLocator, folder: Path) -> None:
    funnel = app.get_by_role("table", name="Как прошло").get_by_role("row")
    for state, count in (("Доставлено", RECIPIENTS), ("Ответили", 1)):
        cell = funnel.filter(has_text=state).get_by_role("cell", name=str(count), exact=True)
        expect(cell).to_be_visible(timeout=20_000)
    shot(page, T, "b9-report")
    with page.expect_download() as download:
        app.get_by_role("button", name="XLSX").click()
    download.value.save_as(folder / "report.xlsx")
    book = load_workbook(folder / "report.xlsx")
    [sheet] = book.worksheets
    _titles, *rows = sheet.iter_rows()
    assert len(rows) == RECIPIENTS
    assert all(re.fullmatch(r"\+7900\d{7}", str(row[0].value)) for row in rows)
    assert {cell.data_type for row in rows for cell in row} <= {"s", "d", "n"}  # no formulas


def each_once(demo: Demo) -> bool:
    phones = [one["destination"] for one in campaign_messages(demo)]
    return len(phones) == len(set(phones)) == RECIPIENTS
