"""Two weeks before the demo, made up: so that its pages show what they show a shop that has been open for a while.

These rows are stored as they would have been left, and counted as they would have been counted; nothing of them is sent.
The last of them lies some minutes back.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from bx24.i18n import Text
from gupshup import messages
from gupshup.parts import Button
from messaging.conversations.queueing import columns_of
from messaging.insight.periods import HOURS
from messaging.runtime import Runtime
from messaging.store.models import Conversation, Line, Message, Reply, Run, shard_of
from messaging.store.states import MessageStatus, Origin, OutcomeKind, RunState
from messaging.system.counters import Counters

DAYS = 14
CLIENTS = 24
#: Messages of a day, today first; a week later a tenth more.
BUSY = (52, 46, 58, 49, 55, 34, 41)
#: Of twenty messages so many have come so far; the client of a REPLIED one has answered.
FATES = (
    *("read",) * 8,
    *("replied",) * 4,
    *("delivered",) * 4,
    *("sent",) * 1,
    *("131049", "1002", "no_phone"),
)
TEMPLATE = "measuring_visit"
ACTIONS = ("send_template", "send_text", "send_buttons", "send_template", "send_file")
#: Seconds from the robot's call to Gupshup, of one run after the other.
HANDED_OVER_S = (0.08, 0.12, 0.09, 0.25, 0.11, 0.4)
REPLY_AFTER = timedelta(minutes=20)
SENT, REACHED = ("accepted", "sent"), ("accepted", "sent", "delivered", "read")
ANSWER = Text("Yes, that suits me", "Да, мне удобно")
GREETING = Text("Your order is ready. Shall we deliver it tomorrow?", "Ваш заказ готов. Доставить завтра?")
CLIENT, ORDER = Text("Olga", "Ольга"), Text("Kitchen", "Кухня")
BUTTONS = (Text("Yes", "Да"), Text("Another day", "В другой день"))
DRAWING = Text("drawing.pdf", "чертёж.pdf")
#: In place of a file's secret: the file is not kept any more.
GONE = "past"


@dataclass(frozen=True)
class Story:
    """One run of the past: its action, how far its message came (one of FATES), when it began and when it was over."""

    number: int
    action: str
    fate: str
    at: datetime
    over_at: datetime

    @property
    def has_message(self) -> bool:
        return self.fate != "no_phone"

    @property
    def is_reached(self) -> bool:
        return self.fate in (*REACHED, OutcomeKind.REPLIED)

    @property
    def outcome(self) -> str:
        return self.fate if self.is_reached else OutcomeKind.FAILED

    @property
    def error_code(self) -> str:
        return "" if self.is_reached else self.fate

    @property
    def steps(self) -> tuple[str, ...]:
        """The statuses the message went through, without a failure at their end."""
        if not self.is_reached:
            return SENT
        last = "read" if self.fate == OutcomeKind.REPLIED else self.fate
        return REACHED[: REACHED.index(last) + 1]


def stories(now: datetime) -> Iterator[Story]:
    """The runs in the order in which robots called."""
    for number, at in enumerate(_moments(now)):
        fate = FATES[(number * 13 + number // len(FATES) * 3) % len(FATES)]
        over_at = min(at + REPLY_AFTER, now) if fate == OutcomeKind.REPLIED else at + timedelta(seconds=6)
        yield Story(number, ACTIONS[number % len(ACTIONS)], fate, at, over_at)


@dataclass
class Past:
    """The past of one line. template_id: Gupshup's, of the template that its robots send."""

    runtime: Runtime
    line: Line
    template_id: str
    language: str
    #: One for each client.
    talks: list[Conversation] = field(default_factory=list)

    def store(self) -> int:
        """Store it; returns the id of its last run."""
        now, last = self.runtime.clock(), 0
        count = _Count(self.line, now)
        with self.runtime.db.write() as session:
            self.talks = [self._talk(nth) for nth in range(CLIENTS)]
            session.add_all(self.talks)
            session.flush()
            for story in stories(now):
                last = self._run(session, story)
                if story.at > now - timedelta(hours=HOURS):
                    count.story(story)
        count.counters.flush(self.runtime.redis)
        return last

    def _talk(self, nth: int) -> Conversation:
        phone = f"7912555{nth:04}"
        return Conversation(line_id=self.line.id, phone=phone, phone_key=self.runtime.phone_key(phone))

    def _run(self, session: Session, story: Story) -> int:
        talk = self.talks[story.number * 7 % CLIENTS]
        run = Run(
            trace=f"{story.number:012x}",
            portal_id=self.line.portal_id,
            shard=shard_of(self.line.portal_id),
            side="robots",
            action=story.action,
            event_token="past",
            token_digest=f"past-{story.number}",
            document=["crm", "CCrmDocumentDeal", "DEAL", f"DEAL_{story.number % 40 + 10}"],
            item=f"DEAL_{story.number % 40 + 10}",
            properties=self._properties(story.action),
            stored_at=story.at,
            deadline_at=story.at + timedelta(hours=1),
            state=RunState.ENDED,
            until=story.fate if story.is_reached else "delivered",
            line_id=self.line.id,
            conversation_id=talk.id if story.has_message else None,
            outcome=story.outcome,
            error_code=story.error_code,
            ended_at=story.over_at,
            answers_sent=1,
            answered_at=story.over_at,
        )
        session.add(run)
        session.flush()
        if story.has_message:
            session.add(self._message(run, talk, story))
            talk.last_activity_at = story.over_at
        if story.fate == OutcomeKind.REPLIED:
            session.add(self._reply(run, talk, story.over_at))
            talk.last_inbound_at = story.over_at
        return run.id

    def _properties(self, action: str) -> dict[str, str]:
        return {"template": TEMPLATE} if action == "send_template" else {"text": GREETING.to(self.language)}

    def _message(self, run: Run, talk: Conversation, story: Story) -> Message:
        is_template = story.action == "send_template"
        times = {f"{name}_at": story.at + timedelta(seconds=nth) for nth, name in enumerate(story.steps, 1)}
        return Message(
            origin=Origin.ROBOT,
            origin_id=run.id,
            run_id=run.id,
            portal_id=run.portal_id,
            shard=run.shard,
            position=run.id,
            line_id=self.line.id,
            conversation_id=talk.id,
            status=story.steps[-1] if story.is_reached else MessageStatus.FAILED,
            created_at=story.at,
            send_at=story.at,
            attempts=1,
            claimed_at=story.at,
            gupshup_id=f"past-{run.id}",
            failed_at=None if story.is_reached else story.over_at,
            error_code=story.error_code,
            action=story.action,
            template=TEMPLATE if is_template else "",
            category="UTILITY" if is_template else "",
            country="RU",
            item=run.item,
            **columns_of(self._content(story.action)),
            **times,
        )

    def _content(self, action: str) -> messages.Message:
        """What was sent, as robots make it: it can be shown, and what has failed can be sent again."""
        text = GREETING.to(self.language)
        match action:
            case "send_template":
                return messages.Template(self.template_id, (CLIENT.to(self.language), ORDER.to(self.language)))
            case "send_buttons":
                return messages.QuickReply(text, tuple(Button(button.to(self.language)) for button in BUTTONS))
            case "send_file":
                link = f"{self.runtime.config.public_url}/files/{GONE}/drawing.pdf"
                return messages.File("document", link, text, DRAWING.to(self.language))
        return messages.Text(text)

    def _reply(self, run: Run, talk: Conversation, at: datetime) -> Reply:
        content: dict[str, Any] = {"values": {"reply_type": "text", "reply_text": ANSWER.to(self.language)}}
        return Reply(
            line_id=self.line.id,
            conversation_id=talk.id,
            provider_id=f"past-{run.id}",
            type="text",
            content=content,
            at=at,
            received_at=at,
            shard=run.shard,
            run_id=run.id,
        )


