"""What the app's pages share: the blueprint, the navigation, the rights to read and to change.

A page is one template that extends `base`: the whole document when the portal opens the frame, only what goes into
<main> when htmx asks. Everyone who may open the app reads; only the portal's administrators change settings; what else
people may do is a right (messaging.policy.rights).
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, Response, request
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from messaging.policy.rights import Right
from messaging.store.models import Portal
from web.frames import Viewer, page, portal_of, require_frame
from web.pages import banner
from web.rights import may

#: Sections that only administrators see.
FOR_ADMINISTRATORS = frozenset({"api", "doctor", "webhooks"})
blueprint = Blueprint("pages", __name__, url_prefix="/app")

#: Section → its name in the navigation; the endpoint is `pages.<section>`.
SECTIONS: dict[str, LazyString] = {
    "start": _l("Home"),
    "lines": _l("Lines"),
    "robots": _l("Robots"),
    "triggers": _l("Triggers"),
    "templates": _l("Templates"),
    "messages": _l("Messages"),
    "campaigns": _l("Campaigns"),
    "reports": _l("Reports"),
    "opt_outs": _l("Opt-outs"),
    "rules": _l("Sending rules"),
    "prices": _l("Prices"),
    "rights": _l("Rights"),
    "api": _l("API"),
    "webhooks": _l("Webhooks"),
    "health": _l("Health"),
    "doctor": _l("Doctor"),
    "help": _l("Help"),
}
#: Sections that stand in the menu “More” behind the others, so that the navigation is one row in both languages.
MORE: dict[LazyString, tuple[str, ...]] = {
    _l("Settings"): ("triggers", "opt_outs", "rules", "prices", "rights"),
    _l("Maintenance"): ("api", "webhooks", "health", "doctor", "help"),
}
#: The whole document of a page that stands alone, without the app's sections: beside a chat, in the contact centre.
ALONE = "pages/alone.html"
View = Callable[..., Response]


def reads(view: View) -> View:
    """For everyone who may open the app. The view gets the viewer and his portal."""

    @wraps(view)
    def checked(viewer: Viewer, *args: Any, **kwargs: Any) -> Response:
        portal = portal_of(viewer)
        if portal is None:
            return show("pages/problem.html", viewer, status=403, problem="not_installed")
        return view(viewer, portal, *args, **kwargs)

    return require_frame(checked)


def changes(view: View) -> View:
    """For administrators of the portal only; the view gets the viewer and his portal."""

    @wraps(view)
    def checked(viewer: Viewer, portal: Portal, *args: Any, **kwargs: Any) -> Response:
        if not viewer.is_admin:
            return show("pages/problem.html", viewer, status=403, problem="not_admin")
        return view(viewer, portal, *args, **kwargs)

    return reads(checked)


def having(right: Right) -> Callable[[View], View]:
    """For those who have this right; the view gets the viewer and his portal."""

    def guarded(view: View) -> View:
        @wraps(view)
        def checked(viewer: Viewer, portal: Portal, *args: Any, **kwargs: Any) -> Response:
            if not may(viewer, portal, right):
                return show("pages/problem.html", viewer, status=403, problem="no_right")
            return view(viewer, portal, *args, **kwargs)

        return reads(checked)

    return guarded


def show(
    template: str,
    viewer: Viewer,
    *,
    status: int = 200,
    section: str = "",
    has_banner: bool = True,
    shell: str = "pages/shell.html",
    **values: Any,
) -> Response:
    """A page of the app: the whole document, or only what goes into <main> if htmx asks.

    has_banner: whether the worst problem of all lines stands above it. shell: the whole document around it.
    """
    base = "pages/fragment.html" if request.headers.get("HX-Request") else shell
    worst = banner.worst(viewer) if has_banner and "problem" not in values else None
    first, more = _navigation(viewer)
    navigation = {"section": section, "sections": first, "more": more}
    return page(template, viewer, status, base=base, banner=worst, **navigation, **values)


def _navigation(viewer: Viewer) -> tuple[dict[str, LazyString], dict[LazyString, dict[str, LazyString]]]:
    """What this person may open: the sections of the row, and by its title each group of the menu behind it."""
    open_ = _sections(viewer)
    groups = {title: {name: open_[name] for name in names if name in open_} for title, names in MORE.items()}
    grouped = {name for group in groups.values() for name in group}
    return {name: title for name, title in open_.items() if name not in grouped}, groups


def _sections(viewer: Viewer) -> dict[str, LazyString]:
    """Those that this person may open."""
    if viewer.is_admin:
        return SECTIONS
    portal = portal_of(viewer)
    hidden = set(FOR_ADMINISTRATORS)
    if portal is None or not may(viewer, portal, Right.BROADCAST):
        hidden.add("campaigns")
    if portal is None or not may(viewer, portal, Right.REPORTS):
        hidden.add("reports")
    return {name: title for name, title in SECTIONS.items() if name not in hidden}


def fill(response: Response, places: dict[str, str], *events: str) -> Response:
    """Let the page replace the text of other elements. places: element id → text; events: what else elements listen to.

    This is an event and no out-of-band swap: if the reader has left the page meanwhile, htmx would report an error.
    """
    response.headers["HX-Trigger"] = json.dumps({"waba24:fill": places, **dict.fromkeys(events, "")})
    return response
