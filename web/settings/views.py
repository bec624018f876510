"""The routes: the page itself, the templates of a line, and the check of what is being typed.

Everyone who may edit robots gets this page from Bitrix24, administrator or not. The page stores nothing; Bitrix24 does,
when its own Save button is pressed.
"""

import json
from functools import partial
from typing import Any

import structlog
from flask import Blueprint, Response, jsonify, request
from flask_babel import LazyString, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from activities import phones
from activities.base import STATUS_RESULTS, Action
from activities.errors import Refused
from bx24 import open_points
from bx24.client import Client
from bx24.errors import Bx24Error
from bx24.fields_catalogue import groups
from messaging.portals import names, portals
from messaging.store.models import Portal
from robots import ROBOTS, lookup
from web.context import clean, empty, json_map, observe, refuse, runtime
from web.frames import OpenedFrame, Viewer, opens_frame, page, portal_of, refused, require_frame
from web.settings import check, fields, listing, texts
from web.texts import spaced

#: Property → what is said when the person sees nothing under its id.
_NAMED: dict[str, LazyString] = {
    "contact": _l("There is no such contact in CRM, or you may not see it"),
    "file": _l("There is no such file on Drive, or you may not see it"),
}
#: Codes of refusals for a field that is still empty.
MISSING = frozenset({"value_missing", "template_params"})
blueprint = Blueprint("settings", __name__)
_SIDES = ("robots", "activities")
log = structlog.get_logger(__name__)
_compact = partial(json.dumps, ensure_ascii=False, separators=(",", ":"))


@blueprint.get("/<any(robots, activities):side>/<name>/settings")
def outside(side: str, name: str) -> Response:
    """A reload inside the frame, or the address opened outside Bitrix24: there is no user to show anything to."""
    if lookup.action_of(side, name) is None:
        return refuse(404, f"no action {name}")
    return refused("open_inside", request.args.get("LANG", ""), 200)


@blueprint.post("/<any(robots, activities):side>/<name>/settings")
def settings(side: str, name: str) -> Response:
    """The page, for the user who edits the robot in Bitrix24."""
    action = lookup.action_of(side, name)
    return refuse(404, f"no action {name}") if action is None else _opened(side, action)


@opens_frame
def _opened(frame: OpenedFrame, side: str, action: Action) -> Response:
    portal = portal_of(frame.viewer, with_lines=True)
    if portal is None:
        return refused("not_installed", frame.call.lang, viewer=frame.viewer)
    observe(open_points.of_settings(frame.call))
    return _drawn(frame.viewer, portal, side, action, frame.call.options)


def _drawn(viewer: Viewer, portal: Portal, side: str, action: Action, options: dict[str, Any]) -> Response:
    lang = viewer.language
    properties = fields.properties(side, action, lang)
    values = fields.saved(side, action, options.get("current_values"))
    title = ROBOTS[action.name][1] if side == "robots" else action.title
    data = {
        "side": side,
        "action": action.name,
        "properties": properties,
        "values": values,
        "sizes": fields.SIZES,
        "lines": listing.of_lines(portal, lang),
        "texts": texts.words(),
    }
    catalogue = groups(
        options.get("document_fields"),
        options.get("template"),
        options.get("document_type"),
        lang,
        own=list(STATUS_RESULTS),
    )
    return page(
        "settings/page.html",
        viewer,
        title=title.to(lang),
        rows=[(one["title"], _shown(values[one["code"]])) for one in properties],
        data=_json(data),
        catalogue=_json([group.to_dict() for group in catalogue]),
    )


@blueprint.get("/settings/templates")
@require_frame
def templates(viewer: Viewer) -> Response:
    """?line= id, phone or name, empty: the default line; ?refresh=1 asks Gupshup anew. See listing.of_templates."""
    portal = portal_of(viewer, with_lines=True)
    if portal is None:
        return empty(403)
    anew = request.args.get("refresh") == "1"
    return jsonify(listing.of_templates(runtime(), portal, request.args.get("line", ""), anew, viewer.language))


