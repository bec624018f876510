"""One line: what its own page checks (messaging.insight.line_checks), a webhook through our public address, Gupshup's clock."""

import json
import secrets
from dataclasses import replace
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from gupshup import webhooks
from gupshup.transport import Answer, Broken, exchange
from messaging.doctor import clocks
from messaging.doctor.finding import Finding, State
from messaging.insight import line_checks
from messaging.insight.line_checks import Result
from messaging.limits.concurrency import PAGE_TIMEOUT
from messaging.lines import lines
from messaging.runtime import Runtime
from messaging.store.models import InboundEvent, Line
from messaging.store.states import EventState

#: Of messaging.insight.line_checks: state → ours.
_STATES = {
    "done": State.OK,
    "wrong": State.FAILED,
    "blocked": State.UNCHECKED,
    "open": State.UNCHECKED,
    "unknown": State.UNCHECKED,
}
CHECKS = ("key", "number", "webhook", "templates", "balance")
#: What of a result may stand in a bug report.
_PUBLIC = ("status", "approved", "review", "other", "code")
#: Seconds until a webhook that came is applied, and how often we look.
APPLIED_S, LOOK_S = 10, 0.5


def check(runtime: Runtime, line: Line) -> list[Finding]:
    """All checks of one connected line."""
    results = {name: line_checks.ask(runtime, line, name) for name in CHECKS}
    found = [_work(line), *(_of_page(name, result) for name, result in results.items())]
    found += [_round_trip(runtime, line), clocks.finding("gupshup_clock", _ahead_s(runtime))]
    return [replace(finding, portal_id=line.portal_id, line_id=line.id) for finding in found]


def _work(line: Line) -> Finding:
    if line.stopped_at is not None:
        return Finding("line", State.FAILED, "stopped", {"error": line.stop_code}, {"said": line.stop_reason})
    return Finding("line", State.WARNING, "paused") if line.paused_at is not None else Finding("line")


def _of_page(name: str, result: Result) -> Finding:
    facts = {key: value for key, value in result.facts.items() if key in _PUBLIC}
    named = {key: value for key, value in result.facts.items() if key not in _PUBLIC and isinstance(value, str)}
    state = _STATES.get(result.state, State.UNCHECKED)
    return Finding(name, state, "" if state is State.OK else result.code, facts, named)


# --- a webhook of our own -------------------------------------------------------------------------------------------------


def _round_trip(runtime: Runtime, line: Line) -> Finding:
    """A webhook as Gupshup posts them, from here to our public address: does it arrive, whole, and is it applied?"""
    nonce, begun = secrets.token_hex(8), runtime.clock()
    body = {
        "app": line.app_name,
        "timestamp": int(begun.timestamp() * 1000),
        "version": 2,
        "type": "platform-event",
        "payload": {"type": "doctor", "id": nonce},
    }
    text = json.dumps(body)
    try:
        answer = _posted(runtime, lines.webhook_url(runtime, line), text)
    except Broken as broken:
        return Finding("round_trip", State.FAILED, "no_answer", named={"said": str(broken)})
    if answer.status != 200:
        return Finding("round_trip", State.FAILED, "refused", {"status": answer.status})
    if answer.content:
        # Gupshup might send the body to the client as a message.
        return Finding("round_trip", State.FAILED, "not_empty", {"bytes": len(answer.content)})
    return _arrival(runtime, line, webhooks.key(webhooks.parse(text)[0]), begun)


def _posted(runtime: Runtime, url: str, text: str) -> Answer:
    """Post it as JSON. Raises Broken."""
    return exchange(runtime.gs_session, "POST", url, {}, text=text, timeout=PAGE_TIMEOUT)


def _arrival(runtime: Runtime, line: Line, key: str, begun: datetime) -> Finding:
    state: str | None = None
    for _ in range(round(APPLIED_S / LOOK_S)):
        with runtime.db.read() as session:
            state = _state_of(session, line, key)
        if state not in (None, EventState.STORED):
            _forget(runtime, line, key)
            return Finding("round_trip", facts={"seconds": round((runtime.clock() - begun).total_seconds(), 1)})
        runtime.sleep(LOOK_S)
    if state is None:
        return Finding("round_trip", State.FAILED, "not_stored")
    return Finding("round_trip", State.FAILED, "not_applied", {"seconds": APPLIED_S})


def _forget(runtime: Runtime, line: Line, key: str) -> None:
    """What we posted ourselves must not count as heard from Gupshup."""
    with runtime.db.write() as session:
        session.execute(delete(InboundEvent).where(InboundEvent.line_id == line.id, InboundEvent.key == key))


def _state_of(session: Session, line: Line, key: str) -> str | None:
    mine = (InboundEvent.line_id == line.id) & (InboundEvent.key == key)
    return session.scalar(select(InboundEvent.state).where(mine))


def _ahead_s(runtime: Runtime) -> float | None:
    """Whatever Gupshup answers to nobody, it has a date."""
    before = runtime.clock()
    try:
        answer = exchange(runtime.gs_session, "GET", runtime.config.gupshup_url, {}, timeout=PAGE_TIMEOUT)
    except Broken:
        return None
    return clocks.ahead_s(answer.headers.get("Date", ""), before, runtime.clock())
