"""What happens to a template at WhatsApp: our copy follows at once, a history keeps it, the administrator is told.

Events may be lost, so what a new list shows to have changed counts as well (messaging.templates.catalogue).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, func, literal, select, text
from sqlalchemy.orm import Session

from bx24.i18n import Text
from gupshup.events import TemplateEvent
from gupshup.template_refusals import why_rejected
from gupshup.templates import TemplateInfo, TemplateStatus
from messaging.callbacks import telling
from messaging.runs import crm_tasks
from messaging.runtime import Runtime
from messaging.store.models import Line, Message, Portal, Template
from messaging.store.portal_tasks import put
from messaging.store.states import Origin
from messaging.store.template_drafts import ChangeKind, TemplateChange

#: How long the history is kept.
KEPT = timedelta(days=365)
#: Runs that count as present use, and up to how many of them are counted.
USED_WITHIN = timedelta(days=30)
MOST_COUNTED = 10_000
#: Statuses that the administrator is told of.
_BAD: dict[str, Text] = {
    "REJECTED": Text("WhatsApp rejected the template “{name}”.", "WhatsApp отклонил шаблон «{name}»."),
    "PAUSED": Text(
        "WhatsApp paused the template “{name}” because of complaints.",
        "WhatsApp приостановил шаблон «{name}» из-за жалоб.",
    ),
    "DISABLED": Text("WhatsApp disabled the template “{name}”.", "WhatsApp отключил шаблон «{name}»."),
    "DEACTIVATED": Text("WhatsApp disabled the template “{name}”.", "WhatsApp отключил шаблон «{name}»."),
    "FAILED": Text(
        "Gupshup could not submit the template “{name}” to WhatsApp.",
        "Gupshup не смог отправить шаблон «{name}» в WhatsApp.",
    ),
}
_CATEGORIES: dict[str, Text] = {
    "MARKETING": Text("Marketing", "маркетинг"),
    "UTILITY": Text("Utility", "услуга"),
    "AUTHENTICATION": Text("Authentication", "код подтверждения"),
}
_MOVED = Text(
    "WhatsApp changed the category of the template “{name}”: {before} → {after}. Messages with it now have another price.",
    "WhatsApp изменил категорию шаблона «{name}»: {before} → {after}. Цена сообщений с ним теперь другая.",
)
_WILL_MOVE = Text(
    "WhatsApp will change the category of the template “{name}”: {before} → {after}. The price of messages will change, too.",
    "WhatsApp собирается изменить категорию шаблона «{name}»: {before} → {after}. Цена сообщений тоже изменится.",
)
_USED = Text(
    "Runs of robots with it in the last 30 days: {runs}. Look at these robots.",
    "Запусков роботов с ним за последние 30 дней: {runs}. Проверьте эти роботы.",
)
#: Changes of one list that are told one by one; more make one notice, with at most this many names of each kind.
MOST_TOLD, MOST_NAMED = 3, 5
_MANY = Text(
    "{count} templates of the line “{line}” have changed. {what} See the page “Templates”.",
    "У линии «{line}» изменились шаблоны, всего {count}. {what} Подробности на странице «Шаблоны».",
)
_MANY_USED = Text(
    "Runs of robots with them in the last 30 days: {runs}. Look at these robots.",
    "Запусков роботов с ними за последние 30 дней: {runs}. Проверьте эти роботы.",
)
_GROUP = Text("{what}: {names}.", "{what}: {names}.")
_GROUP_CUT = Text("{what}: {names} and {more} more.", "{what}: {names} и ещё {more}.")
_GROUPS: dict[str, Text] = {
    "REJECTED": Text("WhatsApp rejected", "WhatsApp отклонил"),
    "PAUSED": Text("WhatsApp paused", "WhatsApp приостановил"),
    "DISABLED": Text("WhatsApp disabled", "WhatsApp отключил"),
    "FAILED": Text("Not submitted to WhatsApp", "Не отправлены в WhatsApp"),
}
_GROUP_MOVED = Text("Another category, so another price", "Другая категория, а значит, и цена")
log = structlog.get_logger(__name__)


def heard(session: Session, runtime: Runtime, line: Line, event: TemplateEvent) -> None:
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
    """Keep what of templates (as they were, as they are) has changed, and tell the administrator what needs him."""
    _keep(session, runtime, line, [change for was, now in pairs for change in _differences(line, was, now, at)])


def _differences(line: Line, was: TemplateInfo, now: TemplateInfo, at: datetime) -> list[TemplateChange]:
    pairs = ((ChangeKind.STATUS, was.status, now.status), (ChangeKind.CATEGORY, was.category, now.category))
    return [_row(line, kind, now, before, after, at) for kind, before, after in pairs if before != after]


def submitted(session: Session, line: Line, info: TemplateInfo, before: str, user_id: int | None, at: datetime) -> None:
    """Somebody here has submitted a template, or a change of one. before: its status, "" of a new one.

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


