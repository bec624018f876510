"""The operator's chats and the contact centre: as HTML, and one way through them in a real browser."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect, sync_playwright

from bx24.emulator import Emulator, create_emulator
from bx24.emulator.server import Server
from tests.bx24_emulator.conftest import APP, PortalDriver
from tests.bx24_emulator.open_channel import CONNECTOR, REGISTERED, SCOPE, OpenChannel
from tests.support.browser import launch

AXE = (Path(__file__).parent.parent / "vendor" / "axe.min.js").read_text()
_FAULTS = """axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'], iframes: false})
.then((found) => found.violations.map((fault) => `${fault.id}: ${fault.nodes[0].target}`))"""


@pytest.fixture
def channel(driver: PortalDriver) -> OpenChannel:
    return OpenChannel(driver)


def panel(channel: OpenChannel, **options: str) -> None:
    params = {"PLACEMENT": "IM_TEXTAREA", "HANDLER": f"{APP}/panel", "TITLE": "Panel"}
    titles = {"en": {"TITLE": "Templates"}, "ru": {"TITLE": "Шаблоны"}}
    channel.driver.result(
        "placement.bind", {**params, "LANG_ALL": titles, "OPTIONS": {"iconName": "fa-bars", **options}}
    )


def options_of(page: str) -> dict[str, Any]:
    """PLACEMENT and PLACEMENT_OPTIONS of the frame in a page."""
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', page))
    return {"PLACEMENT": fields["PLACEMENT"], **json.loads(html.unescape(fields["PLACEMENT_OPTIONS"]))}


@pytest.mark.parametrize("lang", ["ru", "en"])
def test_who_speaks_is_told_apart(channel: OpenChannel, lang: str) -> None:
    chat = channel.say("<b>[b]bold[/b] [br]next", number="w1")
    sent = channel.write(chat, "Hello", user_id=2)
    page = channel.driver.http("GET", f"/chats/{chat}/messages?lang={lang}").text
    kinds = re.findall(r'<li class="message (\w+)"', page)
    assert kinds == ["system", "client", "system", "operator"]
    assert "&lt;b&gt;<b>bold</b> <br>next" in page
    waiting, delivered = ("Отправляется", "Доставлено") if lang == "ru" else ("Being sent", "Delivered")
    assert (waiting in page, delivered in page) == (True, False)
    channel.confirm(sent["id"], "w2")
    page = channel.driver.http("GET", f"/chats/{chat}/messages?lang={lang}").text
    assert (waiting in page, delivered in page) == (False, True)


@pytest.mark.parametrize(
    ("options", "user", "shown"),
    [
        ({}, 1, True),
        ({"context": "LINES"}, 1, True),
        ({"context": "USER;CRM"}, 1, False),
        ({"role": "ADMIN"}, 1, True),
        ({"role": "ADMIN"}, 2, False),
    ],
)
def test_a_panel_is_offered_by_its_options(
    channel: OpenChannel, options: dict[str, str], user: int, shown: bool
) -> None:
    panel(channel, **options)
    page = channel.driver.http("GET", f"/chats/{channel.say('hi')}?user={user}&lang=ru").text
    assert ("Шаблоны" in page) is shown


def test_a_panel_opens_as_a_frame_that_knows_the_dialog(channel: OpenChannel) -> None:
    panel(channel)
    chat = channel.say("hi")
    (row,) = [row for row in channel.driver.control("state")["placements"] if row["placement"] == "IM_TEXTAREA"]
    page = channel.driver.http("GET", f"/chats/{chat}?panel={row['id']}").text
    assert options_of(page) == {"PLACEMENT": "IM_TEXTAREA", "dialogId": f"chat{chat}", "URI": "/online/"}


def test_a_new_line_is_connected_by_the_apps_page(channel: OpenChannel) -> None:
    made = channel.driver.http("POST", f"/contact-center/{CONNECTOR}", data={"name": "Shop"})
    where = f"/contact-center/{CONNECTOR}/2"
    assert made.headers["Location"] == where
    options = options_of(channel.driver.http("GET", where, headers={"Referer": "https://acme.example/"}).text)
    assert options == {
        "PLACEMENT": "SETTING_CONNECTOR",
        "CONNECTOR": CONNECTOR,
        "LINE": "2",
        "STATUS": False,
        "ACTIVE_STATUS": False,
        "CONNECTION_STATUS": False,
        "REGISTER_STATUS": False,
        "ERROR_STATUS": False,
        "URI": where,
    }
    channel.driver.http("POST", f"/contact-center/{CONNECTOR}/1/disconnect")
    assert len(channel.events("StatusDelete")) == 1
    channel.driver.control(f"connectors/{CONNECTOR}/take", {})
    assert channel.driver.http("GET", where).status_code == 404


def test_the_texts_of_a_line_are_changed(channel: OpenChannel) -> None:
    form = {"WELCOME_MESSAGE": "on", "WELCOME_MESSAGE_TEXT": "Hello!", "ACTIVE": "on"}
    channel.driver.http("POST", f"/contact-center/{CONNECTOR}/1/texts", data=form)
    line = channel.driver.portal.open_lines.lines[1].settings
    assert [line[key] for key in ("WELCOME_MESSAGE", "WELCOME_MESSAGE_TEXT", "CRM", "OPERATOR_DATA")] == [
        "Y",
        "Hello!",
        "N",
        "hide",
    ]


def test_without_script_an_operator_writes_all_the_same(channel: OpenChannel) -> None:
    chat = channel.say("hi")
    data = {"text": "one\r\ntwo", "user": "2", "files": [(BytesIO(b"abc"), "a.txt", "text/plain")]}
    sent = channel.driver.http("POST", f"/chats/{chat}/write", data=data)
    assert (sent.status_code, sent.headers["Location"]) == (303, f"/chats/{chat}")
    message = channel.chat(chat)["messages"][-1]
    assert (message["text"], message["author_id"], message["files"][0]["name"]) == ("one\ntwo", 2, "a.txt")
    channel.line(ACTIVE="N")
    refused = channel.driver.http("POST", f"/chats/{chat}/write", data={"text": "x"})
    assert refused.headers["Location"].endswith("?problem=chat_refused")


@pytest.fixture
def emulator(app_url: str) -> Iterator[Emulator]:
    made = create_emulator(lang="en")
    running = Server(made)
    running.start()
    install = {"install_url": f"{app_url}/install", "app_url": f"{app_url}/app", "finish": True, "scope": SCOPE}
    requests.post(f"{made.portal.base_url}/emulator/install", json=install, timeout=10)
    yield made
    running.stop()


@pytest.fixture
def page() -> Iterator[Page]:
    problems_seen: list[str] = []
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("pageerror", lambda error: problems_seen.append(str(error)))
        page.on("console", lambda said: problems_seen.append(said.text) if said.type in ("error", "warning") else None)
        yield page
        browser.close()
    assert problems_seen == []


def check(page: Page) -> None:
    """No fault for axe, and no sideways scroll, also on a narrow screen."""
    for width in (600, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        page.evaluate(AXE)
        assert page.evaluate(_FAULTS) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_an_operator_answers_in_the_browser(emulator: Emulator, page: Page) -> None:
    base = emulator.portal.base_url

    def rest(name: str, **params: Any) -> Any:
        token = requests.get(f"{base}/emulator/token", timeout=10).json()["access_token"]
        return requests.post(f"{base}/rest/{name}", json={**params, "auth": token}, timeout=10).json()["result"]

    page.goto(f"{base}/chats?lang=en")
    expect(page.get_by_role("heading", name="No dialogs yet")).to_be_visible()
    check(page)
    rest("imconnector.register", **{**REGISTERED, "PLACEMENT_HANDLER": emulator.portal.installation.app_url})
    page.goto(f"{base}/contact-center")
    page.get_by_role("link", name="WhatsApp").click()
    page.get_by_label("Name of a new line").fill("Shop")
    page.get_by_role("button", name="Create a line").click()
    expect(page.frame_locator("#app-frame").locator("body")).to_contain_text("app")
    check(page)
    rest("imconnector.activate", CONNECTOR=CONNECTOR, LINE=2, ACTIVE=1)
    element = {"user": {"id": "7", "name": "Vera"}, "message": {"text": "When?"}, "chat": {"id": "7"}}
    rest("imconnector.send.messages", CONNECTOR=CONNECTOR, LINE=2, MESSAGES=[element])
    page.goto(f"{base}/chats")
    page.get_by_role("link", name="Vera - Shop").click()
    page.wait_for_load_state()  # the script that sends at Enter comes with the page
    page.get_by_label("Message to the client").fill("Today")
    page.keyboard.press("Enter")
    expect(page.get_by_role("log").get_by_text("Today")).to_be_visible()
    page.get_by_label("Files from the computer").set_input_files(
        {"name": "plan.txt", "mimeType": "text/plain", "buffer": b"plan"}
    )
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("link", name="plan.txt", exact=True)).to_be_visible()
    rest(
        "imconnector.send.messages", CONNECTOR=CONNECTOR, LINE=2, MESSAGES=[{**element, "message": {"text": "Thanks"}}]
    )
    expect(page.get_by_role("log").get_by_text("Thanks")).to_be_visible()
    check(page)
    rest("imconnector.set.error", CONNECTOR=CONNECTOR, LINE=2)
    page.get_by_label("Message to the client").fill("One more")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_contain_text("The message was not sent")
    expect(page.get_by_label("Message to the client")).to_have_value("One more")
    page.get_by_role("button", name="Close the dialog").click()
    expect(page.get_by_role("log").get_by_text("The dialog is closed")).to_be_visible()
