"""Messages: the list of what was sent and what failed, and the timeline of one run.

Search words (a phone, the name of an object) travel in the body of a POST, because addresses end up in logs.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

from flask import Response, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session

from bx24.documents import crm_item
from bx24.i18n import Text
from gupshup import formatting
from gupshup.refusals import refusal
from messaging.insight import attention, lone_timeline, reasons, search, search_rows, timeline, wording
from messaging.insight.query import Query
from messaging.insight.search_rows import Found, Place
from messaging.insight.timeline import Timeline
from messaging.store import opt_outs
from messaging.store.crypto import Undecryptable
from messaging.store.models import Line, Message, Portal, Run
from messaging.store.states import OutcomeKind
from robots import ROBOTS
from web import texts
from web.context import reader_zone, runtime, typed
from web.frames import Viewer, page
from web.pages import money, resending
from web.pages.crm_objects import document_of, object_name, path_of
from web.pages.shell import blueprint, reads, show
from web.rights import sees_phones
from web.sheets import Sheet, csv_response, local
from web.turns import takes_turn

PERIODS = ("24h", "today", "7", "30", "all", "own")
#: In place of a line's id: runs that failed before a line was found for them.
NO_LINE = "none"
#: Status → mood and icon of ui.md 1.4.
SIGNS = {
    "held": ("info", "hourglass"),
    "queued": ("", "clock"),
    "accepted": ("", "clock"),
    "sent": ("", "tick"),
    "delivered": ("", "double-tick"),
    "read": ("info", "double-tick"),
    "replied": ("ok", "reply"),
    "failed": ("bad", "cross"),
    "unknown": ("warn", "question"),
    "timeout": ("warn", "hourglass"),
    "ok": ("ok", "check"),
}
_LONGEST_CSV, _CSV_PAGE = 10_000, 500
#: Characters of a code that can stand in the database.
_LONGEST_CODE = 40


@dataclass
class Asked:
    """The filters above the list as they were filled in. errors: field → what is wrong with it."""

    words: str = ""
    line: str = ""
    action: str = ""
    status: str = ""
    first: str = ""
    last: str = ""
    period: str = "7"
    code: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    def query(self, now: datetime, zone: timezone, *, masked: bool) -> Query:
        """The search for these filters. A field that cannot be read is left out and named in `errors`.

        masked: the viewer sees masked phones, and searches by the whole number only; parts would reveal it digit by digit.
        """
        since, until = self._period(now, zone)
        line = int(self.line) if self.line.isdecimal() and len(self.line) < 19 else None
        action = self.action if self.action in ROBOTS else ""
        status = self.status if self.status in search_rows.STATUSES else ""
        no_line, words = self.line == NO_LINE, self.words[:120]
        return Query(
            words, line, action, status, since, until, whole_phones=masked, code=self.code, without_line=no_line
        )

    def _period(self, now: datetime, zone: timezone) -> tuple[datetime | None, datetime | None]:
        if self.period == "all":
            return None, None
        if self.period == "24h":
            return now - attention.RECENT, None
        if self.period == "own":
            first, last = self._day("first"), self._day("last")
            if first and last and first > last:
                self.errors["last"] = _("The last day is before the first day. Swap them.")
            return _midnight(first, zone), _midnight(last + timedelta(days=1), zone) if last else None
        today = now.astimezone(zone).date()
        days = int(self.period) - 1 if self.period.isdecimal() else 0
        return _midnight(today - timedelta(days=days), zone), None

    def _day(self, name: str) -> date | None:
        typed = getattr(self, name)
        try:
            day = date.fromisoformat(typed) if typed else None
        except ValueError:
            day = None
        if typed and (day is None or not 2000 <= day.year <= 2100):
            self.errors[name] = _("“%(typed)s” is not a date. Choose one in the calendar.", typed=typed[:20])
            return None
        return day


def _midnight(day: date | None, zone: timezone) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), zone)


def _asked() -> Asked:
    period = typed("period")
    return Asked(
        words=typed("words").strip(),
        line=typed("line").strip(),
        action=typed("action").strip(),
        status=typed("status").strip(),
        first=typed("first").strip(),
        last=typed("last").strip(),
        period=period if period in PERIODS else "7",
        code=typed("code").strip()[:_LONGEST_CODE],
    )


def _before() -> Place | None:
    run_id, message_id = (_id(name) for name in ("before", "before_message"))
    return None if run_id is None else Place(run_id, message_id or 0)


def _id(name: str) -> int | None:
    cursor = request.form.get(name, "")
    return int(cursor) if cursor.isdecimal() and len(cursor) < 19 else None


@blueprint.route("/messages", methods=["GET", "POST"], endpoint="messages")
@reads
def messages(viewer: Viewer, portal: Portal) -> Response:
    """The whole page, the list alone after a change of the filters, or the next rows."""
    asked = _asked()
    query = asked.query(runtime().clock(), reader_zone(), masked=not sees_phones(viewer, portal))
    with runtime().db.read() as session:
        found = search.find(session, runtime(), portal, query, _before())
        lines = session.scalars(select(Line).where(Line.portal_id == portal.id).order_by(Line.status, Line.id)).all()
        is_new = not found.rows and not any(session.scalar(any_row) for any_row in _any_row(portal))
    shown: dict[str, Any] = {
        "asked": asked,
        "found": found,
        "rows": [Row(row, viewer, portal) for row in found.rows],
        "lines": lines,
        "robots": {name: title.to(viewer.language) for name, (_action, title) in ROBOTS.items()},
        "statuses": {name: _status(name, viewer.language) for name in search_rows.STATUSES},
        "signs": SIGNS,
        "is_new": is_new,
        "lost": resending.lost(viewer, portal, found.rows) if query.status == OutcomeKind.FAILED else [],
        "is_whole": not query.whole_phones,
        "reason": reasons.short(reasons.explained(asked.code, "", "")).to(viewer.language) if asked.code else "",
    }
    part = {"found": "pages/messages_found.html", "more": "pages/messages_rows.html"}.get(
        request.headers.get("HX-Target", "")
    )
    if part:
        return page(part, viewer, **shown)
    return show("pages/messages.html", viewer, section="messages", **shown)


def _status(name: str, language: str) -> str:
    """A status as its filter names it, which finds runs of every action."""
    words = _capital(wording.STATUS[name].to(language))
    return f"{words}, {wording.DID_NOT_RUN.to(language)}" if name == "failed" else words


def _any_row(portal: Portal) -> tuple[Any, Any]:
    lone = select(Message.id).where(Message.portal_id == portal.id, Message.run_id.is_(None))
    return select(Run.id).where(Run.portal_id == portal.id).limit(1), lone.limit(1)


@blueprint.route("/messages/<int:run_id>", methods=["GET", "POST"], endpoint="message")
@reads
def message(viewer: Viewer, portal: Portal, run_id: int) -> Response:
    """The timeline of one run; it keeps the filters of the list from which it was opened."""
    return message_page(viewer, portal, run_id)


def message_page(viewer: Viewer, portal: Portal, run_id: int, said: str = "", problem: str = "") -> Response:
    """The page of one run. said: what was just done; problem: why it was not."""
    return _story(viewer, portal, timeline.build, run_id, said, problem)


@blueprint.route("/messages/lone/<int:message_id>", methods=["GET", "POST"], endpoint="lone_message")
@reads
def lone_message(viewer: Viewer, portal: Portal, message_id: int) -> Response:
    """The timeline of a message without a run."""
    return _story(viewer, portal, lone_timeline.build, message_id)


def opened(viewer: Viewer, portal: Portal, name: str) -> Response:
    """The first page of a frame that was opened for a story. name: `12` of run 12, `m5` of message 5, which has none."""
    number = name.removeprefix("m")
    if not number.isdecimal() or len(number) >= 19:
        return show("pages/problem.html", viewer, status=404, section="messages", problem="not_found")
    build = lone_timeline.build if name.startswith("m") else timeline.build
    return _story(viewer, portal, build, int(number))


def _story(
    viewer: Viewer,
    portal: Portal,
    build: Callable[..., Timeline | None],
    row_id: int,
    said: str = "",
    problem: str = "",
) -> Response:
    with runtime().db.read() as session:
        try:
            found = build(session, runtime(), row_id, portal.id)
        except Undecryptable:
            return show("pages/problem.html", viewer, status=500, section="messages", problem="unreadable")
        if found is None:
            return show("pages/problem.html", viewer, status=404, section="messages", problem="not_found")
        message = found.message
        place = Place(message.position, message.id) if found.run is None and message is not None else Place(row_id)
        row = Row(search_rows.rows_of(session, runtime(), portal, [place])[0], viewer, portal)
        opt_out = _opt_out(session, portal, row.found) if row.found.code == "opted_out" else None
    asked = _asked()
    return show(
        "pages/message.html",
        viewer,
        section="messages",
        timeline=found,
        cost=money.of_message(found.message),
        row=row,
        lost=resending.lost(viewer, portal, [row.found]),
        asked=asked,
        code=row.found.code,
        opt_out=opt_out,
        said=said,
        trouble=problem,
        signs=SIGNS,
        duration=wording.duration,
        marks=formatting.html,
        mask=lambda text: text if row.is_whole else without_phones(text),
    )


def _opt_out(session: Session, portal: Portal, found: Found) -> int | None:
    """The entry of the list that holds this client's messages back; None if it has been lifted since."""
    entries = opt_outs.entries(session, [portal.id], runtime().phone_keys(found.phone)) if found.phone else ()
    return min(((entry.line_id, entry.id) for entry in entries), default=(0, None))[1]


