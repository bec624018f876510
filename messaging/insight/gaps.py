"""Why nothing happened between two steps of a timeline, as far as the stored rows can say it afterwards."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bx24.i18n import Text
from messaging.insight.steps import Step
from messaging.store.models import Line, Message, Run
from messaging.store.states import Hold, OutcomeKind

_NO_REPLY = Text("the client did not answer", "клиент не отвечал")
_VALUES_MISSING = Text("data was missing, we asked for it {n} times", "не хватало данных, запросов {n}")
_TRIED_AGAIN = Text(
    "Gupshup did not answer or asked us to slow down, attempts: {n}",
    "Gupshup не отвечал или просил подождать, попыток {n}",
)
_EARLIER_MESSAGE = Text(
    "an earlier message to this client went first", "сначала ушло предыдущее сообщение этому клиенту"
)
_HELD: dict[str, Text] = {
    Hold.WINDOW: Text("we waited until the client wrote", "ждали, пока клиент напишет"),
    Hold.QUIET: Text("we waited for the end of quiet hours", "ждали конца тихих часов"),
}
_LINE_STOPPED = Text("the line was stopped", "линия была остановлена")
_LINE_BUSY = Text(
    "the line was paused, or sent other messages first at its own pace",
    "линия была на паузе или отправляла другие сообщения в своём темпе",
)
_PHONE_OFF = Text("the phone was off or without internet", "телефон был выключен или не в сети")
_CHAT_NOT_OPENED = Text("the client had not opened the chat", "клиент не открывал чат")
_QUEUE_OF_GUPSHUP = Text("the message was in Gupshup's queue", "сообщение стояло в очереди Gupshup")
_ANSWER_REFUSED = Text("Bitrix24 did not take the answer, attempts: {n}", "Битрикс24 не принимал ответ, попыток {n}")
#: Outcome of the run → what it waited for before it ended.
_BEFORE_THE_END: dict[str, Text] = {
    OutcomeKind.UNKNOWN: Text("we waited for news from Gupshup", "ждали вестей от Gupshup"),
    OutcomeKind.TIMEOUT: Text("it was waited until the time ran out", "ждали до конца отведённого времени"),
}


class GapReasons:
    """The reasons of the gaps in one timeline. run: None for a message without one; message, line: if there are any."""

    def __init__(self, session: Session, run: Run | None, message: Message | None, line: Line | None) -> None:
        self.session, self.run, self.message, self.line = session, run, message, line

    def between(self, before: Step, after: Step) -> Text | None:
        """Why so much time passed between two steps; None if nobody knows. The first reason that fits is given."""
        if after.at is None:
            return None
        if self.message is None:
            return _NO_REPLY if self.run is not None and self.run.action == "wait_reply" else None
        return (
            self._before_sending(self.message, before, after)
            or self._on_the_way(self.message, after)
            or self._before_the_end(after)
        )

    def _before_sending(self, message: Message, before: Step, after: Step) -> Text | None:
        if after.at == message.created_at and self.run is not None and self.run.plan_tries:
            return _VALUES_MISSING.format(n=self.run.plan_tries)
        if before.at == message.created_at and after.at == message.claimed_at:
            return _HELD.get(message.hold) or self._in_the_queue(message)
        return None

    def _on_the_way(self, message: Message, after: Step) -> Text | None:
        if after.at == message.delivered_at:
            return _PHONE_OFF
        if after.at == message.read_at or after.sign == "reply":
            return _CHAT_NOT_OPENED
        return _QUEUE_OF_GUPSHUP if after.at == message.sent_at else None

    def _before_the_end(self, after: Step) -> Text | None:
        if self.run is None:
            return None
        if after.at == self.run.answered_at and self.run.answer_tries:
            return _ANSWER_REFUSED.format(n=self.run.answer_tries)
        return _BEFORE_THE_END.get(self.run.outcome)

    def _in_the_queue(self, message: Message) -> Text:
        if message.attempts > 1:
            return _TRIED_AGAIN.format(n=message.attempts)
        if self._had_an_earlier_message(message):
            return _EARLIER_MESSAGE
        resumed = self.line.resumed_at if self.line else None
        if resumed and message.claimed_at and message.created_at < resumed <= message.claimed_at:
            return _LINE_STOPPED
        return _LINE_BUSY

    def _had_an_earlier_message(self, message: Message) -> bool:
        """Whether an older message to the same client was still unfinished when this one was planned."""
        finished_at = func.coalesce(Message.accepted_at, Message.failed_at, Message.claimed_at)
        earlier = select(Message.id).where(
            Message.conversation_id == message.conversation_id,
            Message.id < message.id,
            finished_at > message.created_at,
        )
        return self.session.scalar(earlier.order_by(Message.id.desc()).limit(1)) is not None
