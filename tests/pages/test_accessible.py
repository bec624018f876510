"""Every page in a real browser: no serious fault for axe, a silent console, no sideways scroll, usable by keyboard alone.

One running product and one browser. Each page is looked at in Russian at 1280 px and in English at 600 px, and its width is
tried at the other size as well; first on a portal where nothing is connected, then with a line, templates and messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Frame, Route, expect
from sqlalchemy import update

from demo import APP_NAME, BUSINESS_PHONE, Demo
from messaging.lines import lines
from messaging.store.models import Portal
from robots import ROBOTS
from tests.pages.reader import Reader

#: Language and width of a look; the other width is tried, too.
LOOKS = (("ru", 1280), ("en", 600))
SECTIONS = (
    *(
        "start",
        "lines",
        "robots",
        "templates",
        "messages",
        "campaigns",
        "triggers",
        "opt_outs",
        "rules",
        "prices",
        "reports",
        "rights",
        "webhooks",
        "api",
        "health",
        "doctor",
    ),
    "help",
)
TEMPLATES = [
    {
        "name": "visit_reminder",
        "language": "ru",
        "body": "Здравствуйте, {{1}}! Ждём вас {{2}}.",
        "samples": {"1": "Ольга", "2": "23 ноября"},
        "buttons": [{"type": "QUICK_REPLY", "text": "Приду"}],
    },
    {"name": "promo_may", "language": "en_US", "category": "MARKETING", "body": "{{1}} off!", "status": "PAUSED"},
]
ARRIVES = {"template": "visit_reminder", "params": ["Ольга", "{=Document:TITLE}"], "until": "delivered"}
FAILS = {"text": "Никто *не писал*, поэтому уйти оно не может"}


@pytest.fixture(scope="module")
def readers(browser: Browser, demo: Demo) -> Iterator[list[Reader]]:
    made = [Reader(browser, demo, *look) for look in LOOKS]
    yield made
    for reader in made:
        reader.page.close()


def test_pages_while_nothing_is_connected(demo: Demo, readers: list[Reader]) -> None:
    demo.portal("install", {"install_url": f"{demo.url}/bx24/install", "app_url": f"{demo.url}/bx24/app"})
    for reader in readers:
        reader.page.goto(f"{demo.url}/bx24/app?LANG={reader.lang}")
        reader.look("outside the portal")
        reader.page.route("**/install/status", lambda route: None)  # or it would finish under our eyes
        reader.open("app")
        reader.look("install")
    demo._install()
    for at, reader in enumerate(readers):
        reader.open("app")
        for section in list(SECTIONS)[
            at :: len(readers)
        ]:  # what is empty differs little: each language looks at its share
            reader.go(section)
            reader.look(f"empty {section}")
        reader.go("lines")
        reader.go(reader.frame.locator("main .btn-primary"))
        reader.look("connect a line")
    refused(readers[0])
    for reader in readers[1:]:
        reader.go(reader.frame.locator("form .btn-primary"))
        reader.look("connect a line, errors")


def refused(reader: Reader) -> None:
    """By keyboard alone: a form that is not filled in leads to what is wrong, and from there to the field."""
    frame = reader.frame
    expect(frame.get_by_role("heading", level=1)).to_be_focused()
    order = [
        "App API Key",
        "Показать",
        "App name",
        "Номер",
        "App ID (необязательно)",
        "Название линии (необязательно)",
    ]
    for name in [*order, "Подключить линию"]:
        expect(reader.press("Tab")).to_have_accessible_name(name)
        assert has_ring(frame), name
    reader.press("Enter")
    expect(frame.get_by_role("alert")).to_be_focused()
    reader.idle()
    assert frame.title() == "Ошибка: Подключить линию · waba24"
    reader.look("connect a line, errors")
    expect(reader.press("Tab")).to_contain_text("App API Key: Заполните")
    expect(reader.press("Enter")).to_have_accessible_name("App API Key")
    expect(frame.locator(":focus")).to_have_accessible_description(re.compile("Заполните"))


def has_ring(frame: Frame) -> bool:
    """Whether one sees where the focus is."""
    seen: bool = frame.evaluate("getComputedStyle(document.activeElement).outlineStyle !== 'none'")
    return seen


def test_robots_while_they_are_being_registered(demo: Demo, readers: list[Reader]) -> None:
    """The page asks again by itself until they are there, and needs no eval for it: its own settings forbid that."""
    reader = readers[0]
    due_in(demo, timedelta(hours=1))
    frame = reader.open("app")
    reader.go("robots")
    being = frame.get_by_role("status").filter(has_text="Роботы регистрируются")
    expect(being).to_be_visible()
    reader.look("robots being registered")
    due_in(demo, None)
    expect(being).to_have_count(0)
    reader.look("robots registered")


def test_the_remembered_section_does_not_replace_the_one_that_was_pressed(readers: list[Reader]) -> None:
    reader = readers[0]
    reader.open("app")
    reader.go("lines")
    held: list[Route] = []
    reader.page.route("**/app/lines", lambda route: held.append(route))  # Playwright looks at its signature
    frame = reader.open("app", waits=False)
    expect(frame.get_by_role("link", name="Роботы", exact=True)).to_be_visible()
    reader.go("robots")
    reader.page.unroute("**/app/lines")
    for route in held:
        with suppress(Error):  # the page no longer waits for it
            route.continue_()
    reader.idle()
    expect(frame.locator("nav a[aria-current]")).to_have_text("Роботы")
    reader.complaints.clear()  # htmx tells the console that a request was given up


def due_in(demo: Demo, wait: timedelta | None) -> None:
    """The registration of the robots has something left to do after so long; None: it is done."""
    with demo.runtime.db.write() as session:
        session.execute(update(Portal).values(registration_due_at=wait and demo.runtime.clock() + wait))


def connect(demo: Demo) -> None:
    """A line with templates, a message that has arrived and one that could not go."""
    app = demo.gupshup(
        "apps", {"app_name": APP_NAME, "phone": BUSINESS_PHONE, "templates": TEMPLATES, "allow_http": True}
    )
    member = demo.portal("state")["member_id"]
    line = lines.add(
        demo.runtime, member, lines.NewLine(app["api_key"], APP_NAME, BUSINESS_PHONE, app["app_id"], "Опт")
    )
    demo.gupshup(f"apps/{APP_NAME}/webhook", {"url": lines.webhook_url(demo.runtime, line)})
    stage = place(demo, 1, ("send_template", ARRIVES), ("send_text", FAILS))
    workflow = demo.portal("deals/1/move", {"stage": stage})["workflow"]["id"]
    demo.until("workflow finished", lambda: demo._finished(workflow))


def place(demo: Demo, number: int, *robots: tuple[str, dict[str, Any]]) -> str:
    """These robots on the so-and-so-many-th stage; returns the stage."""
    stage = str(demo.portal("state")["stages"][number]["id"])
    placed = [{"code": f"robot.{name}", "name": name, "values": values} for name, values in robots]
    demo.portal("stage-robots", {"stage": stage, "robots": placed})
    return stage


def test_pages_with_a_line_templates_and_messages(demo: Demo, readers: list[Reader]) -> None:
    connect(demo)
    for reader in readers:
        frame = reader.open("app")
        for section in SECTIONS:
            reader.go(section)
            reader.look(f"full {section}")
        reader.go("templates")
        reader.go(frame.get_by_role("link", name="promo_may"))
        reader.look("one template")
        template_form(reader)
        messages(reader)
        opt_outs(reader)
        webhooks(reader)
        api(reader)
        line(reader)


def template_form(reader: Reader) -> None:
    """A new template: variables and buttons come by mouse, the phone follows, what is wrong leads to its field."""
    frame = reader.frame
    reader.go("templates")
    reader.go(frame.locator("main .title .btn-primary"))
    frame.locator("#f-body").fill("Скидка до конца мая: ")
    frame.locator("[data-variable]").click()
    expect(frame.locator("#f-sample_1")).to_be_visible()
    frame.locator("#f-sample_1").fill("15 %")
    frame.locator("[data-add]").click()
    frame.locator(".button-row [name=button_text]").fill("Хочу")
    phone = frame.locator("#template-phone .bubble")
    expect(phone).to_contain_text("Скидка до конца мая: 15 %")
    expect(phone).to_contain_text("Хочу")
    expect(frame.locator("#template-checks .bad")).to_have_count(2)
    reader.look("a new template")
    reader.go(frame.locator("form .btn-primary"))
    expect(frame.locator("#e-body")).to_be_visible()
    reader.look("a new template, errors")


def messages(reader: Reader) -> None:
    """Both stories, and a search that finds nothing."""
    frame = reader.frame
    for at, name in ((0, "the timeline of a failure"), (1, "the timeline of a message")):
        reader.go("messages")
        reader.go(frame.locator("tbody tr td:first-child a").nth(at))
        frame.get_by_role("checkbox").check()
        expect(frame.locator(".technical").first).to_be_visible()
        reader.look(name)
    reader.go("messages")
    frame.locator("#words").fill("0000")
    expect(frame.locator("#found .empty")).to_be_visible()
    frame.locator("#period").select_option("own")
    reader.idle()
    reader.look("nothing found")


def api(reader: Reader) -> None:
    """A token is made, shown, and about to be revoked."""
    frame = reader.frame
    reader.go("api")
    frame.locator("#f-name").fill("Shop")
    reader.go(frame.locator("form .btn-primary"))
    expect(frame.locator("#new-token")).to_contain_text("waba24_")
    reader.look("a new token")
    frame.locator("[data-dialog^=revoke]").first.click()
    expect(frame.locator("dialog[open]")).to_be_visible()
    reader.look("whether to revoke it")
    frame.locator("dialog[open] [data-close]").first.click()


def opt_outs(reader: Reader) -> None:
    """A client is put on the list; a message is tried against words that are not saved yet."""
    frame = reader.frame
    reader.go("opt_outs")
    if not frame.locator("#f-phone").is_visible():
        frame.locator(".adding summary").click()
    frame.locator("#f-phone").fill("+7 912 345-67-89")
    reader.go(frame.locator("form:has(#f-phone) button"))
    frame.locator("tbody summary").first.click()
    reader.look("opt-outs")
    reader.go(frame.locator(".tabs a").nth(1))
    frame.locator("#f-stop_words").fill("basta")
    frame.locator("#f-message").fill("Basta!")
    expect(frame.locator("#tried .bad")).to_be_visible()
    reader.look("rules of consent")


def webhooks(reader: Reader) -> None:
    """What is wrong with a new webhook; its secret, shown once; a test event that is delivered; the dialogs."""
    frame = reader.frame
    reader.go("webhooks")
    reader.go(frame.locator("form:has(#f-url) .btn-primary"))
    reader.look("a new webhook, errors")
    frame.locator("#f-url").fill(f"{reader.demo.url}/healthz")
    frame.locator("input[value='message.status']").check()
    reader.go(frame.locator("form:has(#f-url) .btn-primary"))
    expect(frame.locator("#webhook-secret")).to_contain_text("whsec_")
    reader.look("webhooks, the secret")
    reader.go(frame.locator("tbody a").first)
    reader.go(frame.locator("form[action$='/test'] button"))
    for _ in range(50):
        if frame.locator("tbody .status.ok, tbody .small").count():
            break
        reader.go(frame.locator("main .title .btn").first)
    frame.locator("tbody summary").first.click()
    reader.look("a webhook")
    frame.locator("[data-dialog=secret-dialog]").click()
    expect(frame.locator("#secret-dialog")).to_be_visible()
    reader.look("a webhook, the dialog")
    reader.go(frame.locator("#secret-dialog .btn-primary"))
    frame.locator("[data-dialog=remove-dialog]").click()
    frame.locator("#remove-dialog .btn-danger").press("Enter")
    reader.idle()
    expect(frame.locator("#webhook-secret")).to_have_count(0)


def line(reader: Reader) -> None:
    """The page of a line; its dialog opens and shuts by keyboard, and the focus goes there and back."""
    frame = reader.frame
    reader.go("lines")
    reader.go(frame.get_by_role("link", name="Опт"))
    reader.look("a line")
    opener = frame.locator("#remove-open")
    opener.press("Enter")
    dialog = frame.get_by_role("dialog")
    expect(dialog.locator("[data-close]")).to_be_focused()
    reader.idle()
    reader.look("a line, asked whether to remove it")
    reader.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    pace = frame.locator("#f-pace")
    pace.fill("many")
    pace.press("Enter")
    expect(frame.get_by_role("alert")).to_be_focused()
    reader.idle()
    reader.look("a line, errors")


def test_the_settings_of_every_action(demo: Demo, readers: list[Reader]) -> None:
    demo.portal("faults", {"refuse_resize": True})
    stage = place(demo, 2, *((name, {}) for name in ROBOTS))
    for at, name in enumerate(ROBOTS):
        reader = readers[at % 2]
        frame = reader.open(f"robots/{stage}/{at}")
        expect(frame.locator(".summary.is-good, .summary.is-bad")).to_be_visible()
        assert frame.evaluate("innerHeight") <= 350
        reader.look(name)
    for reader in readers:
        pickers(reader, stage, list(ROBOTS).index("send_template"))


def pickers(reader: Reader, stage: str, at: int) -> None:
    """The lists of templates and of fields, open; Esc shuts one level, and they never leave the frame."""
    frame = reader.open(f"robots/{stage}/{at}")
    template = frame.get_by_role("combobox", name=re.compile("^(Шаблон|Template)$"))
    template.click()
    option = frame.get_by_role("option").filter(has_text="visit_reminder")
    expect(option).to_be_visible()
    reader.look("choosing a template")
    option.click()
    field = frame.get_by_role("button", name=re.compile(r"(Вставить поле в|Insert a field into) \{\{1"))
    field.press("Enter")
    expect(frame.get_by_role("combobox", name=re.compile("Поиск поля|Search fields"))).to_be_focused()
    listed = frame.get_by_role("listbox", name=re.compile("^(Поля|Fields)$"))
    expect(listed.get_by_role("option").first).to_be_visible()
    reader.look("choosing a field")
    reader.press("Escape")
    expect(listed).to_be_hidden()
    assert frame.evaluate("document.activeElement !== document.body"), "the focus is lost"
