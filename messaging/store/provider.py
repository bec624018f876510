"""The message provider: what the portal has handed over to be sent, and how each line sends it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, Session, mapped_column

from messaging.store.indexes import partial
from messaging.store.models import Base
from messaging.store.types import Digest, EncryptedJson, Key, LiteralString, UTCDateTime


class Quiet(StrEnum):
    """What happens in quiet hours to a message that the portal hands over: the choices are those of robots."""

    SEND = "send"
    HOLD = "hold"
    DROP = "drop"


class LineSender(Base):
    """How a line sends what the portal hands over; a line without a row refuses free texts outside the window.

    template_id: Gupshup's id of the template that a free text goes into while the client's window is closed, "": none.
    """

    __tablename__ = "line_sender"

    line_id: Mapped[int] = mapped_column(ForeignKey("line.id"), primary_key=True, autoincrement=False)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portal.id"))
    template_id: Mapped[str] = mapped_column(String(64), default="")
    quiet: Mapped[str] = mapped_column(String(8), default=Quiet.SEND)


class ProviderState(StrEnum):
    """stored: not looked at yet; sent: it has become a message of ours; refused: it will not leave."""

    STORED = "stored"
    SENT = "sent"
    REFUSED = "refused"


class ProviderMessage(Base):
    """One message that the portal has handed over.

    line_id: of the address it was posted to; whether the line is the portal's is looked at before it is sent. message_id: the
    portal's, by which the same message is found again. client: a digest of the phone; what one client gets keeps its order.
    item: "DEAL_5", "" for none. content: phone, text and module; None: over the portal's quota, and forgotten when the message
    is `sent` or `refused`. A refused message that names a client has become a failed message of ours.
    """

    __tablename__ = "provider_message"
    __table_args__ = (
        UniqueConstraint("portal_id", "message_id"),
        partial("ix_provider_message_due", "shard", "due_at", where="state = 'stored'"),
        partial("ix_provider_message_lane", *("line_id", "client", "id"), where="state = 'stored'"),
        Index("ix_provider_message_created", "created_at"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portal.id"))
    shard: Mapped[int] = mapped_column(Integer)
    line_id: Mapped[int] = mapped_column(Key)
    message_id: Mapped[str] = mapped_column(String(64))
    client: Mapped[str] = mapped_column(Digest)
    item: Mapped[str] = mapped_column(String(64), default="")
    content: Mapped[Any] = mapped_column(EncryptedJson, nullable=True)
    state: Mapped[str] = mapped_column(LiteralString(8), default=ProviderState.STORED)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    tries: Mapped[int] = mapped_column(Integer, default=0)


def sender_of(session: Session, line_id: int) -> LineSender | None:
    """How this line sends what the portal hands over; None if nothing was set."""
    return session.get(LineSender, line_id)
