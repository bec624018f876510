"""Who has got a campaign and who has not: the list, the curve over time, and a new campaign of those who may get it again."""

from datetime import timedelta
from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from messaging.campaigns import changes
from messaging.campaigns.counts import failures
from messaging.campaigns.recipients import Entry
from messaging.insight import campaigns
from messaging.insight.campaigns import REPLIED, STATUSES, WAITING, Shown
from messaging.store.campaigns import Campaign
from messaging.store.models import Line, Portal
from messaging.store.states import MessageStatus
from web.context import clean, runtime, typed
from web.frames import Viewer, page
from web.pages import charts
from web.pages.campaigns import audience
from web.pages.campaigns.rights import found, of_campaign
from web.pages.campaigns.veil import Veil
from web.pages.campaigns.words import RECIPIENTS, SKIPPED, failure
from web.pages.shell import blueprint
from web.texts import moment, number

ROWS = 50
#: Hours of the curve at most, and recipients of a new campaign that is made of an old one's.
HOURS, MOST = 24 * 7, 20_000
_GROUP = 1_000
#: WhatsApp lets advertising that it has refused through a day later at the earliest.
_LATER = timedelta(hours=24)


def asked() -> Shown:
    """Which recipients the form wants."""
    state = typed("state") if typed("state") in (*WAITING, *STATUSES, REPLIED) else ""
    return Shown(state, clean(typed("reason"))[:40] if state in ("skipped", "failed") else "")


@blueprint.post("/campaigns/<key>/recipients", endpoint="campaign_recipients")
@of_campaign
def listing(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """The list, or its next rows."""
    wanted, cursor = asked(), typed("after")
    after = int(cursor) if cursor.isdecimal() and len(cursor) < 19 else 0
    with runtime().db.read() as session:
        rows = campaigns.recipients(session, campaign.id, wanted, after, ROWS + 1)
        lines = {line.id: line.name or line.app_name for line in session.query(Line).filter_by(portal_id=portal.id)}
        codes = failures(session, campaign.id)
    more = campaigns.place(rows[ROWS - 1], wanted) if len(rows) > ROWS else None
    is_more = request.headers.get("HX-Target") == "more-recipients"
    return page(
        "pages/campaigns_recipients_rows.html" if is_more else "pages/campaigns_recipients.html",
        viewer,
        campaign=campaign,
        rows=rows[:ROWS],
        lines=lines,
        asked=wanted,
        more=more,
        codes=codes,
        veil=Veil(viewer, portal),
        **wording(viewer),
    )


def wording(viewer: Viewer) -> dict[str, Any]:
    """What templates call states and reasons."""

    def reason(state: str, code: str) -> str:
        return str(SKIPPED.get(code, code)) if state == "skipped" else failure(code, viewer.language) if code else ""

    return {"recipient_words": RECIPIENTS, "skipped_words": SKIPPED, "reason_of": reason}


@blueprint.get("/campaigns/<key>/curve", endpoint="campaign_curve")
@of_campaign
def curve(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """Messages by hour; the page asks for it after everything else."""
    with runtime().db.read() as session:
        drawn = campaigns.curve(session, campaign.id, HOURS)
    series = [
        charts.Series(_("Accepted"), drawn.accepted, "info"),
        charts.Series(_("Delivered"), drawn.delivered, "ok"),
        charts.Series(_("Read"), drawn.read, "warn"),
    ]
    labels = [moment(hour) for hour in drawn.hours]
    title = _("Messages by hour")
    chart = charts.lines(series, labels, title) if labels else None
    return page("pages/campaigns_curve.html", viewer, chart=chart)


@blueprint.post("/campaigns/<key>/again", endpoint="campaign_again")
@of_campaign
def again(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """A new draft of exactly those whose messages failed, with a code that may pass, or all such codes."""
    with runtime().db.read() as session:
        codes = list(campaigns.repeatable(session, campaign.id))
    codes = [typed("code")] if typed("code") in codes else codes
    name = _("%(name)s (again)", name=campaign.name[:180])
    key = changes.copy(runtime(), portal.id, campaign.key, viewer.user_id, name)
    taken = sum(_added(portal, campaign, key, code, MOST) for code in codes)
    changes.edit(runtime(), portal.id, key, start_at=runtime().clock() + _LATER)
    said = _(
        "This is a new campaign of %(count)s clients who have not got the old one. It starts in 24 hours at the earliest; "
        "change that at the step “When and how fast”.",
        count=number(taken),
    )
    return audience.draw(viewer, portal, found(portal, key), said=said)


def _added(portal: Portal, campaign: Campaign, key: str, code: str, most: int) -> int:
    """Add those whose messages failed with this code; how many."""
    taken = after = 0
    wanted = Shown(MessageStatus.FAILED, code)
    while taken < most:
        with runtime().db.read() as session:
            rows = campaigns.recipients(session, campaign.id, wanted, after, _GROUP)
        if not rows:
            break
        people = [row.recipient for row in rows]
        entries = [Entry(one.line_no, f"+{one.phone}", one.values or {}, one.item) for one in people]
        taken += changes.add(runtime(), portal.id, key, entries)
        after = campaigns.place(rows[-1], wanted)
    return taken
