"""A webhook is stored as it came, and only then answered."""

from typing import Any

from gupshup import webhooks
from messaging.intake import traffic
from messaging.queue.group_commit import CachedLine
from messaging.queue.group_insert import InsertSpec
from messaging.runtime import Runtime
from messaging.store.models import InboundEvent, Line, shard_of
from messaging.store.states import EventState

INSERT = InsertSpec(InboundEvent, key=("line_id", "key"), snapshot=(Line.id, Line.secret_digest), order=2)
#: Seconds for which a webhook waits while the database is away. Gupshup waits 10 s at most, and repeats what is refused.
RETRY_FOR_S = 2.0


def store(runtime: Runtime, line: Line | CachedLine, body: bytes) -> bool:
    """Store one webhook. False if the same event was stored before. A body that is too long to be read is stored unhandled.

    Raises StaleSnapshot if the line is gone, Unavailable if the database stays away.
    """
    events = webhooks.parse(body)
    first = events[0]
    now = runtime.clock()
    row: dict[str, Any] = {
        "line_id": line.id,
        "shard": shard_of(line.portal_id),
        "key": webhooks.key(first),
        "body": body.decode("utf-8", "replace"),
        "label": first.type_label[:60],
        "ref": first.ref[:200] or None if isinstance(first, webhooks.Status) else None,
        "received_at": now,
        "due_at": now,
        "state": (EventState.UNHANDLED if webhooks.is_too_long(body) else EventState.STORED).value,
    }
    stored = runtime.intake.store(INSERT, row, (line.id, line.secret_digest), row["shard"], RETRY_FOR_S)
    runtime.counters.add("webhooks", first.type_label, portal=line.portal_id)
    if isinstance(first, webhooks.Unknown):
        runtime.counters.add("webhooks_unknown", portal=line.portal_id)
    traffic.saw_webhook(runtime, line.portal_id, events, body, is_new=stored is not None)
    return stored is not None
