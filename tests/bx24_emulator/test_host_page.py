"""The page around the app's frame, in a real browser: the protocol of BX24.js and Save of a robot's settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from playwright.sync_api import Frame, Page, expect, sync_playwright

from bx24.emulator import Emulator, create_emulator
from bx24.emulator.server import Server
from tests.bx24_emulator.conftest import ROBOT
from tests.bx24_emulator.layouts import LAYOUT, changed
from tests.support.browser import launch, wait_in


@pytest.fixture
def emulator(app_url: str) -> Iterator[Emulator]:
    made = create_emulator()
    running = Server(made)
    running.start()
    install = {"install_url": f"{app_url}/install", "app_url": f"{app_url}/app"}
    requests.post(f"{made.portal.base_url}/emulator/install", json=install, timeout=10)
    yield made
    running.stop()


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser.new_page(viewport={"width": 1280, "height": 800})
        browser.close()


@pytest.fixture
def page(browser_page: Page) -> Iterator[Page]:
    problems_seen: list[str] = []

    def on_page_error(error: Any) -> None:
        problems_seen.append(str(error))

    browser_page.on("pageerror", on_page_error)
    yield browser_page
    browser_page.remove_listener("pageerror", on_page_error)
    browser_page.goto("about:blank")
    assert problems_seen == []


def open_app_frame(page: Page, url: str) -> Frame:
    page.goto(url)
    frame = page.locator("#app-frame").element_handle().content_frame()
    assert frame
    wait_in(frame, "typeof window.call === 'function'")
    return frame


def call_host(frame: Frame, method: str, params: Any = None, **changes: Any) -> Any:
    arguments = [method, *([] if params is None and not changes else [params]), *([changes] if changes else [])]
    return frame.evaluate("(args) => window.call(...args)", arguments)


def test_the_commands_of_the_main_page(emulator: Emulator, page: Page) -> None:
    url = emulator.portal.base_url
    frame = open_app_frame(page, f"{url}/app")
    init = call_host(frame, "getInitData")
    assert (init["DOMAIN"], init["PROTOCOL"], init["PATH"], init["INSTALL"]) == (url[7:], 0, "/rest", True)
    assert init["MEMBER_ID"] == emulator.portal.member_id
    assert call_host(frame, "getInterface") == {"command": [], "event": []}
    assert call_host(frame, "refreshAuth")["AUTH_ID"] != init["AUTH_ID"]
    assert call_host(frame, "setTitle", {"title": "Привет: да"}) == {"title": "Привет: да"}
    assert page.title() == "Привет: да"
    assert call_host(frame, "resizeWindow", {"width": "100%", "height": 700})["height"] == 700
    assert call_host(frame, "setScroll", {"scroll": False}) == {"scroll": False}
    assert call_host(frame, "setAppOption", {"name": "a", "value": "b"}) == {"a": "b"}
    assert call_host(frame, "setInstall", {"install": True}) == {"install": True}
    assert call_host(frame, "getInitData", object=True)["MEMBER_ID"] == emulator.portal.member_id


@pytest.mark.parametrize(
    ("method", "changes"),
    [("getInitData", {"sid": "0" * 32}), ("noSuchMethod", {}), ("setPropertyValue", {}), ("toString", {})],
)
def test_what_is_ignored(emulator: Emulator, page: Page, method: str, changes: dict[str, Any]) -> None:
    frame = open_app_frame(page, f"{emulator.portal.base_url}/app")
    assert call_host(frame, method, {}, wait=200, **changes) == "silence"


def test_messages_of_other_windows_are_ignored(emulator: Emulator, page: Page) -> None:
    frame = open_app_frame(page, f"{emulator.portal.base_url}/app")
    data = json.loads(page.locator("#frame-data").text_content() or "{}")
    page.evaluate("(text) => window.postMessage(text, '*')", f'setTitle:{{"title":"x"}}:1:{data["app_sid"]}')
    frame.evaluate("() => window.call('getInitData')")
    assert page.title() != "x"


def test_install_finish_reloads_the_page_with_the_verdict(emulator: Emulator, page: Page) -> None:
    frame = open_app_frame(page, f"{emulator.portal.base_url}/app")
    frame.evaluate("() => { window.call('setInstallFinish', {}); }")
    page.wait_for_url("**/app?install_finished=Y")
    assert emulator.portal.installation.installed
    assert "/app?DOMAIN" in (page.locator("#app-form").get_attribute("action") or "")


def test_an_ordinary_employee_cannot_finish(emulator: Emulator, page: Page) -> None:
    frame = open_app_frame(page, f"{emulator.portal.base_url}/app?user=2")
    frame.evaluate("() => { window.call('setInstallFinish', {}); }")
    page.wait_for_url("**/app?user=2&install_finished=N")
    assert not emulator.portal.installation.installed


def test_paths_and_sliders(emulator: Emulator, page: Page) -> None:
    frame = open_app_frame(page, f"{emulator.portal.base_url}/app")
    assert call_host(frame, "openPath", {"path": "/bitrix/admin/"}) == {
        "result": "error",
        "errorCode": "PATH_NOT_AVAILABLE",
    }
    frame.evaluate("() => { window.path = window.call('openPath', { path: '/crm/deal/details/1/' }); }")
    page.get_by_role("button", name="OK").click()
    assert frame.evaluate("() => window.path") == {"result": "close"}
    frame.evaluate("() => { window.call('openApplication', { bx24_width: 600, tab: 'x' }); }")
    slider = page.frame_locator("#slider iframe").frame_locator("#app-frame").locator("p")
    slider.wait_for()
    inner = next(other for other in page.frames if other.parent_frame and "slider=1" in other.parent_frame.url)
    wait_in(inner, "typeof window.call === 'function'")
    assert call_host(inner, "getInitData")["PLACEMENT_OPTIONS"]["tab"] == "x"
    assert call_host(inner, "resizeWindow", {"height": 9}, wait=200) == "silence"
    inner.evaluate("() => { window.call('closeApplication'); }")
    page.locator("#slider").wait_for(state="hidden")


def test_a_crm_item_is_chosen_in_the_dialog_of_the_portal(emulator: Emulator, page: Page) -> None:
    frame = open_app_frame(page, f"{emulator.portal.base_url}/app")
    ask = "() => { window.chosen = window.call('selectCRM', { entityType: ['contact', 'company', 'x'] }, { wait: 9e4 }); }"
    frame.evaluate(ask)
    page.get_by_role("button", name="OK").click()
    frame.evaluate(ask)
    page.get_by_role("button", name="Дмитрий Павлов").click()
    chosen = frame.evaluate("() => window.chosen")
    assert (chosen["company"], len(chosen["contact"])) == ([], 1), "closing the first dialog gave no answer"
    (contact,) = chosen["contact"]
    assert (contact["id"], contact["title"], contact["url"]) == ("C_2", "Дмитрий Павлов", "/crm/contact/show/2/")


def test_settings_are_written_into_the_robots_form_and_saved(emulator: Emulator, app_url: str, page: Page) -> None:
    url = emulator.portal.base_url
    token = requests.get(f"{url}/emulator/token", timeout=10).json()["access_token"]
    robot = {**ROBOT, "USE_PLACEMENT": "Y", "PLACEMENT_HANDLER": f"{app_url}/settings", "auth": token}
    assert requests.post(f"{url}/rest/bizproc.robot.add", json=robot, timeout=10).json()["result"] is True
    placed = {"stage": "NEW", "robots": [{"code": "robot.say", "values": {"params": ["old", "older"]}}]}
    requests.post(f"{url}/emulator/stage-robots", json=placed, timeout=10)
    frame = open_app_frame(page, f"{url}/robots/NEW/0")
    expect(page.locator("#app-frame")).to_have_js_property("offsetHeight", 350)
    values = {"TEXT": "Имя: «{=Document:TITLE}»", "params": ["new"], "once": "Y", "unknown": "x"}
    assert call_host(frame, "setPropertyValue", values, wait=200) == "silence"
    assert call_host(frame, "setTitle", {"title": "x"}, wait=200) == "silence"
    assert call_host(frame, "getInterface")["command"] == ["setPropertyValue"]
    page.get_by_label("Время ожидания").fill("90")
    page.get_by_label("Единица").select_option("секунд")
    page.get_by_role("button", name="Сохранить").click()
    page.get_by_role("status").get_by_text("Сохранено").wait_for()
    saved = emulator.portal.stages[0].robots[0]
    assert saved.values == {"text": "Имя: «{=Document:TITLE}»", "params": ["new"], "once": "Y"}
    assert saved.timeout_s == 90


def test_a_refused_resize_never_answers(emulator: Emulator, page: Page) -> None:
    emulator.portal.faults.refuse_resize = True
    frame = open_app_frame(page, f"{emulator.portal.base_url}/app")
    assert call_host(frame, "resizeWindow", {"height": 500}, wait=200) == "silence"


def test_the_board_by_keyboard(emulator: Emulator, page: Page) -> None:
    page.goto(emulator.portal.base_url)
    select = page.get_by_label("Перенести на этап: Шкаф-купе на заказ")
    select.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    column = page.get_by_role("region", name="В работе")
    column.get_by_role("heading", name="Шкаф-купе на заказ").wait_for()
    assert emulator.portal.crm.items[2, 1]["stageId"] == "EXECUTING"
    expect(page.get_by_text("Шкаф-купе на заказ: В работе")).to_have_count(1)


def rest(emulator: Emulator, method: str, **params: Any) -> Any:
    """The result of a REST call of the administrator."""
    url = emulator.portal.base_url
    token = requests.get(f"{url}/emulator/token", timeout=10).json()["access_token"]
    body = requests.post(f"{url}/rest/{method}", json={**params, "auth": token}, timeout=10).json()
    assert "result" in body, body
    return body["result"]


def test_a_click_in_the_timeline_waits_for_the_app(emulator: Emulator, app_url: str, page: Page) -> None:
    requests.post(f"{emulator.portal.base_url}/emulator/finish", json={}, timeout=10)
    add = {"ownerTypeId": 2, "ownerId": 1, "fields": {}, "layout": LAYOUT}
    made = rest(emulator, "crm.activity.configurable.add", **add)["activity"]["id"]
    page.goto(emulator.portal.base_url)
    page.get_by_role("link", name="Шкаф-купе на заказ").click()
    card = page.get_by_role("article")
    resend = card.get_by_role("button", name="Отправить ещё раз")
    resend.click()
    expect(card.get_by_role("alert")).to_contain_text("нет обработчика")
    rest(emulator, "event.bind", event="onCrmTimelineItemAction", handler=f"{app_url}/events")
    resend.click()
    expect(resend).to_be_disabled()
    expect(card).to_have_attribute("aria-busy", "true")
    read = changed("header/tags/status", {"title": "Прочитано", "type": "success"})
    rest(emulator, "crm.activity.configurable.update", id=made, layout=read)
    expect(card).to_contain_text("Прочитано")
    expect(resend).to_be_enabled()
    card.get_by_role("button", name="История").click()
    handle = page.frame_locator("#app-dialog iframe").locator("#app-frame").element_handle()
    frame = handle.content_frame()
    assert frame
    wait_in(frame, "typeof window.call === 'function'")
    options = call_host(frame, "getInitData")["PLACEMENT_OPTIONS"]
    assert options.items() >= {"message": "15", "activityId": str(made), "entityId": "1"}.items()
    # Not through call_host: the frame is gone before an answer could come.
    frame.evaluate("() => { window.call('closeApplication'); }")
    expect(page.locator("#app-dialog")).to_be_hidden()


def test_a_trigger_is_placed_with_the_mouse(emulator: Emulator, page: Page) -> None:
    rest(emulator, "crm.automation.trigger.add", CODE="wa_reply", NAME="Клиент ответил")
    page.goto(emulator.portal.base_url)
    stage = page.get_by_role("region", name="В работе")
    stage.locator("summary").click()
    stage.get_by_label("Можно возвращать назад").check()
    stage.get_by_role("button", name="Поставить").click()
    expect(stage.get_by_role("listitem")).to_contain_text("Клиент ответил")
    (placed,) = emulator.portal.triggers.placed
    assert (placed.stage, placed.allow_back) == ("EXECUTING", True)
    stage.get_by_role("button", name="Убрать триггер: Клиент ответил").click()
    expect(stage.get_by_role("listitem")).to_have_count(0)
    assert emulator.portal.triggers.placed == []
