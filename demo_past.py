"""Two weeks before the demo, made up: so that its pages show what they show a shop that has been open for a while.

These rows are stored as they would have been left; nothing of them is sent. The last of them lies some minutes back.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from bx24.i18n import Text
from messaging.runtime import Runtime
from messaging.store.models import Conversation, Line, Message, Reply, Run, shard_of
from messaging.store.states import MessageStatus, Origin, OutcomeKind, RunState

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
SENT, REACHED = ("accepted", "sent"), ("accepted", "sent", "delivered", "read")
ANSWER = Text("Yes, that suits me", "Да, мне удобно")
GREETING = Text("Your order is ready. Shall we deliver it tomorrow?", "Ваш заказ готов. Доставить завтра?")


@dataclass
class Past:
    """The past of one line."""

    runtime: Runtime
    line: Line
    language: str

    def store(self) -> int:
        """Store it; returns the id of its last run."""
        with self.runtime.db.write() as session:
            talks = [self._talk(nth) for nth in range(CLIENTS)]
            session.add_all(talks)
            session.flush()
            last = 0
            for nth, at in enumerate(_moments(self.runtime.clock())):
                last = self._run(session, nth, at, talks[nth * 7 % CLIENTS])
            return last

    def _talk(self, nth: int) -> Conversation:
        phone = f"7912555{nth:04}"
        return Conversation(line_id=self.line.id, phone=phone, phone_key=self.runtime.phone_key(phone))

    def _run(self, session: Session, nth: int, at: datetime, talk: Conversation) -> int:
        fate = FATES[nth * 13 % len(FATES)]
        action = ("send_template", "send_text", "send_buttons", "send_template", "send_file")[nth % 5]
        is_reached = fate in (*REACHED, OutcomeKind.REPLIED)
        run = Run(
            trace=f"{nth:012x}",
            portal_id=self.line.portal_id,
            shard=shard_of(self.line.portal_id),
            side="robots",
            action=action,
            event_token="past",
            token_digest=f"past-{nth}",
            document=["crm", "CCrmDocumentDeal", "DEAL", f"DEAL_{nth % 40 + 10}"],
            item=f"DEAL_{nth % 40 + 10}",
            properties={"template": TEMPLATE} if action == "send_template" else {"text": GREETING.to(self.language)},
            stored_at=at,
            deadline_at=at + timedelta(hours=1),
            state=RunState.ENDED,
            until=fate if is_reached else "delivered",
            line_id=self.line.id,
            conversation_id=None if fate == "no_phone" else talk.id,
            outcome=fate if is_reached else OutcomeKind.FAILED,
            error_code="" if is_reached else fate,
            ended_at=at + timedelta(minutes=1),
            answered_at=at + timedelta(minutes=1),
        )
        session.add(run)
        session.flush()
        if fate != "no_phone":
            session.add(self._message(run, talk, fate, at))
        if fate == OutcomeKind.REPLIED:
            session.add(self._reply(run, talk, at + timedelta(minutes=20)))
        return run.id

    def _message(self, run: Run, talk: Conversation, fate: str, at: datetime) -> Message:
        status = "read" if fate == OutcomeKind.REPLIED else fate if fate in REACHED else MessageStatus.FAILED
        reached = REACHED[: REACHED.index(status) + 1] if status in REACHED else SENT
        times = {f"{name}_at": at + timedelta(seconds=nth) for nth, name in enumerate(reached, 1)}
        text = {"message": json.dumps({"type": "text", "text": GREETING.to(self.language)})}
        form = {"template": json.dumps({"id": TEMPLATE})} if run.action == "send_template" else text
        return Message(
            origin=Origin.ROBOT,
            origin_id=run.id,
            run_id=run.id,
            portal_id=run.portal_id,
            shard=run.shard,
            position=run.id,
            line_id=self.line.id,
            conversation_id=talk.id,
            kind="text",
            is_session=False,
            payload={"form": form},
            status=status,
            created_at=at,
            send_at=at,
            attempts=1,
            claimed_at=at,
            gupshup_id=f"past-{run.id}",
            failed_at=at + timedelta(seconds=5) if status == MessageStatus.FAILED else None,
            error_code=fate if status == MessageStatus.FAILED else "",
            **times,
        )

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


def _moments(now: datetime) -> Iterator[datetime]:
    """When robots ran, in order: over the ten hours before this time of day, on each of the days."""
    for back in reversed(range(DAYS)):
        end = now - timedelta(days=back, minutes=5)
        count = round(BUSY[back % len(BUSY)] * (1.1 if back < len(BUSY) else 1))
        for nth in range(count):
            yield end - timedelta(hours=10) * (count - 1 - nth) / count
