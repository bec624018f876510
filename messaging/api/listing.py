"""A portal's messages as the API shows them: runs that send, with their message if any, and messages without a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Text, case, func, select, type_coerce
from sqlalchemy.orm import Session

from bx24.i18n import Text as Words
from gupshup.errors import refusal
from messaging.api import ids
from messaging.api.ids import Kind
from messaging.insight.query import SIDES
from messaging.insight.search_rows import Place, lone_status, status_of, typed_phone
from messaging.insight.stored_json import open_json, open_text
from messaging.runtime import Runtime
from messaging.store import amounts
from messaging.store.campaigns import Campaign
from messaging.store.models import Conversation, Message, Run
from messaging.store.priced import charge
from messaging.store.states import MessageStatus, OutcomeKind

_ORIGINS = {side: origin for origin, side in SIDES.items()}
_OF_MESSAGE = (
    *(Message.kind, Message.gupshup_id, Message.sent_at, Message.delivered_at, Message.read_at, Message.status),
    *(Message.error_code.label("their_code"), Message.error_reason, Message.cost, Message.currency, Message.billed),
)


@dataclass(frozen=True)
class Shown:
    """One message. id, campaign: as the API names them; cost: None if it is not known."""

    id: str
    place: Place
    line: int | None
    phone: str
    origin: str
    type: str
    status: str
    error_code: str | None
    error_text: str | None
    provider_id: str | None
    created_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    campaign: str | None
    item: str | None
    cost: dict[str, str] | None = None


def one(session: Session, runtime: Runtime, portal_id: int, message_id: str, lang: str) -> Shown | None:
    """The message of this id; None: the portal has none. lang: of the error's text."""
    found = ids.decode(runtime, portal_id, message_id)
    if found is None or found[0] not in (Kind.RUN, Kind.MESSAGE):
        return None
    place = Place(found[1]) if found[0] is Kind.RUN else Place(0, found[1])
    shown = _read(session, runtime, portal_id, [place], lang)
    return next(iter(shown.values()), None)


def many(session: Session, runtime: Runtime, portal_id: int, places: Sequence[Place], lang: str) -> list[Shown]:
    """What stands at these places, in this order; what was deleted meanwhile is missing."""
    found = _read(session, runtime, portal_id, places, lang)
    return [found[place] for place in places if place in found]


def _read(session: Session, runtime: Runtime, portal_id: int, places: Sequence[Place], lang: str) -> dict[Place, Shown]:
    reader = _Reader(session, runtime, portal_id, lang)
    runs = [place.position for place in places if not place.message_id]
    lone = [place.message_id for place in places if place.message_id]
    shown = [*(reader.runs(runs) if runs else ()), *(reader.lone(lone) if lone else ())]
    return {one.place: one for one in shown}


class _Reader:
    def __init__(self, session: Session, runtime: Runtime, portal_id: int, lang: str) -> None:
        self.session, self.runtime, self.portal_id, self.lang = session, runtime, portal_id, lang

    def runs(self, run_ids: Sequence[int]) -> list[Shown]:
        conversation_id = func.coalesce(Message.conversation_id, Run.conversation_id)
        asked = (
            select(
                *(Run.id, Run.side, Run.action, Run.stored_at, Run.item, Run.outcome, Run.error_code, *_OF_MESSAGE),
                func.coalesce(Message.line_id, Run.line_id).label("line_id"),
                type_coerce(Conversation.phone, Text).label("phone"),
                case((Conversation.id.is_(None), type_coerce(Run.properties, Text))).label("properties"),
                case((Run.outcome != "", type_coerce(Run.answer, Text))).label("answer"),
            )
            .outerjoin(Message, Message.run_id == Run.id)
            .outerjoin(Conversation, Conversation.id == conversation_id)
            .where(Run.id.in_(run_ids), Run.portal_id == self.portal_id, Run.action.startswith("send_"))
        )
        return [self._of_run(row) for row in self.session.execute(asked)]

    def lone(self, message_ids: Sequence[int]) -> list[Shown]:
        asked = (
            select(
                *(Message.id, Message.position, Message.origin, Message.created_at, Message.item, *_OF_MESSAGE),
                *(
                    Message.line_id,
                    Campaign.key.label("campaign"),
                    type_coerce(Conversation.phone, Text).label("phone"),
                ),
            )
            .join(Conversation, Conversation.id == Message.conversation_id)
            .outerjoin(Campaign, Campaign.id == Message.campaign_id)
            .where(Message.id.in_(message_ids), Message.portal_id == self.portal_id, Message.run_id.is_(None))
        )
        return [self._of_message(row) for row in self.session.execute(asked)]

    def _of_run(self, row: Any) -> Shown:
        status = status_of(row.outcome, row.status)
        phone = open_text(self.runtime.cipher, row.phone)
        return Shown(
            id=ids.encode(self.runtime, Kind.RUN, self.portal_id, row.id),
            place=Place(row.id),
            phone=phone or typed_phone(open_json(self.runtime.cipher, row.properties)),
            origin=_ORIGINS[row.side],
            type=row.action.removeprefix("send_"),
            created_at=row.stored_at,
            campaign=None,
            **self._common(row, status, row.their_code or row.error_code, self._said(row)),
        )

    def _of_message(self, row: Any) -> Shown:
        return Shown(
            id=ids.encode(self.runtime, Kind.MESSAGE, self.portal_id, row.id),
            place=Place(row.position, row.id),
            phone=open_text(self.runtime.cipher, row.phone),
            origin=row.origin,
            type=row.kind,
            created_at=row.created_at,
            campaign=row.campaign,
            **self._common(row, lone_status(row.status), row.their_code, ""),
        )

    def _common(self, row: Any, status: str, code: str | None, said: str) -> dict[str, Any]:
        has_error = status in (OutcomeKind.FAILED, OutcomeKind.TIMEOUT, OutcomeKind.UNKNOWN)
        return {
            "line": row.line_id,
            "status": status,
            "error_code": (code or None) if has_error else None,
            "error_text": (self._text(row, said) or None) if has_error else None,
            "provider_id": row.gupshup_id or None,
            "sent_at": row.sent_at,
            "delivered_at": row.delivered_at,
            "read_at": row.read_at,
            "item": row.item or None,
            "cost": amounts.shown(charge(row.cost, row.status or "", row.billed), row.currency or ""),
        }

    def _text(self, row: Any, said: str) -> str:
        """Why it failed: in the caller's language where the provider refused it, else in the portal's."""
        if row.status == MessageStatus.FAILED and row.their_code and not said:
            why = refusal(row.their_code, row.error_reason or "")
            return Words(why.en, why.ru).to(self.lang)
        return said

    def _said(self, row: Any) -> str:
        return str(open_json(self.runtime.cipher, row.answer).get("error_text") or "")
