"""What a portal has granted the app, as the registration of the robots found it last."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from messaging.store.models import Portal


@dataclass(frozen=True)
class Granted:
    """scopes: permissions. refused: codes of robots, events and triggers that Bitrix24 did not register."""

    scopes: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()

    @classmethod
    def of(cls, registration: dict[str, Any] | None) -> "Granted":
        known = registration or {}
        return cls(frozenset(known.get("scopes") or ()), frozenset(known.get("failed") or ()))


def granted_to(session: Session, portal_id: int) -> Granted:
    """What this portal has granted; asked once in a transaction."""
    known: dict[int, Granted] = session.info.setdefault("granted", {})
    if portal_id not in known:
        known[portal_id] = Granted.of(session.scalar(select(Portal.registration).where(Portal.id == portal_id)))
    return known[portal_id]
