"""The stage that applies Gupshup's webhooks, which were stored as they came.

Webhooks come in any order, more than once, sometimes before our own record of the message, sometimes never (reference
section 7). An event about an unknown message waits for it, at most PARK. After that the message is not ours (it was sent from
Gupshup's console, say), and the webhook is kept as unhandled.
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

#: Events, and webhooks, that one transaction applies.
BATCH = 100
#: For how long a webhook that cannot be applied, for a fault of ours, is tried again before it is set aside.
RETRY_FOR = timedelta(minutes=1)
RETRY_AFTER = timedelta(seconds=5)
log = structlog.get_logger(__name__)


class Inbound:
    """Applies stored webhooks. This needs no network, so it happens in `claim`. applied: how many the last claim applied."""

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
        """Read, decrypt and parse what has arrived, without locks. False if nothing has."""
        self._prepared = self._read(session, held)
        return bool(self._prepared)

    def read_again(self) -> None:
        """Forget what was read ahead: more is due by now."""
        self._prepared = None

    def _read(self, session: Session, held: dict[int, int]) -> list[Arrived]:
        asked = {"shards": list(held), "now": self.runtime.clock()}
        arrived: list[Arrived] = []
        events = 0
        for row in ask(session, _DUE, asked).all():
            arrived.append(self._opened(_event(row)))
            events += max(1, len(arrived[-1].events))
            if events >= BATCH:
                break  # a webhook may hold many events
        return arrived

    def _opened(self, row: EventRow) -> Arrived:
        """A webhook that no known key decrypts is set aside, so that it does not block the others."""
        try:
            return Arrived(row, webhooks.parse(self.runtime.cipher.decrypt(row.encrypted)))
        except Undecryptable:
            log.error("an event cannot be read and is set aside", event_id=row.id, label=row.label)
            return Arrived(row, [])

    def claim(self, session: Session, held: dict[int, int], free_slots: int) -> list[None]:
        """Apply what `prepare` has read; without it, what has arrived."""
        arrived = self._prepared if self._prepared is not None else self._read(session, held)
        self._prepared = None
        if arrived:
            self._apply_all(session, [webhook for webhook in arrived if webhook.row.shard in held])
        self.applied = _count(arrived)
        return []

    def _apply_all(self, session: Session, arrived: Sequence[Arrived]) -> None:
        """Apply them together; if that fails for a fault of ours, one by one, so that a bad webhook spoils only itself."""
        try:
            with session.begin_nested():
                apply(session, self.runtime, arrived)
            return
        except OperationalError:
            raise  # a problem of the database, not of a webhook: all are applied again later
        except Exception:
            log.exception("a group of events could not be applied, one by one now", count=len(arrived))
        for webhook in arrived:
            self._apply_alone(session, webhook)

    def _apply_alone(self, session: Session, webhook: Arrived) -> None:
        """Apply one webhook. If that fails for a fault of ours, it is tried again for RETRY_FOR, then set aside."""
        try:
            with session.begin_nested():
                apply(session, self.runtime, [webhook])
            return
        except OperationalError:
            raise
        except Exception:
            log.exception("an event could not be applied", event_id=webhook.row.id, label=webhook.row.label)
        changes, now = Changes(session), self.runtime.clock()
        if now - webhook.row.received_at < RETRY_FOR:
            changes.set(webhook.row, due_at=now + RETRY_AFTER)
        else:
            changes.set(webhook.row, state=EventState.UNHANDLED)
        changes.write()

    def work(self, task: None) -> None:
        """Never called: `claim` makes no tasks."""

    def record(self, session: Session, task: None, result: None) -> None:
        """Never called."""

    def lost(self, session: Session, task: None) -> None:
        """Never called."""


def _count(arrived: Sequence[Arrived]) -> int:
    """The events of these webhooks; a webhook without any counts as one."""
    return sum(max(1, len(one.events)) for one in arrived)


def _event(columns: Sequence[Any]) -> EventRow:
    return EventRow(*columns)


# Built once: SQLAlchemy spends more time on building a statement than on running it.
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
        InboundEvent.state == EventState.STORED,
        InboundEvent.due_at <= bindparam("now", type_=UTCDateTime),
    )
    .order_by(InboundEvent.id)
    .limit(BATCH)
)
