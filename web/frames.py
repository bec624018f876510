"""Pages inside Bitrix24's iframes: their verified user, a signed session without cookies, the security headers.

The POST that opens a frame carries no signature, so the auth server is asked for its user each time. From then on the page
sends a token that we signed (portal, user, administrator, 60 minutes) in a header: many browsers block third-party cookies,
and another site cannot forge a header. When the token has expired, the page gets a fresh user token from Bitrix24 and
exchanges it for a new token of ours (`renew`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

import structlog
from flask import Blueprint, Response, g, jsonify, make_response, render_template, request
from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from bx24 import open_points
from bx24.errors import Bx24Error
from bx24.i18n import language
from bx24.oauth import AppInfo
from bx24.payloads import Auth, FrameCall, PayloadError, frame_form, parse_query
from messaging.limits import bounds
from messaging.portals import portals
from messaging.store.models import Portal
from web.context import body, caller_address, clean, empty, json_map, keep_shape, observe, refuse, runtime
from web.refusals import Reason, because

HEADER = "X-Waba24-Frame"
LIFETIME_S = 3600
#: For this time an expired token still names its portal, so that the page can get a new token.
RENEWABLE_S = 24 * 3600

blueprint = Blueprint("frames", __name__, url_prefix="/frame")
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Viewer:
    """The user of a page and the page's language. origin: of the verified portal, for frame-ancestors and postMessage.

    sid: Bitrix24's APP_SID of this frame; the parent window ignores messages without it.
    """

    member_id: str
    user_id: int
    is_admin: bool
    origin: str
    language: str
    sid: str = ""


@dataclass(frozen=True)
class OpenedFrame:
    """The POST with which Bitrix24 opened a frame, its verified user, and what the auth server said about the portal."""

    call: FrameCall
    viewer: Viewer
    info: AppInfo


def opens_frame(view: Callable[..., Response]) -> Callable[..., Response]:
    """For the POST with which Bitrix24 opens a frame: the view gets the OpenedFrame as its first argument.

    A POST that cannot be read is answered 400. If the auth server does not confirm the user or does not answer, the user
    sees a page that says so (403); likewise if the view raises portals.Unverified or Bx24Error. Too many such POSTs: 429.
    """

    @wraps(view)
    def verified(*args: Any, **kwargs: Any) -> Response:
        try:
            form, options = frame_form(body(bounds.FRAME_BYTES))
            g.form = form
            call = FrameCall.parse(form, parse_query(request.query_string), options)
        except PayloadError as error:
            return refuse(400, error)
        try:
            speak(language(call.lang))
            viewer, info = _identify(call.auth, call.lang, call.app_sid)
            observe(open_points.of_frame(call))
            return view(OpenedFrame(call, viewer, info), *args, **kwargs)
        except PayloadError as error:
            return refuse(400, error)  # the options, which are not read before the user is known
        except portals.Unverified as error:
            log.warning("frame refused", path=request.path, reason=str(error), member_id=call.member_id)
            keep_shape("403")
            return refused("unverified", call.lang)
        except Bx24Error as error:
            log.warning("frame not verified", path=request.path, code=error.code)
            because(Reason.BUSY if error.code == "busy" else Reason.UNAVAILABLE)
            return refused("unavailable", call.lang)

    return verified


def _identify(auth: Auth, lang: str, sid: str, person: str = "") -> tuple[Viewer, AppInfo]:
    """The user whose access token this is. person: who asks, if we know. Raises Unverified, OverQuota, Bx24Error."""
    info, is_admin = portals.identify(runtime(), auth, caller_address(), person)
    parts = urlsplit(info.client_endpoint)
    viewer = Viewer(
        member_id=info.member_id,
        user_id=info.user_id or 0,
        is_admin=is_admin,
        origin=f"{parts.scheme}://{parts.netloc}",
        language=language(lang),
        sid=sid,
    )
    return viewer, info


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(list(reversed(runtime().cipher.keys)), salt="frame")


def issue(viewer: Viewer) -> str:
    """The token that the page sends back in HEADER."""
    return _serializer().dumps(
        [viewer.member_id, viewer.user_id, int(viewer.is_admin), viewer.origin, viewer.language, viewer.sid]
    )


def read(token: str, max_age: int = LIFETIME_S) -> Viewer:
    """The viewer whose token this is. Raises BadData if it is forged or expired."""
    try:
        member_id, user_id, is_admin, origin, lang, sid = _serializer().loads(token, max_age=max_age)
    except ValueError as error:  # issued by an earlier version
        raise SignatureExpired(str(error)) from None
    return Viewer(member_id, user_id, bool(is_admin), origin, lang, sid)


def require_frame(view: Callable[..., Response]) -> Callable[..., Response]:
    """Answer 401 without a valid frame token; the view gets the token's Viewer as its first argument."""

    @wraps(view)
    def checked(*args: Any, **kwargs: Any) -> Response:
        token = request.headers.get(HEADER, "")
        try:
            viewer = read(token)
        except BadData:
            return _outside()
        g.frame_token = token
        speak(viewer.language)
        return view(viewer, *args, **kwargs)

    return checked


