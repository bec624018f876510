"""The doctor, for administrators of the portal: what an expert would look at on the first live day, and what to do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import Response, request
from markupsafe import Markup
from sqlalchemy import select

from bx24.errors import Bx24Error
from messaging.doctor import echo, line, server, trial
from messaging.doctor import portal as of_portal
from messaging.doctor.finding import Finding, State
from messaging.doctor.texts import Words, words
from messaging.limits.concurrency import PAGE_TIMEOUT, ConcurrencyLimit
from messaging.store.models import Line, Portal
from web.context import connected_lines, runtime, typed
from web.frames import Viewer, page
from web.pages.shell import blueprint, changes, show
from web.texts import badge

#: A round asks the portal and Gupshup a dozen questions; a portal has one of these slots.
_threads = ConcurrencyLimit(per_portal=1, slow_s=PAGE_TIMEOUT[1])
#: What waits for Bitrix24, and asks again until it has come.
WAITING: dict[str, Callable[..., Finding | None]] = {"echo": echo.result, "trial": trial.result}
_SIGNS = {
    State.OK: ("ok", "check"),
    State.WARNING: ("warn", "warning"),
    State.FAILED: ("bad", "cross"),
    State.UNCHECKED: ("", "minus"),
}


@dataclass(frozen=True)
class Row:
    """A finding as the page draws it."""

    badge: Markup
    title: str
    seen: str
    todo: str


@blueprint.get("/doctor", endpoint="doctor")
@changes
def doctor(viewer: Viewer, portal: Portal) -> Response:
    """The page; its parts load themselves once somebody asks for a round (`?run=1`)."""
    lines = connected_lines(portal)
    return show("pages/doctor.html", viewer, section="doctor", lines=lines, is_run=request.args.get("run") == "1")


@blueprint.get("/doctor/server")
@changes
def doctor_server(viewer: Viewer, portal: Portal) -> Response:
    """The installation in one row: its details are the operator's."""
    found = server.check(runtime(), server.Outside())
    bad = [finding for finding in found if finding.state in (State.FAILED, State.WARNING)]
    return page("pages/doctor_part.html", viewer, rows=_rows(viewer, bad), is_fine=not bad, is_server=True)


@blueprint.get("/doctor/portal")
@changes
def doctor_portal(viewer: Viewer, portal: Portal) -> Response:
    """The portal: access, plan, permissions, what is registered."""
    return _part(viewer, portal, lambda: of_portal.check(runtime(), portal))


@blueprint.get("/doctor/lines/<int:line_id>")
@changes
def doctor_line(viewer: Viewer, portal: Portal, line_id: int) -> Response:
    """One line."""
    mine = (Line.id == line_id) & (Line.portal_id == portal.id) & (Line.status == "connected")
    with runtime().db.read() as session:
        found = session.scalar(select(Line).where(mine))
    if found is None:
        return show("pages/problem.html", viewer, status=404, problem="not_found")
    return _part(viewer, portal, lambda: line.check(runtime(), found))


@blueprint.post("/doctor/echo")
@changes
def ask_echo(viewer: Viewer, portal: Portal) -> Response:
    """Have Bitrix24 send us an event."""
    return _waiting(viewer, portal, "echo", echo.send(runtime(), portal.id))


@blueprint.post("/doctor/trial")
@changes
def begin_trial(viewer: Viewer, portal: Portal) -> Response:
    """Begin to watch for a trial run; with a workflow, start it."""
    try:
        item = trial.item_of(typed("item"))
    except ValueError:
        return page("pages/doctor_waiting.html", viewer, name="trial", row=None, is_wrong=True, item=typed("item"))
    template = typed("template")
    number = int(template) if template.isdecimal() and len(template) < 10 else None
    return _waiting(
        viewer, portal, "trial", trial.start(runtime(), portal.id, item, number), item, is_by_hand=not number
    )


@blueprint.get("/doctor/<any(echo, trial):name>")
@changes
def look_again(viewer: Viewer, portal: Portal, name: str) -> Response:
    """Whether what Bitrix24 was asked for has come."""
    by_hand = request.args.get("by_hand") == "1"
    return _waiting(viewer, portal, name, None, request.args.get("item", "")[:40], is_by_hand=by_hand)


@blueprint.get("/doctor/templates")
@changes
def doctor_templates(viewer: Viewer, portal: Portal) -> Response:
    """The workflows a trial may be started by, as options."""
    try:
        found: Sequence[trial.Template] = trial.templates(runtime(), portal.id)
    except Bx24Error:
        found = ()
    return page("pages/doctor_templates.html", viewer, templates=found[:50])


def _part(viewer: Viewer, portal: Portal, check: Callable[[], list[Finding]]) -> Response:
    with _threads.acquire(str(portal.id)) as is_free:
        found = check() if is_free else None
    if found is None:
        return page("pages/doctor_part.html", viewer, rows=[], is_busy=True)
    return page("pages/doctor_part.html", viewer, rows=_rows(viewer, found))


def _waiting(
    viewer: Viewer, portal: Portal, name: str, found: Finding | None, item: str = "", *, is_by_hand: bool = False
) -> Response:
    """A finding, or the row that asks for it again in two seconds. found: why nothing was begun."""
    found = found or WAITING[name](runtime(), portal.id)
    row = _rows(viewer, [found])[0] if found else None
    return page("pages/doctor_waiting.html", viewer, name=name, row=row, item=item, is_by_hand=is_by_hand)


def _rows(viewer: Viewer, findings: Sequence[Finding]) -> list[Row]:
    return [_row(viewer.language, finding, words(finding)) for finding in findings]


def _row(lang: str, finding: Finding, said: Words) -> Row:
    state = badge(*_SIGNS[finding.state], said.state.to(lang).capitalize())
    return Row(state, said.title.to(lang), said.seen.to(lang), said.todo.to(lang))
