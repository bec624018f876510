"""The buttons and list rows that a client can press under a message."""

from __future__ import annotations

from dataclasses import dataclass

from gupshup.emulator.state.json_types import JsonObject
from gupshup.emulator.state.records import Message


@dataclass(frozen=True)
class Choice:
    """A button or a list row. kind: button, list or template. index: from 0, over the whole message."""

    kind: str
    index: int
    title: str
    postback: str | None
    description: str = ""
    section: str = ""


def choices(message: Message) -> list[Choice]:
    """The choices of a message: of a quick reply, a list or a template; other messages have none."""
    if message.known_template:
        titles = message.known_template.quick_replies
        return [Choice("template", i, t, message.postback_texts.get(i, t)) for i, t in enumerate(titles)]
    body = message.message or {}
    if body.get("type") == "quick_reply":
        return [_choice("button", i, option) for i, option in enumerate(_objects(body.get("options")))]
    if body.get("type") != "list":
        return []
    rows = [(section, row) for section in _objects(body.get("items")) for row in _objects(section.get("options"))]
    return [_choice("list", i, row, str(section.get("title") or "")) for i, (section, row) in enumerate(rows)]


def find(message: Message, spec: JsonObject) -> Choice | None:
    """The choice with the `index`, `title` and `postback` that are given; None if there is none."""
    for choice in choices(message):
        named = {"index": choice.index, "title": choice.title, "postback": choice.postback}
        wishes = {key: spec[key] for key in named if spec.get(key) is not None}
        if wishes and all(named[key] == value for key, value in wishes.items()):
            return choice
    return None


def _choice(kind: str, index: int, raw: JsonObject, section: str = "") -> Choice:
    postback = raw.get("postbackText")
    return Choice(
        kind,
        index,
        str(raw.get("title", "")),
        None if postback is None else str(postback),
        str(raw.get("description") or ""),
        section,
    )


def _objects(value: object) -> list[JsonObject]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []
