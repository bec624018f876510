"""A text with chips for fields, in a real browser: keys, input methods, clipboard, and what was stored."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.pages.harness.serve import NAME, PHONE, TEXT, TITLE, Harness, opened


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Harness]:
    with opened() as made:
        yield made


@pytest.fixture
def harness(browser_page: Harness) -> Iterator[Harness]:
    """Fails the test if the console shows an error."""
    yield browser_page
    assert browser_page.errors == []


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
