"""All campaigns of the portal: the list, a new one, a copy, deleting a draft."""

from dataclasses import dataclass
from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from messaging.campaigns import changes
from messaging.campaigns.changes import TooMany
from messaging.campaigns.counts import Counts
from messaging.insight import campaigns
from messaging.store.campaigns import Campaign, CampaignState
from messaging.store.models import Portal
from web.context import runtime, typed
from web.frames import Viewer, page
from web.pages.campaigns import audience, running, timing
from web.pages.campaigns.numbers import counted
from web.pages.campaigns.rights import SECTION, broadcasts, found, of_campaign
from web.pages.campaigns.words import STATES
from web.pages.shell import blueprint, show
from web.texts import day, number

ROWS = 20
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Listed:
    """A campaign in the list. counts: None for a draft."""

    campaign: Campaign
    counts: Counts | None


@blueprint.route("/campaigns", methods=["GET", "POST"], endpoint="campaigns")
@broadcasts
def listing(viewer: Viewer, portal: Portal) -> Response:
    """The whole page, or the next rows."""
    before = typed("before")
    if request.headers.get("HX-Target") == "more" and before.isdecimal() and len(before) < 19:
        return page("pages/campaigns_rows.html", viewer, **_rows(portal, int(before)))
    return table(viewer, portal)


def table(viewer: Viewer, portal: Portal, **more: Any) -> Response:
    """The page. more: said, refused: a sentence above the list."""
    return show("pages/campaigns.html", viewer, section=SECTION, **_rows(portal, None), **more)


def _rows(portal: Portal, before: int | None) -> dict[str, Any]:
    with runtime().db.read() as session:
        rows = campaigns.newest(session, portal.id, before, ROWS + 1)
    shown = [Listed(row, None if row.state == CampaignState.DRAFT else counted(row)[0]) for row in rows[:ROWS]]
    return {"rows": shown, "before": rows[ROWS - 1].id if len(rows) > ROWS else None, "states": STATES}


@blueprint.post("/campaigns/new", endpoint="new_campaign")
@broadcasts
def new(viewer: Viewer, portal: Portal) -> Response:
    """A new draft, named by the day until somebody names it."""
    try:
        key = changes.create(runtime(), portal.id, viewer.user_id, name_of_today(), hours=timing.HOURS)
    except TooMany as error:
        return table(viewer, portal, refused=too_many_drafts(error.limit))
    return audience.draw(viewer, portal, found(portal, key))


def name_of_today() -> str:
    """What a campaign is called that nobody has named."""
    return str(_("Campaign of %(day)s", day=day(runtime().clock())))


def too_many_drafts(limit: int) -> str:
    """Why there is no new draft, and what to do."""
    return str(_("There are %(limit)s drafts already. Delete those that nobody needs.", limit=number(limit)))


@blueprint.get("/campaigns/<key>", endpoint="campaign")
@of_campaign
def one(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """A draft to go on with, or how far the campaign has come."""
    if campaign.state == CampaignState.DRAFT:
        return audience.draw(viewer, portal, campaign)
    return running.draw(viewer, portal, campaign)


@blueprint.post("/campaigns/<key>/copy", endpoint="copy_campaign")
@of_campaign
def copy(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    name = _("%(name)s (copy)", name=campaign.name[: _LONGEST_NAME - 20])
    try:
        key = changes.copy(runtime(), portal.id, campaign.key, viewer.user_id, name)
    except TooMany as error:
        return table(viewer, portal, refused=too_many_drafts(error.limit))
    words = _("This is the copy. Choose who is to get it; template and times are as they were.")
    return audience.draw(viewer, portal, found(portal, key), said=words)


@blueprint.post("/campaigns/<key>/delete", endpoint="delete_campaign")
@of_campaign
def delete(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    changes.remove(runtime(), portal.id, campaign.key)
    return table(viewer, portal, said=_("The draft “%(name)s” is deleted.", name=campaign.name))
