"""Which run a reply ends, and which values the run is answered with.

One reply ends one run: the run whose message it quotes or taps; else the oldest run that waits for this client on this line
and accepts the reply. Otherwise the reply stays free. A later `wait_reply` takes a free reply if it came after the last
message that its workflow sent to the client.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from gupshup import webhooks
from messaging.runs import outcomes
from messaging.runtime import Runtime
from messaging.store import rows
from messaging.store.changes import Changes
from messaging.store.models import Line, Message, Reply, Run, shard_of
from messaging.store.rows import MessageRow, RunRow
from messaging.store.states import MessageStatus, OutcomeKind, RunState

#: A tap that names no message is looked for among this many last interactive messages to the client.
RECENT = 20
#: Statuses of a message that the client may have seen.
_SENT = (
    MessageStatus.ACCEPTED,
    MessageStatus.SENT,
    MessageStatus.DELIVERED,
    MessageStatus.READ,
    MessageStatus.UNKNOWN,
)
log = structlog.get_logger(__name__)


def tapped(session: Session, line: Line, conversation_ids: Collection[int], event: webhooks.Reply) -> Message | None:
    """Our message that was quoted or tapped, found by msgid, then by postback, context and title.

    Ids of ours name a message of the line whoever seems to write, for WhatsApp may know the client by another number or by
    an id alone. A postback and a title are the robot's words, equal in many messages: they count in these conversations.
    """
    ours = select(Message).where(Message.line_id == line.id)
    by_trace = ours.join(Run).where(Run.trace == event.msgid)
    theirs = by_trace.where(Message.conversation_id.in_(conversation_ids))
    if event.msgid and conversation_ids and (found := session.scalar(theirs)):
        return found
    recent = _recent(session, conversation_ids) if event.type in ("button", "list") else []
    if event.postback and len(with_choice := [m for m in recent if event.postback in _ids(m)]) == 1:
        return with_choice[0]
    for column, ref in ((Message.gupshup_id, event.context_gs_id), (Message.whatsapp_id, event.context_id)):
        if ref and (found := session.scalar(ours.where(column == ref))):
            return found
    # No index knows the traces, so they are read of the runs that still wait.
    live = by_trace.where(Run.shard == shard_of(line.portal_id), Run.state != RunState.ENDED)
    if event.msgid and (found := session.scalar(live)):
        return found
    return next((m for m in recent if event.title and event.title in [title for _, title in m.choices]), None)


def _recent(session: Session, conversation_ids: Collection[int]) -> list[Message]:
    if not conversation_ids:
        return []
    return list(
        session.scalars(
            select(Message)
            .where(Message.conversation_id.in_(conversation_ids), Message.choices.is_not(None))
            .order_by(Message.id.desc())
            .limit(RECENT)
        )
    )


def _ids(message: Message) -> list[str]:
    return [choice_id for choice_id, _ in message.choices]


def values_of(event: webhooks.Reply, message: Message | None) -> dict[str, Any]:
    """The results of a reply. A tap on our message gives the id from the robot's settings, whatever form the webhook has."""
    reply_id = event.reply_id
    if event.type in ("button", "list") and message is not None and message.choices:
        reply_id = _choice(message.choices, event) or reply_id
    return {
        "reply_type": event.type,
        "reply_text": event.text,
        "reply_id": reply_id,
        "reply_file": "",
        "reply_from": event.phone,
    }


def _choice(choices: list[list[str]], event: webhooks.Reply) -> str:
    ids = [choice_id for choice_id, _ in choices]
    if event.postback in ids:
        return event.postback
    by_title = [choice_id for choice_id, title in choices if title == event.title]
    if len(by_title) == 1:
        return by_title[0]
    if event.index is not None and 1 <= event.index <= len(ids):
        return ids[event.index - 1]
    return by_title[0] if by_title else ""


