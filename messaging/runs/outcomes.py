"""How a run ends: its answer is written once, together with its end, and sent to Bitrix24 from there.

Whatever ends a run (a status, a reply, a deadline, a refusal, a removed line) ends it here, on the locked row. The row's
state tells whether something else came first, so a run has one outcome even if several things happen at once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, bindparam, select, update
from sqlalchemy.orm import Session

from activities import ACTIONS
from activities.base import UNTIL
from activities.errors import CATALOGUE, TIMEOUT, TIMEOUT_UNSENT, UNKNOWN, Refused
from bx24.i18n import Text
from gupshup.errors import refusal
from messaging.callbacks import telling
from messaging.runs import crm_tasks, statuses
from messaging.runs.log_line import log_line
from messaging.runs.window import window_end
from messaging.runtime import Runtime
from messaging.store import rows
from messaging.store.changes import Changes
from messaging.store.models import Message, Reply, Run
from messaging.store.rows import MessageRow, RunRow
from messaging.store.sql import among
from messaging.store.states import MessageStatus, OutcomeKind, RunState
from messaging.store.types import UTCDateTime

#: An unclear send is answered once it is `unknown_after_s` old. Sends that are older than that by this much have been answered,
#: or end when their wait does. Without this bound each search would read all sends that were ever unclear.
UNCLEAR_FOR = timedelta(days=2)
#: What a run without a message waits for, if time ran out before it was planned.
_AWAITED_UNPLANNED = {"wait_delivery": "delivered"}
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How a run ends. code, text: of an error; values: results that only this ending has, those of a reply for example."""

    kind: str
    code: str = ""
    text: Text | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


def failed(refused: Refused) -> Outcome:
    """The outcome of a run that is refused."""
    return Outcome(OutcomeKind.FAILED, refused.code, refused.text)


def finish(run: RunRow, outcome: Outcome, now: datetime) -> dict[str, Any]:
    """The columns of a run that ends now: state, outcome, the answer to Bitrix24, the line for the workflow log. Pure."""
    error = outcome.text.to(run.language) if outcome.text else ""
    results = {
        "status": outcome.kind,
        "error_code": outcome.code,
        "error_text": error,
        **_send_values(run.message or run.awaited, now),
        **outcome.values,
    }
    return {
        # Every result of the action is answered, with "" if it does not apply: otherwise a condition in a workflow would
        # read the value an earlier robot left.
        "answer": {result: results.get(result, "") for result in ACTIONS[run.action].results},
        "log_line": log_line(run, outcome.kind, error, results),
        "state": RunState.ENDED,
        "outcome": outcome.kind,
        "error_code": outcome.code,
        "ended_at": now,
        "auth": None,
        "answer_at": now if run.waits else None,
    }


def _send_values(message: MessageRow | None, now: datetime) -> dict[str, str]:
    """The results about the run's message, if it has one or waits for one."""
    if message is None:
        return {}
    was_dropped = message.status == MessageStatus.DROPPED
    return {
        "message_id": message.gupshup_id or "",
        "sent_to": "" if was_dropped else message.client.phone,
        "sent_at": iso(message.sent_at),
        "delivered_at": iso(message.delivered_at),
        "read_at": iso(message.read_at),
        "window_until": iso(window_end(message.last_inbound_at, message.connected_at, now)),
    }


def iso(moment: datetime | None) -> str:
    """ISO 8601 with zone and whole seconds; "" for None."""
    return moment.isoformat(timespec="seconds") if moment else ""


def finish_run(changes: Changes, runtime: Runtime, run: RunRow, outcome: Outcome) -> bool:
    """End a locked run; False if it had ended before. Its message, if it has not left, is dropped and will never be sent."""
    if run.state == RunState.ENDED:
        return False
    if run.message is not None and run.message.status in (MessageStatus.HELD, MessageStatus.QUEUED):
        changes.set(run.message, status=MessageStatus.DROPPED)
    changes.set(run, **finish(run, outcome, runtime.clock()))
    telling.run_ended(changes, runtime, run, outcome.text.to(run.language) if outcome.text else "")
    runtime.counters.add("runs_ended", run.line_id or "", outcome.kind, portal=run.portal_id)
    if outcome.code:
        runtime.counters.add("refusals", run.line_id or "", outcome.code, portal=run.portal_id)
    log.info("run ended", trace=run.trace, run=run.id, outcome=outcome.kind, code=outcome.code)
    crm_tasks.run_ended(changes, runtime, run)
    return True


def message_changed(changes: Changes, runtime: Runtime, message: MessageRow) -> None:
    """End the run of a robot's or an activity's message if it waited for the status the message now has.

    The listener of these origins (messaging.stages.status_changes).
    """
    run = message.run
    if run is None:
        return
    if run.state == RunState.ENDED:
        if message.status == MessageStatus.FAILED and run.outcome != OutcomeKind.FAILED:
            runtime.counters.add("refusals", message.line_id, message.error_code, portal=run.portal_id)
    elif message.status == MessageStatus.FAILED:
        finish_run(changes, runtime, run, refused_by_provider(message))
    elif run.until != "replied" and statuses.satisfies(message.status, run.until):
        finish_run(changes, runtime, run, Outcome(message.status))


def refused_by_provider(message: MessageRow) -> Outcome:
    """The outcome of a run whose message has failed."""
    why = refusal(message.error_code, message.error_reason)
    return Outcome(OutcomeKind.FAILED, why.code, Text(why.en, why.ru))


