"""Templates made here: the form with its preview, drafts, submission, deletion. For administrators of the portal."""

from dataclasses import replace
from typing import Any

from flask import Response, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from bx24.i18n import Text
from gupshup.template_drafts import Draft, SampleFile
from gupshup.template_refusals import Explained, Reaction
from gupshup.templates import TemplateInfo
from messaging.limits import bounds
from messaging.money import prices
from messaging.money.estimates import estimate
from messaging.money.table import Cost
from messaging.portals import portals
from messaging.store.models import Line, Portal
from messaging.templates import catalogue, management, usage
from messaging.templates.management import MOST_SAMPLE_BYTES, BadSample, NotSubmitted, TooManyDrafts
from web import template_words
from web.context import connected_lines, place_for, runtime
from web.frames import Viewer, page
from web.pages import template_forms
from web.pages.shell import blueprint, show
from web.pages.shell import changes as for_admins
from web.pages.template_forms import Form
from web.pages.templates import draw, one_shown
from web.settings.texts import words

_SAMPLE_PROBLEMS = {
    "empty": _l("The file is empty. Choose another one."),
    "too_large": _l("The file is larger than %(size)s MB. Choose a smaller one."),
    "type": _l(
        "WhatsApp takes as a sample: of an image JPEG or PNG, of a video MP4, of a document PDF. Choose such a file."
    ),
}
_MB = 1024 * 1024


@blueprint.get("/templates/new", endpoint="new_template")
@for_admins
def new(viewer: Viewer, portal: Portal) -> Response:
    lines = connected_lines(portal)
    asked = request.args.get("line", "")
    line = next((one for one in lines if str(one.id) == asked), lines[0] if lines else None)
    return _form(viewer, portal, Form(Draft(language=viewer.language), line.id if line else 0))


@blueprint.get("/templates/<int:line_id>/<template_id>/edit", endpoint="edit_template")
@for_admins
def edit(viewer: Viewer, portal: Portal, line_id: int, template_id: str) -> Response:
    line, info = _found(portal, line_id, template_id)
    if line is None or info is None:
        return _missing(viewer)
    return _form(viewer, portal, Form(Draft.of(info), line.id, template_id=info.id))


@blueprint.get("/templates/<int:line_id>/<template_id>/copy", endpoint="copy_template")
@for_admins
def copy(viewer: Viewer, portal: Portal, line_id: int, template_id: str) -> Response:
    line, info = _found(portal, line_id, template_id)
    if line is None or info is None:
        return _missing(viewer)
    with runtime().db.read() as session:
        taken = [one.name for _line_id, one in catalogue.every(session, [line.id])]
    return _form(viewer, portal, Form(management.copied(info, taken), line.id))


@blueprint.get("/templates/drafts/<int:draft_id>", endpoint="template_draft")
@for_admins
def draft(viewer: Viewer, portal: Portal, draft_id: int) -> Response:
    with runtime().db.read() as session:
        stored = management.draft_of(session, portal.id, draft_id)
    if stored is None:
        return _missing(viewer)
    return _form(viewer, portal, Form(Draft.from_dict(stored.data), stored.line_id, stored.id, stored.template_id))


@blueprint.post("/templates/drafts/<int:draft_id>/discard", endpoint="discard_template")
@for_admins
def discard(viewer: Viewer, portal: Portal, draft_id: int) -> Response:
    management.discard(runtime(), portal.id, draft_id)
    return draw(viewer, portal, said=_("The draft is deleted."))


@blueprint.post("/templates/check", endpoint="check_template")
@for_admins
def check(viewer: Viewer, portal: Portal) -> Response:
    """What is wrong with what is typed, while it is typed."""
    form = template_forms.read()
    line = _line(portal, form.line_id)
    if line is None:
        return page("pages/template_checks.html", viewer, problems=[])
    # The file goes along with the form, not with this question: whether one was chosen stands in a field of its own.
    if form.draft.media is None and request.form.get("file_chosen"):
        form.draft = replace(form.draft, media=_CHOSEN)
    with runtime().db.read() as session:
        problems = management.check(session, line, form.draft, form.template_id)
    return page("pages/template_checks.html", viewer, problems=template_forms.checks_of(problems, viewer.language))


_CHOSEN = SampleFile("chosen")


@blueprint.post("/templates/write", endpoint="write_template")
@for_admins
def write(viewer: Viewer, portal: Portal) -> Response:
    """Keep the draft, and submit it if the button said so."""
    request.max_content_length = max(MOST_SAMPLE_BYTES.values()) + bounds.PAGE_BYTES
    with place_for(request.content_length):
        form, sent = template_forms.read(), request.files.get("file")
        content = sent.stream.read(max(MOST_SAMPLE_BYTES.values()) + 1) if sent is not None else b""
    line = _line(portal, form.line_id)
    if line is None:
        form.errors["line"], form.labels["line"] = _("Choose a line."), _("Line")
        return _form(viewer, portal, form)
    if sent is not None and sent.filename and form.draft.kind != "TEXT":
        _upload(form, line, sent.filename, content, viewer.language)
    is_submitted = request.form.get("do") == "submit"
    try:
        form.draft_id = management.save(
            runtime(), line, form.draft, viewer.user_id, form.draft_id or None, form.template_id
        )
    except TooManyDrafts:
        # What is submitted need not be a draft before; refused, it stands in the form still.
        form.draft_id = 0
        if not is_submitted:
            form.told = ("bad", _("There are too many drafts"), _("Delete drafts that nobody needs, or submit them."))
            return _form(viewer, portal, form)
    if form.errors:
        return _form(viewer, portal, form)
    if not is_submitted:
        name = form.draft.name
        said = _("The draft %(name)s is saved.", name=name) if name else _("The draft is saved.")
        return draw(viewer, portal, said=said)
    return _submit(viewer, portal, form, line)


