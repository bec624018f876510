"""Templates made here: drafts, submission, deletion. WhatsApp's rules are checked before anything is submitted.

A submission that breaks off is safe to repeat (gupshup.template_calls); what was typed is a draft by then.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path, PurePath
from tempfile import NamedTemporaryFile

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from gupshup.client import Client
from gupshup.errors import GupshupError, Throttled
from gupshup.limits import MAX_BYTES
from gupshup.template_calls import TemplateCalls
from gupshup.template_drafts import KINDS, Draft, SampleFile
from gupshup.template_problems import Problem
from gupshup.template_refusals import Explained, Reaction, explain
from gupshup.template_rules import NAME_LIMIT, hard, problems
from gupshup.templates import TemplateInfo
from messaging.files import media_types
from messaging.limits.concurrency import PAGE_TIMEOUT, ConcurrencyLimit
from messaging.lines import lines
from messaging.runtime import Runtime
from messaging.store.models import Line, Template
from messaging.store.template_drafts import ChangeKind, TemplateDraft
from messaging.templates import catalogue, changes

#: Drafts of one portal.
MOST_DRAFTS = 200
#: A sample of a document need not be as large as documents may be.
MOST_SAMPLE_BYTES = {"IMAGE": MAX_BYTES["image"], "VIDEO": MAX_BYTES["video"], "DOCUMENT": MAX_BYTES["video"]}
#: What Meta takes as the sample of a header (Meta docs "Resumable Upload API").
SAMPLE_TYPES = {"IMAGE": ("image/jpeg", "image/png"), "VIDEO": ("video/mp4",), "DOCUMENT": ("application/pdf",)}
#: Meta: an approved template may be changed once in this time.
EDIT_EVERY = timedelta(hours=24)
#: Statuses in which WhatsApp takes a change.
EDITABLE = ("APPROVED", "REJECTED", "PAUSED")
Also = Callable[[Session, TemplateInfo], None]
_SUFFIX = re.compile(r"_v([0-9]{1,4})$")
log = structlog.get_logger(__name__)


class NotSubmitted(Exception):
    """Nothing was changed at WhatsApp. problems: of our own check; explained: what Gupshup or WhatsApp said."""

    def __init__(self, problems: Iterable[Problem] = (), explained: Explained | None = None) -> None:
        super().__init__(explained.code if explained else "rules")
        self.problems = list(problems)
        self.explained = explained


class TooManyDrafts(Exception):
    """The portal has MOST_DRAFTS drafts."""


class BadSample(Exception):
    """A file that WhatsApp would not take as a sample. code: empty, too_large or type."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


#: Threads of a process in which a person waits for Gupshup; one of a portal.
_page_threads = ConcurrencyLimit(slow_s=PAGE_TIMEOUT[1])
_BUSY = explain(Throttled("gupshup_429"))
_EDITED_TODAY = explain(GupshupError("", "once every 24 hours"))


# --- drafts ---------------------------------------------------------------------------------------------------------


def drafts(session: Session, portal_id: int) -> list[TemplateDraft]:
    """The drafts of a portal, the newest first."""
    mine = select(TemplateDraft).where(TemplateDraft.portal_id == portal_id)
    return list(session.scalars(mine.order_by(TemplateDraft.id.desc()).limit(MOST_DRAFTS)))


def draft_of(session: Session, portal_id: int, draft_id: int) -> TemplateDraft | None:
    """A draft of this portal by its id."""
    return session.scalar(
        select(TemplateDraft).where(TemplateDraft.id == draft_id, TemplateDraft.portal_id == portal_id)
    )


