"""The circuit breaker of a line: the one place that decides when a line stops and when it resumes.

    sending ──a refusal about the line (gupshup.consequences)──► stopped ──probe passed, new key, or by hand──► sending
                                                                  │   ▲
                                                  probe_at, trial_at: with growing pauses

While a line is stopped, nothing is claimed for sending (`sendable`). Runs whose messages are queued end `failed` with the
stop's code and what to do (`answer_queued`), and so do runs that are planned meanwhile (`refuse`, `let_trial_through`).
Messages in flight are recorded as usual.

Where Gupshup can be asked whether it accepts the key, it is asked (messaging.stages.probing). Where nothing can be asked,
one run is let through as a trial. The line resumes if the trial's message is accepted and does not fail within TRIAL, or
if it gets as far as `sent`. If it is refused for such a reason again, the next trial comes later. Any other result (a
wrong number, an unclear send) decides nothing, and the next message becomes the trial.

All of it is in the database, so a crash in the middle changes nothing: what is queued on a stopped line is never sent,
only answered.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import BindParameter, ColumnElement, false, or_, select, true, update
from sqlalchemy.orm import Session

from activities.base import Action, SendAction
from activities.errors import LINE_STOPPED, Refused
from bx24.i18n import Text
from gupshup import consequences
from gupshup.consequences import Probe, Stop
from gupshup.errors import GupshupError
from gupshup.refusals import refusal
from messaging.callbacks import telling
from messaging.limits.pace import LATE_PAUSE_S
from messaging.runs import outcomes
from messaging.runs.statuses import RANK
from messaging.runtime import Runtime
from messaging.store.changes import Changes
from messaging.store.models import SHARDS, Line, Message, Run
from messaging.store.rows import MessageRow, RunRow
from messaging.store.states import LineStatus, MessageStatus, RunState
from messaging.system import logs

#: The trial succeeds if no failure arrives within this time after acceptance. Failures take seconds, seldom a minute.
TRIAL = timedelta(seconds=60)
#: If a line stops again within this time after it resumed by itself, its pauses grow on instead of starting anew.
RELAPSE = timedelta(hours=1)
#: Runs ended in one transaction. SQLite's other writers wait until it is over.
GROUP = 200
#: Statuses of a trial that has not failed.
_UNDER_WAY = frozenset(RANK) - {MessageStatus.HELD, MessageStatus.UNKNOWN}
log = structlog.get_logger(__name__)


# --- a line stops ----------------------------------------------------------------------------------------------------------


def _failed(session: Session, runtime: Runtime, message: MessageRow, misconfigured: bool) -> None:
    """A message was refused, in Gupshup's answer or by a later event: its line may stop or slow down, its client wait."""
    now = runtime.clock()
    _slow_down(session, runtime, message, now)
    stop = consequences.stop_of(message.error_code, message.error_reason, misconfigured)
    if stop is None and not _is_trial(session, message):
        return
    line = _locked(session, message.line_id)
    is_trial = line.trial_run_id is not None and line.trial_run_id == message.run_id
    if stop is not None:
        _trip(session, line, stop, message.claimed_at or now, now, is_trial)
    elif is_trial:
        _allow_trial(line, now)


def _slow_down(session: Session, runtime: Runtime, message: MessageRow, now: datetime) -> None:
    """Lower the pace of the line or of the client if the refusal says that messages came too fast."""
    if consequences.slows_line(message.error_code):
        line = session.get_one(Line, message.line_id)
        runtime.paces.too_fast(line, now, LATE_PAUSE_S, message.claimed_at)
    if consequences.slows_client(message.error_code):
        runtime.paces.too_many(message.conversation_id, now, message.claimed_at)


def list_refused(runtime: Runtime, line_id: int, error: GupshupError, asked_at: datetime) -> None:
    """Gupshup refused to list the line's templates. A 401 means that the key is bad; other errors do not stop the line.

    Without this a line whose robots all send templates would never stop, because none of them gets as far as a send.
    """
    stop = consequences.stop_of(error.code, error.reason) if error.code == "gupshup_401" else None
    if stop is not None:
        with runtime.db.write() as session:
            _trip(session, _locked(session, line_id), stop, asked_at, runtime.clock())


def on_status(changes: Changes, runtime: Runtime, message: MessageRow, misconfigured: bool = False) -> None:
    """Stop, slow down or resume the line of a message whose status has risen.

    misconfigured: Gupshup answered the send with 401, 403 or "no such app".
    """
    session = changes.session
    if message.status == MessageStatus.FAILED:
        _failed(session, runtime, message, misconfigured)
    elif RANK.get(message.status, 0) >= RANK[MessageStatus.SENT] and _is_trial(session, message):
        resume(session, runtime, _locked(session, message.line_id), "trial passed")


