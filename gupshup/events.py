"""What may happen on Gupshup's side, as values. `webhooks` reads them out of POSTs."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class StatusKind(StrEnum):
    """`payload.type` of a message-event."""

    ENQUEUED = "enqueued"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    DELETED = "deleted"  # the client removed a message of theirs
    MISMATCH = "mismatch"  # one number has two spellings


class ReplyType(StrEnum):
    """What a client sent. BUTTON, LIST: a tap on our message."""

    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    FILE = "file"
    STICKER = "sticker"
    BUTTON = "button"
    LIST = "list"
    LOCATION = "location"
    CONTACT = "contact"
    REACTION = "reaction"
    FORM = "form"
    UNKNOWN = "unknown"


MEDIA_TYPES = frozenset({ReplyType.IMAGE, ReplyType.VIDEO, ReplyType.AUDIO, ReplyType.FILE, ReplyType.STICKER})
# The words that metrics use; every other type is "other", so that no sender can make us count a million labels.
_OTHER_TYPES = frozenset(
    f"{word}-event" for word in ("billing", "user", "onboarding", "preference", "platform", "system", "message")
)


@dataclass(frozen=True, kw_only=True)
class Event:
    """app, app_id: whom the envelope names. at: the provider's time of the event, UTC; None if the event has no time."""

    app: str = ""
    app_id: str = ""
    at: datetime | None = None

    @property
    def type_label(self) -> str:
        """The event's word in metrics, one of a few dozen."""
        return "other"


@dataclass(frozen=True, kw_only=True)
class Status(Event):
    """What became of a message of ours.

    ref: gsId, else id: find the message by it first. gs_id: Gupshup's id, "" where an old event carries only WhatsApp's.
    whatsapp_id: of our message; of DELETED, the client's message. code, reason: of FAILED. session: of ENQUEUED, False
    for a template. wa_id, destination: of MISMATCH, the two spellings of one number. user_id: WhatsApp's id of the client,
    in the destination's place.
    """

    kind: StatusKind
    gs_id: str = ""
    whatsapp_id: str = ""
    ref: str = ""
    destination: str = ""
    code: str = ""
    reason: str = ""
    session: bool | None = None
    wa_id: str = ""
    user_id: str = ""

    @property
    def type_label(self) -> str:
        return f"message-event.{self.kind}"


@dataclass(frozen=True, kw_only=True)
class Reply(Event):
    """A message of a client.

    phone: digits, "" for users known by user_id only: WhatsApp's id of a user, "US.13491208655302741918". text: what a
    person would read: the caption of a file, the title of a click, the emoji of a reaction, the place of a location, the
    answers of a form, each in its line.
    Clicks: title; index, from 1, if told; postback: our own id as it came back, "" if it did not; reply_id: the
    postback, else the index; msgid: ours, of the message clicked (buttons and lists of a session); click: Gupshup's word for
    it, or `text_button` for a text that is marked as a button; it says nothing about what the client chose.
    context_gs_id, context_id: the message quoted, clicked or reacted to, by Gupshup's and by WhatsApp's id.
    file_url lives 7 days. renews_window: whether it opens the 24-hour window (a reaction does not).
    """

    provider_id: str
    phone: str = ""
    user_id: str = ""
    name: str = ""
    type: ReplyType = ReplyType.UNKNOWN
    text: str = ""
    reply_id: str = ""
    postback: str = ""
    title: str = ""
    index: int | None = None
    msgid: str = ""
    click: str = field(default="", compare=False)
    file_url: str = ""
    file_name: str = ""
    content_type: str = ""
    context_gs_id: str = ""
    context_id: str = ""
    renews_window: bool = True

    @property
    def type_label(self) -> str:
        return f"message.{self.type}"


@dataclass(frozen=True, kw_only=True)
class Notice(Event):
    """A `message` that tells of the chat and not what the client says: a new number, a change of an older message …

    kind: a word of `webhooks.NOTICES`. data: the payload as it came.
    """

    kind: str
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def type_label(self) -> str:
        return f"message.{self.kind}"