def awaited_so_far(run: RunRow) -> Outcome | None:
    """How a run ends that waits for another run's message; None as long as the message has not come far enough."""
    message = run.awaited
    if message is None:
        return None
    if message.status == MessageStatus.FAILED:
        return refused_by_provider(message)
    return Outcome(message.status) if statuses.satisfies(message.status, run.until) else None


def set_aside(session: Session, run_id: int) -> None:
    """End a run that no known key decrypts: it can neither be carried out nor answered."""
    log.error("a run cannot be read and is set aside", run=run_id)
    session.execute(
        update(Run)
        .where(Run.id == run_id)
        .values(state=RunState.ENDED, outcome=OutcomeKind.FAILED, error_code="internal", answer_at=None)
        .execution_options(synchronize_session=False)
    )


# Statements are made once: building a statement takes longer than running it.
_LATE = (
    select(Run.id)
    .where(
        among(Run.shard, "shards"), Run.state != RunState.ENDED, Run.deadline_at <= bindparam("now", type_=UTCDateTime)
    )
    .limit(bindparam("limit"))
)
_REPLIES = select(Reply).where(among(Reply.run_id, "ids"))
_UNCLEAR = (
    select(Message.run_id)
    .join(Run)
    .where(
        among(Message.shard, "shards"),
        Message.status == MessageStatus.UNKNOWN,
        Message.claimed_at <= bindparam("unclear_since", type_=UTCDateTime),
        Message.claimed_at > bindparam("unclear_until", type_=UTCDateTime),
        Run.state != RunState.ENDED,
    )
    .limit(bindparam("limit"))
)


def end_overdue(session: Session, runtime: Runtime, shards: set[int], limit: int = 200) -> int:
    """End runs whose wait is over, and runs whose send has stayed unclear. Returns how many."""
    now = runtime.clock()
    unclear_since = now - timedelta(seconds=runtime.config.unknown_after_s)
    asked = {
        "shards": list(shards),
        "now": now,
        "unclear_since": unclear_since,
        "unclear_until": unclear_since - UNCLEAR_FOR,
        "limit": limit,
    }
    late = set(session.scalars(_LATE, asked))
    unclear = {run_id for run_id in session.scalars(_UNCLEAR, asked) if run_id is not None} - late
    if not late and not unclear:
        return 0
    changes = Changes(session)
    ended = 0
    runs = rows.runs_with_messages(session, late | unclear)
    replies = {reply.run_id: reply for reply in session.scalars(_REPLIES, {"ids": list(late)})}
    for run in runs:
        is_late = run.id in late
        outcome = _outcome_of_late(run, replies.get(run.id)) if is_late else Outcome(OutcomeKind.UNKNOWN, text=UNKNOWN)
        ended += outcome is not None and finish_run(changes, runtime, run, outcome)
    changes.write()
    return ended


def _outcome_of_late(run: RunRow, reply: Reply | None) -> Outcome | None:
    """How a run ends whose wait is over; None while its message is in flight: it ends in a few seconds.

    reply: the one that has been given to the run.
    """
    message = run.message
    if message is not None and message.status == MessageStatus.SENDING:
        return None  # the result of the send decides, or the death of the process that sends it
    if reply is not None:
        return Outcome(OutcomeKind.REPLIED, values=reply.content["values"])  # its file is still on the way
    if message is not None and message.status == MessageStatus.UNKNOWN:
        return Outcome(OutcomeKind.UNKNOWN, text=UNKNOWN)
    if run.action in ("check_window", "close_chats", "opt_out"):
        return internal(run.trace)
    return awaited_so_far(run) or _timeout(run)


def _timeout(run: RunRow) -> Outcome:
    """The outcome of a run that waited in vain: its message was never sent, or what it waited for did not happen."""
    message = run.message
    if message is None:
        is_unsent = run.action.startswith("send_")
    else:
        is_unsent = message.status in (MessageStatus.HELD, MessageStatus.QUEUED)
    if is_unsent:
        return Outcome(OutcomeKind.TIMEOUT, text=TIMEOUT_UNSENT)
    until = (
        run.until if message is not None or run.awaited is not None else _AWAITED_UNPLANNED.get(run.action, "replied")
    )
    minutes = round((run.deadline_at - run.stored_at).total_seconds() / 60)
    return Outcome(OutcomeKind.TIMEOUT, text=TIMEOUT.format(until=UNTIL[until], minutes=minutes))


def end_all(session: Session, runtime: Runtime, which: ColumnElement[bool], code: str) -> int:
    """End all open runs that meet this condition as failed, with one reason. Returns how many."""
    ids = session.scalars(select(Run.id).where(which, Run.state != RunState.ENDED)).all()
    outcome = Outcome(OutcomeKind.FAILED, code, CATALOGUE[code].format(value=""))
    return end_runs(session, runtime, ids, outcome)


def end_runs(session: Session, runtime: Runtime, ids: Iterable[int], outcome: Outcome) -> int:
    """End those of these runs that are still open, all with the same outcome. Returns how many."""
    changes = Changes(session)
    ended = sum(finish_run(changes, runtime, run, outcome) for run in rows.runs_with_messages(session, ids))
    changes.write()
    return ended


def internal(trace: str) -> Outcome:
    """The outcome of a fault of ours. trace: the number the user may quote."""
    return Outcome(OutcomeKind.FAILED, "internal", CATALOGUE["internal"].format(trace=trace))
