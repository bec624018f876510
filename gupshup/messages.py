"""Messages out: one value per kind, checked against WhatsApp's limits, and its form fields for Gupshup.

Sources: Gupshup docs reference/msg (session messages), docs/template-messages, docs/postback-text-support; Meta docs
"Messages". Lengths are counted in Unicode code points. Every class raises InvalidMessage for what would be refused.
"""

import json
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from gupshup import checks, limits, problems
from gupshup.parts import Button, Choices, Phone, Row, Section, choices_of
from gupshup.problems import Label, field
from gupshup.reading import is_blank, storable

__all__ = [
    "MSG_PATH",
    "TEMPLATE_PATH",
    "Button",
    "Carousel",
    "Choices",
    "Contact",
    "File",
    "ListMenu",
    "Location",
    "MediaHeader",
    "Message",
    "Phone",
    "QuickReply",
    "Row",
    "Section",
    "SessionMessage",
    "Template",
    "Text",
    "clean_param",
]

MSG_PATH = "/wa/api/v1/msg"
TEMPLATE_PATH = "/wa/api/v1/template/msg"


def clean_param(value: str) -> str:
    """A template value as WhatsApp takes it: line breaks, tabs and more than 4 spaces in a row fail with 132018."""
    words: list[str] = []
    # By hand: a regular expression for this is quadratic on a long run of spaces.
    for part in storable(value).strip().splitlines():
        words += part.split("\t")
    line = " ".join(stripped for word in words if (stripped := word.strip()))
    return line if "     " not in line else " ".join(line.split())


@dataclass(frozen=True)
class Message(ABC):
    """kind: the word for the log. is_session: whether the 24-hour window must be open. path: where to post the form."""

    kind: ClassVar[str]
    path: ClassVar[str] = MSG_PATH
    is_session: ClassVar[bool] = True

    @property
    def choices(self) -> Choices:
        """What the client can tap. Empty for a Template, which does not know its buttons: ask TemplateInfo."""
        return ()

    @abstractmethod
    def form(self) -> dict[str, str]:
        """The form fields of this message alone: no sender, no recipient."""


@dataclass(frozen=True)
class SessionMessage(Message):
    """A message for an open window: one JSON object in the form field `message`."""

    @abstractmethod
    def body(self) -> dict[str, Any]: ...

    def form(self) -> dict[str, str]:
        return {"message": _dump(self.body())}


@dataclass(frozen=True)
class Text(SessionMessage):
    text: str
    preview_url: bool = False

    kind = "text"

    def __post_init__(self) -> None:
        checks.required(field("text", "Text", "Текст"), self.text, limits.TEXT_LIMIT)

    def body(self) -> dict[str, Any]:
        return {"type": "text", "text": self.text, "previewUrl": self.preview_url}


@dataclass(frozen=True)
class QuickReply(SessionMessage):
    """Up to three buttons. msgid comes back as `id` of the click: put there what finds this message again."""

    text: str
    buttons: tuple[Button, ...]
    header: str = ""
    footer: str = ""
    msgid: str = ""

    kind = "buttons"

    def __post_init__(self) -> None:
        object.__setattr__(self, "buttons", tuple(self.buttons))
        checks.frame(self.header, self.text, self.footer)
        checks.buttons(self.buttons)

    @property
    def choices(self) -> Choices:
        return choices_of(self.buttons)

    def body(self) -> dict[str, Any]:
        content = {"type": "text"} | _filled(header=self.header) | {"text": self.text} | _filled(caption=self.footer)
        return (
            {"type": "quick_reply"}
            | _filled(msgid=self.msgid)
            | {
                "content": content,
                "options": [
                    {"type": "text", "title": title, "postbackText": choice_id} for choice_id, title in self.choices
                ],
            }
        )


