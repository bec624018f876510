"""What messages and replies cause in the portal's CRM: triggers, timeline cards, notices. Only tasks are stored here.

A trigger is set off once for each cause, so its key names the cause. A card shows a message or a reply as it is now: its task
becomes due again whenever something has changed, and what changes within COLLAPSE is written once. A portal without the
scope `crm` gets no tasks. The writers are in messaging.stages.portal_writes.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bx24.documents import crm_item
from messaging.runtime import Runtime
from messaging.store.changes import Changes
from messaging.store.granted import granted_to
from messaging.store.models import Message, Reply
from messaging.store.portal_tasks import PortalTask, change, put
from messaging.store.rows import MessageRow, RunRow
from messaging.store.states import MessageStatus, OutcomeKind

CRM = "crm"
TRIGGER, CARD, NOTICE = "trigger", "card", "notice"
COLLAPSE = timedelta(seconds=5)
#: Entity type id and number of a CRM item.
Item = tuple[int, int]


class Trigger(StrEnum):
    """The code by which Bitrix24 knows a trigger of ours."""

    REPLY = "waba24_reply"
    BUTTON = "waba24_button"
    DELIVERED = "waba24_delivered"
    READ = "waba24_read"
    FAILED = "waba24_failed"
    OPT_OUT = "waba24_optout"


#: Status → what it sets off. What is read has been delivered, even if nobody has said so; the key keeps it from counting twice.
_SETS_OFF: dict[str, tuple[Trigger, ...]] = {
    MessageStatus.DELIVERED: (Trigger.DELIVERED,),
    MessageStatus.READ: (Trigger.DELIVERED, Trigger.READ),
    MessageStatus.FAILED: (Trigger.FAILED,),
}
#: Runs that ended so show something that no status of their message has told.
_TELLING = frozenset({OutcomeKind.FAILED, OutcomeKind.TIMEOUT, OutcomeKind.UNKNOWN, OutcomeKind.REPLIED})


def message_changed(changes: Changes, runtime: Runtime, message: MessageRow) -> None:
    """The status of a message has risen."""
    item = crm_item(message.item)
    if item is None or not _has_crm(changes.session, message.portal_id):
        return
    cause = f"m{message.id}"
    tasks = [_trigger(code, cause, item, message_id=message.id) for code in _SETS_OFF.get(message.status, ())]
    if message.timeline:
        tasks.append(_card(cause, item, message_id=message.id))
    changes.gathered(CrmTasks).add(message.portal_id, runtime.clock(), tasks)


def run_ended(changes: Changes, runtime: Runtime, run: RunRow) -> None:
    """A run has ended in a way that its card should tell; or it failed before there was a message."""
    item = crm_item(run.document[3]) if run.document[0].lower() == CRM else None
    is_told = run.outcome in _TELLING and run.action.startswith("send_")
    if item is None or not is_told or not _has_crm(changes.session, run.portal_id):
        return
    if run.message is None:
        tasks = [_card(f"run{run.id}", item)]
    else:
        tasks = [_card(f"m{run.message.id}", item, message_id=run.message.id)] if run.message.timeline else []
    changes.gathered(CrmTasks).add(run.portal_id, runtime.clock(), tasks)


def replied(
    changes: Changes, runtime: Runtime, portal_id: int, reply: Reply, message: Message | None, run: RunRow | None
) -> None:
    """A client has written or tapped something. message: ours that was quoted or tapped; run: the run the reply ends."""
    if not _has_crm(changes.session, portal_id):
        return
    item = crm_item(message.item) if message is not None else None
    if item is None and run is not None and run.document[0].lower() == CRM:
        item = crm_item(run.document[3])
    about = {"reply_id": reply.id, "conversation_id": reply.conversation_id}
    codes = (Trigger.BUTTON, Trigger.REPLY) if reply.type in ("button", "list") else (Trigger.REPLY,)
    tasks = [_trigger(code, f"r{reply.id}", item, **about) for code in codes]
    gathered = changes.gathered(CrmTasks)
    gathered.add(portal_id, runtime.clock(), [*tasks, _card(f"r{reply.id}", item, **about)])
    answered = message.id if message is not None else run.message.id if run is not None and run.message else None
    if answered is not None:
        gathered.answered(portal_id, answered)


def reply_changed(session: Session, runtime: Runtime, portal_id: int, reply_id: int) -> None:
    """The file of a reply is there, or will never be."""
    change(session, portal_id, [f"card r{reply_id}"], runtime.clock() + COLLAPSE)


def opted_out(
    session: Session,
    runtime: Runtime,
    portal_id: int,
    cause: str,
    *,
    item: str = "",
    phone: str = "",
    reply_id: int | None = None,
    conversation_id: int | None = None,
) -> None:
    """A client wants no more messages: sets off the trigger once for each cause.

    cause: names what has put the client on the list, such as `r5` for reply 5; at most 40 characters. item: the document of
    the run that did it ("DEAL_5"), "" if none did: then the contact or lead with this phone (digits), or with that of the
    conversation, is looked for.
    """
    if _has_crm(session, portal_id):
        about = {"reply_id": reply_id, "conversation_id": conversation_id, "payload": {"phone": phone}}
        tasks = CrmTasks()
        tasks.add(portal_id, runtime.clock(), [_trigger(Trigger.OPT_OUT, cause, crm_item(item), **about)])
        tasks.write(session)


def notice(user_id: int, cause: str, text: str) -> dict[str, Any]:
    """A task: tell this user something, once for each cause."""
    return {"kind": NOTICE, "key": f"notice {cause}", "payload": {"user_id": user_id, "text": text}}


def _has_crm(session: Session, portal_id: int) -> bool:
    return CRM in granted_to(session, portal_id).scopes


def _trigger(code: Trigger, cause: str, item: Item | None, **about: Any) -> dict[str, Any]:
    """Triggers of one item are set off one after another: each may move it. So are those of one client without an item."""
    client = about.get("conversation_id")
    lane = f"{item[0]}_{item[1]}" if item else f"c{client}" if client else ""
    return {"kind": TRIGGER, "key": f"{code} {cause}", "lane": lane, "result": _known(item, code=str(code)), **about}


def _card(cause: str, item: Item | None, **about: Any) -> dict[str, Any]:
    return {"kind": CARD, "key": f"card {cause}", "result": _known(item), **about}


def _known(item: Item | None, **more: str) -> dict[str, Any]:
    """What the page shows of a task, whatever becomes of it."""
    return {"owner": list(item) if item else None, **more}


class CrmTasks:
    """Tasks that one transaction causes, stored together: a statement for each of them would cost more than all else."""

    def __init__(self) -> None:
        self._tasks: defaultdict[int, dict[str, dict[str, Any]]] = defaultdict(dict)
        self._answered: defaultdict[int, set[str]] = defaultdict(set)
        self._now = datetime.min.replace(tzinfo=UTC)

    def add(self, portal_id: int, now: datetime, tasks: Iterable[Mapping[str, Any]]) -> None:
        self._now = now
        for task in tasks:
            due_at = now + (COLLAPSE if task["kind"] == CARD else timedelta())
            self._tasks[portal_id].setdefault(task["key"], {**task, "due_at": due_at})

    def answered(self, portal_id: int, message_id: int) -> None:
        """The card of a message shows that the client has answered it."""
        self._answered[portal_id].add(f"card m{message_id}")

    def write(self, session: Session) -> None:
        for portal_id, tasks in self._tasks.items():
            refused = granted_to(session, portal_id).refused
            wanted = [task for task in tasks.values() if task["result"].get("code") not in refused]
            put(session, portal_id, self._now, wanted)
            answered = self._answered[portal_id]
            _mark_answered(session, portal_id, answered)
            cards = {*answered, *(task["key"] for task in wanted if task["kind"] == CARD)}
            if cards:
                change(session, portal_id, sorted(cards), self._now + COLLAPSE)


def _mark_answered(session: Session, portal_id: int, keys: Collection[str]) -> None:
    known = select(PortalTask).where(PortalTask.portal_id == portal_id, PortalTask.key.in_(keys)).with_for_update()
    for task in session.scalars(known.execution_options(populate_existing=True)) if keys else ():
        task.result = {**(task.result or {}), "answered": True}
    session.flush()
