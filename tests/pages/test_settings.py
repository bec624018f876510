"""The settings pages in a real browser, inside the emulated portal's robot designer, on real processes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect
from sqlalchemy import select

from demo import APP_NAME, BUSINESS_PHONE, Demo
from messaging.lines import lines
from messaging.store.models import Line
from messaging.system import embedded_redis

NAME, TITLE = "{=Document:CONTACT.NAME}", "{=Document:TITLE}"
REMINDER = "Здравствуйте, {{1}}! Ждём вас {{2}} по адресу {{3}}. Нажмите кнопку."
TEMPLATES: list[dict[str, Any]] = [
    {
        "name": "visit_reminder",
        "language": "ru",
        "body": REMINDER,
        "samples": {"1": "Ольга", "2": "23 ноября", "3": "Мира, 5"},
        "buttons": [{"type": "QUICK_REPLY", "text": "Приду"}, {"type": "URL", "text": "Карта", "url": "https://a.example/{{1}}"}],
    },
    {"name": "visit_changed", "language": "ru", "body": "{{1}}, ваш визит перенесён на {{2}}, адрес {{3}}."},
    {"name": "promo_may", "language": "ru", "category": "MARKETING", "body": "Скидка {{1}}!", "status": "PAUSED"},
    {"name": "promo_cards", "language": "ru", "body": "{{1}} {{2}} {{3}} {{4}} {{5}} {{6}}", "status": "REJECTED"},
    {"name": "welcome", "language": "ru", "body": "Здравствуйте!"},
    {"name": "welcome", "language": "en_US", "body": "Hello!"},
]  # fmt: skip
#: As somebody saved them without our page, or an older version did: nothing of it is ours to tidy up.
SAVED: dict[str, dict[str, Any]] = {
    "send_template": {"template": "visit_reminder", "params": [NAME, " 23  мая ", "{{Контакт: Имя}}"], "button_params": ["7"]},
    "send_text": {"text": "  Привет, {=Document:CONTACT.NAME > printable}!\n*Готово* {=Document:UF_GONE}\n", "until": ""},
    "send_buttons": {"text": "?", "buttons": ["Да | yes", "Нет", "|"], "wait_minutes": "{=Document:ID}"},
    "send_list": {"text": "Когда?", "button": "Время", "items": "#Утро\n\n 10:00 |Осмотр|a\n18:00\n"},
    "send_file": {"file": "disk_12", "kind": "image", "until": "read"},
    "send_contact": {"contact_name": " Анна ", "contact_phone": "+7 (916) 123-45-67"},
    "send_location": {"latitude": "55.750", "longitude": "{=Document:TITLE}"},
    "wait_delivery": {"message": "{=A1_2:message_id}", "until": "read"},
    "wait_reply": {"accept": ["Да", " да ", NAME], "wait_minutes": "2880"},
    "check_window": {"phone": "8 916 123-45-67"},
}  # fmt: skip

#: contents.js of a page that knows no action: each gets the ordinary form.
NO_EDITORS = "export const CONTENTS = {};"


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """The app on a portal, with a line and its templates."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="waba24-t-", dir="/tmp") as folder:
        patch.setattr("demo.LANGUAGE", "ru")
        made = Demo(Path(folder))
        try:
            made.supervisor.start()
            made.until("web", made.is_ready)
            made._install()
            new = {"app_name": APP_NAME, "phone": BUSINESS_PHONE, "templates": TEMPLATES, "allow_http": True}
            app = made.gupshup("apps", new)
            member = made.portal("state")["member_id"]
            lines.add(made.runtime, member, lines.NewLine(app["api_key"], APP_NAME, BUSINESS_PHONE, app["app_id"]))
            yield made
        finally:
            made.close()
            embedded_redis.stop(Path(folder))


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test if a console shows an error."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    errors: list[str] = []
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    opened.close()
    assert errors == []


def place(demo: Demo, *robots: tuple[str, dict[str, Any]]) -> str:
    """These robots on a stage; returns the stage."""
    stage = str(demo.portal("state")["stages"][1]["id"])
    placed = [{"code": f"robot.{name}", "values": values} for name, values in robots]
    demo.portal("stage-robots", {"stage": stage, "robots": placed})
    return stage


def saved(demo: Demo, index: int = 0) -> dict[str, Any]:
    return dict(demo.portal("state")["stages"][1]["robots"][index]["values"])


def show(page: Page, demo: Demo, stage: str, index: int = 0, lang: str = "ru") -> FrameLocator:
    page.goto(f"{demo.emulators.portal}/robots/{stage}/{index}?lang={lang}")
    return page.frame_locator("iframe")


