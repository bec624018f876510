"""The install page, the main page, and Bitrix24's events."""

import structlog
from flask import Blueprint, Response, jsonify, request
from sqlalchemy import select

from bx24.errors import Bx24Error
from bx24.payloads import EventCall, PayloadError
from messaging.doctor import echo
from messaging.intake import portal_events
from messaging.limits import bounds
from messaging.limits.quotas import OverQuota
from messaging.portals import portals, uninstalling
from messaging.store.models import Portal, shard_of
from web.context import empty, form, refuse, runtime
from web.frames import OpenedFrame, Viewer, opens_frame, page, portal_of, refused, require_frame
from web.pages import messages, panel, start
from web.pages.campaigns import opening as new_campaign
from web.pages.hand import opening
from web.pages.lines import channel

blueprint = Blueprint("bx24", __name__, url_prefix="/bx24")
log = structlog.get_logger(__name__)


@blueprint.get("/install")
@blueprint.get("/app")
@blueprint.get("/connector")
@blueprint.get("/panel")
@blueprint.get("/hand")
@blueprint.get("/campaign")
def outside() -> Response:
    """A reload inside the frame, or the address opened outside Bitrix24: there is no user to show anything to."""
    return refused("open_inside", request.args.get("LANG", ""), 200)


@blueprint.post("/install")
@opens_frame
def install(frame: OpenedFrame) -> Response:
    """Store the portal and show a page that finishes the install from the browser once the robots are registered."""
    if not frame.viewer.is_admin:
        return refused("not_admin", frame.call.lang, viewer=frame.viewer)
    portal = portals.install(runtime(), frame.call.auth, frame.info, frame.call.lang)
    runtime().wakeups.notify([shard_of(portal.id)])
    return page("install.html", frame.viewer)


@blueprint.get("/install/status")
@require_frame
def install_status(viewer: Viewer) -> Response:
    """JSON for the install page: whether the robots are registered, which were refused and why, how many tries."""
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
@opens_frame
def main(frame: OpenedFrame) -> Response:
    """The app's first page. Everyone who may open the app reads."""
    viewer = frame.viewer
    if viewer.is_admin and portals.awaits_user(runtime(), viewer.member_id):
        # The pair of tokens that was missing.
        portals.install(runtime(), frame.call.auth, frame.info, frame.call.lang, is_new=False)
    if frame.info.installed:
        portals.finished(runtime(), viewer.member_id)
    portal = portal_of(viewer)
    if portal is None:
        return refused("not_installed", frame.call.lang, viewer=viewer)
    story = _story(frame)
    return messages.opened(viewer, portal, story) if story else start.draw(viewer, portal)


def _story(frame: OpenedFrame) -> str:
    """The story that a timeline card's button “Open story” names, "" if the app was opened in another way."""
    try:
        return str(frame.call.options.get("story") or "")
    except PayloadError:
        return ""  # options that nobody needs here


@blueprint.post("/connector")
@opens_frame
def connector(frame: OpenedFrame) -> Response:
    """Our settings of an open line, opened from the portal's contact centre."""
    return channel.opened(frame)


@blueprint.post("/panel")
@opens_frame
def beside_chat(frame: OpenedFrame) -> Response:
    """The panel below the input field of a chat."""
    return panel.opened(frame)


@blueprint.post("/hand")
@opens_frame
def by_hand(frame: OpenedFrame) -> Response:
    """Sending by hand, from a card of the CRM or from the row of a list."""
    return opening.opened(frame)


@blueprint.post("/campaign")
@opens_frame
def campaign(frame: OpenedFrame) -> Response:
    """A new campaign, from the button above a list of the CRM."""
    return new_campaign.opened(frame)


@blueprint.post("/events")
def events() -> Response:
    """Events of Bitrix24. The auth server confirms the token of ONAPPINSTALL; other events prove the application_token."""
    try:
        call = EventCall.parse(form(bounds.EVENT_BYTES))
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
        uninstalling.uninstall(runtime(), portal.id, clean=str(call.data.get("CLEAN", "")) == "1")
    elif call.event == "ONAPPPAYMENT":
        portals.updated(runtime(), portal.id, call.auth)
    elif call.event == echo.EVENT:
        echo.heard(runtime(), portal.id, call.data)
    elif call.event in portal_events.EVENTS:
        if again_s := runtime().event_quota.take(str(portal.id)):
            raise OverQuota("events of a portal", again_s)
        portal_events.EVENTS[call.event].handle(runtime(), portal, call)
    runtime().wakeups.notify([shard_of(portal.id)])
    return empty()


def _installed(call: EventCall) -> Response:
    try:
        info, is_admin = portals.identify(runtime(), call.auth)
        if not is_admin:
            return refuse(403, "ONAPPINSTALL of a user who is not an administrator")
        portal = portals.install(runtime(), call.auth, info, str(call.data.get("LANGUAGE_ID") or ""))
    except (portals.Unverified, Bx24Error) as error:
        return refuse(403, f"ONAPPINSTALL not verified: {error}")
    runtime().wakeups.notify([shard_of(portal.id)])
    return empty()
