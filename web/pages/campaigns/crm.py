"""Items of the CRM as the audience: the filter, and how many it finds for the person who looks."""

from flask import Response
from flask_babel import gettext as _

from bx24.errors import Bx24Error
from messaging.campaigns import changes, crm_audience
from messaging.campaigns.audience import Kind
from messaging.campaigns.crm_audience import CrmAudience, parsed
from messaging.campaigns.crm_filters import InvalidAudience
from messaging.portals import portals
from messaging.portals.surveys import surveying
from messaging.store.campaigns import Campaign
from messaging.store.models import Portal
from web.context import runtime, typed
from web.frames import Viewer, page
from web.pages.campaigns import audience
from web.pages.campaigns.crm_form import COMPARED, CONDITIONS, Form, Offered, offered, searchable
from web.pages.campaigns.rights import found, of_campaign
from web.pages.shell import blueprint


@blueprint.post("/campaigns/<key>/crm", endpoint="campaign_crm")
@of_campaign
def form(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """The filter as it is filled in, or as the campaign keeps it, and how many items it finds.

    access_token: of the person who looks, so that nobody counts what is closed to him.
    """
    is_sent = bool(typed("type"))
    stored = campaign.audience or {}
    filled = Form.sent() if is_sent else Form.stored(stored if stored.get("kind") == Kind.CRM else {})
    if not typed("access_token"):
        return _trouble(viewer, campaign, _("Bitrix24 does not say who you are. Open the app again."))
    try:
        person = f"{viewer.member_id} {viewer.user_id}"
        with surveying(runtime(), portal, typed("access_token"), person) as client:
            known = offered(client, portal, filled.type, viewer.language)
            chosen = _chosen(filled, known)
            number = crm_audience.count(client, chosen) if chosen is not None else None
    except InvalidAudience as error:
        filled.errors["conditions"] = "; ".join(text.to(viewer.language) for text in error.problems.values())
        return _draw(viewer, campaign, filled, known, None)
    except (portals.Unverified, Bx24Error):
        return _trouble(viewer, campaign, _("Bitrix24 has not answered. Try again in a minute."))
    if typed("take") and chosen is not None:
        changes.edit(runtime(), portal.id, campaign.key, audience={"kind": Kind.CRM, **chosen.to_dict()})
        return audience.draw(viewer, portal, found(portal, campaign.key), Kind.CRM, said=_("The audience is chosen."))
    return _draw(viewer, campaign, filled, known, number)


def _chosen(filled: Form, known: Offered) -> CrmAudience | None:
    """The items that the form means; None if something in it is wrong."""
    wanted = filled.filter(known)
    return None if filled.errors else parsed({"type": filled.type, "filter": wanted})


def _draw(viewer: Viewer, campaign: Campaign, filled: Form, known: Offered, number: int | None) -> Response:
    rows = [*filled.conditions, *[("", "=", "")] * CONDITIONS][:CONDITIONS]
    answer = page(
        "pages/campaigns_crm.html",
        viewer,
        campaign=campaign,
        filled=filled,
        known=known,
        searchable=searchable(known),
        rows=rows,
        compared=COMPARED,
        found=number,
    )
    return _inside(answer)


def _trouble(viewer: Viewer, campaign: Campaign, words: str) -> Response:
    return _inside(page("pages/campaigns_crm.html", viewer, campaign=campaign, trouble=words))


def _inside(answer: Response) -> Response:
    """Whoever has asked: the button that takes the audience replaces the whole page, if nothing is wrong."""
    answer.headers["HX-Retarget"] = "#crm"
    return answer
