"""What happens to a template at WhatsApp: our copy follows at once, a history keeps it, the administrator is told.

Events may be lost, so differences in a new list count as well (messaging.templates.catalogue).
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from gupshup.events import TemplateEvent
from gupshup.templates import TemplateInfo, TemplateStatus
from messaging.callbacks import telling
from messaging.runtime import Runtime
from messaging.store.models import Line, Template
from messaging.store.template_drafts import ChangeKind, TemplateChange
from messaging.templates import notices

#: How long the history is kept.
KEPT = timedelta(days=365)
log = structlog.get_logger(__name__)


def on_event(session: Session, runtime: Runtime, line: Line, event: TemplateEvent) -> None:
    """Apply an event to our copy. The list is stale from now on: events do not tell everything."""
    line.templates_synced_at = None
    known = (Template.line_id == line.id) & (Template.template_id == event.id[:64])
    stored = session.scalar(select(Template).where(known).with_for_update())
    at = event.at or runtime.clock()
    if stored is None or _is_overtaken(session, line, stored.template_id, at):
        return
    was = TemplateInfo.from_dict(stored.data)
    is_change = bool(event.category_before)
    now = replace(
        was,
        status=event.status[:32] or was.status,
        reason=event.reason if event.status else was.reason,
        category=event.category.upper()[:32] if is_change else was.category,
    )
    stored.status, stored.data = now.status, now.to_dict()
    found = _differences(line, was, now, at)
    if event.category and not is_change and event.category.upper() != was.category:
        found.append(_row(line, ChangeKind.ANNOUNCED, now, was.category, event.category.upper(), at))
    _keep(session, runtime, line, found)


def compare_all(
    session: Session, runtime: Runtime, line: Line, pairs: Iterable[tuple[TemplateInfo, TemplateInfo]], at: datetime
) -> None:
    """Keep what has changed between the templates as they were and as they are, and tell of it. pairs: (before, now)."""
    _keep(session, runtime, line, [change for was, now in pairs for change in _differences(line, was, now, at)])


def _differences(line: Line, was: TemplateInfo, now: TemplateInfo, at: datetime) -> list[TemplateChange]:
    pairs = ((ChangeKind.STATUS, was.status, now.status), (ChangeKind.CATEGORY, was.category, now.category))
    return [_row(line, kind, now, before, after, at) for kind, before, after in pairs if before != after]


def submitted(session: Session, line: Line, info: TemplateInfo, before: str, user_id: int | None, at: datetime) -> None:
    """Keep that a template, or a change of one, was submitted here. before: its status, "" for a new template.

    user_id: of the portal; None: a program did it.
    """
    session.add(_row(line, ChangeKind.SUBMITTED, info, before, info.status, at, user_id))
    told = {"kind": str(ChangeKind.SUBMITTED), "before": before, "after": info.status}
    telling.template_changed(session, line, info, told, at, at)


def removed(session: Session, line: Line, infos: Iterable[TemplateInfo], user_id: int | None, at: datetime) -> None:
    """Somebody here has deleted these templates. user_id: as `submitted`."""
    for info in infos:
        gone = replace(info, status=TemplateStatus.DELETED, reason="")
        session.add(_row(line, ChangeKind.STATUS, gone, info.status, gone.status, at, user_id))
        told = {"kind": str(ChangeKind.STATUS), "before": info.status, "after": gone.status}
        telling.template_changed(session, line, gone, told, at, at)


def history(session: Session, line_id: int, template_id: str, limit: int = 20) -> list[TemplateChange]:
    """What happened to a template, the newest first."""
    mine = (TemplateChange.line_id == line_id) & (TemplateChange.template_id == template_id)
    return list(session.scalars(select(TemplateChange).where(mine).order_by(TemplateChange.id.desc()).limit(limit)))


def recent(session: Session, portal_id: int, kinds: tuple[ChangeKind, ...], since: datetime) -> list[TemplateChange]:
    """The changes of these kinds on a portal's lines since then, the oldest first."""
    mine = (TemplateChange.portal_id == portal_id) & (TemplateChange.at >= since) & TemplateChange.kind.in_(kinds)
    return list(session.scalars(select(TemplateChange).where(mine).order_by(TemplateChange.at, TemplateChange.id)))


def _is_overtaken(session: Session, line: Line, template_id: str, at: datetime) -> bool:
    """Whether something newer is known of a template: an event that comes late must not put the older status back."""
    mine = (TemplateChange.line_id == line.id) & (TemplateChange.template_id == template_id)
    told = TemplateChange.kind.in_((ChangeKind.STATUS, ChangeKind.CATEGORY))
    newest = session.scalar(select(TemplateChange.at).where(mine, told).order_by(TemplateChange.at.desc()).limit(1))
    return newest is not None and newest > at


def _keep(session: Session, runtime: Runtime, line: Line, found: Sequence[TemplateChange]) -> None:
    """Keep these changes of a line's templates, and tell customers' systems and the administrator."""
    if not found:
        return
    session.add_all(found)
    too_old = (TemplateChange.portal_id == line.portal_id) & (TemplateChange.at < runtime.clock() - KEPT)
    session.execute(delete(TemplateChange).where(too_old))
    session.flush()
    _tell_customers(session, line, found, runtime.clock())
    for one in found:
        log.info("template changed", line=line.id, template=one.name, kind=one.kind, before=one.before, after=one.after)
    notices.notify_administrator(session, line, found, runtime.clock())


def _tell_customers(session: Session, line: Line, found: Sequence[TemplateChange], now: datetime) -> None:
    """Tell customers' systems (webhooks out); an event shows the template as it is now."""
    mine = (Template.line_id == line.id) & Template.template_id.in_([one.template_id for one in found])
    infos = {row.template_id: TemplateInfo.from_dict(row.data) for row in session.scalars(select(Template).where(mine))}
    for one in found:
        if one.template_id in infos:
            change = {"kind": str(one.kind), "before": one.before, "after": one.after}
            telling.template_changed(session, line, infos[one.template_id], change, one.at, now)


def _row(
    line: Line,
    kind: ChangeKind,
    info: TemplateInfo,
    before: str,
    after: str,
    at: datetime,
    user_id: int | None = None,
) -> TemplateChange:
    return TemplateChange(
        portal_id=line.portal_id,
        line_id=line.id,
        template_id=info.id[:64],
        name=info.name,
        kind=kind,
        before=before[:32],
        after=after[:32],
        reason=info.reason[:300] if kind == ChangeKind.STATUS else "",
        user_id=user_id,
        at=at,
    )
