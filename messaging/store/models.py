"""What we remember.

    Portal 1─* Line 1─* Conversation 1─* Message 1─1 Run        Line 1─* InboundEvent, Reply, Template, Tally
       └─* Run                                                  Lease: which process works on which shard

`shard` (portal id modulo SHARDS) stands in each table that is a queue: everything of one portal is worked by one
process at a time, so pace, order and "one call in flight" are plain local state there.
Phones, texts, tokens and keys are EncryptedText; a phone is found by `phone_key`, a keyed digest.

Rows stay for a year, a queue is empty again in a moment: a queue is read by a partial index, as large as the queue. Its
condition is written as in the queries (`=` and OR, never IN: SQLite wants a term of the query in it word for word).
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Float,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import JSON

from messaging.store.indexes import partial
from messaging.store.priced import Priced
from messaging.store.reported import Reported
from messaging.store.types import Digest, EncryptedJson, EncryptedText, Key, LiteralString, UTCDateTime

SHARDS = 64
_TURN = ("priority", "position", "id")


def shard_of(portal_id: int) -> int:
    """Which shard a portal's work belongs to."""
    return portal_id % SHARDS


class Base(DeclarativeBase):
    pass


class Portal(Base):
    """One Bitrix24 account. Identity is `member_id`; the domain can be renamed at any time.

    policy: what its administrator has set about sending (messaging.policy.settings). status: states.PortalStatus.
    prices_version: raised by each change of its prices (messaging.money.prices).
    """

    __tablename__ = "portal"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    member_id: Mapped[str] = mapped_column(String(64), unique=True)
    client_endpoint: Mapped[str] = mapped_column(String(500))
    server_endpoint: Mapped[str] = mapped_column(String(500), default="")
    access_token: Mapped[str | None] = mapped_column(EncryptedText)
    refresh_token: Mapped[str | None] = mapped_column(EncryptedText)
    previous_refresh_token: Mapped[str | None] = mapped_column(EncryptedText)
    token_version: Mapped[int] = mapped_column(Integer, default=0)
    token_expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    token_user_id: Mapped[int | None] = mapped_column(Key)
    application_token: Mapped[str | None] = mapped_column(EncryptedText)
    status: Mapped[str] = mapped_column(String(16), default="active")
    status_reason: Mapped[str] = mapped_column(String(200), default="")
    language: Mapped[str] = mapped_column(String(8), default="ru")
    region: Mapped[str] = mapped_column(String(8), default="")
    phone_region: Mapped[str] = mapped_column(String(2), default="", server_default=text("''"))
    default_line_id: Mapped[int | None] = mapped_column(Key)
    installed: Mapped[bool] = mapped_column(Boolean, default=False)
    installed_at: Mapped[datetime] = mapped_column(UTCDateTime)
    registration_due_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    registration_tries: Mapped[int] = mapped_column(Integer, default=0)
    registration: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    registered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    policy: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    prices_version: Mapped[int] = mapped_column(Integer, default=0, server_default="0")

    lines: Mapped[list["Line"]] = relationship(back_populates="portal", order_by="Line.id")


class Line(Base):
    """One Gupshup app with its number. status: `connected` or `removed`.

    A connected line may be stopped (messaging.lines.circuit_breaker): `stopped_at`, the code and the provider's words.
    probe_at: when a drain asks or looks again. trial_at: from when on one message may leave to try it; trial_run_id: that one.
    news: what the portal's administrator is still to be told at `news_at`, `stopped` or `resumed`; news_error: why nobody was.
    It may be paused by hand (messaging.lines.lines): `paused_at`, and the portal's user who did it, None: an operator.
    tier: clients it may write to first in 24 hours, 0: any number, None: nobody has told; tier_by: `whatsapp` or `admin`;
    tier_at: of the event that told it.
    """

    __tablename__ = "line"
    __table_args__ = (
        UniqueConstraint("secret_digest"),
        Index("ix_line_portal", "portal_id"),
        partial("ix_line_stopped", "stopped_at", where="stopped_at IS NOT NULL"),
        partial("ix_line_probe", "probe_at", where="probe_at IS NOT NULL"),
        partial("ix_line_news", "news_at", where="news_at IS NOT NULL"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portal.id"))
    name: Mapped[str] = mapped_column(String(100), default="")
    phone: Mapped[str] = mapped_column(String(20))
    app_name: Mapped[str] = mapped_column(String(100))
    app_id: Mapped[str] = mapped_column(String(64), default="")
    api_key: Mapped[str | None] = mapped_column(EncryptedText)
    secret: Mapped[str | None] = mapped_column(EncryptedText)
    secret_digest: Mapped[str] = mapped_column(String(64))
    pace: Mapped[float] = mapped_column(Float, default=10.0)
    burst: Mapped[int] = mapped_column(Integer, default=20)
    status: Mapped[str] = mapped_column(String(16), default="connected")
    connected_at: Mapped[datetime] = mapped_column(UTCDateTime)
    templates_synced_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    stopped_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    stop_code: Mapped[str] = mapped_column(String(64), default="", server_default=text("''"))
    stop_reason: Mapped[str] = mapped_column(String(300), default="", server_default=text("''"))
    resumed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    probe_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    probe_tries: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    trial_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    trial_run_id: Mapped[int | None] = mapped_column(Key)
    news: Mapped[str] = mapped_column(String(8), default="", server_default=text("''"))
    news_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    news_tries: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    news_error: Mapped[str] = mapped_column(String(200), default="", server_default=text("''"))
    paused_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    paused_by: Mapped[int | None] = mapped_column(Key)
    tier: Mapped[int | None] = mapped_column(Integer)
    tier_by: Mapped[str] = mapped_column(String(8), default="", server_default=text("''"))
    tier_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    portal: Mapped[Portal] = relationship(back_populates="lines")


class Template(Base):
    """A WhatsApp template as Gupshup last described it; `data` is `gupshup.templates.TemplateInfo.to_dict()`."""

    __tablename__ = "template"
    __table_args__ = (UniqueConstraint("line_id", "template_id"), Index("ix_template_name", "line_id", "name"))

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    line_id: Mapped[int] = mapped_column(ForeignKey("line.id"))
    template_id: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(512))
    language: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(32))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)


