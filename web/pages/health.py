"""Health: what came in, what left and how quickly, over the last 24 hours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from flask import Response
from flask_babel import gettext as _
from flask_babel import ngettext
from markupsafe import Markup
from sqlalchemy import select

from messaging.callbacks import endpoints
from messaging.insight import crm_work, failures, hourly, periods, reasons, traffic, wording
from messaging.insight.hourly import Figures
from messaging.insight.queue_depth import Queue
from messaging.store.models import Line, Portal
from messaging.store.states import MessageStatus
from web import texts
from web.context import reader_zone, runtime
from web.frames import Viewer
from web.pages import charts, health_doors
from web.pages.shell import blueprint, reads, show

#: Seconds that the oldest entry of a queue usually waits at most; longer is shown as a problem.
NORM_S = 2
#: How far back what was not written to the portal is told.
GIVEN_UP = timedelta(days=7)
_OUTCOMES = {
    "ok": ("replied", "read", "delivered", "ok"),
    "info": ("accepted", "sent"),
    "bad": ("failed",),
    "warn": ("timeout", "unknown"),
}


@dataclass(frozen=True)
class Small:
    """A small chart: its heading, its figures in words, and the drawing (empty if there is nothing to draw)."""

    heading: str
    words: str
    drawing: Markup


@blueprint.get("/health", endpoint="health")
@reads
def health(viewer: Viewer, portal: Portal) -> Response:
    """The last 24 hours of the viewer's portal."""
    zone = reader_zone()
    midnight = periods.first_hour(runtime().clock().astimezone(zone).date(), zone)
    with runtime().db.read() as session:
        found = hourly.figures(session, runtime(), portal)
        lines = session.scalars(select(Line).where(Line.portal_id == portal.id).order_by(Line.id)).all()
        today = traffic.by_status(session, [line.id for line in lines], midnight)
        # As on the start page: a robot that made no message has delivered none.
        today[MessageStatus.FAILED] += sum(count for *_, count in failures.refused(session, portal.id, midnight))
        given_up = crm_work.given_up(session, portal.id, runtime().clock() - GIVEN_UP)
        addresses = endpoints.listed(session, portal.id)
    names: dict[int | None, str] = {line.id: line.name or line.app_name for line in lines}
    return show(
        "pages/health.html",
        viewer,
        section="health",
        smalls=[*_smalls(found, names, viewer.language), *_doors(found, has_addresses=bool(addresses))],
        troubles=health_doors.troubles(addresses),
        handed_over=health_doors.refusals(found, viewer.language),
        repeated=health_doors.repeated(found),
        queues=[*_spooled(), *((_queue_name(queue), queue, _age(queue)) for queue in found.queues)],
        norm_s=NORM_S,
        files_away=bool(runtime().files.problem()) if runtime().config.files_url else None,
        refusals=[
            (code, names.get(line_id, ""), count, _meaning(code, viewer.language))
            for (line_id, code), count in found.refusals.most_common(20)
        ],
        given_up=[
            (_kind(kind), crm_work.remedy(error).to(viewer.language), crm_work.code(error), count)
            for (kind, error), count in given_up.most_common(20)
        ],
        today=[(wording.STATUS[name].to(viewer.language), today[name]) for name in wording.STATUS if today[name]],
    )


def _kind(kind: str) -> str:
    """A kind of portal task in words."""
    names: dict[str, str] = {"trigger": _("Trigger"), "card": _("Timeline card"), "notice": _("Notice")}
    return names.get(kind) or str(_("Chat"))


def _smalls(found: Figures, names: dict[int | None, str], language: str) -> list[Small]:
    labels = [texts.moment(at, "time") for at in found.hours]
    runs = charts.ranked([(wording.title("robots", name).to(language), found.runs[name]) for name in found.runs])
    ended = charts.ranked([(names.get(line_id, _("no line found")), found.ended[line_id]) for line_id in found.ended])
    titles = {
        "ok": _("Delivered, read, replied"),
        "info": _("Accepted, sent"),
        "bad": _("Not delivered, did not run"),
        "warn": _("Timeout, unknown"),
    }
    outcomes = [
        charts.Series(titles[kind], _sum(found.outcomes, names_of), kind)
        for kind, names_of in _OUTCOMES.items()
        if any(name in found.outcomes for name in names_of)
    ]
    webhooks = charts.ranked([(wording.webhook(name).to(language), found.webhooks[name]) for name in found.webhooks])
    return [
        _counted(_("Runs received"), runs, labels),
        _counted(_("How runs ended"), outcomes, labels),
        *([_counted(_("Runs ended, by line"), ended, labels)] if len(names) > 1 else []),
        *(_seconds(found, line_id, names, labels) for line_id in sorted(found.waits)),
        _counted(_("Webhooks"), webhooks, labels),
        _counted(_("Webhooks not understood"), [charts.Series(_("Not understood"), found.unknown, "bad")], labels),
        _answers(found, labels),
    ]


