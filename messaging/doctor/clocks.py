"""How far a vendor's clock is from ours, by the `Date` of its answers. Seconds are exact to one or two, as `Date` is."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from messaging.doctor.finding import Finding, State

#: Seconds. From the first on times in the pages look wrong; from the second on tokens and windows end too early or too late.
SKEWED_S, BROKEN_S = 30, 300


def ahead_s(date: str, before: datetime, after: datetime) -> float | None:
    """Seconds by which the sender's clock is ahead of ours; None without a date. before, after: when we asked and heard."""
    try:
        told = parsedate_to_datetime(date)
    except (ValueError, TypeError, OverflowError):
        return None
    told = told if told.tzinfo else told.replace(tzinfo=UTC)
    return (told - (before + (after - before) / 2)).total_seconds()


def finding(name: str, ahead: float | None) -> Finding:
    """What to say of it."""
    if ahead is None:
        return Finding(name, State.UNCHECKED, "no_date")
    facts = {"seconds": round(ahead)}
    if abs(ahead) < SKEWED_S:
        return Finding(name, facts=facts)
    return Finding(name, State.FAILED if abs(ahead) >= BROKEN_S else State.WARNING, "skewed", facts)
