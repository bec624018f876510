"""First steps: what is connected and what is still to do; the page runs the checks by itself."""

from flask import Response, request
from sqlalchemy import select

from messaging.insight import line_checks
from messaging.insight.line_checks import Result
from messaging.store.models import Line, Portal
from web.context import runtime
from web.frames import Viewer
from web.pages.checks import Row, all_done, progress
from web.pages.shell import blueprint, reads, show


def draw(viewer: Viewer, portal: Portal) -> Response:
    """The page. It is also the first page of a newly opened frame."""
    lines = _connected(portal)
    wanted = request.args.get("line", "")
    if wanted and wanted not in {str(one.id) for one in lines}:
        return show("pages/problem.html", viewer, status=404, section="start", problem="not_found")
    shown = wanted or str(portal.default_line_id)
    line = next((one for one in lines if str(one.id) == shown), lines[0] if lines else None)
    found = rows(portal, line)
    return show(
        "pages/start.html",
        viewer,
        section="start",
        lines=lines,
        line=line,
        broken={one.id for one in lines if _is_broken(one)},
        rows=found,
        is_done=all_done(found),
        progress=progress(found),
    )


@blueprint.get("/start", endpoint="start")
@reads
def start(viewer: Viewer, portal: Portal) -> Response:
    return draw(viewer, portal)


def rows(portal: Portal, line: Line | None) -> list[Row]:
    """The seven steps with their last results."""
    known = line_checks.last(runtime(), line.id) if line is not None else {}
    steps = [
        Row(name, known.get(name), line.id if line is not None else None, counted=True) for name in line_checks.CHECKS
    ]
    return [Row("installed", _installed(portal)), *steps]


def _is_broken(line: Line) -> bool:
    """Whether a line is stopped, or one of its checks found something wrong."""
    return line.stopped_at is not None or line_checks.worst(line_checks.last(runtime(), line.id)) in ("key", "wrong")


def _installed(portal: Portal) -> Result:
    if not portal.installed:
        return Result("wrong", "not_finished", runtime().clock())
    return Result("done", "", runtime().clock(), {"since": portal.installed_at.isoformat()})


def _connected(portal: Portal) -> list[Line]:
    with runtime().db.read() as session:
        mine = select(Line).where(Line.portal_id == portal.id, Line.status == "connected")
        return list(session.scalars(mine.order_by(Line.id)))
