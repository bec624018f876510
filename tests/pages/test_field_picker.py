"""The list from which a field is chosen: by mouse, by keyboard, inside the smallest frame."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.pages.harness.serve import NAME, TEXT, TITLE, Harness, opened


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Harness]:
    with opened() as made:
        yield made


@pytest.fixture
def harness(browser_page: Harness) -> Iterator[Harness]:
    """Fails the test if the console shows an error."""
    yield browser_page
    assert browser_page.errors == []


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


def test_without_any_fields_nothing_is_called_missing(harness: Harness) -> None:
    harness.show(TEXT | {"value": TITLE}, fields=[], template=[])
    expect(harness.box.get_by_role("img", name="поле TITLE")).to_be_visible()
    expect(harness.page.get_by_text("нет в этой воронке")).to_have_count(0)
    harness.page.get_by_role("button", name="Вставить поле в Текст").click()
    expect(harness.page.get_by_text("Битрикс24 не передал полей для этого робота.")).to_be_visible()


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
