"""web/static/frame.js with the official SDK, in a real browser, inside the emulated portal: each command, each refusal."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Frame, Page, expect, sync_playwright

from bx24.emulator import Emulator, create_emulator
from bx24.emulator.server import Server
from tests.bx24_emulator.conftest import ROBOT
from tests.support.browser import launch

STATIC = Path("web/static")
PAGE = """<!doctype html><title>app</title><div id="content"></div>
<svg width="24" height="24"><use href="/icons.svg#refresh"/></svg><script type="module" src="/page.js"></script>"""
# Playwright's wait_for_function needs eval, which the CSP forbids: what is waited for is marked in the document.
SCRIPT = "import { openFrame } from './frame.js'; window.openFrame = openFrame; document.body.id = 'loaded';"
CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'"
# What the frame posts to its parent is noted before the parent's own listener hears it.
NOTES = """window.sent = [];
window.spoken = new Promise((done) => addEventListener('message', (event) => done(sent.push(event.data))));"""
SILENCE = "addEventListener('message', (event) => event.stopImmediatePropagation());"
TYPES = {".js": "text/javascript", ".svg": "image/svg+xml"}


class Handler(BaseHTTPRequestHandler):
    """Our static files, and a page that only loads the module; any POST is the page."""

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        body = SCRIPT.encode() if path == "/page.js" else (STATIC / path[1:]).read_bytes()
        self.answer(body, TYPES[Path(path).suffix])

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(PAGE.encode(), "text/html; charset=utf-8")

    def answer(self, body: bytes, content_type: str) -> None:
        self.send_response(200)
        headers = {"Content-Type": content_type, "Content-Length": str(len(body)), "Content-Security-Policy": CSP}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def app_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def emulator(app_url: str) -> Iterator[Emulator]:
    made = create_emulator()
    running = Server(made)
    running.start()
    install = {"install_url": f"{app_url}/install", "app_url": f"{app_url}/app"}
    requests.post(f"{made.portal.base_url}/emulator/install", json=install, timeout=10)
    yield made
    running.stop()


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        opened = browser.new_page(viewport={"width": 1280, "height": 800})
        opened.add_init_script(NOTES)
        yield opened
        browser.close()


@pytest.fixture
def page(browser_page: Page) -> Iterator[Page]:
    """A page that fails the test if a script or the CSP complained."""
    troubles: list[str] = []

    def note(trouble: Any) -> None:
        if getattr(trouble, "type", "error") == "error":
            troubles.append(str(getattr(trouble, "text", trouble)))

    browser_page.on("pageerror", note)
    browser_page.on("console", note)
    yield browser_page
    browser_page.remove_listener("pageerror", note)
    browser_page.remove_listener("console", note)
    browser_page.goto("about:blank")
    assert troubles == []


def opened(page: Page, url: str, origin: str) -> Frame:
    """The app's frame with the door open as `portal`."""
    page.goto(url)
    frame = page.locator("#app-frame").element_handle().content_frame()
    assert frame
    frame.wait_for_selector("#loaded", state="attached")
    open_door = "(origin) => { window.portal = openFrame({ origin, sid: window.name.split('|')[2] }); }"
    frame.evaluate(open_door, origin)
    return frame


def sent(page: Page) -> list[str]:
    return list(page.evaluate("() => window.sent"))


def commands(page: Page) -> list[str]:
    return [message.split(":")[0] for message in sent(page)]


def test_hello_refresh_and_a_path(emulator: Emulator, page: Page) -> None:
    origin = emulator.portal.base_url
    frame = opened(page, f"{origin}/app?view=lines", origin)
    init = frame.evaluate("() => portal.ready")
    assert (init["install"], init["isAdmin"], init["placement"]) == (True, True, "DEFAULT")
    assert init["options"]["view"] == "lines"
    # The first run of a user is acknowledged, as the SDK's own start does it.
    assert commands(page) == ["getInitData", "setInstall"]

    fresh = frame.evaluate("() => portal.refreshAuth()")
    token = {"auth": fresh["accessToken"]}
    profile = requests.post(f"{origin}/rest/profile", json=token, timeout=10)
    assert profile.json()["result"]["ID"] == "1"
    assert 3500 < fresh["expiresAt"] - frame.evaluate("() => Date.now() / 1000") <= 3600

    assert frame.evaluate("() => portal.openPath('/bitrix/admin/')") is False
    assert frame.evaluate("() => portal.openPath('//elsewhere.example/crm/')") is False
    frame.evaluate("() => { window.path = portal.openPath('/crm/deal/details/1/'); }")
    page.get_by_role("button", name="OK").click()
    assert frame.evaluate("() => window.path") is True
    assert commands(page).count("openPath") == 2

    # An icon of the sprite is drawn under the pages' CSP.
    assert frame.evaluate("() => document.querySelector('use').getBBox().width") > 10


