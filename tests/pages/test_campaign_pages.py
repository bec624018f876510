"""Pages of campaigns in a real browser: the button above a list, choosing from the CRM, and how each step and state looks.

`SHOTS=folder` keeps a picture of each.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Frame, Page, expect

from demo import Demo
from tests.pages.test_hand_way import faults
from tests.pages.test_replies_way import browser, demo, page
from tests.support.browser import wait_for_htmx

__all__ = ["browser", "demo", "page"]
#: What is pressed and read, by language.
WORDS = {
    "ru": {
        "button": "Рассылка в WhatsApp",
        "stages": "Стадии: любые",
        "work": "В работе",
        "found": "Нашлось: ",
        "source": "Источник",
        "choose": "Выберите значение",
        "take": "Взять этих",
        "next": "Дальше: шаблон",
    },
    "en": {
        "button": "WhatsApp campaign",
        "stages": "Stages: any",
        "work": "In progress",
        "found": "Found: ",
        "source": "Source",
        "choose": "Choose a value",
        "take": "Take these items",
        "next": "Next: template",
    },
}


def looked_at(page: Page, name: str) -> None:
    """Nothing serious for axe, and nothing sticks out sideways, wide and narrow."""
    assert faults(page) == [], name
    for width in (1280, 600):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(150)
        frame = page.frames[-1]
        scrolled, shown = frame.evaluate(
            "[document.scrollingElement.scrollWidth, document.scrollingElement.clientWidth]"
        )
        assert scrolled <= shown, f"{name}: {scrolled - shown} px stick out sideways at {width}"
        if folder := os.environ.get("SHOTS"):
            page.screenshot(path=Path(folder) / f"{name}-{width}.png", caret="initial", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})


def go(page: Page, name: str) -> Frame:
    """Open a section, or press a link of a step."""
    frame = page.frames[-1]
    frame.get_by_role("link", name=re.compile(name)).first.click()
    wait_for_htmx(frame)
    return frame


@pytest.mark.parametrize("lang", ["ru", "en"])
def test_the_button_above_a_list_leads_to_a_campaign_for_its_items(demo: Demo, page: Page, lang: str) -> None:
    words = WORDS[lang]
    if not demo.portal("state").get("seeded"):
        demo.portal("items/seed", {"count": 40})
    demo.until("places", lambda: len(demo.portal("state")["placements"]) >= 14)
    page.goto(f"{demo.emulators.portal}/crm/deal/list/?lang={lang}")
    page.get_by_role("link", name=words["button"]).click()
    page.frame_locator("iframe").first.locator("body").wait_for()
    page.wait_for_function("window.frames.length > 0")
    expect(innermost(page)).to_be_visible(timeout=20_000)
    frame = page.frames[-1]
    wait_for_htmx(frame)
    expect(frame.locator("#f-type")).to_have_value("2")
    looked_at(page, f"{lang}-crm-empty")
    frame.get_by_text(words["stages"]).click()
    box = frame.get_by_role("checkbox", name=words["work"]).first
    box.check()
    expect(frame.locator("#found")).to_contain_text(words["found"])
    expect(box).to_be_checked()
    frame.locator("#f-field-1").select_option("sourceId")
    expect(frame.locator("#f-value-1")).to_be_visible()
    expect(frame.locator("#f-field-2")).to_be_visible()
    looked_at(page, f"{lang}-crm-filled")
    frame.locator("#f-field-1").select_option("")
    expect(frame.locator("#f-field-2")).to_have_count(0)
    expect(frame.locator("#found")).to_contain_text(words["found"])
    frame.get_by_role("button", name=words["take"]).click()
    expect(frame.get_by_role("alert").first).to_be_visible()
    wait_for_htmx(frame)
    frame.get_by_role("button", name=words["next"]).click()
    expect(frame.locator("fieldset").first).to_be_visible()
    wait_for_htmx(frame)
    looked_at(page, f"{lang}-template")
    for at, name in ((3, "timing"), (4, "check")):
        go(page, f"^{at} ")
        looked_at(page, f"{lang}-{name}")


def innermost(page: Page):  # type: ignore[no-untyped-def]
    """The name of the campaign in the app's frame, which the portal may open in a slider."""
    return page.frame_locator("dialog iframe").frame_locator("iframe").locator("#f-name")
