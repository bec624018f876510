"""What Gupshup posts: stored as it came, then applied to message, run and conversation.

Events come unordered, more than once, sometimes before our own record of the message, sometimes never (reference section 7).
An event whose message is not known yet waits for it up to PARK; after that it is somebody else's (sent from Gupshup's
console) and is kept as `odd`.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Text, bindparam, select, type_coerce
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from gupshup import webhooks
from messaging.runtime import Runtime
from messaging.stages.inbound.apply import Arrived, EventRow, apply
from messaging.store.changes import Changes
from messaging.store.crypto import Undecryptable
from messaging.store.database import ask
from messaging.store.models import InboundEvent
from messaging.store.sql import among
from messaging.store.states import EventState
from messaging.store.types import UTCDateTime

BATCH = 100
#: For how long an event that fails for a fault of ours is tried again before it is put aside.
STUBBORN = timedelta(minutes=1)
log = structlog.get_logger(__name__)


class Inbound:
    """The stage of a drain that applies stored events. It needs no network, so it does its work while claiming."""

    name = "inbound"

    def __init__(self, runtime: Runtime, owner: str) -> None:
        self.runtime = runtime
        self.applied = 0
        self._prepared: list[Arrived] | None = None
        self.busy: set[int] = set()

    @staticmethod
    def slots(threads: int) -> int:
        return 1

    def prepare(self, session: Session, held: dict[int, int]) -> bool:
        """Read and open what has arrived; nothing is locked or written. False if nothing has."""
        self._prepared = self._read(session, held)
        return bool(self._prepared)

    def read_again(self) -> None:
        """More is due than was read ahead."""
        self._prepared = None

    def _read(self, session: Session, held: dict[int, int]) -> list[Arrived]:
        asked = {"shards": list(held), "now": self.runtime.clock()}
        return [self._opened(_event(row)) for row in ask(session, _DUE, asked)]

    def _opened(self, row: EventRow) -> Arrived:
        """One that cannot be opened is put aside, so that it stops nobody else's."""
        try:
            return Arrived(row, webhooks.parse(self.runtime.cipher.decrypt(row.encrypted).encode()))
        except Undecryptable:
            log.error("an event cannot be read and is put aside", event_id=row.id, label=row.label)
            return Arrived(row, [])

    def claim(self, session: Session, held: dict[int, int], free_slots: int) -> list[None]:
        """Apply what was read ahead, or what has arrived since."""
        arrived = self._prepared if self._prepared is not None else self._read(session, held)
        self._prepared = None
        if arrived:
            self._apply_all(session, [one for one in arrived if one.row.shard in held])
        self.applied = len(arrived)
        return []

    def _apply_all(self, session: Session, arrived: Sequence[Arrived]) -> None:
        """All together; if that fails for a fault of ours, one by one, so that a bad one spoils only itself."""
        try:
            with session.begin_nested():
                apply(session, self.runtime, arrived)
            return
        except OperationalError:
            raise  # the database's trouble, not an event's: all of them again later
        except Exception:
            log.exception("a group of events could not be applied, one by one now", count=len(arrived))
        for one in arrived:
            self._apply(session, one)

    def _apply(self, session: Session, one: Arrived) -> None:
        """One event that cannot be applied for a fault of ours waits and is then put aside; the others go on."""
        try:
            with session.begin_nested():
                apply(session, self.runtime, [one])
            return
        except OperationalError:
            raise
        except Exception:
            log.exception("an event could not be applied", event_id=one.row.id, label=one.row.label)
        changes, now = Changes(session), self.runtime.clock()
        if now - one.row.received_at < STUBBORN:
            changes.set(one.row, due_at=now + timedelta(seconds=5))
        else:
            changes.set(one.row, state=EventState.UNHANDLED)
        changes.write()

    def work(self, task: None) -> None:
        """Nothing happens on threads."""

    def record(self, session: Session, task: None, result: None) -> None:
        """Nothing comes back from threads."""

    def lost(self, session: Session, task: None) -> None:
        """Nothing can get lost on threads."""


def _event(columns: Sequence[Any]) -> EventRow:
    return EventRow(*columns)


# Made once: building a statement costs more than running it.
_DUE = (
    select(
        InboundEvent.id,
        InboundEvent.line_id,
        InboundEvent.shard,
        InboundEvent.key,
        InboundEvent.label,
        InboundEvent.received_at,
        InboundEvent.due_at,
        InboundEvent.state,
        type_coerce(InboundEvent.body, Text),
    )
    .where(
        among(InboundEvent.shard, "shards"),
        InboundEvent.state == "stored",
        InboundEvent.due_at <= bindparam("now", type_=UTCDateTime),
    )
    .order_by(InboundEvent.id)
    .limit(BATCH)
)
