"""Pages of campaigns in a real browser: the button above a list, choosing from the CRM, and how each step and state looks.

`SHOTS=folder` keeps a picture of each.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Frame, Locator, Page, expect
from sqlalchemy import select

from demo import Demo
from messaging.campaigns import changes
from messaging.campaigns.recipients import Entry
from messaging.store.models import Line
from tests.pages.test_hand_way import faults
from tests.pages.test_replies_way import demo, page
from tests.support.browser import press_section, wait_for_htmx, wait_in
from web.sheets import NEXT

__all__ = ["demo", "page"]
#: What is pressed and read, by language.
WORDS = {
    "ru": {
        "button": "Рассылка в WhatsApp",
        "stages": "Стадии: любые",
        "found": "Нашлось: ",
        "take": "Взять этих",
        "next": "Дальше: шаблон",
    },
    "en": {
        "button": "WhatsApp campaign",
        "stages": "Stages: any",
        "found": "Found: ",
        "take": "Take these items",
        "next": "Next: template",
    },
}


def looked_at(page: Page, name: str) -> None:
    """Nothing serious for axe, and nothing sticks out sideways, wide and narrow."""
    assert faults(page) == [], name
    for width in (1280, 600):
        page.set_viewport_size({"width": width, "height": 2000})
        frame = page.frames[-1]
        wait_in(frame, f"innerWidth <= {width} && innerWidth > {width} - 400")
        scrolled, shown = frame.evaluate(
            "[document.scrollingElement.scrollWidth, document.scrollingElement.clientWidth]"
        )
        assert scrolled <= shown, f"{name}: {scrolled - shown} px stick out sideways at {width}"
        if folder := os.environ.get("SHOTS"):
            page.screenshot(path=Path(folder) / f"{name}-{width}.png", caret="initial")
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
    box = frame.locator("[name=stage]").nth(2)
    box.check()
    expect(frame.locator("#found")).to_contain_text(words["found"])
    expect(box).to_be_checked()
    expect(frame.locator("#chosen-stage")).to_contain_text("1")
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


def innermost(page: Page) -> Locator:
    """The name of the campaign in the app's frame, which the portal may open in a slider."""
    return page.frame_locator("dialog iframe").frame_locator("iframe").locator("#f-name")


@pytest.mark.parametrize("width", [1280, 600])
@pytest.mark.parametrize("lang", ["ru", "en"])
def test_the_sections_are_one_row_and_a_menu(demo: Demo, page: Page, lang: str, width: int) -> None:
    """Nothing is cut, every section can be reached by keyboard, and the menu closes at Esc and at a press elsewhere."""
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{demo.emulators.portal}/app?lang={lang}")
    page.frame_locator("iframe").locator("nav a").first.wait_for()
    frame = page.frames[-1]
    wait_for_htmx(frame)
    summary, menu = frame.locator(".more summary"), frame.locator(".menu")
    heights = frame.evaluate(
        "[...document.querySelectorAll('.top nav > *')].map((one) => one.getBoundingClientRect().top)"
    )
    assert max(heights) - min(heights) < 10, "one row"
    assert frame.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    summary.focus()
    page.keyboard.press("Enter")
    expect(menu).to_be_visible()
    assert frame.locator(".menu a").count() == 10
    box = menu.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert faults(page) == []
    looked_at(page, f"{lang}-menu")
    page.keyboard.press("Escape")
    expect(menu).not_to_be_visible()
    assert frame.evaluate("document.activeElement.matches('.more summary')")
    press_section(frame, "rights")
    wait_for_htmx(frame)
    expect(menu).not_to_be_visible()
    assert frame.locator(".more [aria-current=page]").get_attribute("data-section") == "rights"
    summary.click()
    frame.locator("main").click(position={"x": 4, "y": 300})
    expect(menu).not_to_be_visible()


def test_progress_report_list_and_rights_fit_their_frames(demo: Demo, page: Page) -> None:
    """A campaign of sixty with a long name, and what is around it."""
    for lang in ("ru", "en"):
        page.goto(f"{demo.emulators.portal}/app?lang={lang}")
        page.frame_locator("iframe").locator("nav a").first.wait_for()
        frame = page.frames[-1]
        wait_for_htmx(frame)
        for section in ("campaigns", "rights"):
            press_section(frame, section)
            wait_for_htmx(frame)
            looked_at(page, f"{lang}-{section}")
        if lang == "ru":
            sent(demo)
        frame.locator('nav a[data-section="campaigns"]').click()
        wait_for_htmx(frame)
        frame.locator("tbody a").first.click()
        expect(frame.locator("#how-far")).to_contain_text("60", timeout=30_000)
        expect(frame.locator("#listed")).to_be_visible()
        frame.locator("#more-of-them").click()
        expect(frame.locator("#more-of-them")).to_have_count(0)
        expect(frame.locator("#listed tbody tr")).to_have_count(62)
        assert frame.locator("time", has_text="UTC").count() == 0, "every moment is shown by the reader's clock"
        looked_at(page, f"{lang}-report")
        if lang == "ru":
            several_workbooks_are_several_files(page, frame)


def several_workbooks_are_several_files(page: Page, frame: Frame) -> None:
    """As if the list were longer than a workbook: the server names the next part in a header."""
    behind, names = iter([{NEXT: "51"}, {}]), []
    page.route(
        "**/recipients.xlsx",
        lambda route: route.fulfill(headers=next(behind), body=b"PK", content_type="application/zip"),
    )
    page.on("download", lambda file: names.append(file.suggested_filename))
    with page.expect_download(lambda file: file.suggested_filename.startswith("campaign-2")):
        frame.get_by_role("button", name="XLSX").click()
    assert names == ["campaign-1.xlsx", "campaign-2.xlsx"]
    page.unroute_all()


def sent(demo: Demo) -> None:
    """A campaign of sixty clients with a long name is on its way."""
    app = demo.runtime
    with app.db.read() as session:
        line = session.scalars(select(Line)).first()
    assert line is not None
    name = "Очень длинное название рассылки, которое придумал человек без чувства меры " * 2
    key = changes.create(app, line.portal_id, 1, name.strip())
    entries = [Entry(n, f"+7916222{n:04d}", {"name": f"Клиент {n}"}) for n in range(60)]
    changes.add(app, line.portal_id, key, [*entries, Entry(61, "не телефон"), entries[0]])
    changes.edit(app, line.portal_id, key, line_ids=[line.id], template="sale", language="ru")
    changes.start(app, line.portal_id, key)
