"""What Gupshup and WhatsApp refuse when a template is submitted, in their words.

Gupshup docs "Create template" and its errors; Meta's refusals begin with "(#100)". They do not say which field is meant, so
neither does the emulator.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise

from gupshup.emulator.rules.send_forms import Refused
from gupshup.emulator.state.json_types import JsonObject
from gupshup.emulator.state.records import App
from gupshup.emulator.state.templates import VARIABLE, variables

FIELDS = frozenset(
    {
        *(
            "elementName",
            "languageCode",
            "category",
            "templateType",
            "vertical",
            "content",
            "header",
            "footer",
            "buttons",
        ),
        *(
            "example",
            "exampleHeader",
            "exampleMedia",
            "mediaId",
            "mediaUrl",
            "enableSample",
            "cards",
            "parameterFormat",
        ),
        *("allowTemplateCategoryChange", "addSecurityRecommendation", "codeExpirationMinutes", "messageValidity"),
        *("isLTO", "hasExpiration", "limitedOfferText"),
    }
)
_FIXED = frozenset({"elementName", "languageCode"})
_NAME = re.compile(r"[a-z0-9_]{1,180}")
_KINDS = ("TEXT", "IMAGE", "VIDEO", "DOCUMENT", "LOCATION", "CATALOG", "PRODUCT", "CAROUSEL", "GIF")
_MEDIA = ("IMAGE", "VIDEO", "DOCUMENT", "GIF")
_CATEGORIES = ("AUTHENTICATION", "MARKETING", "UTILITY")
_MOST_OF = {"URL": 2, "PHONE_NUMBER": 1, "COPY_CODE": 1, "FLOW": 1, "CATALOG": 1, "OTP": 1}
_EMOJI = re.compile("[\u2600-\u27bf\U0001f300-\U0001faff]")

NOT_SUPPORTED = "Template Not Supported On Gupshup Platform"
EXISTS = "Template Already exists with same namespace and elementName and languageCode"
BEING_DELETED = (
    "(#100) Message template language is being deleted. New content can't be added while the existing content is being "
    "deleted. Try again in 4 weeks or consider creating a new message template."
)
EDITED_TODAY = "(#100) You can only edit an approved message template once every 24 hours"


def read_new(fields: Mapping[str, str], app: App) -> JsonObject:
    """The description of a new template, for `state.templates.seed`. Raises Refused."""
    name, language = fields.get("elementName", ""), fields.get("languageCode", "en_US")
    if not _NAME.fullmatch(name):
        raise Refused(400, "Invalid element name provided")
    if (name, language) in app.deleted_names:
        raise Refused(400, BEING_DELETED)
    known = [(raw.get("elementName"), raw.get("languageCode")) for raw in (t.raw for t in app.templates.values())]
    if (name, language) in known:
        raise Refused(400, EXISTS)
    if not fields.get("vertical", "").strip() or len(fields["vertical"]) > 180:
        raise Refused(400, "Missing or invalid vertical")
    return _read(fields, app) | {"name": name, "language": language}


def read_change(fields: Mapping[str, str], app: App, stored: JsonObject) -> JsonObject:
    """The description of a changed template. Raises Refused. stored: the vendor's object."""
    if fixed := sorted(_FIXED & set(fields)):
        raise Refused(400, f"Invalid Request: unknown field {fixed[0]}")
    kept = {"category": str(stored["category"]), "templateType": str(stored["templateType"])}
    if stored["status"] == "APPROVED" and fields.get("category", kept["category"]) != kept["category"]:
        raise Refused(400, "(#100) You can't change the category of an approved message template")
    has_media = fields.get("templateType", kept["templateType"]) == kept["templateType"]
    return _read({**kept, **fields}, app, has_media=has_media)


def _read(fields: Mapping[str, str], app: App, *, has_media: bool = False) -> JsonObject:
    if unknown := sorted(set(fields) - FIELDS):
        raise Refused(400, f"Invalid Request: unknown field {unknown[0]}")
    category, kind = fields.get("category", ""), fields.get("templateType", "TEXT")
    if category not in _CATEGORIES:
        options = ", ".join(_CATEGORIES)
        raise Refused(400, f"Invalid category provided, kindly use category from these option {options}")
    if kind not in _KINDS:
        raise Refused(400, "Invalid template type provided")
    header, body, footer = fields.get("header", ""), fields.get("content", ""), fields.get("footer", "")
    if not _fits(body, fields.get("example", "")) or body != body.strip() or re.search(r"[ \t]\n", body):
        raise Refused(400, NOT_SUPPORTED)
    if variables(header) and not _fits(header, fields.get("exampleHeader", "")):
        raise Refused(400, NOT_SUPPORTED)
    if kind in _MEDIA and not has_media and not _has_sample(fields, app, kind):
        raise Refused(400, "Cannot Process Request Now")
    buttons = _buttons(fields.get("buttons", "[]"))
    for problem in _problems(header, body, footer, category, kind):
        raise Refused(400, f"(#100) {problem}")
    for problem in _button_problems(buttons, category):
        raise Refused(400, f"(#100) {problem}")
    made: JsonObject = {"category": category, "kind": kind, "body": body, "header": header, "footer": footer}
    given = {"sample_text": fields.get("example", ""), "sample_header": fields.get("exampleHeader", "")}
    return made | given | {"buttons": buttons, "vertical": fields.get("vertical", "")}