class Row:
    """A run as the viewer sees it: in the viewer's language; phones are masked if he has no right to see them."""

    def __init__(self, found: Found, viewer: Viewer, portal: Portal) -> None:
        self.found = found
        self._language, self.is_whole = viewer.language, sees_phones(viewer, portal)
        self._spoken = portal.language

    @property
    def url(self) -> str:
        """The page of its story."""
        if self.found.place.message_id:
            return url_for("pages.lone_message", message_id=self.found.id)
        return url_for("pages.message", run_id=self.found.id)

    @property
    def phone(self) -> Markup | str:
        return shown_phone(self.found.phone, self.is_whole)

    @property
    def object(self) -> str:
        return object_name(document_of(self.found.document)).to(self._language) or self.found.document[3]

    @property
    def path(self) -> str:
        """The path under which Bitrix24 shows the object; "" if it cannot be opened from our page."""
        on = document_of(self.found.document)
        return path_of(on)

    @property
    def item(self) -> str:
        """The CRM item, "DEAL_5"; "" without one."""
        module, _entity, _kind, item = (*self.found.document, "", "", "", "")[:4]
        return item if module.lower() == "crm" and crm_item(item) else ""

    @property
    def anchor(self) -> str:
        """Where the item's title goes, once it is known."""
        return f"o-{self.found.place.position}-{self.found.place.message_id}"

    @property
    def words(self) -> str:
        return self.found.text if self.is_whole else without_phones(self.found.text)

    @property
    def robot(self) -> str:
        return wording.title(self.found.side, self.found.action).to(self._language)

    @property
    def status(self) -> str:
        return _capital(wording.status(self.found.status, self.found.action).to(self._language))

    @property
    def waits_for(self) -> str:
        """What a held message waits for; "" for other states."""
        return wording.held(self.found.hold).to(self._language) if self.found.status == "held" else ""

    @property
    def reason(self) -> str:
        """Why the run failed, in a sentence; "" for other states."""
        found = self.found
        if found.status != "failed":
            return ""
        if found.has_message and (found.reason or not found.said):
            why = refusal(found.code, found.reason)
            text = Text(why.en, why.ru)
        else:
            text = reasons.explained(found.code, found.said, self._spoken, found.line)
        words = reasons.short(text).to(self._language)
        return words if self.is_whole else without_phones(words)


