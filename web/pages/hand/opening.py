"""The page as the portal opens it: the card's client, whom to write to, what was said, and the fields to write in."""

from typing import Any

from flask import Response

from bx24.errors import Rejected, Unauthorized
from messaging.policy.rights import Right
from messaging.portals import client_card, hand_places, portals
from messaging.store.models import Portal
from web.context import runtime, typed
from web.frames import OpenedFrame, Viewer, page, portal_of, refused
from web.pages.hand import compose, talk
from web.pages.hand.client import Card, Client, chosen, nothing, shown_card, with_client
from web.pages.messages import shown_phone
from web.pages.shell import ALONE, blueprint, show
from web.rights import may, sees_phones


def opened(frame: OpenedFrame) -> Response:
    """The page, opened by the portal in a card or from the row of a list."""
    viewer, portal = frame.viewer, portal_of(frame.viewer)
    if portal is None:
        return refused("not_installed", frame.call.lang, viewer=viewer)
    entity = hand_places.entity_of(frame.call.placement)
    given = {str(key).upper(): str(value) for key, value in frame.call.options.items()}
    number = given.get("ID", "")
    if entity is None or not number.isdecimal() or len(number) > 15:
        return nothing(viewer, "no_card")
    person = f"{viewer.member_id} {viewer.user_id}"
    try:
        with portals.client_of(runtime(), portal, frame.call.auth.access_token, person) as rest:
            found = client_card.read(rest, (entity, int(number)), portals.phone_region(portal), viewer.language)
    except (Rejected, Unauthorized):
        found = None
    if found is None:
        return nothing(viewer, "closed")
    card = shown_card(viewer, portal, Card.of(found))
    if not card.phones:
        return nothing(viewer, "no_phone", title=card.title)
    client = chosen(runtime(), portal, card, 0, "")
    if client is None:
        return nothing(viewer, "no_line")
    return show("pages/hand.html", viewer, shell=ALONE, has_banner=False, **_shown(viewer, portal, client))


@blueprint.post("/hand/client", endpoint="hand_client")
@with_client
def client(viewer: Viewer, portal: Portal, client: Client) -> Response:
    """All about another number or on another line. What was typed stays."""
    shown = _shown(viewer, portal, client) | compose.typed_so_far(viewer, client)
    return page("pages/hand_client.html", viewer, **shown)


def _shown(viewer: Viewer, portal: Portal, client: Client) -> dict[str, Any]:
    whole = sees_phones(viewer, portal)
    return {
        "client": client,
        "phones": [(shown_phone(one.digits, whole), one.owner) for one in client.card.phones],
        # Never a younger one: what the card says was read when the page was opened.
        "given_pass": typed("pass") or client.card.sealed(viewer),
        "may_send": may(viewer, portal, Right.SEND),
        **talk.newest(viewer, portal, client),
        **compose.empty(client),
    }
