"""What is to be done in a client's chat with operators (Open Channels): portal tasks of the kind `chat`.

in        a client's message goes into the chat
mirror    what goes to the client in another way is shown there
tick      an operator's message has left: its clock becomes a tick
failed    an operator's message has failed: a line that only operators see
note      any other line that only operators see
check     the portal is asked whether the connector is still on
switch    the portal is told whether it is

All tasks of a client are one lane: the chat keeps their order.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from messaging.conversations.chat_notes import POLICY
from messaging.runs.statuses import RANK
from messaging.runtime import Runtime
from messaging.store import portal_tasks
from messaging.store.changes import Changes
from messaging.store.models import Line, Message, Reply
from messaging.store.open_channels import OpenLine, OperatorMessage, OperatorState, open_line_of
from messaging.store.portal_tasks import PortalTask, TaskState
from messaging.store.rows import MessageRow
from messaging.store.states import MessageStatus, Origin

KIND = "chat"
#: How long a client's message waits for its file; after that, the chat gets it without the file.
FILE_PATIENCE = timedelta(minutes=10)
#: A new chat shows up to this many automatic messages that are not older than this: what the client answers to.
EARLIER, EARLIER_FOR = 3, timedelta(days=1)
#: Why a client's message is given up of which nobody can tell whether its chat has it, before the chat's number is known.
IN_CHAT_UNKNOWN = "it is not known whether the chat has this message: look into the chat"
#: With one of them a message is shown in the chat: later ones add nothing.
_LEFT = (MessageStatus.ACCEPTED, MessageStatus.SENT)
_SEEN = (MessageStatus.ACCEPTED, MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ)


def lane(conversation_id: int) -> str:
    """The lane of a client's tasks."""
    return f"chat {conversation_id}"


def client_wrote(session: Session, runtime: Runtime, line: Line, reply: Reply, quoted: Message | None) -> None:
    """A client's message, stored a moment ago, goes into the chat, if the line is switched on."""
    if open_line_of(session, line.id) is None:
        return
    now = runtime.clock()
    task: dict[str, Any] = {
        "kind": KIND,
        "key": f"in {reply.id}",
        "lane": lane(reply.conversation_id),
        "reply_id": reply.id,
        "conversation_id": reply.conversation_id,
        "message_id": quoted.id if quoted is not None else None,
        "payload": {"what": "in"},
        "due_at": now + FILE_PATIENCE if reply.fetch_at is not None else now,
    }
    portal_tasks.put(session, line.portal_id, now, [task])


def file_is_settled(session: Session, runtime: Runtime, reply: Reply) -> None:
    """The file of a client's message is there, or will never be: the message need not wait any more."""
    line = session.get_one(Line, reply.line_id)
    portal_tasks.hasten(session, line.portal_id, [f"in {reply.id}"], runtime.clock())


def mirrored(changes: Changes, runtime: Runtime, message: MessageRow) -> None:
    """What is sent in another way than through the chat is shown there, if the client has one. An observer of statuses."""
    session = changes.session
    if message.status == MessageStatus.FAILED and message.origin != Origin.OPERATOR:
        _tell_failure(session, runtime, message)
    if message.status not in _LEFT:
        return
    if message.origin == Origin.OPERATOR and not _is_from_panel(session, message.id):
        return  # it stands in the chat already
    if open_line_of(session, message.line_id) is not None:
        put_mirrors(session, runtime, message.portal_id, message.conversation_id, [message.id])


def _tell_failure(session: Session, runtime: Runtime, message: MessageRow) -> None:
    """An automatic message that the chat shows, or is about to show, has failed after all: the chat says so."""
    if open_line_of(session, message.line_id) is None:
        return
    shown = (PortalTask.portal_id == message.portal_id) & (PortalTask.key == f"mirror {message.id}")
    if session.scalar(select(PortalTask.id).where(shown)) is None:
        return
    task = {
        "kind": KIND,
        "key": f"failed {message.id}",
        "lane": lane(message.conversation_id),
        "message_id": message.id,
        "conversation_id": message.conversation_id,
        "payload": {"what": "failed"},
    }
    portal_tasks.put(session, message.portal_id, runtime.clock(), [task])


