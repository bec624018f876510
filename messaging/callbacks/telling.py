"""What becomes an event: called where things change, in the transaction of the change.

Where nobody listens, nothing is written, and nothing is asked for messages and replies: the rows that are read anyway say so
(`MessageRow.is_watched`). Statuses of messages are gathered, and written together at the end of a batch.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from gupshup.templates import TemplateInfo
from messaging.callbacks import ids, shapes
from messaging.callbacks.gathered import SENDS, Statuses
from messaging.callbacks.ids import Kind
from messaging.callbacks.listeners import News, listeners, tell, wanted
from messaging.runtime import Runtime
from messaging.store import rows
from messaging.store.callbacks import Event
from messaging.store.campaigns import Campaign
from messaging.store.changes import Changes
from messaging.store.models import Conversation, Line, Message, Reply, Run
from messaging.store.rows import MessageRow, RunRow
from messaging.store.states import MessageStatus, OutcomeKind

#: How a run ends whose message never left.
_UNSENT = frozenset({OutcomeKind.FAILED, OutcomeKind.TIMEOUT})


def message_changed(changes: Changes, runtime: Runtime, row: MessageRow) -> None:
    """A message has another status now."""
    if row.is_watched:
        changes.gathered(Statuses).add(runtime, row)


def run_ended(changes: Changes, runtime: Runtime, run: RunRow, said: str) -> None:
    """A run has ended. If it was to send something that has not left, it never will: that is told as its outcome. said: why."""
    is_unsent = run.message is None or run.message.status == MessageStatus.DROPPED
    if run.is_watched and is_unsent and run.action.startswith(SENDS) and run.outcome in _UNSENT:
        changes.gathered(Statuses).add_unsent(runtime, run, said)


def unclear(session: Session, runtime: Runtime, message_ids: Collection[int]) -> None:
    """Tell that it is not known whether these messages were sent: the process that was sending them died."""
    changes = Changes(session)
    for row in rows.messages_alone(session, message_ids) if message_ids else ():
        message_changed(changes, runtime, row)
    changes.write()


def replied(
    session: Session, runtime: Runtime, portal_id: int, reply: Reply, message: Message | None, run: RunRow | None
) -> None:
    """A client has written or tapped something. message: ours that was quoted or tapped; run: the run that the reply ends.

    A reply with a file is told when the file is there, or will never be (`file_settled`).
    """
    if reply.fetch_at is not None or not wanted(session, portal_id, Event.MESSAGE_RECEIVED):
        return
    ours = None
    if run is not None and run.action.startswith(SENDS):
        ours = ids.encode(runtime, Kind.RUN, portal_id, run.id)
    elif message is not None:
        ours = ids.of_message(runtime, portal_id, message.id, message.run_id)
    _tell_reply(session, runtime, portal_id, reply, ours)


def file_settled(session: Session, runtime: Runtime, portal_id: int, reply: Reply) -> None:
    """The file of a reply is there, or will never be."""
    if not reply.content or not wanted(session, portal_id, Event.MESSAGE_RECEIVED):
        return
    run = session.get(Run, reply.run_id) if reply.run_id is not None else None
    is_answer = run is not None and run.action.startswith(SENDS)
    ours = ids.encode(runtime, Kind.RUN, portal_id, run.id) if run is not None and is_answer else None
    _tell_reply(session, runtime, portal_id, reply, ours)


def _tell_reply(session: Session, runtime: Runtime, portal_id: int, reply: Reply, to_message: str | None) -> None:
    phone = session.get_one(Conversation, reply.conversation_id).phone
    data = shapes.reply(runtime, portal_id, reply, phone, to_message)
    lane = f"r{reply.conversation_id}"
    tell(session, portal_id, runtime.clock(), [News(Event.MESSAGE_RECEIVED, lane, reply.at, data)])


def campaign_changed(session: Session, runtime: Runtime, campaign: Campaign, counts: Mapping[str, Any]) -> None:
    """A campaign has another state, or other counts."""
    now = runtime.clock()
    news = News(Event.CAMPAIGN_STATE, f"c{campaign.id}", now, shapes.campaign(campaign, counts))
    tell(session, campaign.portal_id, now, [news])


def opt_out_changed(
    session: Session,
    runtime: Runtime,
    portal_id: int,
    phone: str,
    line_id: int,
    opted_out: bool,
    source: str,
    at: datetime,
) -> None:
    """A client was put on the list of those who want no messages, or taken off it."""
    if listeners(session, portal_id):
        lane = f"o{runtime.phone_key(phone)[:30]}"
        data = shapes.opt_out(phone, line_id, opted_out, source, at)
        tell(session, portal_id, runtime.clock(), [News(Event.OPTOUT_CHANGED, lane, at, data)])


def template_changed(
    session: Session, line: Line, info: TemplateInfo, change: Mapping[str, Any], at: datetime, now: datetime
) -> None:
    """A template has another status or category, will have one, or was submitted. change: kind, before, after."""
    news = News(Event.TEMPLATE_CHANGED, f"t{line.id} {info.id}"[:40], at, shapes.template(line, info, change))
    tell(session, line.portal_id, now, [news])


def line_changed(session: Session, line: Line, now: datetime) -> None:
    """A line was connected, stopped, paused, goes on, or was removed."""
    tell(session, line.portal_id, now, [News(Event.LINE_STATE, f"l{line.id}", now, shapes.line(line))])
