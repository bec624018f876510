"""Items of the CRM as the audience: the filter, and how many it finds for the person who looks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from bx24.client import Client
from bx24.errors import Bx24Error
from messaging.campaigns import changes
from messaging.campaigns.audience import Kind
from messaging.campaigns.crm import audience as crm_audience
from messaging.campaigns.crm.audience import CrmAudience, parsed
from messaging.campaigns.crm.filters import InvalidAudience
from messaging.portals import portals
from messaging.portals.surveys import surveying
from messaging.store.campaigns import Campaign
from messaging.store.models import Portal
from web.context import runtime, typed
from web.frames import Viewer, page
from web.pages.campaigns import audience
from web.pages.campaigns.crm_form import Form, Values, number_typed
from web.pages.campaigns.crm_offers import Offered, offered, values_of
from web.pages.campaigns.rights import found, of_campaign
from web.pages.shell import blueprint, fill
from web.texts import number

#: The place of the number alone: what is chosen stays as it is while it is counted.
_FOUND = "found"


@dataclass
class Asked:
    """What was found out for a form. chosen: the items it means, None if something in it is wrong or missing."""

    filled: Form
    known: Offered
    values: Values
    chosen: CrmAudience | None = None
    count: int | None = None


@blueprint.post("/campaigns/<key>/crm", endpoint="campaign_crm")
@of_campaign
def form(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """The filter as it is filled in, or as the campaign keeps it, and how many items it finds.

    wanted: the type to begin with. access_token: of the person who looks, so that nobody counts what is closed to him.
    """
    stored = campaign.audience or {}
    wanted = {"type": number_typed("wanted")} if number_typed("wanted") else {}
    filled = Form.sent() if typed("type") else Form.stored(stored if stored.get("kind") == Kind.CRM else wanted)
    if not typed("access_token"):
        return _trouble(viewer, campaign, _("Bitrix24 does not say who you are. Open the app again."))
    try:
        person = f"{viewer.member_id} {viewer.user_id}"
        with surveying(runtime(), portal, typed("access_token"), person) as client:
            asked = _asked(client, viewer, portal, filled)
        if typed("take") and not viewer.is_admin:
            _refuse_closed(portal, asked)
    except (portals.Unverified, Bx24Error):
        return _trouble(viewer, campaign, _("Bitrix24 has not answered. Try again in a minute."))
    if typed("take") and asked.chosen is not None:
        changes.edit(runtime(), portal.id, campaign.key, audience={"kind": Kind.CRM, **asked.chosen.to_dict()})
        return audience.draw(viewer, portal, found(portal, campaign.key), Kind.CRM, said=_("The audience is chosen."))
    return _draw(viewer, campaign, asked)


def _asked(client: Client, viewer: Viewer, portal: Portal, filled: Form) -> Asked:
    """Ask the portal. Raises Bx24Error."""
    known = offered(client, portal, filled.type, viewer.language)
    values = values_of(client, portal, known, filled.codes)
    asked = Asked(filled, known, values)
    wanted = filled.filter(known, values)
    if filled.lacking and typed("take"):
        filled.errors["conditions"] = filled.lacking
    if filled.lacking:
        return asked
    try:
        chosen = parsed({"type": filled.type, "filter": wanted})
        asked.chosen, asked.count = chosen, crm_audience.count(client, chosen)
    except InvalidAudience as error:
        asked.chosen = None
        filled.errors["conditions"] = "; ".join(text.to(viewer.language) for text in error.problems.values())
    return asked


def _refuse_closed(portal: Portal, asked: Asked) -> None:
    """Take no items that are closed to the person: the campaign would read them with the app's rights. Raises Bx24Error."""
    if asked.chosen is None or asked.count is None:
        return
    with surveying(runtime(), portal) as client:
        closed = crm_audience.closed(client, asked.chosen, asked.count)
    if closed:
        asked.chosen = None
        asked.filled.errors["conditions"] = _(
            "These conditions also find items that Bitrix24 does not show you: %(count)s. Narrow them, for example to yourself "
            "under “Responsible”, or ask an administrator of the portal to make this campaign.",
            count=number(closed),
        )


def _draw(viewer: Viewer, campaign: Campaign, asked: Asked) -> Response:
    """The number alone if that is asked for, else the whole form."""
    filled, known = asked.filled, asked.known
    shown: dict[str, Any] = {"campaign": campaign, "filled": filled, "known": known, "found": asked.count}
    if request.headers.get("HX-Target") == _FOUND:
        lists = {"stage": filled.stages, "person": filled.people}
        words = {f"chosen-{name}": chosen_words(name, chosen) for name, chosen in lists.items()}
        return fill(page("pages/campaigns_found.html", viewer, **shown), words)
    shown |= {"rows": filled.rows(known, asked.values), "chosen_words": chosen_words}
    return _into("crm", page("pages/campaigns_crm.html", viewer, **shown))


def chosen_words(name: str, chosen: Sequence[str]) -> str:
    """How many of a list are ticked, beside its title. name: of the list."""
    if chosen:
        return str(_("chosen: %(count)s", count=number(len(chosen))))
    return str(_("any") if name == "stage" else _("anybody"))


def _trouble(viewer: Viewer, campaign: Campaign, words: str) -> Response:
    """Why nothing was found out. What is filled in already stays."""
    if typed("type"):
        return _into(_FOUND, page("pages/campaigns_found.html", viewer, campaign=campaign, trouble=words))
    return _into("crm", page("pages/campaigns_crm.html", viewer, campaign=campaign, trouble=words))


def _into(place: str, answer: Response) -> Response:
    """Whoever has asked: the button that takes the audience replaces the whole page, if nothing is wrong."""
    answer.headers["HX-Retarget"] = f"#{place}"
    return answer
