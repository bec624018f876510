"""The settings pages on the server: who gets them, what they hold, and what the check says about values."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from marshmallow import fields
from marshmallow.validate import OneOf, Range
from sqlalchemy import select

from activities import ACTIVITIES
from activities.base import Action, SendAction
from bx24.i18n import Text
from bx24.properties import Properties, WholeNumber, YesNo
from gupshup import messages
from messaging.lines import lines
from messaging.store.models import Line, Portal
from robots import ROBOTS
from tests.flows.scenes import ONE_DATABASE, ending, jump_clock, open_windows
from tests.pages.harness.field_texts import TEXTS as FIELD_TEXTS
from tests.pages.harness_phone.texts import TEXTS as PHONE_TEXTS
from tests.support.world import AUTH, GUPSHUP, PORTAL, World
from web.settings import check as settings_check

SIDES = ("robots", "activities")


def frame(world: World, portal: Any = None, user_id: int = 1, **changes: str) -> dict[str, str]:
    portal = portal or world.portal
    grant = world.bx.tokens.issue(portal, user_id)
    return {
        "AUTH_ID": grant.access_token,
        "AUTH_EXPIRES": "3600",
        "member_id": portal.member_id,
        "PLACEMENT": "BIZPROC_ACTIVITY_PROPERTIES_DIALOG",
        "SERVER_ENDPOINT": f"{AUTH}/rest/",
        **changes,
    }


def opened(world: World, path: str = "/robots/send_text", lang: str = "ru", **given: Any) -> Any:
    options = given.pop("options", {"current_values": given.pop("values", {})})
    form = frame(world, **given)
    form["PLACEMENT_OPTIONS"] = options if isinstance(options, str) else json.dumps(options)
    return world.app.post(f"{path}/settings?DOMAIN=acme.example&PROTOCOL=1&LANG={lang}&APP_SID=0f", data=form)


def holds(page: Any, name: str = "settings") -> Any:
    """The JSON a page carries."""
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page.text, re.DOTALL)
    assert found, page.text[:300]
    return json.loads(found[1])


def headers(page: Any) -> dict[str, str]:
    return {"X-Waba24-Frame": holds(page, "frame")["token"]}


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


GOOD: dict[str, dict[str, Any]] = {
    "send_text": {"text": "Привет"},
    "send_template": {"template": "order_ready", "params": ["Анна", "512"]},
    "send_buttons": {"text": "Да?", "buttons": ["Да|yes", "Нет"]},
    "send_list": {"text": "Когда?", "button": "Время", "items": "# Утро\n10:00|Осмотр|a\n# Вечер\n18:00"},
    "send_file": {"file": "12"},
    "send_contact": {"contact_name": "Анна", "contact_phone": "+79161234567"},
    "send_location": {"latitude": "55,75", "longitude": "37.61"},
    "wait_reply": {"accept": ["Да"]},
    "wait_delivery": {"message": "ee4a68a0"},
    "check_window": {},
    "close_chats": {},
}
#: Action, what is changed in GOOD, and the problems: (field, code, entry).
WRONG: list[tuple[str, dict[str, Any], list[tuple[str, str, int | None]]]] = [
    ("send_text", {"text": " "}, [("text", "value_missing", None)]),
    ("send_text", {"text": "ы" * 4097}, [("text", "text_too_long", None)]),
    ("send_text", {"text": "[template=ru]welcome[/template"}, [("text", "value_invalid", None)]),
    ("send_text", {"text": "[template=ru]gone[/template]"}, [("text", "template_not_found", None)]),
    ("send_text", {"line": "Опт"}, [("line", "line_not_found", None)]),
    ("send_text", {"phone": "12345"}, [("phone", "invalid_phone", None)]),
    ("send_text", {"until": "later"}, [("until", "value_invalid", None)]),
    ("send_text", {"wait_minutes": "50000"}, [("wait_minutes", "value_invalid", None)]),
    ("send_text", {"if_closed": "template"}, [("fallback_template", "value_missing", None)]),
    ("send_text", {"if_closed": "?", "quiet": "?"}, [("if_closed", "value_invalid", None), ("quiet", "value_invalid", None)]),
    ("send_template", {"template": ""}, [("template", "value_missing", None)]),
    ("send_template", {"template": "gone"}, [("template", "template_not_found", None)]),
    ("send_template", {"template": "welcome", "params": []}, [("language", "template_ambiguous", None)]),
    ("send_template", {"params": ["[1]Анна", "[2]"]}, [("params", "template_params", 2)]),
    ("send_template", {"params": []}, [("params", "template_params", 1), ("params", "template_params", 2)]),
    ("send_template", {"params": ["a", "b", "c"]}, [("params", "template_params", None)]),
    ("send_template", {"params": ["[1]a", "[1]b"]}, [("params", "template_params", None)]),
    ("send_buttons", {"buttons": []}, [("buttons", "value_missing", None)]),
    ("send_buttons", {"buttons": ["Да", "Да"]}, [("buttons", "buttons_invalid", 2)]),
    ("send_buttons", {"buttons": ["ы" * 21, "ъ" * 22]}, [("buttons", "text_too_long", 1), ("buttons", "text_too_long", 2)]),
    ("send_buttons", {"buttons": list("abcd")}, [("buttons", "buttons_invalid", None)]),
    (
        "send_buttons",
        {"header": "ы" * 61, "text": "ы" * 1025, "footer": "ы" * 61, "buttons": ["a|b|c"]},
        [("header", "text_too_long", None), ("text", "text_too_long", None), ("footer", "text_too_long", None),
         ("buttons", "buttons_invalid", 1)],
    ),
    ("send_list", {"items": "\n".join(map(str, range(11)))}, [("items", "list_invalid", None)]),
    ("send_list", {"items": "ы" * 25}, [("items", "text_too_long", 1)]),
    ("send_list", {"button": "ы" * 21, "text": ""}, [("text", "value_missing", None), ("button", "text_too_long", None)]),
    ("send_file", {"file": "какой-то файл"}, [("file", "value_invalid", None)]),
    ("send_contact", {"contact": "Иванов"}, [("contact", "contact_not_found", None)]),
    ("send_contact", {"contact_email": "anna"}, [("contact_email", "value_invalid", None)]),
    ("send_contact", {"contact_name": "", "contact_phone": ""}, [("contact", "value_missing", None)]),
    ("send_contact", {"contact_phone": ""}, [("contact_phone", "value_missing", None)]),
    ("send_location", {"latitude": "155"}, [("latitude", "value_invalid", None)]),
    (
        "send_location",
        {"latitude": "x", "longitude": ""},
        [("latitude", "value_invalid", None), ("longitude", "value_missing", None)],
    ),
    ("send_location", {"latitude": "55.75, 37.61", "longitude": "1"}, [("longitude", "value_invalid", None)]),
    ("wait_reply", {"wait_minutes": "0"}, [("wait_minutes", "value_invalid", None)]),
    ("wait_delivery", {"message": ""}, [("message", "value_missing", None)]),
    ("check_window", {"phone": "x"}, [("phone", "invalid_phone", None)]),
]  # fmt: skip


def check(world: World, page: Any, action: str, values: dict[str, Any], side: str = "robots") -> Any:
    body = {"side": side, "action": action, "values": values}
    return world.app.post("/settings/check", json=body, headers=headers(page)).json


def places(answer: Any) -> list[tuple[str, str, int | None]]:
    return [(one["field"], one["code"], one["index"]) for one in answer["problems"]]


@ONE_DATABASE
def test_the_check_says_what_a_run_of_the_same_values_would_refuse(shop: World) -> None:
    page = opened(shop)
    shop.app.get("/settings/templates", headers=headers(page))
    open_windows(shop)
    asked = len(shop.net.seen)
    for action, values in GOOD.items():
        assert check(shop, page, action, values)["problems"] == [], action
    found = [check(shop, page, action, {**GOOD[action], **changes}) for action, changes, _ in WRONG]
    assert [places(answer) for answer in found] == [wanted for _, _, wanted in WRONG]
    assert len(shop.net.seen) == asked, "nobody was asked"
    flows = [shop.robots_start((f"robot.{action}", {**GOOD[action], **changes})) for action, changes, _ in WRONG]
    shop.advance_clock(20)
    refused = [ending(flow)[1] for flow in flows]
    assert [(code in {one[1] for one in wanted}) for code, (_, _, wanted) in zip(refused, WRONG, strict=True)] == [
        True
    ] * len(WRONG), refused


@ONE_DATABASE
def test_what_the_card_will_fill_in_is_never_called_wrong(shop: World) -> None:
    page = opened(shop)
    shop.app.get("/settings/templates", headers=headers(page))
    for action in GOOD:
        for side in SIDES if action in ACTIVITIES else ("robots",):
            codes = {one["code"]: one for one in holds(opened(shop, f"/{side}/{action}"))["properties"]}
            filled = {
                code: [f"{{=Document:{code}}}"] if one["multiple"] else f"{{=Document:{code}}}"
                for code, one in codes.items()
            }
            assert check(shop, page, action, filled, side)["problems"] == [], (side, action)
    mixed = {"text": "ы" * 4096 + "{=Document:A}"}
    assert places(check(shop, page, "send_text", mixed)) == [("text", "text_too_long", None)]
    buttons = {"text": "?", "buttons": ["{=Document:A}", "{=Document:B}", "ы" * 21]}
    assert places(check(shop, page, "send_buttons", buttons)) == [("buttons", "text_too_long", 3)]
    assert places(check(shop, page, "send_text", {"text": "x"}, "activities")) == [("phone", "value_missing", None)]


@ONE_DATABASE
@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"fallback_params": ["Анна", "512"]}, []),
        ({"fallback_params": ["Анна"]}, [("fallback_params", "template_params", 2)]),
        (
            {"fallback_params": []},
            [("fallback_params", "template_params", 1), ("fallback_params", "template_params", 2)],
        ),
        ({"fallback_template": "gone"}, [("fallback_template", "template_not_found", None)]),
        ({"fallback_template": "welcome"}, [("fallback_template", "template_ambiguous", None)]),
        ({"fallback_template": "{=Document:T}"}, []),
        ({"text": "", "fallback_params": ["Анна", "{=Document:A}"]}, [("text", "value_missing", None)]),
        ({"if_closed": "wait", "fallback_template": "gone"}, []),
    ],
)
def test_the_template_that_goes_instead_is_checked_as_well(
    shop: World, changes: dict[str, Any], wanted: list[tuple[str, str, int | None]]
) -> None:
    page = opened(shop)
    shop.app.get("/settings/templates", headers=headers(page))
    values = {"text": "Привет", "if_closed": "template", "fallback_template": "order_ready", **changes}
    assert places(check(shop, page, "send_text", values)) == wanted


def titled(title: str) -> dict[str, Text]:
    return {"title": Text(title, title)}


class SendPoll(SendAction):
    """An action that the settings page has never heard of."""

    name = "send_poll"
    title = description = Text("Poll", "Опрос")

    class Content(Properties):
        question = fields.String(required=True, metadata=titled("Question"))
        answers = fields.List(fields.String(), required=True, metadata=titled("Answers"))
        votes = WholeNumber(required=True, validate=Range(2, 5), metadata=titled("Votes"))
        is_open = YesNo(load_default=False, metadata=titled("Open"))
        colours = fields.List(
            fields.String(validate=OneOf(["red", "blue"])), load_default=list, metadata=titled("Colours")
        )

    def message(self, values: Any, desk: Any) -> messages.Message:
        return messages.Text(values["question"])


@ONE_DATABASE
@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, []),
        ({"question": "", "answers": []}, [("question", "value_missing"), ("answers", "value_missing")]),
        ({"question": "x" * 4097, "is_open": "?"}, [("question", "text_too_long"), ("is_open", "value_invalid")]),
        ({"votes": "9"}, [("votes", "value_invalid")]),
        ({"votes": "{=Document:N}", "is_open": "{=Document:Y}"}, []),
        ({"answers": ["{=Document:A}"], "colours": ["red", "{=Document:C}"]}, []),
        ({"colours": ["green"]}, [("colours", "value_invalid")]),
    ],
)
def test_an_action_that_the_page_does_not_know_is_checked(
    shop: World, changes: dict[str, Any], wanted: list[tuple[str, str]]
) -> None:
    action: Action = SendPoll()
    values = {"phone": "+79161234567", "question": "?", "answers": ["a"], "votes": "3", **changes}
    with shop.runtime.db.read() as session:
        found = settings_check.problems(shop.runtime, session.scalars(select(Portal)).one(), "robots", action, values)
    assert [(one.field, one.code) for one in found] == wanted


@ONE_DATABASE
def test_the_check_speaks_the_viewers_language(shop: World) -> None:
    said = {}
    for lang in ("ru", "en"):
        said[lang] = check(shop, opened(shop, lang=lang), "send_buttons", {"text": "", "buttons": ["a", "a"]})
    assert said["ru"]["heading"] == "Исправьте 2 поля, иначе робот завершится с ошибкой"
    assert said["en"]["heading"] == "Correct 2 fields, otherwise the robot will fail"
    assert said["ru"]["problems"][1]["text"] == "Две кнопки называются «a». Дайте им разные названия."
    assert said["en"]["problems"][1]["text"] == 'Two buttons are called "a". Give them different titles.'


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
