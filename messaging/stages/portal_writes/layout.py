"""How a message or a reply looks in the timeline of a CRM item: the `layout` of a configurable activity.

Bitrix24 docs: api-reference/crm/timeline/activities/configurable/structure. Limits: 20 blocks, 2 tags, 2 buttons.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bx24.i18n import Text
from gupshup.formatting import plain
from messaging.store.states import MessageStatus, OutcomeKind

#: Characters of a text that a card shows.
LONGEST = 1_500
#: Rows of a list that a card shows.
MOST_ROWS = 12
_SECONDARY, _PRIMARY, _SUCCESS, _FAILURE, _WARNING = "secondary", "primary", "success", "failure", "warning"
#: Status of a message, or how its run ended → the tag's words and colour (contract section 14).
TAGS: dict[str, tuple[Text, str]] = {
    MessageStatus.HELD: (Text("Waits", "Ждёт"), _WARNING),
    MessageStatus.QUEUED: (Text("In the queue", "В очереди"), _SECONDARY),
    MessageStatus.SENDING: (Text("Being sent", "Отправляется"), _SECONDARY),
    MessageStatus.ACCEPTED: (Text("Accepted", "Принято"), _SECONDARY),
    MessageStatus.SENT: (Text("Sent", "Отправлено"), _SECONDARY),
    MessageStatus.DELIVERED: (Text("Delivered", "Доставлено"), _PRIMARY),
    MessageStatus.READ: (Text("Read", "Прочитано"), _SUCCESS),
    OutcomeKind.REPLIED: (Text("Replied", "Клиент ответил"), _SUCCESS),
    MessageStatus.FAILED: (Text("Not delivered", "Не доставлено"), _FAILURE),
    MessageStatus.UNKNOWN: (Text("Unknown", "Неизвестно"), _WARNING),
    OutcomeKind.TIMEOUT: (Text("Not sent in time", "Не ушло вовремя"), _WARNING),
    MessageStatus.DROPPED: (Text("Not sent", "Не отправлено"), _WARNING),
}
_STORY = Text("Open story", "Открыть историю")
_RESEND = Text("Resend", "Отправить ещё раз")
_FILE, _BUTTONS, _LIST, _TEMPLATE = (
    Text("File", "Файл"),
    Text("Buttons", "Кнопки"),
    Text("List", "Список"),
    Text("Template", "Шаблон"),
)
_NO_TEXT = Text("No text", "Без текста")
_MEDIA = {
    "image": Text("Picture", "Картинка"),
    "video": Text("Video", "Видео"),
    "audio": Text("Audio", "Аудио"),
    "document": Text("File", "Файл"),
    "contact": Text("Contact", "Контакт"),
    "location": Text("Location", "Геопозиция"),
}


@dataclass(frozen=True)
class Card:
    """What a card shows.

    title: what it is. status: a key of TAGS, "" for none. seen: the message as the client saw it
    (messaging.insight.sent_message). file: name and link of a reply's file. remedy: why it did not go well and what to do.
    note: what became of somebody's click. story: the page behind “Open story”. resend: the message that the button would
    send again.
    """

    title: Text
    status: str = ""
    seen: Mapping[str, Any] = field(default_factory=dict)
    template: str = ""
    file: tuple[str, str] | None = None
    remedy: Text | None = None
    note: Text | None = None
    story: str = ""
    resend: int | None = None


def layout(card: Card, language: str) -> dict[str, Any]:
    """The layout in one language, "ru" or "en": Bitrix24 refuses languages that the portal has not."""
    parts: dict[str, Any] = {
        "icon": {"code": "IM"},
        "header": {"title": card.title.to(language)},
        "body": {"logo": {"code": "channel-whatsapp"}, "blocks": _blocks(card, language)},
    }
    if card.status in TAGS:
        words, colour = TAGS[card.status]
        parts["header"]["tags"] = {"status": {"title": words.to(language), "type": colour}}
    if buttons := _footer(card, language):
        parts["footer"] = {"buttons": buttons}
    return parts


def _blocks(card: Card, language: str) -> dict[str, Any]:
    seen = card.seen
    blocks = {
        "header": _text(seen.get("header"), bold=True),
        "media": _titled(_MEDIA.get(str(seen.get("media")), _FILE), _media(seen), language),
        "body": _text(plain(str(seen.get("body") or ""))),
        "footer": _text(seen.get("footer"), color="base_60"),
        "list": _titled(_LIST, _rows(seen), language),
        "buttons": _titled(_BUTTONS, " · ".join(title for _kind, title in seen.get("buttons") or ()), language),
        "template": _titled(_TEMPLATE, card.template, language),
        "file": _link(card.file),
        "remedy": _text(card.remedy.to(language) if card.remedy else "", color="base_90"),
        "note": _text(card.note.to(language) if card.note else "", bold=True),
    }
    shown = {name: block for name, block in blocks.items() if block is not None}
    return shown or {"empty": {"type": "text", "properties": {"value": _NO_TEXT.to(language), "color": "base_60"}}}


def _media(seen: Mapping[str, Any]) -> str:
    if not seen.get("media"):
        return ""
    return ", ".join(str(seen[name]) for name in ("title", "note") if seen.get(name)) or "—"


def _rows(seen: Mapping[str, Any]) -> str:
    titles = [title for _section, rows in seen.get("sections") or () for title, _description in rows]
    shown = " · ".join(titles[:MOST_ROWS])
    return f"{shown} …" if len(titles) > MOST_ROWS else shown


def _text(words: Any, **how: Any) -> dict[str, Any] | None:
    text = str(words or "").strip()
    if not text:
        return None
    short = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    flags = {name: "Y" if value is True else value for name, value in how.items()}
    return {"type": "text", "properties": {"value": short, "multiline": "Y", **flags}}


def _titled(title: Text, words: str, language: str) -> dict[str, Any] | None:
    block = _text(words)
    return block and {"type": "withTitle", "properties": {"title": title.to(language), "inline": "Y", "block": block}}


def _link(file: tuple[str, str] | None) -> dict[str, Any] | None:
    if file is None:
        return None
    name, link = file
    return {"type": "link", "properties": {"text": name, "action": {"type": "redirect", "uri": link}}}


def _footer(card: Card, language: str) -> dict[str, Any]:
    buttons: dict[str, Any] = {}
    if card.story:
        opens = {"type": "openRestApp", "actionParams": {"story": card.story}}
        buttons["story"] = {"title": _STORY.to(language), "type": "secondary", "action": opens}
    if card.resend is not None:
        asks = {
            "type": "restEvent",
            "id": "resend",
            "actionParams": {"message": card.resend},
            "animationType": "loader",
        }
        buttons["resend"] = {"title": _RESEND.to(language), "type": "primary", "action": asks}
    return buttons
