"""All lines of the portal, each with its state, and how many messages it has sent today."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from flask import Response
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from activities import phones
from messaging.insight import line_activity, line_checks, periods, traffic
from messaging.lines import circuit_breaker
from messaging.portals import portals
from messaging.store.models import Line, Message, Portal
from web.context import reader_zone, runtime
from web.frames import Viewer
from web.pages.shell import blueprint, reads, show
from web.texts import badge, moment

#: A removed line stays in the table for this time.
REMOVED_SHOWN = timedelta(days=30)


@dataclass(frozen=True)
class Listed:
    """A line as the table and its own page show it. today: messages Gupshup took; queued: messages that wait."""

    line: Line
    is_default: bool
    state: Markup
    today: int
    queued: int

    @property
    def name(self) -> str:
        return self.line.name or self.line.app_name


@blueprint.get("/lines", endpoint="lines")
@reads
def table(viewer: Viewer, portal: Portal, said: str = "") -> Response:
    """said: what was just done, shown above the table."""
    with runtime().db.read() as session:
        # `resumed_at` of a removed line is when it was removed (circuit_breaker.clear_stop).
        is_shown = (Line.status == "connected") | (Line.resumed_at >= runtime().clock() - REMOVED_SHOWN)
        mine = select(Line).where(Line.portal_id == portal.id, is_shown)
        found = session.scalars(mine.order_by(Line.status, Line.id)).all()
        listed = listed_lines(session, viewer, portal, found)
        reads_as = portals.phone_region(session.get_one(Portal, portal.id))
    countries = sorted(phones.regions())
    return show(
        "pages/lines.html", viewer, section="lines", listed=listed, said=said, country=reads_as, countries=countries
    )


def listed_lines(session: Session, viewer: Viewer, portal: Portal, lines: Sequence[Line]) -> list[Listed]:
    """The lines of a portal with what is known about each."""
    default = session.get_one(Portal, portal.id).default_line_id
    ids = [line.id for line in lines]
    silent = line_activity.silent_since(session, runtime().clock(), ids)
    zone = reader_zone()
    midnight = periods.first_hour(runtime().clock().astimezone(zone).date(), zone)
    taken = traffic.taken_by_line(session, ids, midnight)
    return [
        Listed(
            line,
            is_default=line.id == default,
            state=_state(line, viewer, is_silent=line.id in silent),
            today=taken[line.id],
            queued=_queued(session, line),
        )
        for line in lines
    ]


def _queued(session: Session, line: Line) -> int:
    return session.scalar(select(func.count()).where(Message.line_id == line.id, Message.status == "queued")) or 0


def _state(line: Line, viewer: Viewer, *, is_silent: bool) -> Markup:
    """The worst of what is true about the line, and of what its checks found last."""
    if line.status != "connected":
        return badge("", "minus", _("Removed"))
    if line.stopped_at is not None:
        return badge("bad", "cross", _("Key refused") if circuit_breaker.is_asked(line) else _("Stopped"))
    worst = line_checks.worst(line_checks.last(runtime(), line.id))
    if worst == "key":
        return badge("bad", "cross", _("Key refused"))
    if line.paused_at is not None:
        return _paused(line, viewer)
    if is_silent:
        return badge("warn", "warning", _("No webhooks"))
    if worst == "wrong":
        return badge("bad", "cross", _("Needs fixing"))
    if worst == "unknown":
        return badge("warn", "warning", _("Could not be checked"))
    return badge("ok", "check", _("Working"))


def _paused(line: Line, viewer: Viewer) -> Markup:
    paused_by = _("you") if line.paused_by == viewer.user_id else _("an administrator")
    return Markup("{} {}").format(
        badge("warn", "pause", _("On pause")),
        Markup('<span class="small muted">{}, {}</span>').format(paused_by, moment(line.paused_at)),
    )
