"""What the emulator remembers: apps, phones, chats, messages, replies, webhooks. Plain records, no behaviour."""

from __future__ import annotations

import base64
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gupshup.emulator.state.json_types import JsonObject
from gupshup.emulator.state.templates import Template

WINDOW = timedelta(hours=24)
MODES = frozenset(
    {
        "SENT",
        "DELIVERED",
        "READ",
        "DELETED",
        "ENQUEUED",
        "FAILED",
        "MESSAGE",
        "TEMPLATE",
        "ACCOUNT",
        "BILLING",
        "OTHERS",
        "FLOWS_MESSAGE",
        "PAYMENTS",
        "COEXISTENCE",
        "ALL",
        "NONE",
        "COPY",
    }
)
"""What a subscription may ask for. Source: Gupshup docs, subscriptions."""


def iso(moment: datetime) -> str:
    """UTC, milliseconds, as the control API prints times."""
    return moment.isoformat(timespec="milliseconds")


def epoch_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def whatsapp_id(phone: str, seed: str) -> str:
    """An id like WhatsApp's. It is derived, so that equal runs give equal ids."""
    return "wamid." + base64.b64encode(f"{phone}:{seed}".encode()).decode()


@dataclass
class Subscription:
    """A registered webhook address. Without modes it gets nothing, as at Gupshup after a list instead of a string."""

    id: str
    url: str
    tag: str
    modes: frozenset[str]
    version: int = 2
    active: bool = True
    created: int = 0


@dataclass
class Bucket:
    """A rate limit: tokens, refilled by the clock."""

    per_second: float
    burst: float
    tokens: float
    updated: datetime

    def take(self, now: datetime) -> bool:
        self.tokens = min(self.burst, self.tokens + (now - self.updated).total_seconds() * self.per_second)
        self.updated = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass
class Wallet:
    """An app's money, in units, and what WhatsApp says about its number. overdraft: 0 or negative. has_status: whether
    the answer about the balance has the key `status`; older ones lack it. quality: GREEN, YELLOW, RED; rated_at: 0: never.
    """

    balance: float = 100.0
    overdraft: float = 0.0
    currency: str = "USD"
    has_status: bool = True
    quality: str = "GREEN"
    limit: str = "TIER_1K"
    account: str = "ACTIVE"
    can_send: str = "AVAILABLE"
    errors: list[JsonObject] = field(default_factory=list)
    rated_at: int = 0


@dataclass
class App:
    """A Gupshup app: one WhatsApp number of a business."""

    name: str
    id: str
    api_key: str = field(repr=False)
    phone: str
    title: str
    allow_http: bool = False
    templates: dict[str, Template] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    #: (name, language) of templates that were deleted: nobody may use them for 30 days.
    deleted_names: dict[tuple[str, str], datetime] = field(default_factory=dict)
    #: Sample media of templates: id → MIME type.
    samples: dict[str, str] = field(default_factory=dict)
    #: Ids of templates → when their newest change was submitted.
    edited: dict[str, datetime] = field(default_factory=dict)
    bucket: Bucket | None = None
    wallet: Wallet = field(default_factory=Wallet)
    #: Its token of the partner API, once somebody has asked for it; by path, its limits there.
    partner_token: str = field(default="", repr=False)
    partner_buckets: dict[str, Bucket] = field(default_factory=dict)


@dataclass(frozen=True)
class Status:
    """A status of a message and the time at which it came."""

    status: str
    at: datetime
    code: int | None = None
    reason: str | None = None

    def to_dict(self) -> JsonObject:
        base: JsonObject = {"status": self.status, "at": iso(self.at)}
        return base if self.code is None else {**base, "code": self.code, "reason": self.reason}


@dataclass
class Message:
    """A message that Gupshup has accepted: it has an id, even if it fails later."""

    id: str
    app: App
    destination: str
    path: str
    message: JsonObject | None
    template: JsonObject | None
    postback_texts: dict[int, str]
    known_template: Template | None
    at: datetime
    statuses: list[Status] = field(default_factory=list)

    @property
    def is_template(self) -> bool:
        return self.template is not None

    @property
    def whatsapp_id(self) -> str:
        return whatsapp_id(self.destination, self.id)

    @property
    def status(self) -> str:
        return self.statuses[-1].status if self.statuses else "submitted"

    def reached(self, status: str) -> bool:
        return any(step.status == status for step in self.statuses)

    def to_dict(self) -> JsonObject:
        return {
            "id": self.id,
            "app": self.app.name,
            "destination": self.destination,
            "path": self.path,
            "message": self.message,
            "template": self.template,
            "postbackTexts": [{"index": i, "text": t} for i, t in self.postback_texts.items()],
            "at": iso(self.at),
            "status": self.status,
            "statuses": [step.to_dict() for step in list(self.statuses)],
            "whatsapp_id": self.whatsapp_id,
        }


@dataclass
class Reply:
    """Something the client sent. payload: as its webhook carries it. event: that webhook, once there is one."""

    id: str
    app: App
    phone: str
    payload: JsonObject
    at: datetime
    quotes: Message | None = None
    event: Webhook | None = None
    read: bool = False


@dataclass
class Chat:
    """The chat of an app with a phone. entries: in the order in which the phone shows them."""

    app: App
    phone: Phone
    entries: list[Message | Reply] = field(default_factory=list)
    unread: deque[Message] = field(default_factory=deque)
    held: deque[Message] = field(default_factory=deque)
    sent: list[Message] = field(default_factory=list)
    last_inbound: datetime | None = None

    def window_until(self) -> datetime | None:
        return self.last_inbound + WINDOW if self.last_inbound else None

    def is_open(self, now: datetime) -> bool:
        until = self.window_until()
        return until is not None and now < until


@dataclass
class Phone:
    """A client's phone. watched: the time when the chat's page was last open, by app. stopped: apps whose marketing the
    client has stopped in WhatsApp."""

    number: str
    name: str
    online: bool = True
    receipts: bool = True
    watched: dict[str, datetime] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)


@dataclass
class Webhook:
    """A POST to a subscriber. answers: the HTTP status of each attempt, 0 if there was no answer."""

    id: str
    app: App
    url: str
    body: JsonObject
    label: str
    due: datetime
    answers: list[int] = field(default_factory=list)
    posted: list[datetime] = field(default_factory=list)
    state: str = "waiting"

    def to_dict(self) -> JsonObject:
        return {
            "id": self.id,
            "app": self.app.name,
            "url": self.url,
            "event": self.label,
            "due": iso(self.due),
            "state": self.state,
            "answers": list(self.answers),
            "posted": [iso(at) for at in list(self.posted)],
            "body": self.body,
        }
