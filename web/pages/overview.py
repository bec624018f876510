"""The figures of the start page: today and seven days, each beside the time before it, and drawn."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy import select

from bx24.i18n import Text
from messaging.insight import traffic
from messaging.insight.traffic import Counts, Period
from messaging.store.models import Line, Portal
from web.context import reader_zone, runtime
from web.pages.charts import Series, bars
from web.texts import moment, number

_WEEKDAYS = (
    *(Text("Mon", "пн"), Text("Tue", "вт"), Text("Wed", "ср"), Text("Thu", "чт"), Text("Fri", "пт")),
    *(Text("Sat", "сб"), Text("Sun", "вс")),
)


@dataclass(frozen=True)
class Tile:
    """One figure. trend: how it compares; sent: the form that opens these messages in the list, None: the list cannot."""

    name: str
    value: int
    trend: str
    sent: dict[str, Any] | None = None


@dataclass(frozen=True)
class Shown:
    """A period as the page draws it."""

    heading: str
    compared: str
    tiles: list[Tile]
    chart: Markup


def periods(portal: Portal, language: str) -> list[Shown]:
    """Today and the last seven days, in the reader's time zone."""
    now, zone = runtime().clock(), reader_zone()
    with runtime().db.read() as session:
        line_ids = session.scalars(select(Line.id).where(Line.portal_id == portal.id)).all()
        hours = traffic.hours(session, portal.id, line_ids, traffic.begin(now, zone))
    today, week = traffic.today(hours, now, zone), traffic.week(hours, now, zone)
    return [
        _shown(today, _("Today"), _("Compared with yesterday by this time."), "today", language),
        _shown(week, _("7 days"), _("Compared with the seven days before."), "7", language),
    ]


def _shown(period: Period, heading: str, compared: str, filtered: str, language: str) -> Shown:
    now, before = period.now, period.before
    tiles = [
        Tile(_("Sent"), now.sent, _trend(now.sent, before.sent), {"period": filtered}),
        Tile(_("Delivered"), now.delivered, _trend(now.delivered, before.delivered)),
        Tile(_("Read"), now.read, _trend(now.read, before.read)),
        Tile(_("Replies"), now.replies, _trend(now.replies, before.replies)),
        Tile(
            _("Not delivered"),
            now.failed,
            _trend(now.failed, before.failed),
            {"period": filtered, "status": "failed"},
        ),
    ]
    return Shown(heading, compared, tiles, _chart(period, heading, language))


def _trend(now: int, before: int) -> str:
    """The change in per cent, with the figure it is counted from."""
    was = str(_("was %(count)s", count=number(before)))
    if not before:
        return was
    change = round(100 * (now - before) / before)
    sign = "+" if change > 0 else "−" if change < 0 else ""
    return str(_("%(change)s%%, %(was)s", change=f"{sign}{number(abs(change))}", was=was))


def _chart(period: Period, heading: str, language: str) -> Markup:
    counts = [one for _at, one in period.parts]
    if not any(one != Counts() for one in counts):
        return Markup("")
    drawn = [
        Series(_("Read"), [one.read for one in counts], "ok"),
        Series(_("Delivered, not read"), [one.delivered - one.read for one in counts], "info"),
        Series(_("Sent, not delivered yet"), [one.sent - one.delivered for one in counts], "grey"),
        Series(_("Not delivered"), [one.failed for one in counts], "bad"),
    ]
    title = _(
        "%(heading)s: %(sent)s sent, %(delivered)s of them delivered",
        heading=heading,
        sent=number(period.now.sent),
        delivered=number(period.now.delivered),
    )
    labels = [_label(at, language) for at, _one in period.parts]
    now = runtime().clock()
    is_ahead = [isinstance(at, datetime) and at > now for at, _one in period.parts]
    answered = [None if ahead else one.replies for one, ahead in zip(counts, is_ahead, strict=True)]
    replies = Series(_("Replies"), answered, "warn")
    return bars(drawn, labels, title, line=replies)


def _label(at: datetime | date, language: str) -> object:
    """An hour is shown by the reader's own clock; a day has no time that could be."""
    if isinstance(at, datetime):
        return moment(at, "time")
    weekday = _WEEKDAYS[at.weekday()].to(language)
    return f"{weekday} {at:%d.%m}" if language == "ru" else f"{weekday} {at.day}"
