"""The list of clients who want no messages: search, add, lift.

A phone travels in the body of a POST, because addresses end up in logs.
"""

from dataclasses import dataclass, field
from typing import Any

from flask import Response, request
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import func, select

from activities import phones
from messaging.policy import consent
from messaging.policy.consent import Cause, Client
from messaging.policy.sending import why
from messaging.portals import portals
from messaging.store import opt_outs
from messaging.store.models import Line, Portal
from messaging.store.opt_outs import EVERY_LINE, OptOut, Source
from web.context import runtime, typed
from web.frames import Viewer, page
from web.pages.messages import shown_phone
from web.pages.shell import blueprint, changes, reads, show
from web.rights import sees_phones

ROWS = 50


@dataclass
class Found:
    """What the list shows. before: the id behind which the next rows begin; None: there are none."""

    rows: list[OptOut]
    before: int | None = None
    words: str = ""
    is_one: bool = False
    errors: dict[str, str] = field(default_factory=dict)


@blueprint.route("/opt-outs", methods=["GET", "POST"], endpoint="opt_outs")
@reads
def listing(viewer: Viewer, portal: Portal) -> Response:
    """The whole page, the list alone after a search, or the next rows."""
    found = _found(portal)
    part = {"found": "pages/opt_outs_found.html", "more": "pages/opt_outs_rows.html"}.get(
        request.headers.get("HX-Target", "")
    )
    if part:
        return page(part, viewer, **_shown(viewer, portal, found))
    return table(viewer, portal, found)


@blueprint.get("/opt-outs/<int:entry_id>", endpoint="opt_out")
@reads
def one(viewer: Viewer, portal: Portal, entry_id: int) -> Response:
    """The list with this entry alone."""
    entry = _entry(portal, entry_id)
    if entry is None:
        return show("pages/problem.html", viewer, status=404, section="opt_outs", problem="not_found")
    return table(viewer, portal, Found([entry], is_one=True))


@blueprint.post("/opt-outs/add", endpoint="add_opt_out")
@changes
def add(viewer: Viewer, portal: Portal) -> Response:
    given = typed("phone").strip()[:120]
    numbers = [phones.digits(text, portals.phone_region(portal)) for text in phones.split(given)]
    known = [number for number in numbers if number is not None]
    if not known or len(known) < len(numbers):
        problem = _("This is not a phone number. Write it with the country code, for example +7 912 345-67-89")
        return table(viewer, portal, errors={"phone": problem}, given=given)
    cause = Cause(Source.PAGE, runtime().clock(), user_id=viewer.user_id)
    with runtime().db.write() as session:
        clients = [Client.of(runtime(), number) for number in known]
        new = consent.stop_all(session, runtime(), portal.id, clients, cause)
    if len(known) > 1:
        return table(
            viewer,
            portal,
            said=ngettext("%(num)s client is new on the list", "%(num)s clients are new on the list", new),
        )
    words = _("%(phone)s gets no more messages.") if new else _("%(phone)s was on the list already.")
    return table(viewer, portal, said=words % {"phone": shown_phone(known[0], whole=True)})


@blueprint.post("/opt-outs/<int:entry_id>/lift", endpoint="lift_opt_out")
@changes
def lift(viewer: Viewer, portal: Portal, entry_id: int) -> Response:
    entry = _entry(portal, entry_id)
    if entry is None:
        return table(viewer, portal, said=_("This opt-out has been lifted already."))
    cause = Cause(Source.PAGE, runtime().clock(), user_id=viewer.user_id)
    with runtime().db.write() as session:
        is_lifted = consent.lift(session, runtime(), entry, cause)
    if not is_lifted and entry.line_id != EVERY_LINE:
        return table(viewer, portal, refused=_("Only the client can lift this, in WhatsApp."))
    words = _("Messages may go to %(phone)s again.") % {"phone": shown_phone(entry.phone, whole=True)}
    return table(viewer, portal, said=words)


def table(viewer: Viewer, portal: Portal, found: Found | None = None, **more: Any) -> Response:
    """The page. more: said, refused: a sentence above it; errors, given: of the form; loaded: of an import."""
    found = found or Found(*_newest(portal, None))
    return show("pages/opt_outs.html", viewer, section="opt_outs", **_shown(viewer, portal, found), **more)


def _found(portal: Portal) -> Found:
    words = typed("words").strip()[:120]
    if not words:
        cursor = request.form.get("before", "")
        return Found(*_newest(portal, int(cursor) if cursor.isdecimal() and len(cursor) < 19 else None))
    number = phones.digits(words, portals.phone_region(portal))
    if number is None:
        return Found([], words=words, errors={"words": _("Enter the whole number, with the country code.")})
    with runtime().db.read() as session:
        rows = opt_outs.entries(session, [portal.id], runtime().phone_keys(number))
    return Found(list(rows), words=words)


def _newest(portal: Portal, before: int | None) -> tuple[list[OptOut], int | None]:
    with runtime().db.read() as session:
        rows = list(opt_outs.newest(session, portal.id, before, ROWS + 1))
    return rows[:ROWS], rows[ROWS - 1].id if len(rows) > ROWS else None


def _entry(portal: Portal, entry_id: int) -> OptOut | None:
    with runtime().db.read() as session:
        return session.scalar(select(OptOut).where(OptOut.id == entry_id, OptOut.portal_id == portal.id))


def _shown(viewer: Viewer, portal: Portal, found: Found) -> dict[str, Any]:
    with runtime().db.read() as session:
        lines = session.scalars(select(Line).where(Line.portal_id == portal.id)).all()
        total = session.scalar(select(func.count(OptOut.id)).where(OptOut.portal_id == portal.id)) or 0
    return {
        "found": found,
        "total": total,
        "lines": {line.id: line.name or line.app_name for line in lines},
        "shown_phone": lambda digits: shown_phone(digits, sees_phones(viewer, portal)),
        "why": lambda entry: why(entry).to(viewer.language),
    }
