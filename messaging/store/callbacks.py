"""Addresses of customers' systems, and what they are told: webhooks out (contract section 11, decision 0041).

An event becomes one row for each endpoint that wants it, in the transaction of the change it tells of. The worker alone
counts, delivers and ends these rows (messaging.stages.callbacks); whoever writes them locks nothing.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Index, Integer, SmallInteger, String, UniqueConstraint, exists
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import JSON

from messaging.store.indexes import partial
from messaging.store.models import Base
from messaging.store.types import Key, LiteralString, ReadableText, UTCDateTime


class Event(StrEnum):
    """What an endpoint may be told of. TEST is sent when somebody asks for it, whatever the endpoint wants."""

    MESSAGE_STATUS = "message.status"
    MESSAGE_RECEIVED = "message.received"
    CAMPAIGN_STATE = "campaign.state"
    OPTOUT_CHANGED = "optout.changed"
    TEMPLATE_CHANGED = "template.changed"
    LINE_STATE = "line.state"
    TEST = "test"


class EndpointState(StrEnum):
    """on: told; off: not told until somebody switches it on; removed: deleted, its rows go soon."""

    ON = "on"
    OFF = "off"
    REMOVED = "removed"


class OffReason(StrEnum):
    """Why an endpoint is off. gone: it answered 410; failing: nothing was taken for three days."""

    GONE = "gone"
    FAILING = "failing"


class CallbackState(StrEnum):
    """new: not counted yet; waiting: to be delivered, perhaps once more; done: taken; failed: given up."""

    NEW = "new"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


class Endpoint(Base):
    """One address of a portal. events: Event values; origins: of the messages whose statuses it wants, none: all.

    key: the name that pages and API use. secret: `whsec_…`; old_secret signs as well until `old_until`.
    failures: tries in a row that were not taken, since `failing_since`; error: why the last one was not.
    due_at: when the worker looks at the endpoint next, None: nothing waits. waiting: rows that wait; missed: events that were
    not kept because too many waited, the last one at `missed_at`.
    """

    __tablename__ = "endpoint"
    __table_args__ = (
        UniqueConstraint("key"),
        Index("ix_endpoint_portal", "portal_id", "id"),
        partial("ix_endpoint_due", "shard", "due_at", where="due_at IS NOT NULL"),
        partial("ix_endpoint_removed", "id", where="state = 'removed'"),
        # A thread that still delivers to a deleted endpoint must never find another one under its id.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    key: Mapped[str] = mapped_column(String(32))
    portal_id: Mapped[int] = mapped_column(ForeignKey("portal.id"))
    shard: Mapped[int] = mapped_column(Integer)
    url: Mapped[str] = mapped_column(ReadableText)
    events: Mapped[list[str]] = mapped_column(JSON)
    origins: Mapped[list[str]] = mapped_column(JSON)
    secret: Mapped[str] = mapped_column(ReadableText)
    old_secret: Mapped[str | None] = mapped_column(ReadableText)
    old_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    state: Mapped[str] = mapped_column(LiteralString(8), default=EndpointState.ON)
    off_reason: Mapped[str] = mapped_column(String(10), default="")
    off_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    failing_since: Mapped[datetime | None] = mapped_column(UTCDateTime)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    error: Mapped[str] = mapped_column(String(40), default="")
    due_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    waiting: Mapped[int] = mapped_column(Integer, default=0)
    missed: Mapped[int] = mapped_column(Integer, default=0)
    missed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    created_by: Mapped[int] = mapped_column(Key, default=0)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)


class Callback(Base):
    """One event for one endpoint. key: its `webhook-id`, the same at each try and for all endpoints of the event.

    lane: what the event is about; an event waits until the earlier ones of its lane are taken or given up. "": no order.
    attempts: tries so far; tried_at, took_ms, code (HTTP, None: no answer), error, answer (its beginning): of the last one.
    """

    __tablename__ = "callback"
    __table_args__ = (
        partial("ix_callback_new", "shard", "id", where="state = 'new'"),
        partial("ix_callback_waiting", "endpoint_id", "id", "due_at", where="state = 'waiting'"),
        partial("ix_callback_next", "endpoint_id", "due_at", where="state = 'waiting'"),
        partial("ix_callback_lane", "endpoint_id", "lane", "id", "due_at", where="state = 'waiting'"),
        Index("ix_callback_endpoint", "endpoint_id", "id"),
        partial("ix_callback_ended", "state", "ended_at", where="ended_at IS NOT NULL"),
        # SQLite would give the id of a deleted row to another event, and a late result would end that one.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    key: Mapped[str] = mapped_column(String(40))
    endpoint_id: Mapped[int] = mapped_column(ForeignKey("endpoint.id"))
    portal_id: Mapped[int] = mapped_column(ForeignKey("portal.id"))
    shard: Mapped[int] = mapped_column(Integer)
    type: Mapped[str] = mapped_column(String(20))
    lane: Mapped[str] = mapped_column(String(40), default="")
    body: Mapped[str] = mapped_column(ReadableText)
    state: Mapped[str] = mapped_column(LiteralString(8), default=CallbackState.NEW)
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    tried_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    took_ms: Mapped[int | None] = mapped_column(Integer)
    code: Mapped[int | None] = mapped_column(SmallInteger)
    error: Mapped[str] = mapped_column(String(40), default="")
    answer: Mapped[Any] = mapped_column(ReadableText, nullable=True)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


def has_endpoint(portal_id: ColumnElement[int] | Any) -> ColumnElement[bool]:
    """Whether the portal of a row has an endpoint that is on: one step into an index that is empty for most portals."""
    return exists().where(Endpoint.portal_id == portal_id, Endpoint.state == EndpointState.ON)
