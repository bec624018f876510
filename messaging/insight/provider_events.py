"""The bodies of the webhooks in which Gupshup reported on a message, masked for people."""

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Text as SqlText
from sqlalchemy import select, type_coerce
from sqlalchemy.orm import Session

from gupshup.events import Status, StatusKind, key
from messaging.insight.stored_json import open_text
from messaging.runtime import Runtime
from messaging.store.models import InboundEvent, Message
from messaging.system import logs


def bodies(session: Session, runtime: Runtime, message: Message) -> dict[StatusKind, str]:
    """Kind of event → its body, masked. An event that is no longer stored is missing.

    The unique key of a webhook follows from its content, so the events of a message are found without an index of their own.
    """
    kinds = {key(status)[:32]: status.kind for status in _expected(message)}
    if not kinds:
        return {}
    stored = select(InboundEvent.key, type_coerce(InboundEvent.body, SqlText)).where(
        InboundEvent.line_id == message.line_id, InboundEvent.key.in_(kinds)
    )
    return {
        kinds[event_key]: masked_json(open_text(runtime.cipher, body)) for event_key, body in session.execute(stored)
    }


def _expected(message: Message) -> Iterator[Status]:
    """The events that may have come for a message, under Gupshup's and under WhatsApp's id of it."""
    if not message.gupshup_id:
        return
    times = {
        StatusKind.SENT: message.sent_at,
        StatusKind.DELIVERED: message.delivered_at,
        StatusKind.READ: message.read_at,
    }
    phone = message.conversation.phone
    for ref in filter(None, (message.gupshup_id, message.whatsapp_id)):
        for kind, at in times.items():
            if at is not None:
                yield Status(kind=kind, ref=ref, at=at)
        yield Status(kind=StatusKind.ENQUEUED, ref=ref, destination=phone)
        yield Status(kind=StatusKind.FAILED, ref=ref, code=message.error_code, destination=phone)


def masked_json(body: str) -> str:
    """A JSON text, indented; phones, tokens and links of ours are masked."""
    try:
        return masked(json.loads(body))
    except ValueError:
        return logs.scrub(body)


def masked(value: Any) -> str:
    """A value as indented JSON; phones, tokens and links of ours are masked. JSON inside its strings is unfolded."""
    return logs.scrub(json.dumps(_unfolded(value), ensure_ascii=False, indent=2))


def _unfolded(value: Any) -> Any:
    """Gupshup's forms carry JSON inside strings."""
    if isinstance(value, dict):
        return {name: _unfolded(inner) for name, inner in value.items()}
    if isinstance(value, str) and value[:1] in "{[":
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
