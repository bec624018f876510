"""Campaigns: make one, add its recipients, look at the dry run, start it, and see how far it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import jsonify, make_response

from activities.errors import Refused
from bx24.i18n import Text
from messaging.api import campaigns, cursors
from messaging.api.campaigns import BeingChecked, Preview, Wanted
from messaging.api.templates import TemplatesAway
from messaging.campaigns import changes
from messaging.campaigns.changes import TooMany, WrongState
from messaging.campaigns.crm.audience import CrmAudience, parsed
from messaging.campaigns.crm.filters import InvalidAudience
from messaging.campaigns.mapping import Mapping, Source
from messaging.insight import campaigns as insight
from messaging.store.campaigns import Campaign
from web.api import examples, problems, wording
from web.api.campaign_schemas import (
    AddedSchema,
    CampaignSchema,
    CampaignsSchema,
    MadeSchema,
    NewCampaignSchema,
    PreviewSchema,
    RecipientsGivenSchema,
    RecipientsQuery,
    RecipientsSchema,
)
from web.api.keyed import answered, keyed
from web.api.problems import Problem
from web.api.resource import Page, Resource, asks_in_turn, caller, needs, wrong_cursor
from web.context import runtime

resource = Resource("Campaigns", "One template to many clients. Nobody gets a campaign twice.")
#: Seconds after which a dry run is worth being asked for again.
AGAIN_S = 2
_WRONG_STATE = Text("The campaign is {state}.", "Состояние рассылки: {state}.")
_TOO_MANY = Text(
    "This portal has as many as it may, {limit}. Delete drafts or wait until others have ended.",
    "Больше нельзя: на портале уже {limit}. Удалите черновики или дождитесь конца других рассылок.",
)
_ONE_OF = Text("Give either `line` or `lines`.", "Укажите что-то одно: `line` или `lines`.")
_ONE_AUDIENCE = Text("Give either `phones` or `crm`.", "Укажите что-то одно: `phones` или `crm`.")


@resource.route("/campaigns", methods=["POST"])
@needs("campaigns:write")
@asks_in_turn
@keyed
@resource.arguments(NewCampaignSchema, example=examples.NEW_CAMPAIGN)
@resource.response(201, MadeSchema, example={**examples.CAMPAIGN, "rejected": []})
def make_campaign(given: dict[str, Any]) -> Any:
    """Make a draft

    Nothing is sent before it is started. Its template must be approved on all of its lines.
    """
    entries, rejected = campaigns.sorted_out(runtime(), caller().portal_id, given.get("audience", {}).get("phones", ()))
    made: dict[str, Any] = {}

    def shown(session: Any, campaign: Campaign) -> None:
        made.update({**campaigns.shown(session, campaign), "rejected": rejected})
        answered(session, 201, MadeSchema().dump(made))

    with _refusals():
        campaigns.make(runtime(), caller().portal_id, _wanted(given, entries), shown)
    return made


def _wanted(given: dict[str, Any], entries: list[Any]) -> Wanted:
    if "line" in given and "lines" in given:
        raise problems.invalid({"lines": [(wording.INVALID, _ONE_OF)]})
    audience = given.get("audience", {})
    if "phones" in audience and "crm" in audience:
        raise problems.invalid({"audience": [(wording.INVALID, _ONE_AUDIENCE)]})
    lines = given.get("lines") or ([given["line"]] if "line" in given else [])
    return Wanted(
        name=given["name"],
        template=given["template"],
        language=given["language"],
        lines=[str(one) for one in lines],
        mapping=_mapping(given),
        crm=_crm(audience["crm"]) if "crm" in audience else None,
        entries=entries,
        start_at=given.get("start_at"),
        per_minute=given.get("per_minute"),
        hours=given["hours"],
    )


def _mapping(given: dict[str, Any]) -> Mapping:
    instead = given["if_empty"]
    params, buttons = ([_source(one, instead) for one in given[name]] for name in ("params", "button_params"))
    return Mapping(tuple(params), tuple(buttons), _source(given.get("header", ""), instead))


def _source(given: Any, instead: str) -> Source:
    source = Source.read(given)
    return Source(source.name, source.text or instead) if source.name else source


def _crm(given: dict[str, Any]) -> CrmAudience:
    try:
        return parsed(given)
    except InvalidAudience as error:
        found = {f"audience.crm.{at}".rstrip("."): [(wording.INVALID, text)] for at, text in error.problems.items()}
        raise problems.invalid(found) from None


@resource.route("/campaigns")
@needs("campaigns:read")
@asks_in_turn
@resource.arguments(Page, location="query")
@resource.response(200, CampaignsSchema, example=examples.page(examples.CAMPAIGN))
def list_campaigns(asked: dict[str, Any]) -> dict[str, Any]:
    """List campaigns

    The newest first.
    """
    question = {"of": "campaigns", "portal": caller().portal_id}
    before = _place(question, asked["cursor"])
    with runtime().db.read() as session:
        found = insight.newest(session, caller().portal_id, before, asked["limit"] + 1)
        page = found[: asked["limit"]]
        rows = campaigns.listed(session, page)
    following = page[-1].id if len(found) > asked["limit"] else None
    return {"items": rows, "next_cursor": cursors.write(runtime(), question, [following]) if following else None}


@resource.route("/campaigns/<campaign_id>")
@needs("campaigns:read")
@asks_in_turn
@resource.response(200, CampaignSchema, example=examples.CAMPAIGN)
def read_campaign(campaign_id: str) -> dict[str, Any]:
    """Read a campaign"""
    with runtime().db.read() as session:
        return campaigns.shown(session, _found(session, campaign_id))


@resource.route("/campaigns/<campaign_id>/recipients", methods=["POST"])
@needs("campaigns:write")
@asks_in_turn
@keyed
@resource.arguments(RecipientsGivenSchema, example=examples.NEW_RECIPIENTS)
@resource.response(200, AddedSchema, example=examples.ADDED)
def add_recipients(given: dict[str, Any], campaign_id: str) -> Any:
    """Add recipients to a draft

    They take the place of items of the CRM. A phone that is added again is a recipient that is skipped as `duplicate`.
    """
    entries, rejected = campaigns.sorted_out(runtime(), caller().portal_id, given["recipients"])
    added = {"accepted": len(entries), "rejected": rejected}
    with _refusals():
        if entries:
            changes.add(
                runtime(), caller().portal_id, campaign_id, entries, lambda session, _: answered(session, 200, added)
            )
        else:
            with runtime().db.read() as session:
                _found(session, campaign_id)
    return added


@resource.route("/campaigns/<campaign_id>/recipients")
@needs("campaigns:read")
@resource.arguments(RecipientsQuery, location="query")
@resource.response(200, RecipientsSchema, example=examples.page(examples.RECIPIENT))
def list_recipients(asked: dict[str, Any], campaign_id: str) -> dict[str, Any]:
    """List recipients

    With a status of a message as `state`: in the order of the messages.
    """
    shown = insight.Shown(asked.get("state", ""), asked.get("reason", ""))
    question = {"of": "recipients", "campaign": campaign_id, "state": shown.state, "reason": shown.reason}
    after = _place(question, asked["cursor"]) or 0
    with runtime().db.read() as session:
        campaign = _found(session, campaign_id)
        rows, following = campaigns.recipients_of(session, runtime(), campaign, shown, after, asked["limit"])
    return {"items": rows, "next_cursor": cursors.write(runtime(), question, [following]) if following else None}


@resource.route("/campaigns/<campaign_id>/preview", methods=["POST"])
@needs("campaigns:write")
@keyed
@resource.response(200, PreviewSchema, example=examples.PREVIEW)
@resource.alt_response(
    202,
    schema=PreviewSchema,
    success=True,
    example={**examples.PREVIEW, "will_send": None, "skipped": {}},
    description="It is being counted; ask again.",
)
def preview_campaign(campaign_id: str) -> Any:
    """Dry run

    Who would get it as things stand, and who would not and why. Answers 202 with `Retry-After` while a long audience is read;
    ask again without an Idempotency-Key, or with another one.
    """
    with _refusals():
        try:
            found = campaigns.preview(runtime(), caller().portal_id, campaign_id)
        except BeingChecked as error:
            response = make_response(jsonify(_previewed(error.stored, None)), 202)
            response.headers["Retry-After"] = str(AGAIN_S)
            return response
    return _previewed(found.counts.audience, found)


def _previewed(total: int, found: Preview | None) -> dict[str, Any]:
    return {
        "total": total,
        "will_send": found.counts.willing if found is not None else None,
        "skipped": found.counts.skipped if found is not None else {},
        "cost": found.cost if found is not None else None,
    }


def _changing(name: str, change: Callable[..., None], said: str) -> None:
    """Add the route of a change: start, pause, resume, cancel."""

    def view(campaign_id: str) -> Any:
        changed: dict[str, Any] = {}

        def shown(session: Any, campaign: Campaign) -> None:
            changed.update(campaigns.shown(session, campaign))
            answered(session, 200, CampaignSchema().dump(changed))

        with _refusals():
            change(runtime(), caller().portal_id, campaign_id, shown)
        return changed

    view.__name__, view.__doc__ = f"{name}_campaign", said
    answering = resource.response(200, CampaignSchema, example=examples.CAMPAIGN)(view)
    resource.route(f"/campaigns/<campaign_id>/{name}", methods=["POST"])(needs("campaigns:write")(keyed(answering)))


_changing("start", campaigns.start, "Start a draft\n\nAt its `start_at`, or now.")
_changing("pause", changes.pause, "Pause a campaign\n\nNothing leaves any more but what is being handed over just now.")
_changing("resume", changes.resume, "Go on with a paused campaign")
_changing("cancel", changes.cancel, "Cancel a campaign\n\nFor good. Who was not written to is skipped as `cancelled`.")


@contextmanager
def _refusals() -> Iterator[None]:
    """What campaigns refuse, as problems."""
    try:
        yield
    except LookupError:
        raise Problem(404, "not_found") from None
    except WrongState as error:
        raise Problem(409, "wrong_state", _WRONG_STATE.format(state=error.state)) from None
    except TooMany as error:
        raise problems.invalid({"": [("limit_reached", _TOO_MANY.format(limit=error.limit))]}) from None
    except Refused as error:
        raise problems.refused(error) from None
    except TemplatesAway:
        raise Problem(503, "unavailable") from None


def _place(question: dict[str, Any], cursor: str) -> int | None:
    try:
        return cursors.read(runtime(), question, cursor)[0] if cursor else None
    except cursors.WrongCursor:
        raise wrong_cursor() from None


def _found(session: Any, key: str) -> Campaign:
    try:
        return changes.find(session, caller().portal_id, key)
    except LookupError:
        raise Problem(404, "not_found") from None
