"""The steps of a message: into the line's queue, over to Gupshup, from there to the client's phone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from activities.errors import CATALOGUE
from bx24.i18n import Text
from gupshup.events import StatusKind
from gupshup.refusals import refusal
from messaging.insight.provider_events import masked
from messaging.insight.steps import Step
from messaging.store.models import Line, Message
from messaging.store.states import Hold, MessageStatus
from messaging.system import logs


@dataclass(frozen=True)
class _Arrival:
    """How the timeline shows that a message has come one step further. column: the message's time of it."""

    column: str
    event: StatusKind
    words: Text
    sign: str
    mood: str = ""


_ARRIVALS = (
    _Arrival(
        "accepted_at",
        StatusKind.ENQUEUED,
        Text("Gupshup accepted it", "Gupshup принял сообщение"),
        "tick",
    ),
    _Arrival("sent_at", StatusKind.SENT, Text("Sent to WhatsApp", "Отправлено в WhatsApp"), "tick"),
    _Arrival(
        "delivered_at", StatusKind.DELIVERED, Text("Delivered to the phone", "Доставлено на телефон"), "double-tick"
    ),
    _Arrival("read_at", StatusKind.READ, Text("Read", "Прочитано"), "double-tick", "info"),
)
_HELD: dict[str, Text] = {
    Hold.WINDOW: Text("Ready, but the 24-hour window was closed", "Готово, но окно 24 часа было закрыто"),
    Hold.QUIET: Text("Ready, but these were quiet hours for the client", "Готово, но у клиента были тихие часы"),
}
_CONNECTION_BROKE = Text(
    "The connection broke after the request was written. The message may have left, so we do not send it again.",
    "Связь оборвалась после отправки. Сообщение могло уйти, поэтому сами мы его не повторяем.",
)
_REFUSED_TOO_LATE = Text(
    "A refusal came after the delivery. It changes nothing", "После доставки пришёл отказ. Он ничего не меняет"
)


def message_steps(message: Message, line: Line | None, bodies: Mapping[StatusKind, str]) -> list[Step]:
    """What has happened to a message, in this order. bodies: of Gupshup's events, by kind, masked."""
    steps = (
        _queued(message, line),
        _handed_over(message),
        _unclear(message, bodies),
        *(_arrived(message, arrival, bodies) for arrival in _ARRIVALS),
        _failed(message, bodies),
    )
    return [step for step in steps if step is not None and step.at is not None]


def _queued(message: Message, line: Line | None) -> Step:
    if message.hold:
        return Step(
            message.created_at, _HELD[message.hold], "clock", raw=masked(message.payload) if message.payload else ""
        )
    name = (line.name or line.app_name) if line else ""
    words = Text("In the queue of the line “{line}”", "В очереди линии «{line}»").format(line=name)
    return Step(message.created_at, words, "clock", raw=masked(message.payload) if message.payload else "")


def _handed_over(message: Message) -> Step | None:
    if message.status == MessageStatus.QUEUED:
        return None
    words = Text("Handed over to Gupshup", "Передано в Gupshup")
    if message.attempts > 1:
        words = Text(f"{words.en}, attempt {message.attempts}", f"{words.ru}, попытка {message.attempts}")
    return Step(message.claimed_at, words, "up")


def _unclear(message: Message, bodies: Mapping[StatusKind, str]) -> Step | None:
    """A message of which nobody knows whether it was sent, or one that was refused after its delivery."""
    if message.status == MessageStatus.FAILED or not (message.status == MessageStatus.UNKNOWN or message.error_code):
        return None
    words = _REFUSED_TOO_LATE if message.failed_at else _CONNECTION_BROKE
    return _trouble(message.failed_at or message.claimed_at, words, "question", "warn", message, bodies)


def _arrived(message: Message, arrival: _Arrival, bodies: Mapping[StatusKind, str]) -> Step:
    details: tuple[tuple[Text, str], ...] = ()
    if arrival.event == StatusKind.ENQUEUED:
        details = (
            (Text("Gupshup ID", "ID в Gupshup"), message.gupshup_id or ""),
            (Text("WhatsApp ID", "ID в WhatsApp"), message.whatsapp_id or ""),
        )
    at: datetime | None = getattr(message, arrival.column)
    return Step(at, arrival.words, arrival.sign, arrival.mood, details=details, raw=bodies.get(arrival.event, ""))


def _failed(message: Message, bodies: Mapping[StatusKind, str]) -> Step | None:
    if message.status != MessageStatus.FAILED:
        return None
    return _trouble(message.failed_at, failure(message), "cross", "bad", message, bodies)


def failure(message: Message) -> Text:
    """Why a message failed, and what to do. What we have refused ourselves says so in the portal's language already."""
    if (
        message.run_id is None
        and message.accepted_at is None
        and message.error_code in CATALOGUE
        and message.error_reason
    ):
        return Text(message.error_reason, message.error_reason)
    found = refusal(message.error_code, message.error_reason)
    return Text(found.en, found.ru)


def _trouble(
    at: datetime | None, words: Text, sign: str, mood: str, message: Message, bodies: Mapping[StatusKind, str]
) -> Step:
    details = (
        (Text("Code", "Код"), message.error_code),
        (Text("In the provider's words", "Дословно от провайдера"), logs.scrub(message.error_reason)),
    )
    return Step(at, words, sign, mood, details=details, raw=bodies.get(StatusKind.FAILED, ""))
