"""A client's message and one of ours as a chat of Open Channels shows them: plain text, in which no BBCode is opened."""

from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy.orm import Session

from bx24.i18n import Text, language
from bx24.open_channels import plain, words_of_client
from gupshup.errors import refusal
from messaging.conversations.chat_notes import (
    CONTACT,
    FAILED,
    FILE_BY_LINK,
    FILE_LOST,
    LATE,
    LOCATION,
    NOT_SHOWN,
    REACTION,
    REACTION_TO,
    SENT_AT,
    SENT_BY,
    TEMPLATE_SENT,
    UNCLEAR,
)
from messaging.insight.sent_message import client_view
from messaging.store.models import Message, Reply

#: A message that comes into the chat later than this carries its time: the chat shows when it came in.
LATE_AFTER = timedelta(minutes=5)
#: Characters of a quoted message, and of the message that a note is about.
QUOTED, NAMED = 150, 60
_MEDIA = {
    "image": Text("Image", "Изображение"),
    "video": Text("Video", "Видео"),
    "audio": Text("Audio", "Аудио"),
    "document": Text("File", "Файл"),
    "location": Text("Location", "Местоположение"),
    "contact": Text("Contact", "Контакт"),
}


def of_client(reply: Reply, quoted: str, zone: tzinfo, now: datetime, lang: str, by_link: bool = False) -> str:
    """The text of a client's message; "" for a file alone. quoted: the beginning of the message he quotes.

    by_link: the portal could not load the file, so its link stands in the text.
    """
    values = reply.content["values"]
    text = _said(values["reply_type"], values["reply_text"], lang)
    parts = [words_of_client(text)] if text else []
    if reply.content["url"]:
        name = plain(reply.content["name"] or values["reply_type"])
        if not values["reply_file"]:
            parts.append(FILE_LOST.format(name=name).to(lang))
        elif by_link:
            parts.append(FILE_BY_LINK.format(name=name, link=values["reply_file"]).to(lang))
    elif not text:
        parts.append(NOT_SHOWN.to(lang))
    if quoted:
        parts.append("\n".join(f">> {line}" for line in plain(quoted).split("\n")))
    if now - reply.at > LATE_AFTER:
        parts.insert(0, LATE.format(at=moment(reply.at, zone, lang)).to(lang))
    return "\n".join(parts)


def _said(kind: str, text: str, lang: str) -> str:
    if kind == "location" and text:
        return LOCATION.format(place=f"https://maps.google.com/?q={text}").to(lang)
    if kind == "contact" and text:
        return CONTACT.format(person=text).to(lang)
    return text


def reaction(reply: Reply, quoted: str, lang: str) -> str:
    """A client's reaction, as a line that only operators see."""
    emoji = plain(reply.content["values"]["reply_text"])
    return (REACTION_TO.format(emoji=emoji, text=plain(quoted)) if quoted else REACTION.format(emoji=emoji)).to(lang)


def automatic(session: Session, message: Message, zone: tzinfo, now: datetime, lang: str) -> str:
    """What a robot or a campaign has sent: who sent it, and the message as the client sees it."""
    by = SENT_BY.get(message.origin, SENT_BY["robot"])
    at = message.accepted_at or message.created_at
    if now - at > LATE_AFTER:
        by = SENT_AT.format(by=by, at=moment(at, zone, lang))
    return f"{by.to(lang)}:\n{plain(shown(session, message, lang))}"


def template_sent(session: Session, message: Message, lang: str) -> str:
    """What an operator has sent from the panel."""
    return f"{TEMPLATE_SENT.format(name=message.template).to(lang)}\n{plain(shown(session, message, lang))}"


def failed(session: Session, message: Message, lang: str) -> str:
    """An operator's message that failed, why, and what to do."""
    why = refusal(message.error_code, message.error_reason)
    return FAILED.format(text=named(session, message, lang), why=Text(why.en, why.ru)).to(lang)


def unclear(session: Session, message: Message, lang: str) -> str:
    """An operator's message of which nobody can tell whether it has left."""
    return UNCLEAR.format(text=named(session, message, lang)).to(lang)


def named(session: Session, message: Message, lang: str, most: int = NAMED) -> str:
    """The beginning of a message, in one line."""
    text = plain(" ".join(shown(session, message, lang).split()))
    return text if len(text) <= most else text[: most - 1] + "…"


def shown(session: Session, message: Message, lang: str) -> str:
    """A message of ours as its client sees it, as text."""
    view = client_view(session, message)
    if view is None:
        return message.template or message.kind
    media = _MEDIA.get(view["media"])
    heading = ": ".join(filter(None, (media.to(lang) if media else "", view["title"], view["note"])))
    buttons = [title for _, title in view["buttons"]] + ([view["button"]] if view["button"] else [])
    rows = [title for _, section in view["sections"] for title, _ in section]
    offered = [*(f"• {title}" for title in buttons), *(f"   – {title}" for title in rows)]
    parts = [heading, view["header"], view["body"], view["footer"], "\n".join(offered)]
    return "\n".join(part for part in parts if part)


def moment(at: datetime, zone: tzinfo, lang: str) -> str:
    """Day and time for people of this language, with the name of the zone."""
    local = at.astimezone(zone)
    form = "%d.%m.%Y %H:%M" if language(lang) == "ru" else "%d %b %Y %H:%M"
    return f"{local.strftime(form)} {local.tzname() or ''}".strip()


def file_of(reply: Reply) -> tuple[str, str] | None:
    """Our link to the file of a client's message, and its name; None if it has none, or none that could be fetched."""
    values: dict[str, Any] = reply.content["values"]
    return (values["reply_file"], reply.content["name"] or values["reply_type"]) if values["reply_file"] else None