@blueprint.post("/settings/check")
@require_frame
def checked(viewer: Viewer) -> Response:
    """JSON {side, action, values: code → text or texts} →
    {problems: [{field, code, index, text}], heading, recipient, country}.
    """
    given = json_map()
    side, values = given.get("side"), given.get("values")
    action = lookup.action_of(side, str(given.get("action"))) if isinstance(side, str) and side in _SIDES else None
    if action is None or not isinstance(values, dict):
        return empty(400)
    portal = portal_of(viewer, with_lines=True)
    if portal is None:
        return empty(403)
    found = check.problems(runtime(), portal, str(side), action, values)
    return jsonify(
        problems=[problem.to_dict(viewer.language) for problem in found],
        heading=_heading(found),
        recipient=_recipient(portal, values),
        country=portals.phone_region(portal),
    )


@blueprint.post("/settings/name")
@require_frame
def name(viewer: Viewer) -> Response:
    """JSON {access_token, property: "contact" or "file", value} → {name, phone, size, problem}: what an id stands for.

    Bitrix24 is asked with the access token of the person who looks. name: "" if the value is no id, if this person sees
    nothing under it, which `problem` then says, or if the portal does not answer. size: in bytes, 0 if unknown.
    """
    given = json_map()
    wanted, value, access = (given.get(key) for key in ("property", "value", "access_token"))
    if wanted not in _NAMED or not isinstance(value, str) or not isinstance(access, str):
        return empty(400)
    portal = portal_of(viewer)
    if portal is None:
        return empty(403)
    found, problem = None, ""
    try:
        with portals.client_of(runtime(), portal, clean(access), f"{viewer.member_id} {viewer.user_id}") as client:
            found = _named(client, portal, wanted, clean(value))
            problem = "" if found else str(_NAMED[wanted])
    except (Refused, portals.Unverified, Bx24Error) as error:
        log.info("nothing named", portal=portal.id, property=wanted, reason=type(error).__name__)
    found = found or names.Named("")
    return jsonify(name=found.name, phone=_as_dialled(portal, found.phone), size=found.size, problem=problem)


def _named(client: Client, portal: Portal, wanted: str, value: str) -> names.Named | None:
    if wanted == "contact":
        return names.contact(client, value)
    return names.file(client, portal.client_endpoint, value)


def _as_dialled(portal: Portal, phone: str) -> str:
    """As the client's phone will show it; one that is no number as CRM has it."""
    digits = phones.digits(phone, portals.phone_region(portal)) if phone else None
    return spaced(digits) if digits else phone


def _recipient(portal: Portal, values: dict[str, Any]) -> str:
    """The number that was typed as it will be used; else in which country numbers are read, `{country}` in the sentence."""
    if digits := check.recipient(portal, values):
        return str(_("We will send to %(phone)s", phone=spaced(digits)))
    return str(_("Numbers without a country code are read as numbers of: {country}"))


def _heading(found: list[check.Problem]) -> str:
    """The sentence on top of the page: to fill in fields, if all problems are empty fields; else to correct them."""
    if not found:
        return ""
    fields = len({(problem.field, problem.index) for problem in found})
    if all(problem.code in MISSING for problem in found):
        return str(
            ngettext(
                "Fill in %(num)d field, otherwise the robot will fail",
                "Fill in %(num)d fields, otherwise the robot will fail",
                fields,
            )
        )
    return str(
        ngettext(
            "Correct %(num)d field, otherwise the robot will fail",
            "Correct %(num)d fields, otherwise the robot will fail",
            fields,
        )
    )


def _shown(value: fields.Value | None) -> str:
    return "\n".join(value) if isinstance(value, list) else value or ""


def _json(data: Any) -> Markup:
    """JSON for a <script type="application/json">. Russian letters stay: escaped, each would take six characters."""
    return htmlsafe_json_dumps(data, dumps=lambda value, **_: _compact(value))
