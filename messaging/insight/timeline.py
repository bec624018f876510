"""The timeline of one run, from robot call to answer: for the app's page and for the command line.

Every text is in both languages, because the reader need not speak the portal's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer

from activities.base import UNTIL
from bx24.i18n import Text
from messaging.insight import provider_events
from messaging.insight.gaps import GapReasons
from messaging.insight.message_steps import message_steps
from messaging.insight.reasons import awaited, language_of, reason_of
from messaging.insight.search_rows import status_of
from messaging.insight.sent_message import client_view
from messaging.insight.steps import FIRST_SIGNS, Step, in_order, with_gaps
from messaging.insight.wording import duration, held, status, title
from messaging.runs.outcomes import iso
from messaging.runtime import Runtime
from messaging.store.models import Conversation, Line, Message, Reply, Run
from messaging.store.states import MessageStatus, Origin, OutcomeKind, RunState

#: Side of a run → who started it.
_STARTED: dict[str, Text] = {
    "robots": Text("Bitrix24 started the robot “{name}”", "Битрикс24 запустил робота «{name}»"),
    "activities": Text("Bitrix24 started the activity “{name}”", "Битрикс24 запустил действие «{name}»"),
    Origin.API: Text("A program handed the message over through the API", "Программа передала сообщение через API"),
}
#: Action that sends nothing → what it does meanwhile.
_WAITS = {
    "wait_reply": Text("Waits for the client's reply", "Ждёт ответа клиента"),
    "wait_delivery": Text("Waits for another robot's message", "Ждёт сообщение другого робота"),
}


@dataclass(frozen=True)
class Timeline:
    """A run, its message if it has one, and what happened. run: None for a message without one (lone_timeline).

    status: one of search_rows.STATUSES. reason: why it did not go well, None if it did.
    sent: the message as the client sees it (sent_message.client_view), None if nothing is left of it.
    """

    run: Run | None
    message: Message | None
    line: Line | None
    phone: str
    status: str
    reason: Text | None
    steps: list[Step]
    sent: dict[str, Any] | None = None

    @property
    def replies(self) -> list[Step]:
        """The steps in which the client replied; `quote` is what was written or tapped."""
        return [step for step in self.steps if step.sign == "reply"]

    @property
    def is_wiped(self) -> bool:
        """Whether the message's texts have been deleted, as they are some months after the end."""
        return self.message is not None and self.message.payload is None


def build(session: Session, runtime: Runtime, run_id: int, portal_id: int | None = None) -> Timeline | None:
    """The timeline of a run; None if there is no such run, or it is another portal's. Raises Undecryptable."""
    run = session.get(Run, run_id, options=[defer(Run.event_token), defer(Run.auth)])
    if run is None or portal_id not in (None, run.portal_id):
        return None
    message = session.scalar(select(Message).where(Message.run_id == run_id))
    line_id = message.line_id if message else run.line_id
    line = session.get(Line, line_id, options=[defer(Line.api_key), defer(Line.secret)]) if line_id else None
    conversation_id = message.conversation_id if message else run.conversation_id
    conversation = session.get(Conversation, conversation_id) if conversation_id else None
    return Timeline(
        run=run,
        message=message,
        line=line,
        phone=conversation.phone if conversation else "",
        status=status_of(run.outcome, message.status if message else None),
        reason=reason_of(run, message, line, language_of(session, run)),
        steps=TimelineBuilder(session, runtime, run, message, line).steps(),
        sent=client_view(session, message) if message is not None and message.payload else None,
    )


def facts(message: Message) -> dict[str, Any]:
    """The bare facts, for the command line. Times are ISO 8601, empty if it did not happen."""
    run = message.run
    return {
        "id": message.id,
        "message_id": message.gupshup_id or "",
        "origin": message.origin,
        "trace": run.trace if run else "",
        "portal": message.line.portal.member_id,
        "line": f"{message.line.name} (+{message.line.phone})",
        "to": f"+{message.conversation.phone}",
        "action": f"{run.side}/{run.action}" if run else message.action,
        "document": "/".join(run.document) if run else message.item,
        "kind": message.kind,
        "status": message.status,
        "hold": message.hold,
        "held_until": iso(message.held_until),
        "attempts": message.attempts,
        "called_at": iso(run.stored_at if run else message.created_at),
        "planned_at": iso(message.created_at),
        "claimed_at": iso(message.claimed_at),
        "accepted_at": iso(message.accepted_at),
        "sent_at": iso(message.sent_at),
        "delivered_at": iso(message.delivered_at),
        "read_at": iso(message.read_at),
        "failed_at": iso(message.failed_at),
        "error_code": message.error_code,
        "error_reason": message.error_reason,
        **(_facts_of_run(run) if run else {}),
    }


def _facts_of_run(run: Run) -> dict[str, Any]:
    return {
        "until": run.until,
        "outcome": run.outcome or "open",
        "ended_at": iso(run.ended_at),
        "answered_at": iso(run.answered_at),
        "answers_sent": run.answers_sent,
    }


def printed(steps: Iterable[Step]) -> list[str]:
    """The steps as lines for a terminal, in English and without the client's words."""
    lines = []
    for step in steps:
        if step.waited is not None:
            because = f": {step.because.en}" if step.because else ""
            lines.append(f"{'':23} … {duration(step.waited).en}{because}")
        at = step.at.isoformat(sep=" ", timespec="milliseconds")[:23] if step.at else "…"
        lines.append(f"{at:23} {step.words.en}")
    return lines


