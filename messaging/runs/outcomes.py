"""How a run ends: its answer is written once, together with the end, and handed to Bitrix24 from there.

Whoever ends a run (a status, a reply, a deadline, a refusal, a removed line) does it here, holding its row: the row's own
state decides who was first, so a run has one outcome, whatever races.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, bindparam, select, update
from sqlalchemy.orm import Session

from activities import ACTIONS
from activities.base import UNTIL
from activities.errors import CATALOGUE, TIMEOUT, TIMEOUT_UNSENT, UNKNOWN
from bx24.i18n import Text
from gupshup.errors import refusal
from messaging.runs import statuses
from messaging.runtime import Runtime
from messaging.store import rows
from messaging.store.crypto import Undecryptable
from messaging.store.models import Message, Reply, Run
from messaging.store.rows import MessageRow, SomeMessage, SomeRun
from messaging.store.sql import among
from messaging.store.types import Moment

#: An unclear send is answered as soon as it is old enough, so those older still are answered already, or end with their wait.
#: Without this bound each look would go through all that ever were unclear.
UNCLEAR_FOR = timedelta(days=2)
log = structlog.get_logger(__name__)

_WINDOW = {
    "Y": Text("the 24-hour window is open, {minutes} min left", "окно 24 часа открыто, осталось {minutes} мин."),
    "N": Text("the 24-hour window is closed", "окно 24 часа закрыто"),
}
_HEADLINE = {
    "accepted": Text("WhatsApp accepted the message", "WhatsApp принял сообщение"),
    "sent": Text("the message was sent", "сообщение отправлено"),
    "delivered": Text("the message was delivered", "сообщение доставлено"),
    "read": Text("the message was read", "сообщение прочитано"),
    "replied": Text("the client replied", "клиент ответил"),
}


def end(
    session: Session,
    runtime: Runtime,
    run: SomeRun,
    outcome: str,
    code: str = "",
    text: Text | None = None,
    values: Mapping[str, Any] | None = None,
) -> bool:
    """End a run once; False if it had ended. A message that has not been handed over by now never will be."""
    rows.hold(session, run)
    if run.state == "ended":
        return False
    now = runtime.clock()
    message = run.message
    if message is not None and message.status == "queued":
        _drop(session, message)
    language = rows.know_portals(session, {run.portal_id})[run.portal_id].language
    words = text.to(language) if text else ""
    known = {"status": outcome, "error_code": code, "error_text": words, **_send_values(message), **(values or {})}
    # Every result of the action is answered, empty if it does not apply: a condition in a workflow must not meet
    # the value of an earlier robot.
    run.answer = {result: known.get(result, "") for result in ACTIONS[run.action].results}
    run.log_line = _log_line(run, outcome, words, known, language)
    run.state, run.outcome, run.error_code, run.ended_at = "ended", outcome, code, now
    run.auth = None
    run.answer_at = now if run.waits else None
    runtime.counters.add("runs_ended", run.line_id or "", outcome, portal=run.portal_id)
    if code:
        runtime.counters.add("refusals", run.line_id or "", code, portal=run.portal_id)
    log.info("run ended", trace=run.trace, run=run.id, outcome=outcome, code=code)
    return True


def _drop(session: Session, message: SomeMessage) -> None:
    """Nothing may be sent any more, unless a drain has claimed it a moment ago."""
    if isinstance(message, MessageRow):
        message.status = "dropped"  # held, so nobody has
        return
    session.execute(
        update(Message)
        .where(Message.id == message.id, Message.status == "queued")
        .values(status="dropped")
        .execution_options(synchronize_session=False)
    )
    session.refresh(message, ["status"])


def _send_values(message: SomeMessage | None) -> dict[str, str]:
    if message is None:
        return {}
    handed = message.status != "dropped"
    return {
        "message_id": message.gupshup_id or "",
        "sent_to": message.conversation.phone if handed else "",
        "sent_at": iso(message.sent_at),
        "delivered_at": iso(message.delivered_at),
        "read_at": iso(message.read_at),
    }


def iso(moment: datetime | None) -> str:
    """ISO 8601 with zone, or empty."""
    return moment.isoformat(timespec="seconds") if moment else ""


def _log_line(run: SomeRun, outcome: str, words: str, known: Mapping[str, Any], language: str) -> str:
    to = f" → +{run.message.conversation.phone}" if run.message else ""
    # The error's text says all of it; a headline before it would say it twice.
    line = f"WhatsApp{to}: {words or headline(outcome, known).to(language)}"
    if known.get("reply_text"):
        line += f": «{known['reply_text'][:200]}»"
    return f"{line}. {run.note}" if run.note else line


def headline(outcome: str, known: Mapping[str, Any]) -> Text:
    """What happened, in three words, for the workflow log."""
    if "window_open" in known:
        return _WINDOW[str(known["window_open"])].format(minutes=known.get("minutes_left", 0))
    return _HEADLINE[outcome]


def by_status(session: Session, runtime: Runtime, message: SomeMessage) -> None:
    """The message's status has risen: end its run if that is what it waits for, or if the message failed."""
    run = message.run
    if run.state == "ended":
        if message.status == "failed" and run.outcome != "failed":
            runtime.counters.add("refusals", message.line_id, message.error_code, portal=run.portal_id)
        return
    if message.status == "failed":
        why = refusal(message.error_code, message.error_reason)
        end(session, runtime, run, "failed", why.code, Text(why.en, why.ru))
    elif run.until != "replied" and statuses.satisfies(message.status, run.until):
        end(session, runtime, run, message.status)