class Conversation(Base):
    """One client on one line. `last_inbound_at` is the provider's time of the client's last message.

    alias_key: the same number as WhatsApp spells it, where that differs (Mexico, Brazil, Argentina). user_key: the client's
    WhatsApp id ("US.13491208655302741918"), where an event has told it. opened_at: when a template last opened the
    conversation, its window being closed: what WhatsApp's limit of new conversations counts.
    """

    __tablename__ = "conversation"
    __table_args__ = (
        UniqueConstraint("line_id", "phone_key"),
        partial("ix_conversation_alias", "line_id", "alias_key", where="alias_key IS NOT NULL"),
        partial("ix_conversation_opened", "line_id", "opened_at", where="opened_at IS NOT NULL"),
        partial("ix_conversation_user", "line_id", "user_key", where="user_key IS NOT NULL"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    line_id: Mapped[int] = mapped_column(ForeignKey("line.id"))
    phone: Mapped[str] = mapped_column(EncryptedText)
    phone_key: Mapped[str] = mapped_column(String(32))
    alias_key: Mapped[str | None] = mapped_column(String(32))
    user_key: Mapped[str | None] = mapped_column(String(32))
    last_inbound_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_activity_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    opened_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class Run(Base):
    """One execution of a robot or activity.

    state: states.RunState. `answer` is written once, together with `ended`; `answer_at`: when to hand it to Bitrix24 (again).
    Its texts are wiped long before the row goes (messaging.worker.retention); `event_token` is empty then.
    item: the document's own id (`DEAL_345`), by which people look runs up. awaits_message_id: of another run's message.
    """

    __tablename__ = "run"
    __table_args__ = (
        UniqueConstraint("portal_id", "token_digest"),
        partial("ix_run_stored", "shard", "portal_id", "id", where="state = 'stored'"),
        partial("ix_run_deadline", "shard", "deadline_at", where="state <> 'ended'"),
        partial("ix_run_answer", "shard", "answer_at", where="answer_at IS NOT NULL"),
        partial("ix_run_replied", "conversation_id", "id", where="state = 'waiting' AND until = 'replied'"),
        partial("ix_run_conversation", "conversation_id", where="conversation_id IS NOT NULL"),
        partial("ix_run_awaits", "awaits_message_id", where="state = 'waiting' AND awaits_message_id IS NOT NULL"),
        partial("ix_run_texts", "ended_at", where="state = 'ended' AND event_token <> ''"),
        # All that the list of messages is filtered by and the robots' weeks are counted by: neither need open a row.
        Index("ix_run_portal", "portal_id", "id", "stored_at", "action", "line_id", "outcome", "error_code"),
        Index("ix_run_item", "portal_id", "item"),
        # Why runs failed is counted from this index alone, without the ten times as many that did not.
        partial("ix_run_failed", "portal_id", "stored_at", "id", "line_id", "error_code", where="outcome = 'failed'"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    trace: Mapped[str] = mapped_column(String(16))
    portal_id: Mapped[int] = mapped_column(ForeignKey("portal.id"))
    shard: Mapped[int] = mapped_column(Integer)
    side: Mapped[str] = mapped_column(String(16))
    action: Mapped[str] = mapped_column(String(40))
    workflow_id: Mapped[str] = mapped_column(String(64), default="")
    event_token: Mapped[str] = mapped_column(EncryptedText)
    token_digest: Mapped[str] = mapped_column(Digest)
    document: Mapped[list[str]] = mapped_column(JSON)
    item: Mapped[str] = mapped_column(String(64), default="", server_default=text("''"))
    properties: Mapped[Any] = mapped_column(EncryptedJson)
    auth: Mapped[Any] = mapped_column(EncryptedJson, nullable=True)
    waits: Mapped[bool] = mapped_column(Boolean, default=True)
    stored_at: Mapped[datetime] = mapped_column(UTCDateTime)
    deadline_at: Mapped[datetime] = mapped_column(UTCDateTime)
    state: Mapped[str] = mapped_column(LiteralString(8), default="stored")
    plan_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    plan_tries: Mapped[int] = mapped_column(Integer, default=0)
    until: Mapped[str] = mapped_column(LiteralString(10), default="accepted")
    line_id: Mapped[int | None] = mapped_column(ForeignKey("line.id"))
    conversation_id: Mapped[int | None] = mapped_column(ForeignKey("conversation.id"))
    awaits_message_id: Mapped[int | None] = mapped_column(Key)
    accept: Mapped[list[str] | None] = mapped_column(JSON)
    outcome: Mapped[str] = mapped_column(String(10), default="")
    error_code: Mapped[str] = mapped_column(String(40), default="")
    answer: Mapped[Any] = mapped_column(EncryptedJson, nullable=True)
    note: Mapped[str] = mapped_column(String(200), default="")
    log_line: Mapped[str] = mapped_column(EncryptedText, default="")
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    answer_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    answer_tries: Mapped[int] = mapped_column(Integer, default=0)
    answers_sent: Mapped[int] = mapped_column(Integer, default=0)
    answered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    portal: Mapped[Portal] = relationship()
    message: Mapped["Message | None"] = relationship(back_populates="run", uselist=False)


_LANE = ("conversation_id", "priority", "position", "id")


class Message(Priced, Reported, Base):
    """One message to a client. At most one for each cause: (`origin`, `origin_id`) is unique.

    origin: a robot, a campaign … (states.Origin); origin_id: the run, the recipient …; run_id, campaign_id: if it has one.
    status: of states.MessageStatus; it only rises (messaging.runs.statuses).
    send_at: not to leave before; None while the line is paused. hold: why it is or was held (states.Hold); held_until:
    until when at most. judge_at: it may not leave from then on without being planned again. is_awaited: by other runs.
    Messages of a line, and of a client, leave in the order of (priority, position, id): priority 0 robots and people,
    1 campaigns; position: the id of the run, for a message without a run that of the newest run when it was queued.
    action … item: what reports ask for and cannot find later, when texts are wiped. timeline: to be shown on the item.
    """

    __tablename__ = "message"
    __table_args__ = (
        *(UniqueConstraint("run_id"), UniqueConstraint("origin", "origin_id")),
        partial("ix_message_queued", "shard", "send_at", where="status = 'queued'"),
        partial("ix_message_turn", "line_id", *_TURN, where="status = 'queued'"),
        partial("ix_message_lane", "conversation_id", *_TURN, where="status = 'queued' OR status = 'sending'"),
        partial("ix_message_flight", "shard", "status", "claimed_at", where="status = 'sending' OR status = 'unknown'"),
        partial("ix_message_gupshup", "gupshup_id", where="gupshup_id IS NOT NULL"),
        partial("ix_message_whatsapp", "whatsapp_id", where="whatsapp_id IS NOT NULL"),
        partial("ix_message_held", "shard", "held_until", where="status = 'held'"),
        partial("ix_message_held_client", "conversation_id", where="status = 'held'"),
        Index("ix_message_conversation", "conversation_id", "id"),
        partial("ix_message_marketing", "conversation_id", "id", where="category = 'MARKETING'"),
        partial("ix_message_failed", "portal_id", "run_id", "error_code", "line_id", where="status = 'failed'"),
        partial("ix_message_template", "line_id", "template", "created_at", where="template <> ''"),
        partial("ix_message_lone", "portal_id", "position", "id", where="run_id IS NULL"),
        partial("ix_message_lone_item", "portal_id", "item", where="run_id IS NULL"),
        partial("ix_message_lone_texts", "created_at", where="run_id IS NULL AND payload IS NOT NULL"),
        partial("ix_message_campaign", "campaign_id", "status", "error_code", where="campaign_id IS NOT NULL"),
        partial("ix_message_campaign_client", "conversation_id", "id", where="campaign_id IS NOT NULL"),
        partial("ix_message_spent", "line_id", "created_at", where="cost IS NOT NULL"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    origin: Mapped[str] = mapped_column(String(10))
    origin_id: Mapped[int | None] = mapped_column(Key)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("run.id"))
    campaign_id: Mapped[int | None] = mapped_column(Key)
    portal_id: Mapped[int] = mapped_column(ForeignKey("portal.id"))
    shard: Mapped[int] = mapped_column(Integer)
    priority: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    position: Mapped[int] = mapped_column(Key)
    line_id: Mapped[int] = mapped_column(ForeignKey("line.id"))
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id"))
    kind: Mapped[str] = mapped_column(String(20))
    is_session: Mapped[bool] = mapped_column(Boolean)
    payload: Mapped[Any] = mapped_column(EncryptedJson, nullable=True)
    choices: Mapped[Any] = mapped_column(EncryptedJson, nullable=True)
    status: Mapped[str] = mapped_column(LiteralString(10), default="queued")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    send_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    hold: Mapped[str] = mapped_column(String(10), default="", server_default=text("''"))
    held_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    judge_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    is_awaited: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    fence: Mapped[int] = mapped_column(Integer, default=0)
    claimed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    accepted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    read_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    failed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    gupshup_id: Mapped[str | None] = mapped_column(String(100))
    whatsapp_id: Mapped[str | None] = mapped_column(String(200))
    error_code: Mapped[str] = mapped_column(String(40), default="")
    error_reason: Mapped[str] = mapped_column(String(500), default="")
    action: Mapped[str] = mapped_column(String(40), default="", server_default=text("''"))
    template: Mapped[str] = mapped_column(String(512), default="", server_default=text("''"))
    category: Mapped[str] = mapped_column(String(20), default="", server_default=text("''"))
    country: Mapped[str] = mapped_column(String(2), default="", server_default=text("''"))
    item: Mapped[str] = mapped_column(String(64), default="", server_default=text("''"))
    timeline: Mapped[bool] = mapped_column(Boolean, default=True, server_default=true())

    run: Mapped[Run | None] = relationship(back_populates="message")
    line: Mapped[Line] = relationship()
    conversation: Mapped[Conversation] = relationship()


class InboundEvent(Base):
    """One webhook of a line, as it came. state: `stored`, `done`, `odd` (kept, not understood or not ours).

    `ref` is Gupshup's id of the message it speaks of: an event that came before its row waits here for it.
    """

    __tablename__ = "inbound_event"
    __table_args__ = (
        UniqueConstraint("line_id", "key"),
        partial("ix_inbound_due", "shard", "due_at", where="state = 'stored'"),
        partial("ix_inbound_ref", "ref", where="state = 'stored'"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    line_id: Mapped[int] = mapped_column(ForeignKey("line.id"))
    shard: Mapped[int] = mapped_column(Integer)
    key: Mapped[str] = mapped_column(Digest)
    body: Mapped[str] = mapped_column(EncryptedText)
    label: Mapped[str] = mapped_column(String(60), default="")
    ref: Mapped[str | None] = mapped_column(String(200))
    received_at: Mapped[datetime] = mapped_column(UTCDateTime)
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    state: Mapped[str] = mapped_column(LiteralString(8), default="stored")


class Reply(Base):
    """What a client wrote or tapped. `run_id`: the run it ends, if any: one reply ends one run.

    A reply with a file ends its run when the file is ours: `fetch_at` says when to try (again), None: nothing to fetch.
    """

    __tablename__ = "reply"
    __table_args__ = (
        UniqueConstraint("line_id", "provider_id"),
        partial("ix_reply_fetch", "shard", "fetch_at", where="fetch_at IS NOT NULL"),
        Index("ix_reply_conversation", "conversation_id", "id"),
        Index("ix_reply_line", "line_id", "id"),
        partial("ix_reply_run", "run_id", where="run_id IS NOT NULL"),
        partial("ix_reply_texts", "received_at", where="content <> ''"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    line_id: Mapped[int] = mapped_column(ForeignKey("line.id"))
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id"))
    provider_id: Mapped[str] = mapped_column(String(200))
    type: Mapped[str] = mapped_column(String(10))
    content: Mapped[Any] = mapped_column(EncryptedJson)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    received_at: Mapped[datetime] = mapped_column(UTCDateTime)
    shard: Mapped[int] = mapped_column(Integer)
    fetch_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    fetch_tries: Mapped[int] = mapped_column(Integer, default=0)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("run.id"))


class Lease(Base):
    """Who works on a shard until when. `fence` rises with every new owner."""

    __tablename__ = "lease"

    shard: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    owner: Mapped[str] = mapped_column(String(64), default="")
    fence: Mapped[int] = mapped_column(Integer, default=0)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