def _is_trial(session: Session, message: MessageRow) -> bool:
    """Whether this message is the trial of a stopped line. The session reads each line once in a transaction."""
    trial = session.get_one(Line, message.line_id).trial_run_id
    return trial is not None and trial == message.run_id


def _trip(session: Session, line: Line, stop: Stop, left_at: datetime, now: datetime, is_trial: bool = False) -> None:
    if line.status != LineStatus.CONNECTED or (line.stopped_at is not None and not is_trial):
        return  # stopped already: messages that were in flight at that moment come back refused as well
    if line.resumed_at is not None and left_at < line.resumed_at:
        return  # the message left before the line resumed, with the former key or the empty wallet
    is_new = line.stopped_at is None or line.stop_code != stop.refusal.code
    if line.stopped_at is None:
        _begin_stop(session, line, now)
    else:
        line.probe_tries += 1
    line.stop_code, line.stop_reason = stop.refusal.code, logs.scrub(stop.refusal.reason)[:300]
    line.trial_run_id = None
    _probe_later(line, stop, now)
    if is_new:
        schedule_notice(line, "stopped", now)
        telling.line_changed(session, line, now)
    log.error("line stopped", line=line.id, code=line.stop_code, reason=line.stop_reason, tries=line.probe_tries)


def _begin_stop(session: Session, line: Line, now: datetime) -> None:
    line.stopped_at = now
    relapse = line.resumed_at is not None and now - line.resumed_at < RELAPSE
    line.probe_tries = line.probe_tries if relapse else 0
    # Messages that wait for a second try are answered now, too.
    session.execute(
        update(Message)
        .where(Message.line_id == line.id, Message.status == MessageStatus.QUEUED, Message.send_at > now)
        .values(send_at=now)
        .execution_options(synchronize_session=False)
    )


def _probe_later(line: Line, stop: Stop, now: datetime) -> None:
    later = now + timedelta(seconds=stop.pause_s(line.probe_tries))
    line.probe_at, line.trial_at = (later, None) if stop.probe is Probe.ASK else (None, later)


def answer_queued(session: Session, runtime: Runtime, shards: Iterable[int]) -> int:
    """End the runs whose messages are queued on stopped lines of these shards, at most GROUP. Returns how many."""
    held = (Line.portal_id % SHARDS).in_(list(shards))
    stopped = session.scalars(select(Line).where(Line.stopped_at.is_not(None), held)).all()
    ended = 0
    for line in stopped:
        queued = session.scalars(
            select(Run.id)
            .join(Message, Message.run_id == Run.id)
            .where(
                Message.line_id == line.id,
                Message.status == MessageStatus.QUEUED,
                Run.state != RunState.ENDED,
                ~sendable(line),
            )
            .order_by(Run.id)
            .limit(GROUP - ended)
        ).all()
        ended += outcomes.end_runs(session, runtime, queued, outcomes.failed(refusal_of(line)))
        if ended >= GROUP:
            break
    return ended


# --- while it is stopped -------------------------------------------------------------------------------------------------


def sendable(line: Line) -> ColumnElement[bool]:
    """The condition for a line's messages that may be claimed: all of them, on a stopped line only its trial."""
    if line.stopped_at is None:
        return true()
    return Message.run_id == line.trial_run_id if line.trial_run_id is not None else false()


def refuse(line: Line, action: Action, now: datetime) -> None:
    """Refuse to send on a stopped line, before anything is looked up or fetched for the message. Raises Refused."""
    if isinstance(action, SendAction) and line.stopped_at is not None and not _may_try(line, now):
        raise refusal_of(line)


def let_trial_through(line: Line, run: RunRow, now: datetime) -> Refused | None:
    """Decide again while the plan is recorded, on the locked line: why this run is refused, or None.

    On a stopped line the first run after the pause becomes the trial.
    """
    if line.stopped_at is None:
        return None
    if not _may_try(line, now):
        return refusal_of(line)
    line.trial_run_id, line.probe_at = run.id, now + TRIAL
    log.info("line is tried with one message", line=line.id, run=run.id, trace=run.trace)
    return None


def _may_try(line: Line, now: datetime) -> bool:
    """Whether the next run may become the trial.

    Not while the line is also paused by hand: the trial would wait for the end of that pause, and until then every other
    run would end with the stop's code. So runs that come now end with it as well, and the first run after the pause is
    the trial.
    """
    if line.paused_at is not None:
        return False
    return line.trial_run_id is None and line.trial_at is not None and line.trial_at <= now


