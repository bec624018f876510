"""WhatsApp's 24-hour window: how long a client may be written to without a template. Pure."""

from datetime import datetime, timedelta

#: A minute less than WhatsApp's 24 hours, because a message takes time to arrive (contract section 8).
WINDOW = timedelta(hours=24) - timedelta(minutes=1)


def window_end(last_inbound_at: datetime | None, connected_at: datetime, now: datetime) -> datetime | None:
    """When the window closes; None if it is closed already, or if the client has never written to this line.

    last_inbound_at: of the client's last message; connected_at: since when the line has been connected.
    """
    # A message from before the line was connected (again) may have gone to another account, so it opens no window here.
    if last_inbound_at is None or last_inbound_at < connected_at.replace(microsecond=0):
        return None
    until = last_inbound_at + WINDOW
    return until if now < until else None
