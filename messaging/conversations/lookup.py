"""Finding the conversation of a line with a phone."""

from collections.abc import Collection

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, defer

from messaging.runtime import Runtime
from messaging.store.models import Conversation
from messaging.store.sql import among


def conversation_with(session: Session, runtime: Runtime, line_id: int, phone: str) -> Conversation:
    """The conversation of this line with this phone (digits), created if there is none yet."""
    key = runtime.phone_key(phone)
    found = conversation_of(session, line_id, key)
    if found is None:
        found = Conversation(line_id=line_id, phone=phone, phone_key=key)
        session.add(found)
        session.flush()
    return found


def conversation_of(session: Session, line_id: int, key: str) -> Conversation | None:
    """The conversation of this line with a phone, found by its index key or by that of WhatsApp's spelling of the number."""
    either = or_(Conversation.phone_key == key, Conversation.alias_key == key)
    return session.scalars(
        select(Conversation).where(Conversation.line_id == line_id, either).order_by(Conversation.id).limit(1)
    ).first()


def conversations_with(session: Session, line_ids: Collection[int], keys: Collection[str]) -> list[Conversation]:
    """The conversations of these lines with these phones, found by index keys as in `conversation_of`. Phones stay unread."""
    return list(session.scalars(_CONVERSATIONS, {"lines": list(line_ids), "keys": list(keys)}))


_CONVERSATIONS = (
    select(Conversation)
    .where(
        # The lines stand on both sides, and the condition of the partial index is repeated: else SQLite uses one index only.
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
