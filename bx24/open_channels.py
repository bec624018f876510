"""Open Channels: messages of clients for a chat, what an operator's event says, what the answers mean.

Bitrix24 docs: api-reference/imopenlines/imconnector, api-reference/imopenlines/openlines; events as portals post them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bx24.batch import Command, literal
from bx24.client import Client
from bx24.errors import Rejected
from bx24.php_values import number, upper_map, values
from bx24.php_values import text as text_of

MESSAGE_ADDED = "ONIMCONNECTORMESSAGEADD"
STATUS_DELETED = "ONIMCONNECTORSTATUSDELETE"
LINE_DELETED = "ONIMCONNECTORLINEDELETE"
#: Characters of a client's name, each of its two parts; of a file's name, of which the portal keeps the last.
NAME_LIMIT, FILE_NAME_LIMIT = 25, 50
#: Not added, though nothing is wrong with the message: another call was at work in the dialog.
NOT_ADDED = "IMCONNECTOR_MESSAGE_NOT_ADDED"
#: Neither a text nor a file that the portal could fetch.
NOTHING_TO_SHOW = "IMCONNECTOR_NOT_ALL_THE_REQUIRED_DATA"
LINE_OFF = "NOT_ACTIVE_LINE"
#: There is no such chat.
NO_CHAT = "CHAT_RENAMING_FAILED"
_WORD_JOINER = "\u2060"
_CODE = re.compile(r"\[(?=[/*a-zA-Z])")
_NAME_CHARACTERS = re.compile(r"[^\w\s'’-]|[\d_]")
_PAGE, _PAGES = 50, 6


# --- what an operator has written ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OperatorFile:
    """A file in a chat. link: a public address that works for a while, perhaps relative to the portal."""

    name: str
    mime: str
    link: str

    @property
    def is_audio(self) -> bool:
        return self.mime.lower().startswith("audio/")


@dataclass(frozen=True)
class Written:
    """One message of an operator. chat_id, message_id: the messenger's. user_id: 0 for a text of the portal itself.

    client: our id of the chat. text: BBCode. lost_files: how many the event names without a link.
    """

    chat_id: int
    message_id: int
    user_id: int
    client: str
    text: str
    files: tuple[OperatorFile, ...]
    lost_files: int = 0


@dataclass(frozen=True)
class Posted:
    """What ONIMCONNECTORMESSAGEADD tells. Usually it is one message."""

    connector: str
    line: int
    messages: tuple[Written, ...]


def posted(data: Mapping[str, Any]) -> Posted:
    """From the event's `data`. Messages without their ids cannot be told apart, and are left out."""
    given = upper_map(data)
    messages = tuple(found for one in values(given.get("MESSAGES")) if (found := _written(one)) is not None)
    return Posted(text_of(given.get("CONNECTOR")).lower(), number(given.get("LINE")), messages)


def _written(entry: Any) -> Written | None:
    im, message, chat = (upper_map(upper_map(entry).get(name)) for name in ("IM", "MESSAGE", "CHAT"))
    chat_id, message_id = number(im.get("CHAT_ID")), number(im.get("MESSAGE_ID"))
    if not chat_id or not message_id:
        return None
    named = [_file(one) for one in values(message.get("FILES")) if upper_map(one)]
    files = tuple(found for found in named if found is not None)
    return Written(
        chat_id,
        message_id,
        number(message.get("USER_ID")),
        text_of(chat.get("ID")),
        text_of(message.get("TEXT")),
        files,
        len(named) - len(files),
    )


def _file(entry: Any) -> OperatorFile | None:
    given = upper_map(entry)
    link = text_of(given.get("LINK")) or text_of(given.get("DOWNLOADLINK"))
    return (
        OperatorFile(text_of(given.get("NAME")), text_of(given.get("MIME")), link.partition("#")[0]) if link else None
    )


# --- what a client has written ---------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    """A text that a chat shows as it is: what would open a code, `[DISK=5]` say, opens none."""
    return _CODE.sub(f"[{_WORD_JOINER}", text)


def words_of_client(text: str) -> str:
    """`plain`, and no rating: while a session waits for one, a text that is 1 or 0, or begins so, would be swallowed."""
    shown = plain(text)
    is_vote = shown.strip()[:1] in ("0", "1") and not shown.strip()[1:2].strip()
    return _WORD_JOINER + shown if is_vote else shown


def name_parts(name: str) -> tuple[str, str]:
    """First and last name as the portal takes them: letters, blanks, hyphens, apostrophes, NAME_LIMIT characters each."""
    words = _NAME_CHARACTERS.sub(" ", name).split()
    cut = [word for word in words if any(map(str.isalpha, word))]
    return " ".join(cut[:1])[:NAME_LIMIT], " ".join(cut[1:])[:NAME_LIMIT].strip()


@dataclass(frozen=True)
class ClientMessage:
    """A client's message for the chat. id: the provider's, as CONNECTOR_MID. phone: digits, which name user and chat.

    text: BBCode, made by `words_of_client`. at: unix seconds. file: our link and name, None without one.
    """

    id: str
    phone: str
    name: str
    text: str
    at: int
    file: tuple[str, str] | None = None

    def element(self) -> dict[str, Any]:
        """One of MESSAGES."""
        first, last = name_parts(self.name)
        user = {"id": self.phone, "phone": f"+{self.phone}", "skip_phone_validate": "Y"}
        user |= {"name": first, "last_name": last} if first else {"title": f"+{self.phone}"}
        message: dict[str, Any] = {"id": self.id, "date": self.at}
        message |= {"text": self.text} if self.text else {}
        if self.file is not None:
            url, name = self.file
            message["files"] = [{"url": url, "name": name[-FILE_NAME_LIMIT:]}]
        return {"user": user, "message": message, "chat": {"id": self.phone}}


