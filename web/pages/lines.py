"""Lines: the portal's numbers at Gupshup. Connecting, checking, pausing, pace, and what happened on them (ui.md 3.4)."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import timedelta
from functools import wraps
from typing import Any

from flask import Response, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gupshup.errors import GupshupError
from messaging.insight import line_activity, line_checks, timeline
from messaging.insight.line_checks import CHECKS
from messaging.lines import circuit_breaker, lines
from messaging.lines.lines import LIMITS, PACES, NewLine
from messaging.store.id_search import first_since
from messaging.store.models import Line, Message, Portal, Run, Tally, shard_of
from web.context import runtime, typed
from web.frames import Viewer, page
from web.pages.charts import Series, bars
from web.pages.checks import Row, progress
from web.pages.shell import blueprint, changes, fill, reads, show
from web.pages.start import rows as steps
from web.texts import badge, moment, number

#: What WhatsApp takes from a number unless Meta has raised it (gupshup.md 9).
USUAL_PACE = 80
#: Runs that are looked through for the robots of a line, the newest of all.
RUNS_SEEN = 50_000
#: So long after it was removed a line stands in the table.
REMOVED_SHOWN = timedelta(days=30)
_HANDED = ("accepted", "sent", "delivered", "read")
_PROBLEMS = {
    "missing": _l("Enter it: the app's settings in Gupshup's console show it"),
    "too_long": _l("Too long: at most %(most)s characters"),
    "not_a_phone": _l("This is not a phone number. Write it with the country code, for example +7 912 345-67-89"),
    "not_a_key": _l("Only Latin letters, digits and signs can stand in a key. Copy it once more"),
    "taken": _l("Another line is called so. Choose another name"),
    "not_a_number": _l("Enter a number, for example 10"),
    "out_of_range": _l("Enter a number from %(least)s to %(most)s"),
}
_LABELS = {
    "api_key": "App API Key",
    "app_name": "App name",
    "phone": _l("Number"),
    "app_id": "App ID",
    "name": _l("What you call it"),
    "pace": _l("Messages a second"),
}
LineView = Callable[..., Response]


@dataclass(frozen=True)
class Listed:
    """A line as the table and its own page show it."""

    line: Line
    is_default: bool
    state: Markup
    today: int
    queued: int

    @property
    def name(self) -> str:
        return self.line.name or self.line.app_name


def of_portal(view: LineView) -> LineView:
    """The view gets a connected line of the viewer's portal; one of another portal does not exist."""

    @wraps(view)
    def found(viewer: Viewer, portal: Portal, line_id: int, **kwargs: Any) -> Response:
        with runtime().db.read() as session:
            line = session.scalar(
                select(Line).where(Line.id == line_id, Line.portal_id == portal.id, Line.status == "connected")
            )
        if line is None:
            return show("pages/problem.html", viewer, status=404, problem="not_found")
        try:
            return view(viewer, portal, line, **kwargs)
        except LookupError as error:
            if type(error) is not LookupError:
                raise
            return show("pages/problem.html", viewer, status=404, problem="not_found")  # removed this very moment

    return found


# --- all lines --------------------------------------------------------------------------------------------------------------


@blueprint.get("/lines", endpoint="lines")
@reads
def table(viewer: Viewer, portal: Portal, said: str = "") -> Response:
    with runtime().db.read() as session:
        # `resumed_at` of a removed line is when it was removed (circuit.forget).
        is_shown = (Line.status == "connected") | (Line.resumed_at >= runtime().clock() - REMOVED_SHOWN)
        mine = select(Line).where(Line.portal_id == portal.id, is_shown)
        found = session.scalars(mine.order_by(Line.status, Line.id)).all()
        default = session.get_one(Portal, portal.id).default_line_id
        silent = line_activity.silent_since(session, runtime().clock(), [line.id for line in found])
        listed = [_listed(session, line, default, viewer, line.id in silent) for line in found]
    return show("pages/lines.html", viewer, section="lines", listed=listed, said=said)