def readable(session: Session, query: Any, asked: Mapping[str, Any] | None = None) -> list[Run]:
    """The runs of a query; one that no known key opens is set aside, so that it stops nobody else's.

    It cannot be answered either: its event token is sealed with the same key.
    """
    try:
        return list(session.scalars(query, asked))
    except Undecryptable:
        pass
    found = []
    for run_id in session.scalars(query.with_only_columns(Run.id), asked).all():
        try:
            found.append(session.get_one(Run, run_id, populate_existing=True))
        except Undecryptable:
            set_aside(session, run_id)
    return found


def set_aside(session: Session, run_id: int) -> None:
    """This run cannot be opened, and so neither be carried out nor answered."""
    log.error("a run cannot be read and is set aside", run=run_id)
    session.execute(
        update(Run)
        .where(Run.id == run_id)
        .values(state="ended", outcome="failed", error_code="internal", answer_at=None)
        .execution_options(synchronize_session=False)
    )


# Made once: building a statement costs more than running it.
_LATE = (
    select(Run)
    .where(among(Run.shard, "shards"), Run.state != "ended", Run.deadline_at <= bindparam("now", type_=Moment))
    .limit(bindparam("limit"))
)
_UNCLEAR = (
    select(Message)
    .join(Run)
    .where(
        among(Message.shard, "shards"),
        Message.status == "unknown",
        Message.claimed_at <= bindparam("unclear_since", type_=Moment),
        Message.claimed_at > bindparam("unclear_until", type_=Moment),
        Run.state != "ended",
    )
    .limit(bindparam("limit"))
)


def overdue(session: Session, runtime: Runtime, shards: set[int], limit: int = 200) -> int:
    """End the waits that are over, and the unclear sends that stayed unclear. Returns how many."""
    now = runtime.clock()
    unclear_since = now - timedelta(seconds=runtime.config.unknown_after_s)
    asked = {
        "shards": list(shards),
        "now": now,
        "unclear_since": unclear_since,
        "unclear_until": unclear_since - UNCLEAR_FOR,
        "limit": limit,
    }
    late = readable(session, _LATE, asked)
    unclear = session.scalars(_UNCLEAR, asked).all()
    ended = sum(_end_late(session, runtime, run) for run in late)
    return ended + sum(end(session, runtime, message.run, "unknown", text=UNKNOWN) for message in unclear)


def _end_late(session: Session, runtime: Runtime, run: Run) -> bool:
    message = run.message
    if message is not None and message.status == "sending":
        return False  # in flight this very moment: its result, or its owner's death, decides in a few seconds
    reply = session.scalar(select(Reply).where(Reply.run_id == run.id))
    if reply is not None:
        return end(session, runtime, run, "replied", values=reply.content["values"])  # its file is still on the way
    if message is not None and message.status == "unknown":
        return end(session, runtime, run, "unknown", text=UNKNOWN)
    if run.action == "check_window":
        code, text = internal(run)
        return end(session, runtime, run, "failed", code, text)
    if (message is None and run.action.startswith("send_")) or (message is not None and message.status == "queued"):
        return end(session, runtime, run, "timeout", text=TIMEOUT_UNSENT)
    until = run.until if message is not None else "replied"
    minutes = round((run.deadline_at - run.stored_at).total_seconds() / 60)
    return end(session, runtime, run, "timeout", text=TIMEOUT.format(until=UNTIL[until], minutes=minutes))


def end_all(session: Session, runtime: Runtime, which: ColumnElement[bool], code: str) -> int:
    """End all open runs of a line or portal as failed, with one reason."""
    locked = select(Run).where(which, Run.state != "ended").order_by(Run.id).with_for_update()
    open_runs = session.scalars(locked).all()
    rows.hold_all(session, open_runs)
    return sum(end(session, runtime, run, "failed", code, CATALOGUE[code].format(value="")) for run in open_runs)


def internal(run: SomeRun) -> tuple[str, Text]:
    """Code and text for a fault of ours."""
    return "internal", CATALOGUE["internal"].format(trace=run.trace)


def properties_of(run: SomeRun) -> dict[str, Any]:
    """What the robot brought; {} if it was wiped."""
    return dict(run.properties or {})
