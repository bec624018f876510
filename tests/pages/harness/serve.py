"""A page with the fields of the settings page alone: served under its content security policy, opened in a browser."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, sync_playwright

from bx24.fields_catalogue import groups
from tests.pages.harness.field_texts import TEXTS
from tests.support.browser import launch

HARNESS = Path(__file__).parent
STATIC = Path(__file__).parents[3] / "web" / "static"
CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'"
NAME = "{=Document:CONTACT.NAME}"
TITLE = "{=Document:TITLE}"
PHONE = "{=Document:CONTACT.PHONE_PRINTABLE}"
FIELDS: dict[str, dict[str, Any]] = {
    "TITLE": {"Name": {"ru": "Название", "en": "Name"}, "Type": "string"},
    "OPPORTUNITY": {"Name": {"ru": "Сумма", "en": "Amount"}, "Type": "double"},
    "BEGINDATE": {"Name": {"ru": "Дата начала", "en": "Start date"}, "Type": "date"},
    "ASSIGNED_BY_ID": {"Name": {"ru": "Ответственный", "en": "Responsible"}, "Type": "user"},
    "ASSIGNED_BY_PRINTABLE": {"Name": {"ru": "Ответственный (текст)", "en": "Responsible (text)"}, "Type": "string"},
    "XML_ID": {"Name": {"ru": "Внешний код", "en": "External code"}, "Type": "string"},
    "UF_CRM_FILE": {"Name": {"ru": "Договор", "en": "Contract"}, "Type": "file"},
    "CONTACT.NAME": {"Name": {"ru": "Контакт: Имя", "en": "Contact: First name"}, "Type": "string"},
    "CONTACT.PHONE": {"Name": {"ru": "Контакт: Телефон", "en": "Contact: Phone"}, "Type": "phone", "Multiple": True},
    "CONTACT.PHONE_PRINTABLE": {"Name": "Телефон (текст)", "Type": "string"},
}
TEMPLATE = {
    "variables": {"Discount": {"Name": {"ru": "Скидка", "en": "Discount"}, "Type": "double"}},
    "return_activities": [{"Id": "A1_2", "Title": "WhatsApp", "Return": [{"Id": "status", "Name": "status"}]}],
}
TEXT = {"id": "text", "label": "Текст", "multiline": True, "limit": 4096}


class Pages(SimpleHTTPRequestHandler):
    """/page?…: a page that a test made; /static and /harness: files."""

    html: dict[str, str]

    def do_GET(self) -> None:
        if not self.path.startswith("/page"):
            return super().do_GET() if "favicon" not in self.path else self._send(204, "")
        return self._send(200, self.html[self.path])

    def _send(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(body.encode())

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", CSP)
        super().end_headers()

    def translate_path(self, path: str) -> str:
        root, _, name = path.lstrip("/").partition("/")
        return str({"static": STATIC, "harness": HARNESS}[root] / name)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


class Harness:
    """A browser's page on which fields are shown. `errors`: what its console complained of; a CSP violation is an error."""

    def __init__(self, url: str, html: dict[str, str], page: Page) -> None:
        self.url, self.html, self.page = url, html, page
        self.errors: list[str] = []
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def show(self, *fields: dict[str, Any], lang: str = "ru", more: int = 0, height: int = 600, **raw: Any) -> None:
        """Open a page with these fields. more: how many custom fields the deal has besides."""
        custom = {f"UF_CRM_{n}": {"Name": f"Поле {n}", "Type": "string"} for n in range(more)}
        found = groups(
            raw.get("fields", FIELDS | custom), raw.get("template", TEMPLATE), ["crm", "CCrmDocumentDeal", "DEAL"], lang
        )
        texts = {key: text[lang == "ru"] for key, text in TEXTS.items()}
        data = {"groups": [group.to_dict() for group in found], "texts": texts, "fields": fields}
        path = f"/page?{len(self.html)}"
        self.html[path] = (
            f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>Fields</title>'
            '<link rel="stylesheet" href="/harness/fields.css"><link rel="stylesheet" href="/static/settings/fields.css">'
            f'<script type="application/json" id="data">{json.dumps(data)}</script>'
            '<script type="module" src="/harness/fields.js"></script></head><body><main><h1>Fields</h1></main></body></html>'
        )
        self.page.set_viewport_size({"width": 600, "height": height})
        self.page.goto(self.url + path)
        self.page.wait_for_function("window.made")

    def value(self, id: str = "text") -> str:
        return str(self.page.evaluate("id => window.made[id].value", id))

    def set(self, value: str, id: str = "text") -> None:
        self.page.evaluate("([id, value]) => window.made[id].setValue(value)", [id, value])

    @property
    def box(self) -> Locator:
        return self.page.get_by_role("textbox", name="Текст")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def clipboard(self, text: str) -> None:
        self.page.evaluate("text => navigator.clipboard.writeText(text)", text)


@contextmanager
def opened() -> Iterator[Harness]:
    """The harness in a browser of its own."""
    html: dict[str, str] = {}
    handler = type("Handler", (Pages,), {"html": html})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler)) as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = launch(playwright)
        page = browser.new_context(permissions=["clipboard-read", "clipboard-write"]).new_page()
        page.set_default_timeout(5_000)
        yield Harness(f"http://127.0.0.1:{server.server_port}", html, page)
        browser.close()
        server.shutdown()