def _is_from_panel(session: Session, message_id: int) -> bool:
    written = select(OperatorMessage.id).join(Message, Message.origin_id == OperatorMessage.id)
    of_panel = (
        (Message.id == message_id) & (Message.origin == Origin.OPERATOR) & OperatorMessage.im_message_id.is_(None)
    )
    return session.scalar(written.where(of_panel)) is not None


def put_mirrors(
    session: Session, runtime: Runtime, portal_id: int, conversation_id: int, message_ids: Sequence[int]
) -> None:
    """Show these messages of a client in his chat, each once."""
    tasks = [
        {
            "kind": KIND,
            "key": f"mirror {message_id}",
            "lane": lane(conversation_id),
            "message_id": message_id,
            "conversation_id": conversation_id,
            "payload": {"what": "mirror"},
        }
        for message_id in message_ids
    ]
    portal_tasks.put(session, portal_id, runtime.clock(), tasks)


def chat_began(session: Session, runtime: Runtime, portal_id: int, conversation_id: int) -> None:
    """The number of a client's chat is known: what could not be shown or looked for before is shown and looked for now."""
    _look_again(session, runtime, portal_id, conversation_id)
    since = runtime.clock() - EARLIER_FOR
    automatic = (
        select(Message.id)
        .where(
            Message.conversation_id == conversation_id,
            Message.origin != Origin.OPERATOR,
            Message.status.in_(_SEEN),
            Message.created_at >= since,
        )
        .order_by(Message.id.desc())
        .limit(EARLIER)
    )
    ids = sorted(session.scalars(automatic))
    put_mirrors(session, runtime, portal_id, conversation_id, ids)
    keys = [f"mirror {message_id}" for message_id in ids]
    mine = (PortalTask.portal_id == portal_id) & PortalTask.key.in_(keys)
    for task in session.scalars(select(PortalTask).where(mine, PortalTask.state == TaskState.DONE)):
        if not task.result:  # there was no chat to show it in
            task.state, task.due_at, task.done_at = TaskState.DUE, runtime.clock(), None
            task.payload = {"what": "mirror"}


def _look_again(session: Session, runtime: Runtime, portal_id: int, conversation_id: int) -> None:
    given_up = select(PortalTask).where(
        PortalTask.portal_id == portal_id,
        PortalTask.kind == KIND,
        PortalTask.state == "failed",
        PortalTask.lane == lane(conversation_id),
        PortalTask.error == IN_CHAT_UNKNOWN,
    )
    for task in session.scalars(given_up):
        task.state, task.due_at, task.done_at = TaskState.UNCLEAR, runtime.clock(), None
        task.tries, task.failing_since = 0, None


def note(
    session: Session,
    runtime: Runtime,
    portal_id: int,
    key: str,
    text: str,
    *,
    conversation_id: int | None,
    chat_id: int | None = None,
    user_id: int | None = None,
) -> None:
    """A note in the chat that only operators see. chat_id: None if not known yet. user_id: is told if the chat is closed."""
    task = {
        "kind": KIND,
        "key": key[:80],
        "lane": lane(conversation_id) if conversation_id is not None else "",
        "conversation_id": conversation_id,
        "payload": {"what": "note", "text": text, "chat_id": chat_id, "user_id": user_id},
    }
    portal_tasks.put(session, portal_id, runtime.clock(), [task])


def ask_if_on(session: Session, runtime: Runtime, portal_id: int, open_line_id: int, cause: str) -> None:
    """Something was switched off in the portal: ask it whether this open line still has our connector."""
    task = {
        "kind": KIND,
        "key": f"check {open_line_id} {cause}"[:80],
        "lane": f"open line {open_line_id}",
        "payload": {"what": "check", "open_line": open_line_id},
    }
    portal_tasks.put(session, portal_id, runtime.clock(), [task])


def switch(session: Session, runtime: Runtime, portal_id: int, open_line_id: int) -> None:
    """Tell the portal whether our connector is on at this open line: as it is when the portal is told."""
    now = runtime.clock()
    task = {
        "kind": KIND,
        "key": f"switch {open_line_id} {now.timestamp():.6f}",
        "lane": f"open line {open_line_id}",
        "payload": {"what": "switch", "open_line": open_line_id},
    }
    portal_tasks.put(session, portal_id, now, [task])


