"""The robot designer: placing robots by hand, the panel around a settings page, and what Save accepts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from playwright.sync_api import Frame, Page, expect, sync_playwright
from werkzeug.datastructures import MultiDict

from bx24.emulator import Emulator, create_emulator
from bx24.emulator.pages import robot_form
from bx24.emulator.rules import deal_fields
from bx24.emulator.server import Server
from bx24.emulator.state.records import RobotRecord
from tests.bx24_emulator.conftest import ROBOT, PortalDriver
from tests.bx24_emulator.test_pages import form_of
from tests.support.browser import launch, wait_in

NATIVE: dict[str, Any] = {
    **ROBOT,
    "CODE": "robot.plain",
    "NAME": {"ru": "Простой", "en": "Plain"},
    "DESCRIPTION": {"ru": "Без своей страницы", "en": "Without a page of its own"},
    "PROPERTIES": {
        **ROBOT["PROPERTIES"],
        "minutes": {"Name": {"ru": "Минут", "en": "Minutes"}, "Type": "int"},
        "until": {"Name": {"ru": "До", "en": "Until"}, "Type": "select", "Options": {"sent": "S", "read": "R"}},
    },
}


@pytest.fixture
def emulator(app_url: str) -> Iterator[Emulator]:
    """A portal with two robots: one with the settings page of this test, one without any."""
    made = create_emulator()
    running = Server(made)
    running.start()
    url = made.portal.base_url
    token = requests.get(f"{url}/emulator/token", timeout=10).json()["access_token"]
    with_page = {**ROBOT, "USE_PLACEMENT": "Y", "PLACEMENT_HANDLER": f"{app_url}/settings"}
    for robot in (with_page, NATIVE):
        answer = requests.post(f"{url}/rest/bizproc.robot.add", json={**robot, "auth": token}, timeout=10)
        assert answer.json()["result"] is True
    yield made
    running.stop()


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser.new_page(viewport={"width": 600, "height": 800})
        browser.close()


@pytest.fixture
def page(browser_page: Page) -> Iterator[Page]:
    problems_seen: list[str] = []

    def on_page_error(error: Any) -> None:
        problems_seen.append(str(error))

    def on_console(message: Any) -> None:
        if message.type in ("error", "warning"):
            problems_seen.append(message.text)

    browser_page.on("pageerror", on_page_error)
    browser_page.on("console", on_console)
    yield browser_page
    browser_page.remove_listener("pageerror", on_page_error)
    browser_page.remove_listener("console", on_console)
    browser_page.goto("about:blank")
    assert problems_seen == []


def settings_frame(page: Page) -> Frame:
    handle = page.get_by_title("Страница настроек робота").element_handle()
    frame = handle.content_frame()
    assert frame
    wait_in(frame, "typeof window.call === 'function'")
    return frame


def call_host(frame: Frame, method: str, params: Any = None, wait: int = 10_000) -> Any:
    return frame.evaluate("([m, p, wait]) => window.call(m, p ?? undefined, { wait })", [method, params, wait])


def set_properties(page: Page, **values: Any) -> None:
    """What a settings page does on a change; the host never answers that."""
    frame = settings_frame(page)
    assert call_host(frame, "setPropertyValue", values, wait=50) == "silence"


def placed_robots(emulator: Emulator) -> list[dict[str, Any]]:
    state = requests.get(f"{emulator.portal.base_url}/emulator/state", timeout=10).json()
    return list(state["stages"][1]["robots"])


def open_designer(page: Page, emulator: Emulator) -> None:
    page.goto(emulator.portal.base_url)
    page.get_by_role("link", name="Роботы", exact=True).click()
    page.get_by_role("heading", name="Роботы по стадиям сделок").wait_for()


def test_a_robot_is_added_edited_moved_and_deleted(emulator: Emulator, page: Page) -> None:
    open_designer(page, emulator)
    page.get_by_role("link", name="Добавить робота: Замер").click()
    page.get_by_role("link", name="Сказать").click()
    # Measured until it holds: the frame is there before its stylesheet is.
    expect(page.get_by_title("Страница настроек робота")).to_have_js_property("offsetHeight", 350)
    options = call_host(settings_frame(page), "getInitData")["PLACEMENT_OPTIONS"]
    assert options["current_values"] == {"text": None, "params": None, "once": None}
    set_properties(page, text="Здравствуйте", params=["[1]{=Document:CONTACT.NAME}", "", "[2]"], unknown="x")
    page.get_by_label("Название робота").fill("Первый")
    page.get_by_label("Запускать от имени").select_option("Мария Кузнецова")
    page.get_by_label("Текст статуса").fill("Пишем клиенту")
    page.get_by_label("Время ожидания").fill("2")
    page.get_by_label("Единица").select_option("часов")
    page.get_by_role("button", name="Сохранить").click()
    expect(page.get_by_role("status")).to_have_text("Сохранено: Первый")
    expect(page.get_by_role("link", name="Изменить: Первый")).to_be_focused()
    (saved,) = placed_robots(emulator)
    assert saved["values"] == {"text": "Здравствуйте", "params": ["[1]{=Document:CONTACT.NAME}", "[2]"], "once": ""}
    assert (saved["timeout_s"], saved["auth_user_id"], saved["status_text"]) == (7200, 3, "Пишем клиенту")
    assert saved["name"] != options["activity_name"], "a new robot's name is temporary"

    page.get_by_role("link", name="Изменить: Первый").click()
    options = call_host(settings_frame(page), "getInitData")["PLACEMENT_OPTIONS"]
    assert options["activity_name"] == saved["name"]
    assert options["current_values"] == {**saved["values"]}
    expect(page.get_by_label("Время ожидания")).to_have_value("2")
    page.get_by_role("button", name="Сохранить").click()
    expect(page.get_by_role("status")).to_have_text("Сохранено: Первый")
    assert placed_robots(emulator) == [saved], "opened and saved without a change"

    page.get_by_role("link", name="Добавить робота: Замер").click()
    page.get_by_role("link", name="Сказать").click()
    earlier = call_host(settings_frame(page), "getInitData")["PLACEMENT_OPTIONS"]["template"]["return_activities"]
    assert [(step["Id"], step["Title"]) for step in earlier] == [(saved["name"], "Первый")]
    page.get_by_role("link", name="Отмена").click()
    assert len(placed_robots(emulator)) == 1

    other = {"code": "robot.plain", "values": {"text": "x"}, "title": "Второй"}
    requests.post(
        f"{emulator.portal.base_url}/emulator/stage-robots",
        json={"stage": "PREPARATION", "robots": [saved, other]},
        timeout=10,
    )
    page.reload()
    page.get_by_role("button", name="Выше: Второй").click()
    expect(page.get_by_role("button", name="Выше: Второй")).to_be_focused()
    assert [robot["title"] for robot in placed_robots(emulator)] == ["Второй", "Первый"]
    page.get_by_role("button", name="Удалить: Первый").click()
    expect(page.get_by_role("status")).to_have_text("Робот удалён: Первый")
    assert [robot["title"] for robot in placed_robots(emulator)] == ["Второй"]


def test_a_card_says_what_its_robot_sends(driver: PortalDriver) -> None:
    driver.result("bizproc.robot.add", NATIVE)
    says = {
        "text": "Здравствуйте, {=Document:CONTACT.NAME}! {=A1:answer}",
        "params": ["раз", "", "два"],
        "until": "read",
    }
    robots = [{"code": "robot.plain", "values": says}, {"code": "robot.plain", "values": {"minutes": "5"}}]
    driver.control("stage-robots", {"stage": "NEW", "robots": robots})
    page = driver.http("GET", "/designer?lang=ru").text
    assert page.count('class="says"') == 1, "what is counted or chosen is not told"
    assert "Текст: Здравствуйте, {{Контакт: Имя}}! {{answer}}\nParams: раз, два<" in page


def test_a_refused_save_opens_again_with_what_was_typed(emulator: Emulator, page: Page) -> None:
    page.goto(f"{emulator.portal.base_url}/designer/PREPARATION/new/robot.say")
    set_properties(page, params=["{=Document:TITLE}"], once="perhaps")
    page.get_by_role("button", name="Сохранить").click()
    alert = page.get_by_role("alert")
    expect(alert).to_be_focused()
    expect(page).to_have_title(re.compile("^Ошибка: Сказать"))
    expect(alert).to_contain_text("Поле «Текст» пустое. Заполните его.")
    expect(alert).to_contain_text("Поле «Once»: нужно Y или N.")
    typed = call_host(settings_frame(page), "getInitData")["PLACEMENT_OPTIONS"]["current_values"]
    assert typed == {"text": "", "params": ["{=Document:TITLE}"], "once": "perhaps"}
    assert placed_robots(emulator) == []
    set_properties(page, text="да", once="Y")
    page.get_by_role("button", name="Сохранить").click()
    expect(page.get_by_role("status")).to_contain_text("Сохранено")
    assert placed_robots(emulator)[0]["values"] == {"text": "да", "params": ["{=Document:TITLE}"], "once": "Y"}


def test_a_robot_without_a_page_is_set_up_with_the_portals_own_controls(emulator: Emulator, page: Page) -> None:
    page.goto(f"{emulator.portal.base_url}/designer/PREPARATION/add")
    expect(page.get_by_role("listitem").filter(has_text="Без своей страницы")).to_be_visible()
    page.get_by_role("link", name="Простой").click()
    expect(page.get_by_label("Once")).to_have_value("N")
    page.get_by_label("Params: значение 1").fill("раз")
    page.get_by_role("button", name="Добавить значение: Params").click()
    expect(page.get_by_label("Params: значение 2")).to_be_focused()
    page.get_by_label("Params: значение 2").fill("два")
    page.get_by_label("До", exact=True).select_option("read")
    page.get_by_label("Минут", exact=True).fill("скоро")
    page.get_by_role("button", name="Сохранить").click()
    expect(page.get_by_role("alert")).to_contain_text("Поле «Минут»: это не целое число.")
    expect(page.get_by_label("Params: значение 2")).to_have_value("два")
    page.get_by_label("Текст", exact=True).fill("первая строка\nвторая")
    page.get_by_label("Минут", exact=True).fill("1 440")
    page.get_by_role("button", name="Сохранить").click()
    expect(page.get_by_role("status")).to_have_text("Сохранено: Простой")
    assert placed_robots(emulator)[0]["values"] == {
        "text": "первая строка\nвторая",
        "params": ["раз", "два"],
        "once": "N",
        "minutes": "1440",
        "until": "read",
    }


def test_the_switches(emulator: Emulator, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bx24.emulator.pages.app_frame.SLOW_FRAME_S", 0.5)
    url = emulator.portal.base_url
    page.goto(f"{url}/switches")
    for name in ("Запретить resizeWindow", "Завершить сеанс", "300 дополнительных полей"):
        page.get_by_role("checkbox", name=name).check()
    page.get_by_label("Смотреть как").select_option("Пётр Иванов, обычный сотрудник")
    page.get_by_role("button", name="Применить").click()
    expect(page.get_by_role("status")).to_have_text("Сохранено")
    expect(page.get_by_role("checkbox", name="Завершить сеанс")).to_be_checked()
    page.goto(f"{url}/designer/PREPARATION/new/robot.say")
    init = call_host(settings_frame(page), "getInitData")
    assert init["IS_ADMIN"] is False
    assert len(init["PLACEMENT_OPTIONS"]["document_fields"]) > 300
    expect(page.get_by_label("Запускать от имени")).to_have_count(0)
    assert call_host(settings_frame(page), "resizeWindow", {"height": 500}, wait=200) == "silence"
    assert call_host(settings_frame(page), "refreshAuth", wait=500) == "silence"
    expect(page.get_by_role("alert")).to_have_text("Страница не смогла продлить доступ")

    answer = requests.post(f"{url}/emulator/settle", json={"viewer": 1, "lang": "en"}, timeout=10)
    assert answer.json() == {"viewer": 1, "lang": "en"}
    requests.post(f"{url}/emulator/faults", json={"reset": True, "slow_frames": True}, timeout=10)
    page.goto(f"{url}/designer/PREPARATION/new/robot.say?lang=ru")
    loading = page.get_by_text("Открываем страницу приложения…")
    expect(loading).to_be_visible()
    expect(loading).to_have_count(0)
    fields = call_host(settings_frame(page), "getInitData")["PLACEMENT_OPTIONS"]["document_fields"]
    assert fields["UF_CRM_PREPAID_PRINTABLE"]["Name"] == "Prepayment (text)"


def test_only_robots_for_deals_are_offered(driver: PortalDriver) -> None:
    deal = ["crm", "CCrmDocumentDeal"]
    for code, rules in {
        "any": None,
        "deals": {"INCLUDE": [deal]},
        "cloud": {"INCLUDE": ["b24"]},
        "no_deals": {"EXCLUDE": [deal]},
        "leads": {"INCLUDE": [["crm", "CCrmDocumentLead"]]},
        "box": {"INCLUDE": ["box"]},
    }.items():
        driver.result(
            "bizproc.robot.add", {**ROBOT, "CODE": code, "NAME": code, **({"FILTER": rules} if rules else {})}
        )
    driver.result("bizproc.activity.add", {**ROBOT, "CODE": "activity", "NAME": "activity"})
    page = driver.http("GET", "/designer/NEW/add").text
    offered = [code for code in (*driver.portal.robots, "none") if f"/designer/NEW/new/{code}" in page]
    assert offered == ["any", "deals", "cloud"]
    for path in ("/designer/NOPE/add", "/designer/NEW/new/none", "/designer/NOPE/new/any"):
        assert driver.http("GET", path).status_code == 404
    for path in ("/robots/NEW/0/delete", "/robots/NOPE/0/up"):
        assert driver.http("POST", path).status_code == 404


@pytest.mark.parametrize(
    ("descriptor", "sent", "kept"),
    [
        ({"TYPE": "int"}, [("property_a", "1 440")], "1440"),
        ({"TYPE": "int"}, [("property_a", "1.5")], None),
        ({"TYPE": "int"}, [("property_a", "{=Document:ID}")], "{=Document:ID}"),
        ({"TYPE": "double"}, [("property_a", "55,75")], "55.75"),
        ({"TYPE": "double"}, [("property_a", "55.75°")], None),
        ({"TYPE": "bool"}, [("property_a", "true")], "Y"),
        ({"TYPE": "bool"}, [("property_a", "no")], "N"),
        ({"TYPE": "bool"}, [("property_a", "maybe")], None),
        ({"TYPE": "select", "OPTIONS": {"x": "X"}}, [("property_a", "x")], "x"),
        ({"TYPE": "select", "OPTIONS": {"x": "X"}}, [("property_a", "")], ""),
        ({"TYPE": "select", "OPTIONS": {"x": "X"}}, [("property_a", "X")], None),
        ({"TYPE": "string", "MULTIPLE": "Y"}, [("property_a[]", ""), ("property_a[]", "b")], ["b"]),
        ({"TYPE": "string", "MULTIPLE": "Y"}, [("property_a", "one")], ["one"]),
        ({"TYPE": "string", "MULTIPLE": "Y"}, [("property_a[]", "stays"), ("property_a", "behind")], ["behind"]),
        ({"TYPE": "string", "MULTIPLE": "Y", "REQUIRED": "Y"}, [("property_a[]", "")], None),
        ({"TYPE": "string"}, [("property_a", "stays"), ("property_a[]", "first"), ("property_a[]", "x")], "first"),
        ({"TYPE": "text"}, [("property_a", " a\r\n")], " a\n"),
        ({"TYPE": "string", "REQUIRED": "Y"}, [], None),
        ({"TYPE": "string", "REQUIRED": "N"}, [("property_b", "unknown")], ""),
    ],
)
def test_what_save_makes_of_an_input(descriptor: dict[str, Any], sent: list[tuple[str, str]], kept: Any) -> None:
    record = RobotRecord("r", True, {"PROPERTIES": {"A": {"NAME": "Поле", **descriptor}, "Title": {"NAME": "T"}}})
    found, problems = robot_form.read_form(record, MultiDict(sent), "ru")
    assert set(found) == {"A"}, "a code of the step itself is not a property"
    assert ("A" in problems) == (kept is None)
    assert kept is None or found["A"] == kept


@pytest.mark.parametrize(
    ("deal", "expression", "russian", "english"),
    [
        (1, "{=Document:UF_CRM_PREPAID}", "12480|RUB", "12480|RUB"),
        (1, "{=Document:UF_CRM_PREPAID_PRINTABLE}", "12 480 ₽", "12 480 ₽"),
        (2, "{=Document:UF_CRM_PREPAID > printable}", "100 000.50 ₽", "100 000.50 ₽"),
        (1, "{=Document:UF_CRM_PAYMENT}", "72", "72"),
        (1, "{=Document:UF_CRM_PAYMENT_PRINTABLE}", "Рассрочка", "By instalments"),
        (1, "{=Document:UF_CRM_DELIVERY}", "10.12.2026", "12/10/2026"),
        (1, "{=Document:UF_CRM_MEASURE_AT_PRINTABLE}", "24.11.2026 14:00:00", "11/24/2026 02:00:00 pm"),
        (1, "цвета: {=Document:UF_CRM_COLORS}", "цвета: белый, дуб", "цвета: белый, дуб"),
        (1, "{=Document:UF_CRM_EXPRESS_PRINTABLE}", "да", "yes"),
        (1, "{=Document:UF_CRM_FITTER}", "user_2", "user_2"),
        (3, "{=Document:ASSIGNED_BY_PRINTABLE}", "Мария Кузнецова", "Мария Кузнецова"),
        (3, "{=Document:STAGE_ID_PRINTABLE}", "Новая", "New"),
        (1, "{=Document:CONTACT.BIRTHDATE}", "17.04.1988", "04/17/1988"),
        (1, "{=Document:COMPANY.UF_CRM_INN}", "7700000001", "7700000001"),
        (4, "{=Document:UF_CRM_PREPAID_PRINTABLE}", "", ""),
        (1, "{=Document:UF_CRM_1712043311}", "Москва, Садовая ул., 10\nдомофон 42", None),
    ],
)
def test_fields_of_a_deal(
    driver: PortalDriver, robot: str, deal: int, expression: str, russian: str, english: str
) -> None:
    for lang, wanted in (("ru", russian), ("en", english)):
        driver.portal.change_settings(lang=lang)
        driver.control("run", {"code": robot, "values": {"text": expression}, "id": deal})
        driver.advance_clock()
        assert driver.inbox.last.form["properties[text]"] == (russian if wanted is None else wanted)


def test_the_field_catalogue(driver: PortalDriver) -> None:
    fields = deal_fields.fields(driver.portal)
    assert fields["UF_CRM_PAYMENT"]["Options"] == {"71": "Полная оплата", "72": "Рассрочка", "73": "Кредит"}
    assert fields["UF_CRM_COLORS"]["Multiple"] is True
    assert (fields["UF_CRM_CONTRACT"]["Type"], fields["UF_CRM_PREPAID"]["Type"]) == ("file", "UF:money")
    ours = len([code for code in fields if "UF_CRM" in code and not code.endswith("_PRINTABLE")])
    driver.control("faults", {"many_fields": True})
    many = [code for code in deal_fields.fields(driver.portal) if "UF_CRM" in code and not code.endswith("_PRINTABLE")]
    assert len(many) == ours + 300


def test_robots_placed_by_hand_run_in_order_and_use_earlier_results(driver: PortalDriver) -> None:
    driver.result(
        "bizproc.robot.add", {**ROBOT, "USE_PLACEMENT": "Y", "PLACEMENT_HANDLER": "https://app.example/settings"}
    )
    new = "/designer/PREPARATION/new/robot.say"
    wait = {"title": "Один", "status_text": "Пишем: {=Document:TITLE}"}
    assert driver.http("POST", new, data={"property_text": "1", **wait}).status_code == 303
    options = json.loads(form_of(driver.http("GET", new).text)["PLACEMENT_OPTIONS"])
    (step,) = options["template"]["return_activities"]
    text = f"{{={step['Id']}:status}}, {{=Document:UF_CRM_ORDER_NO}}"
    assert driver.http("POST", new, data={"property_text": text}).status_code == 303
    driver.http("POST", "/deals/1/move", data={"stage": "PREPARATION"})
    driver.advance_clock()
    flow = next(iter(driver.portal.workflows.values()))
    assert flow.status_text == "Пишем: Шкаф-купе на заказ"
    assert "Пишем: Шкаф-купе на заказ" in driver.http("GET", "/log").text
    # Saved while it runs: the running workflow keeps the robots it started with.
    driver.http("POST", "/robots/PREPARATION/1", data={"property_text": "changed"})
    assert len(driver.inbox.received) == 1
    driver.answer_workflow(flow, status="read")
    driver.advance_clock()
    assert driver.inbox.last.form["properties[text]"] == "read, А-1042"
    driver.answer_workflow(flow)
    assert flow.state == "completed"
