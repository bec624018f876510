"""The second step: the lines, the template, where its variables come from, and what the clients will see."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from flask import Response, request
from flask_babel import gettext as _
from markupsafe import Markup

from activities.template_headers import is_wanted
from gupshup import formatting
from gupshup.templates import TemplateInfo
from messaging.campaigns import changes, header_file
from messaging.campaigns.mapping import LONGEST, Mapping, Source
from messaging.limits import bounds
from messaging.store.campaigns import Campaign
from messaging.store.models import Line, Portal
from messaging.templates import by_hand
from web.context import clean, connected_lines, runtime, typed
from web.frames import Viewer, page
from web.pages.campaigns import people, steps, timing
from web.pages.campaigns.rights import found, of_campaign
from web.pages.campaigns.veil import Veil
from web.pages.shell import blueprint
from web.template_words import CATEGORIES

#: Variables of a template at most: more than WhatsApp allows.
MOST = 60
#: What a select says for a fixed text; names begin with a mark of their own, so that no column can be mistaken for it.
FIXED, NAMED = "=", ":"


@blueprint.get("/campaigns/<key>/template", endpoint="campaign_template")
@of_campaign
def step(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    return draw(viewer, portal, campaign)


def draw(viewer: Viewer, portal: Portal, campaign: Campaign, **more: Any) -> Response:
    """The step. more: as of steps.draw."""
    lines = connected_lines(portal)
    chosen = chosen_lines(campaign, lines)
    templates = common(chosen)
    info = chosen_template(campaign, templates)
    mapping = Mapping.read(campaign.mapping)
    return steps.draw(
        "pages/campaigns_template.html",
        viewer,
        campaign,
        "campaign_template",
        lines=lines,
        chosen=[line.id for line in chosen],
        templates=templates,
        categories=CATEGORIES,
        info=info,
        fields=_shown_fields(campaign, info) if info else [],
        header_name=header_file.name_of_uploaded(campaign.mapping),
        header_link=header_file.link_of(campaign.mapping),
        upload_mb=bounds.UPLOAD_BYTES // bounds.MB,
        names=people.names(portal, campaign, viewer.language) if info else [],
        **{**(seen(viewer, portal, campaign, info, mapping, 0, lines) if info else {}), **more},
    )


def chosen_lines(campaign: Campaign, lines: Sequence[Line]) -> list[Line]:
    """The campaign's lines that are connected; the portal's only one where nothing is chosen."""
    found = [line for line in lines if line.id in (campaign.line_ids or [])]
    return found or (list(lines) if len(lines) == 1 and not campaign.line_ids else [])


def common(lines: Sequence[Line]) -> list[TemplateInfo]:
    """The templates that all these lines have and may send, by name and language."""
    offers = [{(info.name, info.language): info for info in by_hand.offered(runtime(), line)} for line in lines]
    return [info for name, info in offers[0].items() if all(name in other for other in offers)] if offers else []


def chosen_template(campaign: Campaign, templates: Sequence[TemplateInfo]) -> TemplateInfo | None:
    """The campaign's template, if its lines still offer it."""
    wanted = (campaign.template, campaign.language)
    return next((info for info in templates if (info.name, info.language) == wanted), None)


def template_of(portal: Portal, campaign: Campaign) -> TemplateInfo | None:
    """The template of the campaign's lines that was chosen; None if there is none, or no more."""
    return chosen_template(campaign, common(chosen_lines(campaign, connected_lines(portal))))


def _shown_fields(campaign: Campaign, info: TemplateInfo) -> list[dict[str, Any]]:
    """`_fields` without an uploaded file, which is shown by its name."""
    fields = _fields(info, Mapping.read(campaign.mapping))
    return [one for one in fields if one["kind"] != "header" or not header_file.name_of_uploaded(campaign.mapping)]


def _fields(info: TemplateInfo, mapping: Mapping) -> list[dict[str, Any]]:
    """What is to be filled in, in the order of `_sent`: kind (header, param, button), part, name, sample and source.

    address: of a button, what stands in front of the tail of its link.
    """
    rows = [("header", "", "", "", mapping.header, "")] if is_wanted(info) else []
    params = zip(info.text_vars, info.text_samples, strict=True)
    rows += [
        ("param", part, name, sample, _at(mapping.params, at), "") for at, ((part, name), sample) in enumerate(params)
    ]
    rows += [
        ("button", part, one.text, one.sample_tail, _at(mapping.buttons, at), one.address)
        for at, (part, one) in enumerate(info.asking)
    ]
    return [dict(zip(("kind", "part", "name", "sample", "source", "address"), row, strict=True)) for row in rows]


def _at(sources: Sequence[Source], position: int) -> Source:
    return sources[position] if position < len(sources) else Source()