def _listed(session: Session, line: Line, default: int | None, viewer: Viewer, is_silent: bool) -> Listed:
    today = select(func.sum(Tally.count)).where(
        Tally.day == runtime().clock().date(), Tally.line_id == line.id, Tally.status.in_(_HANDED)
    )
    queued = select(func.count()).where(Message.line_id == line.id, Message.status == "queued")
    return Listed(
        line,
        line.id == default,
        _state(line, viewer, is_silent),
        session.scalar(today) or 0,
        session.scalar(queued) or 0,
    )


def _state(line: Line, viewer: Viewer, is_silent: bool) -> Markup:
    """The worst first."""
    if line.status != "connected":
        return badge("", "minus", _("Removed"))
    if line.stopped_at is not None:
        return badge("bad", "cross", _("Key refused") if circuit_breaker.is_asked(line) else _("Stopped"))
    if line.paused_at is not None:
        who = _("you") if line.paused_by == viewer.user_id else _("an administrator")
        return Markup("{} {}").format(
            badge("warn", "pause", _("On pause")),
            Markup('<span class="small muted">{}, {}</span>').format(who, moment(line.paused_at)),
        )
    if is_silent:
        return badge("warn", "warning", _("No webhooks"))
    return badge("ok", "check", _("Working"))


# --- a new one --------------------------------------------------------------------------------------------------------------


@blueprint.get("/lines/new", endpoint="new_line")
@changes
def form(viewer: Viewer, portal: Portal) -> Response:
    return _form(viewer, NewLine("", request.args.get("app", ""), ""), {})


@blueprint.post("/lines", endpoint="connect_line")
@changes
def connect(viewer: Viewer, portal: Portal) -> Response:
    """Store the line; whether Gupshup accepts it, its page asks by itself."""
    given = NewLine(*(typed(one.name) for one in fields(NewLine)))
    new = given.tidied()
    if problems := new.problems():
        return _form(viewer, given, problems)
    try:
        line = lines.add(runtime(), portal.member_id, new)
    except lines.Taken:
        return _form(viewer, given, {"name": "taken"})
    _changed(line)
    return _line_page(viewer, portal, line.id, said=_("The line is connected. Now it is being checked."))


def _form(viewer: Viewer, given: NewLine, problems: dict[str, str]) -> Response:
    errors = {name: _problem(name, code) for name, code in problems.items()}
    return show(
        "pages/lines_new.html",
        viewer,
        section="lines",
        given=given,
        labels=_LABELS,
        errors={one.name: errors[one.name] for one in fields(NewLine) if one.name in errors},
    )


def _problem(name: str, code: str) -> str:
    return str(_PROBLEMS[code]) % {"most": LIMITS.get(name, ""), "least": ""}


# --- one line ---------------------------------------------------------------------------------------------------------------


@blueprint.get("/lines/<int:line_id>", endpoint="line")
@reads
@of_portal
def show_line(viewer: Viewer, portal: Portal, line: Line) -> Response:
    return _line_page(viewer, portal, line.id)


def _line_page(viewer: Viewer, portal: Portal, line_id: int, **more: Any) -> Response:
    with runtime().db.read() as session:
        line = session.get_one(Line, line_id)
        default = session.get_one(Portal, portal.id).default_line_id
        silent = line_activity.silent_since(session, runtime().clock(), [line.id])
        listed = _listed(session, line, default, viewer, bool(silent))
        waiting = session.scalar(
            select(func.count()).where(Run.shard == shard_of(portal.id), Run.line_id == line.id, Run.state != "ended")
        )
    known = line_checks.last(runtime(), line.id)
    values = {
        "found": listed,
        "line": line,
        "waiting": waiting or 0,
        "rows": [Row(name, known.get(name), line.id) for name in CHECKS if name != "first"],
        "why": circuit_breaker.why(line).to(viewer.language) if line.stopped_at is not None else "",
        "key_end": (line.api_key or "")[-4:],
        "usual_pace": USUAL_PACE,
        "labels": _LABELS,
        "errors": {},
        "typed": {},
        "said": "",
    }
    return show("pages/lines_line.html", viewer, section="lines", **{**values, **more})


@blueprint.get("/lines/<int:line_id>/checks/<name>", endpoint="check_line")
@reads
@of_portal
def check(viewer: Viewer, portal: Portal, line: Line, name: str) -> Response:
    """Ask, and draw one row anew; the page puts it into its place."""
    if name not in CHECKS:
        return show("pages/problem.html", viewer, status=404, problem="not_found")
    return _row(viewer, portal, line, name)