def _doors(found: Figures, *, has_addresses: bool) -> list[Small]:
    """Of the doors that a portal uses: events to its own systems, messages that Bitrix24 hands over."""
    labels = [texts.moment(at, "time") for at in found.hours]
    drawn = [(_("Events told to your systems"), health_doors.told(found))] if has_addresses or found.callbacks else []
    if found.handed_over:
        drawn.append((_("Messages handed over by Bitrix24"), health_doors.handed_over(found)))
    return [_counted(heading, series, labels) for heading, series in drawn]


def _counted(heading: str, drawn: Sequence[charts.Series], labels: Sequence[object]) -> Small:
    total = sum(int(value or 0) for one in drawn for value in one.values)
    last = sum(int(one.values[-1] or 0) for one in drawn if one.values)
    words = _("%(total)s in 24 hours, %(last)s in this hour", total=texts.number(total), last=texts.number(last))
    if not total:
        return Small(heading, words, Markup(""))
    hours = sum(any(one.values[at] for one in drawn) for at in range(len(labels)))
    # One column among 23 empty places shows less than its parts side by side.
    return Small(
        heading, words, charts.shares(drawn) if hours == 1 else charts.bars(drawn, labels, f"{heading}: {words}")
    )


def _answers(found: Figures, labels: Sequence[object]) -> Small:
    drawn = [
        charts.Series(_("Answers"), found.answers, "ok"),
        charts.Series(_("REST calls"), found.rest_calls, "info"),
    ]
    words = _(
        "%(answers)s answers, %(calls)s REST calls",
        answers=texts.number(sum(found.answers)),
        calls=texts.number(sum(found.rest_calls)),
    )
    heading = _("Answers to Bitrix24")
    has_any = sum(found.answers) + sum(found.rest_calls)
    return Small(heading, words, charts.lines(drawn, labels, f"{heading}: {words}") if has_any else Markup(""))


def _seconds(found: Figures, line_id: int, names: dict[int | None, str], labels: Sequence[object]) -> Small:
    hours = found.waits[line_id]
    heading = _("From the robot to Gupshup: %(line)s", line=names.get(line_id, ""))
    last = next((hour for hour in reversed(hours) if hour is not None), None)
    if last is None:
        return Small(heading, "", Markup(""))
    words = _(
        "median %(median)s s, maximum %(worst)s s",
        median=texts.number(last.median_s),
        worst=texts.number(last.worst_s),
    )
    drawn = [
        charts.Series(_("Median"), [hour.median_s if hour else None for hour in hours], "info"),
        charts.Series(_("Maximum"), [hour.worst_s if hour else None for hour in hours], "bad"),
    ]
    return Small(heading, words, charts.lines(drawn, labels, f"{heading}: {words}", _("seconds")))


def _sum(rows: dict[str, list[int]], names: Sequence[str]) -> list[int]:
    return [sum(rows[name][at] for name in names if name in rows) for at in range(periods.HOURS)]


def _spooled() -> list[tuple[str, Queue, str]]:
    """What came in while the database was away; nothing if nothing waits. How much it is concerns other portals, too."""
    waiting = runtime().spool.waiting()
    if waiting.since is None:
        return []
    age_s = waiting.age_s(runtime().clock())
    words = _("the oldest for %(age)s s", age=texts.number(round(age_s, 1)))
    return [(_("Came while the database was unavailable"), Queue("spool", waiting.entries, age_s), words)]


def _queue_name(queue: Queue) -> str:
    words: dict[str, str] = {
        "runs": _("Runs to prepare"),
        "messages": _("Messages to send"),
        "answers": _("Answers to Bitrix24"),
        "events": _("Webhooks to apply"),
    }
    return words[queue.name]


def _age(queue: Queue) -> str:
    words = _waiting(queue)
    if not queue.paused:
        return words
    paused = _("%(count)s on pause", count=texts.number(queue.paused))
    return f"{words}, {paused}"


def _waiting(queue: Queue) -> str:
    if not queue.depth:
        return str(_("empty"))
    seconds = texts.number(round(queue.oldest_s, 1))
    waiting = ngettext("%(num)s waits", "%(num)s wait", queue.depth)
    age = _("the oldest for %(age)s s", age=seconds)
    return f"{waiting}, {age}"


def _meaning(code: str, language: str) -> str:
    return reasons.short(reasons.explained(code, "", "")).to(language)