def save(page: Page, name: str = "Сохранить") -> None:
    page.wait_for_timeout(350)  # the page writes 300 ms after the last key
    page.get_by_role("button", name=name, exact=True).click()
    page.get_by_role("status").first.wait_for()


def insert(frame: FrameLocator, field: str, words: str) -> None:
    """Choose a field of the card with ⊕."""
    frame.get_by_role("button", name=f"Вставить поле в {field}").click()
    frame.get_by_role("combobox", name="Поиск поля").fill(words)
    frame.get_by_role("listbox", name="Поля").get_by_role("option").first.click()


def test_a_template_with_three_variables_is_set_up_saved_and_opened_again(demo: Demo, page: Page) -> None:
    stage = place(demo, ("send_template", {}))
    frame = show(page, demo, stage)
    expect(frame.get_by_text("Заполните 1 поле, иначе робот завершится с ошибкой")).to_be_visible()

    frame.get_by_role("combobox", name="Шаблон").fill("ждём вас")
    frame.get_by_role("option", name="visit_reminder").click()
    insert(frame, "{{1}} «Ольга»", "контакт имя")
    frame.get_by_role("textbox", name="{{2}} «23 ноября»").fill("завтра в 9:00")
    phone = frame.get_by_role("region", name="Как увидит клиент")
    expect(phone).to_contain_text("Здравствуйте, Ольга! Ждём вас завтра в 9:00 по адресу Мира, 5. Нажмите кнопку.")
    expect(phone.locator(".missing")).to_have_text("Мира, 5")
    expect(frame.get_by_role("paragraph").filter(has_text="У переменной 3 шаблона")).to_be_visible()
    insert(frame, "{{3}} «Мира, 5»", "название")
    frame.get_by_role("textbox", name="Кнопка «Карта»").fill("7")
    expect(frame.get_by_text("Шаблон visit_reminder · Готово к сохранению")).to_be_visible()
    save(page)

    first = saved(demo)
    assert first["params"] == [f"[1]{NAME}", "[2]завтра в 9:00", f"[3]{TITLE}"]
    assert (first["button_params"], first["language"], first["until"]) == (["[1]7"], "ru", "accepted")
    frame = show(page, demo, stage)
    expect(frame.get_by_role("textbox", name="{{1}}")).to_contain_text("Имя")
    expect(frame.get_by_text("Шаблон visit_reminder · Готово к сохранению")).to_be_visible()
    save(page)
    assert saved(demo) == first

    frame = show(page, demo, stage)
    frame.get_by_role("button", name="Сменить").click()
    frame.get_by_role("combobox", name="Шаблон").fill("welcome")
    frame.get_by_role("option", name="welcome · ru").click()
    expect(frame.get_by_role("paragraph").filter(has_text="Перенесли 0 из 3 значений").last).to_be_visible()
    frame.get_by_role("button", name="Сменить").click()
    frame.get_by_role("combobox", name="Шаблон").fill("visit_changed")
    frame.get_by_role("option", name="visit_changed").click()
    expect(frame.get_by_role("paragraph").filter(has_text="Перенесли 3 из 3 значений").last).to_be_visible()
    save(page)
    assert saved(demo)["params"] == first["params"]
    assert saved(demo)["button_params"] == []


def test_the_template_that_goes_instead_is_chosen_filled_in_and_shown(demo: Demo, page: Page) -> None:
    stage = place(demo, ("send_text", {"text": "Ждём вас"}))
    frame = show(page, demo, stage)
    choice = frame.get_by_role("combobox", name="Если окно 24 часа закрыто")
    template = frame.get_by_role("combobox", name="Шаблон вместо сообщения")
    expect(template).to_be_hidden()
    choice.select_option("template")
    expect(template).to_have_accessible_description("Поле «Шаблон вместо сообщения» пустое. Заполните его.")
    template.fill("перенесён")
    frame.get_by_role("option", name="visit_changed").click()
    insert(frame, "{{1}}", "контакт имя")
    frame.get_by_role("textbox", name="{{2}}").fill("завтра")
    expect(frame.get_by_role("region", name="Шаблон, как его увидит клиент")).to_contain_text(
        "ваш визит перенесён на завтра"
    )
    expect(frame.get_by_role("paragraph").filter(has_text="У переменной 3 шаблона")).to_be_visible()
    frame.get_by_role("textbox", name="{{3}}").fill("Мира, 5")
    expect(frame.get_by_text("Готово к сохранению")).to_be_visible()
    save(page)
    kept = saved(demo)
    assert kept["fallback_params"] == [f"[1]{NAME}", "[2]завтра", "[3]Мира, 5"]
    assert (kept["if_closed"], kept["quiet"]) == ("template", "send")
    frame = show(page, demo, stage)
    expect(frame.get_by_role("textbox", name="{{2}}")).to_have_text("завтра")
    choice.select_option("wait")
    expect(template).to_be_hidden()
    save(page)
    assert saved(demo) == {**kept, "if_closed": "wait"}


