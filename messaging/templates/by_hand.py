"""A template that an operator sends by hand from the panel beside a chat.

The template takes the way of what operators write (messaging.stages.operators): it is refused, confirmed and shown in the
chat as their messages are.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from activities import phones
from activities.base import Card, Shared
from activities.errors import refused
from activities.send_template import Call, Wording, compose, unsupported
from bx24.i18n import Text
from gupshup.templates import TemplateInfo
from messaging.conversations import lookup
from messaging.conversations.queueing import columns_of
from messaging.conversations.window import window_until
from messaging.files import sources
from messaging.files.storage import Files
from messaging.limits.bounds import PAGE_TOTAL_S
from messaging.portals import tokens
from messaging.runtime import Runtime
from messaging.store.models import Line, Portal, shard_of
from messaging.store.open_channels import OpenLine, OperatorMessage, OperatorState, keep_chat
from messaging.store.sql import insert_missing
from messaging.store.states import LineStatus
from messaging.templates.catalogue import Templates

#: How long a template's file is kept: a paused line may hold the message back for days.
FILE_KEPT = timedelta(days=3)
_WORDING = Wording(
    params=Text("Variables", "Переменные"),
    button_params=Text("Buttons", "Кнопки"),
    header=Text("File of the header", "Файл заголовка"),
    remedy=Text("Fill it in.", "Заполните её."),
)
_FOREIGN = Text(
    "Give an https link that opens without a login and does not lead into your Bitrix24.",
    "Укажите ссылку https, которая открывается без входа и ведёт не в ваш Битрикс24.",
)
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Recipient:
    """A client (phone: digits) on a connected line. until: when the client's window closes, None: it is closed."""

    portal_id: int
    line: Line
    phone: str
    until: datetime | None


@dataclass(frozen=True)
class Chat(Recipient):
    """A client's chat in an open line of the portal, with one of our lines."""

    open_line_id: int


def chat_of(runtime: Runtime, portal_id: int, open_line_id: int, phone: str) -> Chat | None:
    """The client's chat on an open line of the portal; None if no line of ours is switched on there."""
    with runtime.db.read() as session:
        mine = (OpenLine.portal_id == portal_id) & (OpenLine.open_line_id == open_line_id)
        line = session.scalar(select(Line).join(OpenLine, OpenLine.line_id == Line.id).where(mine))
        if line is None or line.status != LineStatus.CONNECTED or not phone.isdecimal():
            return None
        conversation = lookup.conversation_of(session, runtime, line.id, phone)
        return Chat(portal_id, line, phone, window_until(conversation, line, runtime.clock()), open_line_id)


def offered(runtime: Runtime, line: Line) -> list[TemplateInfo]:
    """The templates of the line that can be sent from the panel."""
    known, _problem = Templates(runtime, line).listed()
    return [info for info in known if info.sendable and unsupported(info) is None]


@dataclass(frozen=True)
class Filled:
    """A template with its values, as the panel's form was sent. nonce: of the form; sent twice, it makes one message."""

    template_id: str
    params: list[str]
    button_params: list[str]
    header: str
    nonce: str


def send(runtime: Runtime, chat: Chat, chat_id: int, filled: Filled, user_id: int) -> bool:
    """Put the template into the outbox; False if this form was sent before. chat_id: of the messenger.

    Raises Refused, InvalidMessage, GupshupError, Bx24Error.
    """
    columns = composed(filled, HandDesk(runtime, chat))
    return runtime.db.write_again(
        lambda session: _stored(session, runtime, chat, chat_id, filled.nonce, columns, user_id)
    )


def composed(filled: Filled, desk: "HandDesk") -> dict[str, Any]:
    """The columns of the template's message. Raises as `send`."""
    call = Call(filled.template_id, "", filled.params, filled.header, filled.button_params, wording=_WORDING)
    message, choices = compose(call, desk)
    info = desk.used
    return {
        **columns_of(message, choices),
        "template": info.name if info is not None else "",
        "category": info.category[:20] if info is not None else "",
    }


def _stored(
    session: Session,
    runtime: Runtime,
    chat: Chat,
    chat_id: int,
    nonce: str,
    columns: dict[str, object],
    user_id: int,
) -> bool:
    now = runtime.clock()
    conversation = lookup.known_or_new(session, runtime, chat.line.id, chat.phone)
    keep_chat(session, chat.portal_id, conversation.id, chat.open_line_id, chat_id, now)
    row = {
        "portal_id": chat.portal_id,
        "shard": shard_of(chat.portal_id),
        "line_id": chat.line.id,
        "conversation_id": conversation.id,
        "key": f"panel {nonce}"[:80],
        "chat_id": chat_id,
        "im_message_id": None,
        "user_id": user_id,
        "content": {"message": columns},
        "state": OperatorState.STORED,
        "created_at": now,
        "due_at": now,
        "tries": 0,
    }
    new = insert_missing(session, OperatorMessage, [row], "id")
    log.info("template sent by hand", portal=chat.portal_id, line=chat.line.id, new=len(new))
    return bool(new)


class HandDesk:
    """`activities.base.Desk` for a template that a person sends."""

    msgid = ""

    def __init__(self, runtime: Runtime, chat: Recipient) -> None:
        self.runtime = runtime
        self.chat = chat
        self.used: TemplateInfo | None = None
        self._since = runtime.clock()
        with runtime.db.read() as session:
            portal = session.get_one(Portal, chat.portal_id)
        self.region = phones.region_of(portal.region, portal.language, portal.phone_region)

    def now(self) -> datetime:
        return self.runtime.clock()

    def window_until(self) -> datetime | None:
        return self.chat.until

    def template(self, reference: str, language: str) -> TemplateInfo | None:
        self.used = Templates(self.runtime, self.chat.line).find(reference, language)
        return self.used

    def file(self, reference: str, media: str, name: str = "") -> Shared:
        """By a foreign link only: of the portal's files the app may read more than the person who names one."""
        rest = tokens.portal_client(self.runtime, self.chat.portal_id)
        if not sources.is_foreign(rest.endpoint, reference):
            raise refused("value_invalid", at="header", field=_WORDING.header, value=reference[:80], remedy=_FOREIGN)
        keep_until = self.now() + FILE_KEPT
        files = Files(self.runtime, self.chat.portal_id, rest, rest.endpoint, self.left(PAGE_TOTAL_S))
        return files.shared(document=(), reference=reference, media=media, name=name, keep_until=keep_until)

    def left(self, seconds: float) -> float:
        """What is left of these seconds. All cards of a carousel share them: a person waits, and a thread of the web."""
        return max(1.0, seconds - (self.now() - self._since).total_seconds())

    def contact(self, reference: str) -> Card:
        raise refused("contact_not_found", value=reference, reason=Text("not asked for", "не запрашивался"))

    def close_chats(self) -> int | None:
        return None
