"""The client's screen, the template picker and the editors of buttons and lists, on a page of their own (harness_phone).

The words and marks of the screen are compared with those of the emulated phone: both mark each piece with `data-read`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from gupshup import messages
from tests.gupshup_emulator.conftest import CLIENT, KEY, OUR_NUMBER, World
from tests.pages.harness_phone.serve import served
from tests.pages.harness_phone.texts import TEXTS
from tests.support.browser import launch

CASES = json.loads((Path(__file__).parent.parent / "fixtures/marks.json").read_text("utf-8"))
MODULES = Path(__file__).parents[2] / "web/static/settings"
PARTS: dict[str, Any] = {"sender": "Acme", "header": None, "body": "", "footer": "", "buttons": [], "list": None}
MODEL = PARTS | {"time": "14:05"}
# What a browser reads of one bubble of the emulated phone, without the sheet that is closed.
READ_EMULATED = """html => {
  const page = new DOMParser().parseFromString(html, 'text/html');
  const bubble = [...page.querySelectorAll('.bubble.theirs')].at(-1);
  const read = (pieces) => pieces.map((piece) => piece.textContent.replace(/\\u200b/g, '').trim());
  const all = [...bubble.querySelectorAll('[data-read]')];
  return [read(all.filter((piece) => !piece.closest('.panel'))), read(all.filter((piece) => piece.closest('.panel')))];
}"""


@pytest.fixture(scope="module")
def opened() -> Iterator[Page]:
    with served() as address, sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        errors: list[str] = []
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{address}?lang=ru")
        page.wait_for_function("window.harness")
        yield page
        browser.close()
        assert errors == []


@pytest.fixture
def page(opened: Page) -> Page:
    opened.evaluate("harness.heard.length = 0")
    return opened


def show(page: Page, **model: Any) -> None:
    page.evaluate("model => harness.show(model)", MODEL | model)


def heard(page: Page, kind: str) -> list[Any]:
    return [value for name, value in page.evaluate("harness.heard") if name == kind]


def test_the_table_of_marks_and_how_they_are_drawn(page: Page) -> None:
    drawn = page.evaluate("texts => texts.map((text) => harness.marks(text))", [text for text, _ in CASES])
    assert [_without_places(tree) for tree in drawn] == [tree for _, tree in CASES]
    assert page.evaluate("harness.drawn('> *a* <i>')") == (
        '<span class="line quoted" data-read=""><strong>a</strong> &lt;i&gt;</span>'
    )


def _without_places(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_places(child) for child in node]
    return node["text"] if isinstance(node, dict) else node


def test_marks_work_across_parts_and_values_bring_no_html(page: Page) -> None:
    body = [
        {"text": "*Привет, "},
        {"field": "Контакт: Имя", "sample": "<img src=x onerror=alert(1)>", "n": "1"},
        {"text": "!* до "},
        {"field": "snake_*case*", "n": "2"},
        {"text": ", "},
        {"missing": "{{3}}", "n": "3"},
        {"fallback": "друг", "n": "4"},
    ]
    show(page, body=body)
    bubble = page.get_by_role("article")
    assert page.evaluate("harness.bubble()") == ["Привет, <img src=x onerror=alert(1)>! до snake_*case*, {{3}}друг"]
    expect(bubble.locator("strong .field")).to_have_text("<img src=x onerror=alert(1)>")
    assert bubble.locator("strong").count() == 1
    expect(bubble.locator(".missing")).to_have_text("{{3}}")

    page.evaluate("harness.highlight(1)")
    show(page, body=body)
    expect(bubble.locator(".lit")).to_have_attribute("data-n", "1")
    bubble.locator(".fallback").hover()
    assert heard(page, "point")[-1] == "4"


def test_a_long_text_folds_and_the_list_slides_up(page: Page) -> None:
    show(page, body="\n".join(f"строка {n}" for n in range(40)))
    page.get_by_role("button", name="Читать дальше").click()
    expect(page.get_by_role("button", name="Читать дальше")).to_be_hidden()
    show(page, body="короткая")
    expect(page.get_by_role("button", name="Читать дальше")).to_be_hidden()

    rows = [{"title": "Осмотр", "description": "30 *минут*"}]
    show(page, body="Что?", list={"button": "Выбрать", "sections": [{"title": "Лечение", "rows": rows}]})
    expect(page.get_by_text("Осмотр")).to_be_hidden()
    page.get_by_role("checkbox", name="Показать список открытым").check()
    expect(page.get_by_text("Осмотр")).to_be_visible()
    assert page.evaluate("harness.panel()") == ["Выбрать", "Лечение", "Осмотр", "30 *минут*"]

    values = {"length": 1212, "limit": 4096, "variables": 3, "paid": "маркетинг"}
    line = page.evaluate("values => harness.summary(values)", values)
    assert line == "1212 / 4096 с примерами · 3 переменные · платное: маркетинг"


SENT: list[tuple[messages.SessionMessage, dict[str, Any]]] = [
    (messages.Text("*Да* и _нет_\n\n- раз\n> ```два```"), {"body": "*Да* и _нет_\n\n- раз\n> ```два```"}),
    (
        messages.QuickReply("Придёте *завтра*?", (messages.Button("Да"), messages.Button("*Нет*")), "Визит", "Acme"),
        {
            "header": {"type": "text", "parts": "Визит"},
            "body": "Придёте *завтра*?",
            "footer": "Acme",
            "buttons": [{"type": "reply", "title": "Да"}, {"type": "reply", "title": "*Нет*"}],
        },
    ),
    (
        messages.ListMenu(
            "Что?", "Выбрать", (messages.Section("Лечение", (messages.Row("Осмотр", "30 минут"), messages.Row("Нет"))),)
        ),
        {
            "body": "Что?",
            "list": {
                "button": "Выбрать",
                "sections": [
                    {
                        "title": "Лечение",
                        "rows": [{"title": "Осмотр", "description": "30 минут"}, {"title": "Нет", "description": ""}],
                    }
                ],
            },
        },
    ),
    (
        messages.File("document", "https://example.org/a/bill.pdf", "Ваш _счёт_", "Счёт 14.pdf"),
        {"header": {"type": "document", "name": "Счёт 14.pdf"}, "body": "Ваш _счёт_"},
    ),
    (
        messages.File("image", "https://example.org/a/visit.jpg"),
        {"header": {"type": "image", "name": "visit.jpg"}},
    ),
    (
        messages.Location(54.9885, 73.3686, "Клиника", "Ленина, 1"),
        {"header": {"type": "location", "name": "Клиника", "parts": "Ленина, 1"}},
    ),
    (
        messages.Location(54.9885, 73.3686),
        {"header": {"type": "location", "name": "", "parts": "", "point": "54.9885, 73.3686"}},
    ),
    (
        messages.Contact("Пётр Иванов", (messages.Phone("+79120000000"),), company="Acme"),
        {"header": {"type": "contact", "name": "Пётр Иванов", "parts": "Acme"}},
    ),
]


def test_the_preview_reads_like_the_emulated_phone(page: Page) -> None:
    world = _emulated([])
    for sent, model in SENT:
        world.send(message=sent.body())
        emulated, shown = _both(page, world, model)
        assert emulated == shown


def test_a_template_of_four_buttons_reads_like_the_emulated_phone(page: Page) -> None:
    buttons = [
        {"type": "URL", "text": "Карта", "url": "https://example.org/"},
        {"type": "PHONE_NUMBER", "text": "Позвонить", "phone_number": "+79120000000"},
        {"type": "QUICK_REPLY", "text": "Да"},
        {"type": "QUICK_REPLY", "text": "Нет"},
    ]
    template = {"id": "t-4", "name": "four", "header": "Визит", "body": "*{{1}}*, ждём {{2}}.", "buttons": buttons}
    world = _emulated([template])
    world.send("template/msg", template={"id": "t-4", "params": ["Ольга", "завтра"]})
    body = [
        {"text": "*"},
        {"field": "Имя", "sample": "Ольга", "n": "1"},
        {"text": "*, ждём "},
        {"text": "завтра", "n": 2},
    ]
    kinds = {"URL": "url", "PHONE_NUMBER": "phone", "QUICK_REPLY": "reply"}
    emulated, shown = _both(
        page,
        world,
        {
            "header": {"type": "text", "parts": "Визит"},
            "body": [*body, {"text": "."}],
            "buttons": [{"type": kinds[button["type"]], "title": button["text"]} for button in buttons],
        },
    )
    assert emulated == shown
    assert shown[0] == ["Визит", "Ольга, ждём завтра.", "Карта", "Позвонить", "Все варианты"]
    assert shown[1] == ["Все варианты", "Карта", "Позвонить", "Да", "Нет"]


def _emulated(templates: list[dict[str, Any]]) -> World:
    world = World()
    app = {"app_name": "shopbot", "phone": OUR_NUMBER, "api_key": KEY, "app_id": "a", "title": "Acme"}
    world.post("/apps", **app, webhook_url="https://waba.example.org/", templates=templates)
    world.says()
    return world


def _both(page: Page, world: World, model: dict[str, Any]) -> tuple[Any, Any]:
    """What is read on the emulated phone and in the preview: the bubble, and the sheet."""
    world.pass_time(seconds=1)
    screen = world.http.get(f"/phone/{CLIENT}/screen?lang=ru&app=shopbot").text
    show(page, **model)
    return page.evaluate(READ_EMULATED, screen), page.evaluate("[harness.bubble(), harness.panel()]")


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


def test_every_text_that_is_asked_for_is_there_and_no_other() -> None:
    code = "\n".join(file.read_text("utf-8") for file in MODULES.glob("*.js"))
    asked = set(re.findall(r"'((?:phone|templates|buttons|list|rows)\.\w+)'", code))
    asked |= {f"list.{part}{end}" for part in ("title", "description") for end in ("", "_example")}
    assert asked == set(TEXTS)
