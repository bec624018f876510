"""Chats with operators: where a line's clients write to, on the line's page and from the portal's contact centre."""

from typing import Any

from flask import Response
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from bx24.errors import Bx24Error
from bx24.open_lines import LineSettings
from messaging.insight import crm_work
from messaging.portals import open_lines, scopes
from messaging.store.models import Line, Portal
from messaging.store.open_channels import OpenLine
from web.context import runtime, typed
from web.frames import OpenedFrame, Viewer, page, portal_of, refused
from web.pages.lines.line import line_view
from web.pages.shell import ALONE, blueprint, changes, show

#: What a setting of the open line does (bx24.open_lines.LineSettings).
WARNINGS: dict[str, LazyString] = {
    "greeting": _l(
        "The open line has a greeting. It is not sent to WhatsApp: greet by a robot instead, and switch it off."
    ),
    "closing": _l("The open line has a closing text. It is not sent to WhatsApp."),
    "rating": _l("The open line asks clients for a rating. In WhatsApp nobody can rate: switch it off."),
    "absence": _l("The open line has a text for unanswered messages. It is not sent to WhatsApp."),
}
NEW = "new"


def _asked(portal: Portal, viewer: Viewer) -> tuple[list[LineSettings], str]:
    """The portal's open lines, and why it did not name them; only administrators need them."""
    if not viewer.is_admin or not scopes.has(portal, scopes.OPEN_CHANNELS):
        return [], ""
    try:
        return open_lines.listed(runtime(), portal.id), ""
    except Bx24Error as error:
        return [], str(error)


def _card(viewer: Viewer, portal: Portal, line: Line, said: str = "", problem: str = "") -> Response:
    found, silent = _asked(portal, viewer)
    with runtime().db.read() as session:
        on = open_lines.of_line(session, line.id)
    now = next((one for one in found if on is not None and one.id == on.open_line_id), None)
    warnings = now.warnings if now is not None else tuple(on.warnings or ()) if on is not None else ()
    return page(
        "pages/lines_channel.html",
        viewer,
        line=line,
        on=on,
        why=crm_work.remedy(on.error).to(viewer.language) if on is not None and on.error else "",
        code=crm_work.code(on.error) if on is not None else "",
        is_granted=scopes.has(portal, scopes.OPEN_CHANNELS),
        choices=[(str(one.id), one.name) for one in found if one.is_active or one is now],
        is_gone=bool(found) and on is not None and now is None,
        is_switched_off=now is not None and not now.is_active,
        warnings=[WARNINGS[warning] for warning in warnings if warning in WARNINGS],
        said=said,
        problem=problem or silent,
    )


@line_view("/channel", "line_channel")
def channel(viewer: Viewer, portal: Portal, line: Line) -> Response:
    """The card of the line's page; the page asks for it by itself, because the portal must be asked."""
    return _card(viewer, portal, line)


@line_view("/channel", "switch_channel", "POST")
def switch_on(viewer: Viewer, portal: Portal, line: Line) -> Response:
    problem = _switched(line.id, typed("open_line"))
    return _card(
        viewer, portal, line, "" if problem else _("Switched on. Clients' messages now come into the chats."), problem
    )


@line_view("/channel/off", "channel_off", "POST")
def switch_off(viewer: Viewer, portal: Portal, line: Line) -> Response:
    return _card(
        viewer, portal, line, _("Switched off. Clients' messages come into no chat any more."), _switched_off(line.id)
    )


def _switched(line_id: int, wanted: str) -> str:
    """Switch the line on at an open line; why that did not work, "" if it did."""
    if wanted != NEW and not (wanted.isdecimal() and len(wanted) < 10):
        return str(_("Choose an open line."))
    try:
        open_lines.switch_on(runtime(), line_id, None if wanted == NEW else int(wanted))
    except open_lines.Taken as error:
        return str(_("The line %(name)s is switched on there already. Choose another open line.", name=str(error)))
    except LookupError:
        return str(_("There is no such open line any more. Choose another one."))
    except Bx24Error as error:
        return str(_("Bitrix24 answered: %(said)s", said=str(error)))
    return ""


def _switched_off(line_id: int) -> str:
    try:
        open_lines.switch_off(runtime(), line_id)
    except Bx24Error as error:
        return str(_("Bitrix24 answered: %(said)s", said=str(error)))
    return ""


# --- the portal's contact centre ----------------------------------------------------------------------------------------------


def opened(frame: OpenedFrame) -> Response:
    """The page that the contact centre opens for one open line (placement SETTING_CONNECTOR)."""
    portal = portal_of(frame.viewer)
    if portal is None:
        return refused("not_installed", frame.call.lang, viewer=frame.viewer)
    given = {str(key).upper(): value for key, value in frame.call.options.items()}
    number = str(given.get("LINE") or "")
    if not number.isdecimal() or len(number) > 9:
        return show("pages/problem.html", frame.viewer, status=404, shell=ALONE, problem="not_found")
    return _centre(frame.viewer, portal, int(number))


@blueprint.post("/channels/<int:open_line>", endpoint="centre_on")
@changes
def centre_on(viewer: Viewer, portal: Portal, open_line: int) -> Response:
    """Switch a line on at this open line."""
    chosen = typed("line")
    mine = {line.id: line for line, _on in _lines(portal)}
    if not chosen.isdecimal() or len(chosen) > 18 or int(chosen) not in mine:
        return _centre(viewer, portal, open_line, problem=_("Choose a line."))
    problem = _switched(int(chosen), str(open_line))
    said = "" if problem else _("Switched on. Clients' messages now come into the chats.")
    return _centre(viewer, portal, open_line, said=said, problem=problem)


@blueprint.post("/channels/<int:open_line>/off", endpoint="centre_off")
@changes
def centre_off(viewer: Viewer, portal: Portal, open_line: int) -> Response:
    """Switch off whichever line is on at this open line."""
    problem = ""
    for line, on in _lines(portal):
        if on is not None and on.open_line_id == open_line:
            problem = _switched_off(line.id)
    said = _("Switched off. Clients' messages come into no chat any more.")
    return _centre(viewer, portal, open_line, said=said, problem=problem)


def _centre(viewer: Viewer, portal: Portal, open_line: int, **said: Any) -> Response:
    found, silent = _asked(portal, viewer)
    lines = _lines(portal)
    this = next((one for one in found if one.id == open_line), None)
    here = next((line for line, on in lines if on is not None and on.open_line_id == open_line), None)
    return show(
        "pages/connector.html",
        viewer,
        shell=ALONE,
        has_banner=False,
        open_line=open_line,
        name=this.name if this is not None else "",
        warnings=[WARNINGS[warning] for warning in (this.warnings if this is not None else ())],
        here=here,
        choices=[(str(line.id), f"{line.name or line.app_name} (+{line.phone})") for line, _on in lines],
        **{"said": "", "problem": "", **{key: value for key, value in said.items() if value}},
        silent=silent,
    )


def _lines(portal: Portal) -> list[tuple[Line, OpenLine | None]]:
    """The portal's connected lines, each with where it is switched on."""
    with runtime().db.read() as session:
        mine = (Line.portal_id == portal.id) & (Line.status == "connected")
        rows = session.execute(
            select(Line, OpenLine).outerjoin(OpenLine, OpenLine.line_id == Line.id).where(mine).order_by(Line.id)
        )
        return [(line, on) for line, on in rows]
