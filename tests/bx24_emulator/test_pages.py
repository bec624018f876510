"""The board, the log and a robot's settings as HTML, in both languages and without script."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from werkzeug.test import Client

from tests.bx24_emulator.conftest import APP, ROBOT, PortalDriver

FIELDS = {
    **ROBOT,
    "USE_PLACEMENT": "Y",
    "PLACEMENT_HANDLER": f"{APP}/settings",
    "PROPERTIES": {
        **ROBOT["PROPERTIES"],
        "until": {"Name": "Until", "Type": "select", "Options": {"sent": "S", "read": "R"}},
    },
}


@pytest.fixture
def placed(driver: PortalDriver) -> PortalDriver:
    """Two robots on a stage, the first with a settings page."""
    driver.result("bizproc.robot.add", FIELDS)
    robots = [{"code": "robot.say", "title": "Сказать «да»", "values": {"text": "<b>", "params": ["a", "b"]}}]
    driver.control("stage-robots", {"stage": "PREPARATION", "robots": [*robots, {"code": "gone"}]})
    return driver


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("ru", ["Учебный портал", "Новая", "Шкаф-купе на заказ", "48 500 ₽", "Ольга Никитина", "телефона нет"]),
        ("en", ["Practice portal", "In progress", "Move", "no phone", "No client"]),
    ],
)
def test_the_board(placed: PortalDriver, lang: str, words: list[str]) -> None:
    page = placed.http("GET", f"/?lang={lang}")
    text = html.unescape(page.text)
    assert f'<html lang="{lang}">' in text
    for word in [*words, "⚙ Сказать «да»", "⚠ gone"]:
        assert word in text
    assert "style=" not in text
    assert not re.findall(r"<script(?![^>]*src=)", text)
    assert "unsafe" not in page.headers["Content-Security-Policy"]


def test_the_language_is_remembered_per_portal(placed: PortalDriver) -> None:
    cookie = placed.http("GET", "/?lang=en").headers["Set-Cookie"]
    assert cookie.startswith("lang_1=en;")
    browser = Client(placed.emulator.portal_app)
    assert "Deals" in browser.get("/?lang=en").text
    assert "Deals" in browser.get("/").text
    assert "Set-Cookie" not in placed.http("GET", "/?lang=xx").headers


def test_moving_by_the_form_and_reading_the_log(placed: PortalDriver) -> None:
    assert placed.http("POST", "/deals/1/move", data={"stage": "PREPARATION"}).status_code == 303
    assert placed.http("POST", "/deals/1/move", data={"stage": "NOPE"}).status_code == 303
    placed.advance_clock()
    assert "Ждёт ответа" in placed.http("GET", "/board/columns").text
    flow = next(iter(placed.portal.workflows.values()))
    placed.answer_workflow(flow, log="Доставлено клиенту", status="delivered", minutes_left="5")
    log = html.unescape(placed.http("GET", "/log/entries?lang=ru").text)
    for word in ("Процесс запущен", "Доставлено клиенту", "delivered", "minutes_left", "Шкаф-купе", "Процесс завершён"):
        assert word in log
    assert "Answers from the app: 1" in placed.http("GET", "/log?lang=en").text
    assert "Процессов ещё не было" in placed.http("GET", "/log?document=DEAL_5").text


def test_an_empty_log_says_what_will_be_here(driver: PortalDriver) -> None:
    assert "Перенесите сделку" in driver.http("GET", "/log").text


def frame_data(page: str) -> dict[str, Any]:
    found = re.search(r'id="frame-data">(.*?)</script>', page, re.DOTALL)
    assert found
    return dict(json.loads(found.group(1)))


def form_of(page: str) -> dict[str, str]:
    form = re.search(r'id="app-form".*?</form>', page, re.DOTALL)
    assert form
    return {
        html.unescape(name): html.unescape(value)
        for name, value in re.findall(r'name="([^"]*)" value="([^"]*)"', form.group())
    }


def test_the_app_page_before_and_after_the_install(driver: PortalDriver) -> None:
    assert "Приложение не установлено" in driver.http("GET", "/app").text
    driver.install(finish=False)
    page = driver.http("GET", "/app?user=2&lang=en").text
    data = frame_data(page)
    assert data["app_origin"] == APP
    assert (data["init"]["INSTALL"], data["init"]["IS_ADMIN"], data["init"]["LANG"]) == (True, False, "en")
    assert f'name="acme.example|1|{data["app_sid"]}"' in page
    assert f"{APP}/install?" in page
    driver.control("finish", {})
    page = driver.http("GET", "/app?deal=5").text
    assert f"{APP}/app?" in page
    assert json.loads(form_of(page)["PLACEMENT_OPTIONS"]) == {"deal": "5"}
    page = driver.http("GET", "/app", headers={"Referer": "https://acme.example/"}).text
    assert json.loads(form_of(page)["PLACEMENT_OPTIONS"]) == {"URI": "/app"}
    assert frame_data(page)["init"]["INSTALL"] is False


def test_a_bound_placement_has_its_own_page(driver: PortalDriver) -> None:
    driver.install()
    tab = "/app?placement=CRM_DEAL_DETAIL_TAB&ID=1"
    assert driver.http("GET", tab).status_code == 404
    driver.result("placement.bind", {"PLACEMENT": "CRM_DEAL_DETAIL_TAB", "HANDLER": f"{APP}/tab"})
    form = form_of(driver.http("GET", tab).text)
    assert (form["PLACEMENT"], json.loads(form["PLACEMENT_OPTIONS"])) == ("CRM_DEAL_DETAIL_TAB", {"ID": "1"})


def test_what_a_settings_page_is_given(placed: PortalDriver) -> None:
    placed.result(
        "bizproc.robot.add", {**ROBOT, "CODE": "second", "USE_PLACEMENT": "Y", "PLACEMENT_HANDLER": f"{APP}/settings2"}
    )
    robots = [{"code": "robot.say", "name": "A1", "values": {"TEXT": "x"}}, {"code": "second", "name": "A2"}]
    placed.control("stage-robots", {"stage": "NEW", "robots": robots})
    form = form_of(placed.http("GET", "/robots/NEW/1").text)
    assert form["PLACEMENT"] == "BIZPROC_ACTIVITY_PROPERTIES_DIALOG"
    options = json.loads(form["PLACEMENT_OPTIONS"])
    assert set(options) == {
        "code",
        "activity_name",
        "properties",
        "current_values",
        "document_type",
        "document_fields",
        "template",
    }
    assert (options["code"], options["activity_name"]) == ("second", "A2")
    assert options["properties"]["text"] == {"NAME": {"RU": "Текст", "EN": "Text"}, "TYPE": "text", "REQUIRED": "Y"}
    assert options["current_values"] == {"text": None, "params": None, "once": None}
    assert options["document_fields"]["CONTACT.NAME"]["Name"] == "Контакт: Имя"
    assert options["template"]["variables"] == []
    step = options["template"]["return_activities"][0]
    assert (step["Id"], [item["Id"] for item in step["Return"]]) == ("A1", ["status", "minutes_left", "text"])


def test_save_keeps_what_the_page_wrote_and_drops_empty_items(placed: PortalDriver) -> None:
    page = placed.http("GET", "/robots/PREPARATION/0").text
    assert 'name="property_text" value="&lt;b&gt;"' in page
    assert page.count('name="property_params[]"') == 2
    data = {"property_text": "новый", "property_params[]": ["", "x", ""], "property_until": "sent"}
    data |= {"timeout_duration": "1", "timeout_type": "m", "property_unknown": "x"}
    assert placed.http("POST", "/robots/PREPARATION/0", data=data).status_code == 303
    robot = placed.portal.stages[1].robots[0]
    assert robot.values == {"text": "новый", "params": ["x"], "once": "", "until": "sent"}
    assert robot.timeout_s == 60


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({}, "Поле «Текст» пустое"),
        ({"property_text": "x", "property_until": "never"}, "Поле «Until»: такого варианта нет"),
        ({"property_text": "x", "timeout_duration": "скоро"}, "Поле «Время ожидания»: это не целое число"),
    ],
)
def test_save_refuses_like_the_host(placed: PortalDriver, data: dict[str, str], problem: str) -> None:
    before = dict(placed.portal.stages[1].robots[0].values)
    page = placed.http("POST", "/robots/PREPARATION/0", data=data)
    assert re.search(rf'class="alert" role="alert"[^>]*><h2>Робот не сохранён</h2><ul><li>{problem}', page.text)
    assert placed.portal.stages[1].robots[0].values == before


@pytest.mark.parametrize("path", ["/robots/NOPE/0", "/robots/PREPARATION/9", "/robots/PREPARATION/1"])
def test_no_such_robot(placed: PortalDriver, path: str) -> None:
    assert placed.http("GET", path).status_code == 404


def test_an_expression_passes_where_a_key_is_expected(placed: PortalDriver) -> None:
    data = {"property_text": "x", "property_until": "{=Variable:until}"}
    assert placed.http("POST", "/robots/PREPARATION/0", data=data).status_code == 303


def test_actions_of_the_frame(driver: PortalDriver) -> None:
    driver.install(finish=False)

    def act(action: str, **data: Any) -> Any:
        return driver.http("POST", f"/emulator/frame/{action}", json=data)

    fresh = act("refresh", user=2).json
    assert driver.result("profile", token=fresh["AUTH_ID"])["ID"] == "2"
    assert act("install").json == {"install": True}
    assert act("finish", user=2).json == {"finished": False}
    assert act("finish").json == {"finished": True}
    assert act("option", user=2, name="a", value=1).status_code == 403
    assert act("option", name="a", value=1).json == {"a": 1}
    assert act("dance").status_code == 404
    driver.control("faults", {"dismissed": [1]})
    assert act("refresh").status_code == 403