def _outside() -> Response:
    """401: for a script without a body, its session has ended; for a person a page that says where to open the app."""
    if HEADER in request.headers or request.method != "GET":
        return empty(401)
    return refused("open_inside", request.accept_languages.best_match(["ru", "en"], "en"), 401)


@blueprint.post("/session")
def renew() -> Response:
    """A new token for a page whose token has expired; a fresh access token of Bitrix24 proves its user.

    Header HEADER: the old token, which says the portal; JSON body {"access_token"}. Answers {"token"} or 401.
    """
    try:
        old = read(request.headers.get(HEADER, ""), max_age=RENEWABLE_S)
    except BadData:
        return empty(401)
    access = clean(str(json_map().get("access_token") or ""))
    try:
        person = f"{old.member_id} {old.user_id}"
        viewer, _ = _identify(Auth(member_id=old.member_id, access_token=access), old.language, old.sid, person)
    except (portals.Unverified, Bx24Error) as error:
        log.warning("frame session not renewed", reason=str(error), member_id=old.member_id)
        return empty(401)
    if viewer.user_id != old.user_id:
        log.warning("frame session not renewed", reason="another user", member_id=old.member_id)
        return empty(401)
    return jsonify(token=issue(viewer))


def portal_of(viewer: Viewer, *, with_lines: bool = False) -> Portal | None:
    """The viewer's portal; None if the app was removed from it. No session stays open: `lines` only if asked for."""
    query = select(Portal).where(Portal.member_id == viewer.member_id)
    if with_lines:
        query = query.options(selectinload(Portal.lines))
    with runtime().db.read() as session:
        portal = session.scalar(query)
    return portal if portal is not None and portal.status != "inactive" else None


def speak(lang: str) -> None:
    """Set the language of this answer's texts: "ru" or "en"."""
    g.language = lang


def page(template: str, viewer: Viewer | None, status: int = 200, **values: Any) -> Response:
    """Render a page. Only the verified portal may frame it, and it loads nothing from other sites."""
    # A refusal without a viewer holds no data and no buttons, so any site may frame it; a blocked frame would be blank.
    ancestors = viewer.origin if viewer else "*"
    frame = {"token": _token_for(viewer), "origin": viewer.origin, "sid": viewer.sid} if viewer else None
    values.setdefault("lang", g.get("language", "en"))
    response = make_response(render_template(template, viewer=viewer, frame=frame, **values), status)
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        f"form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response


def refused(reason: str, lang: str, status: int = 403, viewer: Viewer | None = None) -> Response:
    """The page that says why nothing is shown. reason: a case of templates/refused.html; lang: as the caller named it."""
    speak(language(lang))
    return page("refused.html", viewer, status, reason=reason)


def _token_for(viewer: Viewer) -> str:
    """The token of this request, if it has one. A new token would prolong the session without verifying its rights again."""
    return str(g.get("frame_token") or issue(viewer))


__all__ = ["OpenedFrame", "Viewer", "issue", "opens_frame", "page", "portal_of", "refused", "require_frame", "speak"]
