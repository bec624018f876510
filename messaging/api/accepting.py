"""A message of another program: judged as far as nobody need be asked, then stored as a robot's call is.

It becomes a run of the side `api`, which waits for nothing and answers nobody. So everything that holds for a robot's message
holds for it: fields, line, window, template instead, quiet hours, consent, caps, its turn, at most one send.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select

from activities.base import within_limit
from messaging.api import idempotency, judging
from messaging.api.idempotency import Answer, Keyed
from messaging.api.tokens import Caller
from messaging.intake.robot_calls import INSERT, new_trace, wait_minutes
from messaging.limits import bounds
from messaging.limits.quotas import OverQuota
from messaging.queue.group_insert import Snapshot, StaleSnapshot
from messaging.runtime import Runtime
from messaging.store import crypto
from messaging.store.models import Portal, Run, shard_of
from messaging.store.patience import answers_within

#: `Run.side` of these messages.
SIDE = "api"
#: A portal that changes while its call is stored is read again at most this many times.
RECOGNISED_ANEW = 5
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Wanted:
    """A message that is wanted. action: `send_text` …; properties: as a robot's, without what is empty."""

    action: str
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class Accepted:
    """What became of a call: the run's id, and what was answered besides. is_repeated: it was answered before."""

    run_id: int
    answer: Mapping[str, Any]
    is_repeated: bool


def accept(runtime: Runtime, caller: Caller, wanted: Wanted, keyed: Keyed | None) -> Accepted:
    """Store a message, once for its key.

    Raises Refused for what cannot be sent, OverQuota, idempotency.Conflict and Busy, Unavailable.
    """
    if keyed is not None and (before := idempotency.answered_before(runtime, keyed)) is not None:
        return _repeated(before)
    now = runtime.clock()
    draft = judging.judge(runtime, caller.portal_id, SIDE, wanted.action, within_limit(wanted.properties), now)
    if not runtime.call_quota.allows(caller.portal_id):
        raise OverQuota("messages of a portal", bounds.AGAIN_QUOTA_S)
    answer = {
        "status": "queued",
        "line": draft.line_id,
        "phone": draft.phone,
        "type": wanted.action.removeprefix("send_"),
        "created_at": now.isoformat(timespec="milliseconds"),
    }
    with answers_within(bounds.DATABASE_STALLED_S):
        return _stored(runtime, caller, wanted, keyed, answer, now)


def _stored(
    runtime: Runtime, caller: Caller, wanted: Wanted, keyed: Keyed | None, answer: dict[str, Any], now: datetime
) -> Accepted:
    row = _row(caller.portal_id, wanted, now)
    snapshot = caller.snapshot
    for _ in range(RECOGNISED_ANEW):
        claim = idempotency.claim_of(runtime, keyed, 202, answer) if keyed is not None else None
        try:
            run_id = runtime.intake.store(INSERT, row, snapshot, row["shard"], 0.0, claim)
        except StaleSnapshot:
            snapshot = _snapshot(runtime, caller.portal_id)
            continue
        if run_id is not None:
            runtime.counters.add("runs_received", SIDE, wanted.action, portal=caller.portal_id)
            log.info("message of the API stored", trace=row["trace"], run=run_id, action=wanted.action)
            return Accepted(run_id, answer, is_repeated=False)
        # Another call with the key was faster, or a commit whose success nobody had heard of.
        if keyed is None:
            return Accepted(_own(runtime, row), answer, is_repeated=False)
        before = idempotency.answered_before(runtime, keyed)
        if before is not None:
            return _repeated(before)
    raise OverQuota("changes of a portal", bounds.AGAIN_BUSY_S)


def _repeated(before: Answer) -> Accepted:
    assert before.run_id is not None
    return Accepted(before.run_id, before.body, is_repeated=True)


def _row(portal_id: int, wanted: Wanted, now: datetime) -> dict[str, Any]:
    """The columns of the run. Its event token is its own: a key may be used again on the third day."""
    event_token = secrets.token_hex(16)
    return {
        "trace": new_trace(),
        "portal_id": portal_id,
        "shard": shard_of(portal_id),
        "side": SIDE,
        "action": wanted.action,
        "workflow_id": "",
        "event_token": event_token,
        "token_digest": crypto.digest(event_token),
        "document": ["", "", "", ""],
        "item": "",
        "properties": within_limit(wanted.properties),
        "auth": None,
        "error_code": "",
        "waits": False,
        "stored_at": now,
        "plan_at": now,
        "deadline_at": now + timedelta(minutes=wait_minutes(wanted.properties)),
    }


def _snapshot(runtime: Runtime, portal_id: int) -> Snapshot:
    with runtime.db.read() as session:
        row = session.execute(
            select(Portal.id, Portal.status, Portal.token_version).where(Portal.id == portal_id)
        ).one()
    return tuple(row)


def _own(runtime: Runtime, row: Mapping[str, Any]) -> int:
    with runtime.db.read() as session:
        mine = (Run.portal_id == row["portal_id"]) & (Run.token_digest == row["token_digest"])
        return session.scalars(select(Run.id).where(mine)).one()