def test_a_template_that_is_gone_or_paused_keeps_its_values_until_another_is_chosen(demo: Demo, page: Page) -> None:
    gone = {"template": "visit_old", "params": ["a", "b", "c"], "until": "accepted"}
    stage = place(demo, ("send_template", gone), ("send_template", {"template": "promo_may", "params": ["5 %"]}),
                  ("send_template", {"template": "welcome"}), ("send_template", {"template": "promo_cards"}))  # fmt: skip
    frame = show(page, demo, stage)
    warning = frame.get_by_text("Шаблона больше нет в Gupshup. Сохранены его имя и 3 значения.")
    expect(warning).to_be_visible()
    save(page)
    assert [saved(demo)[code] for code in ("template", "params")] == ["visit_old", ["a", "b", "c"]]
    frame = show(page, demo, stage)
    frame.get_by_role("button", name="Выбрать похожий").click()
    expect(warning).to_be_hidden()
    expect(frame.get_by_role("textbox", name="{{3}}")).to_have_text("c")

    frame = show(page, demo, stage, 1)
    expect(frame.get_by_text("Шаблон promo_may приостановлен WhatsApp. Робот будет завершаться")).to_be_visible()
    frame = show(page, demo, stage, 2)
    frame.get_by_role("combobox", name="Есть на языках: en_US, ru. Выберите один").select_option("en_US")
    expect(frame.get_by_role("region", name="Как увидит клиент")).to_contain_text("Hello!")

    frame = show(page, demo, stage, 3)
    expect(frame.get_by_text("Похожего шаблона на этой линии нет")).to_be_visible()
    frame.get_by_role("button", name="Открыть шаблоны").click()
    slider = page.frame_locator("#slider iframe").frame_locator("#app-frame")
    expect(slider.get_by_role("heading", name="Шаблоны", level=1)).to_be_visible()


def test_a_save_that_the_portal_refused_marks_the_field_itself(demo: Demo, page: Page) -> None:
    frame = show(page, demo, place(demo, ("send_template", {"until": "sent"})))
    search = frame.get_by_role("combobox", name="Шаблон")
    expect(search).to_have_attribute("aria-invalid", "true")
    expect(search).to_have_accessible_description("Поле «Шаблон» пустое. Заполните его.")


def test_a_contact_and_a_file_are_shown_by_their_names(demo: Demo, page: Page) -> None:
    stage = place(demo, ("send_contact", {}), ("send_file", {"file": "601"}))
    frame = show(page, demo, stage)
    frame.get_by_role("button", name="Выбрать контакт").click()
    page.get_by_role("button", name="Дмитрий Павлов").click()
    phone = frame.get_by_role("region", name="Как увидит клиент")
    expect(phone).to_contain_text("Дмитрий Павлов")
    expect(phone).to_contain_text("+7 495 123-45-67")
    frame.get_by_role("textbox", name="Контакт").fill("404")
    expect(frame.get_by_text("Такого контакта в CRM нет")).to_be_visible()
    frame.get_by_role("textbox", name="Контакт").fill("1")
    expect(frame.get_by_text("Ольга Никитина · +7 912 345-67-89")).to_be_visible()
    save(page)
    assert saved(demo)["contact"] == "1"
    frame = show(page, demo, stage, 1)
    expect(frame.get_by_role("region", name="Как увидит клиент")).to_contain_text("Прайс-лист.pdf")


def test_every_action_opens_in_a_low_frame_and_saving_untouched_changes_nothing(demo: Demo, page: Page) -> None:
    demo.portal("faults", {"refuse_resize": True})
    stage = place(demo, *SAVED.items())
    page.set_viewport_size({"width": 600, "height": 900})
    for index, (name, values) in enumerate(SAVED.items()):
        frame = show(page, demo, stage, index)
        frame.locator(".summary.is-good, .summary.is-bad").wait_for()
        if name == "send_template":
            frame.get_by_role("textbox", name="{{3}} «Мира, 5»").wait_for()
        inner = page.frames[1]
        assert inner.evaluate("innerHeight") <= 350
        assert inner.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        save(page)
        kept = saved(demo, index)
        assert {code: kept[code] for code in values} == values, name
    demo.portal("faults", {"refuse_resize": False})


