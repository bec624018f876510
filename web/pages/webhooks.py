"""Webhooks: addresses of the customer's own systems, and what was delivered there. For administrators."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, request
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from messaging.callbacks import endpoints
from messaging.callbacks.endpoints import EVENTS, MOST, URL_LENGTH, TooMany, Unfit, Wanted
from messaging.store.callbacks import Callback, CallbackState, Endpoint, EndpointState, Event, OffReason
from messaging.store.models import Portal
from messaging.store.states import Origin
from web.context import runtime, typed
from web.frames import Viewer
from web.pages.shell import blueprint, changes, show

LABELS: dict[str, LazyString] = {
    "url": _l("Address"),
    "events": _l("Events"),
    "origins": _l("Messages of"),
}
_EVENTS: dict[str, LazyString] = {
    Event.MESSAGE_STATUS: _l("A message has another status"),
    Event.MESSAGE_RECEIVED: _l("A client writes or taps"),
    Event.CAMPAIGN_STATE: _l("A campaign has another state; its counts, once a minute"),
    Event.OPTOUT_CHANGED: _l("A client opts out, or in again"),
    Event.TEMPLATE_CHANGED: _l("A template has another status or category"),
    Event.LINE_STATE: _l("A line is connected, stopped, paused or removed"),
}
_ORIGINS: dict[str, LazyString] = {
    Origin.ROBOT: _l("robots"),
    Origin.ACTIVITY: _l("workflow activities"),
    Origin.CAMPAIGN: _l("campaigns"),
    Origin.OPERATOR: _l("operators in chats"),
    Origin.MANUAL: _l("people, by hand"),
    Origin.API: _l("the API"),
    Origin.PROVIDER: _l("Bitrix24's message provider"),
}
_PROBLEMS: dict[str, LazyString] = {
    "missing": _l("Enter the address of your system, for example https://crm.example.com/waba24"),
    "too_long": _l("The address is too long: at most %(most)s characters"),
    "not_a_url": _l("This is not an address. It begins with https:// and has no spaces"),
    "password": _l("Leave out name and password: each request is signed instead"),
    "not_https": _l("Only https:// is allowed"),
    "private": _l("This host is in a private network. We deliver to the public internet only"),
    "busy": _l("Other addresses are being looked up just now. Try again in half a minute"),
    "unknown_host": _l("There is no such host. Check the spelling, or try again when its DNS entry is there"),
}
#: Why a try failed without an answer.
ERRORS: dict[str, LazyString] = {
    "timeout": _l("No answer within 15 seconds"),
    "private": _l("The host is in a private network now"),
    "certificate": _l("The certificate is not valid"),
    "unreachable": _l("No connection"),
    "secret": _l("The secret cannot be read: replace it"),
}
_OFF: dict[str, LazyString] = {
    OffReason.GONE: _l("The receiver answered 410: it wants no more events."),
    OffReason.FAILING: _l("For three days no event could be delivered."),
}
#: State of a delivery → mood, sign, words.
_STATES: dict[str, tuple[str, str, LazyString]] = {
    CallbackState.NEW: ("", "clock", _l("Waits")),
    CallbackState.WAITING: ("", "clock", _l("Waits")),
    CallbackState.DONE: ("ok", "check", _l("Delivered")),
    CallbackState.FAILED: ("bad", "cross", _l("Given up")),
}


@dataclass(frozen=True)
class Row:
    """A delivery as the page shows it."""

    found: Callback
    mood: str
    sign: str
    words: str
    result: str
    may_repeat: bool


@blueprint.get("/webhooks", endpoint="webhooks")
@changes
def listing(viewer: Viewer, portal: Portal) -> Response:
    return _draw(viewer, portal)


@blueprint.post("/webhooks", endpoint="make_webhook")
@changes
def make(viewer: Viewer, portal: Portal) -> Response:
    """A new endpoint; its secret is on this answer alone."""
    wanted = Wanted(typed("url"), request.form.getlist("events")[:20], request.form.getlist("origins")[:20])
    try:
        made = endpoints.make(runtime(), portal.id, wanted, viewer.user_id or 0)
    except Unfit as error:
        errors = {field: _problem(field, code) for field, code in error.problems.items()}
        return _draw(viewer, portal, given=wanted, errors=errors)
    except TooMany:
        return _draw(viewer, portal, given=wanted, errors={"url": _too_many()})
    return _draw(viewer, portal, secret=made.secret, secret_of=made.url)


@blueprint.get("/webhooks/<key>", endpoint="webhook")
@changes
def deliveries(viewer: Viewer, portal: Portal, key: str) -> Response:
    """One endpoint with its last deliveries."""
    return _one(viewer, portal, key)


@blueprint.post("/webhooks/<key>/secret", endpoint="renew_webhook_secret")
@changes
def renew(viewer: Viewer, portal: Portal, key: str) -> Response:
    try:
        secret = endpoints.renew_secret(runtime(), portal.id, key)
    except LookupError:
        return _gone(viewer, portal)
    return _one(viewer, portal, key, secret=secret)


@blueprint.post("/webhooks/<key>/test", endpoint="test_webhook")
@changes
def test(viewer: Viewer, portal: Portal, key: str) -> Response:
    try:
        endpoints.test(runtime(), portal.id, key)
    except LookupError:
        return _gone(viewer, portal)
    return _one(viewer, portal, key, said=_("A test event is on its way. Press “Refresh” in a few seconds."))


@blueprint.post("/webhooks/<key>/on", endpoint="switch_on_webhook")
@changes
def switch_on(viewer: Viewer, portal: Portal, key: str) -> Response:
    try:
        endpoints.switch_on(runtime(), portal.id, key)
    except LookupError:
        return _gone(viewer, portal)
    return _one(viewer, portal, key, said=_("The webhook is on. What has waited is delivered first."))


@blueprint.post("/webhooks/<key>/again", endpoint="send_webhook_again")
@changes
def again(viewer: Viewer, portal: Portal, key: str) -> Response:
    """Send one delivery again, or all that were given up."""
    wanted = typed("delivery")[:40]
    try:
        if wanted:
            count = int(endpoints.send_again(runtime(), portal.id, key, wanted))
        else:
            count = endpoints.send_failed_again(runtime(), portal.id, key)
    except LookupError:
        return _gone(viewer, portal)
    said = _("Sent again: %(count)s. Press “Refresh” in a few seconds.", count=count)
    return _one(viewer, portal, key, said=said if count else _("There is nothing to send again."))


@blueprint.post("/webhooks/<key>/remove", endpoint="remove_webhook")
@changes
def remove(viewer: Viewer, portal: Portal, key: str) -> Response:
    try:
        endpoints.remove(runtime(), portal.id, key)
    except LookupError:
        return _gone(viewer, portal)
    return _draw(viewer, portal, said=_("The webhook is deleted. Nothing is sent to it any more."))


def _gone(viewer: Viewer, portal: Portal) -> Response:
    return _draw(viewer, portal, refused=_("This webhook was deleted meanwhile."))


def _problem(field: str, code: str) -> str:
    if field == "events":
        return str(_("Choose at least one event"))
    if field == "origins":
        return str(_("Choose from the list"))
    return str(_PROBLEMS[code]) % {"most": URL_LENGTH}


def _too_many() -> str:
    return str(_("There are %(most)s webhooks already, and more are not possible. Delete one first", most=MOST))


def _draw(viewer: Viewer, portal: Portal, **more: Any) -> Response:
    with runtime().db.read() as session:
        found = endpoints.listed(session, portal.id)
    values = {"found": found, "has_room": len(found) < MOST, "most": MOST, "given": None, "errors": {}, **more}
    return show("pages/webhooks.html", viewer, section="webhooks", **_words(), **values)


def _one(viewer: Viewer, portal: Portal, key: str, **more: Any) -> Response:
    with runtime().db.read() as session:
        try:
            found = endpoints.find(session, portal.id, key)
        except LookupError:
            return _gone(viewer, portal)
        rows = endpoints.newest(session, found)
    values = {"endpoint": found, "rows": _rows(rows), "most": endpoints.SHOWN, **_words(), **more}
    values["failed"] = sum(row.state == CallbackState.FAILED for row in rows)
    values["why_off"] = _OFF.get(found.off_reason, "")
    values["why_failing"] = _result(found.error)
    return show("pages/webhook.html", viewer, section="webhooks", **values)


def _words() -> dict[str, Any]:
    events = [(str(event), _EVENTS[event]) for event in EVENTS]
    return {"events": events, "origins": list(_ORIGINS.items()), "labels": LABELS, "badge_of": _badge}


def _badge(endpoint: Endpoint) -> tuple[str, str, str]:
    """Mood, sign and words of an endpoint's state."""
    if endpoint.state == EndpointState.OFF:
        return "bad", "cross", _("Switched off")
    if endpoint.failing_since is not None:
        return "warn", "warning", _("Takes nothing")
    return "ok", "check", _("Switched on")


def _rows(found: Sequence[Callback]) -> list[Row]:
    rows = []
    for one in found:
        mood, sign, words = _STATES[one.state]
        repeats = one.state in (CallbackState.DONE, CallbackState.FAILED)
        rows.append(Row(one, mood, sign, str(words), _result(one.error or str(one.code or "")), repeats))
    return rows


def _result(error: str) -> str:
    """What an HTTP code or an error of ours says."""
    return str(ERRORS[error]) if error in ERRORS else _("HTTP %(code)s", code=error) if error else ""
