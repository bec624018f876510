"""Hours and days of which figures are shown: every one of them, so that one without figures is a zero and no gap."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, String, func, type_coerce
from sqlalchemy.orm import InstrumentedAttribute, Session

HOURS = 24
HOUR = timedelta(hours=1)
#: Days that are compared with as many days before them; today is the last.
WEEK = 7


def last_hours(now: datetime) -> list[datetime]:
    """When each of the last 24 hours began, in order; the current hour is the last."""
    this_hour = hour_of(now)
    return [this_hour - timedelta(hours=back) for back in reversed(range(HOURS))]


def midnight(day: date) -> datetime:
    """When a day begins, UTC."""
    return datetime.combine(day, time(), UTC)


def hour_of(at: datetime) -> datetime:
    """When the hour around a moment began, UTC."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def first_hour(day: date, zone: tzinfo) -> datetime:
    """The first hour (UTC) of a day in a time zone.

    In a zone half an hour off, the hour around midnight belongs to the day in which most of it lies.
    """
    return hour_of(datetime.combine(day, time(), zone) + timedelta(minutes=29))


def hour_column(session: Session, at: InstrumentedAttribute[datetime]) -> ColumnElement[Any]:
    """The hour of a moment, as the database says it quickest; `read_hour` reads it."""
    if session.get_bind().dialect.name == "sqlite":
        return func.substr(type_coerce(at, String), 1, 13)
    return func.date_trunc("hour", at, "UTC")


def read_hour(found: str | datetime) -> datetime:
    """An hour as `hour_column` gives it; SQLite gives UTC text (`2026-11-23 09`)."""
    return datetime.fromisoformat(found).replace(tzinfo=UTC) if isinstance(found, str) else hour_of(found)
