"""The data of the page: an action's properties, their limits, and the values that Bitrix24 has saved."""

from collections.abc import Mapping
from typing import Any

from activities import Person
from activities.base import MAX_WAIT_MINUTES, Action
from bx24.properties import Properties, describe
from gupshup import limits
from robots import Client

Value = str | list[str]

#: Action → property → its limit in characters. Limits of buttons, rows and other parts of a property stand in SIZES.
LIMITS: dict[str, dict[str, int]] = {
    "send_text": {"text": limits.TEXT_LIMIT},
    "send_buttons": {
        "header": limits.HEADER_LIMIT,
        "text": limits.BODY_LIMIT,
        "footer": limits.FOOTER_LIMIT,
    },
    "send_list": {
        "header": limits.HEADER_LIMIT,
        "text": limits.BODY_LIMIT,
        "footer": limits.FOOTER_LIMIT,
        "button": limits.BUTTON_TITLE_LIMIT,
    },
    "send_file": {"caption": limits.CAPTION_LIMIT, "file_name": limits.FILE_NAME_LIMIT},
    "send_location": {"place": limits.PLACE_LIMIT, "address": limits.ADDRESS_LIMIT},
}
SIZES: dict[str, int] = {
    "buttons": limits.BUTTONS_LIMIT,
    "button_title": limits.BUTTON_TITLE_LIMIT,
    "button_id": limits.BUTTON_ID_LIMIT,
    "rows": limits.ROWS_LIMIT,
    "row_title": limits.ROW_TITLE_LIMIT,
    "row_description": limits.ROW_DESCRIPTION_LIMIT,
    "row_id": limits.ROW_ID_LIMIT,
    "section_title": limits.SECTION_TITLE_LIMIT,
    "template_text": limits.TEMPLATE_TEXT_LIMIT,
    "copy_code": limits.COPY_CODE_LIMIT,
    "wait_minutes": MAX_WAIT_MINUTES,
}


def schema_of(side: str, action: Action) -> Properties:
    """The fields of an action as a robot or as an activity."""
    return action.schema(Client if side == "robots" else Person)


def properties(side: str, action: Action, lang: str) -> list[dict[str, Any]]:
    """Every property in the order of Bitrix24's form: {code, type, multiple, required, title, hint, options, default, limit}.

    options: [value, words] of a select; default: "" without one; limit: characters, 0 without one.
    """
    described = describe(schema_of(side, action), lang=lang, options={"line": {}})
    return [
        {
            "code": code,
            "type": descriptor["Type"],
            "multiple": descriptor["Multiple"] == "Y",
            "required": descriptor["Required"] == "Y",
            "title": descriptor["Name"][lang],
            "hint": descriptor.get("Description", {}).get(lang, ""),
            "options": list(descriptor.get("Options", {}).items()),
            "default": descriptor.get("Default", ""),
            "limit": LIMITS.get(action.name, {}).get(code, 0),
        }
        for code, descriptor in described.items()
    ]


def saved(side: str, action: Action, current: Any) -> dict[str, Value | None]:
    """The saved values by code, unchanged; None for a property without a saved value.

    current: `current_values` as they came, a map or PHP's empty `[]`; values are texts, lists, maps of lists, or null.
    """
    given = current if isinstance(current, Mapping) else {}
    by_lower = {str(key).lower(): value for key, value in given.items()}
    described = describe(schema_of(side, action), options={"line": {}})
    return {
        code: _entries(by_lower.get(code.lower())) if one["Multiple"] == "Y" else _single(by_lower.get(code.lower()))
        for code, one in described.items()
    }


def _entries(value: Any) -> list[str] | None:
    if value is None:
        return None
    entries = list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else [value]
    return [_single(entry) or "" for entry in entries]


def _single(value: Any) -> str | None:
    while isinstance(value, Mapping | list):
        value = next(iter(value.values() if isinstance(value, Mapping) else value), None)
    if isinstance(value, bool):
        return "Y" if value else "N"
    return value if value is None or isinstance(value, str) else str(value)
