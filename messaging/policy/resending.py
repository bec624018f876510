"""Sending a failed message once more, as one that a person has sent by hand: from its card in the CRM, or from our pages.

A failed message is sent again at most once, however often and wherever somebody asks: its id is the cause of the new one, and
a cause queues one message (Origin.MANUAL). What may be sent to the client is asked when the new message leaves, as always.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from bx24.i18n import Text
from messaging.conversations.queueing import AS_WRITTEN, queue
from messaging.conversations.window import window_until
from messaging.files import storage
from messaging.lines import circuit_breaker
from messaging.runtime import Runtime
from messaging.store.models import Conversation, Line, Message, shard_of
from messaging.store.portal_tasks import PortalTask, change
from messaging.store.states import LineStatus, MessageStatus, Origin

SENT = Text("Sent again, see the newest card", "Отправлено ещё раз, смотрите новую карточку")
_PAST = Text(
    "It has arrived meanwhile, or has been sent again already.",
    "Уже доставлено или уже отправлено ещё раз.",
)
_CAMPAIGN = Text(
    "It belongs to a campaign: make a new campaign of its messages that were not delivered.",
    "Оно из рассылки: сделайте новую рассылку из недоставленных.",
)
_UNREADABLE = Text(
    "No message could be made of it. Write it anew.", "Из него не получилось сообщения. Напишите заново."
)
_WIPED = Text("Its texts have been deleted by now. Send it anew.", "Тексты уже удалены. Отправьте его заново.")
_NO_LINE = Text(
    "Its line is not connected any more. Send it from another line.",
    "Линия отключена. Отправьте с другой линии.",
)
_CLOSED = Text(
    "The client's 24-hour window is closed. Send a template, or wait until the client writes.",
    "Окно 24 часа закрыто. Отправьте шаблон или дождитесь, когда клиент напишет.",
)
_FILE_GONE = Text("Its file is not kept any more. Send it anew.", "Файл уже удалён. Отправьте его заново.")
log = structlog.get_logger(__name__)


@dataclass
class Judged:
    """ids: of the messages that can be sent again, or have been. refused: why others cannot, and how many."""

    ids: list[int] = field(default_factory=list)
    refused: Counter[Text] = field(default_factory=Counter)


def is_lost(message: Message) -> bool:
    """Whether a message has failed and can be sent again: the client does not have it, though after a failure WhatsApp may
    still deliver it; and it is a message, not what somebody has written and we could not read."""
    if AS_WRITTEN in (message.payload or {}):
        return False
    has_arrived = message.delivered_at is not None or message.read_at is not None
    return message.status == MessageStatus.FAILED and not has_arrived


def refusal(session: Session, runtime: Runtime, message: Message) -> Text | None:
    """Why a failed message cannot be sent again, None if it can."""
    line = session.get_one(Line, message.line_id)
    if message.payload is None:
        return _WIPED
    if line.status != LineStatus.CONNECTED:
        return _NO_LINE
    if line.stopped_at is not None:
        return circuit_breaker.why(line)
    conversation = session.get_one(Conversation, message.conversation_id)
    if message.is_session and window_until(conversation, line, runtime.clock()) is None:
        return _CLOSED
    return None if storage.are_kept(session, runtime, message.payload) else _FILE_GONE


def queue_again(session: Session, runtime: Runtime, message: Message, user_id: int) -> int | None:
    """Queue a failed message once more; the id of the new one, None if it has one. The caller wakes the drain of its shard."""
    content = {
        name: getattr(message, name)
        for name in ("kind", "is_session", "payload", "choices", "action", "template", "category", "country", "item")
    }
    line = session.get_one(Line, message.line_id)
    cause = (Origin.MANUAL, message.id)
    again = {**content, "author_id": user_id or None, "timeline": True}
    new_id = queue(session, runtime.clock(), line, message.conversation_id, cause, again)
    log.info("sent again by hand", portal=message.portal_id, message=message.id, new=new_id)
    return new_id


# --- several at once, from our pages --------------------------------------------------------------------------------------


def lost_among(
    session: Session, portal_id: int, run_ids: Collection[int], message_ids: Collection[int] = ()
) -> list[int]:
    """The messages of these runs, and of these ids, that have failed and were not sent again yet; the newest first. Those of a
    campaign are left out: it makes a new campaign of them, and nobody is to get both."""
    failed = (Message.status == MessageStatus.FAILED, Message.delivered_at.is_(None), Message.origin != Origin.CAMPAIGN)
    found: list[int] = []
    for column, ids in ((Message.run_id, run_ids), (Message.id, message_ids)):
        lost = select(Message.id).where(Message.portal_id == portal_id, column.in_(ids), *failed)
        found += session.scalars(lost) if ids else ()
    return sorted(set(found) - _sent_again(session, found), reverse=True)


def judge(session: Session, runtime: Runtime, portal_id: int, ids: Sequence[int]) -> Judged:
    """Which of these messages of a portal can be sent again, and why others cannot; foreign ids are passed over."""
    found, past = Judged(), _sent_again(session, ids)
    mine = select(Message).where(Message.id.in_(ids), Message.portal_id == portal_id).order_by(Message.id)
    for message in session.scalars(mine):
        why = _PAST if message.id in past else _not_again(message) or refusal(session, runtime, message)
        if why is None:
            found.ids.append(message.id)
        else:
            found.refused[why] += 1
    return found


def _not_again(message: Message) -> Text | None:
    """Why it is no message that could be sent again."""
    if message.origin == Origin.CAMPAIGN:
        return _CAMPAIGN
    if AS_WRITTEN in (message.payload or {}):
        return _UNREADABLE
    return None if is_lost(message) else _PAST


def send_again(runtime: Runtime, portal_id: int, ids: Sequence[int], user_id: int) -> Judged:
    """Send these messages of a portal again, oldest first, and say so in their cards."""
    judged = runtime.db.write_again(lambda session: _send_again(session, runtime, portal_id, ids, user_id))
    runtime.pending_wakeups.add([shard_of(portal_id)])
    return judged


def _send_again(session: Session, runtime: Runtime, portal_id: int, ids: Sequence[int], user_id: int) -> Judged:
    # Cards first, as a click on one of them does: the other way round, both would wait for each other.
    keys = [f"card m{message_id}" for message_id in ids]
    cards = select(PortalTask).where(PortalTask.portal_id == portal_id, PortalTask.key.in_(keys))
    locked = {card.key: card for card in session.scalars(cards.order_by(PortalTask.id).with_for_update())}
    judged = judge(session, runtime, portal_id, ids)
    sent = [one for one in judged.ids if queue_again(session, runtime, session.get_one(Message, one), user_id)]
    judged.refused[_PAST] += len(judged.ids) - len(sent)
    judged.ids = sent
    told = [locked[key] for key in (f"card m{message_id}" for message_id in sent) if key in locked]
    for card in told:
        mark(card, {"note": {"en": SENT.en, "ru": SENT.ru}, "resent": True})
    session.flush()
    if told:
        change(session, portal_id, [card.key for card in told], runtime.clock())
    judged.refused += Counter()  # without zeros
    return judged


def mark(card: PortalTask, note: dict[str, object]) -> None:
    """Let a card say this. Without what it shows it is written in any case: a clicked button waits for that."""
    card.result = {**{name: value for name, value in (card.result or {}).items() if name != "shown"}, **note}


def _sent_again(session: Session, ids: Collection[int]) -> set[int]:
    again = select(Message.origin_id).where(Message.origin == Origin.MANUAL, Message.origin_id.in_(ids))
    return set(session.scalars(again)) if ids else set()
