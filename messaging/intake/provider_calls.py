"""A message that the portal hands over becomes a row before the portal is answered (messaging.intake.keeping).

The portal keeps the message's id: what it posts twice is one row. That it posts something twice means that it has not noted
our first answer, and will show its own status when it does; so it is told ours once more.
"""

from datetime import timedelta
from typing import Any

import structlog

from bx24.message_service import ProviderCall, code_of
from messaging.conversations import provider_statuses
from messaging.intake import keeping
from messaging.intake.keeping import Posted, Taken
from messaging.queue.group_commit import CachedPortal, Insert
from messaging.queue.group_insert import InsertSpec
from messaging.runtime import Runtime
from messaging.store import crypto
from messaging.store.models import Line, Portal, shard_of
from messaging.store.provider import ProviderMessage, ProviderState

#: How long a message is still worth sending that could not be stored or prepared at once.
PATIENCE = timedelta(hours=1)
INSERT = InsertSpec(
    ProviderMessage,
    key=("portal_id", "message_id"),
    snapshot=(Portal.id, Portal.status, Portal.token_version),
    order=1,
)
log = structlog.get_logger(__name__)


def take(runtime: Runtime, line_id: int, call: ProviderCall, body: bytes) -> Taken:
    """Keep a message, so that its call may be answered 200. line_id: of the address. Raises as `keeping.take`."""

    def insert(portal: CachedPortal, is_refused: bool) -> Insert:
        return insert_of(runtime, portal, line_id, call, is_refused=is_refused)

    def stored(portal_id: int, row: Insert, row_id: int | None) -> None:
        tell(runtime, row, row_id)

    posted = Posted(
        kind="provider",
        auth=call.auth,
        has_right_code=call.code == code_of(line_id),
        told={"line": line_id},
        body=body,
        insert_of=insert,
        stored=stored,
        is_theirs=lambda portal: _is_line_of(runtime, line_id, portal.id),
    )
    return keeping.take(runtime, posted)


def _is_line_of(runtime: Runtime, line_id: int, portal_id: int) -> bool:
    """Whether the line is the portal's, connected or not. Asked once by each process; it is looked at again before sending."""
    name = f"{portal_id} {line_id}"
    if runtime.intake.senders.get(name) is None:
        with runtime.db.read() as session:
            line = session.get(Line, line_id)
        if line is None or line.portal_id != portal_id:
            return False
        runtime.intake.senders.put(name, True)
    return True


def insert_of(
    runtime: Runtime, portal: CachedPortal, line_id: int, call: ProviderCall, *, is_refused: bool = False
) -> Insert:
    """The row of a message. is_refused: the portal is over its quota, so the row is stored without the message."""
    now = runtime.clock()
    digits = "".join(char for char in call.phone if char.isdecimal())
    row: dict[str, Any] = {
        "portal_id": portal.id,
        "shard": shard_of(portal.id),
        "line_id": line_id,
        "message_id": call.message_id,
        "client": crypto.keyed_digest(runtime.index_key, f"provider {digits}"),
        "item": call.item,
        "content": None if is_refused else {"phone": call.phone, "text": call.text, "module": call.module},
        "state": ProviderState.STORED,
        "created_at": now,
        "due_at": now,
        "tries": 0,
    }
    return Insert(INSERT, row, (portal.id, portal.status, portal.token_version), row["shard"])


def tell(runtime: Runtime, insert: Insert, stored: int | None) -> None:
    """Count and log what became of a row. stored: its id; None: the call is a repetition, and the portal is told again."""
    row = insert.values
    outcome = "stored" if stored else "repeated"
    runtime.counters.add("provider_messages", row["line_id"], outcome, portal=row["portal_id"])
    log.info("message handed over", portal=row["portal_id"], line=row["line_id"], outcome=outcome, id=stored)
    if stored is None:
        runtime.db.write_again(
            lambda session: provider_statuses.tell_again(session, runtime, row["portal_id"], row["message_id"])
        )
