"""What Gupshup posts to our webhook, version 2, as typed events.

Source: Gupshup docs "Subscriptions and notifications", docs/inbound-messages, docs/interactive, docs/types-of-payload,
docs/postback-text-support; partner docs "Message events", "System events". The names of tests/fixtures/gupshup are
the list of what is understood. Events come unordered, repeated, and with keys missing: nothing here ever raises.
"""

import hashlib
import re
from functools import cached_property
from typing import Any
from uuid import UUID

from gupshup import forms
from gupshup.events import (
    MEDIA_TYPES,
    AccountEvent,
    Billing,
    Event,
    Notice,
    OtherEvent,
    Preference,
    Reply,
    ReplyType,
    Status,
    StatusKind,
    TemplateEvent,
    Unknown,
    key,
)
from gupshup.reading import (
    as_dict,
    as_id,
    as_link,
    as_list,
    as_reason,
    as_text,
    as_time,
    digits,
    parse_json,
    storable,
    user_id,
)

__all__ = [
    "NOTICES",
    "AccountEvent",
    "Billing",
    "Event",
    "Notice",
    "OtherEvent",
    "Preference",
    "Reply",
    "ReplyType",
    "Status",
    "StatusKind",
    "TemplateEvent",
    "Unknown",
    "is_too_long",
    "key",
    "parse",
]

#: Types of a `message` that nobody has written: the client's number or key changed; an older message was changed or taken
#: back; a chat was opened. Meta docs: "Messages webhook", system, edit, revoke, request_welcome.
NOTICES = frozenset({"system", "edit", "revoke", "request_welcome", "reaction_removed"})
_STATUSES = frozenset(StatusKind)
_REPLY_TYPES = frozenset(ReplyType)
#: What a client can say in WhatsApp about a number's marketing, and whether it stops it.
_PREFERENCES = {"stop": True, "resume": False}
#: `billable` as a text.
_TOLD = {"true": True, "false": False}
_CLICKS = frozenset({"button_reply", "list_reply", "quick_reply"})
#: A longer body is not read. The longest message of a client, 4,096 characters, takes a tenth of it.
READ_BYTES = 256 * 1024
#: Entries of one POST that are read. Gupshup posts one; its documentation knows no lists.
MOST_ENTRIES = 100


class _Post:
    """A body, and its digest: computed at most once, however many entries ask for it."""

    def __init__(self, body: bytes | str) -> None:
        self.body = body

    @cached_property
    def digest(self) -> str:
        raw = self.body.encode() if isinstance(self.body, str) else self.body
        return hashlib.sha256(raw).hexdigest()

    def unknown(self, reason: str, **common: Any) -> Unknown:
        return Unknown(reason=reason, digest=self.digest, **common)


def is_too_long(body: bytes | str) -> bool:
    """Whether `parse` does not look into this body, but takes all of it for one Unknown."""
    return len(body) > READ_BYTES


def parse(body: bytes | str) -> list[Event]:
    """Read one POST. There is always at least one event, if only an Unknown, and never more than MOST_ENTRIES + 1."""
    post = _Post(body)
    if is_too_long(body):
        return [post.unknown(f"longer than {READ_BYTES} bytes")]
    value = parse_json(body)
    envelopes = value if isinstance(value, list) and value else [value]
    events = [_event(envelope, post) for envelope in envelopes[:MOST_ENTRIES]]
    if len(envelopes) > MOST_ENTRIES:
        events.append(post.unknown(f"more than {MOST_ENTRIES} entries"))
    return events


def _event(envelope: object, post: _Post) -> Event:
    if not isinstance(envelope, dict):
        return post.unknown("not a JSON object" if post.body.strip() else "empty body")
    common: dict[str, Any] = {
        "app": as_id(envelope.get("app")),
        "app_id": as_id(envelope.get("appId")),
        "at": as_time(envelope.get("timestamp")),
    }
    kind, payload = as_id(envelope.get("type")), as_dict(envelope.get("payload"))
    if not kind:
        reason = "version 3 envelope" if "entry" in envelope else "no type"
        return post.unknown(reason, **common)
    if kind == "message" and payload:
        notice = _notice(payload)
        return Notice(kind=notice, data=payload, **common) if notice else _reply(payload, common)
    if kind == "message-event" and as_id(payload.get("type")).lower() in _STATUSES:
        return _status(payload, common)
    if kind == "template-event":
        return _template_event(payload, common)
    if kind == "account-event":
        return AccountEvent(kind=as_id(payload.get("type")), data=payload, **common)
    if kind == "billing-event" and (billing := _billing(payload, common)):
        return billing
    stops = _stops(kind, payload)
    if stops is not None:
        return _preference(kind, payload, stops, common)
    return OtherEvent(type=kind, data=payload, **common)


