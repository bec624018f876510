"""Who has got a campaign and who has not: the list, the curve over time, and a new campaign of those who may get it again."""

from datetime import timedelta, timezone
from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from messaging.campaigns import repeats
from messaging.campaigns.changes import TooMany
from messaging.campaigns.repeats import Missed
from messaging.insight import campaigns
from messaging.insight.campaigns import REPLIED, SILENT, STATUSES, WAITING, Shown
from messaging.store.campaigns import Campaign
from messaging.store.models import Line, Portal
from web.context import clean, reader_zone, runtime, typed
from web.frames import Viewer, page
from web.pages import charts
from web.pages.campaigns import audience, table, words
from web.pages.campaigns.numbers import Remembered, counted, missed
from web.pages.campaigns.rights import found, of_campaign
from web.pages.campaigns.steps import moves
from web.pages.campaigns.veil import Veil
from web.pages.campaigns.words import AGAIN, RECIPIENTS, SKIPPED, failure
from web.pages.shell import blueprint
from web.texts import moment, number

ROWS = 50
#: Rows of one workbook: some five seconds of a thread.
MOST_IN_WORKBOOK = 20_000
#: Hours of the curve at most.
HOURS = 24 * 7
#: How long the hourly counts of a campaign are remembered, however many people look at it.
_curves: Remembered[campaigns.Curve] = Remembered(timedelta(seconds=10))


def asked() -> Shown:
    """Which recipients the form wants."""
    state = typed("state") if typed("state") in (*WAITING, *STATUSES, REPLIED, *SILENT) else ""
    return Shown(state, clean(typed("reason"))[:40] if state in ("skipped", "failed") else "")


def cursor() -> int:
    """Behind which recipient the form wants to go on, 0 from the first one."""
    after = typed("after")
    return int(after) if after.isdecimal() and len(after) < 19 else 0


@blueprint.post("/campaigns/<key>/recipients", endpoint="campaign_recipients")
@of_campaign
def listing(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """The list, or its next rows."""
    wanted, after = asked(), cursor()
    with runtime().db.read() as session:
        rows = campaigns.recipients(session, campaign.id, wanted, after, ROWS + 1)
        lines = {line.id: line.name or line.app_name for line in session.query(Line).filter_by(portal_id=portal.id)}
    more = campaigns.place(rows[ROWS - 1], wanted) if len(rows) > ROWS else None
    so_far, failed = counted(campaign)
    is_more = request.headers.get("HX-Target") == "more-recipients"
    return page(
        "pages/campaigns_recipients_rows.html" if is_more else "pages/campaigns_recipients.html",
        viewer,
        campaign=campaign,
        rows=rows[:ROWS],
        lines=lines,
        asked=wanted,
        more=more,
        codes=failed,
        is_long=so_far.audience > MOST_IN_WORKBOOK,
        most_in_workbook=MOST_IN_WORKBOOK,
        veil=Veil(viewer, portal),
        follows=moves(campaign),
        **wording(viewer),
    )


def wording(viewer: Viewer) -> dict[str, Any]:
    """What templates call states and reasons."""

    def reason(state: str, code: str) -> str:
        return str(SKIPPED.get(code, code)) if state == "skipped" else failure(code, viewer.language) if code else ""

    return {
        "recipient_words": RECIPIENTS,
        "silent_words": words.SILENT,
        "skipped_words": SKIPPED,
        "reason_of": reason,
    }


@blueprint.get("/campaigns/<key>/curve", endpoint="campaign_curve")
@of_campaign
def curve(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """Messages by hour; the page asks for it after everything else."""
    zone = reader_zone()
    drawn = _curves.get((campaign.key, zone), lambda: _curve(campaign, zone))
    series = [
        charts.Series(_("Accepted"), drawn.accepted, "info"),
        charts.Series(_("Delivered"), drawn.delivered, "ok"),
        charts.Series(_("Read"), drawn.read, "warn"),
    ]
    labels = [moment(hour) for hour in drawn.hours]
    title = _("Messages by hour")
    chart = charts.lines(series, labels, title) if labels else None
    return page("pages/campaigns_curve.html", viewer, chart=chart)


def _curve(campaign: Campaign, zone: timezone) -> campaigns.Curve:
    with runtime().db.read() as session:
        return campaigns.curve(session, campaign.id, HOURS, zone)


@blueprint.post("/campaigns/<key>/again", endpoint="campaign_again")
@of_campaign
def again(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """A new draft of exactly those whom the campaign has missed.

    missed: which of them; without it those whose messages failed, with one code that may pass, or with all such codes.
    """
    whom = Missed(typed("missed")) if typed("missed") in set(Missed) else Missed.FAILED
    codes, count = _refused(campaign) if whom == Missed.FAILED else ([], missed(campaign)[whom])
    name = _("%(name)s (again)", name=campaign.name[:180])
    try:
        key = repeats.make(runtime(), portal.id, campaign.key, viewer.user_id, name, whom, codes)
    except TooMany as error:
        return table.table(viewer, portal, refused=table.too_many_drafts(error.limit))
    said = str(AGAIN[whom].made) % {"count": number(count)}
    if whom != Missed.CANCELLED:
        later = _("It starts in 24 hours at the earliest; change that at the step “When and how fast”.")
        said = f"{said} {later}"
    return audience.draw(viewer, portal, found(portal, key), said=said)


def _refused(campaign: Campaign) -> tuple[list[str], int]:
    """The code that was chosen, else all codes that may pass; and how many messages failed so."""
    with runtime().db.read() as session:
        numbers = campaigns.repeatable(session, campaign.id)
    codes = [typed("code")] if typed("code") in numbers else list(numbers)
    return codes, sum(numbers[code] for code in codes)
