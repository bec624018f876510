"""Which run a reply ends, and what it is answered with.

One reply ends one run, in this order: the run whose message it quotes or taps; else the oldest run that waits for this
client on this line and accepts it; else it stays free, and a later `wait_reply` of a workflow takes it if it came after
that workflow's last message to the client.
"""

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
from messaging.store.models import Message, Reply, Run
from messaging.store.rows import MessageRow, RunRow
from messaging.store.states import OutcomeKind, RunState

#: How many of a client's last interactive messages are searched for a tap that names none of them.
RECENT = 20
log = structlog.get_logger(__name__)


def tapped(session: Session, conversation_id: int, event: webhooks.Reply) -> Message | None:
    """The message of ours that was quoted or tapped: by msgid, then postback, context, title."""
    ours = select(Message).join(Run).where(Message.conversation_id == conversation_id)
    if event.msgid and (found := session.scalar(ours.where(Run.trace == event.msgid))):
        return found
    recent = _recent(session, conversation_id) if event.type in ("button", "list") else []
    if event.postback and len(found_all := [m for m in recent if event.postback in _ids(m)]) == 1:
        return found_all[0]
    for column, ref in ((Message.gupshup_id, event.context_gs_id), (Message.whatsapp_id, event.context_id)):
        if ref and (found := session.scalar(ours.where(column == ref))):
            return found
    return next((m for m in recent if event.title and event.title in [title for _, title in m.choices]), None)


def _recent(session: Session, conversation_id: int) -> list[Message]:
    return list(
        session.scalars(
            select(Message)
            .where(Message.conversation_id == conversation_id, Message.choices.is_not(None))
            .order_by(Message.id.desc())
            .limit(RECENT)
        )
    )


def _ids(message: Message) -> list[str]:
    return [choice_id for choice_id, _ in message.choices]


def values_of(event: webhooks.Reply, message: Message | None) -> dict[str, Any]:
    """The reply's results. A tap on our message gives the id we were told, whatever shape the webhook has."""
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
    """Whether a run that asks for certain answers takes this one: its text or its id, without case and outer space."""
    wanted = {_plain(answer) for answer in accept or [] if _plain(answer)}
    return not wanted or bool(wanted & {_plain(values["reply_text"]), _plain(values["reply_id"])})


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def waiting_for(
    session: Session, conversation_id: int, message: Message | None, values: dict[str, Any], received: datetime
) -> RunRow | None:
    """The run this reply ends, locked, if any."""
    taken = exists().where(Reply.run_id == Run.id)
    handed = Message.status.in_(("accepted", "sent", "delivered", "read", "unknown"))
    waiting = session.execute(
        select(Run.id, Run.accept)
        .outerjoin(Message, Message.run_id == Run.id)
        .where(
            Run.conversation_id == conversation_id,
            Run.state == "waiting",
            Run.until == "replied",
            ~taken,
            or_(Message.id.is_(None), handed & (Message.claimed_at <= received)),
        )
        .order_by(Run.id)
    ).all()
    quoted = [run.id for run in waiting if message is not None and run.id == message.run_id]
    chosen = quoted or [run.id for run in waiting if accepts(run.accept, values)]
    held = rows.runs_with_messages(session, chosen[:1])
    return held[0] if held and held[0].state == RunState.WAITING else None


def early(changes: Changes, runtime: Runtime, run: RunRow) -> None:
    """A `wait_reply` has begun: take a reply that came since the workflow's last message, if one is free.

    It listens from the moment it was stored, so what came between then and now counts too.
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
            Message.status.not_in(("queued", "dropped", "failed")),
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
    """A client may answer before Gupshup has answered us: the reply then waits for the send to be recorded."""
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
    """This reply ends this run; at once, or when its file is ours."""
    reply.run_id = run.id
    if reply.fetch_at is None:
        outcome = outcomes.Outcome(OutcomeKind.REPLIED, values=reply.content["values"])
        outcomes.finish_run(changes, runtime, run, outcome)
