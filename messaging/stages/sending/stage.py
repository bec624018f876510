"""Messages out: claim, pace, send, record.

A message is claimed in the database (`sending`, attempt, time, fence) before any byte leaves. What happened to it is then
one of four: accepted; certainly not written (again later); certainly refused (failed); unclear (unknown, never again).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import update
from sqlalchemy.orm import Session

from activities.errors import Refused
from gupshup.client import Account
from gupshup.errors import GupshupError, Misconfigured, NotWritten, Throttled, Unclear
from messaging.callbacks import telling
from messaging.campaigns import messages as campaign_messages
from messaging.limits.backoff import backoff_s
from messaging.lines import lines
from messaging.policy import holding, tier
from messaging.policy import sending as policy
from messaging.runs import crm_tasks
from messaging.runtime import Runtime
from messaging.stages.base import Content
from messaging.stages.sending.ready import CLAIM, CONTENTS, LINES_WITH_MORE, OVERTAKING, TALKED, times
from messaging.stages.sending.schedule import Schedule
from messaging.stages.status_changes import advance, hold_back
from messaging.store import rows
from messaging.store.changes import Changes
from messaging.store.database import ask
from messaging.store.models import Line, Message
from messaging.store.rows import MessageRow
from messaging.store.states import MessageStatus

BACKOFF_MAX_S = 60.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Sending:
    """One claimed message on its way."""

    message_id: int
    trace: str
    fence: int
    portal_id: int
    line_id: int
    account: Account
    phone: str
    payload: dict[str, Any]
    attempts: int


Result = str | GupshupError


class Outbox:
    """The sending stage of a drain. Paces and client queues (`runtime.paces`) live as long as the process."""

    name = "send"

    @staticmethod
    def slots(threads: int) -> int:
        return threads

    def __init__(self, runtime: Runtime, owner: str) -> None:
        self.runtime = runtime
        self.schedule = Schedule(runtime)
        self.busy: set[int] = set()
        #: Events had come before the record they wait for: they are due now.
        self.overtaken = False
        #: What planning knows of the messages it has just written, by run.
        self.fresh: dict[int, Content] = {}

    def claim(self, session: Session, held: dict[int, int], free_slots: int) -> list[Sending]:
        """Claim the messages whose turn it is: from now on they are `sending`, with our fence."""
        now = self.runtime.clock()
        chosen, of_lines = self.schedule.choose(session, held, free_slots, now)
        chosen = self._allowed(session, chosen, of_lines) if chosen else []
        if not chosen:
            return []
        claimed = ask(session, CLAIM, {"ids": chosen, **times(now)}).all()
        contents = self._contents(session, claimed)
        accounts = {line_id: lines.account(line) for line_id, line in of_lines.items()}
        return [
            Sending(
                message_id=row.id,
                trace=row.trace or "",
                fence=row.fence,
                portal_id=row.portal_id,
                line_id=row.line_id,
                account=accounts[row.line_id],
                phone=contents[row.id].phone,
                payload=contents[row.id].payload,
                attempts=row.attempts,
            )
            for row in sorted(claimed, key=lambda row: (row.priority, row.position, row.id))
        ]

    def _allowed(self, session: Session, chosen: list[int], of_lines: Mapping[int, Line]) -> list[int]:
        """Those that may still go to their clients. Of the others, those that come too late are judged again; the rest end
        here: since they were planned, a client has written “stop”, say, or the line has written to as many new clients as
        it may."""
        now = self.runtime.clock()
        late = holding.late(session, chosen, now)
        left = [message_id for message_id in chosen if message_id not in late]
        refusals = policy.held_back(session, now, left)
        left = [message_id for message_id in left if message_id not in refusals]
        refusals |= tier.over_limit(session, self.runtime, of_lines, left, now)
        if late or refusals:
            self._turn_back(session, late, refusals)
        return [message_id for message_id in left if message_id not in refusals]

    def _turn_back(self, session: Session, late: Collection[int], refusals: Mapping[int, Refused]) -> None:
        """All are locked at once: whoever ends runs locks them in the same order."""
        changes = Changes(session)
        queued = [one for one in rows.messages_by_id(session, [*late, *refusals]) if one.status == MessageStatus.QUEUED]
        self.schedule.ready |= {message.line_id for message in queued}  # who waits behind them?
        campaign_messages.take_back(session, [one for one in queued if one.campaign_id is not None], refusals)
        for message in (one for one in queued if one.campaign_id is None):
            if message.id in late:
                holding.judge_again(changes, self.runtime, message)
            else:
                hold_back(changes, self.runtime, message, refusals[message.id])
        changes.write()

    def _contents(self, session: Session, claimed: Sequence[Any]) -> dict[int, Content]:
        """What to send, by message: from memory, if it was planned here a moment ago.

        Its trace must be the run's: SQLite gives the ids of wiped runs to new ones, and a stranger's message must not leave.
        And it must not have been planned again since, by any process: a message that is judged again gets another moment.
        """
        known = {}
        for row in claimed:
            content = self.fresh.pop(row.run_id, None)
            if content is not None and (content.trace, content.judge_at) == (row.trace, row.judge_at):
                known[row.id] = content
        if unknown := [row.id for row in claimed if row.id not in known]:
            for row in ask(session, CONTENTS, {"ids": unknown}):
                known[row.id] = Content("", row.phone, row.payload)
        return known

    def work(self, sending: Sending) -> Result:
        """Hand one message to Gupshup; runs on a thread, touches no database."""
        try:
            return self.runtime.gupshup.send(
                sending.account, sending.phone, sending.payload["path"], sending.payload["form"]
            )
        except GupshupError as error:
            return error

    def record(self, session: Session, done: list[tuple[Sending, Result]]) -> None:
        """Write down what became of them."""
        changes = Changes(session)
        found = {m.id: m for m in rows.messages_by_id(session, [sending.message_id for sending, _ in done])}
        accepted = []
        for sending, result in done:
            message = found.get(sending.message_id)
            if message is None:
                continue  # wiped together with its portal
            message.client.phone = sending.phone  # known, it need not be decrypted again
            if isinstance(result, str):
                self._accepted(changes, message, result)
                accepted.append(message)
            else:
                self._not_accepted(changes, message, sending, result)
        changes.write()
        self._follow_up(session, accepted)
        # Their clients' queues are free again: who waits behind?
        of_clients = {"ids": [message.conversation_id for message in found.values()]}
        self.schedule.ready |= set(ask(session, LINES_WITH_MORE, of_clients).scalars())
        for sending, _ in done:
            status = found[sending.message_id].status if sending.message_id in found else "wiped"
            log.info(
                "message handed over", trace=sending.trace, message=sending.message_id, status=status, to=sending.phone
            )

    def _accepted(self, changes: Changes, message: MessageRow, gupshup_id: str) -> None:
        now = self.runtime.clock()
        changes.set(message, gupshup_id=message.gupshup_id or gupshup_id)
        if message.run is not None:
            took_s = (now - message.run.stored_at).total_seconds()
            self.runtime.counters.seconds_to_provider(message.line_id, took_s, message.portal_id)
        advance(changes, self.runtime, message, MessageStatus.ACCEPTED, now)

    def _not_accepted(self, changes: Changes, message: MessageRow, sending: Sending, error: GupshupError) -> None:
        if isinstance(error, NotWritten | Throttled):
            self._again(changes, message, sending, error)
            return
        changes.set(message, error_code=error.code, error_reason=error.reason[:500])
        if not isinstance(error, Unclear):
            now = self.runtime.clock()
            advance(changes, self.runtime, message, MessageStatus.FAILED, now, isinstance(error, Misconfigured))
            tier.unopened(changes.session, self.runtime, message)
        elif message.status == MessageStatus.SENDING:
            changes.set(message, status=MessageStatus.UNKNOWN)
            telling.message_changed(changes, self.runtime, message)
            if message.run is None:  # a run ends as unknown later, and tells it then
                crm_tasks.message_changed(changes, self.runtime, message)

    def _follow_up(self, session: Session, accepted: list[MessageRow]) -> None:
        """What else follows when Gupshup has accepted messages: their clients were talked to, waiting events are due."""
        if not accepted:
            return
        now = self.runtime.clock()
        ask(session, TALKED, {"ids": [message.conversation_id for message in accepted], "now": now})
        tier.opened(session, [message.conversation_id for message in accepted if not message.is_session], now)
        # Events that overtook this record wait for it.
        overtook = ask(session, OVERTAKING, {"refs": [message.gupshup_id for message in accepted], "now": now})
        self.overtaken = self.overtaken or bool(overtook.rowcount)

    def _again(self, changes: Changes, message: MessageRow, sending: Sending, error: NotWritten | Throttled) -> None:
        """Nothing was written, so it may be tried again; a 429 makes the whole line pause."""
        now = self.runtime.clock()
        wait_s = error.retry_after or backoff_s(message.attempts, BACKOFF_MAX_S)
        if isinstance(error, Throttled):
            line = changes.session.get_one(Line, message.line_id)
            self.runtime.paces.too_fast(line, now, wait_s, message.claimed_at)
        is_ours = message.status == MessageStatus.SENDING and message.fence == sending.fence
        if (
            is_ours
            and message.campaign_id is not None
            and not campaign_messages.is_running(changes.session, message.campaign_id)
        ):
            campaign_messages.take_back(changes.session, [message])  # it was paused or cancelled meanwhile
        elif is_ours:
            changes.set(message, status=MessageStatus.QUEUED, send_at=now + timedelta(seconds=wait_s))
        log.warning("not handed over, again later", trace=sending.trace, code=error.code, after_s=wait_s)

    def lost(self, session: Session, sending: Sending) -> None:
        """Recording failed for a reason of ours: nobody knows, so it is unclear."""
        session.execute(
            update(Message)
            .where(Message.id == sending.message_id, Message.status == "sending")
            .values(status="unknown")
            .execution_options(synchronize_session=False)
        )
