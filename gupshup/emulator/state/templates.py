"""Templates of an app: seeded from short descriptions, stored as the vendor's object, checked when one is sent.

The object is the one of Gupshup docs "get templates": `meta` and `containerMeta` are JSON inside a string.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from gupshup.emulator.state.json_types import JsonObject

VARIABLE = re.compile(r"\{\{\s*(\d+|[a-z_]+)\s*\}\}")
_NAME = re.compile(r"[a-z0-9_]{1,180}")
_KINDS = ("TEXT", "IMAGE", "VIDEO", "DOCUMENT", "LOCATION", "CATALOG", "PRODUCT", "CAROUSEL", "GIF")
_SEED_KEYS = frozenset(
    {
        "id",
        "name",
        "language",
        "category",
        "kind",
        "status",
        "header",
        "body",
        "footer",
        "buttons",
        "cards",
        "quality",
        "reason",
        "samples",
        "sample_text",
        "sample_header",
        "vertical",
    }
)


class BadSeed(ValueError):
    """A description of a template that would not pass review; the text says why."""


@dataclass(frozen=True)
class Template:
    """A template. raw: the vendor's object. The other fields are read out of it."""

    raw: JsonObject
    header: str
    body: str
    footer: str
    buttons: tuple[JsonObject, ...]
    cards: tuple[JsonObject, ...] = ()

    @property
    def id(self) -> str:
        return str(self.raw["id"])

    @property
    def kind(self) -> str:
        return str(self.raw["templateType"])

    @property
    def status(self) -> str:
        return str(self.raw["status"])

    @property
    def quick_replies(self) -> list[str]:
        """Titles of the quick-reply buttons; `postbackTexts[].index` counts within them."""
        return [str(b.get("text", "")) for b in self.buttons if b.get("type") == "QUICK_REPLY"]


def variables(text: str) -> list[str]:
    """Distinct variables of one component: numbers in numeric order, names in order of appearance."""
    found = list(dict.fromkeys(VARIABLE.findall(text)))
    return sorted((v for v in found if v.isdigit()), key=int) + [v for v in found if not v.isdigit()]


def fill(text: str, values: list[str]) -> str:
    """The text with its variables replaced, in the order of `variables`."""
    by_name = dict(zip(variables(text), values, strict=False))
    return VARIABLE.sub(lambda match: by_name.get(match[1], match[0]), text)


def seed(raw: Mapping[str, object], app_id: str, now_ms: int, new_id: str) -> Template:
    """Make the vendor's object out of `{"name", "language", "category", "body", …}`.

    An object that already has `elementName` is taken as it is, so that odd shapes of the real API can be planted.
    Raises BadSeed.
    """
    if "elementName" in raw:
        return read({"id": new_id, "appId": app_id, "status": "APPROVED", "templateType": "TEXT", **raw})
    unknown = set(raw) - _SEED_KEYS
    name, body, kind = str(raw.get("name", "")), str(raw.get("body", "")), str(raw.get("kind", "TEXT"))
    if unknown or not _NAME.fullmatch(name) or not body or kind not in _KINDS:
        raise BadSeed(f"template {name!r}: unknown keys {sorted(unknown)}, or a bad name, body or kind {kind!r}")
    return read(_vendor_object(raw, name, body, kind, app_id, now_ms, new_id))


