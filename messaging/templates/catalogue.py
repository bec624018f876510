"""What templates a line has: a cache of Gupshup's list, refreshed when it is asked for something it does not hold."""

import threading
from collections import defaultdict
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from activities.errors import refused
from bx24.i18n import Text
from gupshup.client import Client
from gupshup.errors import GupshupError
from gupshup.templates import TemplateInfo, TemplateStatus
from messaging.limits.concurrency import PAGE_TIMEOUT
from messaging.lines import circuit_breaker, lines
from messaging.runtime import Runtime
from messaging.store.models import Line, Template
from messaging.templates import changes

FRESH = timedelta(minutes=30)
#: The least time between two questions to Gupshup for missing templates; it answers 10 lists a minute (reference 5.7).
ASK_EVERY = timedelta(seconds=15)
#: Status → why a template cannot be sent.
_NOT_SENDABLE: dict[str, Text] = {
    TemplateStatus.PENDING: Text("WhatsApp is still reviewing it", "он ещё на проверке в WhatsApp"),
    TemplateStatus.IN_APPEAL: Text("its rejection is being appealed", "отказ по нему обжалуется"),
    TemplateStatus.REJECTED: Text("WhatsApp rejected it", "WhatsApp его отклонил"),
    TemplateStatus.FAILED: Text("it was not submitted to Meta", "он не отправлен в Meta"),
    TemplateStatus.PAUSED: Text("WhatsApp paused it", "WhatsApp его приостановил"),
    TemplateStatus.DISABLED: Text("WhatsApp disabled it", "WhatsApp его отключил"),
    TemplateStatus.DELETED: Text("it was deleted", "он удалён"),
}
log = structlog.get_logger(__name__)


class _Question:
    """Asks for a line's list: one thread at a time; the threads that waited take its answer instead of asking again.

    The first burst of a new line would otherwise ask once per run: over Gupshup's limit, and over each other's rows.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = 0
        self._error: GupshupError | None = None

    def ask(self, runtime: Runtime, line: Line, door: Client | None = None) -> None:
        """Refresh the cache. Raises GupshupError."""
        seen = self._asked
        with self._lock:
            if self._asked == seen:
                self._error = _try(runtime, line, door)
                self._asked += 1
            if self._error is not None:
                raise self._error


def _try(runtime: Runtime, line: Line, door: Client | None) -> GupshupError | None:
    asked_at = runtime.clock()
    try:
        sync(runtime, line, door)
    except GupshupError as error:
        circuit_breaker.list_refused(runtime, line.id, error, asked_at)
        return error
    return None


_ASKED: defaultdict[int, _Question] = defaultdict(_Question)


class Templates:
    """The templates of one line."""

    def __init__(self, runtime: Runtime, line: Line) -> None:
        self.runtime = runtime
        self.line = line

    def find(self, reference: str, language: str) -> TemplateInfo | None:
        """By Gupshup id or element name, as `activities.base.Desk.template` says."""
        if not self.line.app_id:
            return None
        if not is_fresh(self.runtime, self.line):
            self._refresh()
        found = self._look(reference)
        if not found and _age(self.runtime, self.line) > ASK_EVERY:
            self._refresh()
            found = self._look(reference)
        return meant(reference, language, found)

    def _refresh(self) -> None:
        """Ask for the list; if that fails, the cache serves on. Raises GupshupError if there has never been a list."""
        try:
            _ASKED[self.line.id].ask(self.runtime, self.line)
            self.line.templates_synced_at = self.runtime.clock()
        except GupshupError as error:
            log.warning("template list not refreshed", line=self.line.id, code=error.code, reason=error.reason)
            if self.line.templates_synced_at is None:
                raise

    def listed(self, anew: bool = False) -> tuple[list[TemplateInfo], GupshupError | None]:
        """All templates of the line, by name and language, and why the list could not be refreshed, if so.

        Gupshup is asked if the cache is stale, or with `anew` at once, unless it was asked within ASK_EVERY.
        """
        error = None
        wanted = not is_fresh(self.runtime, self.line) or (anew and _age(self.runtime, self.line) > ASK_EVERY)
        if self.line.app_id and wanted:
            try:
                refresh(self.runtime, self.line)
            except GupshupError as failure:
                log.warning("template list not refreshed", line=self.line.id, code=failure.code, reason=failure.reason)
                error = failure
        with self.runtime.db.read() as session:
            return [info for _, info in every(session, [self.line.id])], error

    def _look(self, reference: str) -> list[TemplateInfo]:
        with self.runtime.db.read() as session:
            return look(session, self.line, reference)


def page_client(runtime: Runtime) -> Client:
    """Gupshup's client for pages: with short timeouts, because a person waits."""
    return Client(runtime.gs_session, runtime.config.gupshup_url, PAGE_TIMEOUT)


