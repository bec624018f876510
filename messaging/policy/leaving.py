"""Whether a message that a person or the portal has written may leave now, by what the database knows.

Robots' messages are judged with much more (messaging.stages.planning); recipients of campaigns many at a time
(messaging.campaigns.messages).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from activities.errors import Refused, refused
from messaging.conversations.window import window_until
from messaging.lines import circuit_breaker
from messaging.policy.sending import Wanted, may_send
from messaging.store.models import Conversation, Line
from messaging.store.states import LineStatus


def refusal(
    session: Session, now: datetime, line: Line, conversation: Conversation, content: Mapping[str, Any], closed: Refused
) -> Refused | None:
    """Why this message must not leave; None: it may. content: its columns; closed: what a closed window means here."""
    if line.status != LineStatus.CONNECTED:
        return refused("line_not_connected", at="line")
    if line.stopped_at is not None:
        return circuit_breaker.refusal_of(line)
    keys = frozenset({conversation.phone_key, conversation.alias_key or conversation.phone_key})
    category = str(content.get("category") or "").upper()
    [why] = may_send(session, now, [Wanted(line.portal_id, line.id, keys, content["is_session"], category)])
    if why is None and content["is_session"] and window_until(conversation, line, now) is None:
        return closed
    return why
