"""Finding the conversation of a line with a phone."""

from collections.abc import Collection

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, defer

from messaging.runtime import Runtime
from messaging.store.models import Conversation
from messaging.store.sql import among


def conversation_with(session: Session, runtime: Runtime, line_id: int, phone: str) -> Conversation:
    """The conversation of this line with this phone (digits), made if it is the first word."""
    key = runtime.phone_key(phone)
    found = conversation_of(session, line_id, key)
    if found is None:
        found = Conversation(line_id=line_id, phone=phone, phone_key=key)
        session.add(found)
        session.flush()
    return found


def conversation_of(session: Session, line_id: int, key: str) -> Conversation | None:
    """The conversation with a phone by its index key, also as WhatsApp spells the number."""
    either = or_(Conversation.phone_key == key, Conversation.alias_key == key)
    return session.scalars(
        select(Conversation).where(Conversation.line_id == line_id, either).order_by(Conversation.id).limit(1)
    ).first()


def conversations_with(session: Session, line_ids: Collection[int], keys: Collection[str]) -> list[Conversation]:
    """The conversations of these lines with these phones (index keys), also as WhatsApp spells the numbers."""
    return list(session.scalars(_CONVERSATIONS, {"lines": list(line_ids), "keys": list(keys)}))


_CONVERSATIONS = (
    select(Conversation)
    .where(
        # The lines on both sides, and what the index of aliases says of itself: else SQLite does not use both indexes.
        or_(
            among(Conversation.line_id, "lines") & among(Conversation.phone_key, "keys"),
            among(Conversation.line_id, "lines")
            & among(Conversation.alias_key, "keys")
            & Conversation.alias_key.is_not(None),
        )
    )
    .options(defer(Conversation.phone))
    .order_by(Conversation.id)
    .execution_options(populate_existing=True)
)
