"""One run's whole story, from robot call to answer, for people who ask what became of it.

Told to the app's page and to the command line; in both languages, because who reads it need not speak the portal's.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import Text as SqlText
from sqlalchemy import func, select, type_coerce
from sqlalchemy.orm import Session, defer

from activities import ACTIONS
from activities.base import UNTIL
from bx24.i18n import Text
from gupshup import webhooks
from gupshup.refusals import refusal
from messaging.insight.reasons import language_of, reason_of
from messaging.insight.search_rows import status_of
from messaging.insight.sent_message import drawn
from messaging.runs.outcomes import iso
from messaging.runtime import Runtime
from messaging.store.crypto import Undecryptable
from messaging.store.models import Conversation, InboundEvent, Line, Message, Reply, Run
from messaging.system import logs
from robots import ROBOTS

#: A pause longer than this is drawn and, if possible, explained.
GAP = timedelta(minutes=1)

STATUS: dict[str, Text] = {
    "queued": Text("queued", "в очереди"),
    "accepted": Text("accepted", "принято"),
    "sent": Text("sent", "отправлено"),
    "delivered": Text("delivered", "доставлено"),
    "read": Text("read", "прочитано"),
    "replied": Text("replied", "ответил"),
    "failed": Text("failed", "не доставлено"),
    "unknown": Text("unknown", "неизвестно"),
    "timeout": Text("timeout", "время вышло"),
    "ok": Text("done", "готово"),
}


@dataclass(frozen=True)
class Step:
    """One thing that happened. at: None for what is still awaited. sign: an icon; mood: ok, bad, warn, info or "".

    quote: words of a client, for the page alone. details: name → value; raw: JSON of the provider or for him, masked.
    waited, because: how long nothing happened before, if longer than GAP, and why, as far as anybody knows.
    """

    at: datetime | None
    words: Text
    sign: str = "check"
    mood: str = ""
    quote: str = ""
    details: tuple[tuple[Text, str], ...] = ()
    raw: str = ""
    waited: timedelta | None = None
    because: Text | None = None


@dataclass(frozen=True)
class Story:
    """A run, its message if it has one, and what happened."""

    run: Run
    message: Message | None
    line: Line | None
    phone: str
    status: str
    reason: Text | None
    steps: list[Step]
    sent: dict[str, Any] | None = field(default=None)

    @property
    def is_wiped(self) -> bool:
        """Whether the texts are gone, as they are after a while."""
        return self.message is not None and self.message.payload is None


def tell(session: Session, runtime: Runtime, run_id: int, portal_id: int | None = None) -> Story | None:
    """The story of a run; None if there is none, or it is another portal's. Raises Undecryptable."""
    run = session.get(Run, run_id, options=[defer(Run.event_token), defer(Run.auth)])
    if run is None or portal_id not in (None, run.portal_id):
        return None
    message = session.scalar(select(Message).where(Message.run_id == run_id))
    line_id = message.line_id if message else run.line_id
    line = session.get(Line, line_id, options=[defer(Line.api_key), defer(Line.secret)]) if line_id else None
    talk = message.conversation_id if message else run.conversation_id
    conversation = session.get(Conversation, talk) if talk else None
    status = status_of(run.outcome, message.status if message else None)
    return Story(
        run=run,
        message=message,
        line=line,
        phone=conversation.phone if conversation else "",
        status=status,
        reason=reason_of(run, message, line, language_of(session, run)),
        steps=_Teller(session, runtime, run, message, line).steps(),
        sent=drawn(session, message) if message is not None and message.payload else None,
    )


def facts(message: Message) -> dict[str, Any]:
    """The bare facts, for the command line. Times ISO 8601, empty if it did not happen."""
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


def lines_of(steps: Iterable[Step]) -> list[str]:
    """The steps for a terminal, without a client's words."""
    told = []
    for step in steps:
        if step.waited is not None:
            because = f": {step.because.en}" if step.because else ""
            told.append(f"{'':23} … {lasted(step.waited).en}{because}")
        told.append(
            f"{step.at.isoformat(sep=' ', timespec='milliseconds')[:23] if step.at else '…':23} {step.words.en}"
        )
    return told


def title(side: str, action: str) -> Text:
    """The robot's or the activity's name."""
    if side == "robots" and action in ROBOTS:
        return ROBOTS[action][1]
    return ACTIONS[action].title if action in ACTIONS else Text(action, action)


