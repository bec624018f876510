"""A click on “Resend” in a timeline card: the same message once more, as one that a person has sent by hand.

Bitrix24 sends ONCRMTIMELINEITEMACTION with the activity, its item and what we have put into the button. That is a request, no
proof: the card that we remember for this message must be that activity. A failed message is sent again at most once
(messaging.policy.resending). What makes no sense, or whoever clicks may not do, is not sent; the card and a notice say why.
"""

from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from bx24 import i18n
from bx24.i18n import Text
from bx24.payloads import EventCall
from messaging.policy import resending, rights
from messaging.policy.rights import Person, Right, Who
from messaging.policy.settings import Policy
from messaging.portals import people, portals
from messaging.runs import crm_tasks
from messaging.runtime import Runtime
from messaging.store.models import Message, Portal
from messaging.store.portal_tasks import PortalTask, change, put

EVENT = "ONCRMTIMELINEITEMACTION"
_NOT_SENT = Text("Not sent again. {why}", "Ещё раз не отправлено. {why}")
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
    if not resending.is_lost(message):
        note: dict[str, Any] = {}  # the card was not up to date yet
    elif (why := forbidden or resending.refusal(session, runtime, message)) is not None:
        note = {"note": _told(session, runtime, portal_id, message_id, user_id, why)}
    else:
        resending.queue_again(session, runtime, message, user_id)
        note = {"note": {"en": resending.SENT.en, "ru": resending.SENT.ru}, "resent": True}
    resending.mark(card, note)
    session.flush()
    change(session, portal_id, [key], runtime.clock())


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