def _sent(info: TemplateInfo) -> Mapping:
    """The mapping as the form was filled in."""
    pairs = zip(request.form.getlist("source")[:MOST], request.form.getlist("text")[:MOST], strict=False)
    rows = [_source(clean(chosen), clean(text).strip()[:LONGEST]) for chosen, text in pairs]
    header = rows.pop(0) if is_wanted(info) and rows else Source()
    count = len(info.text_vars)
    return Mapping(tuple(rows[:count]), tuple(rows[count : count + info.button_vars]), header)


def _source(chosen: str, text: str) -> Source:
    return Source(chosen.removeprefix(NAMED)[:LONGEST] if chosen.startswith(NAMED) else "", text)


@blueprint.post("/campaigns/<key>/template", endpoint="save_campaign_template")
@of_campaign
def save(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """Keep what was chosen. next: go on with the next step, else the step is drawn anew for another template."""
    campaign = _kept(portal, campaign)
    if not typed("next"):
        return draw(viewer, portal, campaign)
    chosen = chosen_lines(campaign, connected_lines(portal))
    info = chosen_template(campaign, common(chosen))
    if not chosen or info is None:
        words = _("Choose a template.") if chosen else _("Choose at least one line.")
        return draw(viewer, portal, campaign, errors={"template" if chosen else "lines": words})
    lacking = [one for one in _fields(info, Mapping.read(campaign.mapping)) if one["source"] == Source()]
    if lacking:
        words = _("Choose for each variable where its value comes from.")
        return draw(viewer, portal, campaign, errors={"variables": words})
    return timing.draw(viewer, portal, campaign)


def _kept(portal: Portal, campaign: Campaign) -> Campaign:
    """The campaign with lines, template and mapping of the form."""
    lines = connected_lines(portal)
    ids = [line.id for line in lines if str(line.id) in request.form.getlist("lines")]
    language, _blank, name = typed("template").partition(" ")
    settings: dict[str, Any] = {"line_ids": ids, "template": name, "language": language}
    info = next((one for one in common(_of(lines, ids)) if (one.name, one.language) == (name, language)), None)
    is_same = (campaign.template, campaign.language) == (name, language)
    if info is not None and is_same and request.form.getlist("source"):
        settings["mapping"] = _sent(info).to_dict()
    elif not is_same:
        settings["mapping"] = {}
    changes.edit(runtime(), portal.id, campaign.key, **settings)
    return found(portal, campaign.key)


def _of(lines: Sequence[Line], ids: Sequence[int]) -> list[Line]:
    return [line for line in lines if line.id in ids]


# --- the preview --------------------------------------------------------------------------------------------------------


@blueprint.post("/campaigns/<key>/preview", endpoint="campaign_preview")
@of_campaign
def preview(viewer: Viewer, portal: Portal, campaign: Campaign) -> Response:
    """The phone with the values of a recipient; what was chosen is kept. nth: who is shown; step: 1 the next one, -1 back.

    The buttons stay while the phone is drawn anew: a press would be lost with its button.
    """
    lines = connected_lines(portal)
    campaign = _kept(portal, campaign)
    info = template_of(portal, campaign)
    if info is None:
        return page("pages/campaigns_phone.html", viewer, campaign=campaign, info=None)
    nth = typed("nth")
    position = int(nth) if nth.isdecimal() and len(nth) < 7 else 0
    position += {"1": 1, "-1": -1}.get(typed("step"), 0)
    shown = seen(viewer, portal, campaign, info, Mapping.read(campaign.mapping), position, lines)
    return page("pages/campaigns_phone.html", viewer, campaign=campaign, info=info, **shown)


def seen(
    viewer: Viewer,
    portal: Portal,
    campaign: Campaign,
    info: TemplateInfo,
    mapping: Mapping,
    nth: int,
    lines: Sequence[Line],
) -> dict[str, Any]:
    """What the phone shows: a recipient, and the message with his values. A variable without one stays as it is."""
    uploaded = header_file.name_of_uploaded(campaign.mapping)
    who, veil = people.person(portal, campaign, mapping, nth), Veil(viewer, portal)
    filled = mapping.filled(who.values if who else {})
    values = (
        [veil.text(value) for value in filled.params]
        if who
        else [value or sample for value, sample in _pairs(filled.params, info.samples)]
    )
    header, body = replace(info, samples=tuple(values)).with_samples()
    sender = next((line.name or line.app_name for line in chosen_lines(campaign, lines)), "")
    return {
        "who": who,
        "header": header,
        "body": Markup(formatting.html(body)),
        "sender": sender,
        "file": uploaded or veil.text(filled.header),
        "picture": urlsplit(header_file.link_of(campaign.mapping)).path if uploaded else "",
        "their_phone": veil.raw(who.phone) if who else "",
    }


def _pairs(values: Sequence[str], samples: Sequence[str]) -> list[tuple[str, str]]:
    count = max(len(values), len(samples))
    return list(zip([*values, *[""] * count][:count], [*samples, *[""] * count][:count], strict=True))