def _status(payload: dict[str, Any], common: dict[str, Any]) -> Status:
    kind, inner = StatusKind(as_id(payload.get("type")).lower()), as_dict(payload.get("payload"))
    given_id, given_gs_id = as_id(payload.get("id")), as_id(payload.get("gsId"))
    gs_id, whatsapp_id = _ids(kind, given_id, given_gs_id)
    session = {"session": True, "template": False}.get(as_id(inner.get("type")).lower())
    return Status(
        kind=kind,
        gs_id=gs_id,
        whatsapp_id=as_id(inner.get("whatsappMessageId")) or whatsapp_id,
        ref=given_gs_id or given_id,
        destination=digits(payload.get("destination")) or digits(inner.get("phone")) or digits(payload.get("phone")),
        code=_either(inner, payload, "code") if kind is StatusKind.FAILED else "",
        reason=(as_reason(inner.get("reason")) or as_reason(payload.get("reason")))
        if kind is StatusKind.FAILED
        else "",
        session=session if kind is StatusKind.ENQUEUED else None,
        wa_id=digits(inner.get("wa_id")) or digits(payload.get("wa_id")),
        user_id=user_id(payload.get("destination")),
        # Official samples have `ts` inside, a copy has it beside.
        **common | {"at": as_time(inner.get("ts")) or as_time(payload.get("ts")) or common["at"]},
    )


def _ids(kind: StatusKind, given_id: str, given_gs_id: str) -> tuple[str, str]:
    """Gupshup's id and WhatsApp's. Beside a `gsId`, `id` is WhatsApp's; alone its owner depends on the event.

    ENQUEUED and an immediate FAILED carry Gupshup's id; SENT, DELIVERED and READ may carry it too (a UUID); events of
    messages older than a week carry WhatsApp's.
    """
    if given_gs_id:
        return given_gs_id, given_id
    if kind is StatusKind.DELETED:
        return "", given_id
    if kind in (StatusKind.ENQUEUED, StatusKind.FAILED) or _is_uuid(given_id):
        return given_id, ""
    return "", given_id


