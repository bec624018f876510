"""Hours and days of which figures are shown: every one of them, so that one without figures is a zero and no gap."""

from datetime import UTC, date, datetime, time, timedelta

HOURS = 24


def last_hours(now: datetime) -> list[datetime]:
    """When each of the last 24 hours began, in order; the current hour is the last."""
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    return [this_hour - timedelta(hours=back) for back in reversed(range(HOURS))]


def midnight(day: date) -> datetime:
    """When a day begins, UTC."""
    return datetime.combine(day, time(), UTC)
