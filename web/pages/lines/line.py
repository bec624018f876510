"""One line: its page, its checks, what happened on it in 24 hours, the robots that used it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Literal

from flask import Response, request
from flask_babel import LazyString, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from gupshup.errors import GupshupError
from messaging.insight import line_activity, line_checks, wording
from messaging.insight.line_checks import CHECKS
from messaging.lines import circuit_breaker, lines
from messaging.policy import tier
from messaging.store import amounts
from messaging.store.id_search import first_since
from messaging.store.models import Line, Portal, Run, shard_of
from web.context import runtime
from web.frames import Viewer, page
from web.pages import money
from web.pages.charts import Series, bars
from web.pages.checks import Row, progress
from web.pages.lines.table import listed_lines
from web.pages.shell import blueprint, changes, fill, reads, show
from web.pages.start import rows as steps
from web.texts import moment, number

#: Messages a second that WhatsApp takes from a number unless Meta has raised it (gupshup.md 9).
USUAL_PACE = 80
ROBOTS_PERIOD = timedelta(days=30)
#: At most this many runs, the newest of all portals, are searched for the robots of a line.
RUNS_SEARCHED = 50_000
#: Field of the line's forms → its label.
LABELS: dict[str, str | LazyString] = {
    "api_key": "App API Key",
    "app_name": "App name",
    "phone": _l("Number"),
    "app_id": "App ID",
    "name": _l("Name of the line"),
    "pace": _l("Messages a second"),
    "tier": _l("New clients in 24 hours"),
    "budget": _l("Budget a day"),
}
LineView = Callable[..., Response]


def line_view(path: str, endpoint: str, method: Literal["GET", "POST"] = "GET") -> Callable[[LineView], LineView]:
    """Route a view to /app/lines/<id><path>; it gets the viewer, his portal and a connected line of this portal.

    GET is for everyone who may open the app, POST for administrators. A line of another portal is answered 404.
    """
    rights = changes if method == "POST" else reads

    def route(view: LineView) -> LineView:
        blueprint.add_url_rule(f"/lines/<int:line_id>{path}", endpoint, rights(_with_line(view)), methods=[method])
        return view

    return route


def _with_line(view: LineView) -> LineView:
    @wraps(view)
    def found(viewer: Viewer, portal: Portal, line_id: int, **kwargs: Any) -> Response:
        is_mine = (Line.id == line_id) & (Line.portal_id == portal.id) & (Line.status == "connected")
        with runtime().db.read() as session:
            line = session.scalar(select(Line).where(is_mine))
        if line is None:
            return show("pages/problem.html", viewer, status=404, problem="not_found")
        try:
            return view(viewer, portal, line, **kwargs)
        except LookupError as error:
            if type(error) is not LookupError:  # a KeyError is a fault of ours
                raise
            return show("pages/problem.html", viewer, status=404, problem="not_found")  # removed this very moment

    return found


@line_view("", "line")
def show_line(viewer: Viewer, portal: Portal, line: Line) -> Response:
    return line_page(viewer, portal, line.id)


def line_page(
    viewer: Viewer,
    portal: Portal,
    line_id: int,
    said: str = "",
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    *,
    is_silent: bool = False,
) -> Response:
    """The page of a line. said: what was just done; typed and errors: by field of a form that was refused.

    is_silent: whether Gupshup did not answer, so that nothing was changed.
    """
    with runtime().db.read() as session:
        line = session.get_one(Line, line_id)
        [listed] = listed_lines(session, viewer, portal, [line])
        is_open = (Run.shard == shard_of(portal.id)) & (Run.line_id == line.id) & (Run.state != "ended")
        waiting = session.scalar(select(func.count()).where(is_open)) or 0
        new_clients = tier.use(session, line, runtime().clock())
        account = money.account_of(session, portal, line)
    known = line_checks.last(runtime(), line.id)
    return show(
        "pages/lines_line.html",
        viewer,
        section="lines",
        found=listed,
        line=line,
        waiting=waiting,
        rows=[Row(name, known.get(name), line.id) for name in CHECKS if name != "first"],
        why=circuit_breaker.why(line).to(viewer.language) if line.stopped_at is not None else "",
        key_end=(line.api_key or "")[-4:],
        usual_pace=USUAL_PACE,
        new_clients=new_clients,
        account=account,
        plain=amounts.plain,
        tiers=tier.CHOICES,
        labels=LABELS,
        said=said,
        typed=typed or {},
        errors=errors or {},
        is_silent=is_silent,
    )


# --- checks -----------------------------------------------------------------------------------------------------------------


@line_view("/checks/<name>", "check_line")
def check(viewer: Viewer, portal: Portal, line: Line, name: str) -> Response:
    """Run a check and draw its row anew; the page puts the row into its place."""
    if name not in CHECKS:
        return show("pages/problem.html", viewer, status=404, problem="not_found")
    return _row(viewer, portal, line, name)


@line_view("/state", "line_state")
def state(viewer: Viewer, portal: Portal, line: Line) -> Response:
    """The line's badge, drawn anew after its checks."""
    with runtime().db.read() as session:
        [listed] = listed_lines(session, viewer, portal, [line])
    return page("pages/lines_state.html", viewer, state=listed.state)


