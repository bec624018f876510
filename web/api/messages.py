"""Messages: send one, list them, read one."""

from typing import Any

from flask import Response, jsonify
from marshmallow import ValidationError

from activities import phones
from activities.errors import Refused
from activities.errors import refused as refusal
from bx24.i18n import Text
from messaging.api import accepting, cursors, ids, listing
from messaging.api.accepting import Wanted
from messaging.api.idempotency import Busy, Conflict
from messaging.api.ids import Kind
from messaging.campaigns import changes as campaigns
from messaging.insight import search
from messaging.insight.query import Query
from messaging.insight.search_rows import Place
from messaging.portals import portals
from messaging.store.models import Portal
from web.api import examples, problems, wording
from web.api.keyed import being_done, conflict, key_of_request, keyed_by_itself, replayed
from web.api.message_schemas import (
    EXAMPLES,
    NEW,
    TYPES,
    AcceptedSchema,
    MessageSchema,
    MessagesQuery,
    MessagesSchema,
    properties_of,
)
from web.api.problems import Problem
from web.api.resource import Resource, caller, json_body, needs, wrong_cursor
from web.context import runtime

resource = Resource(
    "Messages", "Messages to clients. They take the robots' way: consent, caps, quiet hours and windows hold."
)
_TYPES = Text("Allowed: {types}.", "Допустимо: {types}.").format(types=", ".join(TYPES))
#: Made once: making a schema takes longer than reading a body with it.
_READERS = {kind: schema() for kind, schema in NEW.items()}
_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "oneOf": [{"$ref": f"#/components/schemas/{schema.__name__}"} for schema in NEW.values()],
                "discriminator": {
                    "propertyName": "type",
                    "mapping": {kind: f"#/components/schemas/{schema.__name__}" for kind, schema in NEW.items()},
                },
            },
            "examples": EXAMPLES,
        }
    },
}


@resource.route("/messages", methods=["POST"])
@needs("messages:write")
@keyed_by_itself
@resource.doc(requestBody=_BODY)
@resource.response(
    202, AcceptedSchema, description="It is stored, and will be sent at most once.", example=examples.ACCEPTED
)
def send_message() -> Response:
    """Send a message

    What can be judged at once is refused with 422 and the action's code. Everything else is accepted, and later is sent, or
    ends as `failed` with a reason.
    """
    key = key_of_request()
    wanted = _wanted(json_body())
    try:
        accepted = accepting.accept(runtime(), caller(), wanted, key)
    except Refused as why:
        raise problems.refused(why) from None
    except Conflict:
        raise conflict() from None
    except Busy as busy:
        raise being_done(busy) from None
    response = jsonify(id=ids.encode(runtime(), Kind.RUN, caller().portal_id, accepted.run_id), **accepted.answer)
    response.status_code = 202
    return replayed(response, 202) if accepted.is_repeated else response


def _wanted(given: dict[str, Any]) -> Wanted:
    kind = given.get("type")
    if not isinstance(kind, str) or kind not in NEW:
        raise problems.invalid({"type": [(wording.INVALID if kind else wording.MISSING, _TYPES)]})
    try:
        values = _READERS[kind].load(given)
    except ValidationError as error:
        raise problems.invalid(wording.errors_of(error.messages_dict)) from None
    return Wanted(TYPES[kind].name, properties_of(values))


@resource.route("/messages")
@needs("messages:read")
@resource.arguments(MessagesQuery, location="query")
@resource.response(200, MessagesSchema, example=examples.page(examples.MESSAGE))
def list_messages(asked: dict[str, Any]) -> dict[str, Any]:
    """List messages

    The newest first, of every origin. A page may hold fewer rows than `limit`, or none, and still have a `next_cursor`.
    """
    cursor, limit = asked.pop("cursor"), asked.pop("limit")
    question = {"of": "messages", "portal": caller().portal_id, **asked}
    before = _before(question, cursor)
    with runtime().db.read() as session:
        portal = session.get_one(Portal, caller().portal_id)
        query = Query(
            words=_phone(portal, asked.get("phone")),
            line_id=asked.get("line"),
            status=asked.get("status", ""),
            since=asked.get("since"),
            until=asked.get("until"),
            origin=asked.get("origin", ""),
            campaign_id=_campaign(session, asked.get("campaign")),
            whole_phones=True,
            sends_only=True,
        )
        places, following = search.places(session, runtime(), portal, query, before, limit)
        rows = listing.many(session, runtime(), portal.id, places, problems.language())
    shown = [following.position, following.message_id] if following is not None else None
    return {"items": rows, "next_cursor": cursors.write(runtime(), question, shown) if shown else None}


def _before(question: dict[str, Any], cursor: str) -> Place | None:
    if not cursor:
        return None
    try:
        return Place(*cursors.read(runtime(), question, cursor))
    except cursors.WrongCursor:
        raise wrong_cursor() from None


def _phone(portal: Portal, given: str | None) -> str:
    if given is None:
        return ""
    number = phones.digits(given, portals.phone_region(portal))
    if number is None:
        raise problems.refused(refusal("invalid_phone", at="phone", value=given[:60]))
    return f"+{number}"


def _campaign(session: Any, key: str | None) -> int | None:
    """The campaign's row; one that no campaign of the portal has finds nothing."""
    if key is None:
        return None
    try:
        return campaigns.find(session, caller().portal_id, key).id
    except LookupError:
        return 0


@resource.route("/messages/<message_id>")
@needs("messages:read")
@resource.response(200, MessageSchema, example=examples.MESSAGE)
def read_message(message_id: str) -> listing.Shown:
    """Read a message"""
    with runtime().db.read() as session:
        found = listing.one(session, runtime(), caller().portal_id, message_id, problems.language())
    if found is None:
        raise Problem(404, "not_found")
    return found
