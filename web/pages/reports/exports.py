"""The table of a report as a file, CSV or XLSX: the rows that the page shows, in its order, and those it has no room for."""

import tempfile
from pathlib import Path

from flask import Response
from flask_babel import gettext as _

from messaging.insight import reports
from messaging.policy.rights import Right
from messaging.store.models import Portal
from web.context import runtime
from web.frames import Viewer
from web.pages.reports.asked import asked
from web.pages.reports.reading import read
from web.pages.reports.report import shown
from web.pages.reports.table import cells, titles
from web.pages.shell import blueprint, having, show
from web.table_files import Cell, Column, csv_pieces, write_xlsx
from web.turns import takes_turn

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@blueprint.post("/reports.csv", endpoint="reports_csv")
@having(Right.REPORTS)
@takes_turn
def as_csv(viewer: Viewer, portal: Portal) -> Response:
    """static/download.js fetches this."""
    found = _table(viewer, portal)
    if found is None:
        return show("pages/problem.html", viewer, status=422, problem="not_found")
    columns, rows = found
    whole = b"".join(csv_pieces(columns, rows, viewer.language))
    return _file(whole, "text/csv; charset=utf-8", "report.csv")


@blueprint.post("/reports.xlsx", endpoint="reports_xlsx")
@having(Right.REPORTS)
@takes_turn
def as_xlsx(viewer: Viewer, portal: Portal) -> Response:
    """The same as a workbook."""
    found = _table(viewer, portal)
    if found is None:
        return show("pages/problem.html", viewer, status=422, problem="not_found")
    columns, rows = found
    with tempfile.TemporaryDirectory(dir=runtime().config.data_dir) as folder:
        path = Path(folder) / "report.xlsx"
        write_xlsx(path, columns, rows, _("Report"))
        return _file(path.read_bytes(), _XLSX, "report.xlsx")


def _table(viewer: Viewer, portal: Portal) -> tuple[list[Column], list[list[Cell]]] | None:
    """Columns and rows; None if there would be too many."""
    wanted = asked(runtime().clock(), reports.zone_of(portal))
    with runtime().db.read() as session:
        found = read(session, portal, wanted, viewer.language, is_drawn=False)
    found.names.ask(portal)
    made = shown(wanted, found).table
    if made is None:
        return None
    return [Column(title) for title in titles(made)], [cells(made, row) for row in made.rows]


def _file(whole: bytes, kind: str, name: str) -> Response:
    answer = Response(whole, content_type=kind)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer
