"""Lists and items of the emulated CRM as pages: the timeline, the triggers on the board, what the app has bound."""

from __future__ import annotations

import html
import json
from typing import Any

import pytest

from tests.bx24_emulator.conftest import APP, PortalDriver
from tests.bx24_emulator.layouts import LAYOUT, changed
from tests.bx24_emulator.test_pages import form_of, frame_data

DEAL = "/crm/deal/details/1/"


@pytest.fixture
def crm(driver: PortalDriver) -> PortalDriver:
    driver.install()
    return driver


def add(driver: PortalDriver, layout: Any = LAYOUT, **fields: Any) -> int:
    params = {"ownerTypeId": 2, "ownerId": 1, "fields": fields, "layout": layout}
    return int(driver.result("crm.activity.configurable.add", params)["activity"]["id"])


def bind(driver: PortalDriver, *codes: str, **more: Any) -> None:
    for code in codes:
        params = {"PLACEMENT": code, "HANDLER": f"{APP}/{code}", "TITLE": f"У {code}", **more}
        assert driver.result("placement.bind", params) is True


def page(driver: PortalDriver, path: str, **kwargs: Any) -> str:
    answer = driver.http("GET", path, **kwargs)
    assert answer.status_code == 200, path
    return html.unescape(answer.text)


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("ru", ["Сообщение WhatsApp", "Доставлено", "Шаблон", "чек.pdf", "Больше не писать", "Ольга Никитина"]),
        ("en", ["WhatsApp message", "Delivered", "Mark as done", "Шаблон", "Responsible"]),
    ],
)
def test_a_timeline_shows_activities_in_the_readers_language(crm: PortalDriver, lang: str, words: list[str]) -> None:
    add(crm)
    shown = page(crm, f"{DEAL}?lang={lang}")
    for word in words:
        assert word in shown, word
    assert 'class="tag primary"' in shown
    assert 'data-action="footer.buttons.resend.action"' in shown
    assert "style=" not in shown
    assert page(crm, f"{DEAL}entries").count("<article") == 1


@pytest.mark.parametrize(
    ("path", "value", "there", "missing"),
    [
        ("body/blocks/text/properties/value", "<script>x", "&lt;script&gt;x", "<script>x"),
        ("body/blocks/text/properties/scope", "mobile", "order_ready", "Здравствуйте"),
        ("footer/buttons/story/scope", "mobile", "Отправить ещё раз", "История"),
        ("body/logo/code", "channel-watsapp", "Нет логотипа channel-watsapp", ">WA<"),
        ("header/titleAction", {"type": "redirect", "uri": "javascript:alert(1)"}, 'href="#"', "javascript:"),
        ("footer/menu/showDeleteItem", True, "Удалить", "nothing"),
        ("body/blocks/d", {"type": "deadline", "properties": {}}, "order_ready", "Крайний срок"),
    ],
)
def test_what_a_card_shows_and_hides(crm: PortalDriver, path: str, value: Any, there: str, missing: str) -> None:
    add(crm, changed(path, value))
    shown = crm.http("GET", f"{DEAL}entries?lang=ru").text
    assert there in shown
    assert missing not in shown


def test_notes_are_shown_with_bb_code_and_nothing_else(crm: PortalDriver) -> None:
    text = {"ENTITY_TYPE": "contact", "ENTITY_ID": 1, "COMMENT": "[b]Да[/b] <i>нет</i> [url=x]y[/url]"}
    crm.result("crm.timeline.comment.add", {"fields": text})
    shown = crm.http("GET", "/crm/contact/details/1/").text
    assert "<b>Да</b> &lt;i&gt;нет&lt;/i&gt; [url=x]y[/url]" in shown
    assert "Лента" in shown
    assert "В ленте пусто" in page(crm, "/crm/type/183/details/1/")


def test_activities_are_completed_and_deleted_by_hand(crm: PortalDriver) -> None:
    made = add(crm)
    done = crm.http("POST", f"/crm/activities/{made}/complete", data={"back": DEAL})
    assert (done.status_code, done.headers["Location"]) == (303, DEAL)
    assert "Выполнено" in page(crm, DEAL)
    elsewhere = crm.http("POST", f"/crm/activities/{made}/delete", data={"back": "https://evil.example/"})
    assert elsewhere.headers["Location"] == "/"
    assert crm.portal.timeline.activities == {}
    assert crm.http("POST", f"/crm/activities/{made}/delete").status_code == 404


def test_a_click_of_the_page_reaches_the_app(crm: PortalDriver) -> None:
    made = add(crm)
    crm.result("event.bind", {"event": "onCrmTimelineItemAction", "handler": f"{APP}/events"})
    body = {"action": "footer.menu.items.stop.action", "entityTypeId": "2", "id": "1"}
    answer = crm.http("POST", f"/crm/activities/{made}/click?user=3", json=body)
    assert answer.json == {"type": "restEvent", "animation": "", "sent": 1}
    crm.advance_clock()
    form = crm.inbox.last.form
    assert (form["data[id]"], form["auth[user_id]"]) == ("stop", "3")


def test_triggers_are_placed_and_taken_away_on_the_board(crm: PortalDriver) -> None:
    assert "Триггер" not in page(crm, "/"), "nothing is registered"
    crm.result("crm.automation.trigger.add", {"CODE": "wa_reply", "NAME": "Клиент ответил"})
    assert crm.http("POST", "/stages/NOPE/triggers", data={"code": "wa_reply"}).status_code == 404
    assert crm.http("POST", "/stages/WON/triggers", data={"code": "nope"}).status_code == 404
    data = {"code": "wa_reply", "allow_back": "on"}
    assert crm.http("POST", "/stages/WON/triggers", data=data).status_code == 303
    shown = page(crm, "/board/columns")
    assert "возвращает и назад" in shown
    assert shown.count("/remove") == 1
    (placed,) = crm.portal.triggers.placed
    assert (placed.stage, placed.allow_back) == ("WON", True)
    crm.result("crm.automation.trigger.delete", {"CODE": "wa_reply"})
    assert "Не сработает" in page(crm, "/board/columns")
    crm.http("POST", f"/triggers/{placed.id}/remove")
    assert "Не сработает" not in page(crm, "/board/columns")


