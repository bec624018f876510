"""Quiet hours: whether it is night where the client is, and until when. Pure.

The hours of a day are those of the client's wall clock, so a change to summer time moves them with it.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Hours:
    """From when to when, by the client's clock. The end may lie before the beginning: the hours pass midnight then.

    Equal ones are no hours at all.
    """

    begin: time
    end: time

    @classmethod
    def read(cls, begin: str, end: str) -> "Hours":
        """From "HH:MM" each. Raises ValueError."""
        return cls(time.fromisoformat(begin), time.fromisoformat(end))

    @property
    def exist(self) -> bool:
        """Whether there are any."""
        return self.begin != self.end


@dataclass(frozen=True)
class Quiet:
    """Where a moment stands. ends_at: when the quiet hours end, None if it is not quiet; begins_at: when the next ones begin,
    None if there are none. Both in UTC."""

    ends_at: datetime | None = None
    begins_at: datetime | None = None


def judge(now: datetime, zone: tzinfo, hours: Hours) -> Quiet:
    """Whether it is quiet at this moment in this zone."""
    if not hours.exist:
        return Quiet()
    today = now.astimezone(zone).date()
    # Two days ahead: on the day on which clocks go forward an interval may be empty.
    spans = [_span(today + days * DAY, zone, hours) for days in (-1, 0, 1, 2)]
    ends_at = next((end for begin, end in spans if begin <= now < end), None)
    begins_at = min(begin for begin, end in spans if begin > now and begin < end)
    return Quiet(ends_at, begins_at)


def _span(day: date, zone: tzinfo, hours: Hours) -> tuple[datetime, datetime]:
    """The quiet hours that begin on this day. A time that the day leaves out is read by the clock before the change."""
    last = day if hours.begin < hours.end else day + DAY
    begin = datetime.combine(day, hours.begin, zone).astimezone(UTC)
    return begin, datetime.combine(last, hours.end, zone).astimezone(UTC)
