"""What a person sends by hand from a CRM card: a text, a file, or a template.

The message is queued like every other, with the origin `manual`. What can be judged is judged at once, so that the person
reads the reason beside the field; consent and a stopped line are checked again where the message leaves. The form's nonce is
the cause of its message: a form that is sent twice, or handled by two processes at once, makes one message.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from activities import phones
from activities.base import Shared
from activities.errors import Refused, refused
from bx24.i18n import Text
from gupshup import messages
from messaging.conversations import lookup
from messaging.conversations.queueing import columns_of, queue
from messaging.conversations.window import window_until
from messaging.files import hand_files
from messaging.files.problems import SENT_AS
from messaging.policy import leaving
from messaging.portals import tokens
from messaging.runtime import Runtime
from messaging.store.crypto import keyed_digest
from messaging.store.models import Line, Message
from messaging.store.states import Origin
from messaging.templates.by_hand import Filled, HandDesk, Recipient, composed

#: Ids of causes from here on are made of nonces; below are those of messages that somebody sends again from a timeline card.
_NONCES_FROM = 1 << 60
_NO_CAPTION = Text(
    "WhatsApp shows no text with an audio file. Send the text as a message of its own, and choose the file again.",
    "Под аудиофайлом WhatsApp текст не показывает. Отправьте текст отдельным сообщением и выберите файл ещё раз.",
)
_CHOSEN_FOR_ANOTHER = Text(
    "it was chosen for another message; choose it again", "его выбрали для другого сообщения; выберите ещё раз"
)
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Upload:
    """A file that the form brought. name: as the person's computer calls it.

    Beside it stands Shared: a file from Drive, which was made ready when it was chosen.
    """

    stream: BinaryIO
    name: str


@dataclass(frozen=True)
class Written:
    """A text, or a file with the text as its caption. link: of a file; at most one of link and file is given."""

    text: str
    link: str
    file: Upload | Shared | None


@dataclass(frozen=True)
class Order:
    """Where a message sent by hand comes from. item: the CRM item ("DEAL_5"); nonce: of the form; user_id: of the person."""

    item: str
    nonce: str
    user_id: int


class AlreadySent(Exception):
    """The form has already sent something else, or to another client: its answer was lost, and the person changed it since."""


def talked_on(runtime: Runtime, lines: Sequence[Line], phone: str) -> Line | None:
    """The line on which this client and we have talked last; None: on none of these."""
    by_id = {line.id: line for line in lines}
    with runtime.db.read() as session:
        found = lookup.conversations_with(session, list(by_id), runtime.phone_keys(phone)) if lines else []
    activity = {one.line_id: at for one in found if (at := one.last_activity_at or one.last_inbound_at)}
    return by_id[max(activity, key=lambda line_id: activity[line_id])] if activity else None


def recipient(runtime: Runtime, line: Line, phone: str) -> Recipient:
    """The client on a line, with the window as it is now."""
    with runtime.db.read() as session:
        known = lookup.conversation_of(session, runtime, line.id, phone)
        return Recipient(line.portal_id, line, phone, window_until(known, line, runtime.clock()))


def send_written(runtime: Runtime, to: Recipient, written: Written, order: Order) -> int:
    """Queue a text or a file; the id of its message. Raises Refused, InvalidMessage, AlreadySent."""
    if to.until is None:
        raise refused("window_closed", at="text")  # said before a file is fetched that could not be sent
    desk = CardDesk(runtime, to, written.file)
    if written.file is None and not written.link:
        message: messages.Message = messages.Text(written.text)
    else:
        shared = desk.file(written.link, "auto")
        message = messages.File(shared.media, shared.url, written.text, shared.name)
        if message.caption_dropped:
            raise Refused("value_invalid", _NO_CAPTION, "text")
    columns = {
        **columns_of(message),
        "action": "send_text" if isinstance(message, messages.Text) else "send_file",
    }
    return _queued(runtime, to, columns, order)


def send_template(runtime: Runtime, to: Recipient, filled: Filled, file: Upload | Shared | None, order: Order) -> int:
    """Queue a template; the id of its message. file: of its header, instead of the link in `filled`.

    Raises Refused, InvalidMessage, GupshupError, AlreadySent.
    """
    columns = composed(filled, CardDesk(runtime, to, file))
    return _queued(runtime, to, {**columns, "action": "send_template"}, order)


class CardDesk(HandDesk):
    """`activities.base.Desk` for what is sent from a card.

    Files come from the computer, from Drive, or by a link open to anybody.
    """

    def __init__(self, runtime: Runtime, to: Recipient, given: Upload | Shared | None) -> None:
        super().__init__(runtime, to)
        self.given = given

    def file(self, reference: str, media: str, name: str = "") -> Shared:
        portal_id = self.chat.portal_id
        if isinstance(self.given, Shared):
            return _fitting(self.given, media)
        if self.given is not None:
            return hand_files.uploaded(self.runtime, portal_id, self.given.stream, self.given.name, media)
        endpoint = tokens.portal_client(self.runtime, portal_id).endpoint
        left = self.left(hand_files.LINK_S)
        return hand_files.linked(self.runtime, portal_id, endpoint, reference, media, seconds=left)


def _fitting(file: Shared, media: str) -> Shared:
    """A file from Drive as what it is to be sent. Raises Refused file_type: it was chosen for something else."""
    if media not in ("auto", file.media):
        raise refused("file_type", at="file", value=file.name, media=SENT_AS[media], reason=_CHOSEN_FOR_ANOTHER)
    return file


def _queued(runtime: Runtime, to: Recipient, columns: Mapping[str, Any], order: Order) -> int:
    of_order = {"item": order.item, "author_id": order.user_id, "timeline": True}
    content = {**columns, **of_order, "country": phones.country_of(to.phone)}
    whole = f"hand {to.portal_id} {order.user_id} {order.nonce}"
    cause = Origin.MANUAL, _NONCES_FROM | int(keyed_digest(runtime.index_key, whole)[:15], 16)
    message_id, is_new = runtime.db.write_again(lambda session: _store(session, runtime, to, content, cause))
    log.info("sent by hand", portal=to.portal_id, user=order.user_id, message=message_id, is_new=is_new)
    return message_id


def _store(
    session: Session, runtime: Runtime, to: Recipient, content: Mapping[str, Any], cause: tuple[Origin, int]
) -> tuple[int, bool]:
    """The message of this cause, and whether it is new. Raises Refused, AlreadySent."""
    now, line = runtime.clock(), session.get_one(Line, to.line.id)
    found = lookup.conversation_of(session, runtime, line.id, to.phone)
    if (known := session.scalar(_of(cause))) is not None:
        is_same = found is not None and known.conversation_id == found.id
        if not is_same or (known.payload and _words(known.payload) != _words(content["payload"])):
            raise AlreadySent
        return known.id, False
    conversation = found or lookup.new_conversation(session, runtime, line.id, to.phone)
    why = leaving.refusal(session, now, line, conversation, content, closed=refused("window_closed", at="text"))
    if why is not None:
        raise why
    new = queue(session, now, line, conversation.id, cause, content)
    return (new, True) if new is not None else (session.scalars(_of(cause)).one().id, False)


def _words(payload: Mapping[str, Any]) -> Any:
    """What a message says; of a file that was given twice, the copies have other addresses."""
    form = payload["form"]
    if "template" in form:
        return form["template"]
    return {name: value for name, value in json.loads(form["message"]).items() if "url" not in name.lower()}


def _of(cause: tuple[Origin, int]) -> Any:
    return select(Message).where(Message.origin == cause[0], Message.origin_id == cause[1])
