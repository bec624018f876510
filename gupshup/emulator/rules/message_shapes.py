"""The documented shapes and limits of all messages of POST /wa/api/v1/msg, and of template headers.

Gupshup docs: reference/msg and its pages per type; Meta docs: limits of interactive messages.
"""

from __future__ import annotations

from gupshup.emulator.rules.checks import (
    Check,
    Findings,
    all_of,
    anything,
    boolean,
    link,
    list_of,
    number,
    object_of,
    one_of,
    string,
    strings_at,
)
from gupshup.emulator.state import codes

_CONTEXT = object_of({"msgId": string(empty=False)})
_COMMON: dict[str, Check] = {"context": _CONTEXT, "msgid": string(256)}
_ROWS_IN_ALL = 10


def _message(required: dict[str, Check], optional: dict[str, Check] | None = None) -> Check:
    return object_of({"type": anything, **required}, {**_COMMON, **(optional or {})})


def _media(optional: dict[str, Check] | None = None) -> Check:
    shape = _message({}, {"url": link, "id": string(empty=False), **(optional or {})})
    return all_of(shape, _url_or_id)


def _url_or_id(value: object, where: str, found: Findings) -> None:
    if isinstance(value, dict) and ("url" in value) == ("id" in value):
        found.fail(codes.PARAMETER_MISSING, f"{where} needs either url or id")


def _differ(what: str, *path: str) -> Check:
    def check(value: object, where: str, found: Findings) -> None:
        names = strings_at(value, *path)
        if len(set(names)) != len(names):
            found.fail(codes.VALUE_INVALID, f"{where}: {what} must differ")

    return check


_PHONE = object_of({"phone": string(empty=False)}, {"type": string(), "wa_id": string()})
_ADDRESS = object_of({}, {k: string() for k in ("street", "city", "state", "zip", "country", "countryCode", "type")})
_NAME_PARTS = ("firstName", "lastName", "middleName", "prefix", "suffix")


def _has_name_part(value: object, where: str, found: Findings) -> None:
    if isinstance(value, dict) and not any(value.get(part) for part in _NAME_PARTS):
        found.fail(codes.PARAMETER_MISSING, f"{where} needs a name part beside formattedName")


_CONTACT = object_of(
    {
        "name": all_of(
            object_of({"formattedName": string(empty=False)}, {p: string() for p in _NAME_PARTS}), _has_name_part
        )
    },
    {
        "phones": list_of(_PHONE),
        "emails": list_of(object_of({"email": string(empty=False)}, {"type": string()})),
        "addresses": list_of(_ADDRESS),
        "org": object_of({}, {"company": string(), "department": string(), "title": string()}),
        "urls": list_of(object_of({"url": string(empty=False)}, {"type": string()})),
        "birthday": string(),
    },
)
_LOCATION: tuple[dict[str, Check], dict[str, Check]] = (
    {"longitude": number(-180, 180), "latitude": number(-90, 90)},
    {"name": string(1000), "address": string(1000)},
)
_BUTTON = object_of(
    {"type": one_of("text"), "title": string(20, empty=False)},
    {"postbackText": string(256, empty=False)},
)
_CAPTION = {"caption": string(60)}
_QUICK_CONTENT: dict[str, Check] = {
    "text": object_of({"type": anything, "text": string(1024, empty=False)}, {"header": string(60), **_CAPTION}),
    "image": object_of({"type": anything, "url": link, "text": string(1024, empty=False)}, _CAPTION),
    "video": object_of({"type": anything, "url": link, "text": string(1024, empty=False)}, _CAPTION),
    "file": object_of(
        {"type": anything, "url": link, "text": string(1024, empty=False)}, {"filename": string(), **_CAPTION}
    ),
}
_ROW = object_of(
    {"type": one_of("text"), "title": string(24, empty=False)},
    {"description": string(72, empty=False), "postbackText": string(200, empty=False)},
)
_SECTION = object_of({"options": list_of(_ROW, 1)}, {"title": string(24), "subtitle": string()})


