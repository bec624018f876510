"""The page of reports. Filters travel in the body of a POST; without script the page shows the last 30 days."""

from dataclasses import dataclass
from typing import Any

from flask import Response, request
from flask_babel import gettext as _
from markupsafe import Markup

from messaging.insight import reports
from messaging.insight.reports import By, Figures, Known, Value
from messaging.policy.rights import Right
from messaging.store.models import Portal
from web.context import runtime
from web.frames import Viewer, page
from web.pages.reports import drawn
from web.pages.reports.asked import PERIODS, Asked, asked
from web.pages.reports.names import HEADS, Names
from web.pages.reports.reading import Curve, Found, read
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
    wanted = asked(now, reports.zone_of(portal))
    is_part = request.headers.get("HX-Target") == "found"
    with runtime().db.read() as session:
        found = read(session, portal, wanted, viewer.language, has_filters=not is_part)
    names = found.names.ask(portal)
    words: dict[str, Any] = {
        "shown": shown(wanted, found),
        "heads": HEADS,
        "percent": percent,
        "money": money,
        "amount": amount,
        "change": change,
        "rows": ROWS,
        "by_day": By.DAY,
        "is_today": wanted.question.until >= now.astimezone(reports.zone_of(portal)).date(),
    }
    if is_part:
        return page("pages/reports_found.html", viewer, **words)
    offered = {by: _by_name(names, by, values) for by, values in found.offered.items()}
    return show("pages/reports.html", viewer, section="reports", offered=offered, periods=PERIODS, **words)


def _by_name(names: Names, by: By, values: set[Value]) -> list[tuple[Value, str]]:
    return sorted(((value, names.of(by, value)) for value in values), key=lambda one: one[1].casefold())


def shown(wanted: Asked, found: Found) -> Shown:
    """What was found, in words: the names of employees are known by now."""
    if found.rows is None:
        words = _(
            "This report would have more than %(rows)s rows. Choose a shorter period, or group by less.",
            rows=number(reports.MOST_ROWS),
        )
        return Shown(wanted, found.known, Figures(), problem=str(words))
    made = table(found.rows, found.before, wanted.by, found.names).sorted_by(wanted.sort, wanted.is_down)
    total = reports.total(found.rows)
    if found.earlier is None or found.curve is None:
        return Shown(wanted, found.known, total, made)
    tiles = tuple(drawn.tiles(total, found.earlier))
    return Shown(wanted, found.known, total, made, tiles, _chart(found.curve, wanted, found.names, total))


def _chart(curve: Curve, wanted: Asked, names: Names, total: Figures) -> Markup:
    if curve.days is not None:
        return drawn.by_status(curve.axis, curve.days, total)
    first = wanted.by[0]
    return drawn.by_value(curve.axis, curve.sent, curve.tops, lambda value: names.of(first, value), curve.others)
