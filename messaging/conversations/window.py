"""The 24-hour window of a conversation."""

from datetime import datetime

from messaging.runs.window import window_end
from messaging.store.models import Conversation, Line


def window_until(conversation: Conversation | None, line: Line, now: datetime) -> datetime | None:
    """When the window closes; None if it is closed already, or if the client has never written to this line."""
    return window_end(conversation.last_inbound_at if conversation else None, line.connected_at, now)
