"""What was said to the client and by him: the newest page, what comes after it, and earlier pages.

While something is on its way the page asks every two seconds, else every ten; if nothing has changed, the answer is empty.
"""

import hashlib
from typing import Any

from flask import Response, make_response, request
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from gupshup import formatting
from messaging.insight import dialogue, wording
from messaging.insight.dialogue import Dialogue, Entry, Place
from messaging.insight.search_rows import lone_status
from messaging.store.models import Portal
from web.context import runtime
from web.frames import Viewer, page
from web.pages.hand.client import Client, with_client
from web.pages.messages import SIGNS, without_phones
from web.pages.shell import blueprint
from web.rights import sees_phones

#: Who has sent a message, in a word.
ORIGINS: dict[str, LazyString] = {
    "robot": _l("robot"),
    "activity": _l("workflow"),
    "campaign": _l("campaign"),
    "operator": _l("operator"),
    "manual": _l("by hand"),
    "api": _l("another program"),
    "provider": _l("Bitrix24"),
}
#: Kinds of files that WhatsApp shows without a name.
KINDS: dict[str, LazyString] = {
    "image": _l("Image"),
    "video": _l("Video"),
    "audio": _l("Audio"),
    "document": _l("Document"),
    "location": _l("Location"),
    "contact": _l("Contact"),
}
_MOVING = frozenset({"queued", "sending", "accepted", "sent"})
#: Seconds after which a message whose status does not change is no longer looked at every two seconds.
_MOVES_FOR = 120


def newest(viewer: Viewer, portal: Portal, client: Client) -> dict[str, Any]:
    """What the template shows of the newest page."""
    with runtime().db.read() as session:
        found = dialogue.before(session, runtime(), client.to.line, client.to.phone, Place())
    return _shown(viewer, portal, client, found)


@blueprint.post("/hand/talk", endpoint="hand_talk")
@with_client
def talk(viewer: Viewer, portal: Portal, client: Client) -> Response:
    """The page again from its oldest entry on, with all that has come since; 204 if it is as it was."""
    with runtime().db.read() as session:
        found = dialogue.since(session, runtime(), client.to.line, client.to.phone, _place())
    shown = _shown(viewer, portal, client, found)
    return (
        make_response("", 204)
        if request.form.get("mark") == shown["mark"] and not request.form.get("told")
        else page("pages/hand_talk.html", viewer, client=client, **shown)
    )


@blueprint.post("/hand/older", endpoint="hand_older")
@with_client
def older(viewer: Viewer, portal: Portal, client: Client) -> Response:
    """The entries before the oldest one that is shown."""
    with runtime().db.read() as session:
        found = dialogue.before(session, runtime(), client.to.line, client.to.phone, _place())
    return page("pages/hand_older.html", viewer, client=client, **_shown(viewer, portal, client, found))


def _place() -> Place:
    return Place(*(_id(name) for name in ("message_id", "reply_id")))


def _id(name: str) -> int:
    text = request.form.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 19 else 0


def _shown(viewer: Viewer, portal: Portal, client: Client, found: Dialogue) -> dict[str, Any]:
    now, whole = runtime().clock(), sees_phones(viewer, portal)
    statuses = {name: wording.STATUS[name].to(viewer.language) for name in SIGNS if name in wording.STATUS}
    marked = [(entry.message_id, entry.reply_id, entry.status) for entry in found.entries]
    until, minute = client.to.until, int(now.timestamp() // 60)
    return {
        "dialogue": found,
        "now": now,
        "moves": any(_moves(entry, now.timestamp()) for entry in found.entries),
        # What a reader would see differently: the entries, their statuses, and how long the window stays open.
        "mark": hashlib.sha256(repr((marked, until, until and minute)).encode()).hexdigest()[:16],
        "signs": SIGNS,
        "origins": ORIGINS,
        "kinds": KINDS,
        "status_of": lone_status,
        "words_of": lambda status: statuses.get(status, status),
        "marks": formatting.html,
        "mask": lambda text: text if whole else without_phones(text),
    }


def _moves(entry: Entry, now: float) -> bool:
    return entry.is_ours and entry.status in _MOVING and now - entry.at.timestamp() < _MOVES_FOR
