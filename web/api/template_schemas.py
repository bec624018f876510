"""Schemas of templates. What is answered can be sent again: the texts bear the same names in both."""

from typing import Any

from marshmallow import Schema, fields, validate

from gupshup import limits
from gupshup.template_button_rules import BUTTON_TEXT_LIMIT, BUTTONS_LIMIT, LINK_LIMIT
from gupshup.template_drafts import BUTTONS, CATEGORIES, KINDS
from gupshup.template_rules import NAME_LIMIT, SAMPLE_LIMIT
from gupshup.templates import TemplateStatus
from web.api.message_schemas import Answer, line_field
from web.api.resource import Page

#: Samples of one text at most: more variables no text of WhatsApp has room for.
_SAMPLES = 99
_STATUSES = ", ".join(f"`{one}`" for one in TemplateStatus)


def _text(most: int, words: str = "", **more: Any) -> fields.String:
    return fields.String(
        load_default="", validate=validate.Length(max=most), metadata={"description": words} if words else {}, **more
    )


class ButtonSchema(Schema):
    """A button of a template."""

    type = fields.String(required=True, validate=validate.OneOf(BUTTONS))
    text = _text(BUTTON_TEXT_LIMIT)
    value = _text(LINK_LIMIT, "The link, the phone or the code, by the type.")
    sample = _text(LINK_LIMIT, "Of a link with a variable: the whole link as a client might get it.")


class ContentSchema(Schema):
    """What a template says."""

    category = fields.String(required=True, validate=validate.OneOf(CATEGORIES))
    kind = fields.String(
        load_default="TEXT",
        validate=validate.OneOf(KINDS),
        metadata={"description": "What it begins with: `TEXT` is a line of text or nothing, the others are files."},
    )
    header = _text(limits.HEADER_LIMIT, "The line above the text, of `TEXT` alone.")
    header_sample = _text(SAMPLE_LIMIT, "A value for the header's variable.")
    media = _text(256, "Id of a file that `POST /templates/media` has taken, as the sample of the header.")
    body = fields.String(
        required=True,
        validate=[validate.Length(min=1), validate.Length(max=limits.TEMPLATE_TEXT_LIMIT)],
        metadata={"description": "With {{1}}, {{2}} … where each client gets a value of his own."},
    )
    samples = fields.List(
        fields.String(validate=validate.Length(max=SAMPLE_LIMIT)),
        load_default=list,
        validate=validate.Length(max=_SAMPLES),
        metadata={"description": "A value for each variable of the text, as a client might get it, without real data."},
    )
    footer = _text(limits.FOOTER_LIMIT)
    buttons = fields.List(fields.Nested(ButtonSchema), load_default=list, validate=validate.Length(max=BUTTONS_LIMIT))
    may_recategorise = fields.Boolean(
        load_default=False,
        truthy={True},
        falsy={False},
        metadata={"description": "WhatsApp may change the category instead of rejecting the template."},
    )


class NewTemplateSchema(ContentSchema):
    """A template to be submitted to WhatsApp."""

    name = fields.String(
        required=True,
        validate=[validate.Length(min=1), validate.Length(max=NAME_LIMIT)],
        metadata={"description": "Small Latin letters, digits and the underscore."},
    )
    language = fields.String(
        required=True,
        validate=[validate.Length(min=1), validate.Length(max=16)],
        metadata={"description": "`ru`, `en_US` …"},
    )
    line = line_field("The line whose template it is: its id, phone or name. Left out: the default line.")


class ButtonShownSchema(Answer):
    """A button of a template. type: of our own, or another word of Gupshup's."""

    type = fields.String(required=True)
    text = fields.String(required=True)
    value = fields.String(required=True)
    sample = fields.String(required=True)


class TemplateSchema(Answer):
    """A template as Gupshup last described it."""

    id = fields.String(required=True, metadata={"description": "Gupshup's id."})
    line = fields.Integer(required=True)
    name = fields.String(required=True)
    language = fields.String(required=True)
    category = fields.String(required=True, metadata={"description": "`MARKETING`, `UTILITY` or `AUTHENTICATION`."})
    status = fields.String(required=True, metadata={"description": f"{_STATUSES}; others may be added."})
    can_send = fields.Boolean(required=True, metadata={"description": "Whether messages can be sent with it now."})
    reason = fields.String(
        required=True, allow_none=True, metadata={"description": "Why it was rejected, in WhatsApp's word."}
    )
    reason_text = fields.String(required=True, allow_none=True, metadata={"description": "The same, with what to do."})
    kind = fields.String(required=True)
    header = fields.String(required=True)
    header_sample = fields.String(required=True)
    body = fields.String(required=True)
    samples = fields.List(fields.String(), required=True)
    footer = fields.String(required=True)
    buttons = fields.List(fields.Nested(ButtonShownSchema), required=True)
    params_count = fields.Integer(required=True, metadata={"description": "Entries that `params` of a message needs."})
    button_params_count = fields.Integer(
        required=True, metadata={"description": "Entries that `button_params` of a message needs."}
    )


class TemplatesSchema(Answer):
    """A page of templates, by line and id."""

    items = fields.List(fields.Nested(TemplateSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class TemplatesQuery(Page):
    """Which templates are wanted."""

    line = fields.Integer(validate=validate.Range(1, 2**31), metadata={"description": "Id of a line."})
    name = _text(512, "The whole name.")
    language = _text(16)
    category = fields.String(load_default="", validate=validate.OneOf(["", *CATEGORIES]))
    status = _text(32, _STATUSES)


class FindingSchema(Answer):
    """Something that WhatsApp refuses, or that its moderators often refuse."""

    field = fields.String(required=True, metadata={"description": "Its path in the body."})
    code = fields.String(required=True)
    message = fields.String(required=True)
    blocks = fields.Boolean(required=True, metadata={"description": "Whether it would be refused for that."})


class TemplatePreviewSchema(Answer):
    """A template as the client would see it, and what is wrong with it."""

    header = fields.String(required=True, metadata={"description": "With its sample."})
    body = fields.String(required=True, metadata={"description": "With its samples."})
    footer = fields.String(required=True)
    buttons = fields.List(fields.String(), required=True)
    problems = fields.List(fields.Nested(FindingSchema), required=True)


class UploadQuery(Schema):
    """What the file is called, and whose sample it becomes."""

    name = _text(200, "The file's name, for people.")
    line = fields.String(
        load_default="",
        validate=validate.Length(max=100),
        metadata={
            "description": "The line whose templates it is for: its id, phone or name. Left out: the default line."
        },
    )


class MediaSchema(Answer):
    """A file that Gupshup keeps as the sample of a header."""

    media = fields.String(required=True, metadata={"description": "For the field `media` of a template."})
    kind = fields.String(required=True, validate=validate.OneOf(KINDS[1:]))
    name = fields.String(required=True)
    size = fields.Integer(required=True, metadata={"description": "Bytes."})
