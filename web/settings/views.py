"""The routes: the page itself, a line's templates, and the check of what is being written.

Everyone who may edit robots gets this page from Bitrix24, administrator or not: it stores nothing by itself, the portal
does when its own Save is pressed.
"""

import json
from functools import partial
from typing import Any

import structlog
from flask import Blueprint, Response, jsonify, request
from flask_babel import ngettext
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from activities.base import STATUS_RESULTS, Action
from bx24.errors import Bx24Error
from bx24.fields_catalogue import groups
from bx24.i18n import language
from bx24.payloads import FrameCall, PayloadError, parse_query
from messaging.portals import portals
from messaging.store.models import Portal
from robots import ROBOTS, lookup
from web.context import empty, form, json_map, refuse, runtime
from web.frames import Viewer, identify, page, require_frame, speak
from web.settings import check, fields, listing, texts

#: What a field that is still empty is refused with.
MISSING = frozenset({"value_missing", "template_params"})
blueprint = Blueprint("settings", __name__)
log = structlog.get_logger(__name__)
_SIDES = ("robots", "activities")
_compact = partial(json.dumps, ensure_ascii=False, separators=(",", ":"))


@blueprint.get("/<any(robots, activities):side>/<name>/settings")
def outside(side: str, name: str) -> Response:
    """A reload inside the frame, or a curious visitor."""
    if lookup.action_of(side, name) is None:
        return refuse(404, f"no action {name}")
    return _refusal("open_inside", request.args.get("LANG", ""), 200)


@blueprint.post("/<any(robots, activities):side>/<name>/settings")
def settings(side: str, name: str) -> Response:
    """The page, for whoever Bitrix24 says is looking at the robot."""
    action = lookup.action_of(side, name)
    if action is None:
        return refuse(404, f"no action {name}")
    try:
        call = FrameCall.parse(form(), parse_query(request.query_string))
    except PayloadError as error:
        return refuse(400, error)
    try:
        viewer, _ = identify(call)
    except portals.Unverified as error:
        log.warning("settings refused", reason=str(error), member_id=call.member_id)
        return _refusal("unverified", call.lang, 403)
    except Bx24Error as error:
        log.warning("settings not verified", code=error.code)
        return _refusal("unavailable", call.lang, 403)
    speak(viewer.language)
    portal = _portal(viewer)
    if portal is None:
        return _refusal("not_installed", call.lang, 403, viewer)
    return _drawn(viewer, portal, side, action, call.options)


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
    portal = _portal(viewer)
    if portal is None:
        return empty(403)
    anew = request.args.get("refresh") == "1"
    return jsonify(listing.of_templates(runtime(), portal, request.args.get("line", ""), anew, viewer.language))


@blueprint.post("/settings/check")
@require_frame
def checked(viewer: Viewer) -> Response:
    """JSON {side, action, values: code → text or texts} → {problems: [{field, code, index, text}], heading}."""
    given = json_map()
    side, values = given.get("side"), given.get("values")
    action = lookup.action_of(side, str(given.get("action"))) if isinstance(side, str) and side in _SIDES else None
    if action is None or not isinstance(values, dict):
        return empty(400)
    portal = _portal(viewer)
    if portal is None:
        return empty(403)
    found = check.problems(runtime(), portal, str(side), action, values)
    return jsonify(problems=[problem.to_dict(viewer.language) for problem in found], heading=_heading(found))


def _heading(found: list[check.Problem]) -> str:
    """What the bar on top says: to fill in, if something is missing and nothing is wrong."""
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


def _portal(viewer: Viewer) -> Portal | None:
    """The viewer's portal with its lines, unless the app was removed from it. No session stays open: Gupshup may be slow."""
    with runtime().db.read() as session:
        lines = selectinload(Portal.lines)
        portal = session.scalar(select(Portal).where(Portal.member_id == viewer.member_id).options(lines))
    return portal if portal is not None and portal.status != "inactive" else None


def _shown(value: fields.Value | None) -> str:
    return "\n".join(value) if isinstance(value, list) else value or ""


def _json(data: Any) -> Markup:
    """As the content of a <script type="application/json">; Russian letters as they are: escaped they are thrice as long."""
    return htmlsafe_json_dumps(data, dumps=lambda value, **_: _compact(value))


def _refusal(reason: str, lang: str, status: int, viewer: Viewer | None = None) -> Response:
    speak(language(lang))
    return page("refused.html", viewer, status, reason=reason)
