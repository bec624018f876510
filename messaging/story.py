"""One message's whole story, from robot call to answer, for people who ask what became of it."""

from typing import Any

from messaging.endings import iso
from messaging.models import Message


def story(message: Message) -> dict[str, Any]:
    """What happened, in order. Times ISO 8601, empty if it did not happen."""
    run = message.run
    return {
        "id": message.id,
        "message_id": message.gupshup_id or "",
        "trace": run.trace,
        "portal": run.portal.member_id,
        "line": f"{message.line.name} (+{message.line.phone})",
        "to": f"+{message.conversation.phone}",
        "action": f"{run.side}/{run.action}",
        "document": "/".join(run.document),
        "kind": message.kind,
        "status": message.status,
        "attempts": message.attempts,
        "called_at": iso(run.stored_at),
        "planned_at": iso(message.created_at),
        "claimed_at": iso(message.claimed_at),
        "accepted_at": iso(message.accepted_at),
        "sent_at": iso(message.sent_at),
        "delivered_at": iso(message.delivered_at),
        "read_at": iso(message.read_at),
        "failed_at": iso(message.failed_at),
        "error_code": message.error_code,
        "error_reason": message.error_reason,
        "until": run.until,
        "outcome": run.outcome or "open",
        "ended_at": iso(run.ended_at),
        "answered_at": iso(run.answered_at),
        "answers_sent": run.answers_sent,
    }
