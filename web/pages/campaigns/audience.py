"""The first step: who is to get the campaign. A file, items of the CRM, or phones that are pasted."""

from collections.abc import Iterator
from typing import Any

from flask import Response, make_response, request
from flask_babel import gettext as _
from flask_babel import ngettext

from messaging.campaigns import changes
from messaging.campaigns.audience import Kind
from messaging.campaigns.phone_cells import phone_of
from messaging.campaigns.recipients import Entry, region_of
from messaging.campaigns.repeats import Missed
from messaging.insight import campaigns
from messaging.store.campaigns import Campaign, RefusedRow
from messaging.store.models import Portal
from web.context import runtime, typed
from web.frames import Viewer, page
from web.pages.campaigns import steps, template
from web.pages.campaigns.numbers import counted
from web.pages.campaigns.rights import found, of_campaign
from web.pages.campaigns.veil import Veil
from web.pages.campaigns.words import AGAIN, SKIPPED, row_reason
from web.pages.shell import blueprint
from web.texts import number

#: Lines of pasted phones, and bad rows that are shown.
MOST_LINES, BAD_SHOWN = 5_000, 20
#: What a draft cannot be judged for yet: that is asked in later steps.
_LATER = frozenset({"line_not_connected", "template_not_approved"})
NAME = 200
#: Sources that are chosen at this step.
_CHOSEN = (Kind.FILE, Kind.CRM, Kind.PHONES)


@blueprint.get("/campaigns/<key>/audience", endpoint="campaign_audience")
@of_campaign
def step(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    return draw(viewer, portal, campaign, request.args.get("kind", ""))


def draw(viewer: Viewer, portal: Portal, campaign: Campaign, kind: str = "", **more: Any) -> Response:
    """The step. kind: which source is shown, "" for the one that was chosen.

    more: wanted: the type of CRM items to begin with; others as of steps.draw.
    """
    stored = campaign.audience or {}
    kind = kind if kind in _CHOSEN else stored.get("kind", Kind.FILE)
    mine = stored if stored.get("kind") == kind else {}
    values = {
        "kind": kind,
        "audience": mine,
        "veil": Veil(viewer, portal),
        "given": "",
        "bad": [],
        "wanted": None,
        "whom": str(AGAIN[stored.get("missed", Missed.FAILED)].whom) % {"name": stored.get("name", "")},
        **read_so_far(viewer, portal, campaign),
        **more,
    }
    return steps.draw("pages/campaigns_audience.html", viewer, campaign, "campaign_audience", **values)


def read_so_far(viewer: Viewer, portal: Portal, campaign: Campaign) -> dict[str, Any]:
    """How far the audience is read, and which rows of a file were left out."""
    cursor = campaign.cursor or {}
    with runtime().db.read() as session:
        rows = campaigns.refused_rows(session, campaign.id, 0, BAD_SHOWN)
    problem, veil = campaign.problem or {}, Veil(viewer, portal)
    is_known = campaign.read_at is not None
    return {
        "counts": counted(campaign)[0] if is_known else None,
        "reading": campaign.wants_check and not is_known,
        "stored": int(cursor.get("stored", 0)),
        "refused_rows": int(cursor.get("refused", len(rows))),
        "rows": [(row.line_no, *refused_row(row, veil, viewer.language)) for row in rows],
        "problem": "" if is_known or problem.get("code") in _LATER else problem.get(viewer.language, ""),
        "skipped_words": SKIPPED,
    }


def refused_row(row: RefusedRow, veil: Veil, language: str) -> tuple[str, str]:
    """What stands in a row of a file that is no recipient, and what is wrong with it."""
    shown = veil.raw(row.text)
    return shown, row_reason(row.reason, shown, language)


@blueprint.get("/campaigns/<key>/read", endpoint="campaign_read")
@of_campaign
def reading(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """How far the audience is read; the page asks again while it is."""
    kind = (campaign.audience or {}).get("kind", "")
    return page(
        "pages/campaigns_read.html", viewer, campaign=campaign, kind=kind, **read_so_far(viewer, portal, campaign)
    )


@blueprint.post("/campaigns/<key>/name", endpoint="name_campaign")
@of_campaign
def rename(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """Keep the name as soon as it is typed: choosing the recipients draws the page anew."""
    if name := _name():
        changes.edit(runtime(), portal.id, campaign.key, name=name)
    return make_response("", 204)


def _name() -> str:
    return " ".join(typed("name").split())[:NAME]


@blueprint.post("/campaigns/<key>/audience", endpoint="save_campaign_audience")
@of_campaign
def save(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """Name the campaign and go on with the template."""
    name = _name()
    if name and name != campaign.name:
        changes.edit(runtime(), portal.id, campaign.key, name=name)
        campaign = found(portal, campaign.key)
    if not campaign.audience:
        return draw(viewer, portal, campaign, errors={"audience": _("Choose who is to get the campaign.")})
    if not name:
        return draw(viewer, portal, campaign, errors={"name": _("Give the campaign a name.")})
    return template.draw(viewer, portal, campaign)


@blueprint.post("/campaigns/<key>/phones", endpoint="add_campaign_phones")
@of_campaign
def add(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """Add pasted phones. They take the place of recipients from another source."""
    given = typed("phones")
    lines = [line for line in given.splitlines() if line.strip()]
    if not lines:
        return draw(viewer, portal, campaign, Kind.PHONES, errors={"phones": _("Paste at least one phone.")})
    if len(lines) > MOST_LINES:
        words = _("More than %(rows)s lines. Load them as a file.", rows=number(MOST_LINES))
        return draw(viewer, portal, campaign, Kind.PHONES, errors={"phones": words}, given=given)
    entries, bad = _parsed(viewer, portal, given)
    if not entries:
        words = _("There is no phone in these lines.")
        return draw(viewer, portal, campaign, Kind.PHONES, errors={"phones": words}, given=given, bad=bad)
    changes.add(runtime(), portal.id, campaign.key, entries)
    words = ngettext("%(num)s phone is added.", "%(num)s phones are added.", len(entries))
    return draw(viewer, portal, found(portal, campaign.key), Kind.PHONES, said=words, bad=bad[:BAD_SHOWN])


def _parsed(viewer: Viewer, portal: Portal, given: str) -> tuple[list[Entry], list[tuple[int, str, str]]]:
    """The entries, and (line, text, what is wrong)."""
    entries, bad = [], []
    for number_, text in _lines(given):
        written, *more = [part.strip() for part in text.split(";")]
        phone = phone_of(written, region_of(portal))
        if phone.reason:
            bad.append((number_, text[:100], row_reason(phone.reason, written, viewer.language)))
            continue
        names = ["name", *(f"value {n}" for n in range(2, len(more) + 1))][: len(more)]
        entries.append(Entry(number_, f"+{phone.digits}", dict(zip(names[:5], more, strict=False))))
    return entries, bad


def _lines(given: str) -> Iterator[tuple[int, str]]:
    return ((number_, line.strip()) for number_, line in enumerate(given.splitlines(), 1) if line.strip())


@blueprint.post("/campaigns/<key>/clear", endpoint="clear_campaign_audience")
@of_campaign
def clear(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """Forget the list."""
    changes.clear(runtime(), portal.id, campaign.key)
    return draw(viewer, portal, found(portal, campaign.key), Kind.PHONES, said=_("The list is empty again."))