def _row(viewer: Viewer, portal: Portal, line: Line, name: str, refused: str = "") -> Response:
    row = Row(name, line_checks.ask(runtime(), line, name), line.id, counted="counted" in request.args)
    drawn = page(
        "pages/lines_check.html", viewer, row=row, line=line, address=_address(viewer, line, row), refused=refused
    )
    return fill(drawn, {"progress": str(progress(steps(portal, line)))}) if row.counted else drawn


def _address(viewer: Viewer, line: Line, row: Row) -> str:
    """The webhook's secret address, for those who are to put it into Gupshup's console."""
    if row.name != "webhook" or row.state != "wrong" or not viewer.is_admin:
        return ""
    return lines.webhook_url(runtime(), line)


@blueprint.post("/lines/<int:line_id>/webhook", endpoint="subscribe_line")
@changes
@of_portal
def subscribe(viewer: Viewer, portal: Portal, line: Line) -> Response:
    """Have Gupshup post to our address; then the check says whether it does."""
    refused = ""
    try:
        line_checks.subscribe(runtime(), line)
    except GupshupError as error:
        refused = _("Gupshup did not take it: %(said)s. Put the address into its console by hand.", said=error.reason)
    line_checks.forget(runtime(), line.id)
    return _row(viewer, portal, line, "webhook", refused)


@blueprint.get("/lines/<int:line_id>/hours", endpoint="line_hours")
@reads
@of_portal
def show_hours(viewer: Viewer, portal: Portal, line: Line) -> Response:
    """What happened in 24 hours, drawn."""
    day = line_activity.day(runtime(), line.id)
    groups = (
        (_("delivered"), "ok", ("delivered", "read")),
        (_("accepted, sent"), "info", ("accepted", "sent")),
        (_("waiting"), "grey", ("queued", "sending")),
        (_("unknown"), "warn", ("unknown",)),
        (_("not delivered"), "bad", ("failed", "dropped")),
    )
    series = [
        Series(name, [sum(hour[one] for one in which) for _at, hour in day], kind) for name, kind, which in groups
    ]
    total = sum(sum(hour.values()) for _at, hour in day)
    good = sum(series[0].values)  # type: ignore[arg-type]  # no gaps here
    shown = [one for one in series if any(one.values)] or series[:1]
    title = _("No messages in 24 hours")
    if total:
        title = _(
            "%(good)s of %(total)s messages delivered in 24 hours (%(share)s %%)",
            good=number(good),
            total=number(total),
            share=round(100 * good / total),
        )
    chart = bars(shown, [moment(at) for at, _hour in day], title, _("messages per hour"))
    return page("pages/lines_hours.html", viewer, title=title, chart=chart if total else "")


@blueprint.get("/lines/<int:line_id>/robots", endpoint="line_robots")
@reads
@of_portal
def show_robots(viewer: Viewer, portal: Portal, line: Line) -> Response:
    """Which robots went over this line. What they name is sealed in their runs, so all that used it are counted."""
    since = runtime().clock() - timedelta(days=30)
    with runtime().db.read() as session:
        first = first_since(session, Run.id, Run.stored_at, since)
        newest = session.scalar(select(Run.id).order_by(Run.id.desc()).limit(1)) or 0
        used = session.execute(
            select(Run.action, func.count())
            .where(Run.portal_id == portal.id, Run.id >= max(first, newest - RUNS_SEEN), Run.line_id == line.id)
            .group_by(Run.action)
        ).all()
    named = sorted(
        ((timeline.title("robots", action).to(viewer.language), count) for action, count in used),
        key=lambda one: -one[1],
    )
    return page("pages/lines_robots.html", viewer, robots=named)


# --- changes ----------------------------------------------------------------------------------------------------------------


@blueprint.post("/lines/<int:line_id>/name", endpoint="rename_line")
@changes
@of_portal
def rename(viewer: Viewer, portal: Portal, line: Line) -> Response:
    name = typed("name")
    try:
        lines.rename(runtime(), line.id, name)
    except ValueError as error:
        return _refused(viewer, portal, line, "name", name, str(error))
    _changed(line)
    return _line_page(viewer, portal, line.id, said=_("The name is saved."))