@dataclass(frozen=True)
class Received:
    """What the portal made of one message. error: its code, "" if it was added. chat_id: None where it was not told.

    files: how many the portal could fetch.
    """

    error: str
    chat_id: int | None
    files: int


def send(client: Client, connector: str, line: int, messages: Sequence[ClientMessage]) -> list[Received]:
    """Bring messages into their chats, in this order. The portal looks for no duplicates. Raises Bx24Error."""
    elements = [message.element() for message in messages]
    params = {"CONNECTOR": connector, "LINE": line, "MESSAGES": elements}
    answer = upper_map(client.call("imconnector.send.messages", params).mapping())
    entries = values(upper_map(answer.get("DATA")).get("RESULT"))
    return [_received(entry) for entry in [*entries, *([None] * len(messages))][: len(messages)]]


def _received(entry: Any) -> Received:
    given = upper_map(entry)
    if not given:
        return Received("no answer", None, 0)
    errors = [_error(one) for one in values(given.get("ERRORS"))]
    is_added = given.get("SUCCESS") in (True, 1, "1", "Y", "true")
    chat_id = number(upper_map(given.get("SESSION")).get("CHAT_ID"))
    files = values(upper_map(given.get("MESSAGE")).get("FILES"))
    return Received("" if is_added else next(filter(None, errors), "unknown"), chat_id or None, len(files))


def _error(entry: Any) -> str:
    given = upper_map(entry)
    return text_of(given.get("CODE")) or text_of(given.get("ERROR")) if given else text_of(entry)


def has_chat(client: Client, connector: str, line: int, phone: str, title: str) -> bool:
    """Whether this client has a chat on the line, whose number need not be known. Names the chat. Raises Bx24Error."""
    params = {"CONNECTOR": connector, "LINE": line, "CHAT_ID": phone, "USER_ID": phone, "NAME": title}
    try:
        client.call("imconnector.chat.name.set", params)
    except Rejected as error:
        if error.code.upper() == NO_CHAT:
            return False
        raise
    return True


@dataclass(frozen=True)
class InChat:
    """A message as a chat has it. connector_ids: our ids of it. at: None if the portal writes no time."""

    id: int
    text: str
    connector_ids: tuple[str, ...]
    at: datetime | None


def latest(client: Client, chat_id: int, since: datetime | None = None) -> list[InChat]:
    """The latest messages of a chat, some hundreds at most. since: none from before that. Raises Bx24Error."""
    found: list[InChat] = []
    while len(found) < _PAGE * _PAGES:
        params: dict[str, Any] = {"DIALOG_ID": f"chat{chat_id}", "LIMIT": _PAGE}
        params |= {"LAST_ID": found[-1].id} if found else {}
        rows = values(client.call("im.dialog.messages.get", params).mapping().get("messages"))
        page = [_in_chat(upper_map(row)) for row in rows]
        found += page
        if len(page) < _PAGE or _is_before(page[-1], since):
            break
    return [message for message in found if not _is_before(message, since)]


def _is_before(message: InChat, since: datetime | None) -> bool:
    return since is not None and message.at is not None and message.at < since


def _in_chat(row: Mapping[str, Any]) -> InChat:
    ids = upper_map(row.get("PARAMS")).get("CONNECTOR_MID")
    known = tuple(map(text_of, values(ids) if isinstance(ids, list | Mapping) else [ids]))
    return InChat(number(row.get("ID")), text_of(row.get("TEXT")), tuple(filter(None, known)), _time(row.get("DATE")))


def _time(value: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(text_of(value))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def add_system_line(client: Client, chat_id: int, text: str) -> int:
    """A line of the app, which goes to nobody outside; the message's number. Raises Bx24Error."""
    method, params = system_line(chat_id, text)
    return number(client.call(method, params).result)


def system_line(chat_id: int, text: str) -> Command:
    """`add_system_line` as a command of a batch, whose answer is the message's number.

    `literal`: the line shall read the same whether or not it goes in a batch, so that it can be looked for.
    """
    params = {"DIALOG_ID": f"chat{chat_id}", "MESSAGE": literal(text), "SYSTEM": "Y", "URL_PREVIEW": "N"}
    return "im.message.add", params


def reads(message: InChat, text: str) -> bool:
    """Whether a message of a chat is a line of the app with this text; the portal writes the app's name in front."""
    return message.text.endswith(literal(text))


def confirm(client: Client, connector: str, line: int, written: Written, ids: Sequence[str], at: int) -> None:
    """Give an operator's message its tick. Only the first confirmation counts. Raises Bx24Error."""
    method, params = confirmation(connector, line, written, ids, at)
    client.call(method, params)


def confirmation(connector: str, line: int, written: Written, ids: Sequence[str], at: int) -> Command:
    """`confirm` as a command of a batch."""
    entry = {
        "im": {"chat_id": written.chat_id, "message_id": written.message_id},
        "message": {"id": list(ids), "date": at},
        "chat": {"id": written.client},
    }
    return "imconnector.send.status.delivery", {"CONNECTOR": connector, "LINE": line, "MESSAGES": [entry]}
