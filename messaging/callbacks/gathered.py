"""Statuses of messages, gathered while a transaction lasts and written together.

A statement for each would cost more than all else.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from copy import copy
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, type_coerce
from sqlalchemy.orm import Session

from messaging.callbacks import shapes
from messaging.callbacks.listeners import News, tell
from messaging.runtime import Runtime
from messaging.store.callbacks import Event
from messaging.store.campaigns import Campaign
from messaging.store.database import ask
from messaging.store.models import Conversation, Message, Run
from messaging.store.rows import MessageRow, RunRow
from messaging.store.sql import among
from messaging.store.states import MessageStatus, Origin
from messaging.store.types import ReadableJson, ReadableText, UTCDateTime

#: Actions that send a message begin so.
SENDS = "send_"
#: Side of a run → origin of its message.
_ORIGINS: dict[str, str] = {"robots": Origin.ROBOT, "activities": Origin.ACTIVITY, "api": Origin.API}
#: Statuses whose time is the provider's, in the column `<status>_at`.
_TIMED = frozenset({MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ, MessageStatus.FAILED})
#: What a MessageRow does not hold.
_MORE = (
    select(
        *(Message.id, Message.kind, Message.action, Campaign.key.label("campaign")),
        *(Message.cost, Message.currency, Message.billed),
        func.coalesce(Run.stored_at, Message.created_at, type_=UTCDateTime).label("created_at"),
    )
    .outerjoin(Run, Run.id == Message.run_id)
    .outerjoin(Campaign, Campaign.id == Message.campaign_id)
    .where(among(Message.id, "ids"))
)
#: What a RunRow does not hold.
_OF_RUNS = (
    select(
        *(Run.id, Run.item, type_coerce(Run.properties, ReadableJson).label("properties")),
        type_coerce(Conversation.phone, ReadableText).label("phone"),
    )
    .outerjoin(Conversation, Conversation.id == Run.conversation_id)
    .where(among(Run.id, "ids"))
)


class Statuses:
    """What one transaction has brought, each message as it was at that moment."""

    def __init__(self) -> None:
        self._runtime: Runtime | None = None
        self._seen: list[MessageRow] = []
        self._unsent: list[tuple[RunRow, str]] = []

    def add(self, runtime: Runtime, row: MessageRow) -> None:
        self._runtime = runtime
        self._seen.append(copy(row))

    def add_unsent(self, runtime: Runtime, run: RunRow, said: str) -> None:
        """said: why the message of this run, which has ended, never left."""
        self._runtime = runtime
        self._unsent.append((run, said))

    def write(self, session: Session) -> None:
        if self._runtime is None:
            return
        now = self._runtime.clock()
        told: defaultdict[int, list[News]] = defaultdict(list)
        for portal_id, news in [*self._of_messages(session, now), *self._of_runs(session, now)]:
            told[portal_id].append(news)
        self._seen, self._unsent = [], []
        for portal_id, of_portal in told.items():
            tell(session, portal_id, now, of_portal)

    def _of_messages(self, session: Session, now: datetime) -> Iterator[tuple[int, News]]:
        if not self._seen or self._runtime is None:
            return
        found = ask(session, _MORE, {"ids": sorted({row.id for row in self._seen})})
        more = {row.id: dict(row._mapping) for row in found}
        for row in self._seen:
            if row.id in more:
                data = shapes.message(self._runtime, row, more[row.id])
                at = getattr(row, f"{row.status}_at") if row.status in _TIMED else None
                yield row.portal_id, News(Event.MESSAGE_STATUS, f"m{row.id}", at or now, data, row.origin)

    def _of_runs(self, session: Session, now: datetime) -> Iterator[tuple[int, News]]:
        if not self._unsent or self._runtime is None:
            return
        found = ask(session, _OF_RUNS, {"ids": sorted({run.id for run, _ in self._unsent})})
        more = {row.id: _known(dict(row._mapping)) for row in found}
        for run, said in self._unsent:
            if run.id in more:
                origin = _ORIGINS.get(run.side, run.side)
                data = shapes.unsent(self._runtime, run, said, {**more[run.id], "origin": origin})
                yield run.portal_id, News(Event.MESSAGE_STATUS, f"u{run.id}", now, data, origin)


def _known(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with its phone: the conversation's, else the one in the run's own field."""
    typed = row["properties"].get("phone") if isinstance(row["properties"], dict) else None
    digits = "".join(char for char in str(typed or "") if char.isascii() and char.isdigit())[:15]
    return {"item": row["item"], "phone": row["phone"] or digits or None}