@blueprint.post("/lines/<int:line_id>/pace", endpoint="pace_line")
@changes
@of_portal
def set_pace(viewer: Viewer, portal: Portal, line: Line) -> Response:
    given = typed("pace")
    try:
        pace = float(given.strip().replace(",", "."))
    except ValueError:
        return _refused(viewer, portal, line, "pace", given, "not_a_number")
    if not PACES[0] <= pace <= PACES[1]:
        return _refused(viewer, portal, line, "pace", given, "out_of_range")
    lines.set_pace(runtime(), line.id, pace)
    _changed(line)
    return _line_page(viewer, portal, line.id, said=_("The pace is saved."))


@blueprint.post("/lines/<int:line_id>/key", endpoint="key_line")
@changes
@of_portal
def new_key(viewer: Viewer, portal: Portal, line: Line) -> Response:
    """Another key or app id for the same app; a line that was stopped for its key goes on."""
    given = {name: typed(name) for name in ("api_key", "app_id")}
    new = NewLine(
        given["api_key"] or line.api_key or "", line.app_name, line.phone, given["app_id"], line.name
    ).tidied()
    if problems := new.problems():
        name, code = next(iter(problems.items()))
        return _refused(viewer, portal, line, name, given.get(name, ""), code)
    lines.add(runtime(), portal.member_id, new)
    _changed(line)
    return _line_page(viewer, portal, line.id, said=_("Saved. Now the line is being checked."))


@blueprint.post("/lines/<int:line_id>/default", endpoint="default_line")
@changes
@of_portal
def make_default(viewer: Viewer, portal: Portal, line: Line) -> Response:
    lines.make_default(runtime(), line.id)
    return _line_page(viewer, portal, line.id, said=_("This line is the default one now."))


@blueprint.post("/lines/<int:line_id>/pause", endpoint="pause_line")
@changes
@of_portal
def pause(viewer: Viewer, portal: Portal, line: Line) -> Response:
    lines.pause(runtime(), line.id, viewer.user_id)
    _changed(line)
    return _line_page(viewer, portal, line.id, said=_("The line is paused."))


@blueprint.post("/lines/<int:line_id>/unpause", endpoint="unpause_line")
@changes
@of_portal
def unpause(viewer: Viewer, portal: Portal, line: Line) -> Response:
    lines.unpause(runtime(), line.id)
    _changed(line)
    return _line_page(viewer, portal, line.id, said=_("The line goes on."))


@blueprint.post("/lines/<int:line_id>/resume", endpoint="resume_line")
@changes
@of_portal
def resume(viewer: Viewer, portal: Portal, line: Line) -> Response:
    """A stopped line goes on without waiting for its next probe."""
    lines.resume(runtime(), line.id, "by an administrator")
    _changed(line)
    return _line_page(viewer, portal, line.id, said=_("The line goes on. If the cause is still there, it stops again."))


@blueprint.post("/lines/<int:line_id>/remove", endpoint="remove_line")
@changes
@of_portal
def remove(viewer: Viewer, portal: Portal, line: Line) -> Response:
    ended = lines.remove(runtime(), line.id)
    _changed(line)
    said = _(
        "The line %(name)s is removed. Runs that were ended: %(ended)s.", name=line.name or line.app_name, ended=ended
    )
    return table(said=said)


def _refused(viewer: Viewer, portal: Portal, line: Line, name: str, given: str, code: str) -> Response:
    """The same page with what was typed and what is wrong with it."""
    words = {"most": LIMITS.get(name, ""), "least": ""}
    if code == "out_of_range":
        words = {"least": number(PACES[0]), "most": number(PACES[1])}
    shown = {"typed": {} if name == "api_key" else {name: given}, "errors": {name: str(_PROBLEMS[code]) % words}}
    return _line_page(viewer, portal, line.id, **shown)


def _changed(line: Line) -> None:
    """What was found about the line is out of date, and its shard has something to do."""
    line_checks.forget(runtime(), line.id)
    runtime().unrung.add([shard_of(line.portal_id)])
