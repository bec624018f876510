"""What the items in the list of messages are called: the list asks for it once it stands, so that it waits for no portal."""

import re

from flask import Response

from bx24.documents import crm_item
from bx24.errors import Bx24Error
from messaging.portals import item_titles
from messaging.portals.surveys import surveying
from messaging.store.models import Portal
from web.context import runtime, typed
from web.frames import Viewer, page
from web.pages.shell import blueprint, changes

#: Rows that are named at once: as many as the list shows in one piece.
_MOST = 50
#: Where a row stands, as `messages.Row.anchor` writes it, and its item.
_ROW = re.compile(r"(o-[0-9]{1,19}-[0-9]{1,19}):([A-Z_0-9]{1,40})")


@blueprint.post("/messages/titles", endpoint="message_titles")
@changes
def message_titles(viewer: Viewer, portal: Portal) -> Response:
    """The names, each for its place; none if the portal does not answer soon. For administrators: they may see all of CRM."""
    rows = [(anchor, pair) for anchor, item in _ROW.findall(typed("rows"))[:_MOST] if (pair := crm_item(item))]
    try:
        with surveying(runtime(), portal) as rest:
            known = item_titles.titles(rest, list(dict.fromkeys(pair for _anchor, pair in rows)))
    except Bx24Error:
        known = {}
    named = [(anchor, known[pair]) for anchor, pair in rows if pair in known]
    return page("pages/messages_titles.html", viewer, named=named)