def opened(driver: PortalDriver, address: str, above: str) -> tuple[str, dict[str, Any]]:
    """The placement and its options, as the app's page gets them when it opens above a page of the CRM."""
    referer = {"Referer": f"{driver.portal.base_url}{above}?x=1"}
    form = form_of(driver.http("GET", f"{address}&slider=1", headers=referer).text)
    return form["PLACEMENT"], json.loads(form["PLACEMENT_OPTIONS"])


def link(shown: str, code: str) -> str:
    """The address behind the first control of a placement on a page."""
    start = shown.index(f"/app?placement={code}")
    return shown[start : shown.index('"', start)]


BOARD = "/crm/deal/kanban/category/0/"


@pytest.mark.parametrize(
    ("code", "path", "options"),
    [
        ("CRM_DEAL_LIST_MENU", "/", {"ID": "1", "URI": BOARD}),
        ("CRM_DEAL_LIST_TOOLBAR", "/", {"URI": BOARD}),
        ("CRM_CONTACT_LIST_MENU", "/crm/contact/list/", {"ID": "1", "URI": "/crm/contact/list/"}),
        ("CRM_CONTACT_LIST_TOOLBAR", "/crm/contact/list/", {"URI": "/crm/contact/list/"}),
        ("CRM_DEAL_DETAIL_TOOLBAR", DEAL, {"ID": "1", "URI": DEAL}),
        ("CRM_DEAL_DETAIL_ACTIVITY", DEAL, {"ID": "1", "URI": DEAL}),
        ("CRM_QUOTE_DETAIL_TOOLBAR", "/crm/type/7/details/1/", {"ENTITY_ID": "1", "URI": "/crm/type/7/details/1/"}),
        (
            "CRM_DYNAMIC_183_DETAIL_TOOLBAR",
            "/crm/type/183/details/1/",
            {"ENTITY_ID": "1", "URI": "/crm/type/183/details/1/"},
        ),
    ],
)
def test_a_placement_opens_with_its_options(crm: PortalDriver, code: str, path: str, options: dict[str, str]) -> None:
    assert code not in page(crm, path)
    bind(crm, code)
    assert opened(crm, link(page(crm, path), code), path) == (code, options)


def test_a_tab_and_the_menu_of_an_activity(crm: PortalDriver) -> None:
    made = add(crm)
    texts = {"LANG_ALL": {"ru": {"TITLE": "Переписка"}, "en": {"TITLE": "Messages"}}}
    bind(crm, "CRM_DEAL_DETAIL_TAB", "CRM_DEAL_ACTIVITY_TIMELINE_MENU", **texts)
    tab = crm.portal.placements[0].id
    assert "Messages" in page(crm, f"{DEAL}?lang=en")
    shown = crm.http("GET", f"{DEAL}?tab={tab}", headers={"Referer": "https://acme.example/"}).text
    assert json.loads(form_of(shown)["PLACEMENT_OPTIONS"]) == {"ID": "1", "URI": DEAL}
    assert frame_data(shown)["placement"] == "CRM_DEAL_DETAIL_TAB"
    menu = link(page(crm, DEAL), "CRM_DEAL_ACTIVITY_TIMELINE_MENU")
    assert opened(crm, menu, DEAL)[1] == {
        "ENTITY_ID": "1",
        "ASSOCIATED_ENTITY_ID": str(made),
        "ASSOCIATED_ENTITY_TYPE_ID": "6",
        "TYPE_ID": "1",
        "TYPE_CATEGORY_ID": "0",
        "TIMELINE_ITEM_ID": str(made),
        "URI": DEAL,
    }


def test_two_handlers_of_one_placement_each_open_their_own_page(crm: PortalDriver) -> None:
    bind(crm, "CRM_DEAL_LIST_TOOLBAR")
    bind(crm, "CRM_DEAL_LIST_TOOLBAR", HANDLER=f"{APP}/second")
    second = crm.portal.placements[1].id
    assert f"{APP}/second?" in page(crm, f"/app?placement=CRM_DEAL_LIST_TOOLBAR&bound={second}")


def test_nothing_shows_before_the_end_of_the_installation(driver: PortalDriver) -> None:
    driver.install(finish=False)
    bind(driver, "CRM_DEAL_LIST_TOOLBAR")
    assert "CRM_DEAL_LIST_TOOLBAR" not in page(driver, "/")
    driver.control("finish", {})
    assert "CRM_DEAL_LIST_TOOLBAR" in page(driver, "/")


def test_some_see_only_their_own_items(crm: PortalDriver) -> None:
    crm.control("faults", {"own_items": [3]})
    assert crm.http("GET", f"{DEAL}?user=3").status_code == 404
    assert "Ремонт офиса" in page(crm, "/crm/deal/details/3/?user=3")
    shown = page(crm, "/crm/deal/list/?user=3")
    assert ("Ремонт офиса" in shown, "Шкаф-купе" in shown) == (True, False)


@pytest.mark.parametrize("path", ["/crm/deal/details/99/", "/crm/x/list/", "/crm/type/999/list/"])
def test_no_such_page(crm: PortalDriver, path: str) -> None:
    assert crm.http("GET", path).status_code == 404
