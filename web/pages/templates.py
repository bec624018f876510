"""Templates: the messages that lines may send at any time, as Gupshup last listed them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response, make_response, request
from flask_babel import LazyString
from flask_babel import gettext as _

from bx24.i18n import Text
from gupshup import consequences
from gupshup.errors import GupshupError, Throttled, Unavailable, Unclear
from gupshup.template_drafts import KINDS
from gupshup.template_refusals import why_rejected
from gupshup.templates import TemplateInfo
from messaging.store.models import Line, Portal
from messaging.templates import catalogue, changes, management, usage
from web.context import connected_lines, runtime
from web.frames import Viewer
from web.pages.shell import blueprint, reads, show
from web.template_words import CATEGORIES, STATUSES


@dataclass(frozen=True)
class Filter:
    """The filters of the list; "" filters nothing."""

    text: str = ""
    line: str = ""
    language: str = ""
    category: str = ""
    status: str = ""

    @classmethod
    def asked(cls) -> "Filter":
        return cls(**{name: request.args.get(name, "").strip()[:200] for name in cls.__dataclass_fields__})

    def takes(self, line_id: int, info: TemplateInfo) -> bool:
        wanted = {self.line: str(line_id), self.language: info.language, self.category: info.category}
        return (
            all(not asked or asked == value for asked, value in wanted.items())
            and (not self.status or self.status == info.status)
            and all(word in _searched(info) for word in self.text.casefold().split())
        )


def _searched(info: TemplateInfo) -> str:
    return " ".join(
        (info.name, info.header, info.body, info.footer, *(button.text for button in info.buttons))
    ).casefold()


@blueprint.get("/templates", endpoint="templates")
@reads
def listing(viewer: Viewer, portal: Portal) -> Response:
    return draw(viewer, portal)


@blueprint.post("/templates/refresh")
@reads
def refresh(viewer: Viewer, portal: Portal) -> Response:
    """Ask Gupshup for the templates of every line, unless it was just asked. This changes nothing there, so everyone may."""
    lines = connected_lines(portal)
    before = _listed_at(lines)
    asked = {line.id: catalogue.Templates(runtime(), line).listed(anew=True)[1] for line in lines}
    problems = {line_id: problem for line_id, problem in asked.items() if problem}
    after = _listed_at(connected_lines(portal))
    return draw(viewer, portal, problems, said=_refreshed(before, after) if after and not problems else "")


def _listed_at(lines: list[Line]) -> dict[int, datetime | None]:
    """When the templates of each line were listed; without an App ID they never are."""
    return {line.id: line.templates_synced_at for line in lines if line.app_id}


def _refreshed(before: Mapping[int, datetime | None], after: Mapping[int, datetime | None]) -> str:
    """What came of a press: a list that is some seconds old is not asked for again."""
    if before != after:
        return str(_("The list is refreshed."))
    return str(
        _("This is the list of a moment ago: Gupshup is asked every 15 seconds at most. Press again a little later.")
    )


@blueprint.get("/templates/<int:line_id>/<template_id>")
@reads
def template(viewer: Viewer, portal: Portal, line_id: int, template_id: str) -> Response:
    """A template as the client will see it; 204 while its status is the one that the page shows already (?seen=)."""
    seen = request.args.get("seen")
    if seen and (template_id, seen) in {(info.id, info.status) for _, info in _stored(connected_lines(portal))}:
        return make_response("", 204)
    return one_shown(viewer, portal, line_id, template_id)


def one_shown(
    viewer: Viewer, portal: Portal, line_id: int, template_id: str, said: str = "", refused: str = ""
) -> Response:
    """A template's page. said, refused: a sentence above it."""
    line = next((line for line in connected_lines(portal) if line.id == line_id), None)
    found = [info for _, info in _stored([line]) if info.id == template_id] if line is not None else []
    if line is None or not found:
        return show("pages/problem.html", viewer, status=404, problem="not_found")
    info, now = found[0], runtime().clock()
    header, body = info.with_samples()
    with runtime().db.read() as session:
        story = changes.history(session, line.id, info.id)
        used = usage.runs_using(session, line.id, [info.name], now)
    return show(
        "pages/template.html",
        viewer,
        section="templates",
        info=info,
        line=line,
        header=header,
        body=body,
        why=Text(*why_rejected(info.reason)).to(viewer.language),
        story=story,
        used=used,
        can_edit=management.can_edit(info),
        most_counted=usage.MOST_COUNTED,
        can_copy=info.kind in KINDS,
        languages_of_name=sorted(one.language for _, one in _stored([line]) if one.name == info.name),
        said=said,
        refused=refused,
        **_words(),
    )


def draw(
    viewer: Viewer, portal: Portal, problems: Mapping[int, GupshupError] | None = None, said: str = ""
) -> Response:
    """The list. problems: why Gupshup did not hand out those of a line; said: a sentence above it."""
    lines, asked, problems = connected_lines(portal), Filter.asked(), problems or {}
    stored = _stored(lines)
    with runtime().db.read() as session:
        drafts = management.drafts(session, portal.id)
    return show(
        "pages/templates.html",
        viewer,
        section="templates",
        lines={line.id: line for line in lines},
        rows=[(line_id, info) for line_id, info in stored if asked.takes(line_id, info)],
        total=len(stored),
        asked=asked,
        drafts=drafts,
        said=said,
        line_names=[(line.id, line.name) for line in lines],
        languages=[(language, language) for language in sorted({info.language for _, info in stored})],
        categories_in_use=_in_use({info.category for _, info in stored}, CATEGORIES),
        statuses_in_use=_in_use(
            {info.status for _, info in stored}, {name: words for name, (words, *_) in STATUSES.items()}
        ),
        problems={line_id: _explained(problem, viewer.language) for line_id, problem in problems.items()},
        silent={
            line_id for line_id, problem in problems.items() if isinstance(problem, Unavailable | Unclear | Throttled)
        },
        unlisted=[line for line in lines if not line.app_id],
        synced_at=min((line.templates_synced_at for line in lines if line.templates_synced_at), default=None),
        **_words(),
    )


def _explained(problem: GupshupError, language: str) -> str:
    """Why Gupshup did not hand out the list, and what to do."""
    return Text(*consequences.why(problem.refusal)).to(language)


def _in_use(values: set[str], words: Mapping[str, LazyString]) -> list[tuple[str, Any]]:
    return [(value, words.get(value, value)) for value in sorted(values) if value]


def _words() -> dict[str, Any]:
    return {"statuses": STATUSES, "categories": CATEGORIES}


def _stored(lines: list[Line]) -> list[tuple[int, TemplateInfo]]:
    with runtime().db.read() as session:
        return catalogue.every(session, [line.id for line in lines])
