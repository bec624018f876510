"""Finding the conversation of a line with a phone."""

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from messaging.runtime import Runtime
from messaging.store.models import Conversation


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
