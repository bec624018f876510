"""The last step: who gets the campaign, who does not and why, what stands in its way, and the start."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

from flask import Response, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import select

from messaging.campaigns import changes, costs
from messaging.campaigns.campaign_lines import sends_now
from messaging.campaigns.counts import Counts
from messaging.campaigns.mapping import Mapping, Source
from messaging.insight import campaigns
from messaging.policy import tier
from messaging.store.campaigns import Campaign
from messaging.store.models import Line, Portal
from messaging.store.states import LineStatus
from web.context import runtime
from web.frames import Viewer, page
from web.pages.campaigns import money_words, steps
from web.pages.campaigns.numbers import counted
from web.pages.campaigns.rights import found, of_campaign
from web.pages.campaigns.words import SKIPPED
from web.pages.prices import NAMES as CATEGORY_NAMES
from web.pages.shell import blueprint

#: What keeps a campaign from being prepared (`at` of its problem) → the step at which that is changed.
_REMEDIES = {"lines": "campaign_template", "template": "campaign_template", "audience": "campaign_audience"}


@dataclass(frozen=True)
class Load:
    """What a line has to send. limit: new clients a day, 0 without one; is_known: somebody has told it; days: it takes."""

    line: Line
    recipients: int
    written: int
    limit: int
    is_known: bool

    @property
    def name(self) -> str:
        return self.line.name or self.line.app_name

    @property
    def days(self) -> int:
        left = max(0, self.limit - self.written)
        return 1 if not self.limit or self.recipients <= left else 1 + ceil((self.recipients - left) / self.limit)


@blueprint.get("/campaigns/<key>/check", endpoint="campaign_check")
@of_campaign
def step(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    return draw(viewer, portal, campaign)


def draw(viewer: Viewer, portal: Portal, campaign: Campaign, **more: Any) -> Response:
    """The step. more: as of steps.draw."""
    values = {"missing": missing(campaign), **_judged(viewer, campaign), **more}
    return steps.draw("pages/campaigns_check.html", viewer, campaign, "campaign_check", **values)


def missing(campaign: Campaign) -> dict[str, str]:
    """What a draft lacks before it can be checked: step → what to do there."""
    found: dict[str, str] = {}
    mapping = Mapping.read(campaign.mapping)
    if not campaign.audience:
        found["campaign_audience"] = _("Choose who is to get the campaign.")
    if not campaign.line_ids or not campaign.template:
        found["campaign_template"] = _("Choose lines and a template.")
    elif any(source == Source() for source in (*mapping.params, *mapping.buttons)):
        found["campaign_template"] = _("Choose for each variable where its value comes from.")
    return found


def _judged(viewer: Viewer, campaign: Campaign) -> dict[str, Any]:
    """How far the dry run is, and what it has found."""
    cursor, problem = campaign.cursor or {}, campaign.problem or {}
    shown: dict[str, Any] = {
        "is_checked": campaign.checked_at is not None,
        "checking": campaign.wants_check,
        "stored": int(cursor.get("stored", 0)),
        "problem": problem.get(viewer.language, ""),
        "remedy": _REMEDIES.get(problem.get("at", ""), ""),
        "skipped_words": SKIPPED,
    }
    if campaign.checked_at is None:
        return shown
    so_far = counted(campaign)[0]
    loads = _loads(campaign)
    with runtime().db.read() as session:
        cost = costs.expected(session, runtime(), session.get_one(Portal, campaign.portal_id), campaign)
        short = costs.short_of(session, [load.line for load in loads], cost)
    about_money = (Caution(words) for words in money_words.warnings(campaign, cost, short))
    warnings = [*_warnings(campaign, so_far, loads), *about_money]
    return {
        **shown,
        "counts": so_far,
        "loads": loads,
        "warnings": warnings,
        "cost": cost,
        "category_names": CATEGORY_NAMES,
    }


def _loads(campaign: Campaign) -> list[Load]:
    with runtime().db.read() as session:
        numbers = campaigns.by_line(session, campaign.id)
        mine = (Line.id.in_(campaign.line_ids or [])) & (Line.status == LineStatus.CONNECTED)
        lines = session.scalars(select(Line).where(mine).order_by(Line.id)).all()
        uses = [(line, tier.use(session, line, runtime().clock())) for line in lines]
    return [Load(line, numbers.get(line.id, 0), use.written, use.limit, use.is_known) for line, use in uses]


@dataclass(frozen=True)
class Caution:
    """What somebody should know before the start; link, url: where it is changed, "" where there is nothing to change."""

    words: str
    link: str = ""
    url: str = ""


def _warnings(campaign: Campaign, so_far: Counts, loads: list[Load]) -> list[Caution]:
    return [*_of_lines(loads), *_of_campaign(campaign, so_far)]


def _of_lines(loads: list[Load]) -> Iterator[Caution]:
    for load in loads:
        if not sends_now(load.line):
            yield Caution(
                _(
                    "The line “%(line)s” is stopped or on pause: its part of the campaign waits until it works again.",
                    line=load.name,
                ),
                *_to_line(load),
            )
    days = max((load.days for load in loads), default=1)
    if days > 1:
        words = ngettext("%(num)s day", "%(num)s days", days)
        yield Caution(
            _("WhatsApp's limit of new clients is lower than the audience: it will take %(days)s.", days=words)
        )
    unknown = next((load for load in loads if load.limit and not load.is_known), None)
    if unknown is not None:
        yield Caution(
            _("Nobody has told the limit of new clients yet, the first one is assumed. Set it on the line's page."),
            *_to_line(unknown),
        )


def _to_line(load: Load) -> tuple[str, str]:
    return _("Open the line"), url_for("pages.line", line_id=load.line.id)


def _of_campaign(campaign: Campaign, so_far: Counts) -> Iterator[Caution]:
    if campaign.start_at is not None and campaign.start_at <= runtime().clock():
        yield Caution(
            _("The moment of the start has passed: the campaign will start at once."),
            _("Choose another moment"),
            url_for("pages.campaign_timing", key=campaign.key),
        )
    if so_far.willing == 0:
        audience = url_for("pages.campaign_audience", key=campaign.key)
        yield Caution(_("Nobody would get this campaign."), _("Choose others"), audience)


@blueprint.post("/campaigns/<key>/check", endpoint="run_campaign_check")
@of_campaign
def run(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """Let the worker read and judge the audience; the page asks how far it is."""
    if not missing(campaign):
        changes.check(runtime(), portal.id, campaign.key)
    return _part(viewer, found(portal, campaign.key))


@blueprint.get("/campaigns/<key>/checked", endpoint="campaign_checked")
@of_campaign
def checked(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """How far the dry run is."""
    return _part(viewer, campaign)


def _part(viewer: Viewer, campaign: Campaign) -> Response:
    return page(
        "pages/campaigns_checked.html",
        viewer,
        campaign=campaign,
        missing=missing(campaign),
        steps=steps.STEPS,
        **_judged(viewer, campaign),
    )


@blueprint.post("/campaigns/<key>/unschedule", endpoint="unschedule_campaign")
@of_campaign
def unschedule(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """Make a draft of it again."""
    changes.unschedule(runtime(), portal.id, campaign.key)
    words = _("The campaign is a draft again and does not start by itself.")
    return draw(viewer, portal, found(portal, campaign.key), said=words)
