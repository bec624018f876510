"""Gupshup's billing events: whether WhatsApp charges a message, and as what.

Events come up to an hour after the message, in any order and more than once; each message takes the first one. The drain that
applies them holds the message's shard, so no row is locked: nothing else writes these columns.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar

import structlog
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from gupshup.webhooks import Billing
from messaging.money import prices
from messaging.money.table import MARKETING, Table
from messaging.runtime import Runtime
from messaging.store.changes import Changes
from messaging.store.models import Message, Portal
from messaging.store.sql import among

#: Marketing that WhatsApp sends through its marketing interface costs the same (gupshup-2.md 3.3).
_SAME = {"marketing_lite": MARKETING}
_MESSAGES = select(
    Message.id,
    Message.line_id,
    Message.portal_id,
    Message.country,
    Message.created_at,
    Message.billed,
    Message.gupshup_id,
    Message.whatsapp_id,
)
# The conditions of the partial indexes are repeated: else SQLite uses one index only.
_BY_PROVIDER = _MESSAGES.where(
    or_(
        among(Message.gupshup_id, "gupshup") & Message.gupshup_id.is_not(None),
        among(Message.whatsapp_id, "whatsapp") & Message.whatsapp_id.is_not(None),
    )
)
_PORTALS = select(Portal).where(among(Portal.id, "ids"))
log = structlog.get_logger(__name__)


@dataclass(eq=False)
class Billed:
    """A message as its bill needs it."""

    model: ClassVar[Any] = Message

    id: int
    line_id: int
    portal_id: int
    country: str
    created_at: datetime
    billed: int | None
    gupshup_id: str | None
    whatsapp_id: str | None


class Bills:
    """Applies billing events. events: those of the group, whose messages are read in one question."""

    def __init__(self, session: Session, runtime: Runtime, events: Collection[Billing]) -> None:
        self._runtime = runtime
        self._messages: list[Billed] = []
        self._tables: dict[int, Table] = {}
        if events:
            gupshup_ids = {event.gs_id for event in events} - {""}
            asked = {"gupshup": list(gupshup_ids), "whatsapp": list({event.whatsapp_id for event in events} - {""})}
            self._messages = [Billed(*row) for row in session.execute(_BY_PROVIDER, asked)]
            portals = {message.portal_id for message in self._messages}
            for portal in session.scalars(_PORTALS, {"ids": list(portals)}) if portals else ():
                self._tables[portal.id] = prices.table_of(runtime, portal)

    def apply(self, changes: Changes, line_id: int, event: Billing) -> bool:
        """Write a message's bill. False if the event's ids name no message of this line."""
        message = self._find(line_id, event)
        if message is None:
            return False
        if message.billed is None:
            day = message.created_at.date()
            changes.set(message, **columns(self._tables[message.portal_id], message.country, day, event))
            log.info("billed", message=message.id, category=event.category, billable=event.is_billable)
        return True

    def _find(self, line_id: int, event: Billing) -> Billed | None:
        mine = [message for message in self._messages if message.line_id == line_id]
        return next(
            (message for message in mine if event.gs_id and message.gupshup_id == event.gs_id),
            next((message for message in mine if event.whatsapp_id and message.whatsapp_id == event.whatsapp_id), None),
        )


def columns(table: Table, country: str, day: date, event: Billing) -> dict[str, Any]:
    """The columns of a message with this bill. What is free of charge at WhatsApp still costs Gupshup's fee."""
    category = _SAME.get(event.category, event.category)
    cost = table.cost(country, category if event.is_billable else "", day)
    return {
        "billed": int(event.is_billable),
        "billed_category": event.category[:40],
        "cost": cost.amount,
        # Without a price the estimate stays, and with it the currency it was made in.
        **({"currency": cost.currency} if cost.amount is not None else {}),
    }