def shown_phone(digits: str, whole: bool) -> Markup | str:
    """A phone as people write it; its middle is masked unless `whole`."""
    if not digits:
        return "—"
    return texts.phone(digits) if whole else Markup('<bdi class="nowrap">{}</bdi>').format(masked(digits))


def masked(digits: str) -> str:
    """The phone with its middle masked: +7 912 ***-**-89."""
    whole = texts.spaced(digits)
    head = re.match(r"\+\d+ \d+(?=\D)", whole) or re.match(r"\D*\d{0,3}", whole)
    kept = head[0] if head else ""
    return kept + re.sub(r"\d(?=.*\d.*\d)", "*", whole[len(kept) :])


def without_phones(text: str) -> str:
    """A client's text with the phones in it masked."""
    return re.sub(r"\+?\d[\d ()-]{8,18}\d", lambda found: f"{found[0][:4]}***{found[0][-2:]}", text)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# --- CSV ---------------------------------------------------------------------------------------------------------------


@blueprint.post("/messages.csv", endpoint="messages_csv")
@reads
@takes_turn
def messages_csv(viewer: Viewer, portal: Portal) -> Response:
    """The filtered messages, newest first, at most 10,000 rows; static/download.js fetches this."""
    zone = reader_zone()
    query = _asked().query(runtime().clock(), zone, masked=not sees_phones(viewer, portal))
    return csv_response("messages.csv", _csv(viewer, portal, query, zone))


def _csv(viewer: Viewer, portal: Portal, query: Query, zone: timezone) -> Iterator[str]:
    heads = (
        *(_("Time"), _("Phone"), _("Object"), _("Robot"), _("Line"), _("Template or text"), _("Status")),
        *(_("Status since"), _("Code"), _("Reason"), _("Gupshup ID")),
    )
    sheet = Sheet(viewer.language)
    yield sheet.head(heads)
    before, count = None, 0
    while count < _LONGEST_CSV:
        with runtime().db.read() as session:
            piece = search.find(session, runtime(), portal, query, before, min(_CSV_PAGE, _LONGEST_CSV - count))
        yield sheet.rows(_cells(Row(row, viewer, portal), zone) for row in piece.rows)
        count, before = count + len(piece.rows), piece.before
        if before is None:
            return


def _cells(row: Row, zone: timezone) -> list[str]:
    found = row.found
    digits = found.phone if row.is_whole else masked(found.phone).lstrip("+") if found.phone else ""
    return [
        *(local(found.at, zone), digits, row.object, row.robot, found.line, row.words, row.status),
        *(local(found.reached_at, zone), found.code, row.reason, found.gupshup_id),
    ]
