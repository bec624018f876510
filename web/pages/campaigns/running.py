"""A campaign that was started: how far it is, what failed and why; pause, resume, cancel. Its end is its report."""

from datetime import timedelta
from typing import Any

from flask import Response
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import select

from messaging.campaigns import changes, costs
from messaging.campaigns.campaign_lines import sends_now
from messaging.campaigns.counts import Counts
from messaging.insight import campaigns
from messaging.money import spending
from messaging.store import amounts
from messaging.store.campaigns import Campaign, CampaignState
from messaging.store.models import Line, Portal
from web.context import runtime, typed
from web.frames import Viewer, page
from web.pages import money
from web.pages.campaigns import check
from web.pages.campaigns.numbers import Remembered, counted, missed
from web.pages.campaigns.rights import SECTION, found, of_campaign
from web.pages.campaigns.steps import moves
from web.pages.campaigns.words import PAUSES, RECIPIENTS, SKIPPED, STATES, failure
from web.pages.shell import blueprint, fill, show
from web.texts import number

#: What campaigns have cost, summed once for all readers.
_costs: Remembered[tuple[costs.Spent, spending.Budget | None]] = Remembered(timedelta(seconds=10))


def draw(viewer: Viewer, portal: Portal, campaign: Campaign, **more: Any) -> Response:
    """The page. more: said: a sentence above it."""
    values = {
        "recipient_words": RECIPIENTS,
        "said": "",
        "budget_error": "",
        "budget_typed": amounts.plain(campaign.budget) if campaign.budget is not None else "",
        "currency": campaign.budget_currency or money.currency_of(portal),
        **_live(viewer, campaign),
        **more,
    }
    return show("pages/campaigns_running.html", viewer, section=SECTION, campaign=campaign, **values)


@blueprint.get("/campaigns/<key>/live", endpoint="campaign_live")
@of_campaign
def live(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """The part that moves; buttons and dialogs around it stay, only the numbers in them change."""
    shown = _live(viewer, campaign)
    answer = page("pages/campaigns_live.html", viewer, campaign=campaign, **shown)
    return fill(answer, {"cancel-words": cancel_words(shown["counts"])})


def _live(viewer: Viewer, campaign: Campaign) -> dict[str, Any]:
    so_far, failed = counted(campaign)
    with runtime().db.read() as session:
        lines = session.scalars(select(Line).where(Line.id.in_(campaign.line_ids or [])).order_by(Line.id)).all()
    return {
        "counts": so_far,
        "funnel": _funnel(so_far),
        "failures": [
            (code, count, failure(code, viewer.language), campaigns.may_be_repeated(code))
            for code, count in failed.items()
        ],
        "repeatable": sum(count for code, count in failed.items() if campaigns.may_be_repeated(code)),
        "missed": missed(campaign) if campaign.ended_at else {},
        "lines": lines,
        "minutes": _minutes(campaign, so_far, [line for line in lines if sends_now(line)]),
        "states": STATES,
        "pause": PAUSES.get(campaign.paused_reason),
        "paused_days": changes.PAUSED_KEPT.days if campaign.due_at is None else 0,
        "skipped_words": SKIPPED,
        "moves": moves(campaign),
        "cancel_words": cancel_words(so_far),
    }


def _funnel(so_far: Counts) -> list[tuple[str, int, str, int]]:
    """(state, recipients, share of those sent in words, the same 0–100)."""
    rows = (("sent", so_far.sent), ("delivered", so_far.delivered), ("read", so_far.read), ("replied", so_far.replied))
    return [(name, count, share(count, so_far.sent), round(100 * count / (so_far.sent or 1))) for name, count in rows]


def share(part: int, whole: int) -> str:
    """As a whole percentage; "<1 %" for less, "" of nothing."""
    if not whole:
        return ""
    percent = 100 * part / whole
    return "<1 %" if 0 < percent < 1 else f"{min(100, round(percent))} %"


def _minutes(campaign: Campaign, so_far: Counts, lines: list[Line]) -> int | None:
    """About how long it will still take at this pace; None if it does not move."""
    pace = sum(line.pace for line in lines)
    if campaign.per_minute:
        pace = min(pace, campaign.per_minute / 60)
    if campaign.state != CampaignState.RUNNING or not pace or not so_far.left:
        return None
    return max(1, round(so_far.left / pace / 60))


def cancel_words(so_far: Counts) -> str:
    """What happens to whom if the campaign is cancelled."""
    left = ngettext(
        "%(shown)s client will not get it any more.", "%(shown)s clients will not get it any more.",
        so_far.left, shown=number(so_far.left),
    )  # fmt: skip
    sending = so_far.by_state["sending"]
    on_their_way = _("On their way already: %(number)s.", number=number(sending))
    return f"{left} {on_their_way}" if sending else str(left)


@blueprint.get("/campaigns/<key>/money", endpoint="campaign_money")
@of_campaign
def cost(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """What it has cost so far; the page asks for it after everything else."""
    so_far, _failed = counted(campaign)

    def make() -> tuple[costs.Spent, spending.Budget | None]:
        with runtime().db.read() as session:
            budget = spending.of_campaign(session, portal, campaign, runtime().clock())
            return costs.spent(session, campaign.id), budget

    spent, budget = _costs.get((campaign.key, campaign.budget, campaign.budget_currency), make)
    values: dict[str, Any] = {
        "spent": spent,
        "budget": budget,
        "delivered": so_far.delivered,
        "replied": so_far.replied,
    }
    return page("pages/campaigns_money.html", viewer, campaign=campaign, **values)


@blueprint.post("/campaigns/<key>/budget", endpoint="budget_campaign")
@of_campaign
def set_budget(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """Change the budget of a campaign that was started; one that waits for it looks again."""
    budget, wrong = money.read_budget(typed("budget")[:20])
    if wrong:
        return draw(viewer, portal, campaign, budget_error=wrong, budget_typed=typed("budget")[:20])
    changes.set_budget(runtime(), portal.id, campaign.key, budget, money.currency_of(portal))
    return draw(viewer, portal, found(portal, campaign.key), said=_("The budget is saved."))


@blueprint.post("/campaigns/<key>/start", endpoint="start_campaign")
@of_campaign
def start(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """Start a draft that was checked."""
    if check.missing(campaign) or (campaign.state == CampaignState.DRAFT and campaign.checked_at is None):
        return check.draw(viewer, portal, campaign, refused=_("Let the campaign be checked first."))
    changes.start(runtime(), portal.id, campaign.key)
    return draw(viewer, portal, found(portal, campaign.key))


@blueprint.post("/campaigns/<key>/pause", endpoint="pause_campaign")
@of_campaign
def pause(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    changes.pause(runtime(), portal.id, campaign.key)
    return draw(viewer, portal, found(portal, campaign.key))


@blueprint.post("/campaigns/<key>/resume", endpoint="resume_campaign")
@of_campaign
def resume(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    changes.resume(runtime(), portal.id, campaign.key)
    return draw(viewer, portal, found(portal, campaign.key))


@blueprint.post("/campaigns/<key>/cancel", endpoint="cancel_campaign")
@of_campaign
def cancel(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    changes.cancel(runtime(), portal.id, campaign.key)
    return draw(viewer, portal, found(portal, campaign.key), said=_("The campaign is cancelled. Nothing more is sent."))
