"""The field with expressions and its picker in a real browser, under the CSP of a frame page, on a page of this test."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from bx24.fields_catalogue import groups
from tests.pages.harness.field_texts import TEXTS
from tests.support.browser import launch

HARNESS = Path(__file__).parent / "harness"
STATIC = Path(__file__).parents[2] / "web" / "static"
CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'"
NAME = "{=Document:CONTACT.NAME}"
TITLE = "{=Document:TITLE}"
PHONE = "{=Document:CONTACT.PHONE_PRINTABLE}"
FIELDS: dict[str, dict[str, Any]] = {
    "TITLE": {"Name": {"ru": "Название", "en": "Name"}, "Type": "string"},
    "OPPORTUNITY": {"Name": {"ru": "Сумма", "en": "Amount"}, "Type": "double"},
    "BEGINDATE": {"Name": {"ru": "Дата начала", "en": "Start date"}, "Type": "date"},
    "ASSIGNED_BY_ID": {"Name": {"ru": "Ответственный", "en": "Responsible"}, "Type": "user"},
    "ASSIGNED_BY_PRINTABLE": {"Name": {"ru": "Ответственный (текст)", "en": "Responsible (text)"}, "Type": "string"},
    "XML_ID": {"Name": {"ru": "Внешний код", "en": "External code"}, "Type": "string"},
    "UF_CRM_FILE": {"Name": {"ru": "Договор", "en": "Contract"}, "Type": "file"},
    "CONTACT.NAME": {"Name": {"ru": "Контакт: Имя", "en": "Contact: First name"}, "Type": "string"},
    "CONTACT.PHONE": {"Name": {"ru": "Контакт: Телефон", "en": "Contact: Phone"}, "Type": "phone", "Multiple": True},
    "CONTACT.PHONE_PRINTABLE": {"Name": "Телефон (текст)", "Type": "string"},
}
TEMPLATE = {
    "variables": {"Discount": {"Name": {"ru": "Скидка", "en": "Discount"}, "Type": "double"}},
    "return_activities": [{"Id": "A1_2", "Title": "WhatsApp", "Return": [{"Id": "status", "Name": "status"}]}],
}


class Pages(SimpleHTTPRequestHandler):
    """/page?…: the harness with what the test asked for; /static and /harness: files."""

    html: dict[str, str]

    def do_GET(self) -> None:
        if not self.path.startswith("/page"):
            return super().do_GET() if "favicon" not in self.path else self._send(204, "")
        return self._send(200, self.html[self.path])

    def _send(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(body.encode())

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", CSP)
        super().end_headers()

    def translate_path(self, path: str) -> str:
        root, _, name = path.lstrip("/").partition("/")
        return str({"static": STATIC, "harness": HARNESS}[root] / name)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


class Harness:
    """Pages by address, and the browser's page that shows one."""

    def __init__(self, url: str, html: dict[str, str], page: Page) -> None:
        self.url, self.html, self.page = url, html, page

    def show(self, *fields: dict[str, Any], lang: str = "ru", more: int = 0, height: int = 600, **raw: Any) -> None:
        """Open a page with these fields. more: how many custom fields the deal has besides."""
        custom = {f"UF_CRM_{n}": {"Name": f"Поле {n}", "Type": "string"} for n in range(more)}
        found = groups(
            raw.get("fields", FIELDS | custom), raw.get("template", TEMPLATE), ["crm", "CCrmDocumentDeal", "DEAL"], lang
        )
        texts = {key: text[lang == "ru"] for key, text in TEXTS.items()}
        data = {"groups": [group.to_dict() for group in found], "texts": texts, "fields": fields}
        path = f"/page?{len(self.html)}"
        self.html[path] = (
            f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>Fields</title>'
            '<link rel="stylesheet" href="/harness/fields.css"><link rel="stylesheet" href="/static/settings/fields.css">'
            f'<script type="application/json" id="data">{json.dumps(data)}</script>'
            '<script type="module" src="/harness/fields.js"></script></head><body><main><h1>Fields</h1></main></body></html>'
        )
        self.page.set_viewport_size({"width": 600, "height": height})
        self.page.goto(self.url + path)
        self.page.wait_for_function("window.made")

    def value(self, id: str = "text") -> str:
        return str(self.page.evaluate("id => window.made[id].value", id))

    def set(self, value: str, id: str = "text") -> None:
        self.page.evaluate("([id, value]) => window.made[id].setValue(value)", [id, value])

    @property
    def box(self) -> Locator:
        return self.page.get_by_role("textbox", name="Текст")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def clipboard(self, text: str) -> None:
        self.page.evaluate("text => navigator.clipboard.writeText(text)", text)


