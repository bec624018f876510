"""A held message: an administrator lets it go at once, or drops it."""

from flask import Response
from flask_babel import gettext as _

from messaging.policy import holding
from messaging.store.models import Portal
from web.context import runtime
from web.frames import Viewer
from web.pages.messages import message_page
from web.pages.shell import blueprint, changes


@blueprint.post("/messages/<int:run_id>/send", endpoint="send_held")
@changes
def send(viewer: Viewer, portal: Portal, run_id: int) -> Response:
    """Let the held message of a run go, whatever it waits for."""
    if holding.send_now(runtime(), portal.id, run_id):
        return message_page(viewer, portal, run_id, said=_("The message is in the queue and leaves at once."))
    return message_page(viewer, portal, run_id, problem=_nothing_held())


@blueprint.post("/messages/<int:run_id>/drop", endpoint="drop_held")
@changes
def drop(viewer: Viewer, portal: Portal, run_id: int) -> Response:
    """Never send the held message of a run; a workflow that waits for it goes on."""
    if holding.drop(runtime(), portal.id, run_id):
        return message_page(viewer, portal, run_id, said=_("The message will not be sent."))
    return message_page(viewer, portal, run_id, problem=_nothing_held())


def _nothing_held() -> str:
    return str(_("Nothing was changed: the message is not held any more."))