def refresh(runtime: Runtime, line: Line) -> None:
    """Ask Gupshup for the line's list now, for a page; those who ask at the same moment share one question.

    Raises GupshupError.
    """
    _ASKED[line.id].ask(runtime, line, page_client(runtime))


def every(session: Session, line_ids: list[int]) -> list[tuple[int, TemplateInfo]]:
    """(line id, template) of these lines as last listed, by name and language."""
    rows = session.execute(
        select(Template.line_id, Template.data)
        .where(Template.line_id.in_(line_ids))
        .order_by(Template.name, Template.language, Template.id)
    )
    return [(line_id, TemplateInfo.from_dict(data)) for line_id, data in rows]


def _age(runtime: Runtime, line: Line) -> timedelta:
    return runtime.clock() - line.templates_synced_at if line.templates_synced_at else timedelta.max


def is_fresh(runtime: Runtime, line: Line) -> bool:
    """Whether the cache of this line may be used without asking."""
    return _age(runtime, line) <= FRESH


def look(session: Session, line: Line, reference: str) -> list[TemplateInfo]:
    """The templates that the cache has under an id or a name."""
    bears = (Template.template_id == reference) | (Template.name == reference)
    return [
        TemplateInfo.from_dict(data)
        for data in session.scalars(select(Template.data).where(Template.line_id == line.id, bears))
    ]


def meant(reference: str, language: str, found: list[TemplateInfo]) -> TemplateInfo:
    """The template that is meant, among those found under a name or id. language: "" if not given. Raises Refused."""
    if language:
        found = [info for info in found if info.id == reference or info.language.lower() == language.lower()] or [
            info for info in found if info.language.lower().split("_")[0] == language.lower().split("_")[0]
        ]
    if not found:
        raise refused("template_not_found", at="template", value=f"{reference} ({language})" if language else reference)
    sendable = [info for info in found if info.sendable]
    if not sendable:
        raise refused("template_not_approved", at="template", value=reference, status=_why_not(found[0].status))
    if len({info.language for info in sendable}) > 1:
        languages = ", ".join(sorted(info.language for info in sendable))
        raise refused("template_ambiguous", at="language", value=reference, languages=languages)
    return sendable[0]


def _why_not(status: str) -> Text:
    """Why a template of this status cannot be sent; a status we do not know is named as Gupshup has it."""
    return _NOT_SENDABLE.get(status, Text(f"its status is {status}", f"его статус — {status}"))


def sync(runtime: Runtime, line: Line, door: Client | None = None) -> datetime:
    """Fetch the list (by a door with shorter timeouts, if given) and put it in the place of what we had.

    What has changed here while the list was on its way may be newer than the list: it stays, and the list counts as old.
    Returns the moment. Raises GupshupError.
    """
    with runtime.db.read() as session:
        asked_at = session.get_one(Line, line.id).templates_synced_at
        known = _copies(session, line.id)
    infos = (door or runtime.gupshup).templates(lines.account(line))
    now = runtime.clock()
    with runtime.db.write() as session:
        # The line's row first: two lists at once would both delete the old rows and insert the same new ones.
        stored = session.get_one(Line, line.id, with_for_update=True)
        before = _copies(session, line.id)
        newer = {key for key in known.keys() | before.keys() if known.get(key) != before.get(key)}
        listed = {info.id: info for info in infos if info.id not in newer}
        gone = (Template.line_id == line.id) & Template.template_id.not_in(newer)
        session.execute(delete(Template).where(gone))
        session.add_all([row_of(line.id, info) for info in listed.values()])
        pairs = [(before[key], info) for key, info in listed.items() if key in before]
        changes.compare_all(session, runtime, stored, pairs, now)
        was_told = asked_at is not None and stored.templates_synced_at is None
        stored.templates_synced_at = None if newer or was_told else now
    log.info("templates refreshed", line=line.id, count=len(infos), newer=len(newer))
    return now


def _copies(session: Session, line_id: int) -> dict[str, TemplateInfo]:
    return {info.id: info for _, info in every(session, [line_id])}


def row_of(line_id: int, info: TemplateInfo) -> Template:
    """A template as our copy keeps it."""
    parts = {"template_id": info.id, "name": info.name, "language": info.language, "status": info.status}
    return Template(line_id=line_id, data=info.to_dict(), **parts)
