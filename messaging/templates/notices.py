"""What a portal's administrator is told of changed templates: what happened, and how many robots' runs it concerns."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from bx24.i18n import Text
from gupshup.template_refusals import why_rejected
from messaging.runs import crm_tasks
from messaging.store.models import Line, Portal
from messaging.store.portal_tasks import put
from messaging.store.template_drafts import ChangeKind, TemplateChange
from messaging.templates.usage import runs_using

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


def notify_administrator(session: Session, line: Line, found: Sequence[TemplateChange], now: datetime) -> None:
    """Notify the administrator of the changes that need action: each by itself, or all in one notice if there are many."""
    portal = session.get_one(Portal, line.portal_id)
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


def _words(change: TemplateChange) -> Text | None:
    """What the administrator is told; None if the change needs no action."""
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