@dataclass(frozen=True, kw_only=True)
class TemplateEvent(Event):
    """A template changed: kind "status-update" has status (capitals) and reason, "category-update" has category.

    category_before: of a change that happened; empty for an announcement of one.
    """

    id: str
    kind: str = ""
    name: str = ""
    language: str = ""
    status: str = ""
    reason: str = ""
    category: str = ""
    category_before: str = ""

    @property
    def type_label(self) -> str:
        return "template-event"


@dataclass(frozen=True, kw_only=True)
class AccountEvent(Event):
    """review-event, status-event, pndn-event, tier-event, capability-event, pricing-tier-update. data: as it came."""

    kind: str
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def type_label(self) -> str:
        return "account-event"


@dataclass(frozen=True, kw_only=True)
class Preference(Event):
    """The client has stopped the marketing of this number in WhatsApp, or allowed it again.

    phone: digits, "" for users known by user_id only. data: the payload as it came.
    """

    type: str
    stops: bool
    phone: str = ""
    user_id: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def type_label(self) -> str:
        return self.type


@dataclass(frozen=True, kw_only=True)
class Billing(Event):
    """Whether WhatsApp charges a message of ours; it comes up to an hour after the message, and names no price.

    ref, gs_id, whatsapp_id: as in Status. category: small letters, as what it is charged; kind: Meta's `pricing.type`
    (regular, free_customer_service, free_entry_point); source: who charges, whatsapp or gupshup.
    """

    ref: str
    gs_id: str = ""
    whatsapp_id: str = ""
    is_billable: bool
    category: str = ""
    kind: str = ""
    source: str = ""

    @property
    def type_label(self) -> str:
        return "billing-event"


@dataclass(frozen=True, kw_only=True)
class OtherEvent(Event):
    """A documented event that we have no use for, or a type that is not documented. data: the payload as it came."""

    type: str
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def type_label(self) -> str:
        return self.type if self.type in _OTHER_TYPES else "other"


@dataclass(frozen=True, kw_only=True)
class Unknown(Event):
    """Not an event at all. digest: of the body."""

    reason: str
    digest: str = ""

    @property
    def type_label(self) -> str:
        return "unknown"


def key(event: Event) -> str:
    """64 hex digits, equal for repetitions of one event. Gupshup repeats events, and two subscriptions both send it."""
    return hashlib.sha256("\x1f".join(_identity(event)).encode("utf-8", "replace")).hexdigest()


def _identity(event: Event) -> tuple[str, ...]:
    at = event.at.isoformat() if event.at else ""
    match event:
        case Status(kind=StatusKind.ENQUEUED | StatusKind.FAILED | StatusKind.MISMATCH):
            # The only time of these events is the envelope's, which a repetition may change.
            return ("message-event", event.kind, event.ref, event.code, event.wa_id, event.destination)
        case Status():
            return ("message-event", event.kind, event.ref, at)
        case Reply(provider_id=""):
            return ("message", "", event.phone, event.user_id, at, event.type, event.text, event.file_url)
        case Reply():
            return ("message", event.provider_id)
        case Notice():
            return ("notice", event.kind, _canonical(event.data))
        case TemplateEvent():
            return ("template-event", event.kind, event.id, event.status, event.category, event.category_before, at)
        case AccountEvent():
            return ("account-event", event.kind, _canonical(event.data), at)
        case Billing():
            said = (event.source, event.category, str(event.is_billable))
            return ("billing-event", event.ref, *said)
        case OtherEvent() | Preference():
            return ("other", event.type, _canonical(event.data), at)
        case Unknown():
            return ("unknown", event.digest)
    return (type(event).__name__,)


def _canonical(data: dict[str, Any]) -> str:
    try:
        return json.dumps(data, sort_keys=True)
    except RecursionError:  # deep enough to be read, too deep to be written: the limits differ
        return " ".join(sorted(data))
