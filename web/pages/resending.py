"""Failed messages are sent again from our pages: what was shown as failed, after a question that says how many and what not."""

from typing import Any

from flask import Response

from messaging.insight.search_rows import Found
from messaging.policy import resending
from messaging.policy.resending import Judged
from messaging.policy.rights import Right
from messaging.store.models import Portal
from messaging.store.states import OutcomeKind
from web.context import runtime, typed
from web.frames import Viewer, page
from web.pages.shell import blueprint, having
from web.rights import may

#: Messages sent again at once: a page of the list.
MOST = 50


def lost(viewer: Viewer, portal: Portal, rows: list[Found]) -> list[int]:
    """The ids of the messages in these rows that this viewer may send again."""
    failed = [row for row in rows if row.status == OutcomeKind.FAILED and row.has_message]
    if not failed or not may(viewer, portal, Right.SEND):
        return []
    runs = [row.id for row in failed if not row.place.message_id]
    lone = [row.id for row in failed if row.place.message_id]
    with runtime().db.read() as session:
        return resending.lost_among(session, portal.id, runs, lone)[:MOST]


@blueprint.post("/messages/again", endpoint="messages_again")
@having(Right.SEND)
def ask(viewer: Viewer, portal: Portal) -> Response:
    """What would be sent again and what cannot be, or after "Cancel" the first button; nothing is sent yet."""
    ids = _ids()
    if typed("cancelled"):
        return page("pages/messages_again.html", viewer, lost=ids)
    with runtime().db.read() as session:
        judged = resending.judge(session, runtime(), portal.id, ids)
    return _panel(viewer, judged, is_asked=True)


@blueprint.post("/messages/again/send", endpoint="send_messages_again")
@having(Right.SEND)
def send(viewer: Viewer, portal: Portal) -> Response:
    """Send again what the question has named. Asked twice, it sends once: each message is sent again at most once."""
    return _panel(viewer, resending.send_again(runtime(), portal.id, _ids(), viewer.user_id))


def _ids() -> list[int]:
    words = typed("ids").split()[:MOST]
    return sorted({int(word) for word in words if word.isdecimal() and len(word) < 19})


def _panel(viewer: Viewer, judged: Judged, **more: Any) -> Response:
    refused = [(why.to(viewer.language), count) for why, count in judged.refused.most_common()]
    return page("pages/messages_again.html", viewer, ids=judged.ids, refused=refused, **more)
