"""The timeline of a message that no run has asked for: what a person has sent by hand, what an operator has written."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer

from bx24.i18n import Text
from messaging.insight import provider_events
from messaging.insight.gaps import GapReasons
from messaging.insight.message_steps import failure, message_steps
from messaging.insight.search_rows import lone_status
from messaging.insight.sent_message import client_view
from messaging.insight.steps import FIRST_SIGNS, Step, in_order, with_gaps
from messaging.insight.timeline import Timeline, place_in_queue
from messaging.insight.wording import title
from messaging.runtime import Runtime
from messaging.store.campaigns import Campaign
from messaging.store.models import Line, Message
from messaging.store.states import MessageStatus

_DROPPED = Text("It was not sent: it was withdrawn before it left", "Не отправлено: сообщение отозвали до отправки")
_UNKNOWN = Text(
    "The connection broke while it was sent. Whether it has arrived is unknown; we do not send it again by ourselves.",
    "Связь оборвалась во время отправки. Дошло ли сообщение, неизвестно; сами мы его не повторяем.",
)


def build(session: Session, runtime: Runtime, message_id: int, portal_id: int | None = None) -> Timeline | None:
    """The timeline of a message without a run; None if there is none, or it is another portal's. Raises Undecryptable."""
    message = session.get(Message, message_id)
    if message is None or message.run_id is not None or portal_id not in (None, message.portal_id):
        return None
    line = session.get_one(Line, message.line_id, options=[defer(Line.api_key), defer(Line.secret)])
    bodies = provider_events.bodies(session, runtime, message)
    steps = [_started(session, message), *message_steps(message, line, bodies), *_awaited(session, message, line)]
    gaps = GapReasons(session, None, message, line)
    return Timeline(
        run=None,
        message=message,
        line=line,
        phone=message.conversation.phone,
        status=lone_status(message.status),
        reason=why(message),
        steps=with_gaps(in_order(steps), gaps.between),
        sent=client_view(session, message) if message.payload else None,
    )


def why(message: Message) -> Text | None:
    """Why a message did not go well, and what to do; None if it did."""
    match message.status:
        case MessageStatus.FAILED:
            return failure(message)
        case MessageStatus.DROPPED:
            return _DROPPED
        case MessageStatus.UNKNOWN:
            return _UNKNOWN
    return None


def _started(session: Session, message: Message) -> Step:
    details = [(Text("Document", "Документ"), message.item)]
    campaign = session.get(Campaign, message.campaign_id) if message.campaign_id is not None else None
    if campaign is not None:
        details.append((Text("Campaign", "Рассылка"), campaign.name))
    return Step(
        message.created_at, title(message.origin, message.action), FIRST_SIGNS[message.origin], details=tuple(details)
    )


def _awaited(session: Session, message: Message, line: Line) -> list[Step]:
    if message.status not in (MessageStatus.QUEUED, MessageStatus.SENDING):
        return []
    ahead = select(func.count()).where(
        Message.line_id == message.line_id,
        Message.status == MessageStatus.QUEUED,
        Message.priority <= message.priority,
        Message.position <= message.position,
        Message.id < message.id,
    )
    return [Step(None, place_in_queue(line, session.scalar(ahead) or 0), "hourglass")]
