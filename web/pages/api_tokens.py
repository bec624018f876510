"""API: tokens with which other programs send messages for this portal. For administrators."""

from typing import Any

from flask import Response, request
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from messaging.api import tokens
from messaging.api.scopes import RESOURCES, SCOPES
from messaging.store.models import Portal
from web.context import runtime, typed
from web.frames import Viewer
from web.pages.shell import blueprint, changes, show

#: Resource → its name for people.
NAMES: dict[str, LazyString] = {
    "messages": _l("Messages and replies"),
    "campaigns": _l("Campaigns"),
    "templates": _l("Templates"),
    "optouts": _l("Opt-outs"),
    "lines": _l("Lines"),
    "reports": _l("Reports"),
    "webhooks": _l("Webhooks"),
}


@blueprint.get("/api", endpoint="api")
@changes
def listing(viewer: Viewer, portal: Portal) -> Response:
    return _draw(viewer, portal)


@blueprint.post("/api/add", endpoint="add_api_token")
@changes
def add(viewer: Viewer, portal: Portal) -> Response:
    """Make a token, and show it this once."""
    name = typed("name").strip()
    wanted = [scope for scope in request.form.getlist("scope") if scope in SCOPES]
    errors = {}
    if not name:
        errors["name"] = _("Give it a name by which you will know it again.")
    if len(name) > tokens.NAME_LENGTH:
        errors["name"] = _("At most %(most)s characters.", most=tokens.NAME_LENGTH)
    if not wanted:
        errors["scope"] = _("Tick at least one right.")
    if errors:
        return _draw(viewer, portal, errors=errors, given={"name": name, "scopes": wanted})
    try:
        made = tokens.add(runtime(), portal.id, name, wanted, viewer.user_id)
    except tokens.TooMany:
        words = _("There are %(most)s tokens already. Revoke one that is not used.", most=tokens.AT_MOST)
        return _draw(viewer, portal, errors={"name": words}, given={"name": name, "scopes": wanted})
    return _draw(viewer, portal, made=made)


@blueprint.post("/api/<int:token_id>/revoke", endpoint="revoke_api_token")
@changes
def revoke(viewer: Viewer, portal: Portal, token_id: int) -> Response:
    try:
        tokens.revoke(runtime(), token_id, portal.id, viewer.user_id)
    except LookupError:
        return show("pages/problem.html", viewer, status=404, section="api", problem="not_found")
    return _draw(viewer, portal, said=_("The token is revoked. Programs that still use it are refused."))


def _draw(viewer: Viewer, portal: Portal, **more: Any) -> Response:
    """The page. more: made: a new token; said: a sentence above it; errors, given: of the form."""
    with runtime().db.read() as session:
        rows = [token for token in tokens.listed(session, portal.id) if token.revoked_at is None]
    values: dict[str, Any] = {"errors": {}, "given": {"name": "", "scopes": ["messages:write", "lines:read"]}, **more}
    return show(
        "pages/api.html",
        viewer,
        section="api",
        rows=list(reversed(rows)),
        resources=RESOURCES,
        names=NAMES,
        shown_scopes=_shown_scopes,
        address=f"{runtime().config.public_url}/api/v1",
        **values,
    )


def _shown_scopes(scopes: list[str]) -> list[tuple[LazyString, bool]]:
    """Names of what a token may do, and whether it may change it."""
    held = [scope.partition(":") for scope in scopes]
    return [(NAMES[resource], verb == "write") for resource, _colon, verb in held if resource in NAMES]