def lasted(time: timedelta) -> Text:
    """A duration: 1 h 20 min."""
    seconds = max(0, round(time.total_seconds()))
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    parts = [(days, "d", "д"), (hours, "h", "ч"), (minutes, "min", "мин")] if seconds >= 60 else [(seconds, "s", "с")]
    kept = [part for part in parts if part[0]][:2]
    return Text(*(" ".join(f"{part[0]} {part[side]}" for part in kept) for side in (1, 2)))


class _Teller:
    """Puts a run's times in order. Provider's times are whole seconds, so our own order of the steps counts, not theirs."""

    def __init__(
        self, session: Session, runtime: Runtime, run: Run, message: Message | None, line: Line | None
    ) -> None:
        self.session, self.runtime = session, runtime
        self.run, self.message, self.line = run, message, line
        self.raw = self._webhooks()

    def steps(self) -> list[Step]:
        told = [self._called(), *self._way(), *self._replies(), *self._ending(), *self._awaited()]
        return _with_gaps(_in_order(told), self)

    def _called(self) -> Step:
        run, robot = self.run, self.run.side == "robots"
        name = title(run.side, run.action)
        what = Text("the robot", "робота") if robot else Text("the activity", "действие")
        return Step(
            run.stored_at,
            Text("Bitrix24 started {what} “{name}”", "Битрикс24 запустил {what} «{name}»").format(what=what, name=name),
            "robot",
            details=(
                (Text("Number to quote", "Номер для поддержки"), run.trace),
                (Text("Document", "Документ"), " · ".join(run.document)),
                (Text("Workflow", "Бизнес-процесс"), run.workflow_id),
            ),
        )

    def _way(self) -> list[Step]:
        """The message's own steps."""
        message, line = self.message, self.line
        if message is None:
            if self.run.action == "wait_reply" and self.run.state == "waiting":
                return [
                    Step(self.run.stored_at, Text("Waits for the client's reply", "Ждёт ответа клиента"), "hourglass")
                ]
            return []
        named = (line.name or line.app_name) if line else ""
        told = [
            Step(
                message.created_at,
                Text("In the queue of the line “{line}”", "В очереди линии «{line}»").format(line=named),
                "clock",
                raw=_masked_json(message.payload) if message.payload else "",
            )
        ]
        if message.claimed_at and message.status != "queued":
            nth = f", attempt {message.attempts}", f", попытка {message.attempts}"
            said = Text("Handed over to Gupshup", "Передаём в Gupshup")
            told.append(
                Step(
                    message.claimed_at, Text(said.en + nth[0], said.ru + nth[1]) if message.attempts > 1 else said, "up"
                )
            )
        if message.status == "unknown" or (message.error_code and message.status != "failed"):
            told.append(self._unclear(message))
        told += self._heard(message)
        return [step for step in told if step.at is not None]

    def _unclear(self, message: Message) -> Step:
        words = Text(
            "The connection broke after the request was written. It may have been sent, so we do not repeat it.",
            "Связь оборвалась после отправки. Сообщение могло уйти, поэтому мы не повторяем его сами.",
        )
        if message.failed_at:  # it was refused after it had been delivered
            words = Text(
                "A refusal came after the delivery; it changes nothing",
                "После доставки пришёл отказ; он ничего не меняет",
            )
        at = message.failed_at or message.claimed_at
        return Step(at, words, "question", "warn", details=_provider(message), raw=self.raw.get("failed", ""))

    def _heard(self, message: Message) -> list[Step]:
        raw, gupshup_id = self.raw, message.gupshup_id or ""
        taken = Text("Gupshup accepted it · id {id}", "Gupshup принял · id {id}").format(id=_cut(gupshup_id))
        their_ids = (
            (Text("Id at Gupshup", "Id в Gupshup"), gupshup_id),
            (Text("Id at WhatsApp", "Id в WhatsApp"), message.whatsapp_id or ""),
        )
        told = [
            Step(message.accepted_at, taken, "tick", details=their_ids, raw=raw.get("enqueued", "")),
            Step(message.sent_at, Text("Sent to WhatsApp", "Отправлено в WhatsApp"), "tick", raw=raw.get("sent", "")),
            Step(
                message.delivered_at,
                Text("Delivered to the phone", "Доставлено на телефон"),
                "double-tick",
                raw=raw.get("delivered", ""),
            ),
            Step(message.read_at, Text("Read", "Прочитано"), "double-tick", "info", raw=raw.get("read", "")),
        ]
        if message.status == "failed":
            found = refusal(message.error_code, message.error_reason)
            words = Text(found.en, found.ru)
            told.append(
                Step(message.failed_at, words, "cross", "bad", details=_provider(message), raw=raw.get("failed", ""))
            )
        return told

    def _replies(self) -> list[Step]:
        told = []
        for reply in self.session.scalars(select(Reply).where(Reply.run_id == self.run.id).order_by(Reply.id)):
            values = (reply.content or {}).get("values", {})
            code = str(values.get("reply_id") or "")
            words = Text("The client replied", "Клиент ответил")
            quote = str(values.get("reply_text") or "")
            details = ((Text("Kind", "Вид"), reply.type), (Text("Code", "Код"), code))
            told.append(Step(reply.at, words, "reply", "ok", quote=quote, details=details))
        return told

    def _ending(self) -> list[Step]:
        run = self.run
        if run.state != "ended":
            return []
        told = []
        failed_by_event = self.message is not None and self.message.status == "failed"
        if run.outcome in ("failed", "timeout") and not failed_by_event:
            why = reason_of(run, self.message, self.line, language_of(self.session, run))
            mood, sign = ("bad", "cross") if run.outcome == "failed" else ("warn", "hourglass")
            code = ((Text("Code", "Код"), run.error_code),)
            told.append(Step(run.ended_at, why or STATUS[run.outcome], sign, mood, details=code))
        word = STATUS.get(run.outcome, Text(run.outcome, run.outcome))
        if run.answered_at is not None:
            words = Text("Bitrix24 got the result: {word}", "Битрикс24 получил результат: {word}").format(word=word)
            twice = Text("Times sent, always the same", "Отправлен раз, всегда один и тот же")
            told.append(Step(run.answered_at, words, "check", "ok", details=((twice, str(run.answers_sent)),)))
        elif not run.waits:
            words = Text("The workflow did not wait for a result", "Бизнес-процесс не ждал результата")
            told.append(Step(run.ended_at, words, "check"))
        elif run.answer_at is not None:
            words = Text("The result for Bitrix24 is ready: {word}", "Результат для Битрикс24 готов: {word}")
            tries = ((Text("Tries", "Попыток"), str(run.answer_tries)),)
            told.append(Step(run.ended_at, words.format(word=word), "clock", details=tries))
        else:
            words = Text("Bitrix24 no longer waits for the result", "Битрикс24 больше не ждёт результата")
            told.append(Step(run.ended_at, words, "warning", "warn"))
        return told

    def _awaited(self) -> list[Step]:
        """What an open run is waiting for."""
        if self.run.state == "ended":
            return []
        if self.message is not None and self.message.status in ("queued", "sending"):
            return [Step(None, self._in_queue(self.message), "hourglass")]
        if self.run.state == "stored":
            return [Step(None, Text("We prepare the message", "Готовим сообщение"), "hourglass")]
        until = UNTIL[self.run.until if self.message else "replied"]
        return [Step(None, Text("Waits until {until}", "Ждёт: {until}").format(until=until), "hourglass")]

    def _in_queue(self, message: Message) -> Text:
        line = self.line
        if line is not None and line.paused_at is not None:
            return Text("Waits: the line is paused", "Ждёт: линия на паузе")
        if line is not None and line.stopped_at is not None:
            return Text("Waits: the line is stopped", "Ждёт: линия остановлена")
        ahead = self.session.scalar(
            select(func.count()).where(
                Message.line_id == message.line_id, Message.status == "queued", Message.run_id < message.run_id
            )
        )
        return Text("Waits for its turn, {n} before it", "Ждёт своей очереди, перед ним {n}").format(n=ahead or 0)

    def because(self, before: Step, after: Step) -> Text | None:
        """Why nothing happened between two steps, as far as it can be told afterwards."""
        run, message = self.run, self.message
        if after.at is None:
            return None
        if message is None:
            return Text("the client did not answer", "клиент не отвечал") if run.action == "wait_reply" else None
        if after.at == message.created_at and run.plan_tries:
            return Text("we asked for what was missing, {n} times", "не хватало данных, спрашивали {n} раз").format(
                n=run.plan_tries
            )
        if before.at == message.created_at and after.at == message.claimed_at:
            return self._queued_for(message)
        if after.at == message.delivered_at:
            return Text("the phone was off or without internet", "телефон был выключен или не в сети")
        if after.at in (message.read_at,) or after.sign == "reply":
            return Text("the client had not opened the chat", "клиент не открывал чат")
        if after.at == message.sent_at:
            return Text("Gupshup had it in its own queue", "сообщение стояло в очереди Gupshup")
        if after.at == run.answered_at and run.answer_tries:
            return Text(
                "Bitrix24 did not take the answer, tried {n} times", "Битрикс24 не принимал ответ, попыток {n}"
            ).format(n=run.answer_tries)
        if run.outcome == "unknown":
            return Text("we waited for news from Gupshup", "ждали вестей от Gupshup")
        if run.outcome == "timeout":
            return Text("the wait ran to its end", "время ожидания шло до конца")
        return None

    def _queued_for(self, message: Message) -> Text:
        if message.attempts > 1:
            return Text(
                "Gupshup was not reachable or asked us to slow down; tried {n} times",
                "Gupshup не отвечал или просил подождать, попыток {n}",
            ).format(n=message.attempts)
        earlier = select(Message.id).where(
            Message.conversation_id == message.conversation_id,
            Message.id < message.id,
            func.coalesce(Message.accepted_at, Message.failed_at, Message.claimed_at) > message.created_at,
        )
        if self.session.scalar(earlier.order_by(Message.id.desc()).limit(1)) is not None:
            return Text(
                "an earlier message to this client went first", "сначала ушло предыдущее сообщение этому клиенту"
            )
        resumed = self.line.resumed_at if self.line else None
        if resumed and message.claimed_at and message.created_at < resumed <= message.claimed_at:
            return Text("the line was stopped", "линия была остановлена")
        return Text(
            "the line was paused or sent other messages first, at its pace",
            "линия была на паузе или отправляла другие сообщения в своём темпе",
        )

    def _webhooks(self) -> dict[str, str]:
        """Kind of event → its body, masked. A webhook's key follows from what it tells, so no index is needed for this."""
        message = self.message
        if message is None or not message.gupshup_id:
            return {}
        refs = [ref for ref in (message.gupshup_id, message.whatsapp_id) if ref]
        kinds = webhooks.StatusKind
        times = {kinds.SENT: message.sent_at, kinds.DELIVERED: message.delivered_at, kinds.READ: message.read_at}
        keys = {
            webhooks.key(webhooks.Status(kind=kind, ref=ref, at=at))[:32]: kind
            for ref in refs
            for kind, at in times.items()
            if at is not None
        }
        phone = message.conversation.phone
        for ref in refs:
            for kind, code in ((kinds.ENQUEUED, ""), (kinds.FAILED, message.error_code)):
                made = webhooks.Status(kind=kind, ref=ref, code=code, destination=phone)
                keys[webhooks.key(made)[:32]] = kind
        kept = select(InboundEvent.key, type_coerce(InboundEvent.body, SqlText)).where(
            InboundEvent.line_id == message.line_id, InboundEvent.key.in_(keys)
        )
        return {keys[key]: _masked(_opened(self.runtime, body)) for key, body in self.session.execute(kept)}


