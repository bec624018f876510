"""A click on “Resend” in a timeline card: the same message once more, as one that a person has sent by hand.

Bitrix24 sends ONCRMTIMELINEITEMACTION with the activity, its item and what we have put into the button. That is a request, no
proof: the card that we remember for this message must be that activity. A failed message is sent again at most once, however
often somebody clicks: its id is the cause of the new one. What makes no sense, or whoever clicks may not do, is not sent; the
card and a notice say why.
"""

from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from bx24 import i18n
from bx24.i18n import Text
from bx24.payloads import EventCall
from messaging.conversations.queueing import AS_WRITTEN, queue
from messaging.conversations.window import window_until
from messaging.files import storage
from messaging.lines import circuit_breaker
from messaging.policy import rights
from messaging.policy.rights import Person, Right, Who
from messaging.policy.settings import Policy
from messaging.portals import people, portals
from messaging.runs import crm_tasks
from messaging.runtime import Runtime
from messaging.store.models import Conversation, Line, Message, Portal
from messaging.store.portal_tasks import PortalTask, change, put
from messaging.store.states import LineStatus, MessageStatus, Origin

EVENT = "ONCRMTIMELINEITEMACTION"
_SENT = Text("Sent again, see the newest card", "Отправлено ещё раз, смотрите новую карточку")
_NOT_SENT = Text("Not sent again. {why}", "Ещё раз не отправлено. {why}")
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
_NO_RIGHT = Text(
    "You have no right to send by hand. An administrator gives it on the app's page “Rights”.",
    "У вас нет права отправлять вручную. Его даёт администратор на странице приложения «Права».",
)
log = structlog.get_logger(__name__)


def clicked(runtime: Runtime, portal: Portal, call: EventCall) -> None:
    """Somebody has clicked a button in one of our cards."""
    message_id, activity = (_number(call.data.get(name)) for name in ("message", "activityId"))
    if str(call.data.get("id")) == "resend" and message_id and activity:
        user_id = call.auth.user_id or _number(call.data.get("userId")) or 0
        why = None if _may_send(runtime, portal, user_id, call.auth.access_token) else _NO_RIGHT
        runtime.db.write_again(lambda session: _resend(session, runtime, portal.id, message_id, activity, user_id, why))


def _may_send(runtime: Runtime, portal: Portal, user_id: int, access_token: str) -> bool:
    """Whether this user may send by hand; the portal is asked only if that depends on who it is."""
    policy = Policy.of(portal)
    if rights.granted(policy, Right.SEND).who == Who.ALL:
        return True
    is_admin = portals.is_persons_admin(runtime, portal, access_token)
    person = Person(user_id, is_admin, lambda: people.departments_of(runtime, portal.id, user_id))
    return rights.may(policy, Right.SEND, person)


def is_lost(message: Message) -> bool:
    """Whether a message has failed and can be sent again: the client does not have it, though after a failure WhatsApp may
    still deliver it; and it is a message, not what somebody has written and we could not read."""
    if AS_WRITTEN in (message.payload or {}):
        return False
    has_arrived = message.delivered_at is not None or message.read_at is not None
    return message.status == MessageStatus.FAILED and not has_arrived


def _number(value: Any) -> int:
    text = str(value or "")
    return int(text) if text.isdecimal() and len(text) < 19 else 0


def _resend(
    session: Session,
    runtime: Runtime,
    portal_id: int,
    message_id: int,
    activity: int,
    user_id: int,
    forbidden: Text | None,
) -> None:
    key = f"card m{message_id}"
    card = session.scalar(
        select(PortalTask).where(PortalTask.portal_id == portal_id, PortalTask.key == key).with_for_update()
    )
    message = session.get(Message, message_id)
    known = (card.result if card is not None else None) or {}
    if card is None or message is None or message.portal_id != portal_id or known.get("activity") != activity:
        log.warning("a click on a card that is not ours", portal=portal_id, message=message_id)
        return
    if not is_lost(message):
        note: dict[str, Any] = {}  # the card was not up to date yet
    elif (why := forbidden or _refusal(session, runtime, message)) is not None:
        note = {"note": _told(session, runtime, portal_id, message_id, user_id, why)}
    else:
        _queue_again(session, runtime, message, user_id)
        note = {"note": {"en": _SENT.en, "ru": _SENT.ru}, "resent": True}
    # Without what it shows the card is written in any case: the clicked button waits for that.
    card.result = {**{name: value for name, value in known.items() if name != "shown"}, **note}
    session.flush()
    change(session, portal_id, [key], runtime.clock())


def _queue_again(session: Session, runtime: Runtime, message: Message, user_id: int) -> None:
    content = {
        name: getattr(message, name)
        for name in ("kind", "is_session", "payload", "choices", "action", "template", "category", "country", "item")
    }
    line = session.get_one(Line, message.line_id)
    cause = (Origin.MANUAL, message.id)
    again = {**content, "author_id": user_id or None, "timeline": True}
    new_id = queue(session, runtime.clock(), line, message.conversation_id, cause, again)
    log.info("sent again by hand", portal=message.portal_id, message=message.id, new=new_id)


def _refusal(session: Session, runtime: Runtime, message: Message) -> Text | None:
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


def _told(
    session: Session, runtime: Runtime, portal_id: int, message_id: int, user_id: int, why: Text
) -> dict[str, str]:
    """Tell the person who has clicked why nothing was sent; returns what the card says."""
    words = _NOT_SENT.format(why=why)
    if user_id:
        language = i18n.language(session.scalar(select(Portal.language).where(Portal.id == portal_id)))
        cause = f"resend m{message_id} {int(runtime.clock().timestamp())}"
        put(session, portal_id, runtime.clock(), [crm_tasks.notice(user_id, cause, words.to(language))])
    return {"en": words.en, "ru": words.ru}
