"""Finding the conversations of a line with a client: by phone, whatever its spelling, or by WhatsApp's id of the user.

A client has one conversation on a line, as a rule. Two are left from when spellings were not compared, or made before an
event tells that two numbers are one: they share their keys then (`unite`), so that whoever finds one finds the other. The
oldest gets what is new.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session, defer

from messaging.runtime import Runtime
from messaging.store.models import Conversation
from messaging.store.sql import among, insert_missing


def new_conversation(session: Session, runtime: Runtime, line_id: int, phone: str) -> Conversation:
    """A conversation of this line with a phone (digits) that has none yet, unless another transaction makes it just now."""
    key = runtime.phone_key(phone)
    insert_missing(session, Conversation, [{"line_id": line_id, "phone": phone, "phone_key": key}], "id")
    mine = (Conversation.line_id == line_id) & (Conversation.phone_key == key)
    return session.scalars(select(Conversation).where(mine)).one()


def conversations_of(
    session: Session, runtime: Runtime, line_id: int, phone: str, user_id: str = ""
) -> list[Conversation]:
    """The conversations of this line with this client, the oldest first. phone: digits, "" where only the id is known."""
    if phone:
        return conversations_with(session, [line_id], runtime.phone_keys(phone))
    asked = {"line": line_id, "key": runtime.user_key(user_id)}
    return list(session.scalars(_OF_USER, asked)) if user_id else []


def conversation_of(session: Session, runtime: Runtime, line_id: int, phone: str) -> Conversation | None:
    """The oldest conversation of this line with this client, which gets what is new. phone: digits."""
    return next(iter(conversations_of(session, runtime, line_id, phone)), None)


def known_or_new(session: Session, runtime: Runtime, line_id: int, phone: str) -> Conversation:
    """The same, and a new conversation if there is none."""
    return conversation_of(session, runtime, line_id, phone) or new_conversation(session, runtime, line_id, phone)


def unite(runtime: Runtime, conversations: Sequence[Conversation], phone: str) -> None:
    """These conversations are with one client, whom WhatsApp also knows by this number (digits)."""
    opened = [one.last_inbound_at for one in conversations if one.last_inbound_at]
    for conversation in conversations:
        others = [one.phone_key for one in conversations if one is not conversation]
        for key in (*others, runtime.phone_key(phone)):
            if key not in (conversation.phone_key, conversation.alias_key):
                conversation.alias_key = key
        conversation.last_inbound_at = max(opened, default=None)


def conversations_with(session: Session, line_ids: Collection[int], keys: Collection[str]) -> list[Conversation]:
    """The conversations of these lines with these phones, the oldest first. Phones stay unread.

    A phone is found by its index key, or by that of WhatsApp's spelling of the number.
    """
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
_OF_USER = (
    select(Conversation)
    .where(
        Conversation.line_id == bindparam("line"),
        Conversation.user_key == bindparam("key"),
        Conversation.user_key.is_not(None),
    )
    .options(defer(Conversation.phone))
    .order_by(Conversation.id)
)
