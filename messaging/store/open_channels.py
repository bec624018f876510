"""Open Channels: which line is switched on at which open line of its portal, the chats, and what operators write in them."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, UniqueConstraint, bindparam, select
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.types import JSON

from messaging.store.indexes import partial
from messaging.store.models import Base
from messaging.store.sql import insert_missing
from messaging.store.types import EncryptedJson, Key, LiteralString, UTCDateTime

#: Our connector: one for all portals.
CONNECTOR = "waba24_gs"


class OpenLine(Base):
    """A line whose clients' messages go into the chats of an open line.

    open_line_id: the portal's number of the open line; name, warnings: what it was called, and which of its settings write to
    clients by themselves, when the portal was last asked. error: why the portal did not take the last message, "" if it did.
    """

    __tablename__ = "open_line"
    __table_args__ = (UniqueConstraint("portal_id", "open_line_id"),)

    line_id: Mapped[int] = mapped_column(ForeignKey("line.id"), primary_key=True, autoincrement=False)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portal.id"))
    open_line_id: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(String(200), default="")
    warnings: Mapped[list[str] | None] = mapped_column(JSON)
    since: Mapped[datetime] = mapped_column(UTCDateTime)
    error: Mapped[str] = mapped_column(String(300), default="")


class ClientChat(Base):
    """The chat that a conversation has on an open line. chat_id: the portal's number of it."""

    __tablename__ = "client_chat"
    __table_args__ = (
        UniqueConstraint("conversation_id", "open_line_id"),
        Index("ix_client_chat_chat", "portal_id", "chat_id"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portal.id"))
    conversation_id: Mapped[int] = mapped_column(Key)
    open_line_id: Mapped[int] = mapped_column(Integer)
    chat_id: Mapped[int] = mapped_column(Key)
    known_at: Mapped[datetime] = mapped_column(UTCDateTime)


class OperatorState(StrEnum):
    """stored: not looked at yet; sent: it has become a message of ours; refused: it will not leave, and the chat is told."""

    STORED = "stored"
    SENT = "sent"
    REFUSED = "refused"


class OperatorMessage(Base):
    """What an operator has written, or one part of it: a text, or a file with or without a text.

    key: what names it in its portal, so that an event that comes twice makes one message: `im <message of the messenger>
    <part>`, or `panel <nonce of the form>`. chat_id, im_message_id: the messenger's; None of a template sent from the panel.
    user_id: who wrote it. content: forgotten when it is `sent` or `refused`. position: nobody reads it.
    """

    __tablename__ = "operator_message"
    __table_args__ = (
        UniqueConstraint("portal_id", "key"),
        partial("ix_operator_message_due", "shard", "due_at", where="state = 'stored'"),
        partial("ix_operator_message_lane", "conversation_id", "id", where="state = 'stored'"),
        partial("ix_operator_message_im", "portal_id", "im_message_id", where="im_message_id IS NOT NULL"),
        Index("ix_operator_message_created", "created_at"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portal.id"))
    shard: Mapped[int] = mapped_column(Integer)
    line_id: Mapped[int] = mapped_column(ForeignKey("line.id"))
    conversation_id: Mapped[int] = mapped_column(Key)
    key: Mapped[str] = mapped_column(String(80))
    chat_id: Mapped[int | None] = mapped_column(Key)
    im_message_id: Mapped[int | None] = mapped_column(Key)
    user_id: Mapped[int | None] = mapped_column(Key)
    position: Mapped[int] = mapped_column(Key, default=0)
    content: Mapped[Any] = mapped_column(EncryptedJson, nullable=True)
    state: Mapped[str] = mapped_column(LiteralString(8), default=OperatorState.STORED)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    tries: Mapped[int] = mapped_column(Integer, default=0)


_CHAT = select(ClientChat).where(
    ClientChat.conversation_id == bindparam("conversation"), ClientChat.open_line_id == bindparam("open_line")
)


def open_line_of(session: Session, line_id: int) -> OpenLine | None:
    """The open line at which this line is switched on, if it is.

    Asked once for each line in a transaction, however many of its messages the transaction is about.
    """
    known: dict[int, OpenLine | None] = session.info.setdefault("open_lines", {})
    if line_id not in known:
        known[line_id] = session.get(OpenLine, line_id)
    return known[line_id]


def chat_of(session: Session, conversation_id: int, open_line_id: int) -> int | None:
    """The number of a conversation's chat on an open line; None: there is none, or nobody knows it."""
    found = session.scalar(_CHAT, {"conversation": conversation_id, "open_line": open_line_id})
    return found.chat_id if found is not None else None


def keep_chat(
    session: Session, portal_id: int, conversation_id: int, open_line_id: int, chat_id: int, now: datetime
) -> bool:
    """Remember the chat of a conversation on an open line; whether none was known before.

    Another transaction may remember it at the same moment.
    """
    asked = {"conversation": conversation_id, "open_line": open_line_id}
    found = session.scalar(_CHAT, asked)
    if found is None:
        row = {"portal_id": portal_id, "conversation_id": conversation_id, "open_line_id": open_line_id}
        if insert_missing(session, ClientChat, [{**row, "chat_id": chat_id, "known_at": now}], "id"):
            return True
        found = session.scalars(_CHAT, asked).one()
    if found.chat_id != chat_id:
        found.chat_id, found.known_at = chat_id, now
    return False
