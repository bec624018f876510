"""The first page of every morning: what needs a person, what was sent, the last messages, and how to get that far.

While nothing has been sent yet, the steps to the first message stand in front; the page runs their checks by itself.
"""

from typing import Any

from flask import Response, request

from messaging.insight import attention, line_checks, search
from messaging.insight.attention import Kind
from messaging.insight.line_checks import Result
from messaging.insight.query import Query
from messaging.policy.rights import Right
from messaging.store.models import Line, Portal
from web.context import connected_lines, runtime
from web.frames import Viewer, page
from web.pages import messages, needs, overview
from web.pages.checks import Row, all_done, has_fault, progress
from web.pages.shell import blueprint, reads, show
from web.rights import may, sees_phones

#: Messages that are listed.
LAST = 10


def draw(viewer: Viewer, portal: Portal) -> Response:
    """The page. It is also the first page of a newly opened frame."""
    lines = connected_lines(portal)
    wanted = request.args.get("line", "")
    if wanted and wanted not in {str(one.id) for one in lines}:
        return show("pages/problem.html", viewer, status=404, section="start", problem="not_found")
    shown = wanted or str(portal.default_line_id)
    line = next((one for one in lines if str(one.id) == shown), lines[0] if lines else None)
    found = rows(portal, line)
    recent = _recent(viewer, portal)
    return show(
        "pages/start.html",
        viewer,
        section="start",
        lines=lines,
        line=line,
        steps=found,
        is_folded=all_done(found) or (bool(recent) and not has_fault(found)),
        progress=progress(found, is_stopped=line is not None and line.stopped_at is not None),
        rows=recent,
        found=search.Page([]),  # no button for further rows
        signs=messages.SIGNS,
        has_banner=False,  # the list of what needs a person names every problem of every line
        **_needs(viewer, portal, lines),
    )


@blueprint.get("/start", endpoint="start")
@reads
def start(viewer: Viewer, portal: Portal) -> Response:
    return draw(viewer, portal)


@blueprint.get("/start/needs", endpoint="start_needs")
@reads
def start_needs(viewer: Viewer, portal: Portal) -> Response:
    """What needs a person, once the checks have run."""
    return page("pages/start_needs.html", viewer, **_needs(viewer, portal, connected_lines(portal)))


@blueprint.get("/start/figures", endpoint="start_figures")
@reads
def start_figures(viewer: Viewer, portal: Portal) -> Response:
    """The figures. The page asks for them by itself: the first request of a frame is Bitrix24's and names no time zone."""
    return page("pages/start_figures.html", viewer, periods=overview.periods(portal, viewer.language))


def _needs(viewer: Viewer, portal: Portal, lines: list[Line]) -> dict[str, Any]:
    with runtime().db.read() as session:
        problems = attention.problems(session, runtime(), portal)
    known = {line.id: line_checks.last(runtime(), line.id) for line in lines}
    has_campaign = any(one.kind == Kind.CAMPAIGN for one in problems)
    sees_campaigns = has_campaign and may(viewer, portal, Right.BROADCAST)
    return {
        "needs": [needs.item(one, viewer.language) for one in problems if one.kind != Kind.CAMPAIGN or sees_campaigns],
        "all_done": bool(lines) and all(all_done(rows(portal, line)) for line in lines),
        "broken": {line.id for line in lines if attention.is_broken(line, known[line.id])},
    }


def _recent(viewer: Viewer, portal: Portal) -> list[messages.Row]:
    """The last messages, as the list of messages shows them."""
    with runtime().db.read() as session:
        found = search.find(session, runtime(), portal, Query(whole_phones=not sees_phones(viewer, portal)), None, LAST)
    return [messages.Row(row, viewer, portal) for row in found.rows]


def rows(portal: Portal, line: Line | None) -> list[Row]:
    """The seven steps with their last results."""
    known = line_checks.last(runtime(), line.id) if line is not None else {}
    steps = [
        Row(name, known.get(name), line.id if line is not None else None, counted=True) for name in line_checks.CHECKS
    ]
    return [Row("installed", _installed(portal)), *steps]


def _installed(portal: Portal) -> Result:
    if not portal.installed:
        return Result("wrong", "not_finished", runtime().clock())
    return Result("done", "", runtime().clock(), {"since": portal.installed_at.isoformat()})
