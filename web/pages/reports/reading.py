"""What a report's page and files need of the database, read at one go: names of employees are asked for afterwards."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from sqlalchemy.orm import Session

from messaging.insight import reports
from messaging.insight.reports import By, Figures, Known, Rows, TooManyRows, Value
from messaging.store.models import Portal
from web.context import runtime
from web.pages.charts import KINDS
from web.pages.reports import drawn
from web.pages.reports.asked import FILTERS, Asked
from web.pages.reports.names import Names


@dataclass(frozen=True)
class Curve:
    """What is drawn over time: the figures of each day, or what was sent of the tops. others: values beside the tops."""

    axis: drawn.Axis
    days: Rows | None = None
    tops: Sequence[Value] = ()
    sent: Mapping[tuple[Value | None, date], int] = field(default_factory=dict)
    others: int = 0


@dataclass(frozen=True)
class Found:
    """rows: None: there would be too many. before: the period before, None: it is not compared row by row; earlier: its sum."""

    known: Known
    names: Names
    rows: Rows | None = None
    before: Rows | None = None
    earlier: Figures | None = None
    curve: Curve | None = None
    offered: Mapping[By, set[Value]] = field(default_factory=dict)


def read(
    session: Session, portal: Portal, wanted: Asked, language: str, *, is_drawn: bool = True, has_filters: bool = False
) -> Found:
    """The report that is asked for. is_drawn: with sums and curve, has_filters: with what can be chosen."""
    question, live = wanted.question, reports.live_from(session, portal, runtime().clock())
    known = reports.known(session, portal, live)
    offered = _offered(session, portal, wanted) if has_filters else {}
    try:
        rows = reports.rows(session, portal, question, live)
        before = reports.rows(session, portal, question.before(), live) if By.DAY not in question.by else None
    except TooManyRows:
        return Found(known, Names(session, portal, offered, language), offered=offered)
    values = {one: {key[place] for key in rows} for place, one in enumerate(question.by)}
    names = Names(session, portal, _together(values, offered), language)
    if not is_drawn or not any(figures.is_shown for figures in rows.values()):
        return Found(known, names, rows, before, offered=offered)
    ago = before if before is not None else reports.rows(session, portal, replace(question.before(), by=()), live)
    curve = _curve(session, portal, wanted, rows, known, live, language)
    return Found(known, names, rows, before, reports.total(ago), curve, offered)


def _curve(
    session: Session, portal: Portal, wanted: Asked, rows: Rows, known: Known, live: reports.Live, language: str
) -> Curve:
    question = wanted.question
    axis = drawn.Axis(question.since, question.until, known.first, live.today, language)
    if By.DAY in question.by and (question.by[0] == By.DAY or len(question.by) == 1):
        return Curve(axis, reports.summed(rows, question.by.index(By.DAY)))
    sums: dict[Value, int] = {}
    for values, figures in rows.items():
        if figures.is_shown:
            sums[values[0]] = sums.get(values[0], 0) + figures.sent
    if len(sums) < 2:
        by_day = replace(question, by=(By.DAY,))
        return Curve(axis, reports.rows(session, portal, by_day, live, in_months=axis.is_long))
    tops = sorted(sums, key=lambda value: (-sums[value], str(value)))[: len(KINDS)]
    sent = reports.sent_by_day(session, portal, question, tops, live, in_months=axis.is_long)
    return Curve(axis, None, tops, sent, len(sums) - len(tops))


def _offered(session: Session, portal: Portal, wanted: Asked) -> dict[By, set[Value]]:
    """Filter → its values. What is chosen is among them in any case."""
    found = reports.values(session, portal.id, wanted.question.since)
    for by, value in wanted.only.items():
        found.setdefault(by, set()).add(value)
    return {by: found[by] for by in FILTERS if by in found}


def _together(one: Mapping[By, Iterable[Value]], other: Mapping[By, Iterable[Value]]) -> dict[By, set[Value]]:
    return {by: {*one.get(by, ()), *other.get(by, ())} for by in {*one, *other}}
