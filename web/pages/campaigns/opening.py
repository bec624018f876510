"""A new campaign, opened by the button above a list of the CRM: the list's items are to be its audience."""

from flask import Response

from messaging.campaigns import changes
from messaging.campaigns.audience import Kind
from messaging.campaigns.changes import TooMany
from messaging.policy.rights import Right
from messaging.portals import list_places
from web.context import runtime
from web.frames import OpenedFrame, portal_of, refused
from web.pages.campaigns import audience, table, timing
from web.pages.campaigns.rights import SECTION, found
from web.pages.shell import show
from web.rights import may


def opened(frame: OpenedFrame) -> Response:
    """The first step of the campaign, with the type of the list's items chosen."""
    viewer, portal = frame.viewer, portal_of(frame.viewer)
    if portal is None:
        return refused("not_installed", frame.call.lang, viewer=viewer)
    if not may(viewer, portal, Right.BROADCAST):
        return show("pages/problem.html", viewer, status=403, section=SECTION, problem="no_right")
    try:
        key = changes.begin(runtime(), portal.id, viewer.user_id, table.name_of_today(), timing.HOURS)
    except TooMany as error:
        return table.table(viewer, portal, refused=table.too_many_drafts(error.limit))
    wanted = list_places.entity_of(frame.call.placement)
    return audience.draw(viewer, portal, found(portal, key), Kind.CRM, wanted=wanted)