def save(
    runtime: Runtime, line: Line, draft: Draft, user_id: int, draft_id: int | None = None, template_id: str = ""
) -> int:
    """Keep a draft as it is, however wrong; its id. template_id: of the template it changes. Raises TooManyDrafts."""
    with runtime.db.write() as session:
        stored = draft_of(session, line.portal_id, draft_id) if draft_id else None
        if stored is None:
            count = select(func.count()).where(TemplateDraft.portal_id == line.portal_id)
            if (session.scalar(count) or 0) >= MOST_DRAFTS:
                raise TooManyDrafts
            stored = TemplateDraft(portal_id=line.portal_id, template_id=template_id[:64])
            session.add(stored)
        stored.line_id, stored.user_id, stored.updated_at = line.id, user_id, runtime.clock()
        stored.name, stored.language, stored.data = draft.name[:512], draft.language[:16], draft.to_dict()
        session.flush()
        return stored.id


def discard(runtime: Runtime, portal_id: int, draft_id: int) -> None:
    """Delete a draft, if it is there."""
    with runtime.db.write() as session:
        mine = (TemplateDraft.id == draft_id) & (TemplateDraft.portal_id == portal_id)
        session.execute(delete(TemplateDraft).where(mine))


def copied(info: TemplateInfo, taken: Iterable[str]) -> Draft:
    """A new draft that says the same under the next free name."""
    return replace(Draft.of(info), name=next_name(info.name, set(taken)))


def next_name(name: str, taken: set[str]) -> str:
    """visit → visit_v2 → visit_v3, whatever is free."""
    found = _SUFFIX.search(name)
    stem, number = (name[: found.start()], int(found[1]) + 1) if found else (name, 2)
    while True:
        suffix = f"_v{number}"
        wanted = stem[: NAME_LIMIT - len(suffix)] + suffix
        if wanted not in taken:
            return wanted
        number += 1


# --- WhatsApp --------------------------------------------------------------------------------------------------------


def check(session: Session, line: Line, draft: Draft, template_id: str = "") -> list[Problem]:
    """What is wrong with a draft for this line, hard and soft. template_id: of the template that it changes."""
    others = [info for _, info in catalogue.every(session, [line.id]) if info.id != template_id]
    return problems(draft, others, is_edit=bool(template_id))


def can_edit(info: TemplateInfo) -> bool:
    """Whether WhatsApp takes a change of this template, and we can write it."""
    return info.status in EDITABLE and info.kind in KINDS


def submit(
    runtime: Runtime,
    line: Line,
    draft: Draft,
    user_id: int | None,
    draft_id: int | None = None,
    template_id: str = "",
    also: Also | None = None,
) -> TemplateInfo:
    """Submit a draft for review, a new template or a change of one; the draft is gone then. Raises NotSubmitted.

    user_id: of the portal; None: a program did it. also: does more in the transaction that puts it into our copy.
    """
    tidy = draft.tidied()
    with runtime.db.read() as session:
        wrong = hard(check(session, line, tidy, template_id))
        if wrong:
            raise NotSubmitted(wrong)
        if template_id and edited_lately(session, runtime, line, template_id):
            raise NotSubmitted(explained=_EDITED_TODAY)
    calls, account = TemplateCalls(catalogue.page_client(runtime)), lines.account(line)
    try:
        with _slot(line):
            info = calls.edit(account, template_id, tidy) if template_id else calls.create(account, tidy)
    except GupshupError as error:
        log.warning("template not submitted", line=line.id, name=tidy.name, code=error.code, reason=error.reason)
        raise NotSubmitted(explained=explain(error, is_edit=bool(template_id))) from None
    with runtime.db.write() as session:
        changes.submitted(session, line, info, _status(session, line, template_id), user_id, runtime.clock())
        _keep(session, line, info)
        if draft_id:
            mine = (TemplateDraft.id == draft_id) & (TemplateDraft.portal_id == line.portal_id)
            session.execute(delete(TemplateDraft).where(mine))
        if also is not None:
            also(session, info)
    log.info("template submitted", line=line.id, name=info.name, status=info.status, is_edit=bool(template_id))
    return info


