"""A test send to oneself: the message as a recipient would get it, to a phone that is typed."""

import secrets

from flask import Response
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from activities import phones
from activities.errors import Refused
from messaging.campaigns import header_file, recipients
from messaging.campaigns.composing import Composer, template_on
from messaging.campaigns.mapping import Mapping
from messaging.conversations import lookup
from messaging.conversations.queueing import queue
from messaging.store.campaigns import Campaign
from messaging.store.models import Portal, shard_of
from messaging.store.states import Origin
from web.context import connected_lines, runtime, typed
from web.frames import Viewer, page
from web.pages.campaigns import people
from web.pages.campaigns.rights import of_campaign
from web.pages.campaigns.template import chosen_lines
from web.pages.campaigns.veil import Veil
from web.pages.shell import blueprint

_NO_TEMPLATE = _l("Choose a line and a template first.")


@blueprint.post("/campaigns/<key>/test", endpoint="test_campaign")
@of_campaign
def send(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """Queue one message, with the values of the recipient who is shown."""
    number = phones.digits(typed("test_phone"), recipients.region_of(portal))
    if number is None:
        words = _("This is not a phone number. Write it with the country code, for example +7 912 345-67-89")
        return page("pages/campaigns_tested.html", viewer, problem=words)
    nth = typed("nth")
    problem = _queued(portal, campaign, number, int(nth) if nth.isdecimal() and len(nth) < 7 else 0, viewer)
    return page("pages/campaigns_tested.html", viewer, problem=problem, their_phone=Veil(viewer, portal).phone(number))


def _queued(portal: Portal, campaign: Campaign, number: str, nth: int, viewer: Viewer) -> str:
    """Why it could not be queued, "" if it is on its way."""
    mapping = Mapping.read(campaign.mapping)
    who = people.person(portal, campaign, mapping, nth)
    line = next(iter(chosen_lines(campaign, connected_lines(portal))), None)
    if line is None or not campaign.template:
        return str(_NO_TEMPLATE)
    with runtime().db.write() as session:
        info = template_on(session, campaign, line)
        if info is None:
            return str(_NO_TEMPLATE)
        shared = header_file.kept(session, runtime(), campaign)
        try:
            content = Composer(info, mapping, shared, runtime().clock()).columns(who.values if who else {})
        except Refused as why:
            return why.text.to(viewer.language)
        talk = lookup.known_or_new(session, runtime(), line.id, number)
        # Every press is a message of its own.
        cause = Origin.MANUAL, secrets.randbits(62)
        queue(session, runtime().clock(), line, talk.id, cause, {**content, "author_id": viewer.user_id})
    runtime().pending_wakeups.add([shard_of(portal.id)])
    return ""
