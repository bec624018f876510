"""Robots and activities: which the portal has, why others are missing, and how to register them again."""

from dataclasses import dataclass
from datetime import timedelta

from flask import Response, request
from flask_babel import ngettext
from sqlalchemy import func, select

from activities import ACTIONS, ACTIVITIES
from bx24.errors import Bx24Error
from messaging.portals import portals, robots
from messaging.store.id_search import first_since
from messaging.store.models import Portal, Run, shard_of
from robots import ROBOTS
from robots.lookup import code_of
from web.context import empty, runtime
from web.frames import Viewer, portal_of
from web.pages.shell import blueprint, changes, fill, reads, show
from web.texts import number

WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Place:
    """A robot or an activity on the portal. state: registered, missing, refused (see `why`), pending, absent."""

    code: str
    state: str
    why: str = ""


@dataclass(frozen=True)
class Row:
    """An action, registered as a robot and as an activity."""

    name: str
    title: str
    robot: Place
    activity: Place


@blueprint.get("/robots", endpoint="robots")
@reads
def robots_page(viewer: Viewer, portal: Portal) -> Response:
    return _draw(viewer, portal)


@blueprint.post("/robots/check")
@reads
def check(viewer: Viewer, portal: Portal) -> Response:
    """Ask the portal which robots and activities it has."""
    try:
        return _draw(viewer, portal, present=robots.present(runtime(), portal))
    except Bx24Error as error:
        return _draw(viewer, portal, error=error)


@blueprint.post("/robots/repair")
@changes
def repair(viewer: Viewer, portal: Portal) -> Response:
    """Register again: the one named by `code` at once; without `code` all of them, by the worker within seconds."""
    code = request.form.get("code", "")
    if not code:
        with runtime().db.write() as session:
            portals.register_again(session, session.get_one(Portal, portal.id), runtime())
        runtime().wakeups.notify([shard_of(portal.id)])
        return _draw(viewer, portal_of(viewer) or portal)
    try:
        robots.repair_one(runtime(), portal, code)
        return _draw(viewer, portal_of(viewer) or portal, present=robots.present(runtime(), portal))
    except LookupError:
        return show("pages/problem.html", viewer, status=404, problem="not_found")
    except Bx24Error as error:
        return _draw(viewer, portal, error=error)


@blueprint.get("/robots/week")
@reads
def week(viewer: Viewer, portal: Portal) -> Response:
    """How often each action ran in seven days. The page loads it later, since counting a busy week takes long."""
    with runtime().db.read() as session:
        since = runtime().clock() - WEEK
        # The index ix_run_portal holds all these columns. Two queries, because grouping by both takes three times as long.
        came = (
            select(Run.action, func.count())
            .where(Run.portal_id == portal.id, Run.id >= first_since(session, Run.id, Run.stored_at, since))
            .where(Run.stored_at >= since)
            .group_by(Run.action)
        )
        total = dict(session.execute(came).all())
        failed = dict(session.execute(came.where(Run.outcome == "failed")).all())
    return fill(empty(), {f"week-{name}": _ran(total.get(name, 0), failed.get(name, 0)) for name in ACTIONS})


def _ran(total: int, failed: int) -> str:
    if not failed:
        return number(total)
    # Not inside an f-string: Babel finds no texts there.
    refused = ngettext("%(num)s failed", "%(num)s failed", failed)
    return f"{number(total)}, {refused}"


def _draw(
    viewer: Viewer, portal: Portal, present: frozenset[str] | None = None, error: Bx24Error | None = None
) -> Response:
    rows = _rows(viewer, portal, present)
    places = [place for row in rows for place in (row.robot, row.activity) if place.state != "absent"]
    return show(
        "pages/robots.html",
        viewer,
        section="robots",
        portal=portal,
        rows=rows,
        registered=sum(place.state == "registered" for place in places),
        total=len(places),
        pending=portal.registration_due_at is not None,
        asked=present is not None,
        error=error,
        whole=(portal.registration or {}).get("error", ""),
    )


def _rows(viewer: Viewer, portal: Portal, present: frozenset[str] | None) -> list[Row]:
    return [
        Row(
            name,
            action.title.to(viewer.language),
            _place(portal, code_of("robots", name), present) if name in ROBOTS else Place("", "absent"),
            _place(portal, code_of("activities", name), present) if name in ACTIVITIES else Place("", "absent"),
        )
        for name, action in ACTIONS.items()
    ]


def _place(portal: Portal, code: str, present: frozenset[str] | None) -> Place:
    """The state the portal has just reported; if it was not asked, the state after the last registration."""
    failed = (portal.registration or {}).get("failed", {})
    if present is not None:
        return Place(code, "registered") if code in present else Place(code, "missing", failed.get(code, ""))
    if code in failed:
        return Place(code, "refused", failed[code])
    return Place(code, "registered" if portal.registered_at is not None else "pending")
