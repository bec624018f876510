"""A webhook is kept as it came, and only then answered: in the database or, while that is away, in the spool."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from gupshup import webhooks
from gupshup.events import Event
from messaging.intake import known_callers, spooling, traffic
from messaging.limits import bounds
from messaging.lines import lines
from messaging.queue.group_commit import CachedLine, Insert, Unavailable
from messaging.queue.group_insert import InsertSpec, StaleSnapshot
from messaging.queue.spool import Source
from messaging.runtime import Runtime
from messaging.store import crypto
from messaging.store.models import InboundEvent, Line, shard_of
from messaging.store.patience import answers_within
from messaging.store.states import EventState

INSERT = InsertSpec(InboundEvent, key=("line_id", "key"), snapshot=(Line.id, Line.secret_digest), order=2)


@dataclass(frozen=True)
class Addressee:
    """Whose webhook it is. line: None if that cannot be told while the database is away."""

    secret: str
    line: CachedLine | None


def addressee(runtime: Runtime, secret: str) -> Addressee | None:
    """The line with this secret in its webhook's address; None: there is none."""
    if runtime.spool.is_open:
        return Addressee(secret, runtime.intake.lines.get(crypto.digest(secret)))
    try:
        with answers_within(bounds.DATABASE_STALLED_S):
            line = lines.by_secret(runtime, secret)
    except SQLAlchemyError as error:
        if not spooling.is_spoolable(error):
            raise
        return Addressee(secret, None)
    return Addressee(secret, line) if line is not None else None


def take(runtime: Runtime, to: Addressee, body: bytes) -> bool:
    """Keep a webhook, so that it may be answered 200. False: its line is gone.

    Raises Unavailable, DiskFull if it cannot be kept.
    """
    with answers_within(bounds.DATABASE_STALLED_S):
        return _take(runtime, to, body)


def _take(runtime: Runtime, to: Addressee, body: bytes) -> bool:
    if runtime.spool.is_open and _is_spooled(runtime, to, body, opens=False):
        return True
    try:
        return _recognise_and_store(runtime, to, body, spooling.patience_s(runtime, "webhook"))
    except (Unavailable, SQLAlchemyError) as error:
        if not spooling.is_spoolable(error):
            raise
    return _is_spooled(runtime, to, body, opens=True)


def _recognise_and_store(runtime: Runtime, to: Addressee, body: bytes, patience_s: float) -> bool:
    """Store a webhook; if the cached line is out of date, read the line again. False: there is no such line.

    Raises Unavailable if the database stays away, SQLAlchemyError if it goes away while the line is read.
    """
    line = to.line or lines.by_secret(runtime, to.secret)
    while line is not None:
        insert, events = insert_of(runtime, line, body)
        try:
            stored = runtime.intake.store(*insert, patience_s)
        except StaleSnapshot:
            lines.forget(runtime, line)
        else:
            tell(runtime, line, events, body, stored)
            return True
        line = lines.by_secret(runtime, to.secret)
    return False


def _is_spooled(runtime: Runtime, to: Addressee, body: bytes, *, opens: bool) -> bool:
    """Append the webhook to the spool. False: ask the database. Raises as `spooling.append`."""
    name = crypto.digest(to.secret)
    source = Source("webhook", name, to.line is not None or known_callers.knows_line(runtime, name))
    return spooling.append(runtime, source, {"secret": to.secret}, body, opens=opens)


def insert_of(
    runtime: Runtime, line: CachedLine, body: bytes, received_at: datetime | None = None
) -> tuple[Insert, list[Event]]:
    """A webhook to be stored, and its events.

    A body that is too long to be read is stored unhandled, and only its beginning: nobody will read it, and its bytes would
    wait for the disk before everybody's calls. received_at: None: now.
    """
    events = webhooks.parse(body)
    first = events[0]
    is_too_long = webhooks.is_too_long(body)
    now = runtime.clock()
    row: dict[str, Any] = {
        "line_id": line.id,
        "shard": shard_of(line.portal_id),
        "key": webhooks.key(first),
        "body": body[: bounds.UNREAD_WEBHOOK_BYTES if is_too_long else None].decode("utf-8", "replace"),
        "label": first.type_label[:60],
        "ref": first.ref[:200] or None if isinstance(first, webhooks.Status | webhooks.Billing) else None,
        "received_at": received_at or now,
        "due_at": now,
        "state": (EventState.UNHANDLED if is_too_long else EventState.STORED).value,
    }
    return Insert(INSERT, row, (line.id, line.secret_digest), row["shard"]), events


def tell(runtime: Runtime, line: CachedLine, events: list[Event], body: bytes, stored: int | None) -> None:
    """Count a webhook. stored: its id; None: it was stored before."""
    runtime.counters.add("webhooks", events[0].type_label, portal=line.portal_id)
    if isinstance(events[0], webhooks.Unknown):
        runtime.counters.add("webhooks_unknown", portal=line.portal_id)
    traffic.saw_webhook(runtime, line.portal_id, events, body, is_new=stored is not None)