@dataclass(frozen=True)
class ListMenu(SessionMessage):
    """One button that opens rows. msgid comes back as `id` of the choice."""

    text: str
    button: str
    sections: tuple[Section, ...]
    header: str = ""
    footer: str = ""
    msgid: str = ""

    kind = "list"

    def __post_init__(self) -> None:
        object.__setattr__(self, "sections", tuple(self.sections))
        checks.frame(self.header, self.text, self.footer)
        checks.required(field("button", "List button", "Кнопка списка"), self.button, limits.BUTTON_TITLE_LIMIT)
        checks.sections(self.sections)

    @property
    def choices(self) -> Choices:
        return choices_of(row for section in self.sections for row in section.rows)

    def body(self) -> dict[str, Any]:
        ids = iter([choice_id for choice_id, _ in self.choices])
        return (
            {"type": "list"}
            | _filled(title=self.header)
            | {"body": self.text}
            | _filled(footer=self.footer, msgid=self.msgid)
            | {
                "globalButtons": [{"type": "text", "title": self.button}],
                "items": [
                    _filled(title=section.title)
                    | {"subtitle": "", "options": [_option(row, next(ids)) for row in section.rows]}
                    for section in self.sections
                ],
            }
        )


@dataclass(frozen=True)
class File(SessionMessage):
    """A file by its public link. media: "image", "video", "audio" or "document".

    Audio takes no caption: it is dropped, and `caption_dropped` says so. A document without a name gets the link's.
    """

    media: str
    url: str
    caption: str = ""
    file_name: str = ""

    kind = "file"

    def __post_init__(self) -> None:
        if self.media not in limits.MEDIA:
            raise problems.not_one_of(field("kind", "Kind of file", "Вид файла"), self.media, limits.MEDIA)
        checks.link(field("file", "File", "Файл"), self.url)
        checks.limited(field("file_name", "File name", "Имя файла"), self.file_name, limits.FILE_NAME_LIMIT)
        if self.media != "audio":
            checks.limited(field("caption", "Caption", "Подпись"), self.caption, limits.CAPTION_LIMIT)

    @property
    def caption_dropped(self) -> bool:
        return self.media == "audio" and bool(self.caption.strip())

    def body(self) -> dict[str, Any]:
        caption = _filled(caption=self.caption)
        if self.media == "image":
            return {"type": "image", "originalUrl": self.url, "previewUrl": self.url} | caption
        if self.media == "audio":
            return {"type": "audio", "url": self.url}
        if self.media == "video":
            return {"type": "video", "url": self.url} | caption
        # "file" here, "document" in template headers: Gupshup's words differ.
        return {"type": "file", "url": self.url, "filename": _file_name(self.file_name, self.url)} | caption


@dataclass(frozen=True)
class Contact(SessionMessage):
    """A card with one person. first_name falls back to the whole name: WhatsApp wants a part beside it."""

    name: str
    phones: tuple[Phone, ...]
    first_name: str = ""
    last_name: str = ""
    emails: tuple[str, ...] = ()
    company: str = ""
    department: str = ""
    title: str = ""
    urls: tuple[str, ...] = ()

    kind = "contact"

    def __post_init__(self) -> None:
        for name in ("phones", "emails", "urls"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        checks.required(field("contact_name", "Contact's name", "Имя контакта"), self.name)
        label = field("contact_phone", "Contact's phone", "Телефон контакта")
        if not self.phones:
            raise problems.missing(label)
        for position, phone in enumerate(self.phones, 1):
            label = Label(label.field, label.en, label.ru, position)
            checks.required(label, phone.phone)
            if not re.search(r"[0-9]", phone.phone):
                raise problems.no_phone_digits(label, phone.phone)

    def body(self) -> dict[str, Any]:
        name = _filled(firstName=self.first_name or ("" if self.last_name else self.name), lastName=self.last_name)
        contact: dict[str, Any] = {
            "name": name | {"formattedName": self.name},
            "phones": [{"phone": p.phone, "type": p.type} | _filled(wa_id=p.wa_id) for p in self.phones],
        }
        contact |= _filled(
            emails=[{"email": email, "type": "WORK"} for email in self.emails],
            org=_filled(company=self.company, department=self.department, title=self.title),
            urls=[{"url": url, "type": "WORK"} for url in self.urls],
        )
        return {"type": "contact", "contact": contact}


@dataclass(frozen=True)
class Location(SessionMessage):
    """A pin, in degrees; north and east are positive. WhatsApp shows the address only beside a place."""

    latitude: float
    longitude: float
    place: str = ""
    address: str = ""

    kind = "location"

    def __post_init__(self) -> None:
        checks.degrees(Label("latitude", "latitude", "широта"), self.latitude, limits.LATITUDE_LIMIT)
        checks.degrees(Label("longitude", "longitude", "долгота"), self.longitude, limits.LONGITUDE_LIMIT)
        checks.limited(field("place", "Name of the place", "Название места"), self.place, limits.PLACE_LIMIT)
        checks.limited(field("address", "Address", "Адрес"), self.address, limits.ADDRESS_LIMIT)

    def body(self) -> dict[str, Any]:
        return {"type": "location"} | self.pin()

    def pin(self) -> dict[str, Any]:
        return {"longitude": self.longitude, "latitude": self.latitude} | _filled(name=self.place, address=self.address)


@dataclass(frozen=True)
class MediaHeader:
    """The file a template begins with: by link, or by the id of an uploaded one. media: one of limits.HEADER_MEDIA."""

    media: str
    link: str = ""
    id: str = ""
    file_name: str = ""

    def __post_init__(self) -> None:
        label = field("header", "Header", "Заголовок")
        if self.media not in limits.HEADER_MEDIA:
            raise problems.not_one_of(label, self.media, limits.HEADER_MEDIA)
        if not self.link.strip() and not self.id.strip():
            raise problems.missing_header(self.media)
        if self.link and self.id:
            raise problems.link_and_id()
        if self.link:
            checks.link(label, self.link)
        checks.limited(field("file_name", "File name", "Имя файла"), self.file_name, limits.FILE_NAME_LIMIT)

    def body(self) -> dict[str, Any]:
        source = _filled(link=self.link, id=self.id)
        if self.media == "document":
            source |= _filled(filename=_file_name(self.file_name, self.link) if self.link else self.file_name)
        return {"type": self.media, self.media: source}


@dataclass(frozen=True)
class Carousel:
    """The files with which the cards of a template begin, in the order of the cards. media: one of limits.CARD_MEDIA."""

    media: str
    links: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "links", tuple(self.links))
        label = field("header", "Header", "Заголовок")
        if self.media not in limits.CARD_MEDIA:
            raise problems.not_one_of(label, self.media, limits.CARD_MEDIA)
        for position, link in enumerate(self.links, 1):
            checks.link(Label(label.field, label.en, label.ru, position), link)

    def body(self) -> dict[str, Any]:
        cards = [{"link": link} for link in self.links]
        return {"type": "carousel", "cardHeaderType": self.media.upper(), "cards": cards}