def runs_using(session: Session, line_id: int, names: Collection[str], now: datetime) -> int:
    """How many messages of robots and activities used these templates in the last 30 days; MOST_COUNTED + 1 for more."""
    uses = (
        select(literal(1))
        .where(
            Message.line_id == line_id,
            Message.template.in_(names),
            text("message.template <> ''"),  # in these words, so that the partial index is used
            Message.created_at >= now - USED_WITHIN,
            Message.origin.in_((Origin.ROBOT, Origin.ACTIVITY)),
        )
        .limit(MOST_COUNTED + 1)
    )
    return session.scalar(select(func.count()).select_from(uses.subquery())) or 0


def _is_overtaken(session: Session, line: Line, template_id: str, at: datetime) -> bool:
    """Whether something newer is known of a template: an event that comes late must not put the older status back."""
    mine = (TemplateChange.line_id == line.id) & (TemplateChange.template_id == template_id)
    told = TemplateChange.kind.in_((ChangeKind.STATUS, ChangeKind.CATEGORY))
    newest = session.scalar(select(TemplateChange.at).where(mine, told).order_by(TemplateChange.at.desc()).limit(1))
    return newest is not None and newest > at


def _keep(session: Session, runtime: Runtime, line: Line, found: Sequence[TemplateChange]) -> None:
    """Keep these changes of a line's templates, and tell the administrator what needs him."""
    if not found:
        return
    session.add_all(found)
    too_old = (TemplateChange.portal_id == line.portal_id) & (TemplateChange.at < runtime.clock() - KEPT)
    session.execute(delete(TemplateChange).where(too_old))
    session.flush()
    _tell(session, line, found, runtime.clock())
    for one in found:
        log.info("template changed", line=line.id, template=one.name, kind=one.kind, before=one.before, after=one.after)
    portal, now = session.get_one(Portal, line.portal_id), runtime.clock()
    told = [(change, words) for change in found if (words := _words(change)) is not None]
    if not told or not portal.token_user_id:
        return
    if len(told) <= MOST_TOLD:
        notices = [(change, words, _USED, {change.name}) for change, words in told]
    else:
        bad = [change for change, _ in told]
        notices = [(bad[0], _summed_up(line, bad), _MANY_USED, {change.name for change in bad})]
    for change, words, used, names in notices:
        runs = runs_using(session, line.id, names, now)
        said = [words, used.format(runs=runs)] if runs else [words]
        whole = " ".join(part.to(portal.language) for part in said)
        put(session, portal.id, now, [crm_tasks.notice(portal.token_user_id, f"template {change.id}", whole)])


def _tell(session: Session, line: Line, found: Sequence[TemplateChange], now: datetime) -> None:
    """Tell the portal's own systems, which get the templates as they are now."""
    mine = (Template.line_id == line.id) & Template.template_id.in_([one.template_id for one in found])
    infos = {row.template_id: TemplateInfo.from_dict(row.data) for row in session.scalars(select(Template).where(mine))}
    for one in found:
        if one.template_id in infos:
            change = {"kind": str(one.kind), "before": one.before, "after": one.after}
            telling.template_changed(session, line, infos[one.template_id], change, one.at, now)


def _summed_up(line: Line, found: Sequence[TemplateChange]) -> Text:
    """One sentence for each kind of change, with some names."""
    groups: dict[Text, list[str]] = {}
    for change in found:
        status = "DISABLED" if change.after == "DEACTIVATED" else change.after
        title = _GROUPS[status] if change.kind == ChangeKind.STATUS else _GROUP_MOVED
        groups.setdefault(title, []).append(change.name)
    said = [
        (_GROUP_CUT if len(names) > MOST_NAMED else _GROUP).format(
            what=title, names=", ".join(names[:MOST_NAMED]), more=len(names) - MOST_NAMED
        )
        for title, names in groups.items()
    ]
    what = Text(" ".join(one.en for one in said), " ".join(one.ru for one in said))
    count = len({change.template_id for change in found})
    return _MANY.format(count=count, line=line.name or line.app_name, what=what)


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


def _words(change: TemplateChange) -> Text | None:
    """What the administrator is told; None if it is nothing he has to know of."""
    if change.kind == ChangeKind.STATUS:
        words = _BAD.get(change.after)
        if words is None:
            return None
        why = Text(*why_rejected(change.reason)) if change.after == "REJECTED" and change.reason else None
        told = words.format(name=change.name)
        return Text(f"{told.en} {why.en}", f"{told.ru} {why.ru}") if why else told
    words = _MOVED if change.kind == ChangeKind.CATEGORY else _WILL_MOVE
    return words.format(
        name=change.name,
        before=_CATEGORIES.get(change.before, Text(change.before, change.before)),
        after=_CATEGORIES.get(change.after, Text(change.after, change.after)),
    )
