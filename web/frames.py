"""Pages inside Bitrix24's iframes: who opened it, a short-lived signed session without cookies, headers that fit.

A frame's POST carries no signature, so its user is asked of the auth server each time. What the page then sends back is a
token we signed (portal, user, admin, 60 minutes) in a header: third-party cookies are blocked in many browsers, and a
header cannot be forged from another site.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from flask import Response, make_response, render_template, request
from itsdangerous import BadData, URLSafeTimedSerializer

from bx24.oauth import AppInfo
from bx24.payloads import FrameCall
from messaging import portals
from web.context import runtime

HEADER = "X-Waba24-Frame"
LIFETIME_S = 3600


@dataclass(frozen=True)
class Viewer:
    """Who looks at a page. `origin`: of the verified portal, for frame-ancestors and postMessage."""

    member_id: str
    user_id: int
    is_admin: bool
    origin: str
    language: str


def identify(call: FrameCall) -> tuple[Viewer, AppInfo]:
    """The verified user of a frame, and what the auth server said. Raises portals.Unverified, bx24.errors.Bx24Error."""
    info = portals.verify(runtime(), call.auth)
    parts = urlsplit(info.client_endpoint)
    viewer = Viewer(
        member_id=info.member_id,
        user_id=info.user_id or 0,
        is_admin=portals.is_admin(runtime(), info, call.auth.access_token),
        origin=f"{parts.scheme}://{parts.netloc}",
        language=call.lang,
    )
    return viewer, info


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(list(reversed(runtime().vault.keys)), salt="frame")


def issue(viewer: Viewer) -> str:
    """A token the page sends back in HEADER."""
    return _serializer().dumps([viewer.member_id, viewer.user_id, int(viewer.is_admin)])


def require_frame(view: Callable[..., Response]) -> Callable[..., Response]:
    """The view gets the `member_id` of a valid frame token as its first argument; everybody else 401."""

    @wraps(view)
    def checked(*args: Any, **kwargs: Any) -> Response:
        try:
            member_id, _, _ = _serializer().loads(request.headers.get(HEADER, ""), max_age=LIFETIME_S)
        except (BadData, ValueError):
            return make_response("", 401)
        return view(member_id, *args, **kwargs)

    return checked


def page(template: str, viewer: Viewer | None, status: int = 200, **values: Any) -> Response:
    """Render a page; only the verified portal may frame it, and nothing is loaded from elsewhere."""
    # A refusal carries no data and no control; blocked, it would be a blank frame that explains nothing.
    ancestors = viewer.origin if viewer else "*"
    token = issue(viewer) if viewer else ""
    response = make_response(render_template(template, viewer=viewer, frame_token=token, **values), status)
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        f"form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response


__all__ = ["Viewer", "identify", "issue", "page", "require_frame"]
