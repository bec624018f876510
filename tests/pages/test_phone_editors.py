"""The template picker and the editors of buttons and lists, on a page of their own (harness_phone)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.pages.harness_phone.serve import heard, opened


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    with opened() as made:
        yield made


@pytest.fixture
def page(browser_page: Page) -> Page:
    browser_page.evaluate("harness.heard.length = 0")
    return browser_page


def template(id: str, name: str, **more: Any) -> dict[str, Any]:
    shown = {"category": "UTILITY", "category_text": "Услуга", "status": "APPROVED", "status_text": "Одобрен"}
    rest = {"language": "ru", "usable": True, "why": "", "text": "", "variables": 0, "buttons": 0}
    return {"id": id, "name": name} | shown | rest | more


TEMPLATES = [
    template("u0", "promo_may", usable=False, why="Приостановлен до 18:00", text="Скидка", category="MARKETING"),
    template("u1", "visit_reminder", text="Здравствуйте, {{1}}! Ждём вас", variables=1),
    template("u2", "visit_reminder", language="en", text="Hello {{1}}"),
    template("u3", "bill", text="Ваш счёт"),
]


def pick_from(page: Page, templates: list[dict[str, Any]], name: str = "", language: str = "") -> None:
    value = {"template": name, "language": language}
    page.evaluate("([templates, value]) => harness.templates(templates, value)", [templates, value])


def test_a_template_is_found_previewed_and_picked_by_keys(page: Page) -> None:
    pick_from(page, TEMPLATES)
    search = page.get_by_role("combobox", name="Template")
    options = page.get_by_role("option")
    search.focus()
    expect(search).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("listbox").get_by_role("option").last).to_contain_text("Приостановлен до 18:00")
    page.keyboard.type("vis ждём")
    expect(page.get_by_role("status")).to_have_text("1 шаблон")
    page.keyboard.press("ArrowDown")
    assert heard(page, "preview") == ["u1"]
    active = search.get_attribute("aria-activedescendant")
    expect(page.locator(f"#{active}")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    assert heard(page, "pick") == ["u1"]
    change = page.get_by_role("button", name="Сменить")
    expect(change).to_be_focused()
    expect(page.locator(".template-chosen")).to_contain_text("visit_reminder · ru · Услуга · Одобрен")

    change.press("Enter")
    page.get_by_role("combobox", name="Категория").select_option("MARKETING")
    options.filter(has_text="promo_may").click(force=True)
    assert heard(page, "pick") == ["u1"]
    expect(page.get_by_role("status")).to_have_text("Приостановлен до 18:00")
    search.press("Escape")
    expect(change).to_be_focused()
    assert heard(page, "preview")[-1] is None


def test_a_template_is_picked_though_the_list_moves_under_the_pointer(page: Page) -> None:
    """A portal makes the frame higher a moment after the list has opened, and the page jumps."""
    pick_from(page, TEMPLATES)
    page.get_by_role("combobox", name="Template").focus()
    box = page.get_by_role("option").filter(has_text="bill").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 40, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.evaluate("document.body.style.paddingTop = '70px'")
    page.mouse.up()
    page.evaluate("document.body.style.paddingTop = ''")
    assert heard(page, "pick") == ["u3"]


def test_what_is_stored_is_shown_even_when_no_template_answers_to_it(page: Page) -> None:
    pick_from(page, TEMPLATES, "visit_reminder")
    page.get_by_label("Есть на языках: ru, en. Выберите один").select_option("en")
    assert heard(page, "pick") == ["u2"]
    pick_from(page, TEMPLATES, "visit_reminder", "en")
    expect(page.locator(".template-chosen")).to_contain_text("visit_reminder · en")
    pick_from(page, TEMPLATES, "gone_one", "ru")
    expect(page.locator(".template-chosen")).to_contain_text("gone_one · ruНа этой линии его больше нет")
    pick_from(page, TEMPLATES, "{=Document:TITLE}")
    expect(page.locator(".template-chosen")).to_contain_text("Имя подставится из поля")
    pick_from(page, [])
    expect(page.locator(".templates")).to_contain_text("На этой линии нет одобренных шаблонов")
    pick_from(page, TEMPLATES)
    page.get_by_role("combobox", name="Template").focus()
    page.get_by_role("button", name="Обновить шаблоны").click()
    expect(page.get_by_role("option")).to_have_count(1)


def buttons(page: Page, value: list[str]) -> None:
    page.evaluate("value => harness.buttons(value)", value)


def test_buttons_are_written_as_they_were_until_somebody_edits_them(page: Page) -> None:
    for stored in (
        ["Да|yes", " Нет ", "{=Document:A|B}|{=C|D}"],
        ["Да\nНет"],
        [],
        ["", "Да"],
        ["a|b|c"],
        ["1", "2", "3", "4"],
    ):
        buttons(page, stored)
        assert page.evaluate("harness.value()") == stored
    buttons(page, ["Да|yes", "Нет", "{=Document:A|B}"])
    page.get_by_role("textbox", name="Название кнопки 1").fill("Ага")
    page.get_by_role("textbox", name="Название кнопки 3").press("End")
    page.keyboard.type("!")
    # Its number was its id, and stays it.
    assert heard(page, "buttons")[-1] == ["Ага|yes", "Нет", "{=Document:A|B}!|3"]


def test_buttons_are_moved_added_and_removed_by_keys(page: Page) -> None:
    buttons(page, ["Да|yes", "Нет", "Позже"])
    page.get_by_role("textbox", name="Название кнопки 1").press("Alt+ArrowDown")
    assert heard(page, "buttons")[-1] == ["Нет|2", "Да|yes", "Позже"]
    expect(page.get_by_role("status")).to_have_text("«Да» теперь вторая из трёх")
    expect(page.get_by_role("textbox", name="Название кнопки 1")).to_be_focused()

    page.get_by_role("button", name="Название кнопки 2: удалить").click()
    assert heard(page, "buttons")[-1] == ["Да|yes", "Позже|3"]
    expect(page.get_by_role("textbox", name="Название кнопки 1")).to_be_focused()
    page.get_by_role("button", name="Название кнопки 3: удалить").click()
    add = page.get_by_role("button", name="Добавить кнопку")
    expect(add).to_be_focused()
    add.press("Enter")
    assert page.evaluate("harness.problems()") == []
    page.keyboard.type("Да")
    expect(page.get_by_text("Кнопки называются одинаково")).to_be_visible()
    page.keyboard.type(" и нет, и может быть")
    assert heard(page, "buttons")[-1] == ["Да|yes", "Да и нет, и может быть|btn_1"]
    assert page.evaluate("harness.problems()") == ["Лишних 2 знака: можно 20"]

    page.get_by_role("button", name=re.compile("код ответа")).last.click()
    page.keyboard.press("Control+A")
    page.keyboard.type("yes")
    expect(page.get_by_text("Ответ вернётся как код: yes").last).to_be_visible()
    page.get_by_role("textbox", name=re.compile("Название")).last.fill("Нет")
    assert heard(page, "buttons")[-1] == ["Да|yes", "Нет|yes"]
    assert page.evaluate("harness.problems()") == ["Код yes уже занят"]


ITEMS = "\n# Лечение \r\nОсмотр | 30 минут|look\nЧистка\n\n#Прочее\n{=Document:A|B}||ask\nВопрос"


def rows(page: Page, value: str) -> None:
    page.evaluate("value => harness.list(value)", value)


def test_a_list_is_written_as_it_was_until_somebody_edits_it(page: Page) -> None:
    for stored in (ITEMS, "", "Один", "#\nБез имени\n#", "a|b|c|d", "{=Document:ROWS}"):
        rows(page, stored)
        assert page.evaluate("harness.value()") == stored
    rows(page, ITEMS)
    expect(page.get_by_text("4 из 10 строк")).to_be_visible()
    page.get_by_label("Описание строки").nth(1).fill("1 час")
    assert heard(page, "list")[-1] == (
        "# Лечение \nОсмотр | 30 минут|look\nЧистка|1 час|2\n#Прочее\n{=Document:A|B}||ask\nВопрос"
    )


def test_rows_move_across_sections(page: Page) -> None:
    rows(page, "# А\nраз|1\nдва\n# Б\nтри|3|t")
    second = page.get_by_label("Название строки").nth(1)
    second.press("Alt+ArrowDown")
    assert heard(page, "list")[-1] == "# А\nраз|1\n# Б\nдва\nтри|3|t"
    expect(page.get_by_label("Название строки").nth(1)).to_be_focused()
    page.keyboard.press("Alt+ArrowDown")
    assert heard(page, "list")[-1] == "# А\nраз|1\n# Б\nтри|3|t\nдва||2"
    expect(page.get_by_role("status")).to_have_text("«два» теперь третья из трёх")
    page.get_by_role("button", name="Строка 2: удалить").click()
    assert page.evaluate("harness.problems()") == ["Добавьте в раздел строку или уберите его"]
    page.get_by_role("button", name="Убрать раздел").first.click()
    assert heard(page, "list")[-1] == "# Б\nтри|3|t\nдва||2"
    page.get_by_role("button", name="Добавить раздел").click()
    assert (
        page.evaluate("harness.problems()")
        == [
            "Назовите раздел: разделов несколько",
            "Добавьте в раздел строку или уберите его",
        ][:1]
    )
    page.keyboard.type("В")
    page.get_by_label("Название строки").last.fill("новая")
    assert heard(page, "list")[-1] == "# Б\nтри|3|t\nдва||2\n# В\nновая||row_1"
    rows(page, "\n".join(f"строка {n}" for n in range(11)))
    assert page.evaluate("harness.problems()") == ["Можно 10 строк. Уберите эту"]
    expect(page.get_by_role("button", name="Добавить строку")).to_be_hidden()


OPTIONS = [["red", "Красный"], ["blue", "Синий"]]
#: A property of every kind, with what is saved of it.
PROPERTIES: list[tuple[dict[str, Any], Any]] = [
    ({"code": "line", "type": "select"}, ""),
    ({"code": "question", "type": "text", "required": True, "hint": "До 100 знаков", "limit": 100}, "Как дела?"),
    ({"code": "answers", "multiple": True, "required": True}, ["Да", "Да"]),
    ({"code": "votes", "type": "int"}, "3"),
    ({"code": "is_open", "type": "bool"}, None),
    ({"code": "colour", "type": "select", "options": OPTIONS, "default": "red"}, ""),
    ({"code": "colours", "type": "select", "options": OPTIONS, "multiple": True}, ["blue", "{=Document:C}"]),
    ({"code": "until", "type": "select"}, ""),
]


def ordinary_fields(page: Page) -> None:
    usual = {
        "type": "string",
        "multiple": False,
        "required": False,
        "hint": "",
        "options": [],
        "default": "",
        "limit": 0,
    }
    properties = [{**usual, "title": one["code"], **one} for one, _ in PROPERTIES]
    saved = {one["code"]: value for one, value in PROPERTIES}
    page.evaluate("([properties, saved]) => harness.ordinary(properties, saved)", [properties, saved])


def test_an_action_without_an_editor_gets_a_field_for_every_property(page: Page) -> None:
    ordinary_fields(page)
    question = page.get_by_role("textbox", name="question")
    expect(question).to_have_text("Как дела?")
    expect(question).to_have_attribute("aria-required", "true")
    expect(page.get_by_text("До 100 знаков")).to_be_visible()
    expect(page.get_by_label("is_open")).to_have_value("")
    expect(page.get_by_label("colour", exact=True).locator("option")).to_have_text(["Красный", "Синий"])
    expect(page.get_by_role("group", name="colours").get_by_role("checkbox")).to_have_count(3)
    expect(page.get_by_label("until")).to_have_count(0)
    assert heard(page, "stored") == [], "nothing is stored before somebody changes it"

    question.fill("Придёте?")
    answers = page.get_by_role("textbox", name="answers")
    answers.fill("Нет")
    answers.press("Enter")
    page.get_by_role("button", name="Убрать значение Да").first.press("Enter")
    page.get_by_role("textbox", name="votes").fill("4")
    page.get_by_label("is_open").select_option("да")
    page.get_by_label("colour", exact=True).select_option("Синий")
    page.get_by_role("checkbox", name="Красный").check()
    stored = dict(heard(page, "stored"))
    assert stored == {
        "question": "Придёте?", "answers": ["Да", "Нет"], "votes": "4", "is_open": "Y", "colour": "blue",
        "colours": ["red", "blue", "{=Document:C}"],
    }  # fmt: skip


def test_every_ordinary_field_shows_its_problem(page: Page) -> None:
    ordinary_fields(page)
    for one, _ in PROPERTIES[1:-1]:
        page.evaluate("code => harness.problem(code, `Ошибка: ${code}`)", one["code"])
        expect(page.get_by_text(f"Ошибка: {one['code']}", exact=True)).to_be_visible()
