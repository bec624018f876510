"""The page of reports. Filters travel in the body of a POST; without script the page shows the last 30 days."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from flask import Response, request
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy.orm import Session

from messaging.insight import reports
from messaging.insight.reports import By, Figures, Known, Rows, TooManyRows, Value
from messaging.policy.rights import Right
from messaging.store.models import Portal
from web.context import runtime
from web.frames import Viewer, page
from web.pages.charts import KINDS
from web.pages.reports import drawn
from web.pages.reports.asked import FILTERS, PERIODS, Asked, asked
from web.pages.reports.names import HEADS, Names
from web.pages.reports.table import Table, amount, change, money, percent, table
from web.pages.shell import blueprint, having, show
from web.texts import number
from web.turns import asks_in_turn

#: Rows that the page draws; the files hold all.
ROWS = 100


@dataclass(frozen=True)
class Shown:
    """A report with all that is drawn of it. table: of all rows, sorted. problem: why there is none."""

    asked: Asked
    known: Known
    total: Figures
    table: Table | None = None
    tiles: tuple[drawn.Tile, ...] = ()
    chart: Markup | str = ""
    problem: str = ""


@blueprint.route("/reports", methods=["GET", "POST"], endpoint="reports")
@having(Right.REPORTS)
@asks_in_turn
def report(viewer: Viewer, portal: Portal) -> Response:
    """The whole page, or the report alone after a change of the filters."""
    now = runtime().clock()
    with runtime().db.read() as session:
        wanted = asked(now, reports.zone_of(portal))
        found = read(session, portal, wanted, viewer.language)
        words: dict[str, Any] = {
            "shown": found,
            "heads": HEADS,
            "percent": percent,
            "money": money,
            "amount": amount,
            "change": change,
            "rows": ROWS,
            "by_day": By.DAY,
            "is_today": wanted.question.until >= now.astimezone(reports.zone_of(portal)).date(),
        }
        if request.headers.get("HX-Target") == "found":
            return page("pages/reports_found.html", viewer, **words)
        offered = _offered(session, portal, wanted, viewer.language)
    return show("pages/reports.html", viewer, section="reports", offered=offered, periods=PERIODS, **words)


def read(session: Session, portal: Portal, wanted: Asked, language: str, *, is_drawn: bool = True) -> Shown:
    """The report that is asked for. is_drawn: with figures and chart, which files do without."""
    now, question = runtime().clock(), wanted.question
    known = reports.known(session, portal, now)
    try:
        rows = reports.rows(session, portal, question, now)
        is_compared = By.DAY not in question.by
        before = reports.rows(session, portal, question.before(), now) if is_compared else None
    except TooManyRows:
        words = _(
            "This report would have more than %(rows)s rows. Choose a shorter period, or group by less.",
            rows=number(reports.MOST_ROWS),
        )
        return Shown(wanted, known, Figures(), problem=str(words))
    names = Names(session, portal, _values(question.by, rows), language)
    shown = table(rows, before, question.by, names).sorted_by(wanted.sort, wanted.is_down)
    total = reports.total(rows)
    if not is_drawn or not shown.rows:
        return Shown(wanted, known, total, shown)
    earlier = before
    if earlier is None:
        earlier = reports.rows(session, portal, replace(question.before(), by=()), now)
    chart = _chart(session, portal, wanted, known, shown, names, total, language)
    return Shown(wanted, known, total, shown, tuple(drawn.tiles(total, reports.total(earlier))), chart)


def _chart(
    session: Session,
    portal: Portal,
    wanted: Asked,
    known: Known,
    shown: Table,
    names: Names,
    total: Figures,
    language: str,
) -> Markup:
    now, question = runtime().clock(), wanted.question
    today = now.astimezone(reports.zone_of(portal)).date()
    axis = drawn.Axis(question.since, question.until, known.first, today, language)
    first = question.by[0]
    sums: dict[Value, int] = {}
    for row in shown.rows:
        sums[row.values[0]] = sums.get(row.values[0], 0) + row.figures.sent
    if first == By.DAY or len(sums) < 2:
        days = reports.rows(session, portal, replace(question, by=(By.DAY,)), now, in_months=axis.is_long)
        return drawn.by_status(axis, days, total)
    tops = sorted(sums, key=lambda value: -sums[value])[: len(KINDS)]
    sent = reports.sent_by_day(session, portal, question, tops, now, in_months=axis.is_long)
    return drawn.by_value(axis, sent, tops, lambda value: names.of(first, value), len(sums) - len(tops))


def _values(by: Iterable[By], rows: Rows) -> dict[By, set[Value]]:
    return {one: {values[place] for values in rows} for place, one in enumerate(by)}


def _offered(session: Session, portal: Portal, wanted: Asked, language: str) -> dict[By, list[tuple[Value, str]]]:
    """Filter → its values with their names, by name. What is chosen is among them in any case."""
    found = reports.values(session, portal.id, wanted.question.since)
    for by, value in wanted.only.items():
        found.setdefault(by, set()).add(value)
    names = Names(session, portal, found, language)
    return {
        by: sorted(((value, names.of(by, value)) for value in found.get(by, ())), key=lambda one: one[1].casefold())
        for by in FILTERS
    }