def _submit(viewer: Viewer, portal: Portal, form: Form, line: Line) -> Response:
    try:
        info = management.submit(runtime(), line, form.draft, viewer.user_id, form.draft_id or None, form.template_id)
    except NotSubmitted as why:
        form.wrong(why.problems, viewer.language)
        if why.explained is not None:
            _refused(form, why.explained, viewer.language)
        return _form(viewer, portal, form)
    said = _(
        "The template %(name)s is submitted. The answer usually takes minutes, sometimes up to 24 hours.",
        name=info.name,
    )
    return one_shown(viewer, portal, line.id, info.id, said=said)


def _upload(form: Form, line: Line, name: str, content: bytes, language: str) -> None:
    """The sample goes to Gupshup at once: nothing of it is kept here."""
    try:
        form.draft = replace(form.draft, media=management.upload(runtime(), line, form.draft.kind, name, content))
    except BadSample as error:
        size = MOST_SAMPLE_BYTES[form.draft.kind] // _MB
        form.errors["media"] = str(_SAMPLE_PROBLEMS[error.code]) % {"size": size}
        form.labels["media"] = _("File of the header")
    except NotSubmitted as why:
        if why.explained is not None:
            _refused(form, replace(why.explained, field="media"), language)


def _refused(form: Form, explained: Explained, language: str) -> None:
    """What Gupshup or WhatsApp said: at its field, or above the form."""
    told = Text(explained.en, explained.ru).to(language)
    if explained.said:
        told = f"{told} {explained.said}"
    if explained.field:
        names = {"name": _("Name"), "category": _("Category"), "media": _("File of the header")}
        form.errors[explained.field], form.labels[explained.field] = told, names[explained.field]
        return
    title = _("Not submitted yet") if explained.reaction is Reaction.RETRY else _("Not submitted")
    form.told = ("warn" if explained.reaction is Reaction.RETRY else "bad", title, told)


@blueprint.post("/templates/<int:line_id>/<template_id>/delete", endpoint="delete_template")
@for_admins
def delete(viewer: Viewer, portal: Portal, line_id: int, template_id: str) -> Response:
    """Delete the template of this name in all its languages: Gupshup's self-serve API deletes by name alone."""
    line, info = _found(portal, line_id, template_id)
    if line is None or info is None:
        return draw(viewer, portal, said=_("This template is deleted already."))
    try:
        management.remove(runtime(), line, info.name, viewer.user_id)
    except NotSubmitted as why:
        told = Text(why.explained.en, why.explained.ru).to(viewer.language) if why.explained else ""
        said = f"{told} {why.explained.said}" if why.explained and why.explained.said else told
        return one_shown(viewer, portal, line_id, template_id, refused=said)
    return draw(viewer, portal, said=_("The template %(name)s is deleted.", name=info.name))


def _form(viewer: Viewer, portal: Portal, form: Form) -> Response:
    lines = connected_lines(portal)
    line = next((one for one in lines if one.id == form.line_id), None)
    used, info = 0, None
    if form.template_id and line is not None:
        with runtime().db.read() as session:
            used = usage.runs_using(session, line.id, [form.draft.name], runtime().clock())
            known = [one for _line_id, one in catalogue.every(session, [line.id]) if one.id == form.template_id]
        info = known[0] if known else None
    languages = template_words.LANGUAGES
    if form.draft.language not in languages:
        languages = {form.draft.language: form.draft.language, **languages}
    return show(
        "pages/template_form.html",
        viewer,
        section="templates",
        form=form,
        one=form.draft,
        info=info,
        used=used,
        most_counted=usage.MOST_COUNTED,
        lines=lines,
        sender=line.name or line.app_name if line else "",
        languages=languages,
        phone_texts={key: text for key, text in words().items() if key.startswith("phone.")},
        sizes={kind: size // _MB for kind, size in MOST_SAMPLE_BYTES.items()},
        words=template_words,
        country=portals.phone_region(portal),
        costs=_costs(portal),
        **_shown(),
    )


def _costs(portal: Portal) -> dict[str, Cost]:
    """Category → what one message costs today, sent outside an open window to a client of the portal's country."""
    table, day, country = prices.table_of(runtime(), portal), prices.today(runtime()), portals.phone_region(portal)
    return {
        category: estimate(table, day, country, category, is_session=False, is_open=False)
        for category in template_words.CATEGORIES
    }


def _shown() -> dict[str, Any]:
    return {"statuses": template_words.STATUSES, "categories": template_words.CATEGORIES}


def _line(portal: Portal, line_id: int) -> Line | None:
    return next((line for line in connected_lines(portal) if line.id == line_id), None)


def _found(portal: Portal, line_id: int, template_id: str) -> tuple[Line | None, TemplateInfo | None]:
    line = _line(portal, line_id)
    if line is None:
        return None, None
    with runtime().db.read() as session:
        known = [info for _line_id, info in catalogue.every(session, [line.id]) if info.id == template_id]
    return line, known[0] if known else None


def _missing(viewer: Viewer) -> Response:
    return show("pages/problem.html", viewer, status=404, section="templates", problem="not_found")
