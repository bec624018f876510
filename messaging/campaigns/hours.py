"""The sending hours of a campaign, by the client's own clock."""

from datetime import datetime

from messaging.policy import zones
from messaging.policy.quiet_hours import Hours, judge
from messaging.policy.settings import Policy


def read(hours: str) -> Hours | None:
    """ "09:00-21:00": from when to when messages may leave; None for "", any hour. Raises ValueError."""
    if not hours:
        return None
    begin, _, end = hours.partition("-")
    return Hours.read(begin, end)


def opens_at(hours: str, policy: Policy, phone: str, region: str, now: datetime) -> datetime | None:
    """When this client may be written to; None: now. phone: digits; region: the portal's country. In UTC."""
    allowed = read(hours)
    if allowed is None or not allowed.exist:
        return None
    zone = zones.of_client(policy, (), phone, region, now)
    return judge(now, zone, Hours(allowed.end, allowed.begin)).ends_at
