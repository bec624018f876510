"""What stands above a report's table: figures with their trend, and the messages over time, drawn."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from flask_babel import gettext as _
from markupsafe import Markup

from messaging.insight.reports import Figures, Rows, Value
from messaging.store.reports import next_month
from web.pages.charts import KINDS, Series, bars, lines
from web.pages.reports.table import change, money, percent
from web.texts import number

#: The longest period, in days, of which single days are drawn; longer ones are drawn by months.
DAYS_DRAWN = 92


@dataclass(frozen=True)
class Tile:
    """One figure. share: of what was sent; trend: how it compares."""

    name: str
    value: str
    share: str
    trend: str


@dataclass(frozen=True)
class Axis:
    """The days of a chart, one by one or in months. known: those of which there are figures; all others are gaps."""

    since: date
    until: date
    first: date | None
    today: date
    language: str

    @property
    def is_long(self) -> bool:
        """Whether months are drawn."""
        return (self.until - self.since).days >= DAYS_DRAWN

    @cached_property
    def begins(self) -> list[date]:
        """The first day of each column."""
        found = [self.since]
        while (following := self._next(found[-1])) <= self.until:
            found.append(following)
        return found

    def _next(self, begin: date) -> date:
        return next_month(begin) if self.is_long else begin + timedelta(days=1)

    @property
    def labels(self) -> list[str]:
        if self.is_long:
            return [f"{day:%m.%Y}" if self.language == "ru" else f"{day:%b %Y}" for day in self.begins]
        return [f"{day:%d.%m}" if self.language == "ru" else f"{day.day} {day:%b}" for day in self.begins]

    def place(self, day: date) -> int:
        """The column in which a day lies."""
        if not self.is_long:
            return (day - self.since).days
        return 12 * (day.year - self.since.year) + day.month - self.since.month

    def is_known(self, begin: date) -> bool:
        return self.first is not None and self._next(begin) > self.first and begin <= self.today

    def values(self, by_day: Mapping[date, int]) -> list[float | None]:
        """The figures of a series; None where there is none."""
        found: list[float | None] = [0 if self.is_known(begin) else None for begin in self.begins]
        for day, count in by_day.items():
            place = self.place(day)
            if 0 <= place < len(found):
                found[place] = (found[place] or 0) + count
        return found


def tiles(now: Figures, before: Figures) -> list[Tile]:
    """The sums of the period, beside those of the period before."""
    counted: list[tuple[str, Callable[[Figures], int], bool]] = [
        (_("Sent"), lambda one: one.sent, False),
        (_("Delivered"), lambda one: one.delivered, True),
        (_("Read"), lambda one: one.read, True),
        (_("Answered"), lambda one: one.replied, True),
        (_("Not delivered"), lambda one: one.failed, False),
        (_("Opted out"), lambda one: one.opted_out, False),
    ]
    shown = [
        Tile(
            name,
            number(count(now)),
            percent(count(now), now.sent) if is_part else "",
            change(count(now), count(before)),
        )
        for name, count, is_part in counted
    ]
    for currency in sorted({*now.costs, *before.costs}):
        cost, was = now.costs.get(currency, 0), before.costs.get(currency, 0)
        trend = str(_("was %(count)s", count=money(was)))
        shown.append(Tile(_("Cost, %(currency)s", currency=currency), money(cost), "", trend))
    return shown


def by_status(axis: Axis, days: Rows, whole: Figures) -> Markup:
    """Columns that say what became of each day's messages. days: the figures by day."""
    by_day = {values[0]: figures for values, figures in days.items() if isinstance(values[0], date)}

    def of(count: Callable[[Figures], int]) -> list[float | None]:
        return axis.values({day: count(figures) for day, figures in by_day.items()})

    drawn = [
        Series(_("Read"), of(lambda one: one.read), "ok"),
        Series(_("Delivered, not read"), of(lambda one: one.delivered - one.read), "info"),
        Series(_("Sent, not delivered yet"), of(lambda one: one.sent - one.delivered), "grey"),
        Series(_("Not delivered"), of(lambda one: one.failed), "bad"),
    ]
    title = _(
        "%(sent)s sent, %(delivered)s of them delivered", sent=number(whole.sent), delivered=number(whole.delivered)
    )
    return bars(drawn, axis.labels, title, line=Series(_("Answered"), of(lambda one: one.replied), "warn"))


def by_value(
    axis: Axis,
    sent: Mapping[tuple[Value | None, date], int],
    tops: Sequence[Value],
    name: Callable[[Value], str],
    others: int,
) -> Markup:
    """A line for each of the values with the most messages, and one for all others together. others: how many these are."""
    drawn = [
        Series(name(top), axis.values({day: count for (value, day), count in sent.items() if value == top}), kind)
        for top, kind in zip(tops, KINDS, strict=False)
    ]
    rest = {day: count for (value, day), count in sent.items() if value is None}
    if others and rest:
        drawn.append(Series(_("Others: %(count)s", count=others), axis.values(rest), "grey"))
    return lines(drawn, axis.labels, _("Sent, the most: %(first)s", first=drawn[0].name))
