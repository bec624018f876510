"""WhatsApp's 24-hour window: how long a client may be written to without a template."""

from datetime import datetime, timedelta

from messaging.store.models import Conversation, Line

#: A minute less than WhatsApp's 24 hours, because a message takes time to arrive (contract section 8).
WINDOW = timedelta(hours=24) - timedelta(minutes=1)


def window_until(conversation: Conversation | None, line: Line, now: datetime) -> datetime | None:
    """When the window closes; None if it is closed already, or if the client has never written to this line."""
    last = conversation.last_inbound_at if conversation else None
    # A message from before the line was connected (again) may have gone to another account, so it opens no window here.
    if last is None or last < line.connected_at.replace(microsecond=0):
        return None
    until = last + WINDOW
    return until if now < until else None