class _Count:
    """What the page Health shows of the last 24 hours: counted while it happens, and never read from the rows."""

    def __init__(self, line: Line, now: datetime) -> None:
        self.line, self.portal, self.now = line.id, line.portal_id, now
        self.counters = Counters(lambda: self.now)

    def story(self, story: Story) -> None:
        """Count a run: what came, what left, in the hours when it did."""
        self.now = story.at
        self._add("runs_received", "robots", story.action)
        if story.has_message:
            took_s = HANDED_OVER_S[story.number % len(HANDED_OVER_S)]
            self.counters.seconds_to_provider(self.line, took_s, self.portal)
            for name in ("enqueued", *story.steps[1:], *(() if story.is_reached else ("failed",))):
                self._add("webhooks", f"message-event.{name}")
        self.now = story.over_at
        if story.fate == OutcomeKind.REPLIED:
            self._add("webhooks", "message.text")
        self._add("runs_ended", self.line, story.outcome)
        if story.error_code:
            self._add("refusals", self.line, story.error_code)
        self._add("answers", story.outcome)
        self._add("rest_calls", "http")

    def _add(self, name: str, *labels: object) -> None:
        self.counters.add(name, *labels, portal=self.portal)


def _moments(now: datetime) -> Iterator[datetime]:
    """When robots ran, in order: over the ten hours before this time of day, on each of the days."""
    for back in reversed(range(DAYS)):
        end = now - timedelta(days=back, minutes=5)
        count = round(BUSY[back % len(BUSY)] * (1.1 if back < len(BUSY) else 1))
        for nth in range(count):
            yield end - timedelta(hours=10) * (count - 1 - nth) / count
