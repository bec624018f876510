"""The circuit of a line: the one place that knows when a line stops and when it goes on.

    flows ──a refusal that speaks of the line (gupshup.consequences)──► stopped ──probe passed, new key, by hand──► flows
                                                                       │   ▲
                                                             probe_at, trial_at, more and more seldom

Stopped means: nothing is claimed for sending any more (`sendable`), what was queued is ended `failed` with the stop's
code and what to do (`answer_queued`), what is planned meanwhile as well (`refuse`, `let_trial_through`). What is in flight
comes back as it comes back.

A key is asked for (messaging.stages.probing). Where nothing can be asked, one run is let through as a trial: if its message is
accepted and not refused within TRIAL, or gets as far as `sent`, the line goes on; if it is refused for such a reason
again, the next trial is later; anything else (a wrong number, an unclear send) decides nothing, and the next message is
the trial.

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
from messaging.limits.pace import LATE_PAUSE_S
from messaging.runs import outcomes
from messaging.runs.statuses import RANK
from messaging.runtime import Runtime
from messaging.store.changes import Changes
from messaging.store.models import SHARDS, Line, Message, Run
from messaging.store.rows import MessageRow, RunRow
from messaging.store.states import LineStatus, MessageStatus
from messaging.system import logs

#: In peace for so long after it was accepted, the trial has passed. A `failed` takes seconds, seldom a minute.
TRIAL = timedelta(seconds=60)
#: Stopped again so soon after it went on by itself: the pauses go on growing instead of beginning anew.
RELAPSE = timedelta(hours=1)
#: Runs ended in one transaction: so long SQLite's other writers wait.
GROUP = 200
log = structlog.get_logger(__name__)


# --- it stops ----------------------------------------------------------------------------------------------------------


def _failed(session: Session, runtime: Runtime, message: MessageRow, misconfigured: bool) -> None:
    """A message was refused, at once or by an event: draw the consequences for its line and its client."""
    code, now = message.error_code, runtime.clock()
    of_message = session.get_one(Line, message.line_id)
    if consequences.slows_line(code):
        runtime.paces.too_fast(of_message, now, LATE_PAUSE_S, message.claimed_at)
    if consequences.slows_client(code):
        runtime.paces.too_many(message.conversation_id, now, message.claimed_at)
    stop = consequences.stop_of(code, message.error_reason, misconfigured)
    if stop is None and not _is_trial(session, message):
        return
    line = _locked(session, message.line_id)
    is_trial = line.trial_run_id is not None and line.trial_run_id == message.run_id
    if stop is not None:
        _trip(session, line, stop, message.claimed_at or now, now, is_trial)
    elif is_trial:
        _undecided(line, now)


def list_refused(runtime: Runtime, line_id: int, error: GupshupError, asked_at: datetime) -> None:
    """The line's templates were asked for and refused: a 401 there is one of the key, anything else is not of the line.

    Without this a line whose robots all send templates would never be stopped: none of them would get as far as a send.
    """
    stop = consequences.stop_of(error.code, error.reason) if error.code == "gupshup_401" else None
    if stop is not None:
        with runtime.db.write() as session:
            _trip(session, _locked(session, line_id), stop, asked_at, runtime.clock())


def on_status(changes: Changes, runtime: Runtime, message: MessageRow, misconfigured: bool = False) -> None:
    """A message's status has risen: what does that say about its line?

    misconfigured: the send itself was answered 401, 403 or "no such app".
    """
    session = changes.session
    if message.status == MessageStatus.FAILED:
        _failed(session, runtime, message, misconfigured)
    elif RANK.get(message.status, 0) >= RANK[MessageStatus.SENT] and _is_trial(session, message):
        resume(session, runtime, _locked(session, message.line_id), "trial passed")


def _is_trial(session: Session, message: MessageRow) -> bool:
    """Whether this message is the one that tries a stopped line. The line is read once in a transaction."""
    trial = session.get_one(Line, message.line_id).trial_run_id
    return trial is not None and trial == message.run_id


def _trip(session: Session, line: Line, stop: Stop, left_at: datetime, now: datetime, is_trial: bool = False) -> None:
    if line.status != LineStatus.CONNECTED or (line.stopped_at is not None and not is_trial):
        return  # known: what was in flight when it stopped comes back refused as well
    if line.resumed_at is not None and left_at < line.resumed_at:
        return  # it left before the line went on, with the former key or the empty wallet
    news = line.stopped_at is None or line.stop_code != stop.refusal.code
    if line.stopped_at is None:
        line.stopped_at = now
        relapse = line.resumed_at is not None and now - line.resumed_at < RELAPSE
        line.probe_tries = line.probe_tries if relapse else 0
        # Those that wait for a second try are answered now, too.
        session.execute(
            update(Message)
            .where(Message.line_id == line.id, Message.status == "queued", Message.send_at > now)
            .values(send_at=now)
            .execution_options(synchronize_session=False)
        )
    else:
        line.probe_tries += 1
    line.stop_code, line.stop_reason = stop.refusal.code, logs.scrub(stop.refusal.reason)[:300]
    line.trial_run_id = None
    _probe_later(line, stop, now)
    if news:
        tell(line, "stopped", now)
    log.error("line stopped", line=line.id, code=line.stop_code, reason=line.stop_reason, tries=line.probe_tries)


def _probe_later(line: Line, stop: Stop, now: datetime) -> None:
    later = now + timedelta(seconds=stop.pause_s(line.probe_tries))
    line.probe_at, line.trial_at = (later, None) if stop.probe is Probe.ASK else (None, later)


def answer_queued(session: Session, runtime: Runtime, shards: Iterable[int]) -> int:
    """End the runs whose messages are queued on a stopped line, a group at a time. Returns how many."""
    held = (Line.portal_id % SHARDS).in_(list(shards))
    stopped = session.scalars(select(Line).where(Line.stopped_at.is_not(None), held)).all()
    ended = 0
    for line in stopped:
        queued = session.scalars(
            select(Run.id)
            .join(Message, Message.run_id == Run.id)
            .where(Message.line_id == line.id, Message.status == "queued", Run.state != "ended", ~sendable(line))
            .order_by(Run.id)
            .limit(GROUP - ended)
        ).all()
        ended += outcomes.end_runs(session, runtime, queued, outcomes.failed(refusal_of(line)))
        if ended >= GROUP:
            break
    return ended


# --- while it is stopped -------------------------------------------------------------------------------------------------


def sendable(line: Line) -> ColumnElement[bool]:
    """Which of a line's messages may be claimed for sending: all; of a stopped line its trial alone."""
    if line.stopped_at is None:
        return true()
    return Message.run_id == line.trial_run_id if line.trial_run_id is not None else false()


