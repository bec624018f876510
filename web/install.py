"""The install page, the main page, and Bitrix24's events."""

import structlog
from flask import Blueprint, Response, jsonify, request
from sqlalchemy import select

from bx24.errors import Bx24Error
from bx24.i18n import language
from bx24.payloads import EventCall, FrameCall, PayloadError, parse_query
from messaging.portals import portals
from messaging.store.models import Portal, shard_of
from web.context import empty, form, refuse, runtime
from web.frames import Viewer, identify, page, portal_of, require_frame, speak
from web.pages import start

blueprint = Blueprint("bx24", __name__, url_prefix="/bx24")
log = structlog.get_logger(__name__)


@blueprint.get("/install")
@blueprint.get("/app")
def outside() -> Response:
    """A reload inside the frame, or a curious visitor: there is no user to show anything to."""
    return _refusal("open_inside", request.args.get("LANG", ""), 200)


@blueprint.post("/install")
def install() -> Response:
    """Verify, store, and show a page that finishes the install from the browser once the robots are registered."""
    try:
        call = FrameCall.parse(form(), parse_query(request.query_string))
    except PayloadError as error:
        return refuse(400, error)
    try:
        viewer, info = identify(call)
        if not viewer.is_admin:
            return _refusal("not_admin", call.lang, 403, viewer)
        portal = portals.install(runtime(), call.auth, info, call.lang)
    except portals.Unverified as error:
        log.warning("install refused", reason=str(error), member_id=call.member_id)
        return _refusal("unverified", call.lang, 403)
    except Bx24Error as error:
        log.warning("install not verified", code=error.code)
        return _refusal("unavailable", call.lang, 403)
    runtime().bells.ring([shard_of(portal.id)])
    speak(viewer.language)
    return page("install.html", viewer)


@blueprint.get("/install/status")
@require_frame
def install_status(viewer: Viewer) -> Response:
    """What the install page asks for: are the robots registered, and what failed."""
    with runtime().db.read() as session:
        portal = session.scalar(select(Portal).where(Portal.member_id == viewer.member_id))
    if portal is None:
        return empty(404)
    report = portal.registration or {}
    return jsonify(
        registered=portal.registered_at is not None and portal.registered_at >= portal.installed_at,
        failed=report.get("failed", {}) or ({"": report["error"]} if "error" in report else {}),
        tries=portal.registration_tries,
    )


@blueprint.post("/app")
def main() -> Response:
    """The app's page: what is connected and registered. Everyone who may open the app reads."""
    try:
        call = FrameCall.parse(form(), parse_query(request.query_string))
    except PayloadError as error:
        return refuse(400, error)
    try:
        viewer, info = identify(call)
        if viewer.is_admin and portals.awaits_user(runtime(), viewer.member_id):
            portals.install(runtime(), call.auth, info, call.lang)  # the pair that was missing
        if info.installed:
            portals.finished(runtime(), viewer.member_id)
    except portals.Unverified as error:
        log.warning("frame refused", reason=str(error), member_id=call.member_id)
        return _refusal("unverified", call.lang, 403)
    except Bx24Error as error:
        log.warning("frame not verified", code=error.code)
        return _refusal("unavailable", call.lang, 403)
    speak(viewer.language)
    portal = portal_of(viewer)
    return _refusal("not_installed", call.lang, 403, viewer) if portal is None else start.draw(viewer, portal)


@blueprint.post("/events")
def events() -> Response:
    """ONAPPINSTALL proves itself by its token at the auth server; everything else by the application_token."""
    try:
        call = EventCall.parse(form())
    except PayloadError as error:
        return refuse(400, error)
    if call.event == "ONAPPINSTALL":
        return _installed(call)
    portal = portals.recognise(runtime(), call.auth)
    if portal is None:
        return refuse(403, f"{call.event} of an unknown portal or with a wrong application_token")
    log.info("event", event_name=call.event, portal=portal.id)
    if call.event == "ONAPPUPDATE":
        portals.updated(runtime(), portal.id, call.auth)
    elif call.event == "ONAPPUNINSTALL":
        portals.uninstall(runtime(), portal.id, clean=str(call.data.get("CLEAN", "")) == "1")
    elif call.event == "ONAPPPAYMENT":
        portals.updated(runtime(), portal.id, call.auth)
    runtime().bells.ring([shard_of(portal.id)])
    return empty()


def _installed(call: EventCall) -> Response:
    try:
        info, is_admin = portals.identify(runtime(), call.auth)
        if not is_admin:
            return refuse(403, "ONAPPINSTALL of a user who is not an administrator")
        portal = portals.install(runtime(), call.auth, info, str(call.data.get("LANGUAGE_ID") or ""))
    except (portals.Unverified, Bx24Error) as error:
        return refuse(403, f"ONAPPINSTALL not verified: {error}")
    runtime().bells.ring([shard_of(portal.id)])
    return empty()


def _refusal(reason: str, lang: str, status: int, viewer: Viewer | None = None) -> Response:
    speak(language(lang))
    return page("refused.html", viewer, status, reason=reason)
