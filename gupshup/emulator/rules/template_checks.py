"""What WhatsApp refuses in the values with which a template is sent."""

from __future__ import annotations

import re

from gupshup.emulator.rules.checks import Findings
from gupshup.emulator.state import codes
from gupshup.emulator.state.json_types import JsonObject
from gupshup.emulator.state.templates import VARIABLE, Template, render, variables

_SENDABLE = ("APPROVED", "SANDBOX_REQUESTED")
_HEADER_LIMIT, _BODY_LIMIT, _CARD_LIMIT = 60, 1024, 160


def check_send(template: Template, params: list[str], header: JsonObject | None, found: Findings) -> None:
    """Note what WhatsApp would refuse. header: the `message` field."""
    if template.status not in _SENDABLE:
        found.fail(codes.TEMPLATE_PAUSED if template.status == "PAUSED" else codes.TEMPLATE_UNKNOWN, template.status)
        return
    must, may = _button_slots(template)
    own = len(variables(template.header)) + len(variables(template.body)) + must
    expected = own + sum(map(_card_slots, template.cards))
    if len(params) not in (expected, expected + may):
        found.fail(codes.PARAMS_COUNT, f"got {len(params)}, expected {expected}")
        return
    _check_values(params, found)
    _check_header(template, header, found)
    shown = render(template, params)
    if len(shown.header) > _HEADER_LIMIT or len(shown.body) > _BODY_LIMIT:
        found.fail(codes.TEMPLATE_TOO_LONG, f"header {len(shown.header)}, body {len(shown.body)} characters")
    if any(len(card.body) > _CARD_LIMIT for card in shown.cards):
        found.fail(codes.TEMPLATE_TOO_LONG, f"a card has more than {_CARD_LIMIT} characters")
    if must and not all(re.fullmatch(r"[^\s<>\"{}|\\^`]+", value) for value in params[own - must : own]):
        found.fail(codes.PARAM_FORMAT, "button value")


def _check_values(params: list[str], found: Findings) -> None:
    for position, value in enumerate(params):
        if not value.strip():
            found.fail(codes.PARAM_FORMAT, f"params[{position}] is empty")
        elif re.search(r"[\n\r\t]| {5,}", value):
            found.fail(codes.PARAM_SPACES, f"params[{position}]")


def _check_header(template: Template, header: JsonObject | None, found: Findings) -> None:
    media = {
        "IMAGE": "image",
        "VIDEO": "video",
        "DOCUMENT": "document",
        "LOCATION": "location",
        "GIF": "gif",
        "CAROUSEL": "carousel",
    }
    expected = media.get(template.kind)
    given = str(header.get("type")) if header else None
    if expected != given:
        found.fail(codes.PARAM_FORMAT, f"header: expected {expected or 'none'}, received {given or 'none'}")
    elif header and given == "carousel":
        files, kind = header.get("cards"), header.get("cardHeaderType")
        kinds = [str(card.get("headerType", "")).upper() for card in template.cards]
        if not isinstance(files, list) or kinds != [kind] * len(files):
            found.fail(codes.PARAM_FORMAT, f"cards: expected {kinds}")


def _card_slots(card: JsonObject) -> int:
    buttons = card.get("buttons")
    links = [str(one.get("url", "")) for one in buttons if isinstance(one, dict)] if isinstance(buttons, list) else []
    return len(variables(str(card.get("body") or ""))) + sum(bool(VARIABLE.search(link)) for link in links)


def _button_slots(template: Template) -> tuple[int, int]:
    """The number of values that the buttons need, and how many more they may have: the docs disagree on OTP buttons."""
    must = sum(1 for b in template.buttons if b.get("type") == "COPY_CODE" or VARIABLE.search(str(b.get("url", ""))))
    return must, sum(1 for b in template.buttons if b.get("type") == "OTP")
