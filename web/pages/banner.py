"""The banner on top of every page: the worst problem of all lines of a portal. Without a problem there is no banner."""

from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy import select

from messaging.insight import line_activity
from messaging.lines import circuit_breaker
from messaging.store.models import Line, Portal
from web.context import runtime
from web.frames import Viewer
from web.texts import moment


@dataclass(frozen=True)
class Banner:
    """kind: bad or warn. key: names the problem, so that hiding this banner hides no other one."""

    kind: str
    key: str
    title: str
    text: Markup
    line_id: int


def worst(viewer: Viewer) -> Banner | None:
    """The worst problem: first a stopped line (an empty wallet stops it, too), then a silent line, then a paused line."""
    with runtime().db.read() as session:
        lines = session.scalars(
            select(Line)
            .join(Portal)
            .where(Portal.member_id == viewer.member_id, Line.status == "connected")
            .order_by(Line.stopped_at, Line.id)
        ).all()
        stopped = next((line for line in lines if line.stopped_at is not None), None)
        if stopped is not None:
            return _stopped(stopped, viewer.language)
        silent = line_activity.silent_since(session, runtime().clock(), [line.id for line in lines]) if lines else {}
    found = next((line for line in lines if line.id in silent), None)
    if found is not None:
        return _silent(found, silent[found.id])
    paused = next((line for line in lines if line.paused_at is not None), None)
    return _paused(paused) if paused is not None else None


def _stopped(line: Line, language: str) -> Banner:
    return Banner(
        "bad",
        f"stopped-{line.id}-{line.stop_code}",
        _("The line %(line)s is stopped", line=line.name or line.app_name),
        Markup("{} {}").format(circuit_breaker.why(line).to(language), since(line.stopped_at)),
        line.id,
    )


def _silent(line: Line, at: datetime) -> Banner:
    return Banner(
        "warn",
        f"silent-{line.id}",
        _("No webhooks on the line %(line)s", line=line.name or line.app_name),
        Markup(
            _(
                "Gupshup has reported nothing about its messages since %(since)s. "
                "Robots that wait for statuses or replies keep waiting."
            )
        )
        % {"since": moment(at, "full")},
        line.id,
    )


def _paused(line: Line) -> Banner:
    return Banner(
        "warn",
        f"paused-{line.id}",
        _("The line %(line)s is on pause", line=line.name or line.app_name),
        Markup("{} {}").format(
            _("It sends nothing. Its queue waits and will leave after the pause."), since(line.paused_at)
        ),
        line.id,
    )


def since(at: datetime | None) -> Markup:
    """The sentence “Since <time>.”"""
    return Markup(_("Since %(since)s.")) % {"since": moment(at, "full")}
