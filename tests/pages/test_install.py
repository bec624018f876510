"""The install and the app's page in a real browser, inside the emulated portal's frame, on real processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from demo import Demo


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test if its console shows an error."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    errors: list[str] = []
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    opened.close()
    assert errors == []


def test_the_install_page_registers_the_robots_and_finishes_by_itself(demo: Demo, page: Page) -> None:
    demo.portal("install", {"install_url": f"{demo.url}/bx24/install", "app_url": f"{demo.url}/bx24/app"})
    assert demo.portal("state")["installed"] is False

    page.goto(f"{demo.emulators.portal}/app?lang=ru")
    frame = page.frame_locator("iframe")

    # The parent reloads with the main page once setInstallFinish has arrived.
    expect(frame.get_by_role("heading", name="Начало", exact=True)).to_be_visible(timeout=20_000)
    expect(frame.get_by_text("Приложение установлено")).to_be_visible()
    assert demo.portal("state")["installed"] is True
    assert {robot["code"] for robot in demo.portal("robots")["robots"]} >= {"robot.send_text", "activity.send_text"}


def test_a_page_outside_the_portal_says_where_to_open_it(demo: Demo, page: Page) -> None:
    page.goto(f"{demo.url}/bx24/app?LANG=ru")
    expect(page.get_by_role("alert")).to_have_text("Откройте эту страницу из Битрикс24.")
