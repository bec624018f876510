"""Replies: what clients wrote."""

from typing import Any

from marshmallow import fields, validate

from activities import phones
from activities.errors import refused as refusal
from messaging.api import cursors, replies
from messaging.portals import portals
from messaging.store.models import Portal
from web.api import examples, problems
from web.api.message_schemas import Answer
from web.api.resource import Page, Resource, caller, needs, wrong_cursor
from web.context import runtime

resource = Resource("Replies", "What clients wrote and tapped.")


class ReplySchema(Answer):
    """What a client wrote or tapped."""

    id = fields.String(required=True)
    line = fields.Integer(required=True)
    phone = fields.String(required=True)
    type = fields.String(required=True, metadata={"description": "`text`, `button`, `list`, `image` …"})
    text = fields.String(required=True, allow_none=True)
    reply_id = fields.String(required=True, allow_none=True, metadata={"description": "Of the button or row tapped."})
    file = fields.String(required=True, allow_none=True, metadata={"description": "A link of ours."})
    at = fields.AwareDateTime(required=True)
    to_message = fields.String(
        required=True, allow_none=True, metadata={"description": "Id of the message it answers."}
    )


class RepliesSchema(Answer):
    """A page of replies, the newest first."""

    items = fields.List(fields.Nested(ReplySchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class RepliesQuery(Page):
    """Which replies are wanted."""

    phone = fields.String(validate=validate.Length(min=1, max=100), metadata={"description": "A whole phone."})
    line = fields.Integer(validate=validate.Range(1, 2**31), metadata={"description": "Id of a line."})
    since = fields.AwareDateTime(metadata={"description": "Received at this moment or later."})
    until = fields.AwareDateTime(metadata={"description": "Received before this moment."})


@resource.route("/replies")
@needs("messages:read")
@resource.arguments(RepliesQuery, location="query")
@resource.response(200, RepliesSchema, example=examples.page(examples.REPLY))
def list_replies(asked: dict[str, Any]) -> dict[str, Any]:
    """List replies

    The newest first.
    """
    cursor, limit = asked.pop("cursor"), asked.pop("limit")
    question = {"of": "replies", "portal": caller().portal_id, **asked}
    try:
        before = cursors.read(runtime(), question, cursor)[0] if cursor else None
    except cursors.WrongCursor:
        raise wrong_cursor() from None
    with runtime().db.read() as session:
        portal = session.get_one(Portal, caller().portal_id)
        phone = None
        if "phone" in asked:
            phone = phones.digits(asked["phone"], portals.phone_region(portal))
            if phone is None:
                raise problems.refused(refusal("invalid_phone", at="phone", value=asked["phone"][:60]))
        wanted = replies.Wanted(portal.id, asked.get("line"), phone, asked.get("since"), asked.get("until"))
        rows, following = replies.newest(session, runtime(), wanted, before, limit)
    return {"items": rows, "next_cursor": cursors.write(runtime(), question, [following]) if following else None}
