"""Opt-outs: clients who want no messages."""

from typing import Any

from flask import Response
from marshmallow import Schema, ValidationError, fields, validate

from activities import phones
from activities.errors import refused as refusal
from bx24.i18n import Text
from messaging.api import cursors, optouts
from messaging.api.optouts import NotOurs
from messaging.policy.consent import WHY_LENGTH
from messaging.portals import portals
from messaging.store.models import Portal
from messaging.store.opt_outs import Source
from web.api import examples, problems, wording
from web.api.message_schemas import Answer
from web.api.problems import Problem
from web.api.resource import Page, Resource, caller, json_body, needs, raw_body, wrong_cursor
from web.context import runtime

resource = Resource("Opt-outs", "Clients who want no messages, or no marketing from one line.")
_NOT_OURS = Text(
    "The client stopped the marketing of these lines in WhatsApp. Only the client can allow it again, there.",
    "Клиент отключил рекламу с этих линий в WhatsApp. Вернуть её может только он сам, там же.",
)


class OptOutSchema(Answer):
    """A client who wants no messages."""

    phone = fields.String(required=True, metadata={"description": "Digits with the country code."})
    lines = fields.List(
        fields.Integer(),
        required=True,
        allow_none=True,
        metadata={
            "description": "Null: no line may write. Otherwise the lines whose marketing the client has stopped."
        },
    )
    source = fields.String(required=True, validate=validate.OneOf([str(one) for one in Source]))
    why = fields.String(required=True, allow_none=True, metadata={"description": "The client's word, or yours."})
    since = fields.AwareDateTime(required=True)


class OptOutsSchema(Answer):
    """A page of opt-outs, the newest first."""

    items = fields.List(fields.Nested(OptOutSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class NewOptOutSchema(Schema):
    """What may be said of an opt-out."""

    why = fields.String(
        load_default="",
        validate=validate.Length(max=WHY_LENGTH),
        metadata={"description": "Why, for those who read the list."},
    )


@resource.route("/optouts")
@needs("optouts:read")
@resource.arguments(Page, location="query")
@resource.response(200, OptOutsSchema, example=examples.page(examples.OPT_OUT))
def list_optouts(asked: dict[str, Any]) -> dict[str, Any]:
    """List opt-outs

    The newest first. What a client has said to the portal and what he has told WhatsApp of a line are entries of their own.
    """
    question = {"of": "optouts", "portal": caller().portal_id}
    try:
        before = cursors.read(runtime(), question, asked["cursor"])[0] if asked["cursor"] else None
    except cursors.WrongCursor:
        raise wrong_cursor() from None
    with runtime().db.read() as session:
        rows, following = optouts.newest(session, caller().portal_id, before, asked["limit"])
    return {"items": rows, "next_cursor": cursors.write(runtime(), question, [following]) if following else None}


@resource.route("/optouts/<phone>")
@needs("optouts:read")
@resource.response(200, OptOutSchema, example=examples.OPT_OUT)
def read_optout(phone: str) -> optouts.Shown:
    """Read an opt-out

    404 if messages may go to this client.
    """
    found = optouts.find(runtime(), caller().portal_id, _number(phone))
    if found is None:
        raise Problem(404, "not_found")
    return found


@resource.route("/optouts/<phone>", methods=["PUT"])
@needs("optouts:write")
@resource.doc(
    requestBody={
        "required": False,
        "content": {"application/json": {"schema": NewOptOutSchema, "example": {"why": "asked us on the phone"}}},
    }
)
@resource.response(200, OptOutSchema, example=examples.OPT_OUT)
def put_optout(phone: str) -> optouts.Shown:
    """Stop messages to a client

    From now on no line writes to him; who stands on the list already stays there as he is. The body may be left out.
    """
    number = _number(phone)
    return optouts.put(runtime(), caller().portal_id, number, _given()["why"])


@resource.route("/optouts/<phone>", methods=["DELETE"])
@needs("optouts:write")
@resource.response(204)
def delete_optout(phone: str) -> Response:
    """Allow messages to a client again

    409 if only the client can do that, in WhatsApp.
    """
    try:
        if not optouts.lift(runtime(), caller().portal_id, _number(phone)):
            raise Problem(404, "not_found")
    except NotOurs:
        raise Problem(409, "wrong_state", _NOT_OURS) from None
    return Response(status=204)


def _given() -> dict[str, Any]:
    try:
        values: dict[str, Any] = NewOptOutSchema().load(json_body() if raw_body() else {})
    except ValidationError as error:
        raise problems.invalid(wording.errors_of(error.messages_dict)) from None
    return values


def _number(given: str) -> str:
    """The phone of the address as digits."""
    with runtime().db.read() as session:
        region = portals.phone_region(session.get_one(Portal, caller().portal_id))
    number = phones.digits(given, region)
    if number is None:
        raise problems.refused(refusal("invalid_phone", at="phone", value=given[:60]))
    return number