@line_view("/webhook", "subscribe_line", "POST")
def subscribe(viewer: Viewer, portal: Portal, line: Line) -> Response:
    """Have Gupshup post to our address; then the check says whether it does."""
    refused = ""
    try:
        line_checks.subscribe(runtime(), line)
    except GupshupError as error:
        refused = _(
            "Gupshup did not take the address: %(said)s. Enter it in the Gupshup console by hand.", said=error.reason
        )
    line_checks.forget(runtime(), line.id)
    return _row(viewer, portal, line, "webhook", refused)


def _row(viewer: Viewer, portal: Portal, line: Line, name: str, refused: str = "") -> Response:
    row = Row(name, line_checks.ask(runtime(), line, name), line.id, counted="counted" in request.args)
    address = _webhook_address(viewer, line, row)
    drawn = page("pages/lines_check.html", viewer, row=row, line=line, address=address, refused=refused)
    if row.counted:
        return fill(
            drawn, {"progress": progress(steps(portal, line), is_stopped=line.stopped_at is not None)}, "waba24-checked"
        )
    drawn.headers["HX-Trigger"] = "waba24-checked"  # the badge of the line draws itself anew
    return drawn


def _webhook_address(viewer: Viewer, line: Line, row: Row) -> str:
    """The webhook's secret address, for administrators who have to put it into Gupshup's console; else ""."""
    if row.name != "webhook" or row.state != "wrong" or not viewer.is_admin:
        return ""
    return lines.webhook_url(runtime(), line)


# --- what happened ----------------------------------------------------------------------------------------------------------


@line_view("/hours", "line_hours")
def show_hours(viewer: Viewer, portal: Portal, line: Line) -> Response:
    """What happened in 24 hours, drawn."""
    day = line_activity.day(runtime(), line.id)
    total = sum(sum(hour.values()) for _at, hour in day)
    if not total:
        return page("pages/lines_hours.html", viewer, title=_("No messages in 24 hours"), chart="")
    series = _by_status(day)
    delivered = sum(value or 0 for value in series[0].values)
    title = ngettext(
        "%(good)s of %(total)s message delivered in 24 hours (%(share)s%%)",
        "%(good)s of %(total)s messages delivered in 24 hours (%(share)s%%)",
        total,
        good=number(delivered),
        total=number(total),
        share=round(100 * delivered / total),
    )
    shown = [one for one in series if any(one.values)] or series[:1]
    chart = bars(shown, [moment(at) for at, _hour in day], title, _("messages per hour"))
    return page("pages/lines_hours.html", viewer, title=title, chart=chart)


def _by_status(day: Sequence[tuple[datetime, Mapping[str, int]]]) -> list[Series]:
    """Messages by hour, grouped by how far they came; the delivered ones are the first series."""
    groups = (
        (_("delivered"), "ok", ("delivered", "read")),
        (_("accepted, sent"), "info", ("accepted", "sent")),
        (_("waiting"), "grey", ("held", "queued", "sending")),
        (_("unknown"), "warn", ("unknown",)),
        (_("not delivered"), "bad", ("failed", "dropped")),
    )
    return [
        Series(name, [sum(hour[status] for status in statuses) for _at, hour in day], kind)
        for name, kind, statuses in groups
    ]


@line_view("/robots", "line_robots")
def show_robots(viewer: Viewer, portal: Portal, line: Line) -> Response:
    """The robots whose runs went over this line. Which line a robot names is encrypted in its runs, so all are counted."""
    since = runtime().clock() - ROBOTS_PERIOD
    with runtime().db.read() as session:
        first = first_since(session, Run.id, Run.stored_at, since)
        newest = session.scalar(select(Run.id).order_by(Run.id.desc()).limit(1)) or 0
        used = session.execute(
            select(Run.action, func.count())
            .where(Run.portal_id == portal.id, Run.id >= max(first, newest - RUNS_SEARCHED), Run.line_id == line.id)
            .group_by(Run.action)
        ).all()
    titles = [(wording.title("robots", action).to(viewer.language), count) for action, count in used]
    return page("pages/lines_robots.html", viewer, robots=sorted(titles, key=lambda robot: -robot[1]))