def test_install_finishes_only_in_install_mode(emulator: Emulator, page: Page) -> None:
    origin = emulator.portal.base_url
    frame = opened(page, f"{origin}/app", origin)
    frame.evaluate("() => { portal.installFinish(); }")
    page.wait_for_url("**/app?install_finished=Y")
    assert emulator.portal.installation.installed

    frame = opened(page, f"{origin}/app", origin)
    assert frame.evaluate("() => portal.installFinish()") is False
    # Nor is the first run acknowledged a second time.
    assert commands(page) == ["getInitData"]


def test_the_token_of_the_person_a_contact_and_a_section_of_the_app(emulator: Emulator, page: Page) -> None:
    origin = emulator.portal.base_url
    frame = opened(page, f"{origin}/app", origin)
    token = frame.evaluate("() => portal.accessToken()")
    assert requests.post(f"{origin}/rest/profile", json={"auth": token}, timeout=10).json()["result"]["ID"] == "1"
    frame.evaluate("() => { window.contact = portal.pickContact(); }")
    page.get_by_role("button", name="Ольга Никитина").click()
    assert frame.evaluate("() => window.contact") == {"id": "1", "name": "Ольга Никитина"}
    assert commands(page).count("refreshAuth") == 0, "the token of the first answer is still good"
    frame.evaluate("() => portal.openApplication('templates')")
    slider = page.frame_locator("#slider iframe").locator("#app-form [name=PLACEMENT_OPTIONS]")
    expect(slider).to_have_value(re.compile('"section": ?"templates"'))


def test_the_frame_follows_its_content(emulator: Emulator, app_url: str, page: Page) -> None:
    origin = settings(emulator, app_url)
    frame = opened(page, f"{origin}/robots/NEW/0", origin)
    app_frame = page.locator("#app-frame")
    page.wait_for_load_state()
    width = app_frame.evaluate("(frame) => frame.offsetWidth")
    frame.evaluate("() => { portal.followHeight(document.getElementById('content')); }")

    def grow(height: int, expected: int) -> None:
        frame.evaluate("(height) => { document.getElementById('content').style.height = `${height}px`; }", height)
        expect(app_frame).to_have_js_property("offsetHeight", expected)

    top = frame.evaluate("() => document.getElementById('content').getBoundingClientRect().top")
    grow(600, 600 + round(top))
    grow(5000, 1200)
    grow(10, 350)
    expect(app_frame).to_have_js_property("offsetWidth", width)
    asked = commands(page).count("resizeWindow")
    # A change nobody sees is not worth a message; many changes at once are one.
    frame.evaluate("() => portal.ready.then(() => new Promise((done) => setTimeout(done, 450)))")
    elapsed = frame.evaluate(
        """async () => {
          const [content, start] = [document.getElementById('content'), Date.now()];
          for (let height = 400; height < 700; height += 10) {
            content.style.height = `${height}px`;
            await new Promise(requestAnimationFrame);
          }
          return Date.now() - start;
        }"""
    )
    grow(700, 700 + round(top))
    grow(704, 700 + round(top))
    frame.evaluate("() => new Promise((done) => setTimeout(done, 450))")
    assert asked == 3
    assert 1 <= commands(page).count("resizeWindow") - asked <= elapsed / 200 + 2
    expect(app_frame).to_have_js_property("offsetHeight", 700 + round(top))


