"""A robot call is stored before it is answered: Bitrix24 never repeats a call."""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog

from activities.base import DEFAULT_WAIT_MINUTES, MAX_WAIT_MINUTES, Action, within_limit
from bx24 import payloads
from messaging.intake import traffic
from messaging.queue.group_commit import CachedPortal
from messaging.queue.group_insert import InsertSpec
from messaging.runtime import Runtime
from messaging.store import crypto
from messaging.store.models import Portal, Run, shard_of

log = structlog.get_logger(__name__)

INSERT = InsertSpec(
    Run, key=("portal_id", "token_digest"), snapshot=(Portal.id, Portal.status, Portal.token_version), order=1
)
#: Seconds for which a call waits while the database is away. It is long, because Bitrix24 calls once and ignores our answer.
RETRY_FOR_S = 10.0


def store(
    runtime: Runtime,
    portal: Portal | CachedPortal,
    side: str,
    action: Action,
    call: payloads.RunCall,
    *,
    is_refused: bool = False,
) -> bool:
    """Store a run. False if a run with this event token was stored before: the call is a repetition.

    is_refused: the portal is over its quota. The run is stored without its fields; planning ends it as `limit_reached`.
    Raises StaleSnapshot if the portal is no longer as it was recognised, Unavailable if the database stays away.
    """
    now = runtime.clock()
    row: dict[str, Any] = {
        "trace": secrets.token_hex(6),
        "portal_id": portal.id,
        "shard": shard_of(portal.id),
        "side": side,
        "action": action.name,
        "workflow_id": call.workflow_id[:64],
        "event_token": call.event_token,
        "token_digest": crypto.digest(call.event_token),
        "document": [*call.document_type, call.document_id[2]],
        "item": call.document_id[2][:64],
        "properties": {} if is_refused else within_limit(call.properties),
        "auth": None if is_refused else _kept_auth(portal, call.auth),
        "error_code": "limit_reached" if is_refused else "",
        "waits": call.waits,
        "stored_at": now,
        "plan_at": now,
        "deadline_at": now + timedelta(minutes=_wait_minutes(call.properties)),
    }
    snapshot = (portal.id, portal.status, portal.token_version)
    stored = runtime.intake.store(INSERT, row, snapshot, row["shard"], RETRY_FOR_S)
    if stored:
        runtime.counters.add("runs_received", side, action.name, portal=portal.id)
        traffic.saw_call(runtime, portal.id, call)
    log.info("run stored" if stored else "run repeated", trace=row["trace"], run=stored, action=action.name)
    return stored is not None


def _kept_auth(portal: Portal | CachedPortal, auth: payloads.Auth) -> dict[str, Any] | None:
    """The call's own tokens, for a portal whose token is dead: they give it a new one. For any other portal None."""
    if portal.status != "reauth":
        return None
    return {
        "member_id": auth.member_id,
        "access_token": auth.access_token,
        "refresh_token": auth.refresh_token,
        "server_endpoint": auth.server_endpoint,
        "expires_in": auth.expires_in,
    }


def _wait_minutes(properties: Mapping[str, Any]) -> int:
    """How long the robot waits, read before its fields are validated; planning refuses a wrong value."""
    text = next((str(value) for key, value in properties.items() if key.lower() == "wait_minutes"), "")
    return min(max(int(text), 1), MAX_WAIT_MINUTES) if text.isdecimal() and len(text) < 7 else DEFAULT_WAIT_MINUTES