def _is_uuid(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return True


def _either(inner: dict[str, Any], payload: dict[str, Any], name: str) -> str:
    return as_id(inner.get(name)) or as_id(payload.get(name))


def _notice(payload: dict[str, Any]) -> str:
    """The word of a message in which the client says nothing, "" for any other."""
    said, inner = as_id(payload.get("type")).lower(), as_dict(payload.get("payload"))
    if said == ReplyType.REACTION and not as_text(inner.get("emoji")).strip():
        return "reaction_removed"
    return said if said in NOTICES else ""


def _reply(payload: dict[str, Any], common: dict[str, Any]) -> Reply:
    inner, sender, context = (as_dict(payload.get(name)) for name in ("payload", "sender", "context"))
    form = forms.answers(payload)
    reply_type = ReplyType.FORM if form is not None else _type(as_id(payload.get("type")).lower(), inner)
    known = {
        "provider_id": as_id(payload.get("id")),
        # `source` differs from it now and then; the sender's phone is the right one.
        "phone": digits(sender.get("phone")) or digits(payload.get("source")),
        "user_id": as_id(sender.get("userId")) or user_id(sender.get("phone")) or user_id(payload.get("source")),
        "name": as_id(sender.get("name")),
        "type": reply_type,
        "click": _click_word(payload) if reply_type in (ReplyType.BUTTON, ReplyType.LIST) else "",
        "context_gs_id": as_id(context.get("gsId")),
        "context_id": as_id(context.get("id")),
        **common,
    }
    return Reply(**known | ({"text": storable(form)} if form is not None else _content(reply_type, inner)))


def _type(said: str, inner: dict[str, Any]) -> ReplyType:
    """The type of a message. Clicks are recognised by the keys present: the docs disagree about their types."""
    if said in _CLICKS or as_id(inner.get("type")) == "button" or {"title", "reply"} <= inner.keys():
        is_list = said == "list_reply" or (said != "button_reply" and "description" in inner)
        return ReplyType.LIST if is_list else ReplyType.BUTTON
    return ReplyType(said) if said in _REPLY_TYPES else ReplyType.UNKNOWN


def _click_word(payload: dict[str, Any]) -> str:
    said = as_id(payload.get("type")).lower()
    return said if said in _CLICKS else "text_button" if said == ReplyType.TEXT else "other"


def _content(reply_type: ReplyType, inner: dict[str, Any]) -> dict[str, Any]:
    if reply_type in (ReplyType.BUTTON, ReplyType.LIST):
        return _click(inner)
    if reply_type in MEDIA_TYPES:
        return {
            "text": as_text(inner.get("caption")),
            "file_url": as_link(inner.get("url")),
            "file_name": as_id(inner.get("name")) or as_id(inner.get("filename")),
            "content_type": as_id(inner.get("contentType")),
        }
    if reply_type is ReplyType.LOCATION:
        return {"text": _place(inner)}
    if reply_type is ReplyType.CONTACT:
        return {"text": "\n".join(filter(None, (_person(as_dict(c)) for c in as_list(inner.get("contacts")))))}
    if reply_type is ReplyType.REACTION:
        reacted = {"context_gs_id": as_id(inner.get("gsId")), "context_id": as_id(inner.get("id"))}
        said = {name: value for name, value in reacted.items() if value}
        return {"text": as_text(inner.get("emoji")), "renews_window": False, **said}
    return {"text": as_text(inner.get("text")) or as_text(inner.get("caption"))}


def _click(inner: dict[str, Any]) -> dict[str, Any]:
    # fixtures: message__button_reply, message__list_reply, message__quick_reply_session, message__quick_reply_template,
    # message__text_button
    title = as_text(inner.get("title")) or as_text(inner.get("text"))
    postback, index = as_text(inner.get("postbackText")), _index(title, as_text(inner.get("reply")))
    return {
        "text": title,
        "title": title,
        "postback": postback,
        "index": index,
        "reply_id": postback or ("" if index is None else str(index)),
        "msgid": as_id(inner.get("id")),
    }


def _index(title: str, reply: str) -> int | None:
    """`reply` is the title, a space, and the position counted from 1: "Yes 1"."""
    found = re.fullmatch(r" ?([1-9][0-9]?)", reply.removeprefix(title))
    return int(found[1]) if found else None


def _place(inner: dict[str, Any]) -> str:
    """ "lat,lon": what a workflow can put into a map link or compare; the name of the place would be in the way."""
    return ",".join(filter(None, (as_id(inner.get("latitude")), as_id(inner.get("longitude")))))


def _person(contact: dict[str, Any]) -> str:
    name = as_dict(contact.get("name"))
    words = as_id(name.get("formatted_name")) or as_id(name.get("first_name"))
    phones = (as_id(as_dict(phone).get("phone")) for phone in as_list(contact.get("phones")))
    return " ".join(filter(None, (words, *phones)))


def _billing(payload: dict[str, Any], common: dict[str, Any]) -> Billing | None:
    """A charge decision; None if it does not say about which message, or what.

    Partner docs "pmp-events-1": `billable` is printed as a boolean, and as a text.
    """
    # fixtures: billing_event__deduction, billing_event__free, billing_event__text
    deductions, references = as_dict(payload.get("deductions")), as_dict(payload.get("references"))
    told = deductions.get("billable")
    is_billable = told if isinstance(told, bool) else _TOLD.get(as_id(told).strip().lower())
    gs_id, whatsapp_id = as_id(references.get("gsId")), as_id(references.get("id"))
    if is_billable is None or not (gs_id or whatsapp_id):
        return None
    return Billing(
        ref=gs_id or whatsapp_id,
        gs_id=gs_id,
        whatsapp_id=whatsapp_id,
        is_billable=is_billable,
        category=as_id(deductions.get("category")).strip().lower(),
        kind=as_id(deductions.get("type")),
        source=as_id(deductions.get("source")).lower(),
        **common,
    )


def _stops(kind: str, payload: dict[str, Any]) -> bool | None:
    """Whether the client stops the marketing of this number (True) or allows it (False); None: the event says neither.

    Meta's webhook `user_preferences` has `value` stop or resume and `category` marketing_messages.
    """
    # fixtures: preference_event__stop, preference_event__resume, user_event__stop
    if kind not in ("user-event", "preference-event"):
        return None
    category = (as_id(payload.get("category")) or "marketing").lower()
    said = (as_id(payload.get("preference")) or as_id(payload.get("value")) or as_id(payload.get("type"))).lower()
    return _PREFERENCES.get(said) if category.startswith("marketing") else None


def _preference(kind: str, payload: dict[str, Any], stops: bool, common: dict[str, Any]) -> Preference:
    return Preference(
        type=kind,
        stops=stops,
        phone=digits(payload.get("phone")) or digits(payload.get("wa_id")),
        user_id=as_id(payload.get("userId")) or user_id(payload.get("phone")),
        data=payload,
        **common,
    )


def _template_event(payload: dict[str, Any], common: dict[str, Any]) -> TemplateEvent:
    category = payload.get("category")
    change = as_dict(category)
    reason = as_reason(payload.get("rejectedReason"))
    return TemplateEvent(
        id=as_id(payload.get("id")),
        kind=as_id(payload.get("type")),
        name=as_id(payload.get("elementName")),
        language=as_id(payload.get("languageCode")),
        status=as_id(payload.get("status")).upper(),
        reason=as_reason(payload.get("description")) if reason in ("", "NONE") else reason,
        # First announced as {current, correct}, later done as {old, new}; seen as a plain word, too.
        category=as_id(change.get("new")) or as_id(change.get("correct")) or as_id(category),
        category_before=as_id(change.get("old")),
        **common,
    )
