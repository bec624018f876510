"""Templates: the messages that may be sent at any time. List, make, change and delete them, as the page does."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Response, request
from werkzeug.exceptions import UnsupportedMediaType

from activities.errors import Refused
from bx24.i18n import Text
from gupshup.template_drafts import Draft, DraftButton, SampleFile
from gupshup.template_problems import Problem as Finding
from gupshup.template_refusals import Explained, Reaction, why_rejected
from gupshup.templates import TemplateInfo
from messaging.api import cursors, templates
from messaging.api.templates import Wanted
from messaging.store.models import Line
from messaging.templates import management
from messaging.templates.management import MOST_SAMPLE_BYTES, BadSample, NotSubmitted
from web.api import examples, problems, wording
from web.api.keyed import answered, keyed, keyed_up_to
from web.api.problems import Errors, Problem
from web.api.resource import Resource, caller, needs, raw_body, wrong_cursor
from web.api.template_schemas import (
    ContentSchema,
    MediaSchema,
    NewTemplateSchema,
    TemplatePreviewSchema,
    TemplateSchema,
    TemplatesQuery,
    TemplatesSchema,
    UploadQuery,
)
from web.context import runtime

resource = Resource("Templates", "Messages that WhatsApp has approved, and that may be sent at any time.")
#: Bytes of a sample at most.
LARGEST = max(MOST_SAMPLE_BYTES.values())
#: Seconds after which Gupshup is worth being asked again.
AGAIN_S = 60.0
#: Code of a rule of templates → code that the API has for the same everywhere.
_CODES = {
    "empty": wording.MISSING,
    "no_sample": wording.MISSING,
    "no_media": wording.MISSING,
    "too_long": "text_too_long",
}
_NOT_EDITABLE = Text(
    "WhatsApp takes changes of approved, rejected and paused templates only, and we those of a text or a file above it. "
    "Make a new template.",
    "WhatsApp принимает изменения только одобренных, отклонённых и приостановленных шаблонов, а мы — только шаблонов с "
    "текстом или файлом в заголовке. Создайте новый шаблон.",
)
_MB = 1024 * 1024
_BAD_SAMPLES = {
    "empty": Text("The file is empty. Send another one.", "Файл пустой. Отправьте другой."),
    "too_large": Text(
        "The file is too large for this kind. Send a smaller one.", "Файл слишком большой. Отправьте меньше."
    ),
    "type": Text(
        "WhatsApp takes as a sample: of an image JPEG or PNG, of a video MP4, of a document PDF. Send such a file.",
        "WhatsApp принимает как пример: для картинки JPEG или PNG, для видео MP4, для документа PDF. Отправьте такой файл.",
    ),
}
_FILE = {
    "required": True,
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
}


@resource.route("/templates")
@needs("templates:read")
@resource.arguments(TemplatesQuery, location="query")
@resource.response(200, TemplatesSchema, example=examples.page(examples.TEMPLATE))
def list_templates(asked: dict[str, Any]) -> dict[str, Any]:
    """List templates

    From our copy of Gupshup's list, which is brought up to date if it is old. By line and id.
    """
    cursor, limit = asked.pop("cursor"), asked.pop("limit")
    question = {"of": "templates", "portal": caller().portal_id, **asked}
    try:
        after = cursors.read(runtime(), question, cursor) if cursor else None
    except cursors.WrongCursor:
        raise wrong_cursor() from None
    wanted = Wanted(asked.get("line"), asked["name"], asked["language"], asked["category"], asked["status"])
    if after is None:
        templates.renew(runtime(), caller().portal_id, wanted.line_id)
    with runtime().db.read() as session:
        place = (int(after[0]), str(after[1])) if after else None
        rows, following = templates.page(session, caller().portal_id, wanted, place, limit)
    return {
        "items": [_shown(line_id, info) for line_id, info in rows],
        "next_cursor": cursors.write(runtime(), question, list(following)) if following else None,
    }


@resource.route("/templates", methods=["POST"])
@needs("templates:write")
@keyed
@resource.arguments(NewTemplateSchema, example=examples.NEW_TEMPLATE)
@resource.response(201, TemplateSchema, example=examples.TEMPLATE)
def make_template(given: dict[str, Any]) -> dict[str, Any]:
    """Make a template

    It is checked against WhatsApp's rules and submitted for review. Its status changes later: read it, or subscribe to
    `template.changed`.
    """
    line = _line(str(given.get("line", "")))
    return _submitted(line, _draft(given, given["name"], given["language"]), status=201)


@resource.route("/templates/<template_id>")
@needs("templates:read")
@resource.response(200, TemplateSchema, example=examples.TEMPLATE)
def read_template(template_id: str) -> dict[str, Any]:
    """Read a template"""
    line, info = _found(template_id)
    return _shown(line.id, info)


@resource.route("/templates/<template_id>", methods=["PUT"])
@needs("templates:write")
@resource.arguments(ContentSchema, example=examples.TEMPLATE_CONTENT)
@resource.response(200, TemplateSchema, example=examples.TEMPLATE)
def change_template(given: dict[str, Any], template_id: str) -> dict[str, Any]:
    """Change a template

    The body takes the place of all it says. It is reviewed again and cannot be sent meanwhile. Without `media` it keeps its
    sample. 409 if its status allows no change; an approved one can be changed once in 24 hours.
    """
    line, info = _found(template_id)
    if not management.can_edit(info):
        raise Problem(409, "wrong_state", _NOT_EDITABLE)
    return _submitted(line, _draft(given, info.name, info.language), info.id)


@resource.route("/templates/<template_id>", methods=["DELETE"])
@needs("templates:write")
@resource.response(204)
def delete_template(template_id: str) -> Response:
    """Delete a template

    In all its languages: Gupshup deletes by name. Robots and programs that name it fail from now on, and WhatsApp blocks the
    name for 30 days.
    """
    line, info = _found(template_id)
    with _refusals():
        management.remove(runtime(), line, info.name, None)
    return Response(status=204)


@resource.route("/templates/preview", methods=["POST"])
@needs("templates:read")
@keyed
@resource.arguments(NewTemplateSchema, example=examples.NEW_TEMPLATE)
@resource.response(200, TemplatePreviewSchema, example=examples.TEMPLATE_PREVIEW)
def preview_template(given: dict[str, Any]) -> dict[str, Any]:
    """Check a new template

    How the client would see it, and what WhatsApp would refuse. Nothing is submitted.
    """
    return _previewed(_line(str(given.get("line", ""))), _draft(given, given["name"], given["language"]), "")


@resource.route("/templates/<template_id>/preview", methods=["POST"])
@needs("templates:read")
@keyed
@resource.arguments(ContentSchema, example=examples.TEMPLATE_CONTENT)
@resource.response(200, TemplatePreviewSchema, example=examples.TEMPLATE_PREVIEW)
def preview_change(given: dict[str, Any], template_id: str) -> dict[str, Any]:
    """Check a change of a template

    As `POST /templates/preview`.
    """
    line, info = _found(template_id)
    return _previewed(line, _draft(given, info.name, info.language), info.id)


@resource.route("/templates/media", methods=["POST"])
@needs("templates:write")
@keyed_up_to(LARGEST)
@resource.arguments(UploadQuery, location="query")
@resource.doc(requestBody=_FILE)
@resource.response(201, MediaSchema, example=examples.MEDIA)
def upload_media(asked: dict[str, Any]) -> dict[str, Any]:
    """Upload the sample of a header

    The body is the file itself, with the header `Content-Type: application/octet-stream`: JPEG or PNG up to 5 MB, MP4 or PDF up
    to 16 MB. We keep no copy; Gupshup's id is for the field `media`.
    """
    if request.mimetype != "application/octet-stream":
        raise UnsupportedMediaType
    content, line = raw_body(LARGEST), _line(asked["line"])
    try:
        with _refusals():
            kind = management.kind_of_sample(content)
            made = management.upload(runtime(), line, kind, asked["name"], content)
    except BadSample as error:
        raise problems.invalid({"": [(wording.INVALID, _BAD_SAMPLES[error.code])]}) from None
    return {"media": made.id, "kind": kind, "name": made.name, "size": made.size}


# --- what is asked ----------------------------------------------------------------------------------------------------------


def _line(wanted: str) -> Line:
    try:
        with runtime().db.read() as session:
            return templates.line_of(session, caller().portal_id, wanted)
    except Refused as why:
        raise problems.refused(why) from None


def _found(template_id: str) -> tuple[Line, TemplateInfo]:
    try:
        with runtime().db.read() as session:
            return templates.find(session, caller().portal_id, template_id)
    except LookupError:
        raise Problem(404, "not_found") from None


def _draft(given: dict[str, Any], name: str, language: str) -> Draft:
    media = given["media"]
    return Draft(
        name=name,
        language=language,
        category=given["category"],
        kind=given["kind"],
        header=given["header"],
        header_sample=given["header_sample"],
        body=given["body"].replace("\r\n", "\n"),
        footer=given["footer"],
        samples={str(number): value for number, value in enumerate(given["samples"], 1)},
        buttons=tuple(DraftButton(**button) for button in given["buttons"]),
        media=SampleFile(media) if media else None,
        may_recategorise=given["may_recategorise"],
    )


def _submitted(line: Line, draft: Draft, template_id: str = "", status: int = 200) -> dict[str, Any]:
    made: dict[str, Any] = {}

    def kept(session: Any, info: TemplateInfo) -> None:
        made.update(_shown(line.id, info))
        answered(session, status, TemplateSchema().dump(made))

    with _refusals():
        management.submit(runtime(), line, draft, None, template_id=template_id, also=kept)
    return made


# --- what is answered -------------------------------------------------------------------------------------------------------


def _shown(line_id: int, info: TemplateInfo) -> dict[str, Any]:
    said = Draft.of(info)
    return {
        "id": info.id,
        "line": line_id,
        "name": info.name,
        "language": info.language,
        "category": info.category,
        "status": info.status,
        "can_send": info.sendable,
        "reason": info.reason or None,
        "reason_text": Text(*why_rejected(info.reason)).to(problems.language()) if info.reason else None,
        "kind": info.kind,
        "header": said.header,
        "header_sample": said.header_sample,
        "body": said.body,
        "samples": list(said.samples.values()),
        "footer": said.footer,
        "buttons": [vars(button) for button in said.buttons],
        "params_count": len(info.text_vars),
        "button_params_count": info.button_vars,
    }


def _previewed(line: Line, draft: Draft, template_id: str) -> dict[str, Any]:
    tidy, lang = draft.tidied(), problems.language()
    with runtime().db.read() as session:
        found = management.check(session, line, tidy, template_id)
    return {
        "header": tidy.filled_header() if tidy.kind == "TEXT" else "",
        "body": tidy.filled(),
        "footer": tidy.footer,
        "buttons": [button.text for button in tidy.buttons],
        "problems": [
            {"field": _path(one), "code": _code(one), "message": _words(one).to(lang), "blocks": not one.is_soft}
            for one in found
        ],
    }


@contextmanager
def _refusals() -> Iterator[None]:
    """What was not submitted, as a problem: our own check at the fields, and what Gupshup or WhatsApp said."""
    try:
        yield
    except NotSubmitted as why:
        raise (_explained(why.explained) if why.explained else problems.invalid(_errors(why.problems))) from None


def _errors(found: list[Finding]) -> Errors:
    errors: dict[str, list[tuple[str, Text]]] = {}
    for one in found:
        errors.setdefault(_path(one), []).append((_code(one), _words(one)))
    return errors


def _explained(why: Explained) -> Problem:
    words = Text(f"{why.en} {why.said}".strip(), f"{why.ru} {why.said}".strip())
    if why.reaction is Reaction.RETRY:
        return Problem(503, "unavailable", words, again_s=AGAIN_S)
    errors = {why.field: [(why.code, words)]}
    if why.reaction is Reaction.TELL:
        return Problem(409, "wrong_state", words, errors)
    return Problem(422, "invalid", words, errors)


def _path(found: Finding) -> str:
    """The field of the form as a path of the body: `sample_2` → `samples.1`."""
    name, _, number = found.field.rpartition("_")
    return f"{name}s.{int(number) - 1}" if name in ("sample", "button") and number.isdecimal() else found.field


def _code(found: Finding) -> str:
    return _CODES.get(found.code, found.code)


def _words(found: Finding) -> Text:
    return Text(found.en, found.ru)
