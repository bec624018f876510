"""What an entry of the spool holds, and when something is put there: what the doors of calls and webhooks have in common.

An entry is the body as it came, behind a line of JSON that says what it is; all of it encrypted with our key.
"""

import json
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from messaging.queue.group_commit import DiskFull, Unavailable
from messaging.queue.spool import Source, SpoolFull
from messaging.runtime import Runtime
from messaging.store.database import is_away, is_disk_full

#: Seconds for which a call or a webhook waits for a database that is away. With a spool it is short: the first ones wait
#: to see whether it comes back, all others are spooled at once. Without a spool a robot call waits longer than a webhook, for
#: Bitrix24 calls once, while Gupshup repeats what is refused.
PATIENCE_S = 2.0
UNSPOOLED_CALL_PATIENCE_S = 10.0
#: The table that an entry will be stored in.
_TABLES = {"call": "run", "webhook": "inbound_event"}
log = structlog.get_logger(__name__)


def call_patience_s(runtime: Runtime) -> float:
    """How long a robot call waits for the database."""
    return _patience_s(runtime, UNSPOOLED_CALL_PATIENCE_S)


def webhook_patience_s(runtime: Runtime) -> float:
    """How long a webhook waits for the database."""
    return _patience_s(runtime, PATIENCE_S)


def _patience_s(runtime: Runtime, unspooled_s: float) -> float:
    if runtime.spool.is_open:  # and has no room: whoever comes knows that the database was away a moment ago
        return 0.0
    return PATIENCE_S if runtime.spool.is_enabled else unspooled_s


def is_spoolable(error: Exception) -> bool:
    """Whether what could not be stored for this error may be stored later. A full disk is not waited for."""
    if isinstance(error, SQLAlchemyError):
        return is_away(error) and not is_disk_full(error)
    return isinstance(error, Unavailable) and not isinstance(error, DiskFull)


def append(runtime: Runtime, source: Source, told: dict[str, Any], body: bytes, *, opens: bool) -> bool:
    """Append an entry. told: what its replay must know. opens: as of `Spool.append`.

    False: ask the database, for the spool is closed, or has no room while the database may be back: better out of order than
    lost. Raises SpoolFull, DiskFull, Unavailable.
    """
    head = json.dumps({"kind": source.kind, **told}).encode()
    try:
        is_kept = runtime.spool.append(source, runtime.cipher.encrypt_bytes(head + b"\n" + body), opens=opens)
    except Unavailable as error:
        if source.is_known and not opens:
            return False
        _tell_lost(runtime, source, error)
        raise
    if is_kept:
        runtime.counters.add("spooled", source.kind)
        log.info("spooled", kind=source.kind, known=source.is_known)
    return is_kept


def _tell_lost(runtime: Runtime, source: Source, error: Unavailable) -> None:
    if isinstance(error, DiskFull):
        runtime.intake.note_disk_full(_TABLES[source.kind])
    reason = "disk_full" if isinstance(error, DiskFull) else "full" if isinstance(error, SpoolFull) else "fault"
    runtime.counters.add("spool_refused", source.kind, reason)
    log.error("neither the database nor the spool takes it", kind=source.kind, reason=str(error))


def opened(runtime: Runtime, content: bytes) -> tuple[dict[str, Any], bytes]:
    """What an entry tells, and its body. Raises Undecryptable, ValueError."""
    head, _, body = runtime.cipher.decrypt_bytes(content).partition(b"\n")
    return json.loads(head), body
