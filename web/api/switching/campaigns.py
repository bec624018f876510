"""`campaigns.*`: a campaign of one line with the template's variables as they stand for everybody, or for each recipient.

A recipient's own values are numbered "1", "2" …; where it brings none, the campaign's stand.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from activities import phones
from messaging.campaigns import changes
from messaging.campaigns.changes import TooMany, WrongState
from messaging.campaigns.counts import Counts, counts, failures
from messaging.campaigns.mapping import Mapping, Source
from messaging.campaigns.recipients import Entry as NewRecipient
from messaging.insight import campaigns as insight
from messaging.insight.campaigns import Entry, Shown
from messaging.portals import portals
from messaging.runs.reactions import WINDOW
from messaging.store.campaigns import Campaign, CampaignState, Recipient
from messaging.store.models import Line
from messaging.store.states import MessageStatus
from web.api.switching import templates
from web.api.switching.call import Call, Fault, method
from web.context import clean, runtime

#: Recipients of one call, and hours of the window in which a reply counts.
RECIPIENTS, WINDOW_AT_MOST = 1000, 720
_STATES = {
    CampaignState.DRAFT: "draft",
    CampaignState.FINISHED: "completed",
    CampaignState.CANCELLED: "cancelled",
}
#: What a recipient's state is called. A number without WhatsApp fails with one of these codes.
_NO_WHATSAPP = frozenset({"1002", "131026"})
_RECIPIENT = {
    "pending": "pending",
    "skipped": "skipped",
    MessageStatus.QUEUED: "processing",
    MessageStatus.SENDING: "processing",
    MessageStatus.UNKNOWN: "unknown",
    MessageStatus.FAILED: "error",
}
EXTERNAL_ID = "external_id"


@method(
    *("campaigns.create", "campaigns:write", "line_number*", "template_name*", "name", "template_language"),
    *("template_params", "reply_window_hours"),
)
def create(call: Call) -> dict[str, Any]:
    """A draft. Replies count for 72 hours, whatever window is asked for."""
    line, name = call.line(), call.needed("template_name")
    call.number("reply_window_hours", 72, WINDOW_AT_MOST, "invalid_reply_window")
    info = templates.find(line, name, call.text("template_language") or "ru")
    if info.is_media or info.button_vars:
        raise Fault("template_params_mismatch", "this template needs a file or values of buttons: use the app's page")
    given = call.words("template_params")
    if given and len(given) != info.params_count:
        raise Fault("template_params_mismatch", f"the template has {info.params_count} variables, not {len(given)}")
    defaults = given or [""] * info.params_count
    mapping = Mapping(tuple(Source(str(at), text) for at, text in enumerate(defaults, 1)))
    chosen: dict[str, Any] = {
        "line_ids": [line.id],
        "template": info.name,
        "language": info.language,
        "mapping": mapping.to_dict(),
    }
    try:
        key = changes.create(runtime(), call.caller.portal_id, 0, call.text("name") or info.name, **chosen)
    except TooMany as error:
        raise Fault("too_many_running_campaigns", f"at most {error.limit} drafts") from None
    return _shown(_found(call, key))


@method("campaigns.recipients.add", "campaigns:write", "campaign_id*", "recipients*", is_long=True)
def add(call: Call) -> dict[str, Any]:
    """Add recipients to a draft. Sent again, those it has already are rejected as duplicates."""
    campaign = _of_call(call)
    given = call.listed("recipients", RECIPIENTS, "batch_too_large")
    if not given:
        raise Fault("recipients_required")
    if campaign.state != CampaignState.DRAFT:
        raise Fault("campaign_not_draft")
    wanted = Mapping.read(campaign.mapping)
    region = portals.phone_region(call.portal())
    accepted: dict[str, NewRecipient] = {}
    rejected: list[dict[str, Any]] = []
    read = [_read(one, region, wanted) for one in given]
    known = _known(campaign, [number for number, _values, _reason in read if number])
    for at, (number, values, reason) in enumerate(read):
        key = runtime().phone_key(number) if number else ""
        if not reason and (key in known or key in accepted):
            reason = "duplicate"
        if reason:
            rejected.append({"index": at, "recipient": _named(given[at]), "reason": reason})
        else:
            accepted[key] = NewRecipient(at + 1, number, values)
    try:
        changes.add(runtime(), call.caller.portal_id, campaign.key, list(accepted.values()))
    except WrongState:
        raise Fault("campaign_not_draft") from None
    except TooMany as error:
        raise Fault("batch_too_large", f"a campaign has at most {error.limit} recipients") from None
    return {"accepted": len(accepted), "rejected": rejected}


def _read(given: Any, region: str, wanted: Mapping) -> tuple[str, dict[str, str], str]:
    """Digits, values, and why it is rejected, "" if it is not."""
    entry = given if isinstance(given, dict) else {"phone": given}
    number = phones.digits(clean(str(entry.get("phone") or ""))[:100], region) or ""
    params = entry.get("params") or []
    is_list = isinstance(params, list) and not any(isinstance(one, list | dict) for one in params)
    lacks = any(not source.text for source in wanted.params)
    if not is_list or (len(params) != len(wanted.params) if params else lacks):
        return number, {}, "invalid_params" if number else "invalid_phone"
    values = {str(at): clean(str(one)) for at, one in enumerate(params, 1)}
    if entry.get(EXTERNAL_ID):
        values[EXTERNAL_ID] = clean(str(entry[EXTERNAL_ID]))[:200]
    return number, values, "" if number else "invalid_phone"


def _named(given: Any) -> str:
    entry = given.get("phone") if isinstance(given, dict) else given
    return clean(str(entry))[:100]


def _known(campaign: Campaign, numbers: list[str]) -> set[str]:
    """The keys of those phones that the campaign has already."""
    keys = [runtime().phone_key(number) for number in numbers]
    mine = select(Recipient.phone_key).where(Recipient.campaign_id == campaign.id, Recipient.phone_key.in_(keys))
    with runtime().db.read() as session:
        return {key for key in session.scalars(mine) if key}


@method("campaigns.start", "campaigns:write", "campaign_id*")
def start(call: Call) -> dict[str, Any]:
    """Begin at once; the answer does not wait for anything."""
    campaign = _of_call(call)
    with runtime().db.read() as session:
        audience = counts(session, campaign.id).by_state["pending"]
    if campaign.state == CampaignState.DRAFT and not audience:
        raise Fault("no_recipients")
    try:
        changes.start(runtime(), call.caller.portal_id, campaign.key)
    except WrongState:
        raise Fault("campaign_already_started") from None
    except TooMany as error:
        raise Fault("too_many_running_campaigns", f"at most {error.limit} campaigns at the same time") from None
    return _shown(_found(call, campaign.key))


@method("campaigns.cancel", "campaigns:write", "campaign_id*", "reason")
def cancel(call: Call) -> dict[str, Any]:
    """Nothing more leaves; what is handed over at this moment is in flight."""
    campaign = _of_call(call)
    with runtime().db.read() as session:
        before = counts(session, campaign.id)
    try:
        changes.cancel(runtime(), call.caller.portal_id, campaign.key)
    except WrongState:
        raise Fault("campaign_not_running") from None
    return {"campaign_id": campaign.key, "skipped": before.left, "in_flight": before.by_state["sending"]}


@method("campaigns.stats.get", "campaigns:read", "campaign_id*", is_long=True)
def stats(call: Call) -> dict[str, Any]:
    campaign = _of_call(call)
    with runtime().db.read() as session:
        so_far = counts(session, campaign.id)
        failed = failures(session, campaign.id)
    no_whatsapp = sum(number for code, number in failed.items() if code in _NO_WHATSAPP)
    return {**_shown(campaign), **_figures(so_far, no_whatsapp)}


def _figures(so_far: Counts, no_whatsapp: int) -> dict[str, int]:
    by_state = so_far.by_state
    return {
        "total": so_far.audience,
        "pending": by_state["pending"],
        "processing": by_state["queued"] + by_state["sending"],
        "sent": so_far.sent,
        "delivered": so_far.delivered,
        "read": so_far.read,
        "replied": so_far.replied,
        "errors": by_state["failed"] - no_whatsapp,
        "skipped": sum(so_far.skipped.values()),
        "no_whatsapp": no_whatsapp,
        "unknown": by_state["unknown"],
    }


@method("campaigns.recipients.list", "campaigns:read", "campaign_id*", "status", "page", "page_size", is_long=True)
def list_recipients(call: Call) -> dict[str, Any]:
    """The recipients in the order in which they were added. status: pending or skipped."""
    campaign, (number, size) = _of_call(call), call.page()
    status = call.text("status")
    if status not in ("", "pending", "skipped"):
        raise Fault("invalid_params", "status is pending or skipped")
    with runtime().db.read() as session:
        so_far = counts(session, campaign.id)
        found = insight.recipients(session, campaign.id, Shown(status), 0, size, skip=(number - 1) * size)
        rows = [_recipient(entry) for entry in found]
    total = {"": so_far.audience, "pending": so_far.by_state["pending"], "skipped": sum(so_far.skipped.values())}
    return {"total": total[status], "page": number, "page_size": size, "recipients": rows}


def _recipient(entry: Entry) -> dict[str, Any]:
    values, message = entry.recipient.values or {}, entry.message
    failed = entry.state == MessageStatus.FAILED
    status = "no_whatsapp" if failed and entry.reason in _NO_WHATSAPP else _RECIPIENT.get(entry.state, "success")
    moments = {name: getattr(message, name, None) for name in ("sent_at", "delivered_at", "read_at")}
    return {
        "phone": entry.recipient.phone,
        EXTERNAL_ID: values.get(EXTERNAL_ID),
        "params": [values[name] for name in sorted(filter(str.isdecimal, values), key=int)],
        "status": status,
        "reason": entry.reason or None,
        **{name: moment.isoformat() if moment else None for name, moment in moments.items()},
        "replied": entry.recipient.replied_at is not None,
    }


@method("campaigns.list", "campaigns:read", "status", "page", "page_size")
def list_campaigns(call: Call) -> dict[str, Any]:
    """The newest first."""
    number, size = call.page()
    status = call.text("status")
    if status not in ("", "running", *_STATES.values()):
        raise Fault("invalid_params", "status is draft, running, completed or cancelled")
    states = [state for state in CampaignState if _STATES.get(state, "running") == status]
    with runtime().db.read() as session:
        skip = (number - 1) * size
        found = insight.newest(session, call.caller.portal_id, None, size, states=states, skip=skip)
    return {"page": number, "page_size": size, "campaigns": _all_shown(found)}


# --- what they share -------------------------------------------------------------------------------------------------------


def _of_call(call: Call) -> Campaign:
    return _found(call, call.needed("campaign_id", "campaign_not_found"))


def _found(call: Call, key: str) -> Campaign:
    """Another portal's is not told from a missing one."""
    try:
        with runtime().db.read() as session:
            return changes.find(session, call.caller.portal_id, key)
    except LookupError:
        raise Fault("campaign_not_found") from None


def _state(campaign: Campaign) -> str:
    return _STATES.get(CampaignState(campaign.state), "running")


def _shown(campaign: Campaign) -> dict[str, Any]:
    return _all_shown([campaign])[0]


def _all_shown(campaigns: Sequence[Campaign]) -> list[dict[str, Any]]:
    first = {one.line_ids[0] for one in campaigns if one.line_ids}
    with runtime().db.read() as session:
        phones_by_line = dict(session.execute(select(Line.id, Line.phone).where(Line.id.in_(first))).all())
    return [_one_shown(one, phones_by_line) for one in campaigns]


def _one_shown(campaign: Campaign, phones_by_line: dict[int, str]) -> dict[str, Any]:
    moments = {name: getattr(campaign, name) for name in ("created_at", "started_at", "ended_at")}
    return {
        "campaign_id": campaign.key,
        "name": campaign.name,
        "status": _state(campaign),
        "line_number": phones_by_line.get(campaign.line_ids[0]) if campaign.line_ids else None,
        "template_name": campaign.template,
        "template_language": campaign.language,
        "reply_window_hours": int(WINDOW.total_seconds() // 3600),
        **{name: moment.isoformat() if moment else None for name, moment in moments.items()},
    }
