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

#: Seconds for which a call or a webhook waits to see whether the database comes back, before it opens the spool.
PATIENCE_S = 1.0
#: The same without a spool, by kind: Bitrix24 calls once, while Gupshup repeats what is refused.
UNSPOOLED_PATIENCE_S = {"call": 10.0, "provider": 10.0, "webhook": 2.0}
#: The table that an entry will be stored in.
_TABLES = {"call": "run", "provider": "provider_message", "webhook": "inbound_event"}
log = structlog.get_logger(__name__)


def patience_s(runtime: Runtime, kind: str) -> float:
    """How long an entry of this kind waits for the database."""
    if runtime.spool.is_open:  # and has no room: the database was away a moment ago
        return 0.0
    return PATIENCE_S if runtime.spool.is_enabled else UNSPOOLED_PATIENCE_S[kind]


def is_spoolable(error: Exception) -> bool:
    """Whether what could not be stored for this error may be stored later. A full disk is not waited for."""
    if isinstance(error, SQLAlchemyError):
        return is_away(error) and not is_disk_full(error)
    return isinstance(error, Unavailable) and not isinstance(error, DiskFull)


def append(runtime: Runtime, source: Source, told: dict[str, Any], body: bytes, *, opens: bool) -> bool:
    """Append an entry. told: what its replay must know. opens: as of `Spool.append`.

    False: ask the database, for the spool is closed, or has no room while the database may be back: better out of order than
    lost. A caller nobody knows may ask it only while the spool is replayed: else he would keep a thread waiting for nothing.
    Raises SpoolFull, DiskFull, Unavailable.
    """
    head = json.dumps({"kind": source.kind, **told}).encode()
    try:
        is_kept = runtime.spool.append(source, runtime.cipher.encrypt_bytes(head + b"\n" + body), opens=opens)
    except Unavailable as error:
        if not opens and (source.is_known or runtime.spool.is_draining):
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