@dataclass(frozen=True)
class Template(Message):
    """An approved template with its values, the only kind that may open a conversation.

    id: Gupshup's UUID, which pins name and language. params: values of the header, then the body, then the buttons, then each
    card, cleaned here (`clean_param`). postbacks: what each quick-reply button sends back, by position; "" for nothing.
    """

    id: str
    params: tuple[str, ...] = ()
    header: MediaHeader | Location | Carousel | None = None
    postbacks: tuple[str, ...] = ()

    kind = "template"
    path = TEMPLATE_PATH
    is_session = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", tuple(clean_param(value) for value in self.params))
        object.__setattr__(self, "postbacks", tuple(self.postbacks))
        checks.required(field("template", "Template", "Шаблон"), self.id)
        for position, value in enumerate(self.params, 1):
            if is_blank(value):
                raise problems.empty_param(position)
        for position, text in enumerate(self.postbacks, 1):
            checks.button_id(text, position)

    def form(self) -> dict[str, str]:
        form = {"template": _dump({"id": self.id, "params": list(self.params)})}
        if isinstance(self.header, Location):
            form["message"] = _dump({"type": "location", "location": self.header.pin()})
        elif self.header:
            form["message"] = _dump(self.header.body())
        postbacks = [{"index": index, "text": text} for index, text in enumerate(self.postbacks) if text]
        if postbacks:
            form["postbackTexts"] = _dump(postbacks)
        return form


def _dump(value: object) -> str:
    return storable(json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False))


def _filled(**parts: Any) -> dict[str, Any]:
    # Left out, never null or "": Gupshup refuses the one, Meta the other.
    return {name: value for name, value in parts.items() if value and not (isinstance(value, str) and is_blank(value))}


def _option(row: Row, id: str) -> dict[str, Any]:
    return {"type": "text", "title": row.title} | _filled(description=row.description) | {"postbackText": id}


def _file_name(name: str, url: str) -> str:
    """The name the client sees; it carries the extension, so there is always one."""
    last = unquote(urlsplit(url).path).rstrip("/").rpartition("/")[2].strip()
    return name.strip() or last[-limits.FILE_NAME_LIMIT :] or "file"
