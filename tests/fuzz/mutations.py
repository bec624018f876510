"""Recorded bodies, spoiled: bytes flipped and repeated; fields dropped, repeated, nested, huge, deep, of wrong types.

A mutation is a list of edits, plain data, so that hypothesis finds the smallest one that breaks something.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote_plus

from hypothesis import strategies as st

#: Values that somebody once forgot: texts as they would be typed or posted.
ODD_TEXTS = (
    *("", " ", "\0", "\ufffe\u2028", "²", "٣", "-1", "0", "9" * 18, "9" * 400, "1e999", "NaN", "Infinity", "null"),
    *(
        "Y",
        "true",
        "[]",
        "{}",
        "[[[[",
        "2026-02-30",
        "\x1b[2K\r\n",
        "<script>",
        "'\"\\",
        "%",
        "%41" * 50,
        "{{1}}",
        "{=X:Y}",
    ),
    *(
        "https://[",
        "//",
        "http://a:b@c/",
        "file:///etc/passwd",
        "crm",
        "DEAL_0",
        "CONTACT_1",
        "[1]x",
        "robot.send_text",
    ),
    *("=" + "a-" * 3000, "*`a " * 1000, "_*~" * 1000, "7912," * 4000, "+7 (912) " * 2000, "x" * 70_000, "é" * 40_000),
)
#: Values of other types, as JSON can hold them.
ODD_VALUES: tuple[Any, ...] = (
    *ODD_TEXTS,
    *(None, True, False, 0, -1, 10**17, 10**400, 1.5, 1e308, float("inf"), float("nan"), [], {}, [[]], {"": ""}),
    *(["x"] * 2000, {str(number): [] for number in range(500)}, "\ud800", "\ud83d half"),
)
HOW = ("drop", "repeat", "nest", "odd", "cut", "flip", "deep", "rename", "swap")
DEEP = 3000
#: A body with more values is changed no further.
MOST_PLACES = 5_000


class Edit(NamedTuple):
    """how: of HOW; place: which byte, field or value, counted around; what: which odd value, which bit, how much."""

    how: str
    place: int
    what: int


EDITS = st.lists(
    st.builds(Edit, st.sampled_from(HOW), st.integers(0, 4000), st.integers(0, len(ODD_VALUES) - 1)),
    min_size=1,
    max_size=4,
)
Spoil = Callable[[bytes, Sequence[Edit]], bytes]


def bytes_of(body: bytes, edits: Sequence[Edit]) -> bytes:
    """The body with other bytes, whatever they mean."""
    for how, place, what in edits:
        start = place % (len(body) + 1)
        piece = body[start : start + what + 1]
        match how:
            case "drop" | "rename":
                body = body[:start] + body[start + what + 1 :]
            case "repeat" | "deep":
                body = body[:start] + piece * (what * 20 + 2) + body[start:]
            case "odd" | "nest":
                body = body[:start] + str(ODD_VALUES[what]).encode("utf-8", "surrogatepass") + body[start:]
            case "cut":
                body = body[:start]
            case "flip":
                body = body[:start] + bytes(byte ^ (1 << what % 8) for byte in piece[:1]) + body[start + 1 :]
            case "swap":
                body = body[start:] + body[:start]
    return body


def form_of(body: bytes, edits: Sequence[Edit]) -> bytes:
    """The form with other fields."""
    fields = parse_qsl(body.decode(), keep_blank_values=True)
    for how, place, what in edits:
        if not fields:
            break
        index = place % len(fields)
        name, value = fields[index]
        odd = ODD_TEXTS[what % len(ODD_TEXTS)]
        match how:
            case "drop":
                del fields[index]
            case "repeat":
                fields[index:index] = [(name, odd)] * (what % 5 * 100 + 1)
            case "nest":
                fields[index] = (f"{name}[{odd[:20]}]", value)
            case "deep":
                fields[index] = (name + "[a]" * (what + 1), value)
            case "rename":
                fields[index] = (odd[:200] or "[]", value)
            case "cut":
                fields[index] = (name, value[: len(value) // 2])
            case "flip":
                fields[index] = (name, value[::-1])
            case "swap":
                fields[index], fields[0] = (name, fields[0][1]), (fields[0][0], value)
            case "odd":
                fields[index] = (name, odd)
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in fields).encode()


def json_of(body: bytes, edits: Sequence[Edit]) -> bytes:
    """The JSON with other values; bytes if it is none."""
    try:
        root = {"": json.loads(body)}
    except ValueError:
        return bytes_of(body, edits)
    for edit in edits:
        _change(root, edit)
    changed = json.dumps(root[""])
    deep = next((edit for edit in edits if edit.how == "deep"), None)
    if deep is not None:  # deeper than json.dumps would go
        opening = '{"payload":' if deep.what % 2 else "["
        changed = opening * DEEP + changed + ("}" if deep.what % 2 else "]") * DEEP
    return changed.encode()


def _change(root: dict[str, Any], edit: Edit) -> None:
    places = list(_places(root))
    holder, key = places[edit.place % len(places)]
    if len(places) > MOST_PLACES:  # repetitions of repetitions
        return
    value, odd = holder[key], deepcopy(ODD_VALUES[edit.what])
    match edit.how:
        case "drop" if holder is not root:
            del holder[key]
        case "repeat":
            holder[key] = [value] * (edit.what * 10 + 2)
        case "nest":
            holder[key] = {"payload": value, "type": odd} if edit.what % 2 else [value, odd]
        case "odd":
            holder[key] = odd
        case "cut":
            holder[key] = value[: len(value) // 2] if isinstance(value, str | list) else None
        case "flip":
            holder[key] = str(value) if isinstance(value, int | float) else 1
        case "rename" if isinstance(holder, dict) and holder is not root:
            holder[str(odd)[:100]] = holder.pop(key)
        case "swap":
            other, where = places[edit.what % len(places)]
            if other is not root and holder is not root:
                holder[key] = json.loads(json.dumps(other[where]))


def _places(root: Any) -> Any:
    """(list or map, index or key) of every value, outside first."""
    pending = deque([root])
    while pending:
        holder = pending.popleft()
        for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
            yield holder, key
            if isinstance(holder[key], dict | list):
                pending.append(holder[key])
