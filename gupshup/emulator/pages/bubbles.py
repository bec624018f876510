"""What a phone shows for each message and reply: the content of its bubble, ready for the template."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import unquote, urlsplit

from markupsafe import Markup

from gupshup.emulator.pages.texts import Texts
from gupshup.emulator.rules.choices import Choice, choices
from gupshup.emulator.state import templates
from gupshup.emulator.state.json_types import JsonObject
from gupshup.emulator.state.records import Message, Reply
from gupshup.formatting import html

_NOTHING = Markup("")
_MEDIA_KIND = {
    "image": "photo",
    "video": "video",
    "gif": "video",
    "audio": "audio",
    "file": "file",
    "document": "file",
    "sticker": "sticker",
}


@dataclass
class Media:
    """A tile in place of a file: pages load no links of customers. src: the address of a file that the emulator has."""

    kind: str
    name: str = ""
    src: str = ""


@dataclass
class Link:
    """A template button that is not a reply. icon: link, call or copy. href: empty if it leads nowhere."""

    icon: str
    title: str
    href: str = ""


@dataclass
class Bubble:
    """A bubble. mine: the client sent it, so it is green and on the right."""

    id: str
    mine: bool
    at: datetime
    kind: str
    header: str = ""
    body: Markup = _NOTHING
    footer: str = ""
    media: Media | None = None
    place: Mapping[str, str] | None = None
    card: Mapping[str, str] | None = None
    buttons: Sequence[Choice | Link] = ()
    rows: list[Choice] = field(default_factory=list)
    opener: str = ""
    asks_location: bool = False
    quote: str = ""
    emoji: str = ""
    ticks: str = ""


def bubble(entry: Message | Reply, texts: Texts) -> Bubble:
    """The bubble of a message or a reply."""
    if isinstance(entry, Reply):
        return _reply(entry, texts)
    return _template(entry, texts) if entry.is_template else _message(entry, texts)


def summary(entry: Message | Reply, texts: Texts) -> str:
    """One line for lists and quotes."""
    shown = bubble(entry, texts)
    # Lines are blocks; without their tags the texts would touch.
    text = shown.body.replace(Markup("</span>"), Markup(" </span>")).striptags().replace("\u200b", "").strip()
    named = (shown.place or shown.card or {}).get("name") or (shown.media.name if shown.media else "")
    return text or shown.header or shown.emoji or (f"{texts[shown.kind]}: {named}" if named else texts[shown.kind])


def _text(raw: Mapping[str, object], key: str) -> str:
    value = raw.get(key)
    return "" if value is None else str(value)


def _inner(raw: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = raw.get(key)
    return value if isinstance(value, Mapping) else {}


def _file_name(url: str) -> str:
    return unquote(urlsplit(url).path.rsplit("/", 1)[-1])


def _media(kind: str, raw: Mapping[str, object]) -> Media | None:
    word = _MEDIA_KIND.get(kind)
    if word is None:
        return None
    url = _text(raw, "originalUrl") or _text(raw, "url") or _text(raw, "link")
    name = _text(raw, "filename") or _text(raw, "name") or _file_name(url) or _text(raw, "id")
    path = urlsplit(url).path
    return Media(word, name, path if word == "photo" and path.startswith("/wa/media/") else "")


def _place(raw: Mapping[str, object]) -> dict[str, str]:
    return {
        "name": _text(raw, "name"),
        "address": _text(raw, "address"),
        "point": f"{_text(raw, 'latitude')}, {_text(raw, 'longitude')}",
    }


def _card(name: str, phone: str, company: str) -> dict[str, str]:
    initials = "".join(word[0] for word in re.findall(r"\w+", name)[:2]).upper()
    return {"name": name, "phone": phone, "company": company, "initials": initials}


def _first(value: object) -> Mapping[str, object]:
    return value[0] if isinstance(value, list) and value and isinstance(value[0], Mapping) else {}


def _message(message: Message, texts: Texts) -> Bubble:
    raw: JsonObject = message.message or {}
    kind = _text(raw, "type")
    shown = Bubble(message.id, False, message.at, _MEDIA_KIND.get(kind, kind), media=_media(kind, raw))
    shown.body = html(_text(raw, "text") or _text(raw, "caption"))
    if kind == "quick_reply":
        _quick(shown, _inner(raw, "content"), message)
    elif kind == "list":
        shown.header, shown.footer = _text(raw, "title"), _text(raw, "footer")
        shown.body, shown.rows = html(_text(raw, "body")), choices(message)
        shown.opener = _text(_first(raw.get("globalButtons")), "title") or texts["choose"]
    elif kind == "location":
        shown.place = _place(raw)
    elif kind == "contact":
        contact = _inner(raw, "contact")
        shown.card = _card(
            _text(_inner(contact, "name"), "formattedName"),
            _text(_first(contact.get("phones")), "phone"),
            _text(_inner(contact, "org"), "company"),
        )
    elif kind == "reaction":
        shown.emoji = _text(raw, "emoji")
    elif kind == "location_request_message":
        shown.kind, shown.asks_location = "location", True
        shown.body = html(_text(_inner(raw, "body"), "text"))
    return shown


def _quick(shown: Bubble, content: Mapping[str, object], message: Message) -> None:
    shown.kind = "buttons"
    shown.header, shown.footer = _text(content, "header"), _text(content, "caption")
    shown.media = _media(_text(content, "type"), content)
    shown.body, shown.buttons = html(_text(content, "text")), choices(message)


def _template(message: Message, texts: Texts) -> Bubble:
    shown = Bubble(message.id, False, message.at, "template")
    known, sent = message.known_template, message.template or {}
    if known is None:
        return shown
    params = sent.get("params")
    rendered = templates.render(known, [str(p) for p in params] if isinstance(params, list) else [])
    words = [rendered.body, *(f"▪ {card.body}" for card in rendered.cards)]
    shown.header, shown.body, shown.footer = rendered.header, html("\n\n".join(words)), rendered.footer
    presses = iter(choices(message))
    shown.buttons = [button for button in (_button(raw, presses, texts) for raw in rendered.buttons) if button]
    links = (_link(raw, texts) for card in rendered.cards for raw in card.buttons)
    shown.buttons += [link for link in links if link]
    raw = message.message or {}
    kind = _text(raw, "type")
    shown.media = _media(kind, _inner(raw, kind))
    shown.place = _place(_inner(raw, "location")) if kind == "location" else None
    return shown


def _button(button: Mapping[str, object], presses: Iterator[Choice], texts: Texts) -> Choice | Link | None:
    return next(presses) if _text(button, "type") == "QUICK_REPLY" else _link(button, texts)


def _link(button: Mapping[str, object], texts: Texts) -> Link | None:
    kind, title = _text(button, "type"), _text(button, "text")
    if kind == "URL":
        url = _text(button, "url")
        return Link("link", title, url if url.startswith("https://") else "")
    if kind == "PHONE_NUMBER":
        return Link("call", title)
    return Link("copy", title or texts["copy_code"]) if kind in ("COPY_CODE", "OTP") else None


def _reply(reply: Reply, texts: Texts) -> Bubble:
    kind, raw = _text(reply.payload, "type"), _inner(reply.payload, "payload")
    shown = Bubble(reply.id, True, reply.at, _MEDIA_KIND.get(kind, kind), media=_media(kind, raw))
    shown.body = html(_text(raw, "text") or _text(raw, "title") or _text(raw, "caption"))
    shown.footer = _text(raw, "description")
    shown.quote = summary(reply.quotes, texts) if reply.quotes and kind != "reaction" else ""
    shown.emoji = _text(raw, "emoji")
    if kind == "location":
        shown.place = _place(raw)
    elif kind == "contact":
        first = _first(raw.get("contacts"))
        shown.card = _card(
            _text(_inner(first, "name"), "formatted_name"),
            _text(_first(first.get("phones")), "phone"),
            _text(_inner(first, "org"), "company"),
        )
    shown.ticks = _ticks(reply)
    return shown


def _ticks(reply: Reply) -> str:
    """`sent`: on its way to the business; `delivered`: its endpoint took it; `read`: the business said so."""
    if reply.read:
        return "read"
    return "delivered" if reply.event and reply.event.state == "delivered" else "sent"


def phone_number(digits: str) -> str:
    """`+7 912 345-67-89`; other countries in groups from the end."""
    if len(digits) == 11 and digits.startswith("7"):
        return f"+7\u00a0{digits[1:4]}\u00a0{digits[4:7]}-{digits[7:9]}-{digits[9:]}"
    return "+" + re.sub(r"(?<=\d)(?=(\d{3})+$)", "\u00a0", digits)
