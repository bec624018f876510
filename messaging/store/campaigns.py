"""Campaigns: one template to many clients, with a row for each of them (contract section 10)."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import JSON

from messaging.store.indexes import partial
from messaging.store.models import Base
from messaging.store.types import Key, LiteralString, ReadableJson, ReadableText, UTCDateTime


class CampaignState(StrEnum):
    """How far a campaign has come; which changes are possible: messaging.campaigns.changes."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PREPARING = "preparing"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class Paused(StrEnum):
    """Why a campaign is paused. line_stopped, limit and budget end by themselves (messaging.stages.campaigns); a person
    resumes the others.

    limit: WhatsApp's limit of new clients a day. balance: of the Gupshup account. budget: of the line or the campaign. stale:
    the worker has not looked at the campaign for hours. restored: the database is an older dump, so some recipients may have
    been written to since. uninstalled: the app was uninstalled, and may be back.
    """

    BY_HAND = "by_hand"
    LINE_STOPPED = "line_stopped"
    LINE_REMOVED = "line_removed"
    LIMIT = "limit"
    TEMPLATE = "template"
    FAILURES = "failures"
    BALANCE = "balance"
    BUDGET = "budget"
    STALE = "stale"
    RESTORED = "restored"
    UNINSTALLED = "uninstalled"


class RecipientState(StrEnum):
    """pending: not written to yet; skipped: never will be, `reason` says why; queued: its message tells the rest."""

    PENDING = "pending"
    SKIPPED = "skipped"
    QUEUED = "queued"


class Skipped(StrEnum):
    """Why a recipient is not written to (contract section 10)."""

    INVALID_PHONE = "invalid_phone"
    DUPLICATE = "duplicate"
    OPTED_OUT = "opted_out"
    MARKETING_CAP = "marketing_cap"
    MISSING_VALUE = "missing_value"
    CANCELLED = "cancelled"
    NOT_FOUND = "not_found"


class Campaign(Base):
    """One campaign.

    key: the name that pages and API use. line_ids: the lines that share the audience. template, language: of the template,
    by name; digest: of its text and category when the campaign was started, for WhatsApp may change both. mapping: where its
    variables come from (messaging.campaigns.mapping). audience: where its recipients come from, as
    messaging.campaigns.audience stores it. hours: "HH:MM-HH:MM" of the client's clock, "" any. per_minute: the
    campaign's own pace, None: as fast as the lines send.
    read_at: when all recipients were stored; checked_at: when all of them were judged, after which `recipient` says who
    will be written to. cursor: how far reading has come; checked_id: how far judging has come. reads: raised by each change
    and by each part that is stored: a process that was frozen or overtaken stores nothing more. wants_check: a draft is to
    be read and judged. problem: code and words of what keeps it from being read. due_at: when the worker looks at it next,
    None: never. fed_at: when it was last looked at while running. allowed_failures: how many a person knew of when resuming.
    """

    __tablename__ = "campaign"
    __table_args__ = (
        UniqueConstraint("key"),
        Index("ix_campaign_portal", "portal_id", "id"),
        partial("ix_campaign_due", "shard", "due_at", where="due_at IS NOT NULL"),
        # A thread that still prepares a deleted campaign must never find another one under its id.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    key: Mapped[str] = mapped_column(String(32))
    portal_id: Mapped[int] = mapped_column(ForeignKey("portal.id"))
    shard: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(LiteralString(10), default=CampaignState.DRAFT)
    paused_reason: Mapped[str] = mapped_column(String(20), default="")
    line_ids: Mapped[list[int]] = mapped_column(JSON)
    template: Mapped[str] = mapped_column(String(512), default="")
    language: Mapped[str] = mapped_column(String(16), default="")
    digest: Mapped[str] = mapped_column(String(64), default="")
    category: Mapped[str] = mapped_column(String(20), default="")
    mapping: Mapped[Any] = mapped_column(ReadableJson, nullable=True)
    audience: Mapped[Any] = mapped_column(ReadableJson, nullable=True)
    hours: Mapped[str] = mapped_column(String(11), default="")
    per_minute: Mapped[int | None] = mapped_column(Integer)
    start_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    read_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    checked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    cursor: Mapped[Any] = mapped_column(JSON, nullable=True)
    checked_id: Mapped[int] = mapped_column(Key, default=0)
    reads: Mapped[int] = mapped_column(Integer, default=0)
    wants_check: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    problem: Mapped[Any] = mapped_column(JSON, nullable=True)
    due_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    fed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    tries: Mapped[int] = mapped_column(SmallInteger, default=0)
    allowed_failures: Mapped[int] = mapped_column(Integer, default=0)
    budget: Mapped[int | None] = mapped_column(BigInteger)
    budget_currency: Mapped[str] = mapped_column(String(3), default="", server_default=text("''"))
    created_by: Mapped[int] = mapped_column(Key, default=0)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class Recipient(Base):
    """One client of a campaign, or an entry of its audience that is skipped.

    phone: digits, or what stood there if it is no phone. phone_key: None for what is no phone, and for repetitions of one:
    (campaign, phone_key) is unique, so nobody is written to twice. line_id: by which line the client is written to, once
    that is judged. line_no: the row of the file, or the place in the list. values: of the columns or fields, by name.
    due_at: not to be written to before.
    """

    __tablename__ = "recipient"
    __table_args__ = (
        UniqueConstraint("campaign_id", "phone_key"),
        partial("ix_recipient_pending", "campaign_id", "line_id", "due_at", "id", where="state = 'pending'"),
        Index("ix_recipient_state", "campaign_id", "state", "reason", "id"),
        Index("ix_recipient_campaign", "campaign_id", "id"),
        partial("ix_recipient_replied", "campaign_id", "replied_at", where="replied_at IS NOT NULL"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    phone: Mapped[str] = mapped_column(ReadableText)
    phone_key: Mapped[str | None] = mapped_column(String(32))
    country: Mapped[str] = mapped_column(String(2), default="")
    line_id: Mapped[int | None] = mapped_column(Key)
    item: Mapped[str] = mapped_column(String(64), default="")
    line_no: Mapped[int] = mapped_column(Integer, default=0)
    values: Mapped[Any] = mapped_column(ReadableJson, nullable=True)
    state: Mapped[str] = mapped_column(LiteralString(8), default=RecipientState.PENDING)
    reason: Mapped[str] = mapped_column(String(20), default="")
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    message_id: Mapped[int | None] = mapped_column(Key)
    replied_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class RefusedRow(Base):
    """A row of an uploaded file that is no recipient, kept as the report. text: what stood there, cut."""

    __tablename__ = "refused_row"
    __table_args__ = (Index("ix_refused_row_campaign", "campaign_id", "id"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    line_no: Mapped[int] = mapped_column(Integer)
    text: Mapped[str] = mapped_column(ReadableText)
    reason: Mapped[str] = mapped_column(String(40))
