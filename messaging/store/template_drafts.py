"""Templates as people here write them, and what happened to those that WhatsApp knows."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import JSON

from messaging.store.models import Base
from messaging.store.types import Key, UTCDateTime


class TemplateDraft(Base):
    """A template that is not submitted yet, or a change of one; `data` is `gupshup.template_drafts.Draft.to_dict()`.

    template_id: of the template that it changes, "" for a new one. user_id: who saved it last.
    """

    __tablename__ = "template_draft"
    __table_args__ = (
        Index("ix_template_draft_list", "portal_id", "id"),
        # A page that is old names a draft by its id: another one must never get it.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portal.id"))
    line_id: Mapped[int] = mapped_column(ForeignKey("line.id"))
    template_id: Mapped[str] = mapped_column(String(64), default="")
    name: Mapped[str] = mapped_column(String(512), default="")
    language: Mapped[str] = mapped_column(String(16), default="")
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    user_id: Mapped[int | None] = mapped_column(Key)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)


class ChangeKind(StrEnum):
    """What of a template has changed. ANNOUNCED: WhatsApp will change its category."""

    STATUS = "status"
    CATEGORY = "category"
    ANNOUNCED = "announced"
    SUBMITTED = "submitted"


class TemplateChange(Base):
    """One change of a template, kept for a year. before, after: statuses or categories, in capitals.

    reason: why it was rejected, in WhatsApp's word. user_id: who submitted it.
    """

    __tablename__ = "template_change"
    __table_args__ = (
        Index("ix_template_change_of", "line_id", "template_id", "id"),
        Index("ix_template_change_recent", "portal_id", "at"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portal.id"))
    line_id: Mapped[int] = mapped_column(ForeignKey("line.id"))
    template_id: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(512))
    kind: Mapped[str] = mapped_column(String(12))
    before: Mapped[str] = mapped_column(String(32), default="")
    after: Mapped[str] = mapped_column(String(32), default="")
    reason: Mapped[str] = mapped_column(String(300), default="")
    user_id: Mapped[int | None] = mapped_column(Key)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
