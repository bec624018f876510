"""What the `layout` of a configurable activity may hold.

Source: the DTO classes of crm/lib/activity/entity/configurablerestapp/dto; docs, crm/timeline/activities/configurable/
structure. Where they differ, the classes count: a tag, say, has no `scope`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rest.base import RestError

LANGUAGES = (
    *("ru", "en", "de", "la", "br", "fr", "it", "pl", "ua", "tr", "sc", "tc"),
    *("ja", "vn", "id", "ms", "th", "ar", "kz"),
)
"""The languages of a cloud portal."""
TAG_TYPES = ("success", "failure", "warning", "primary", "secondary")
_KEY = re.compile(r"[A-Za-z0-9_-]+")

Check = Callable[[Any, str, str], Iterator[RestError]]
"""check(value, name of the field, name of the object it is in)."""


@dataclass(frozen=True)
class Shape:
    """An object of the layout: a check for each of its fields, and the fields that must be there."""

    fields: dict[str, Check]
    required: tuple[str, ...] = ()


def check_layout(layout: Any) -> None:
    """Raises RestError for the first problem."""
    for problem in _object_problems(layout, "LayoutDto"):
        raise problem


def _wrong(field: str, parent: str) -> RestError:
    return RestError("WRONG_FIELD_VALUE", f"Wrong value of the field {field} in {parent}")


def _object_problems(value: dict[str, Any] | list[Any], name: str) -> Iterator[RestError]:
    shape, given = SHAPES[name], dict(php.items(value))
    for field in shape.required:
        if given.get(field) in (None, "", [], {}):
            yield RestError("FIELD_IS_REQUIRED", f"The field {field} in {name} must be filled in")
    for field, content in given.items():
        if field not in shape.fields:
            yield RestError("FIELD_IS_REDUNDANT", f"The field {field} is redundant in {name}")
        elif content is not None:
            yield from shape.fields[field](content, field, name)


def _anything(value: Any, field: str, parent: str) -> Iterator[RestError]:
    return iter(())


def _text(value: Any, field: str, parent: str) -> Iterator[RestError]:
    """A text, or a map of languages."""
    if not php.is_array(value):
        return
    for language, text in php.items(value):
        if language not in LANGUAGES:
            yield RestError("WRONG_LANG", f"Language {language} is not installed")
        elif not isinstance(text, str):
            yield _wrong(f"{field}[{language}]", parent)


def _one_of(*allowed: str) -> Check:
    def check(value: Any, field: str, parent: str) -> Iterator[RestError]:
        if value not in allowed:
            yield RestError("ENUM_FIELD", f"The field {field} in {parent} must be one of: {', '.join(allowed)}")

    return check


def _object(name: str) -> Check:
    def check(value: Any, field: str, parent: str) -> Iterator[RestError]:
        if php.is_array(value):
            yield from _object_problems(value, name)
        else:
            yield _wrong(field, parent)

    return check


def _key_problems(value: Any, parent: str) -> Iterator[RestError]:
    for key, _ in php.items(value):
        if not _KEY.fullmatch(key):
            yield RestError("KEY_CONTAIN_WRONG_SYMBOLS", f"The key {key} in {parent} contains wrong symbols")


def _collection(check: Check, limit: int) -> Check:
    """A map of objects; the keys are free, but for odd characters."""

    def check_all(value: Any, field: str, parent: str) -> Iterator[RestError]:
        if not php.is_array(value):
            yield _wrong(field, parent)
            return
        yield from _key_problems(value, parent)
        if len(value) > limit:
            yield _too_many(field, parent, limit)
        for key, item in php.items(value):
            yield from check(item, f"{field}[{key}]", parent)

    return check_all


def _too_many(field: str, parent: str, limit: int) -> RestError:
    return RestError("TOO_MANY_ITEMS", f"The field {field} in {parent} must have at most {limit} items")


def _scalars(value: Any, field: str, parent: str) -> Iterator[RestError]:
    """`actionParams`: at most 20 scalars, which become strings."""
    if not php.is_array(value):
        yield _wrong(field, parent)
        return
    yield from _key_problems(value, parent)
    for key, item in php.items(value):
        if php.is_array(item) or item is None:
            yield _wrong(f"{field}[{key}]", parent)
    if len(value) > MAX_PARAMS:
        yield _too_many(field, parent, MAX_PARAMS)


def _action(value: Any, field: str, parent: str) -> Iterator[RestError]:
    """An action. Fields of another type of action are allowed and ignored."""
    if not php.is_array(value):
        yield _wrong(field, parent)
        return
    given = dict(php.items(value))
    kind = given.get("type")
    name = kind if kind in _ACTIONS else "ActionDto"
    yield from _object_problems({key: given[key] for key in given if key in SHAPES[name].fields}, name)
    for key in given:
        if key not in _ACTION_FIELDS:
            yield RestError("FIELD_IS_REDUNDANT", f"The field {key} is redundant in ActionDto")


def _hex_color(value: Any, field: str, parent: str) -> Iterator[RestError]:
    if not re.fullmatch(r"#[A-Fa-f0-9]{6}", str(value)):
        yield _wrong(field, parent)


def _block(allowed: tuple[str, ...], nested: bool = False) -> Check:
    """A content block: `type`, and the `properties` of that type."""

    def check(value: Any, field: str, parent: str) -> Iterator[RestError]:
        if not php.is_array(value):
            yield _wrong(field, parent)
            return
        given = dict(php.items(value))
        kind = given.get("type")
        if nested and kind not in allowed:
            yield _wrong(field, parent)
        elif kind not in allowed:
            yield RestError("ENUM_FIELD", f"The field type in ContentBlockDto must be one of: {', '.join(allowed)}")
        else:
            for key in given:
                if key not in ("type", "properties"):
                    yield RestError("FIELD_IS_REDUNDANT", f"The field {key} is redundant in ContentBlockDto")
            properties = given.get("properties")
            yield from _object(f"block {kind}")({} if properties is None else properties, "properties", field)

    return check


MAX_BLOCKS, MAX_TAGS, MAX_BUTTONS, MAX_MENU_ITEMS, MAX_PARAMS = 20, 2, 2, 10, 20
_SIMPLE_BLOCKS = ("text", "link", "deadline")
_BLOCKS = ("text", "largeText", "link", "deadline", "withTitle", "lineOfBlocks")
_ACTIONS = ("redirect", "restEvent", "openRestApp")
_ACTION_FIELDS = ("type", "uri", "id", "actionParams", "animationType", "sliderParams")
_SCOPE = _one_of("web", "mobile")
_ITEM: dict[str, Check] = {"title": _text, "action": _action, "scope": _SCOPE, "hideIfReadonly": _anything}
SHAPES: dict[str, Shape] = {
    "LayoutDto": Shape(
        {
            "icon": _object("IconDto"),
            "header": _object("HeaderDto"),
            "body": _object("BodyDto"),
            "footer": _object("FooterDto"),
        },
        ("icon", "header", "body"),
    ),
    "IconDto": Shape({"code": _anything}, ("code",)),
    "HeaderDto": Shape(
        {"title": _text, "titleAction": _action, "tags": _collection(_object("TagDto"), MAX_TAGS)}, ("title",)
    ),
    "TagDto": Shape({"title": _text, "type": _one_of(*TAG_TYPES), "action": _action}, ("title", "type")),
    "BodyDto": Shape(
        {"logo": _object("LogoDto"), "blocks": _collection(_block(_BLOCKS), MAX_BLOCKS)}, ("logo", "blocks")
    ),
    "LogoDto": Shape({"code": _anything, "action": _action}, ("code",)),
    "FooterDto": Shape(
        {
            "buttons": _collection(_object("FooterButtonDto"), MAX_BUTTONS),
            "menu": _object("FooterMenuDto"),
            "showNote": _anything,
        }
    ),
    "FooterButtonDto": Shape({**_ITEM, "type": _one_of("primary", "secondary")}, ("title", "type", "action")),
    "FooterMenuDto": Shape(
        {
            "showPinItem": _anything,
            "showPostponeItem": _anything,
            "showDeleteItem": _anything,
            "items": _collection(_object("MenuItemDto"), MAX_MENU_ITEMS),
        }
    ),
    "MenuItemDto": Shape(_ITEM, ("title", "action")),
    "ActionDto": Shape({"type": _one_of(*_ACTIONS)}, ("type",)),
    "redirect": Shape({"type": _anything, "uri": _anything}, ("uri",)),
    "restEvent": Shape(
        {
            "type": _anything,
            "id": _anything,
            "actionParams": _scalars,
            "animationType": _one_of("disable", "loader"),
        },
        ("id",),
    ),
    "openRestApp": Shape(
        {"type": _anything, "actionParams": _scalars, "sliderParams": _object("ActionSliderParamsDto")}
    ),
    "ActionSliderParamsDto": Shape(
        {
            "width": _anything,
            "leftBoundary": _anything,
            "title": _anything,
            "labelText": _anything,
            "labelColor": _hex_color,
            "labelBgColor": _one_of("aqua", "green", "orange", "brown", "pink", "blue", "grey", "violet"),
        }
    ),
    "block text": Shape(
        {
            "value": _text,
            "title": _text,
            "multiline": _anything,
            "bold": _anything,
            "size": _one_of("xs", "sm", "md"),
            "color": _one_of("base_50", "base_60", "base_70", "base_90"),
            "scope": _SCOPE,
        },
        ("value",),
    ),
    "block largeText": Shape({"value": _text, "scope": _SCOPE}, ("value",)),
    "block link": Shape({"text": _text, "action": _action, "bold": _anything, "scope": _SCOPE}, ("text", "action")),
    "block deadline": Shape({"readonly": _anything, "scope": _SCOPE}),
    "block withTitle": Shape(
        {"title": _text, "inline": _anything, "block": _block(_SIMPLE_BLOCKS, nested=True), "scope": _SCOPE}, ("block",)
    ),
    "block lineOfBlocks": Shape(
        {"blocks": _collection(_block(_SIMPLE_BLOCKS, nested=True), MAX_BLOCKS), "scope": _SCOPE}, ("blocks",)
    ),
}
"""Every object of a layout. `block <type>`: the properties of a content block."""
