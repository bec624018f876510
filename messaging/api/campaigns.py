"""Campaigns as other programs make, check and read them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session, selectinload

from activities import phones
from activities.errors import Refused, refused
from activities.send_template import unsupported
from bx24.errors import Bx24Error
from bx24.i18n import Text
from gupshup.errors import GupshupError
from gupshup.templates import TemplateInfo
from messaging.api import ids, templates
from messaging.api.ids import Kind as Id
from messaging.campaigns import changes, composing, costs, hours, recipients
from messaging.campaigns.audience import Kind
from messaging.campaigns.changes import Also, WrongState
from messaging.campaigns.counts import Counts, counts, counts_of
from messaging.campaigns.crm.audience import CrmAudience
from messaging.campaigns.mapping import Mapping as Variables
from messaging.campaigns.mapping import Source
from messaging.campaigns.preparing import FRESH, Preparing
from messaging.campaigns.recipients import Entry
from messaging.insight import campaigns as insight
from messaging.lines.selection import choose, named
from messaging.runtime import Runtime
from messaging.store.campaigns import Campaign, CampaignState
from messaging.store.models import Line, Portal
from messaging.templates.catalogue import meant

#: Recipients of one call.
RECIPIENTS_AT_MOST = 1000
_NO_HOURS = Text(
    "Give the hours of the client's day as “09:00-21:00”; beginning and end must differ.",
    "Укажите часы дня клиента в виде «09:00-21:00»; начало и конец должны различаться.",
)
_COUNT = Text(
    "The template “{name}” has {wanted} variables here, {given} are given.",
    "У шаблона «{name}» здесь переменных: {wanted}, задано: {given}.",
)
_NO_HEADER = Text(
    "The template “{name}” has a file in its header. Give a link to it.",
    "У шаблона «{name}» файл в заголовке. Укажите ссылку на него.",
)
_NO_TEMPLATE = Text("Choose lines and a template first.", "Сначала выберите линии и шаблон.")
_EMPTY = Text("Add recipients first.", "Сначала добавьте получателей.")


class BeingChecked(Exception):
    """The dry run takes longer; its answer can be asked for a little later. stored: recipients that are known by now."""

    def __init__(self, stored: int) -> None:
        super().__init__("being checked")
        self.stored = stored


@dataclass(frozen=True)
class Wanted:
    """A campaign as a program describes it. lines: ids, phones or names; none: the default line. hours: "" for any."""

    name: str
    template: str
    language: str
    lines: Sequence[str] = ()
    mapping: Variables = field(default_factory=Variables)
    crm: CrmAudience | None = None
    entries: Sequence[Entry] = ()
    start_at: datetime | None = None
    per_minute: int | None = None
    hours: str = ""


def make(runtime: Runtime, portal_id: int, wanted: Wanted, also: Also) -> str:
    """A new draft; its key. Raises Refused for a field that is wrong, TooMany, TemplatesAway."""
    with runtime.db.read() as session:
        portal = session.get_one(Portal, portal_id, options=[selectinload(Portal.lines)])
        lines = _lines(portal, wanted.lines)
        session.expunge_all()
    _check_hours(wanted.hours)
    infos = [_template(runtime, line, wanted) for line in lines]
    _check_mapping(wanted.mapping, infos[0])
    rows = recipients.rows_of(runtime, wanted.entries, recipients.region_of(portal))
    return changes.create(
        runtime,
        portal_id,
        0,
        wanted.name,
        rows,
        also,
        line_ids=[line.id for line in lines],
        template=infos[0].name,
        language=infos[0].language,
        mapping=wanted.mapping.to_dict(),
        audience=_audience(wanted),
        start_at=wanted.start_at,
        per_minute=wanted.per_minute,
        hours=wanted.hours,
    )


def _lines(portal: Portal, wanted: Sequence[str]) -> list[Line]:
    if not wanted:
        return [choose(portal, "", (), ())[0]]
    return list({line.id: line for line in (named(portal, one) for one in wanted)}.values())


def _check_hours(given: str) -> None:
    try:
        allowed = hours.read(given)
    except ValueError:
        raise Refused("value_invalid", _NO_HOURS, "hours") from None
    if allowed is not None and not allowed.exist:
        raise Refused("value_invalid", _NO_HOURS, "hours")


def _template(runtime: Runtime, line: Line, wanted: Wanted) -> TemplateInfo:
    found = [info for info in templates.listed(runtime, line) if wanted.template in (info.id, info.name)]
    info = meant(wanted.template, wanted.language, found)
    why = unsupported(info)
    if why is not None:
        raise refused("template_params", at="template", problem=why)
    return info


def _check_mapping(mapping: Variables, info: TemplateInfo) -> None:
    if info.is_media and mapping.header == Source():
        raise Refused("value_missing", _NO_HEADER.format(name=info.name), "header")
    if composing.fits(mapping, info):
        return
    of_text = len(info.header_vars) + len(info.body_vars)
    at, expected, given = "params", of_text, len(mapping.params)
    if given == expected:
        at, expected, given = "button_params", info.button_vars, len(mapping.buttons)
    problem = _COUNT.format(name=info.name, wanted=expected, given=given)
    raise refused("template_params", at=at, problem=problem)


def _audience(wanted: Wanted) -> dict[str, Any] | None:
    if wanted.crm is not None:
        return {"kind": Kind.CRM, **wanted.crm.to_dict()}
    return {"kind": Kind.PHONES} if wanted.entries else None


# --- recipients -----------------------------------------------------------------------------------------------------------


def sorted_out(
    runtime: Runtime, portal_id: int, given: Sequence[Mapping[str, Any]]
) -> tuple[list[Entry], list[dict[str, Any]]]:
    """The entries of a list of recipients, and what is no recipient: index and reason."""
    with runtime.db.read() as session:
        region = recipients.region_of(session.get_one(Portal, portal_id))
    entries: list[Entry] = []
    rejected: list[dict[str, Any]] = []
    for index, one in enumerate(given):
        if phones.digits(one["phone"], region) is None:
            rejected.append({"index": index, "reason": "invalid_phone"})
        else:
            entries.append(Entry(index + 1, one["phone"], one.get("values") or {}))
    return entries, rejected


def recipients_of(
    session: Session, runtime: Runtime, campaign: Campaign, shown: insight.Shown, after: int, limit: int
) -> tuple[list[dict[str, Any]], int | None]:
    """A page of recipients in the order in which they were added, and where the next one begins; None: at the end."""
    found = insight.recipients(session, campaign.id, shown, after, limit + 1)
    page = found[:limit]
    rows = [_recipient(runtime, campaign.portal_id, entry) for entry in page]
    return rows, insight.place(page[-1], shown) if len(found) > limit else None


def _recipient(runtime: Runtime, portal_id: int, entry: insight.Entry) -> dict[str, Any]:
    message = entry.message
    return {
        "phone": entry.recipient.phone,
        "state": entry.state,
        "reason": entry.reason or None,
        "message": ids.encode(runtime, Id.MESSAGE, portal_id, message.id) if message is not None else None,
        "values": entry.recipient.values or {},
        "replied_at": entry.recipient.replied_at,
    }


# --- the dry run, and what is shown ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Preview:
    """Who would get a draft, and what that is expected to cost; cost: None if a price is not known."""

    counts: Counts
    cost: dict[str, str] | None


def preview(runtime: Runtime, portal_id: int, key: str) -> Preview:
    """Who would get a draft as things stand, and who would not.

    Raises LookupError, WrongState, Refused for what must be changed first, and BeingChecked while the worker is at it.
    """
    campaign = _draft(runtime, portal_id, key)
    if _is_checked(runtime, campaign):
        return _previewed(runtime, campaign)
    if not campaign.audience:
        raise Refused("value_missing", _EMPTY, "audience")
    if campaign.wants_check:
        raise BeingChecked(_counted(runtime, campaign).audience)
    changes.check(runtime, portal_id, key)
    if campaign.problem:
        raise Refused(campaign.problem["code"], Text(campaign.problem["en"], campaign.problem["ru"]), "")
    _hurry(runtime, campaign)
    campaign = _draft(runtime, portal_id, key)
    if not _is_checked(runtime, campaign):
        raise BeingChecked(_counted(runtime, campaign).audience)
    return _previewed(runtime, campaign)


def _previewed(runtime: Runtime, campaign: Campaign) -> Preview:
    with runtime.db.read() as session:
        portal = session.get_one(Portal, campaign.portal_id)
        cost = costs.expected(session, runtime, portal, campaign).to_api()
        return Preview(counts(session, campaign.id), cost)


def _is_checked(runtime: Runtime, campaign: Campaign) -> bool:
    """Whether the last dry run still holds: clients opt out, and the CRM moves on."""
    return campaign.checked_at is not None and runtime.clock() - campaign.checked_at < FRESH


def _counted(runtime: Runtime, campaign: Campaign) -> Counts:
    with runtime.db.read() as session:
        return counts(session, campaign.id)


def _hurry(runtime: Runtime, campaign: Campaign) -> None:
    """Check a short list at once, for which nobody but Gupshup need be asked; the worker does what is left.

    Whichever of the two stores first goes on, the other one stops (messaging.campaigns.preparing).
    """
    has_file = composing.variables_of(campaign).header != Source()
    is_stored = (campaign.audience or {}).get("kind") == Kind.PHONES and campaign.read_at is not None
    if is_stored and not has_file and _counted(runtime, campaign).audience <= RECIPIENTS_AT_MOST:
        with templates.slot(campaign.portal_id) as is_free, suppress(GupshupError, Bx24Error):
            if is_free:
                Preparing(runtime, campaign.id).run()


def start(runtime: Runtime, portal_id: int, key: str, also: Also) -> None:
    """Start a draft. Raises LookupError, WrongState, TooMany, Refused for what it lacks."""
    campaign = _draft(runtime, portal_id, key)
    if not campaign.audience:
        raise Refused("value_missing", _EMPTY, "audience")
    if not campaign.line_ids or not campaign.template:
        raise Refused("value_missing", _NO_TEMPLATE, "template")
    changes.start(runtime, portal_id, key, also)


def _draft(runtime: Runtime, portal_id: int, key: str) -> Campaign:
    with runtime.db.read() as session:
        found = changes.find(session, portal_id, key)
    if found.state != CampaignState.DRAFT:
        raise WrongState(found.state)
    return found


def shown(session: Session, campaign: Campaign) -> dict[str, Any]:
    """A campaign as the API shows it."""
    return _shown(campaign, counts(session, campaign.id))


def listed(session: Session, found: Sequence[Campaign]) -> list[dict[str, Any]]:
    """The same for many of them; they are counted together."""
    counted = counts_of(session, [one.id for one in found])
    return [_shown(one, counted[one.id]) for one in found]


def _shown(campaign: Campaign, counted: Counts) -> dict[str, Any]:
    return {
        "id": campaign.key,
        "name": campaign.name,
        "state": campaign.state,
        "paused_reason": campaign.paused_reason or None,
        "problem": (campaign.problem or {}).get("code"),
        "lines": list(campaign.line_ids or []),
        "template": campaign.template or None,
        "language": campaign.language or None,
        "hours": campaign.hours or None,
        "per_minute": campaign.per_minute,
        "start_at": campaign.start_at,
        "created_at": campaign.created_at,
        "started_at": campaign.started_at,
        "ended_at": campaign.ended_at,
        "counts": counted.to_dict(),
    }
