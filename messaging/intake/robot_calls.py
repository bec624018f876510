"""A robot call becomes a run; it is kept before it is answered (messaging.intake.keeping)."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from activities.base import DEFAULT_WAIT_MINUTES, MAX_WAIT_MINUTES, Action, within_limit
from bx24 import payloads
from messaging.intake import keeping, traffic
from messaging.intake.keeping import Posted, Taken
from messaging.queue.group_commit import CachedPortal, Insert
from messaging.queue.group_insert import InsertSpec
from messaging.runtime import Runtime
from messaging.store import crypto
from messaging.store.models import Portal, Run, shard_of
from robots import lookup

log = structlog.get_logger(__name__)

INSERT = InsertSpec(
    Run, key=("portal_id", "token_digest"), snapshot=(Portal.id, Portal.status, Portal.token_version), order=1
)


@dataclass(frozen=True)
class Received:
    """A call as it came. side, name: of its address. body: the form it was read from."""

    side: str
    name: str
    action: Action
    call: payloads.RunCall
    body: bytes

    @property
    def has_right_code(self) -> bool:
        return self.call.code == lookup.code_of(self.side, self.name)


def take(runtime: Runtime, received: Received) -> Taken:
    """Keep a call, so that it may be answered 200. Raises as `keeping.take`."""
    call = received.call

    def insert(portal: CachedPortal, is_refused: bool) -> Insert:
        return insert_of(runtime, portal, received.side, received.action, call, is_refused=is_refused)

    def stored(portal_id: int, row: Insert, run_id: int | None) -> None:
        tell(runtime, row, run_id)
        if run_id:
            traffic.saw_call(runtime, portal_id, call)

    told = {"side": received.side, "name": received.name}
    posted = Posted("call", call.auth, received.has_right_code, told, received.body, insert, stored)
    return keeping.take(runtime, posted)


def store(runtime: Runtime, portal: Portal | CachedPortal, side: str, action: Action, call: payloads.RunCall) -> bool:
    """Store a run. False if a run with this event token was stored before: the call is a repetition.

    Raises StaleSnapshot if the portal is no longer as it was recognised, Unavailable if the database is away.
    """
    insert = insert_of(runtime, portal, side, action, call)
    stored = runtime.intake.store(*insert, 0.0)
    tell(runtime, insert, stored)
    return stored is not None


def new_trace() -> str:
    """Twelve hex digits by which people find a run. At least one letter: digits alone would be searched for as a phone."""
    return secrets.choice("abcdef") + secrets.token_hex(6)[1:]


def insert_of(
    runtime: Runtime,
    portal: Portal | CachedPortal,
    side: str,
    action: Action,
    call: payloads.RunCall,
    *,
    is_refused: bool = False,
) -> Insert:
    """The run of a call, to be stored.

    is_refused: the portal is over its quota. The run is stored without its fields; planning ends it as `limit_reached`.
    """
    now = runtime.clock()
    row: dict[str, Any] = {
        "trace": new_trace(),
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
        "deadline_at": now + timedelta(minutes=wait_minutes(call.properties)),
    }
    return Insert(INSERT, row, (portal.id, portal.status, portal.token_version), row["shard"])


def tell(runtime: Runtime, insert: Insert, stored: int | None) -> None:
    """Count and log what became of a run. stored: its id; None: the call is a repetition."""
    row = insert.values
    if stored:
        runtime.counters.add("runs_received", row["side"], row["action"], portal=row["portal_id"])
    log.info("run stored" if stored else "run repeated", trace=row["trace"], run=stored, action=row["action"])


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


def wait_minutes(properties: Mapping[str, Any]) -> int:
    """How long the robot waits, read before its fields are validated; planning refuses a wrong value."""
    text = next((str(value) for key, value in properties.items() if key.lower() == "wait_minutes"), "")
    return min(max(int(text), 1), MAX_WAIT_MINUTES) if text.isdecimal() and len(text) < 7 else DEFAULT_WAIT_MINUTES