class TimelineBuilder:
    """Turns what is stored of a run into steps. message, line: the run's, if it has them."""

    def __init__(
        self, session: Session, runtime: Runtime, run: Run, message: Message | None, line: Line | None
    ) -> None:
        self.session, self.runtime = session, runtime
        self.run, self.message, self.line = run, message, line

    def steps(self) -> list[Step]:
        """All steps in order, with the pauses between them."""
        steps = [self._started(), *self._of_message(), *self._replies(), *self._result(), *self._awaited()]
        return with_gaps(in_order(steps), GapReasons(self.session, self.run, self.message, self.line).between)

    def _started(self) -> Step:
        run = self.run
        words = _STARTED[run.side].format(name=title(run.side, run.action))
        details = (
            (Text("Number to quote", "Номер для поддержки"), run.trace),
            (Text("Document", "Документ"), " · ".join(filter(None, run.document))),
            (Text("Workflow", "Бизнес-процесс"), run.workflow_id),
        )
        return Step(run.stored_at, words, FIRST_SIGNS[run.side], details=details)

    def _of_message(self) -> list[Step]:
        if self.message is not None:
            bodies = provider_events.bodies(self.session, self.runtime, self.message)
            return message_steps(self.message, self.line, bodies)
        words = _WAITS.get(self.run.action)
        return [Step(self.run.stored_at, words, "hourglass")] if words and self.run.state == RunState.WAITING else []

    def _replies(self) -> list[Step]:
        replies = select(Reply).where(Reply.run_id == self.run.id).order_by(Reply.id)
        return [_replied(reply) for reply in self.session.scalars(replies)]

    def _result(self) -> list[Step]:
        """How the run ended, and whether Bitrix24 knows. A program asks when it likes."""
        if self.run.state != RunState.ENDED:
            return []
        return [*self._failure(), *([_answer(self.run)] if self.run.side != Origin.API else ())]

    def _failure(self) -> list[Step]:
        """Why the run failed or timed out, unless the failure of its message says so already."""
        run = self.run
        is_told_by_message = self.message is not None and self.message.status == MessageStatus.FAILED
        if run.outcome not in (OutcomeKind.FAILED, OutcomeKind.TIMEOUT) or is_told_by_message:
            return []
        words = reason_of(run, self.message, self.line, language_of(self.session, run)) or status(
            run.outcome, run.action
        )
        sign, mood = ("cross", "bad") if run.outcome == OutcomeKind.FAILED else ("hourglass", "warn")
        return [Step(run.ended_at, words, sign, mood, details=((Text("Code", "Код"), run.error_code),))]

    def _awaited(self) -> list[Step]:
        """What an open run is waiting for."""
        run, message = self.run, self.message
        if run.state == RunState.ENDED:
            return []
        if message is not None and message.status in (MessageStatus.QUEUED, MessageStatus.SENDING):
            words = self._place_in_queue(message)
        elif message is not None and message.status == MessageStatus.HELD:
            words = held(message.hold)
        elif run.state == RunState.STORED:
            words = Text("The message is being prepared", "Готовим сообщение")
        else:
            until = UNTIL[awaited(run, message)]
            words = Text("Waits until {until}", "Ждёт: {until}").format(until=until)
        return [Step(None, words, "hourglass")]

    def _place_in_queue(self, message: Message) -> Text:
        ahead = select(func.count()).where(
            Message.line_id == message.line_id,
            Message.status == MessageStatus.QUEUED,
            Message.run_id < message.run_id,
        )
        return place_in_queue(self.line, self.session.scalar(ahead) or 0)


def place_in_queue(line: Line | None, ahead: int) -> Text:
    """What a queued message waits for. ahead: how many messages of its line leave before it."""
    if line is not None and line.paused_at is not None:
        return Text("Waits: the line is paused", "Ждёт: линия на паузе")
    if line is not None and line.stopped_at is not None:
        return Text("Waits: the line is stopped", "Ждёт: линия остановлена")
    return Text("Waits for its turn, {n} ahead of it", "Ждёт своей очереди, перед ним {n}").format(n=ahead)


def _replied(reply: Reply) -> Step:
    values = (reply.content or {}).get("values", {})
    details = ((Text("Kind", "Вид"), reply.type), (Text("Code", "Код"), str(values.get("reply_id") or "")))
    words, quote = Text("The client replied", "Клиент ответил"), str(values.get("reply_text") or "")
    return Step(reply.at, words, "reply", "ok", quote=quote, details=details)


def _answer(run: Run) -> Step:
    """Whether Bitrix24 has the result of an ended run, waits for it, or never will."""
    result = status(run.outcome, run.action)
    if run.answered_at is not None:
        words = Text("Bitrix24 got the result: {word}", "Битрикс24 получил результат: {word}").format(word=result)
        sent = (Text("Times it was sent", "Сколько раз отправлен"), str(run.answers_sent))
        return Step(run.answered_at, words, "check", "ok", details=(sent,))
    if not run.waits:
        words = Text("The workflow did not wait for a result", "Бизнес-процесс не ждал результата")
        return Step(run.ended_at, words, "check")
    if run.answer_at is not None:
        words = Text("The result for Bitrix24 is ready: {word}", "Результат для Битрикс24 готов: {word}")
        tries = (Text("Attempts", "Попыток"), str(run.answer_tries))
        return Step(run.ended_at, words.format(word=result), "clock", details=(tries,))
    words = Text("Bitrix24 no longer waits for the result", "Битрикс24 больше не ждёт результата")
    return Step(run.ended_at, words, "warning", "warn")
