"""The harness page with the app's static folder, under the settings page's content security policy."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, sync_playwright

from tests.support.browser import launch

from .texts import texts

HERE = Path(__file__).parent
ROOTS = {"/static/": HERE.parents[2] / "web/static", "/harness/": HERE}
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html; charset=utf-8"}
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'"
)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/":
            lang = parse_qs(address.query).get("lang", ["en"])[0]
            page = (HERE / "index.html").read_text("utf-8").replace("@lang@", lang)
            self._answer(page.replace("@texts@", json.dumps(texts(lang), ensure_ascii=False)).encode(), ".html")
            return
        for prefix, root in ROOTS.items():
            file = root / address.path.removeprefix(prefix)
            if address.path.startswith(prefix) and file.is_file():
                self._answer(file.read_bytes(), file.suffix)
                return
        self.send_error(404)

    def _answer(self, body: bytes, suffix: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", TYPES[suffix])
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", CSP)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def served() -> Iterator[str]:
    """The address of the page."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def opened() -> Iterator[Page]:
    """The page in a browser of its own. Fails at the end if the console showed an error."""
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


def heard(page: Page, kind: str) -> list[Any]:
    """The values with which the page's parts called back by this name since the test began."""
    return [value for name, value in page.evaluate("harness.heard") if name == kind]
