"""Somebody who looks at pages: axe, the console and sideways scroll, at two widths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Frame, Locator, Page

from demo import Demo
from tests.support.browser import press_section, wait_for_htmx

AXE = (Path(__file__).parent.parent / "vendor" / "axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]


class Reader:
    """Somebody at a browser of one language and width; notes every complaint of the pages he sees."""

    def __init__(self, browser: Browser, demo: Demo, lang: str, width: int) -> None:
        self.demo, self.lang, self.width = demo, lang, width
        self.page: Page = browser.new_page(viewport={"width": width, "height": 900})
        self.page.set_default_timeout(15_000)
        self.complaints: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    @property
    def frame(self) -> Frame:
        """The app's frame; a page outside the portal is its own."""
        return self.page.frames[-1]

    def open(self, path: str, heading: str = "h1", *, waits: bool = True) -> Frame:
        """waits: until the section that is remembered has come; a press would give it up, and htmx says so to the console."""
        self.page.goto(f"{self.demo.emulators.portal}/{path}?lang={self.lang}")
        self.page.frame_locator("iframe").locator(heading).first.wait_for(state="attached")
        if waits:
            self.idle()
        return self.frame

    def idle(self) -> None:
        """Until htmx has put everything into its place."""
        wait_for_htmx(self.frame)

    def go(self, target: Locator | str) -> None:
        """Press a link or a button; a name is that of a section."""
        if isinstance(target, str):
            press_section(self.frame, target)
        else:
            target.click()
        self.idle()

    def look(self, name: str) -> None:
        """Nothing serious here, at this width; nothing wider than the frame at the other one; a silent console."""
        where = f"{name}, {self.lang}, {self.width} px"
        faults = self._faults()
        assert faults == [], f"{where}: {faults}"
        self._fits(where)
        other = 1880 - self.width
        self._resize(other)
        self._fits(f"{name}, {self.lang}, {other} px")
        self._resize(self.width)
        assert self.complaints == [], f"{where}: {self.complaints}"

    def _faults(self) -> list[str]:
        """Serious and critical faults. Injected by the driver: the pages' CSP lets no foreign script in."""
        if not self.frame.evaluate("'axe' in window"):
            self.frame.evaluate(AXE)
        run = "(tags) => axe.run(document, {runOnly: tags, resultTypes: ['violations']})"
        found = self.frame.evaluate(run, TAGS)["violations"]
        return [
            f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found if one["impact"] in ("serious", "critical")
        ]

    def _fits(self, where: str) -> None:
        scrolled, shown = self.frame.evaluate(
            "[document.scrollingElement.scrollWidth, document.scrollingElement.clientWidth]"
        )
        assert scrolled <= shown, f"{where}: {scrolled - shown} px stick out sideways"

    def _resize(self, width: int) -> None:
        before = self.frame.evaluate("innerWidth")
        self.page.set_viewport_size({"width": width, "height": 900})
        for _ in range(100):
            if self.frame.evaluate("innerWidth") != before:
                return
            self.page.wait_for_timeout(10)
        raise AssertionError("the frame kept its width")

    def press(self, *keys: str) -> Locator:
        """Returns what has the focus afterwards."""
        for key in keys:
            self.page.keyboard.press(key)
        return self.frame.locator(":focus")