def registered(session: Session, runtime: Runtime, portal_id: int) -> None:
    """After the connector was registered (again): switch on in the portal what is switched on here."""
    for open_line in session.scalars(select(OpenLine).where(OpenLine.portal_id == portal_id)):
        switch(session, runtime, portal_id, open_line.open_line_id)


def line_removed(session: Session, runtime: Runtime, line: Line) -> None:
    """A line is disconnected: no chat belongs to it any more. What operators have queued is refused as all that is queued."""
    open_line = session.get(OpenLine, line.id)
    if open_line is not None:
        switch(session, runtime, line.portal_id, open_line.open_line_id)
        session.delete(open_line)


# --- what became of an operator's message ---------------------------------------------------------------------------------


def operators_message_changed(changes: Changes, runtime: Runtime, message: MessageRow) -> None:
    """An operator's message has left or failed: the chat shows it. The listener of its origin."""
    if message.status != MessageStatus.FAILED and RANK.get(message.status, 0) < RANK[MessageStatus.SENT]:
        return
    changes.write()  # the other parts are looked for in the database
    session = changes.session
    written = session.scalar(
        select(OperatorMessage)
        .join(Message, Message.origin_id == OperatorMessage.id)
        .where(Message.id == message.id, Message.origin == Origin.OPERATOR)
    )
    if written is None:
        return
    if message.status == MessageStatus.FAILED and message.error_code in POLICY:
        _tell_held_back(session, runtime, written, message)
    elif message.status == MessageStatus.FAILED:
        _tell(session, runtime, written, message.id, "failed")
    if written.im_message_id is not None:
        tick_if_settled(session, runtime, written)


def _tell_held_back(session: Session, runtime: Runtime, written: OperatorMessage, message: MessageRow) -> None:
    """Since the operator wrote, the client has opted out, say; the reason is in the portal's language."""
    of_chat = {"chat_id": written.chat_id, "user_id": written.user_id}
    key, conversation_id = f"failed {message.id}", written.conversation_id
    note(session, runtime, written.portal_id, key, message.error_reason, conversation_id=conversation_id, **of_chat)


def unclear(session: Session, runtime: Runtime, written: OperatorMessage, message_id: int) -> None:
    """Nobody can tell whether an operator's message has left: the chat says so."""
    _tell(session, runtime, written, message_id, "unclear")


def _tell(session: Session, runtime: Runtime, written: OperatorMessage, message_id: int, what: str) -> None:
    task = {
        "kind": KIND,
        "key": f"{what} {message_id}",
        "lane": lane(written.conversation_id),
        "message_id": message_id,
        "conversation_id": written.conversation_id,
        "payload": {"what": what, "chat_id": written.chat_id, "user_id": written.user_id},
    }
    portal_tasks.put(session, written.portal_id, runtime.clock(), [task])


def tick_if_settled(session: Session, runtime: Runtime, written: OperatorMessage) -> None:
    """Give the message its one tick when all its parts have left or will not: the portal takes all ids at once."""
    session.flush()
    parts = session.execute(
        select(OperatorMessage.state, Message.status)
        .outerjoin(Message, (Message.origin == Origin.OPERATOR) & (Message.origin_id == OperatorMessage.id))
        .where(OperatorMessage.portal_id == written.portal_id, OperatorMessage.im_message_id == written.im_message_id)
    ).all()
    sent = [status for _, status in parts if RANK.get(status or "", 0) >= RANK[MessageStatus.SENT]]
    over = [status for state, status in parts if state == OperatorState.REFUSED or status in _OVER]
    if not sent or len(sent) + len(over) < len(parts):
        return
    task = {
        "kind": KIND,
        "key": f"tick {written.im_message_id}",
        "lane": lane(written.conversation_id),
        "conversation_id": written.conversation_id,
        "payload": {"what": "tick", "im_message_id": written.im_message_id, "chat_id": written.chat_id},
    }
    portal_tasks.put(session, written.portal_id, runtime.clock(), [task])


_OVER = (MessageStatus.FAILED, MessageStatus.DROPPED)