def _fits(text: str, example: str) -> bool:
    """Whether the example is the text with values, in brackets or not, in the place of its variables."""
    first, *others = VARIABLE.split(text)[::2]
    if not others:
        return example == text
    place = len(first) if example.startswith(first) else -1
    for piece in others[:-1]:
        # The value before it has one character at least.
        found = example.find(piece, place + 1) if place >= 0 else -1
        place = found + len(piece) if found >= 0 else -1
    return place >= 0 and example.endswith(others[-1]) and len(example) - len(others[-1]) > place


def _has_sample(fields: Mapping[str, str], app: App, kind: str) -> bool:
    mime = app.samples.get(fields.get("mediaId", ""), "")
    wanted = {"IMAGE": ("image/jpeg", "image/png"), "VIDEO": ("video/mp4", "video/3gpp"), "GIF": ("video/mp4",)}
    return bool(mime) and mime in wanted.get(kind, (mime,))


def _buttons(given: str) -> list[JsonObject]:
    try:
        found = json.loads(given)
    except ValueError:
        raise Refused(400, "Invalid buttons provided") from None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Refused(400, "Invalid buttons provided")
    return found


def _problems(header: str, body: str, footer: str, category: str, kind: str) -> Iterator[str]:
    names = variables(body)
    if len(header) > 60 or len(body) > 1024 or len(footer) > 60:
        yield "Param text is too long"
    pieces = VARIABLE.split(body)[::2]
    if names and category != "AUTHENTICATION" and not (_has_words(pieces[0]) and _has_words(pieces[-1])):
        yield "Variables can't be at the start or end of the template."
    if re.search(r"\}\}\s*\{\{", body):
        yield "Variables can't be next to each other"
    if names != [str(number) for number in range(1, len(names) + 1)]:
        yield "The parameters are not in sequential order"
    if "\n\n\n" in body:
        yield "Param text cannot have more than two consecutive newline characters"
    if len(variables(header)) > 1 or re.search(r"[\n*_~`]", VARIABLE.sub("", header)) or _EMOJI.search(header):
        yield "The message header can't have any new lines, formatting characters, emojis or asterisks."
    if "{{" in footer or "\n" in footer:
        yield "The footer can't have variables or new lines"
    if header and kind != "TEXT":
        yield "A template has one header"


def _has_words(text: str) -> bool:
    return any(map(str.isalnum, text))


def _button_problems(buttons: list[JsonObject], category: str) -> Iterator[str]:
    kinds = [str(button.get("type")) for button in buttons]
    if len(kinds) > 10 or any(kinds.count(kind) > most for kind, most in _MOST_OF.items()):
        yield "Too many buttons of one type"
    quick = [kind == "QUICK_REPLY" for kind in kinds]
    if sum(one != other for one, other in pairwise(quick)) > 1:
        yield "Quick reply buttons must be grouped"
    if category == "AUTHENTICATION" and kinds != ["OTP"]:
        yield "Authentication templates must have one OTP button"
    for button, kind in zip(buttons, kinds, strict=True):
        yield from _button(button, kind, category)


def _button(button: JsonObject, kind: str, category: str) -> Iterator[str]:
    text, example = str(button.get("text", "")), button.get("example")
    if kind not in ("QUICK_REPLY", "COPY_CODE", *_MOST_OF):
        yield f"Unknown button type {kind}"
    if kind not in ("COPY_CODE", "OTP") and not 1 <= len(text.strip()) <= 25:
        yield "Button text must have 1 to 25 characters"
    if re.search(r"[\n*_~{}]", text) or _EMOJI.search(text):
        yield "Buttons can't have any variables, newlines, emojis, or formatting characters"
    if kind == "URL":
        url = str(button.get("url", ""))
        fixed = url.removesuffix("{{1}}")
        if not fixed.startswith(("https://", "http://")) or "." not in fixed or re.search(r"[\s{}]", fixed):
            yield "Invalid button url"
        if fixed != url and not (isinstance(example, list) and example and str(example[0]).startswith(fixed)):
            yield "A dynamic url needs an example"
    if kind == "PHONE_NUMBER" and not re.fullmatch(r"\+\d{7,15}", str(button.get("phone_number", ""))):
        yield "Invalid phone number"
    if kind == "COPY_CODE" and (category != "MARKETING" or not re.fullmatch(r"\w{1,15}", str(example or ""))):
        yield "Invalid copy code button"
    if kind == "OTP" and (category != "AUTHENTICATION" or text != "Copy code"):
        yield "Invalid OTP button"