TEXT = {"id": "text", "label": "Текст", "multiline": True, "limit": 4096}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = launch(playwright)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, dict[str, str]]]:
    html: dict[str, str] = {}
    handler = type("Handler", (Pages,), {"html": html})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", html
        server.shutdown()


@pytest.fixture(scope="module")
def opened(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """The page, and the errors of its console: a CSP violation is one."""
    page = browser.new_context(permissions=["clipboard-read", "clipboard-write"]).new_page()
    page.set_default_timeout(5_000)
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page, errors
    page.context.close()


@pytest.fixture
def harness(opened: tuple[Page, list[str]], served: tuple[str, dict[str, str]]) -> Iterator[Harness]:
    """Fails the test if the console shows an error."""
    page, errors = opened
    yield Harness(*served, page)
    assert errors == []


STORED = [
    "",
    "Здравствуйте, {=Document:CONTACT.NAME}!",
    f"{NAME}{TITLE}\n{PHONE} \n",
    " \t two  spaces\r\nand CRLF\r\n\r\n\u00a0{=Document:TITLE}\u200b\u200b{=Document:TITLE}\r\n",
    "{= Document : TITLE > printable , x }{=document:TITLE}{=Document:GONE}{=A1_2:status}{=GlobalVar:X}{{Название}}",
    "{=Document:TITLE",
    "{{=concat({=Document:TITLE}, '<b>&amp;</b>')}} 👍🏽 \ud7ff e\u0301 \u202e",
]


def test_what_was_stored_comes_back_byte_for_byte(harness: Harness) -> None:
    kinds = [(stored, is_long) for stored in STORED for is_long in (True, False)]
    harness.show(
        *({"id": f"f{n}", "label": "x", "value": value, "multiline": long} for n, (value, long) in enumerate(kinds))
    )
    parts = harness.page.evaluate(
        """values => import('/static/settings/expressions.js')
            .then(({ split, join }) => values.map((value) => join(split(value))))""",
        STORED,
    )
    assert parts == STORED
    for n, (stored, _) in enumerate(kinds):
        harness.page.evaluate("id => window.made[id].focus()", f"f{n}")
        # Moved through, left, shown as text and back.
        harness.press("ArrowLeft", "Home", "End", "ArrowRight", "Tab", "Tab", "Space", "Space", "Tab")
        assert harness.value(f"f{n}") == stored
    assert harness.page.evaluate("window.reported.input") == []


def test_a_field_is_chosen_by_mouse_only(harness: Harness) -> None:
    harness.show(TEXT | {"hint": "До 4096 знаков"})
    page = harness.page
    harness.box.click()
    page.keyboard.type("Здравствуйте, ")
    page.get_by_role("button", name="Вставить поле в Текст").click()
    expect(page.get_by_role("combobox", name="Поиск поля")).to_be_focused()
    expect(page.get_by_role("dialog", name="Поля").get_by_role("status")).to_have_text("9 полей")
    client = page.get_by_role("group", name="Клиент")
    expect(client.get_by_role("option")).to_have_text(
        ["Контакт: Имя", "Контакт: Телефоннесколько значений, через запятую"]
    )
    client.get_by_role("option", name="Контакт: Имя").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.type("!")
    assert harness.value() == f"Здравствуйте, {NAME}!"
    expect(harness.box.get_by_role("img", name="поле Контакт: Имя")).to_be_visible()
    expect(page.get_by_text("27 / 4096")).to_be_visible()
    page.get_by_title("Убрать поле Контакт: Имя").click()
    assert harness.value() == "Здравствуйте, !"
    page.get_by_role("button", name="Вставить поле в Текст").click()
    page.get_by_role("heading").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.evaluate("window.reported.input").pop() == "Здравствуйте, !"


def test_a_field_is_chosen_by_keyboard_only(harness: Harness) -> None:
    harness.show(TEXT)
    page = harness.page
    search = page.get_by_role("combobox")
    harness.press("Tab")
    page.keyboard.type("Сумма: {")
    expect(search).to_be_focused()
    page.keyboard.type("cevvf")  # «сумма» with the other layout switched on
    expect(page.get_by_role("option")).to_have_text(["Сумма12 480 ₽"])
    harness.press("Enter")
    page.keyboard.type(" ₽, ")
    assert harness.value() == "Сумма: {=Document:OPPORTUNITY} ₽, "

    page.keyboard.type("{")
    harness.press("End")
    last = search.get_attribute("aria-activedescendant")
    expect(page.locator(f"#{last}")).to_have_text("Скидка")
    expect(page.locator(f"#{last}")).to_be_in_viewport()
    harness.press("ArrowDown")
    expect(page.get_by_role("option", selected=True)).to_have_text("Контакт: Имя")
    harness.press("ArrowUp", "ArrowUp")
    expect(page.get_by_role("option", selected=True)).to_have_text("WhatsApp: status")
    harness.press("Escape")
    page.keyboard.type("}")
    assert harness.value() == "Сумма: {=Document:OPPORTUNITY} ₽, {}"

    harness.press("Tab", "Enter")
    expect(search).to_be_focused()
    harness.press("Tab")
    expect(page.get_by_role("switch", name="Показать все технические поля")).to_be_focused()
    harness.press("Space")
    expect(page.get_by_role("status").filter(has_text="12 полей")).to_be_visible()
    harness.press("Shift+Tab")
    page.keyboard.type("xml_id")
    harness.press("Enter")
    page.keyboard.type(".")
    assert harness.value() == "Сумма: {=Document:OPPORTUNITY} ₽, {}{=Document:XML_ID}."
    harness.press("Tab", "Enter", "Tab", "Tab")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Вставить поле в Текст")).to_be_focused()


def test_an_expression_may_be_typed_by_hand(harness: Harness) -> None:
    harness.show(TEXT)
    for typed, value in (
        ("{{1} x", "{{1} x"),
        ("{=Document:TITLE} x", "{=Document:TITLE} x"),
        ("{сумма\n!", "{=Document:OPPORTUNITY}!"),
    ):
        harness.set("")
        harness.box.focus()
        harness.page.keyboard.type(typed)
        assert harness.value() == value
        harness.press("Tab")
        assert harness.value() == value
        assert harness.box.get_by_role("img").count() == value.count("{=")


CHIPS = {"N": NAME, "T": TITLE}
#: A value in which N and T are chips, the keys pressed from its beginning, and the value then.
KEYS: list[tuple[str, str, str]] = [
    ("aN", "End x", "aNx"),
    ("NT", "x", "xNT"),
    ("NT", "ArrowRight x", "NxT"),
    ("NT", "End x Home y", "yNTx"),
    ("NTb", "End Home x", "xNTb"),
    ("aN", "End Backspace", "aN"),
    ("aN", "End Backspace Backspace", "a"),
    ("aNb", "ArrowRight Delete Delete", "ab"),
    ("aN", "End Backspace ArrowLeft x", "axN"),
    ("aN", "End Backspace ArrowRight x", "aNx"),
    ("aN", "End Backspace x", "ax"),
    ("aN", "End Shift+ArrowLeft x", "ax"),
    ("aNb", "End Shift+Home x", "x"),
    ("one two N", "End Control+Backspace Control+Backspace Control+Backspace", "one "),
    ("a N", "Control+a Control+x x Control+v Control+v", "xa Na N"),
    ("a", "End Enter Enter b Enter Backspace Backspace c", "a\n\nc"),
    ("q\nN", "ArrowRight ArrowRight x", "q\nxN"),
    ("q\nN", "Control+End ArrowLeft Backspace x", "qxN"),
    ("q\nN", "Control+End ArrowLeft ArrowLeft x", "qx\nN"),
    ("q\nNT", "ArrowDown End Home x", "q\nxNT"),
    ("N\nT", "End x ArrowDown y", "Nx\nTy"),
    ("a👍🏽b", "End ArrowLeft Backspace", "ab"),
    ("N ", "End Backspace x", "Nx"),
    ("aN", "Control+b Control+i x", "xaN"),
    ("aN", "x End y Backspace Control+z Control+z", "xaN"),
    ("aN", "x End y Control+z Control+z", "aN"),
    ("aN", "End Backspace Backspace Control+z", "aN"),
    ("aN", "End Backspace Backspace Control+z Control+Shift+z x", "ax"),
    ("aN", "End Backspace Backspace Control+z Control+y x", "ax"),
]


def test_keys_do_what_they_do_in_any_text(harness: Harness) -> None:
    harness.show(TEXT)
    got = []
    for start, keys, _ in KEYS:
        harness.set("".join(CHIPS.get(key, key) for key in start))
        harness.box.focus()
        harness.press("Control+Home", *keys.split())
        got.append((start, keys, harness.value().replace(NAME, "N").replace(TITLE, "T")))
    assert got == KEYS


def test_an_input_method_composes_beside_chips(harness: Harness) -> None:
    harness.show(TEXT)
    method = harness.page.context.new_cdp_session(harness.page)
    for stored, where, value in [
        ("", "End", "你z"),
        (NAME, "Control+Home", f"你z{NAME}"),
        (NAME, "Control+End", f"{NAME}你z"),
        (f"q\n{NAME}", "ArrowDown", f"q\n你z{NAME}"),
    ]:
        harness.set(stored)
        harness.box.focus()
        harness.press("Control+Home", where)
        method.send("Input.imeSetComposition", {"text": "ni", "selectionStart": 2, "selectionEnd": 2})
        method.send("Input.insertText", {"text": "你"})
        harness.page.keyboard.type("z")
        assert harness.value() == value


def test_paste_is_plain_text_and_makes_chips_and_copy_gives_expressions(harness: Harness) -> None:
    harness.show(TEXT, {"id": "line", "label": "Строка"})
    page = harness.page
    page.evaluate(
        """html => navigator.clipboard.write([new ClipboardItem({
            'text/html': new Blob([html], {type: 'text/html'}),
            'text/plain': new Blob(['Имя:\\r\\n{=Document:CONTACT.NAME}'], {type: 'text/plain'})})])""",
        "<b>Имя:</b><img src=x>",
    )
    harness.box.click()
    harness.press("Control+v")
    assert harness.value() == f"Имя:\n{NAME}"
    expect(harness.box.get_by_role("img", name="поле Контакт: Имя")).to_be_visible()
    assert harness.box.locator("b, img").count() == 0

    harness.press("Control+a", "Control+c")
    page.get_by_role("textbox", name="Строка").click()
    harness.press("Control+v")
    assert harness.value("line") == f"Имя: {NAME}"
    assert page.evaluate("navigator.clipboard.readText()") == f"Имя:\n{NAME}"
    assert page.evaluate("window.reported.macro") == []

    harness.clipboard("[template=ru]visit[/template][body]x[/body]")
    harness.press("Control+a", "Control+v")
    assert page.evaluate("window.reported.macro") == ["[template=ru]visit[/template][body]x[/body]"]


def test_a_one_line_field_takes_no_line_break(harness: Harness) -> None:
    harness.show({"id": "text", "label": "Текст", "value": "a"})
    harness.box.focus()
    harness.press("End", "Enter", "b")
    assert harness.value() == "ab"
    harness.press("Control+z", "Control+z", "Control+z")
    assert harness.value() == "a"


def test_the_string_itself_can_be_edited(harness: Harness) -> None:
    harness.show(TEXT | {"value": f"a\r\n{NAME}"})
    switch = harness.page.get_by_role("switch", name="Показать как текст")
    switch.click()
    expect(harness.box).to_have_value(f"a\n{NAME}")
    assert harness.value() == f"a\r\n{NAME}"
    harness.box.focus()
    harness.press("Control+End")
    harness.page.keyboard.type(" {=Document:TITLE}")
    assert harness.value() == f"a\r\n{NAME} {TITLE}"
    harness.page.get_by_role("button", name="Вставить поле в Текст").click()
    harness.page.keyboard.type("сумма\n")
    expect(harness.box).to_be_focused()
    switch.click()
    expect(harness.box.get_by_role("img")).to_have_count(3)
    assert harness.value() == f"a\r\n{NAME} {TITLE}{{=Document:OPPORTUNITY}}"


def test_what_will_not_become_a_value_is_said(harness: Harness) -> None:
    harness.show(TEXT | {"value": "{=Document:UF_CRM_99} {{Контакт: Имя}} {{1}} {=Document:OPPORTUNITY > printable}"})
    page = harness.page
    expect(page.get_by_text("Поля UF_CRM_99 нет в этой воронке")).to_be_visible()
    expect(harness.box).to_have_accessible_description(
        re.compile("Поля UF_CRM_99 нет в этой воронке .*Заменить на поле")
    )
    expect(harness.box.get_by_role("img", name="поле Сумма · печатный вид")).to_be_visible()
    dotted = "[...(CSS.highlights?.get('xf-unknown') ?? [])].map(String)"
    harness.box.focus()
    harness.press("Control+Home", "x", "Control+z")
    assert page.evaluate(dotted) == ["{=Document:UF_CRM_99}", "{{Контакт: Имя}}"]
    page.get_by_role("button", name="Заменить на поле").click()
    assert harness.value() == f"{{=Document:UF_CRM_99}} {NAME} {{{{1}}}} {{=Document:OPPORTUNITY > printable}}"
    assert page.evaluate("window.reported.input").pop() == harness.value()
    expect(page.get_by_role("listitem")).to_have_text(["Поля UF_CRM_99 нет в этой воронке"])


def test_without_any_fields_nothing_is_called_missing(harness: Harness) -> None:
    harness.show(TEXT | {"value": TITLE}, fields=[], template=[])
    expect(harness.box.get_by_role("img", name="поле TITLE")).to_be_visible()
    expect(harness.page.get_by_text("нет в этой воронке")).to_have_count(0)
    harness.page.get_by_role("button", name="Вставить поле в Текст").click()
    expect(harness.page.get_by_text("Битрикс24 не передал полей для этого робота.")).to_be_visible()


def test_problem_and_limit_are_told_to_everybody(harness: Harness) -> None:
    harness.show({"id": "text", "label": "Текст", "limit": 20, "required": True, "hint": "Подсказка"})
    page = harness.page
    page.evaluate("window.made.text.setProblem('Введите текст')")
    expect(harness.box).to_have_accessible_description("Подсказка 0 / 20 Введите текст")
    expect(harness.box).to_have_attribute("aria-invalid", "true")
    expect(harness.box).to_have_attribute("aria-required", "true")
    page.evaluate("window.made.text.setProblem('')")
    expect(harness.box).not_to_have_attribute("aria-invalid", "true")
    harness.box.click()
    page.keyboard.type("a" * 17 + "👍")
    expect(page.get_by_role("status")).to_have_text("осталось 2 знака")
    page.evaluate("name => window.made.text.insert(name)", NAME)
    expect(page.get_by_role("status")).to_have_text("лишних 10 знаков")
    expect(page.get_by_text("лишних 10 знаков · 30 / 20")).to_be_visible()
    expect(page.get_by_text("Поля посчитаны по их названиям")).to_be_visible()


@pytest.mark.parametrize("lang", ["ru", "en"])
def test_the_picker_stays_inside_a_frame_of_350_px(harness: Harness, lang: str) -> None:
    fields = [{"id": f"f{n}", "label": f"Field {n}"} for n in range(4)]
    harness.show(*fields, lang=lang, more=300, height=350)
    page = harness.page
    buttons = page.get_by_role("button", name="Вставить поле в" if lang == "ru" else "Insert a field into")
    for width in (600, 320):
        page.set_viewport_size({"width": width, "height": 350})
        for n in range(4):
            buttons.nth(n).click()
            box = page.get_by_role("dialog").bounding_box()
            assert box
            assert box["x"] >= 0
            assert box["y"] >= 0
            assert box["x"] + box["width"] <= width
            assert box["y"] + box["height"] <= 350
            harness.press("End")
            expect(page.get_by_role("option", selected=True)).to_be_in_viewport(ratio=0.9)
            harness.press("Escape")
    expect(page.get_by_role("textbox", name="Field 3")).to_be_focused()
    page.keyboard.type("{")
    expect(page.get_by_role("status").filter(has_text="309 полей" if lang == "ru" else "309 fields")).to_be_visible()
    page.keyboard.type("299")
    expect(page.get_by_role("option")).to_have_text(["Поле 299"])
    page.keyboard.type("zzz")
    expect(page.get_by_text("Ничего не нашлось" if lang == "ru" else "Nothing found")).to_be_visible()
    expect(page.get_by_role("combobox")).to_have_attribute("aria-expanded", "false")


def test_what_fits_comes_first(harness: Harness) -> None:
    fits = ("phone", "header", "file", "number")
    harness.show(*({"id": fit, "label": fit, "fit": fit} for fit in fits))
    found = {}
    for fit in fits:
        harness.page.get_by_role("button", name=f"Вставить поле в {fit}").click()
        names = harness.page.locator(".xp-name").all_inner_texts()
        found[fit] = (
            harness.page.locator(".xp-title").first.inner_text(),
            names[0],
            "Сумма" in names,
            "Договор" in names,
        )
        harness.press("Escape")
    assert found == {
        "phone": ("Телефоны", "Контакт: Телефон", True, True),
        "header": ("Файлы", "Договор", False, True),
        "file": ("Файлы", "Договор", False, True),
        "number": ("Часто", "Контакт: Имя", True, False),
    }
