"""Who may call the REST API, and which of its calls were answered already."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import JSON

from messaging.store.models import Base
from messaging.store.types import EncryptedJson, Key, UTCDateTime


class ApiToken(Base):
    """A token of a portal's API. The token itself is shown once and not kept; digest: sha256 hex of it.

    tail: its last four characters, by which people tell tokens apart. scopes: words of messaging.api.scopes. user_id: who made
    it, None: an operator. last_used_at: to the minute. revoked_at: from then on it opens nothing.
    """

    __tablename__ = "api_token"
    __table_args__ = (
        UniqueConstraint("digest"),
        Index("ix_api_token_portal", "portal_id", "id"),
        # A page revokes a token by its id: another one must never get it.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portal.id"))
    digest: Mapped[str] = mapped_column(String(64))
    tail: Mapped[str] = mapped_column(String(4))
    name: Mapped[str] = mapped_column(String(100))
    scopes: Mapped[list[str]] = mapped_column(JSON)
    user_id: Mapped[int | None] = mapped_column(Key)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class IdempotencyKey(Base):
    """A POST that came with an Idempotency-Key, kept for two days.

    digest: of route and key; body_digest: of what was asked. status, answer: what it was answered, None while it is worked on;
    busy_until: if there is no answer by then, whoever worked on it is dead, and the next call does it again. run_id: of the
    run that the call has stored, whose id belongs into the answer.
    """

    __tablename__ = "idempotency_key"
    __table_args__ = (
        UniqueConstraint("token_id", "digest"),
        Index("ix_idempotency_key_old", "created_at"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    token_id: Mapped[int] = mapped_column(ForeignKey("api_token.id"))
    digest: Mapped[str] = mapped_column(String(64))
    body_digest: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None] = mapped_column(SmallInteger)
    answer: Mapped[Any] = mapped_column(EncryptedJson, nullable=True)
    run_id: Mapped[int | None] = mapped_column(Key)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    busy_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