def refuse(line: Line, action: Action, now: datetime) -> None:
    """Refuse a send on a stopped line before anything is looked up or fetched for it. Raises Refused."""
    if isinstance(action, SendAction) and line.stopped_at is not None and not _may_try(line, now):
        raise refusal_of(line)


def let_trial_through(line: Line, run: RunRow, now: datetime) -> Refused | None:
    """The same once more when the plan is recorded, on the locked row. The first run after the pause becomes the trial."""
    if line.stopped_at is None:
        return None
    if not _may_try(line, now):
        return refusal_of(line)
    line.trial_run_id, line.probe_at = run.id, now + TRIAL
    log.info("line is tried with one message", line=line.id, run=run.id, trace=run.trace)
    return None


def _may_try(line: Line, now: datetime) -> bool:
    """Whether the next run may be the trial.

    Not while the line is paused as well: the trial would wait for the end of the pause, and every other run would end
    with the stop's code meanwhile. Runs that come now end with it too; the first one after the pause is the trial.
    """
    if line.paused_at is not None:
        return False
    return line.trial_run_id is None and line.trial_at is not None and line.trial_at <= now


def refusal_of(line: Line) -> Refused:
    """What a run on this stopped line is answered."""
    return Refused(line.stop_code, LINE_STOPPED.format(line=line.name or line.app_name, why=why(line)))