def _in_order(steps: list[Step]) -> list[Step]:
    """By time; but a step of the message never before an earlier one of it, whatever the clocks say."""
    latest = datetime.min.replace(tzinfo=steps[0].at.tzinfo if steps[0].at else None)
    keyed = []
    for number, step in enumerate(steps):
        at = step.at or datetime.max.replace(tzinfo=latest.tzinfo)
        own = step.sign in ("robot", "clock", "up", "tick", "double-tick", "question", "cross") and step.at is not None
        latest = max(latest, at) if own else latest
        keyed.append((latest if own else at, number, step))
    return [step for _, _, step in sorted(keyed, key=lambda one: one[:2])]


def _with_gaps(steps: list[Step], teller: _Teller) -> list[Step]:
    told = steps[:1]
    for before, after in pairwise(steps):
        gap = after.at - before.at if after.at and before.at else timedelta()
        told.append(replace(after, waited=gap, because=teller.because(before, after)) if gap > GAP else after)
    return told


def _provider(message: Message) -> tuple[tuple[Text, str], ...]:
    return (
        (Text("Code", "Код"), message.error_code),
        (Text("The provider's words", "Слова провайдера"), logs.scrub(message.error_reason)),
    )


def _cut(name: str) -> str:
    return name if len(name) <= 12 else f"{name[:4]}…{name[-4:]}"


def _opened(runtime: Runtime, sealed: str) -> str:
    try:
        return runtime.cipher.decrypt(sealed) if sealed else ""
    except Undecryptable:
        return ""


def _masked(body: str) -> str:
    """A JSON text laid out, without phones, tokens and links of ours."""
    try:
        return _masked_json(json.loads(body))
    except ValueError:
        return logs.scrub(body)


def _masked_json(value: Any) -> str:
    return logs.scrub(json.dumps(_unfolded(value), ensure_ascii=False, indent=2))


def _unfolded(value: Any) -> Any:
    """Gupshup's forms carry JSON inside strings."""
    if isinstance(value, dict):
        return {name: _unfolded(inner) for name, inner in value.items()}
    if isinstance(value, str) and value[:1] in "{[":
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