def accepts(accept: list[str] | None, values: dict[str, Any]) -> bool:
    """Whether a run takes this reply: it accepts any, or names its text or its id; case and spacing do not matter."""
    wanted = {_normalised(answer) for answer in accept or [] if _normalised(answer)}
    return not wanted or bool(wanted & {_normalised(values["reply_text"]), _normalised(values["reply_id"])})


def _normalised(text: str) -> str:
    return " ".join(text.split()).casefold()


def waiting_for(
    session: Session,
    conversation_ids: Collection[int],
    message: Message | None,
    values: dict[str, Any],
    received: datetime,
) -> RunRow | None:
    """The run this reply ends, locked; None if no run waits for it.

    conversation_ids: the client's. message: the one quoted or tapped; its run may be of another conversation.
    """
    is_taken = exists().where(Reply.run_id == Run.id)
    was_sent = Message.status.in_(_SENT)
    waiting = session.execute(
        select(Run.id, Run.accept, Run.conversation_id)
        .outerjoin(Message, Message.run_id == Run.id)
        .where(
            Run.conversation_id.in_({*conversation_ids, *([message.conversation_id] if message else ())}),
            Run.state == RunState.WAITING,
            Run.until == "replied",
            ~is_taken,
            or_(Message.id.is_(None), was_sent & (Message.claimed_at <= received)),
        )
        .order_by(Run.id)
    ).all()
    quoted = [run.id for run in waiting if message is not None and run.id == message.run_id]
    theirs = [run for run in waiting if run.conversation_id in conversation_ids]
    chosen = quoted or [run.id for run in theirs if accepts(run.accept, values)]
    held = rows.runs_with_messages(session, chosen[:1])
    return held[0] if held and held[0].state == RunState.WAITING else None


def early(changes: Changes, runtime: Runtime, run: RunRow) -> None:
    """A `wait_reply` begins: give it a free reply that came since the workflow's last message, if there is one.

    A run waits from the moment it was stored, so replies that came between then and now count too.
    """
    session = changes.session
    session.flush()
    last_sent = session.scalar(
        select(func.max(Message.claimed_at))
        .join(Run)
        .where(
            Run.portal_id == run.portal_id,
            Run.workflow_id == run.workflow_id,
            Run.id < run.id,
            Message.conversation_id == run.conversation_id,
            Message.status.not_in(
                (MessageStatus.HELD, MessageStatus.QUEUED, MessageStatus.DROPPED, MessageStatus.FAILED)
            ),
        )
    )
    since = min(last_sent, run.stored_at) if last_sent else run.stored_at
    free = session.scalars(
        select(Reply)
        .where(Reply.conversation_id == run.conversation_id, Reply.run_id.is_(None), Reply.received_at >= since)
        .order_by(Reply.id)
    )
    reply = next((reply for reply in free if accepts(run.accept, reply.content["values"])), None)
    if reply is not None:
        give(changes, runtime, reply, run)


def overtaken(changes: Changes, runtime: Runtime, message: MessageRow) -> None:
    """A send is recorded: give its run a reply that came before Gupshup had answered us, if there is one."""
    run, session = message.run, changes.session
    if run is None or run.until != "replied" or run.state != RunState.WAITING or message.claimed_at is None:
        return
    if session.scalar(select(Reply.id).where(Reply.run_id == run.id)) is not None:
        return
    free = select(Reply).where(
        Reply.conversation_id == message.conversation_id,
        Reply.run_id.is_(None),
        Reply.received_at >= message.claimed_at,
    )
    reply = session.scalars(free.order_by(Reply.id).limit(1)).first()
    if reply is not None:
        give(changes, runtime, reply, run)


def give(changes: Changes, runtime: Runtime, reply: Reply, run: RunRow) -> None:
    """Let this reply end this run: at once, or as soon as we have the reply's file."""
    reply.run_id = run.id
    if reply.fetch_at is None:
        outcome = outcomes.Outcome(OutcomeKind.REPLIED, values=reply.content["values"])
        outcomes.finish_run(changes, runtime, run, outcome)