def test_a_refused_resize_is_not_asked_again(emulator: Emulator, app_url: str, page: Page) -> None:
    emulator.portal.faults.refuse_resize = True
    origin = settings(emulator, app_url)
    frame = opened(page, f"{origin}/robots/NEW/0", origin)
    assert frame.evaluate("() => portal.resize(700)") is False
    assert frame.evaluate("() => portal.resize(800)") is False
    frame.evaluate(
        """() => {
          document.getElementById('content').style.height = '900px';
          portal.followHeight(document.getElementById('content'));
          return new Promise((done) => setTimeout(done, 400));
        }"""
    )
    assert commands(page).count("resizeWindow") == 1
    expect(page.locator("#app-frame")).to_have_js_property("offsetHeight", 350)
    # The rest still works.
    assert frame.evaluate("() => portal.setProperties({ text: 'a: {=Document:TITLE}', params: ['x', ''] })") is True
    page.wait_for_selector("#values input[name='property_params[]'] >> nth=1", state="attached")
    values = page.eval_on_selector_all("#values input", "(all) => all.map((input) => [input.name, input.value])")
    assert ["property_text", "a: {=Document:TITLE}"] in values
    assert [value for name, value in values if name == "property_params[]"] == ["x", ""]


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "", "null"])
def test_another_portal_than_the_verified_one_is_not_talked_to(emulator: Emulator, page: Page, origin: str) -> None:
    frame = opened(page, f"{emulator.portal.base_url}/app", origin)
    assert frame.evaluate("() => portal.ready") is None
    assert frame.evaluate("() => portal.setProperties({ text: 'x' })") is False
    assert frame.evaluate("() => portal.resize(700)") is False
    assert frame.evaluate("() => portal.installFinish()") is False
    assert frame.evaluate("() => portal.openPath('/crm/deal/details/1/')") is False
    assert frame.evaluate("() => portal.refreshAuth()") is None
    assert frame.evaluate("() => portal.accessToken()") is None
    assert frame.evaluate("() => portal.pickContact()") is None
    frame.evaluate("() => portal.openApplication('templates')")
    frame.evaluate("() => portal.closeApplication()")
    assert sent(page) == []


def test_who_may_answer_and_for_how_long(emulator: Emulator, browser_page: Page) -> None:
    """Another window does not answer for the portal, even with the callback's id; and nobody is waited for for ever."""
    origin = emulator.portal.base_url
    browser = browser_page.context.browser
    assert browser
    page = browser.new_page()
    page.clock.install()
    page.add_init_script(f"{NOTES} if (window === top) {{ {SILENCE} }}")
    frame = opened(page, f"{origin}/app", origin)
    answers = {name: json.dumps({"INSTALL": name == "forged", "AUTH_ID": name}) for name in ("forged", "real")}
    page.evaluate("() => window.spoken")
    callback = sent(page)[0].split(":")[1]
    # The app's own origin stands for any that is not the portal's.
    frame.evaluate("(text) => window.postMessage(text, '*')", f"{callback}:{answers['forged']}")
    real = f"{callback}:{answers['real']}"
    page.evaluate("(text) => document.getElementById('app-frame').contentWindow.postMessage(text, '*')", real)
    assert frame.evaluate("() => portal.ready")["install"] is False

    frame = opened(page, f"{origin}/app", origin)
    frame.evaluate("() => { window.fresh = portal.refreshAuth(); }")
    page.clock.run_for(2900)
    assert frame.evaluate("() => Promise.race([portal.ready, Promise.resolve('waiting')])") == "waiting"
    page.clock.run_for(200)
    assert frame.evaluate("() => portal.ready") is None
    assert frame.evaluate("() => Promise.race([window.fresh, Promise.resolve('waiting')])") == "waiting"
    page.clock.run_for(7000)
    assert frame.evaluate("() => window.fresh") is None
    assert frame.evaluate("() => portal.resize(700)") is False
    page.close()


def settings(emulator: Emulator, app_url: str) -> str:
    """A robot with our settings page on the first stage; the portal's origin."""
    origin = emulator.portal.base_url
    token = requests.get(f"{origin}/emulator/token", timeout=10).json()["access_token"]
    robot = {**ROBOT, "USE_PLACEMENT": "Y", "PLACEMENT_HANDLER": f"{app_url}/settings", "auth": token}
    assert requests.post(f"{origin}/rest/bizproc.robot.add", json=robot, timeout=10).json()["result"] is True
    placed = {"stage": "NEW", "robots": [{"code": "robot.say", "values": {"params": ["old"]}}]}
    requests.post(f"{origin}/emulator/stage-robots", json=placed, timeout=10)
    return origin