def test_the_smaller_pages_write_what_is_typed(demo: Demo, page: Page) -> None:
    stage = place(
        demo, ("send_location", {}), ("wait_reply", {}), ("send_buttons", {}), ("send_text", {"text": "Привет"})
    )
    frame = show(page, demo, stage)
    frame.get_by_role("textbox", name="Широта").fill("55.75, 37.61")
    expect(frame.get_by_role("textbox", name="Долгота")).to_have_text("37.61")
    frame.get_by_label("Когда идти дальше").select_option("клиент ответил")
    frame.get_by_label("Ждать не дольше").fill("3")
    save(page)
    assert [saved(demo)[code] for code in ("latitude", "longitude", "until", "wait_minutes")] == [
        *("55.75", "37.61", "replied", "180")
    ]

    frame = show(page, demo, stage, 1)
    answers = frame.get_by_role("textbox", name="Какие ответы подходят")
    for answer in ("Да", "Ок"):
        answers.fill(answer)
        answers.press("Enter")
    frame.get_by_role("button", name="Убрать ответ Да").click()
    save(page)
    assert saved(demo, 1)["accept"] == ["Ок"]

    frame = show(page, demo, stage, 2)
    frame.get_by_role("textbox", name="Текст").fill("Придёте?")
    frame.get_by_role("textbox", name="Название кнопки 1").fill("Приду")
    expect(frame.get_by_role("region", name="Как увидит клиент")).to_contain_text("Приду")
    save(page)
    assert saved(demo, 2)["text"] == "Придёте?"
    assert [entry.split("|")[0] for entry in saved(demo, 2)["buttons"]] == ["Приду"]


def test_an_action_that_the_page_does_not_know_has_a_form_that_works(demo: Demo, page: Page) -> None:
    page.route("**/settings/contents.js*", lambda route: route.fulfill(body=NO_EDITORS, content_type="text/javascript"))
    stage = place(demo, ("send_file", {}), ("wait_reply", {"accept": ["Да"]}), ("check_window", {}))
    frame = show(page, demo, stage)
    expect(frame.get_by_text("Заполните 1 поле, иначе робот завершится с ошибкой")).to_be_visible()
    frame.get_by_role("textbox", name="Файл", exact=True).fill("4512")
    frame.get_by_label("Вид файла").select_option("изображение")
    insert(frame, "Подпись", "название")
    frame.get_by_label("Когда идти дальше").select_option("сообщение прочитано")
    expect(frame.get_by_text("клиент мог отключить отметки о прочтении")).to_be_visible()
    expect(frame.get_by_text("Готово к сохранению")).to_be_visible()
    save(page)
    wanted = {"file": "4512", "kind": "image", "caption": TITLE, "until": "read"}
    assert {code: saved(demo)[code] for code in wanted} == wanted

    frame = show(page, demo, stage, 1)
    answers = frame.get_by_role("textbox", name="Какие ответы подходят")
    answers.fill("Ок")
    answers.press("Enter")
    save(page)
    assert saved(demo, 1)["accept"] == ["Да", "Ок"]
    frame = show(page, demo, stage, 2)
    expect(frame.get_by_text("Готово к сохранению")).to_be_visible()


def test_a_check_that_is_refused_says_why(demo: Demo, browser: Browser) -> None:
    page = browser.new_page()
    page.route("**/settings/check", lambda route: route.fulfill(status=413))
    frame = show(page, demo, place(demo, ("send_text", {"text": "Привет"})))
    expect(frame.get_by_text("Настройки не проверены: они слишком длинные")).to_be_visible()
    page.close()


def test_a_page_whose_script_fails_shows_the_values_and_writes_none(demo: Demo, browser: Browser) -> None:
    stage = place(demo, ("send_text", {"text": "Привет"}))
    page = browser.new_page()
    broken = "export const createStore = null, numbered = null, unnumbered = null;"
    page.route("**/settings/store.js*", lambda route: route.fulfill(body=broken, content_type="text/javascript"))
    frame = show(page, demo, stage)
    expect(frame.get_by_text("ничего не потеряно")).to_be_visible()
    expect(frame.get_by_text("Привет")).to_be_visible()
    save(page)
    assert saved(demo)["text"] == "Привет"
    assert saved(demo)["until"] == "", "not even a default"
    page.close()


def test_without_a_line_the_page_says_where_to_connect_one(demo: Demo, page: Page) -> None:
    """The last test: the line is gone after it."""
    with demo.runtime.db.read() as session:
        line = session.scalars(select(Line)).one()
    lines.remove(demo.runtime, line.id)
    stage = place(demo, ("send_template", {"template": "welcome", "line": str(line.id), "until": "accepted"}))
    frame = show(page, demo, stage)
    expect(frame.get_by_text("Откройте приложение waba24 → Линии")).to_be_visible()
    expect(frame.get_by_label("Линия")).to_have_value(str(line.id))
    expect(frame.get_by_label("Линия").get_by_role("option", name=f"{APP_NAME} · отключена")).to_be_attached()
    expect(frame.locator(".summary.is-bad")).to_be_visible()
