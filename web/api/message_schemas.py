"""Schemas of messages: a body for each type, made from the fields of its action, so that both know the same properties.

What JSON can say better is said better: `items` is an array of lines, numbers are numbers. What concerns a workflow alone
(`until`) is left out.
"""

from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate
from marshmallow.fields import Field

from activities import ACTIONS, Person
from activities.base import MAX_FIELD, SendAction
from gupshup import limits
from messaging.insight.search_rows import STATUSES
from messaging.store.states import Origin
from web.api import examples
from web.api.resource import Page

#: Type of a message → its action.
TYPES: dict[str, SendAction] = {
    name.removeprefix("send_"): action for name, action in ACTIONS.items() if isinstance(action, SendAction)
}
#: What concerns a workflow, which waits for something; the API's caller asks when he likes.
_LEFT_OUT = frozenset({"until"})
#: Properties that people write as lines, and programs as an array.
_LINES = frozenset({"items"})
#: Entries of an array at most: more than any message of WhatsApp has.
_ENTRIES = 100
#: Characters that WhatsApp takes, for fields that have the same limit in every message.
_LENGTHS = {"text": limits.TEXT_LIMIT, "caption": limits.CAPTION_LIMIT}


def _field(name: str, field: Field[Any]) -> Field[Any]:
    """A property of an action as a field of JSON."""
    said = {key: field.metadata[key].en for key in ("title", "hint") if key in field.metadata}
    metadata: dict[str, Any] = {"description": ". ".join(text.rstrip(".") for text in said.values()) + "."}
    common: dict[str, Any] = {"required": field.required, "metadata": metadata}
    if name in _LINES or isinstance(field, fields.List):
        entry = fields.String(validate=validate.Length(max=MAX_FIELD))
        least = 1 if field.required else 0
        return fields.List(entry, validate=validate.Length(min=least, max=_ENTRIES), **common)
    if isinstance(field, fields.Boolean):
        return fields.Boolean(truthy={True}, falsy={False}, **common)
    if isinstance(field, fields.Number):
        kind = fields.Integer if isinstance(field, fields.Integer) else fields.Float
        more: dict[str, Any] = {"strict": True} if kind is fields.Integer else {"allow_nan": False}
        ranges = [rule for rule in field.validators if isinstance(rule, validate.Range)]
        return kind(validate=[validate.Range(rule.min, rule.max) for rule in ranges], **more, **common)
    choices = [rule for rule in field.validators if isinstance(rule, validate.OneOf)]
    if choices:
        return fields.String(validate=validate.OneOf(list(choices[0].choices)), **common)
    most = validate.Length(max=_LENGTHS.get(name, MAX_FIELD))
    return fields.String(validate=[validate.Length(min=1), most] if field.required else most, **common)


_LINE_TO_SEND_FROM = (
    "The line to send from: its id, phone or name. Left out: the line of the last conversation with the client, else the "
    "default line."
)


def line_field(words: str = _LINE_TO_SEND_FROM) -> Field[Any]:
    """A line by its id, phone or name. words: what it is for."""
    described = {"description": words, "type": ["integer", "string"], "maxLength": 100}
    return fields.Raw(validate=_is_line, metadata=described)


def _is_line(value: Any) -> bool:
    is_number = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**9
    if not is_number and not (isinstance(value, str) and 0 < len(value) <= 100):
        raise ValidationError("Not a valid string.")
    return True


def _made(kind: str, action: SendAction) -> type[Schema]:
    """The schema of one type of message."""
    known = action.schema(Person).fields
    declared: dict[str, Field[Any]] = {
        "type": fields.String(required=True, validate=validate.Equal(kind), metadata={"enum": [kind]}),
        "line": line_field(),
        "phone": fields.String(
            required=True,
            validate=validate.Length(min=1, max=1000),
            metadata={"description": "With the country code, however it is written.", "example": "+7 916 123-45-67"},
        ),
    }
    declared |= {name: _field(name, field) for name, field in known.items() if name not in {*_LEFT_OUT, *declared}}
    return type(f"New{kind.capitalize()}Message", (Schema,), dict(declared))


#: Type → schema of a body that sends it.
NEW: dict[str, type[Schema]] = {kind: _made(kind, action) for kind, action in TYPES.items()}


def properties_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """A checked body as the properties of its action, which are texts and arrays of texts."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name == "type":
            continue
        if name in _LINES:
            found[name] = "\n".join(" ".join(line.splitlines()) for line in value)
        elif isinstance(value, bool):
            found[name] = "Y" if value else "N"
        else:
            found[name] = value if isinstance(value, str | list) else str(value)
    return found


class Answer(Schema):
    """What is answered: a field that is added later must not break a strict client."""

    class Meta:
        unknown = EXCLUDE


class AcceptedSchema(Answer):
    """A message that was accepted. Its status will change: read it by its id, or subscribe to `message.status`."""

    id = fields.String(required=True)
    status = fields.String(required=True, validate=validate.OneOf(["queued"]))
    line = fields.Integer(required=True)
    phone = fields.String(required=True, metadata={"description": "Digits with the country code."})
    type = fields.String(required=True, validate=validate.OneOf(list(TYPES)))
    created_at = fields.String(required=True, metadata={"format": "date-time"})


def _at(words: str) -> fields.AwareDateTime:
    return fields.AwareDateTime(required=True, allow_none=True, metadata={"description": words})


class MessageSchema(Answer):
    """A message to a client, and what became of it."""

    id = fields.String(required=True)
    line = fields.Integer(required=True, allow_none=True)
    phone = fields.String(required=True, metadata={"description": "Digits with the country code; empty if unknown."})
    origin = fields.String(required=True, validate=validate.OneOf([str(one) for one in Origin]))
    type = fields.String(required=True, metadata={"description": "What was to be sent: `text`, `template` …"})
    status = fields.String(required=True, validate=validate.OneOf([str(one) for one in STATUSES]))
    error_code = fields.String(required=True, allow_none=True)
    error_text = fields.String(required=True, allow_none=True)
    provider_id = fields.String(required=True, allow_none=True, metadata={"description": "Gupshup's id."})
    created_at = fields.AwareDateTime(required=True)
    sent_at = _at("When WhatsApp took it.")
    delivered_at = _at("When it reached the client's phone.")
    read_at = _at("When the client opened it.")
    cost = fields.Dict(
        required=True, allow_none=True, metadata={"description": "`{amount, currency}`; null if it is not known."}
    )
    campaign = fields.String(required=True, allow_none=True, metadata={"description": "Id of its campaign."})
    item = fields.String(required=True, allow_none=True, metadata={"description": "The CRM item, `DEAL_5`."})


class MessagesSchema(Answer):
    """A page of messages, the newest first."""

    items = fields.List(fields.Nested(MessageSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class MessagesQuery(Page):
    """Which messages are wanted."""

    phone = fields.String(validate=validate.Length(min=1, max=100), metadata={"description": "A whole phone."})
    line = fields.Integer(validate=validate.Range(1, 2**31), metadata={"description": "Id of a line."})
    status = fields.String(validate=validate.OneOf([str(one) for one in STATUSES if one != "ok"]))
    origin = fields.String(validate=validate.OneOf([str(one) for one in Origin]))
    campaign = fields.String(validate=validate.Length(min=1, max=64), metadata={"description": "Id of a campaign."})
    since = fields.AwareDateTime(metadata={"description": "Created at this moment or later."})
    until = fields.AwareDateTime(metadata={"description": "Created before this moment."})


EXAMPLES = {kind: {"value": examples.NEW_MESSAGES[kind]} for kind in TYPES}
