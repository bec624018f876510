"""Chats of operators with clients: messages, sessions, files, and the clients as users of the portal."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

CRM_KEYS = ("LEAD", "COMPANY", "CONTACT", "DEAL")
FIRST_CLIENT_ID = 500
"""Clients have ids above those of the employees."""


class Status(IntEnum):
    """Of a session. Source: imopenlines/lib/session.php."""

    NEW = 0
    SKIPPED = 5
    ANSWERED = 10
    CLIENT = 20
    CLIENT_AFTER_OPERATOR = 25
    OPERATOR = 40
    WAIT_CLIENT = 50
    CLOSED = 60
    SPAM = 65


class Kind(StrEnum):
    """Who speaks in a message. A hidden message is seen by operators only; a system one may go to the client too."""

    CLIENT = "client"
    OPERATOR = "operator"
    SYSTEM = "system"
    HIDDEN = "hidden"


@dataclass
class ClientUser:
    """A client as a user of the portal. fingerprint: of the `user` block last sent by the app."""

    id: int
    connector: str
    external_id: str
    name: str = ""
    last_name: str = ""
    phone: str = ""
    email: str = ""
    fingerprint: str = ""
    picture_downloads: int = 0

    @property
    def xml_id(self) -> str:
        return f"{self.connector}|{self.external_id}"

    @property
    def full_name(self) -> str:
        return f"{self.name} {self.last_name}".strip()


@dataclass
class ChatFile:
    """A file in a chat. code: of its short public link, which needs no token; sign: of the long one."""

    id: int
    name: str
    content_type: str
    content: bytes = field(repr=False)
    code: str = field(default_factory=lambda: secrets.token_hex(4))
    sign: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def is_image(self) -> bool:
        return self.content_type.startswith("image/")


@dataclass
class ChatMessage:
    """connector_ids: CONNECTOR_MID, the ids outside. sending: waits for the app's confirmation of delivery."""

    id: int
    chat_id: int
    session_id: int
    author_id: int
    kind: Kind
    text: str
    at: float
    files: list[ChatFile] = field(default_factory=list)
    connector_ids: list[str] = field(default_factory=list)
    sending: bool = False
    delivered_at: float | None = None
    style: str = ""
    """The parameter CLASS."""
    template_id: str = ""
    automatic: bool = False
    edited: bool = False
    deleted: bool = False

    def params(self) -> dict[str, Any]:
        """The parameters as `im.dialog.messages.get` shows them."""
        found: dict[str, Any] = {
            "CLASS": self.style,
            "CONNECTOR_MID": list(self.connector_ids),
            "FILE_ID": [file.id for file in self.files],
            "SENDING": "Y" if self.sending else "",
            "SENDING_TS": int(self.at) if self.sending else 0,
            "IS_EDITED": "Y" if self.edited else "",
            "IS_DELETED": "Y" if self.deleted else "",
            "TEMPLATE_ID": self.template_id,
            "IMOL_AUTOMATIC": "Y" if self.automatic else "",
        }
        return {name: value for name, value in found.items() if value}


@dataclass
class Session:
    """One dialog in a chat. triggers: the CRM triggers it has set off, in order; vote: 5 good, 1 bad, 0 none."""

    id: int
    chat_id: int
    operator_id: int
    started_at: float
    status: Status = Status.NEW
    waits_for_vote: bool = False
    vote: int = 0
    in_crm: bool = False
    parent_id: int = 0
    closed_at: float | None = None
    triggers: list[str] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return self.status < Status.CLOSED

    @property
    def is_active(self) -> bool:
        """What the methods about CRM chats call active: taken by an operator, not yet closing."""
        return Status.ANSWERED <= self.status < Status.WAIT_CLIENT


@dataclass
class Chat:
    """A client's chat on a line. members: ids of its operators; crm: the ids of the CRM items it belongs to."""

    id: int
    connector: str
    line: int
    external_id: str
    client_id: int
    title: str
    created_at: float
    description: str = ""
    members: list[int] = field(default_factory=list)
    crm: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CRM_KEYS, 0))
    sessions: list[Session] = field(default_factory=list)
    messages: list[ChatMessage] = field(default_factory=list)

    @property
    def user_code(self) -> str:
        """`entity_id`: connector, line, the app's id of the chat, the portal's id of the client."""
        return f"{self.connector}|{self.line}|{self.external_id}|{self.client_id}"

    @property
    def session(self) -> Session:
        """The latest session, open or not. A chat has at least one."""
        return self.sessions[-1]

    def seen_by(self, external_id: str) -> Iterator[ChatMessage]:
        """The messages that have this id outside."""
        return (message for message in self.messages if external_id in message.connector_ids)


class Chats:
    """Chats by id, clients by id, files by id; messages and chats are found without a search."""

    def __init__(self) -> None:
        self.by_id: dict[int, Chat] = {}
        self.clients: dict[int, ClientUser] = {}
        self.files: dict[int, ChatFile] = {}
        self.busy: set[tuple[str, int, str]] = set()
        """Dialogs in which a call is at work, by (connector, line, id of the chat outside)."""
        self._messages: dict[int, tuple[Chat, ChatMessage]] = {}
        self._chats: dict[tuple[str, int, str], list[Chat]] = {}
        self._clients: dict[tuple[str, str], ClientUser] = {}

    def add(self, chat: Chat) -> None:
        self.by_id[chat.id] = chat
        self._chats.setdefault((chat.connector, chat.line, chat.external_id), []).append(chat)

    def add_message(self, chat: Chat, message: ChatMessage) -> None:
        chat.messages.append(message)
        self._messages[message.id] = chat, message

    def add_client(self, connector: str, external_id: str) -> ClientUser:
        """The client with this id outside; a new one, if there is none."""
        known = self.client(connector, external_id)
        if known:
            return known
        client = ClientUser(FIRST_CLIENT_ID + len(self.clients) + 1, connector, external_id)
        self.clients[client.id] = self._clients[connector, external_id] = client
        return client

    def client(self, connector: str, external_id: str) -> ClientUser | None:
        return self._clients.get((connector, external_id))

    def find(self, connector: str, line: int, external_id: str, client: ClientUser | None) -> Chat | None:
        """The chat with this id outside; of this client, if one is given."""
        for chat in self._chats.get((connector, line, external_id), []):
            if client is None or chat.client_id == client.id:
                return chat
        return None

    def by_code(self, user_code: str) -> Chat | None:
        code = user_code.removeprefix("imol|")
        return next((chat for chat in self.by_id.values() if chat.user_code == code), None)

    def of_session(self, session_id: int) -> Chat | None:
        for chat in self.by_id.values():
            if any(session.id == session_id for session in chat.sessions):
                return chat
        return None

    def of_item(self, key: str, item_id: int) -> list[Chat]:
        """The chats of a CRM item. key: one of CRM_KEYS."""
        return [chat for chat in self.by_id.values() if chat.crm.get(key) == item_id]

    def message(self, message_id: int) -> tuple[Chat, ChatMessage] | None:
        return self._messages.get(message_id)