def refusal_of(line: Line) -> Refused:
    """The refusal that runs on this stopped line end with."""
    return Refused(line.stop_code, LINE_STOPPED.format(line=line.name or line.app_name, why=why(line)))


def why(line: Line) -> Text:
    """Cause and remedy of a stop."""
    return Text(*consequences.why(refusal(line.stop_code, line.stop_reason)))


# --- it resumes ------------------------------------------------------------------------------------------------------------


def due(now: datetime | BindParameter[Any]) -> ColumnElement[bool]:
    """The condition for lines that need something now: a question to Gupshup, a look at the trial, or a notice."""
    return or_(Line.probe_at <= now, Line.news_at <= now)


def is_asked(line: Line) -> bool:
    """Whether Gupshup can be asked if this stopped line works again; otherwise only a trial can tell."""
    return line.trial_at is None


def record_probe(session: Session, runtime: Runtime, line_id: int, since: datetime, passed: bool) -> None:
    """Record what Gupshup said when it was asked about a line. since: the `stopped_at` of the stop it was asked about."""
    line = _locked(session, line_id)
    if line.stopped_at is None or line.stopped_at != since or not is_asked(line):
        return  # meanwhile the line was resumed by hand, or stopped for another reason
    if passed:
        resume(session, runtime, line, "Gupshup accepts the key")
        return
    line.probe_tries += 1
    stop = consequences.stop_of(line.stop_code, line.stop_reason, misconfigured=True)
    if stop is not None:
        _probe_later(line, stop, runtime.clock())


def decide_trial(session: Session, runtime: Runtime, line: Line) -> None:
    """Decide what the trial says, some time after it was sent. If it was refused, `on_status` has decided already."""
    now = runtime.clock()
    run = session.get(Run, line.trial_run_id) if line.trial_run_id is not None else None
    message = run.message if run is not None else None
    if message is None or message.status not in _UNDER_WAY:
        _allow_trial(line, now)
    elif message.status in (MessageStatus.QUEUED, MessageStatus.SENDING):
        line.probe_at = now + TRIAL
    elif message.status == MessageStatus.ACCEPTED and message.accepted_at and message.accepted_at + TRIAL > now:
        line.probe_at = message.accepted_at + TRIAL
    else:
        resume(session, runtime, line, "trial passed")


def not_tried(session: Session, runtime: Runtime, message: MessageRow) -> None:
    """A queued message does not leave after all: if it was to try its line, another may."""
    if _is_trial(session, message):
        _allow_trial(_locked(session, message.line_id), runtime.clock())


def _allow_trial(line: Line, now: datetime) -> None:
    """The last trial decided nothing: the next run may be one."""
    line.trial_run_id, line.probe_at, line.trial_at = None, None, now


def resume(session: Session, runtime: Runtime, line: Line, reason: str, by_hand: bool = False) -> bool:
    """Let a stopped line send again and tell its administrator; False if it was not stopped."""
    if line.stopped_at is None:
        return False
    tries = 0 if by_hand else line.probe_tries + 1
    untold = line.news == "stopped" and line.news_at is not None
    log.warning("line goes on", line=line.id, code=line.stop_code, reason=reason)
    clear_stop(line, runtime.clock())
    line.probe_tries = tries
    if not untold:
        schedule_notice(line, "resumed", runtime.clock())
    session.flush()
    telling.line_changed(session, line, runtime.clock())
    return True


def clear_stop(line: Line, now: datetime) -> None:
    """Reset everything about a stop: the line resumes, or it was removed. Messages sent before `now` cannot stop it again."""
    line.stopped_at, line.stop_code, line.stop_reason = None, "", ""
    line.probe_at = line.trial_at = line.trial_run_id = None
    line.probe_tries, line.resumed_at = 0, now
    line.news, line.news_at, line.news_tries, line.news_error = "", None, 0, ""


def schedule_notice(line: Line, notice: str, now: datetime) -> None:
    """Have the administrator told that the line is `stopped` or `resumed`. Replaces a notice that is still to be sent."""
    line.news, line.news_at, line.news_tries, line.news_error = notice, now, 0, ""


def _locked(session: Session, line_id: int) -> Line:
    session.flush()
    return session.get_one(Line, line_id, with_for_update=True, populate_existing=True)


def shown(line: Line) -> dict[str, Any]:
    """The fields about a stop for `lines list`; all empty while the line works."""
    stopped = line.stopped_at is not None
    return {
        "stopped": outcomes.iso(line.stopped_at),
        "why": f"{line.stop_code} {why(line).en}" if stopped else "",
        "next_probe": outcomes.iso(line.probe_at or line.trial_at) if stopped else "",
        "told": line.news_error or ("" if line.news_at is None else "not yet"),
    }
