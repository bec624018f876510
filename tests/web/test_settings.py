"""The settings pages on the server: who gets them, what they hold, and what the check says about values."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from activities import ACTIVITIES
from messaging.lines import lines
from messaging.store.models import Line
from robots import ROBOTS
from tests.flows.scenes import ONE_DATABASE, jump_clock
from tests.pages.harness.field_texts import TEXTS as FIELD_TEXTS
from tests.pages.harness_phone.texts import TEXTS as PHONE_TEXTS
from tests.support.world import GUPSHUP, PORTAL, World
from tests.web.settings_page import GOOD, check, frame, headers, holds, opened, places


@ONE_DATABASE
def test_every_action_has_its_page_in_both_languages(shop: World) -> None:
    for side, actions in (("robots", ROBOTS), ("activities", ACTIVITIES)):
        jump_clock(shop, 60)  # the portal takes so many requests at once
        for name in actions:
            for lang in ("ru", "en"):
                page = opened(shop, f"/{side}/{name}", lang)
                assert page.status_code == 200, (side, name)
                assert f'<html lang="{lang}">' in page.text
                data = holds(page)
                assert (data["side"], data["action"]) == (side, name)
                rest = page.text.replace(json.dumps(holds(page, "catalogue"), ensure_ascii=False), "")
                assert len(rest.encode()) < 30_000, (name, len(rest.encode()))


@ONE_DATABASE
def test_the_page_holds_what_is_saved_byte_by_byte(shop: World) -> None:
    odd = "  {=Document:TITLE}\r\n<b>&\"'</script>\u2028\u00a0"
    saved = {"PARAMS": {"0": odd, "1": ""}, "template": ["first", "second"], "wait_minutes": 60, "if_empty": None}
    data = holds(opened(shop, "/robots/send_template", values=saved))
    assert data["values"] == {
        "line": None,
        "phone": None,
        "template": "first",
        "language": None,
        "params": [odd, ""],
        "header": None,
        "button_params": None,
        "if_empty": None,
        "until": None,
        "wait_minutes": "60",
        "quiet": None,
        "timeline": None,
    }
    described = {one["code"]: one for one in data["properties"]}
    assert described["until"]["default"] == "accepted"
    assert ["read", "сообщение прочитано"] in described["until"]["options"]
    assert described["params"]["multiple"] is True


@ONE_DATABASE
def test_whatever_bitrix24_sends_as_options_the_page_opens(shop: World) -> None:
    fields = {f"UF_CRM_{n}": {"Name": f"Поле {n} «длинное имя»", "Type": "string"} for n in range(7000)}
    huge = json.dumps({"document_fields": fields, "current_values": {"text": "Привет"}}, ensure_ascii=False)
    assert len(huge.encode()) > 500_000
    cases: list[Any] = [
        "", "{", "[]", "null", "7", '{"current_values": []}', '{"current_values": "x", "document_fields": [], "template": []}',
        '{"document_fields": {"A": 1}, "template": {"parameters": "x"}, "document_type": "deal"}', huge,
    ]  # fmt: skip
    for options in cases:
        page = opened(shop, options=options)
        assert page.status_code == 200, options[:60]
        rules = {"if_closed", "fallback_template", "fallback_params", "quiet", "timeline"}
        assert set(holds(page)["values"]) == {"line", "phone", "text", "until", "wait_minutes"} | rules
    assert holds(page)["values"]["text"] == "Привет"
    assert sum(len(group["items"]) for group in holds(page, "catalogue")) >= 7000


@ONE_DATABASE
def test_nobody_else_gets_the_page(shop: World) -> None:
    other = shop.bx.add_portal("https://other.example")
    shop.net.apps["other.example"] = shop.bx.app_of(other)
    forged: list[dict[str, Any]] = [
        {"AUTH_ID": "f" * 70},
        {"AUTH_ID": ""},
        {"member_id": "0" * 32},
        {"AUTH_ID": "f" * 70, "SERVER_ENDPOINT": "https://evil.example/rest/"},
        {"portal": other},  # without the app
    ]
    for given in forged:
        page = opened(shop, values={"text": "secret words"}, **given)
        assert page.status_code == 403, given
        assert "secret words" not in page.text
        assert 'id="settings"' not in page.text
    assert opened(shop, "/robots/send_telegram").status_code == 404
    assert shop.app.get("/robots/send_telegram/settings").status_code == 404
    assert shop.app.post("/robots/send_text/settings", data={}).status_code == 400
    bare = shop.app.get("/activities/send_text/settings?LANG=ru")
    assert (bare.status_code, "Откройте эту страницу из Битрикс24" in bare.text) == (200, True)
    assert "evil.example" not in shop.net.hosts()


@ONE_DATABASE
def test_an_employee_may_set_up_robots_and_no_secret_reaches_the_page(shop: World) -> None:
    page = opened(shop, "/robots/send_template", user_id=2)
    assert page.status_code == 200
    lists = shop.app.get("/settings/templates", headers=headers(page))
    secrets = [shop.gupshup_app["api_key"], shop.line.secret, shop.portal.installation.application_token]
    assert not [secret for secret in secrets if secret in page.text + lists.text]
    assert f"frame-ancestors {PORTAL}" in page.headers["Content-Security-Policy"]
    assert 'style="' not in page.text


@ONE_DATABASE
def test_the_helpers_want_the_token_of_this_portal(shop: World) -> None:
    page = opened(shop)
    body = {"side": "robots", "action": "send_text", "values": {}}
    for given in ({}, {"X-Waba24-Frame": "x"}):
        assert shop.app.get("/settings/templates", headers=given).status_code == 401
        assert shop.app.post("/settings/check", json=body, headers=given).status_code == 401
        assert shop.app.post("/settings/name", json={}, headers=given).status_code == 401
    for wrong in (
        {},
        {"side": "robots"},
        {**body, "values": []},
        {**body, "action": "x"},
        {**body, "side": ["robots"]},
    ):
        assert shop.app.post("/settings/check", json=wrong, headers=headers(page)).status_code == 400
    assert shop.app.post("/settings/check", data="{", headers=headers(page)).status_code == 400
    other = shop.bx.add_portal("https://other.example")
    shop.net.apps["other.example"] = shop.bx.app_of(other)
    install = "/bx24/install?DOMAIN=other.example&PROTOCOL=1&LANG=ru&APP_SID=0f"
    shop.app.post(install, data=frame(shop, other))
    theirs = opened(shop, portal=other)
    assert holds(theirs)["lines"] == []
    listed = shop.app.get(f"/settings/templates?line={shop.line.id}", headers=headers(theirs)).json
    assert (listed["templates"], listed["line"]) == ([], None)


@ONE_DATABASE
def test_templates_come_from_the_cache_and_anew_when_asked(shop: World) -> None:
    page = opened(shop, "/robots/send_template")
    ask = lambda query="": shop.app.get(f"/settings/templates{query}", headers=headers(page)).json  # noqa: E731
    first = ask()
    assert {one["name"] for one in first["templates"]} == {"order_ready", "welcome"}
    order = next(one for one in first["templates"] if one["name"] == "order_ready")
    assert [(one["n"], one["part"], one["name"]) for one in order["variables"]] == [(1, "body", "1"), (2, "body", "2")]
    assert (order["usable"], order["status_text"], order["category_text"]) == (True, "Одобрен", "Услуга")
    before = len(shop.net.seen)
    assert ask() == ask("?refresh=1") == ask(f"?line={shop.line.id}") == ask("?line={=Document:X}") == first
    assert len(shop.net.seen) == before, "fresh enough"
    shop.now += timedelta(seconds=20)
    ask("?refresh=1")
    assert len(shop.net.seen) == before + 1
    missing = ask("?line=nobody")
    assert (missing["templates"], "nobody" in missing["problem"]) == ([], True)
    shop.now += timedelta(hours=1)
    shop.net.broken[urlsplit(GUPSHUP).netloc] = ConnectionError
    stale = ask()
    assert len(stale["templates"]) == 3
    assert stale["problem"]


def named(world: World, page: Any, given: str, value: str, user_id: int = 1) -> Any:
    token = world.bx.tokens.issue(world.portal, user_id).access_token
    body = {"property": given, "value": value, "access_token": token}
    return world.app.post("/settings/name", json=body, headers=headers(page)).json


@ONE_DATABASE
@pytest.mark.parametrize(
    ("given", "value", "name", "phone"),
    [
        ("contact", "2", "Дмитрий Павлов", "+7 495 123-45-67"),
        ("contact", "C_3", "Ирина Тихая", ""),
        ("file", "601", "Прайс-лист.pdf", ""),
        ("file", f"{PORTAL}/disk/downloadFile/601/", "Прайс-лист.pdf", ""),
    ],
)
def test_an_id_is_named_with_the_token_of_the_person_who_looks(
    shop: World, given: str, value: str, name: str, phone: str
) -> None:
    found = named(shop, opened(shop), given, value, 2)
    assert (found["name"], found["phone"], found["problem"]) == (name, phone, "")
    assert (found["size"] > 0) == (given == "file")


@ONE_DATABASE
def test_an_id_without_a_name_says_so_and_other_texts_are_not_asked_about(shop: World) -> None:
    page = opened(shop)
    assert named(shop, page, "contact", "404")["problem"] == "Такого контакта в CRM нет или у вас нет к нему доступа"
    assert named(shop, page, "file", "404")["problem"].startswith("Такого файла на Диске нет")
    nothing = {"name": "", "phone": "", "size": 0, "problem": ""}
    asked = len(shop.net.seen)
    for given, value in (("contact", "Анна"), ("file", "https://elsewhere.example/disk/downloadFile/601/")):
        assert named(shop, page, given, value) == nothing
    assert len(shop.net.seen) == asked
    stale = {"property": "contact", "value": "2", "access_token": "stale"}
    assert shop.app.post("/settings/name", json=stale, headers=headers(page)).json == nothing
    shop.net.broken[urlsplit(PORTAL).netloc] = ConnectionError
    assert named(shop, page, "contact", "2") == nothing
    for wrong in ({}, {"property": "phone", "value": "2", "access_token": "x"}, {**stale, "value": 2}):
        assert shop.app.post("/settings/name", json=wrong, headers=headers(page)).status_code == 400


@ONE_DATABASE
def test_the_page_says_which_line_sends_nothing_now_and_why(shop: World) -> None:
    (line,) = holds(opened(shop))["lines"]
    assert (line["id"], line["default"], line["connected"], line["why"]) == (str(shop.line.id), True, True, "")
    with shop.runtime.db.write() as session:
        stored = session.get_one(Line, shop.line.id)
        stored.stopped_at, stored.stop_code = shop.now, "1003"
    (line,) = holds(opened(shop))["lines"]
    assert line["why"].startswith("Не отправлено: линия «acmeshop» остановлена.")
    lines.remove(shop.runtime, shop.line.id)
    page = opened(shop)
    assert [one["connected"] for one in holds(page)["lines"]] == [False]
    assert places(check(shop, page, "send_text", GOOD["send_text"])) == [("line", "line_not_connected", None)]


@ONE_DATABASE
def test_the_page_has_every_word_its_parts_ask_for(shop: World) -> None:
    for lang, at in (("en", 0), ("ru", 1)):
        words = holds(opened(shop, lang=lang))["texts"]
        for key, pair in (*FIELD_TEXTS.items(), *PHONE_TEXTS.items()):
            wanted = pair[at]
            given = (
                words[key]
                if isinstance(wanted, str)
                else {form: words[key][form] for form in wanted if form != "other"}
            )
            wanted = wanted if isinstance(wanted, str) else {form: wanted[form] for form in given}
            assert given == wanted, (lang, key)
