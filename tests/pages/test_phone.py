"""The client's screen, on a page of its own (harness_phone).

The words and marks of the screen are compared with those of the emulated phone: both mark each piece with `data-read`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from gupshup import messages
from tests.gupshup_emulator.conftest import CLIENT, KEY, OUR_NUMBER, World
from tests.pages.harness_phone.serve import heard, opened
from tests.pages.harness_phone.texts import TEXTS

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
def browser_page() -> Iterator[Page]:
    with opened() as made:
        yield made


@pytest.fixture
def page(browser_page: Page) -> Page:
    browser_page.evaluate("harness.heard.length = 0")
    return browser_page


def show(page: Page, **model: Any) -> None:
    page.evaluate("model => harness.show(model)", MODEL | model)


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
    world.control("/apps", **app, webhook_url="https://waba.example.org/", templates=templates)
    world.client_sends()
    return world


def _both(page: Page, world: World, model: dict[str, Any]) -> tuple[Any, Any]:
    """What is read on the emulated phone and in the preview: the bubble, and the sheet."""
    world.advance_clock(seconds=1)
    screen = world.http.get(f"/phone/{CLIENT}/screen?lang=ru&app=shopbot").text
    show(page, **model)
    return page.evaluate(READ_EMULATED, screen), page.evaluate("[harness.bubble(), harness.panel()]")


def test_every_text_that_is_asked_for_is_there_and_no_other() -> None:
    code = "\n".join(file.read_text("utf-8") for file in MODULES.glob("*.js"))
    asked = set(re.findall(r"'((?:phone|templates|buttons|list|rows|entries|select|bool)\.\w+)'", code))
    asked |= {f"list.{part}{end}" for part in ("title", "description") for end in ("", "_example")}
    assert asked == set(TEXTS)
