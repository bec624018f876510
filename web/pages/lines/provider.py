"""The line as a sender of the portal's own "SMS": whether it is registered, and how it sends free texts."""

from dataclasses import dataclass

from flask import Response
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from bx24.message_service import code_of
from messaging.portals import scopes
from messaging.store.models import Line, Portal
from messaging.store.provider import Quiet
from messaging.templates import free_texts
from messaging.templates.catalogue import Templates
from web.context import runtime, typed
from web.frames import Viewer, page
from web.pages.lines.line import line_view

QUIET: dict[Quiet, LazyString] = {
    Quiet.SEND: _l("send all the same"),
    Quiet.HOLD: _l("send when they end"),
    Quiet.DROP: _l("do not send"),
}


@dataclass(frozen=True)
class Registered:
    """state: `no_scope`, `refused` (why: Bitrix24's words), `pending` or `ok`."""

    state: str
    why: str = ""


def registered(portal: Portal, line: Line) -> Registered:
    """Whether the portal has the line among its senders, as the last registration left it."""
    known = portal.registration or {}
    if portal.registered_at is not None and not scopes.has(portal, scopes.MESSAGES):
        return Registered("no_scope")
    if (why := known.get("failed", {}).get(code_of(line.id))) is not None:
        return Registered("refused", str(why))
    return Registered("pending" if portal.registration_due_at is not None or portal.registered_at is None else "ok")


def _card(viewer: Viewer, portal: Portal, line: Line, said: str = "", problem: str = "") -> Response:
    known, silent = Templates(runtime(), line).listed()
    chosen, quiet = free_texts.settings_of(runtime(), line)
    offered = free_texts.offered(known)
    name = next((info.name for info in known if info.id == chosen), chosen)
    return page(
        "pages/lines_provider.html",
        viewer,
        line=line,
        registered=registered(portal, line),
        offered=offered,
        chosen=chosen,
        chosen_name=name,
        is_lost=bool(chosen) and chosen not in [info.id for info in offered],
        quiet=quiet,
        quiets=QUIET,
        said=said,
        problem=problem,
        is_silent=silent is not None,
    )


@line_view("/provider", "line_provider")
def provider(viewer: Viewer, portal: Portal, line: Line) -> Response:
    """The card of the line's page; the page asks for it by itself, because Gupshup may have to be asked for templates."""
    return _card(viewer, portal, line)


@line_view("/provider", "set_provider", "POST")
def change(viewer: Viewer, portal: Portal, line: Line) -> Response:
    known, _silent = Templates(runtime(), line).listed()
    try:
        free_texts.change(runtime(), line, known, typed("template"), typed("quiet"))
    except ValueError as error:
        if str(error) == "template":
            problem = _(
                "This template cannot be chosen: it needs exactly one variable, in its text. Choose another one."
            )
        else:
            problem = _("Choose what happens in quiet hours.")
        return _card(viewer, portal, line, problem=problem)
    return _card(viewer, portal, line, said=_("Saved."))
