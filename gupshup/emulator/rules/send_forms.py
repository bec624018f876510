"""Reads the form of a message: what is refused at once, and what is accepted and fails later.

Gupshup docs: reference/msg, docs/template-messages. Forms are as strict as the vendor is said to be at his strictest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from gupshup.emulator.rules import message_shapes, template_checks
from gupshup.emulator.rules.checks import Findings
from gupshup.emulator.state import codes
from gupshup.emulator.state.json_types import JsonObject
from gupshup.emulator.state.records import App
from gupshup.emulator.state.templates import Template

MSG_PATH = "/wa/api/v1/msg"
TEMPLATE_PATH = "/wa/api/v1/template/msg"

_BASE_FIELDS = frozenset({"channel", "source", "destination", "src.name"})
_FIELDS = {
    MSG_PATH: _BASE_FIELDS | {"message", "disablePreview", "encode"},
    TEMPLATE_PATH: _BASE_FIELDS | {"message", "template", "postbackTexts"},
}
_NUMBER = re.compile(r"[1-9]\d{6,14}")

Fields = dict[str, list[str]]
AppLookup = Callable[[str], App | None]


class Refused(Exception):
    """A refusal at once: this HTTP status and `{"status": "error", "message"}`. Nothing was accepted."""

    def __init__(self, status: int, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after


@dataclass(frozen=True)
class Draft:
    """A message that will be accepted. failure: code and reason of the `failed` event that it will get."""

    app: App
    destination: str
    path: str
    message: JsonObject | None
    template: JsonObject | None
    postback_texts: dict[int, str]
    known_template: Template | None
    failure: tuple[int, str] | None


def read_app(fields: Fields, app_named: AppLookup, key_apps: list[App]) -> App:
    """The app that sends the form. Raises Refused with the vendor's text."""
    name = _single(fields, "src.name")
    if "_" in name:
        raise Refused(400, "Source Contains XSS Characters")
    # Without src.name the first app of the key is taken. Such a message is accepted and fails later, with 1001.
    app = app_named(name) if name else key_apps[0]
    if app is None or app not in key_apps:
        raise Refused(400, "Request Bot Not Found")
    if _single(fields, "source") != app.phone:
        raise Refused(400, "Invalid App Details")
    return app


def read(fields: Fields, path: str, app: App) -> Draft:
    """Check all fields of a form. Raises Refused."""
    for name, values in fields.items():
        if name not in _FIELDS[path]:
            raise Refused(400, f"Invalid Request: unknown field {name}")
        if len(values) != 1:
            raise Refused(400, f"Invalid Request: field {name} is repeated")
    if _single(fields, "channel") != "whatsapp":
        raise Refused(400, "Invalid Channel")
    destination = _single(fields, "destination")
    if not _NUMBER.fullmatch(destination):
        raise Refused(400, "Invalid Destination")
    found = Findings(allow_http=app.allow_http)
    if not _single(fields, "src.name"):
        found.fail(codes.BOT_FAILED, "src.name")
    if destination == app.phone:
        found.fail(codes.SAME_NUMBER, destination)
    parts = _session(fields, found) if path == MSG_PATH else _template(fields, app, found)
    if found.malformed:
        raise Refused(400, f"Invalid Message: {found.malformed[0]}")
    message, template, postbacks, known = parts
    failure = found.failures[0] if found.failures else None
    return Draft(app, destination, path, message, template, postbacks, known, failure)


Parts = tuple[JsonObject | None, JsonObject | None, dict[int, str], Template | None]


def _session(fields: Fields, found: Findings) -> Parts:
    for flag in ("disablePreview", "encode"):
        if _single(fields, flag) not in ("", "true", "false"):
            found.refuse(flag, "must be true or false")
    message = _json(fields, "message")
    message_shapes.session_message(message, found)
    return _object(message), None, {}, None


def _template(fields: Fields, app: App, found: Findings) -> Parts:
    template = _json(fields, "template")
    header = _json(fields, "message") if "message" in fields else None
    postbacks = _json(fields, "postbackTexts") if "postbackTexts" in fields else []
    message_shapes.TEMPLATE(template, "template", found)
    message_shapes.POSTBACKS(postbacks, "postbackTexts", found)
    if header is not None:
        message_shapes.template_header(header, found)
    if found.malformed or not isinstance(template, dict):
        return None, None, {}, None
    known = app.templates.get(str(template.get("id")))
    by_index = {int(str(p["index"])): str(p["text"]) for p in _dicts(postbacks) if "index" in p and "text" in p}
    if known is None:
        found.fail(codes.TEMPLATE_UNKNOWN, str(template.get("id")))
    else:
        template_checks.check_send(known, [str(v) for v in template.get("params", [])], _object(header), found)
        if any(index >= len(known.quick_replies) for index in by_index):
            found.fail(codes.PARAM_FORMAT, "postbackTexts: no such quick-reply button")
    return _object(header), template, by_index, known


def _dicts(value: object) -> list[JsonObject]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _object(value: object) -> JsonObject | None:
    return value if isinstance(value, dict) else None


def _single(fields: Fields, name: str) -> str:
    values = fields.get(name)
    return values[0] if values else ""


def _json(fields: Fields, name: str) -> object:
    text = _single(fields, name)
    if not text:
        raise Refused(400, f"Invalid Request: {name} is missing")
    try:
        return json.loads(text)
    except ValueError:
        raise Refused(400, f"Invalid Message: {name} is not JSON") from None