def _vendor_object(
    raw: Mapping[str, object], name: str, body: str, kind: str, app_id: str, now_ms: int, new_id: str
) -> JsonObject:
    header, footer = str(raw.get("header", "")), str(raw.get("footer", ""))
    buttons = _objects(raw.get("buttons", []))
    samples = raw.get("samples")
    example = dict(samples) if isinstance(samples, Mapping) else {}
    sample = str(raw.get("sample_text") or fill(body, [f"[{example.get(v, 'sample')}]" for v in variables(body)]))
    container: JsonObject = {"appId": app_id, "data": body, "sampleText": sample, "enableSample": True}
    container |= {key: text for key, text in (("header", header), ("footer", footer)) if text}
    if header:
        filled = fill(header, [f"[{example.get(v, 'sample')}]" for v in variables(header)])
        container["sampleHeader"] = str(raw.get("sample_header") or filled)
    if buttons:
        container["buttons"] = buttons
    if cards := _objects(raw.get("cards", [])):
        container["cards"] = cards
    return {
        "id": str(raw.get("id", new_id)),
        "appId": app_id,
        "elementName": name,
        "languageCode": raw.get("language", "en_US"),
        "category": raw.get("category", "UTILITY"),
        "templateType": kind,
        "status": raw.get("status", "APPROVED"),
        "externalId": str(10**15 + now_ms),
        "wabaId": "220700000000001",
        "namespace": "b1c2d3e4_0001",
        "data": _rendering(header, body, footer, buttons),
        "meta": json.dumps({"example": sample}, ensure_ascii=False),
        "containerMeta": json.dumps(container, ensure_ascii=False),
        "vertical": raw.get("vertical", name),
        "quality": raw.get("quality", "UNKNOWN"),
        "reason": raw.get("reason", "NONE"),
        "languagePolicy": "deterministic",
        "createdOn": now_ms,
        "modifiedOn": now_ms,
        "priority": 1,
        "retry": 0,
        "stage": "NONE",
    }


def _rendering(header: str, body: str, footer: str, buttons: list[JsonObject]) -> str:
    words = "\n".join(part for part in (header, body, footer) if part)
    for button in buttons:
        value = button.get("url") or button.get("phone_number")
        words += f" | [{button.get('text', 'null')}{f',{value}' if value else ''}]"
    return words


def _objects(value: object) -> list[JsonObject]:
    return [dict(v) for v in value if isinstance(v, Mapping)] if isinstance(value, list | tuple) else []


def read(raw: JsonObject) -> Template:
    """Read the parts out of a stored object; without `containerMeta` there is only a body."""
    stored = raw.get("containerMeta")
    container = json.loads(stored) if isinstance(stored, str) and stored else stored
    parts: Mapping[str, object] = {"data": raw.get("data")}
    if isinstance(container, Mapping) and container:
        parts = container
    return Template(
        raw=raw,
        header=str(parts.get("header") or ""),
        body=str(parts.get("data") or ""),
        footer=str(parts.get("footer") or ""),
        buttons=tuple(_objects(parts.get("buttons") or [])),
        cards=tuple(_objects(parts.get("cards") or [])),
    )


@dataclass(frozen=True)
class Rendered:
    """A template with its values put in, as the client's phone shows it."""

    header: str
    body: str
    footer: str
    buttons: tuple[JsonObject, ...]
    cards: tuple[RenderedCard, ...] = ()


@dataclass(frozen=True)
class RenderedCard:
    """One card of a carousel, likewise."""

    body: str
    buttons: tuple[JsonObject, ...]


def render(template: Template, params: list[str]) -> Rendered:
    """Put the values in: those of the header first, then body, then buttons, then card by card its text's and its buttons'."""
    header, body = len(variables(template.header)), len(variables(template.body))
    rest = list(params[header + body :])
    buttons = _buttons(template.buttons, rest)
    cards = []
    for card in template.cards:
        text = str(card.get("body") or "")
        given = [rest.pop(0) for _ in variables(text) if rest]
        cards.append(RenderedCard(fill(text, given), _buttons(_objects(card.get("buttons")), rest)))
    return Rendered(
        fill(template.header, params), fill(template.body, params[header:]), template.footer, buttons, tuple(cards)
    )


def _buttons(given: Sequence[JsonObject], rest: list[str]) -> tuple[JsonObject, ...]:
    """The buttons with their values, which are taken away from the rest."""
    buttons = []
    for button in given:
        shown = dict(button)
        if VARIABLE.search(str(button.get("url", ""))) and rest:
            shown["url"] = VARIABLE.sub(quote(rest.pop(0), safe="/?=&%.-_~#"), str(button["url"]))
        elif button.get("type") in ("COPY_CODE", "OTP") and rest:
            shown["code"] = rest.pop(0)
        buttons.append(shown)
    return tuple(buttons)
