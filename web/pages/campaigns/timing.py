"""The third step: when the campaign starts, at which hours of the client's day it may send, and how fast."""

from datetime import datetime, tzinfo
from typing import Any

from flask import Response
from flask_babel import gettext as _

from messaging.campaigns import changes
from messaging.campaigns.recipients import region_of
from messaging.policy import zones
from messaging.policy.quiet_hours import Hours
from messaging.policy.settings import Policy
from messaging.store import amounts
from messaging.store.campaigns import Campaign
from messaging.store.models import Portal
from web.context import runtime, typed
from web.frames import Viewer
from web.pages import money
from web.pages.campaigns import check, steps
from web.pages.campaigns.rights import found, of_campaign
from web.pages.shell import blueprint
from web.texts import number

#: Hours that a new campaign has, and the fastest pace that can be asked for.
HOURS, FASTEST = "09:00-21:00", 6_000


@blueprint.get("/campaigns/<key>/timing", endpoint="campaign_timing")
@of_campaign
def step(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    return draw(viewer, portal, campaign)


def draw(viewer: Viewer, portal: Portal, campaign: Campaign, **more: Any) -> Response:
    """The step. more: as of steps.draw; given: the form as it was filled in."""
    zone = zone_of(portal)
    begin, _dash, end = (campaign.hours or HOURS).partition("-")
    start = campaign.start_at.astimezone(zone).strftime("%Y-%m-%dT%H:%M") if campaign.start_at else ""
    stored = {
        "when": "later" if campaign.start_at else "now",
        "start": start,
        "has_hours": bool(campaign.hours),
        "begin": begin,
        "end": end,
        "per_minute": campaign.per_minute or "",
        "budget": amounts.plain(campaign.budget) if campaign.budget is not None else "",
    }
    now = runtime().clock().astimezone(zone)
    currency = campaign.budget_currency or money.currency_of(portal)
    values = {"given": stored, "currency": currency, "zone": str(zone), "now": f"{now:%H:%M}", **more}
    return steps.draw("pages/campaigns_timing.html", viewer, campaign, "campaign_timing", **values)


def zone_of(portal: Portal) -> tzinfo:
    """The portal's zone: moments are typed and shown in it."""
    return zones.of_portal(Policy.of(portal), region_of(portal))


@blueprint.post("/campaigns/<key>/timing", endpoint="save_campaign_timing")
@of_campaign
def save(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """Keep it and go on with the check."""
    given = {name: typed(name).strip()[:20] for name in ("when", "start", "begin", "end", "per_minute", "budget")}
    settings, errors = _read(portal, given, bool(typed("has_hours")))
    if errors:
        shown = {**given, "has_hours": bool(typed("has_hours"))}
        return draw(viewer, portal, campaign, given=shown, errors=errors)
    changes.edit(runtime(), portal.id, campaign.key, **settings)
    return check.draw(viewer, portal, found(portal, campaign.key))


def _read(portal: Portal, given: dict[str, str], has_hours: bool) -> tuple[dict[str, Any], dict[str, str]]:
    """The settings, and what is wrong: field → sentence."""
    errors: dict[str, str] = {}
    start = None
    if given["when"] == "later":
        try:
            start = datetime.fromisoformat(given["start"]).replace(tzinfo=zone_of(portal))
        except ValueError:
            errors["start"] = _("Choose the day and the time of the start.")
        if start is not None and start <= runtime().clock():
            errors["start"] = _("This moment has passed. Choose a later one, or start now.")
    hours = ""
    if has_hours:
        try:
            allowed = Hours.read(given["begin"], given["end"])
            hours = f"{allowed.begin:%H:%M}-{allowed.end:%H:%M}"
        except ValueError:
            errors["begin"] = _("Give a time of day, for example 21:00.")
        if hours and not allowed.exist:
            errors["begin"] = _("Beginning and end are the same. Choose different ones, or clear the tick.")
    pace = given["per_minute"]
    per_minute = int(pace) if pace.isascii() and pace.isdecimal() and len(pace) < 6 else 0
    if pace and not 1 <= per_minute <= FASTEST:
        errors["per_minute"] = _("Enter a number from %(least)s to %(most)s", least=1, most=number(FASTEST))
    budget, wrong = money.read_budget(given["budget"])
    if wrong:
        errors["budget"] = wrong
    currency = money.currency_of(portal) if budget is not None else ""
    paid = {"budget": budget, "budget_currency": currency}
    return {"start_at": start, "hours": hours, "per_minute": per_minute or None, **paid}, errors
