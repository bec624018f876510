"""Schemas of campaigns."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from messaging.api.campaigns import RECIPIENTS_AT_MOST
from messaging.campaigns.counts import STATES
from messaging.campaigns.mapping import LONGEST
from messaging.campaigns.recipients import PHONE_LENGTH, VALUE_LENGTH
from messaging.insight.campaigns import REPLIED, STATUSES, WAITING
from messaging.store.campaigns import CampaignState, Paused, Skipped
from web.api.message_schemas import Answer, line_field
from web.api.resource import Page

#: Recipients a minute at most; lines, variables and values of a campaign or of a recipient at most.
FASTEST, LINES, VARIABLES, VALUES = 6_000, 20, 60, 60
_TEXT = {"type": "string", "maxLength": LONGEST}
_SOURCE_KEYS = ("field", "value", "if_empty")


class SourceField(fields.Field[Any]):
    """Where a variable gets its value: a fixed text, {"field": a CRM field} or {"value": a recipient's value}."""

    def __init__(self, **more: Any) -> None:
        named = [
            {"type": "object", "required": [key], "properties": {key: _TEXT, "if_empty": _TEXT}}
            for key in _SOURCE_KEYS[:2]
        ]
        described = {"oneOf": [_TEXT, *({**one, "additionalProperties": False} for one in named)]}
        super().__init__(**more, metadata={"description": self.__doc__, **described})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        if isinstance(value, str):
            return _short(value)
        if not isinstance(value, dict) or not ("field" in value) ^ ("value" in value):
            raise ValidationError("Not a valid string.")
        unknown = value.keys() - set(_SOURCE_KEYS)
        if unknown:
            raise ValidationError({str(next(iter(unknown)))[:60]: ["Unknown field."]})
        return {key: _short(text) for key, text in value.items()}


def _short(text: Any) -> str:
    if not isinstance(text, str):
        raise ValidationError("Not a valid string.")
    if len(text) > LONGEST:
        raise ValidationError(f"Longer than maximum length {LONGEST}.")
    return text


class RecipientGivenSchema(Schema):
    """A client, and the values that a campaign's variables take from him."""

    phone = fields.String(required=True, validate=validate.Length(min=1, max=PHONE_LENGTH))
    values = fields.Dict(
        keys=fields.String(validate=validate.Length(min=1, max=LONGEST)),
        values=fields.String(validate=validate.Length(max=VALUE_LENGTH)),
        validate=validate.Length(max=VALUES),
    )


class CrmSchema(Schema):
    """Items of the CRM: by a filter as `crm.item.list` takes it, or by their ids."""

    type = fields.Raw(
        required=True,
        metadata={
            "type": ["string", "integer"],
            "description": "lead, deal, contact, company, quote, smart_invoice, or the number of a smart process",
        },
    )
    filter = fields.Dict(metadata={"description": 'Keys of crm.item.list: {"stageId": "NEW"}. Empty: all items.'})
    ids = fields.List(fields.Integer(validate=validate.Range(1)), validate=validate.Length(min=1))


class AudienceSchema(Schema):
    """Who is to get it: phones or items of the CRM."""

    phones = fields.List(fields.Nested(RecipientGivenSchema), validate=validate.Length(min=1, max=RECIPIENTS_AT_MOST))
    crm = fields.Nested(CrmSchema)


class NewCampaignSchema(Schema):
    """A campaign to be made."""

    name = fields.String(required=True, validate=[validate.Length(min=1), validate.Length(max=200)])
    line = line_field()
    lines = fields.List(line_field(), validate=validate.Length(min=1, max=LINES))
    template = fields.String(
        required=True,
        validate=validate.Length(min=1, max=512),
        metadata={"description": "Name or id. Approved on all lines."},
    )
    language = fields.String(load_default="", validate=validate.Length(max=16))
    params = fields.List(
        SourceField(),
        load_default=list,
        validate=validate.Length(max=VARIABLES),
        metadata={"description": "Of the header's, then the text's variables."},
    )
    button_params = fields.List(SourceField(), load_default=list, validate=validate.Length(max=VARIABLES))
    header = SourceField()
    if_empty = fields.String(
        load_default="",
        validate=validate.Length(max=LONGEST),
        metadata={"description": "In the place of an empty value. Left out: who lacks a value is skipped."},
    )
    audience = fields.Nested(AudienceSchema)
    start_at = fields.AwareDateTime(metadata={"description": "It starts then, if it is started before."})
    per_minute = fields.Integer(strict=True, validate=validate.Range(1, FASTEST))
    hours = fields.String(
        load_default="",
        validate=validate.Length(max=11),
        metadata={"description": "Of the client's day: `09:00-21:00`. Left out: any hour."},
    )


class RecipientsGivenSchema(Schema):
    """Recipients to be added."""

    recipients = fields.List(
        fields.Nested(RecipientGivenSchema),
        required=True,
        validate=validate.Length(min=1, max=RECIPIENTS_AT_MOST),
    )


class RejectedSchema(Answer):
    """What is no recipient."""

    index = fields.Integer(required=True, metadata={"description": "Its place in `recipients`, from 0."})
    reason = fields.String(required=True, validate=validate.OneOf(["invalid_phone"]))


class AddedSchema(Answer):
    """What became of the recipients of a call."""

    accepted = fields.Integer(required=True)
    rejected = fields.List(fields.Nested(RejectedSchema), required=True)


#: Each recipient counts once, under its newest state; `skipped` by reason, `replied` beside them.
CountsSchema = Answer.from_dict(
    {
        **{state: fields.Integer(required=True) for state in STATES},
        "skipped": fields.Dict(keys=fields.String(), values=fields.Integer(), required=True),
        "replied": fields.Integer(required=True),
    },
    name="Counts",
)


class CampaignSchema(Answer):
    """A campaign, and how far it is."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf([str(one) for one in CampaignState]))
    paused_reason = fields.String(
        required=True, allow_none=True, metadata={"description": ", ".join(f"`{one}`" for one in Paused)}
    )
    problem = fields.String(
        required=True, allow_none=True, metadata={"description": "Code of what keeps it from being prepared."}
    )
    lines = fields.List(fields.Integer(), required=True)
    template = fields.String(required=True, allow_none=True)
    language = fields.String(required=True, allow_none=True)
    hours = fields.String(required=True, allow_none=True)
    per_minute = fields.Integer(required=True, allow_none=True)
    start_at = fields.AwareDateTime(required=True, allow_none=True)
    created_at = fields.AwareDateTime(required=True)
    started_at = fields.AwareDateTime(required=True, allow_none=True)
    ended_at = fields.AwareDateTime(required=True, allow_none=True)
    counts = fields.Nested(CountsSchema, required=True)


class MadeSchema(CampaignSchema):
    """A new draft, and which of the phones were no phones."""

    rejected = fields.List(fields.Nested(RejectedSchema), required=True)


class CampaignsSchema(Answer):
    """A page of campaigns, the newest first."""

    items = fields.List(fields.Nested(CampaignSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class PreviewSchema(Answer):
    """The dry run."""

    total = fields.Integer(required=True, metadata={"description": "Recipients that are known by now."})
    will_send = fields.Integer(required=True, allow_none=True, metadata={"description": "Null while it is counted."})
    skipped = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    cost = fields.Dict(
        required=True, allow_none=True, metadata={"description": "`{amount, currency}`; null if it is not known."}
    )


class RecipientSchema(Answer):
    """A recipient of a campaign."""

    phone = fields.String(required=True)
    state = fields.String(required=True, metadata={"description": "`pending`, `skipped`, or its message's status."})
    reason = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": ", ".join(f"`{one}`" for one in Skipped) + ", or why the message failed."},
    )
    message = fields.String(required=True, allow_none=True, metadata={"description": "Id of its message."})
    values = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    replied_at = fields.AwareDateTime(required=True, allow_none=True)


class RecipientsSchema(Answer):
    """A page of recipients, in the order in which they were added."""

    items = fields.List(fields.Nested(RecipientSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class RecipientsQuery(Page):
    """Which recipients are wanted."""

    state = fields.String(validate=validate.OneOf([*(str(one) for one in (*WAITING, *STATUSES)), REPLIED]))
    reason = fields.String(validate=validate.Length(max=40))