def why(line: Line) -> Text:
    """Cause and remedy of a stop."""
    return Text(*consequences.why(refusal(line.stop_code, line.stop_reason)))


# --- it goes on -----------------------------------------------------------------------------------------------------------


def due(now: datetime | BindParameter[Any]) -> ColumnElement[bool]:
    """Lines at which something is to be done now: asked, looked at, or told about."""
    return or_(Line.probe_at <= now, Line.news_at <= now)


def is_asked(line: Line) -> bool:
    """Whether the probe that is due is a question to Gupshup, not a look at the trial."""
    return line.trial_at is None


def asked(session: Session, runtime: Runtime, line_id: int, since: datetime, passed: bool) -> None:
    """Gupshup was asked about the line as it was stopped `since`."""
    line = _locked(session, line_id)
    if line.stopped_at is None or line.stopped_at != since or not is_asked(line):
        return  # went on by hand, or is stopped for another reason meanwhile
    if passed:
        resume(session, runtime, line, "Gupshup accepts the key")
        return
    line.probe_tries += 1
    stop = consequences.stop_of(line.stop_code, line.stop_reason, misconfigured=True)
    if stop is not None:
        _probe_later(line, stop, runtime.clock())


def decide_trial(session: Session, runtime: Runtime, line: Line) -> None:
    """Look at the trial whose time has come. What was refused has been heard of already."""
    now = runtime.clock()
    run = session.get(Run, line.trial_run_id) if line.trial_run_id is not None else None
    message = run.message if run is not None else None
    if message is None or message.status not in ("queued", "sending", "accepted", "sent", "delivered", "read"):
        _undecided(line, now)
    elif message.status in ("queued", "sending"):
        line.probe_at = now + TRIAL
    elif message.status == "accepted" and message.accepted_at and message.accepted_at + TRIAL > now:
        line.probe_at = message.accepted_at + TRIAL
    else:
        resume(session, runtime, line, "trial passed")


def _undecided(line: Line, now: datetime) -> None:
    line.trial_run_id, line.probe_at, line.trial_at = None, None, now


def resume(session: Session, runtime: Runtime, line: Line, reason: str, by_hand: bool = False) -> bool:
    """The line goes on, and its administrator is told; False if it was not stopped."""
    if line.stopped_at is None:
        return False
    tries = 0 if by_hand else line.probe_tries + 1
    untold = line.news == "stopped" and line.news_at is not None
    log.warning("line goes on", line=line.id, code=line.stop_code, reason=reason)
    forget(line, runtime.clock())
    line.probe_tries = tries
    if not untold:
        tell(line, "resumed", runtime.clock())
    session.flush()
    return True


def forget(line: Line, now: datetime) -> None:
    """As if it had never been stopped: it goes on, or it was removed. What left before `now` stops nothing any more."""
    line.stopped_at, line.stop_code, line.stop_reason = None, "", ""
    line.probe_at = line.trial_at = line.trial_run_id = None
    line.probe_tries, line.resumed_at = 0, now
    line.news, line.news_at, line.news_tries, line.news_error = "", None, 0, ""


def tell(line: Line, news: str, now: datetime) -> None:
    """The administrator is to hear that the line is `stopped` or `resumed`."""
    line.news, line.news_at, line.news_tries, line.news_error = news, now, 0, ""


def _locked(session: Session, line_id: int) -> Line:
    session.flush()
    return session.get_one(Line, line_id, with_for_update=True, populate_existing=True)


def shown(line: Line) -> dict[str, Any]:
    """A stop as listings show it; all empty while the line works."""
    stopped = line.stopped_at is not None
    return {
        "stopped": outcomes.iso(line.stopped_at),
        "why": f"{line.stop_code} {why(line).en}" if stopped else "",
        "next_probe": outcomes.iso(line.probe_at or line.trial_at) if stopped else "",
        "told": line.news_error or ("" if line.news_at is None else "not yet"),
    }