def _by_type(kinds: dict[str, Check]) -> Check:
    def check(value: object, where: str, found: Findings) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        if isinstance(kind, str) and kind in kinds:
            kinds[kind](value, where, found)
        else:
            found.refuse(f"{where}.type", f"must be one of {', '.join(kinds)}")

    return check


def _list_sections(value: object, where: str, found: Findings) -> None:
    items = value.get("items") if isinstance(value, dict) else None
    if not isinstance(items, list):
        return
    rows = sum(len(i["options"]) for i in items if isinstance(i, dict) and isinstance(i.get("options"), list))
    if rows > _ROWS_IN_ALL:
        found.fail(codes.VALUE_INVALID, f"{where} has {rows} rows, at most {_ROWS_IN_ALL}")
    if len(items) > 1 and not all(isinstance(i, dict) and i.get("title") for i in items):
        found.fail(codes.PARAMETER_MISSING, f"{where}: each of several sections needs a title")


_LIST = all_of(
    _message(
        {
            "body": string(1024, empty=False),
            "globalButtons": list_of(object_of({"type": one_of("text"), "title": string(20, empty=False)}), 1, 1),
            "items": list_of(_SECTION, 1, 10),
        },
        {"title": string(60), "footer": string(60)},
    ),
    _list_sections,
    _differ("row ids", "items", "options", "postbackText"),
)

MESSAGES: dict[str, Check] = {
    "text": _message({"text": string(4096, empty=False)}, {"previewUrl": boolean}),
    "image": _message({"originalUrl": link, "previewUrl": link}, {"caption": string(1024)}),
    "video": _media({"caption": string(1024)}),
    "audio": _media(),
    "file": _media({"filename": string(240), "caption": string(1024)}),
    "sticker": _media(),
    "contact": _message({"contact": _CONTACT}),
    "location": _message(*_LOCATION),
    "quick_reply": all_of(
        _message({"content": _by_type(_QUICK_CONTENT), "options": list_of(_BUTTON, 1, 3)}),
        _differ("button titles", "options", "title"),
        _differ("button ids", "options", "postbackText"),
    ),
    "list": _LIST,
    "reaction": _message({"msgId": string(empty=False), "emoji": string()}),
    "location_request_message": _message(
        {
            "body": object_of({"type": one_of("text"), "text": string(1024, empty=False)}),
            "action": object_of({"name": one_of("send_location")}),
        }
    ),
}


def _header(kind: str, extra: dict[str, Check] | None = None) -> Check:
    inner = all_of(object_of({}, {"link": link, "id": string(empty=False), **(extra or {})}), _link_or_id)
    return object_of({"type": anything, kind: inner})


def _link_or_id(value: object, where: str, found: Findings) -> None:
    if isinstance(value, dict) and ("link" in value) == ("id" in value):
        found.fail(codes.PARAM_FORMAT, f"{where} needs either link or id")


HEADERS: dict[str, Check] = {
    "image": _header("image"),
    "video": _header("video"),
    "document": _header("document", {"filename": string(240)}),
    "gif": _header("gif"),
    "location": object_of({"type": anything, "location": object_of(*_LOCATION)}),
    "carousel": object_of(
        {
            "type": anything,
            "cardHeaderType": one_of("IMAGE", "VIDEO"),
            "cards": list_of(object_of({"link": link}), 1, 10),
        }
    ),
}
TEMPLATE = object_of(
    {"id": string(empty=False)}, {"params": list_of(string()), "expiration": number(0, 4_102_444_800_000)}
)
POSTBACKS = list_of(object_of({"index": number(0, 9), "text": string(256, empty=False)}))


def session_message(value: object, found: Findings) -> None:
    """Check the `message` of /wa/api/v1/msg."""
    _by_type(MESSAGES)(value, "message", found)


def template_header(value: object, found: Findings) -> None:
    """Check the `message` of /wa/api/v1/template/msg."""
    _by_type(HEADERS)(value, "message", found)