def edited_lately(session: Session, runtime: Runtime, line: Line, template_id: str) -> bool:
    """Whether an approved template was changed from here in the last 24 hours; WhatsApp would refuse another change."""
    if _status(session, line, template_id) != "APPROVED":
        return False
    known = changes.history(session, line.id, template_id)
    # A submission that found no status before it has made the template.
    sent = [change.at for change in known if change.kind == ChangeKind.SUBMITTED and change.before]
    return bool(sent) and runtime.clock() - sent[0] < EDIT_EVERY


@contextmanager
def _slot(line: Line) -> Iterator[None]:
    """One of the threads that may wait for Gupshup. Raises NotSubmitted if none is free soon."""
    with _page_threads.acquire(str(line.portal_id)) as has_slot:
        if not has_slot:
            raise NotSubmitted(explained=_BUSY)
        yield


def _status(session: Session, line: Line, template_id: str) -> str:
    mine = (Template.line_id == line.id) & (Template.template_id == template_id)
    return session.scalar(select(Template.status).where(mine)) or ""


def _keep(session: Session, line: Line, info: TemplateInfo) -> None:
    """Put a template into our copy of the list."""
    mine = (Template.line_id == line.id) & (Template.template_id == info.id)
    session.execute(delete(Template).where(mine))
    session.add(catalogue.row_of(line.id, info))


def remove(runtime: Runtime, line: Line, name: str, user_id: int | None) -> None:
    """Delete the templates of this name in all languages, at WhatsApp and here. user_id: as `submit`. Raises NotSubmitted."""
    try:
        with _slot(line):
            TemplateCalls(catalogue.page_client(runtime)).delete(lines.account(line), name)
    except GupshupError as error:
        log.warning("template not deleted", line=line.id, name=name, code=error.code, reason=error.reason)
        raise NotSubmitted(explained=explain(error)) from None
    with runtime.db.write() as session:
        mine = (Template.line_id == line.id) & (Template.name == name)
        infos = [TemplateInfo.from_dict(data) for data in session.scalars(select(Template.data).where(mine))]
        session.execute(delete(Template).where(mine))
        changes.removed(session, line, infos, user_id, runtime.clock())
    log.info("template deleted", line=line.id, name=name)


def kind_of_sample(content: bytes) -> str:
    """The kind of header that a file can be the sample of, by what it holds. Raises BadSample."""
    mime = _mime(content) if content else None
    found = next((kind for kind, types in SAMPLE_TYPES.items() if mime in types), None)
    if found is None:
        raise BadSample("type" if content else "empty")
    return found


def _mime(content: bytes) -> str | None:
    with NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        found = media_types.examine(Path(file.name))
    return found.mime if found.flaw is None else None


def upload(runtime: Runtime, line: Line, kind: str, name: str, content: bytes) -> SampleFile:
    """Give Gupshup the sample of a header. Raises BadSample, NotSubmitted."""
    if not content:
        raise BadSample("empty")
    if len(content) > MOST_SAMPLE_BYTES[kind]:
        raise BadSample("too_large")
    mime = _mime(content)
    if mime is None or mime not in SAMPLE_TYPES[kind]:
        raise BadSample("type")
    # The type that was found, not the one that the name says; a name of any length and with any characters is somebody's.
    shown = PurePath(name.replace("\\", "/")).name[-100:] or "sample"
    door = TemplateCalls(Client(runtime.gs_session, runtime.config.gupshup_url))
    try:
        with _slot(line):
            return replace(door.upload(lines.account(line), shown, mime, content), kind=kind)
    except GupshupError as error:
        log.warning("sample not uploaded", line=line.id, code=error.code, reason=error.reason)
        raise NotSubmitted(explained=explain(error)) from None


__all__ = [
    "BadSample",
    "NotSubmitted",
    "Reaction",
    "TooManyDrafts",
    "can_edit",
    "check",
    "copied",
    "discard",
    "draft_of",
    "drafts",
    "edited_lately",
    "kind_of_sample",
    "next_name",
    "remove",
    "save",
    "submit",
    "upload",
]
