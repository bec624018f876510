"""Messages out: claim, pace, send, record.

A message is claimed in the database (`sending`, attempt, time, fence) before any byte leaves. What happened to it is then
one of four: accepted; certainly not written (again later); certainly refused (failed); unclear (unknown, never again).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session, aliased, joinedload

from gupshup.client import Account
from gupshup.errors import GupshupError, Misconfigured, NotWritten, Throttled, Unclear
from messaging import circuit, endings, lines, replies, statuses
from messaging.models import SHARDS, InboundEvent, Lease, Line, Message, Run
from messaging.runtime import Runtime

#: A message waits for earlier runs of its portal that are not planned yet, so that robots keep their order; but not
#: for ever: one run whose card cannot be read must not hold up the others.
ORDER_PATIENCE = timedelta(seconds=60)
BACKOFF_MAX_S = 60
#: No send takes this long: connect 5 s, read 30 s.
LOST_AFTER = timedelta(seconds=120)
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Sending:
    """One claimed message on its way."""

    message_id: int
    run_id: int
    trace: str
    fence: int
    line_id: int
    account: Account
    phone: str
    payload: dict[str, Any]


Result = str | GupshupError


class Outbox:
    """The sending stage of a drain. Paces and lanes (`runtime.paces`) live as long as the process."""

    name = "send"

    @staticmethod
    def hands(threads: int) -> int:
        return threads

    def __init__(self, runtime: Runtime, owner: str) -> None:
        self.runtime = runtime
        self.owner = owner
        self.busy: set[int] = set()
        self._turn = 0

    def claim(self, session: Session, held: dict[int, int], room: int) -> list[Sending]:
        """Claim what may leave now, at most `room`: lines in fair turns, as their paces allow, the oldest calls first."""
        now = self.runtime.clock()
        chosen: list[int] = []
        turns = [
            (line, bucket)
            for line in self._lines(session, held)
            if (bucket := self.runtime.paces.bucket(line, now)).tokens >= 1
        ]
        for position, (line, bucket) in enumerate(turns):
            share = -(-(room - len(chosen)) // (len(turns) - position))
            may = min(share, bucket.fill(line, now))
            ready = self._ready(session, line, now, may) if may else []
            bucket.tokens -= len(ready)
            chosen += ready
        if not chosen:
            return []
        claimed = session.execute(
            update(Message)
            .where(Message.id.in_(chosen), Message.status == "queued", self._leased(), _wanted(now))
            .values(status="sending", claimed_at=now, attempts=Message.attempts + 1)
            .returning(Message.id)
            .execution_options(synchronize_session=False)
        ).scalars()
        return self._load(session, list(claimed), held)

    def _ready(self, session: Session, line: Line, now: datetime, may: int) -> list[int]:
        """A line's messages that may leave; those whose client's lane is not free yet are put off until it is."""
        paces, ready = self.runtime.paces, []
        for message_id, client in session.execute(_ready(line.id, now).where(circuit.sendable(line)).limit(may)).all():
            opens = paces.lane_opens(client, now)
            if opens <= now:
                paces.leaves([client], now)
                ready.append(message_id)
            else:
                session.execute(update(Message).where(Message.id == message_id).values(send_at=opens))
        return ready

    def _lines(self, session: Session, held: dict[int, int]) -> list[Line]:
        """The connected lines that have something queued; another one goes first each time."""
        queued = exists().where(Message.line_id == Line.id, Message.status == "queued")
        mine = (Line.portal_id % SHARDS).in_(held)
        lines = session.scalars(select(Line).where(mine, Line.status == "connected", queued).order_by(Line.id)).all()
        self._turn += 1
        start = self._turn % len(lines) if lines else 0
        return [*lines[start:], *lines[:start]]

    def _leased(self) -> Any:
        return exists().where(
            Lease.shard == Message.shard, Lease.owner == self.owner, Lease.expires_at > self.runtime.clock()
        )

    def _load(self, session: Session, ids: list[int], held: dict[int, int]) -> list[Sending]:
        messages = session.scalars(
            select(Message)
            .where(Message.id.in_(ids))
            .options(joinedload(Message.run), joinedload(Message.line), joinedload(Message.conversation))
            .order_by(Message.run_id)
            .execution_options(populate_existing=True)
        ).all()
        for message in messages:
            message.fence = held[message.shard]
        return [
            Sending(
                message_id=message.id,
                run_id=message.run_id,
                trace=message.run.trace,
                fence=message.fence,
                line_id=message.line_id,
                account=lines.account(message.line),
                phone=message.conversation.phone,
                payload=message.payload,
            )
            for message in messages
        ]

    def work(self, sending: Sending) -> Result:
        """Hand one message to Gupshup; runs on a thread, touches no database."""
        try:
            return self.runtime.gupshup.send(
                sending.account, sending.phone, sending.payload["path"], sending.payload["form"]
            )
        except GupshupError as error:
            return error

    def record(self, session: Session, sending: Sending, result: Result) -> None:
        """Write down what became of it."""
        message = session.get(Message, sending.message_id, with_for_update=True, populate_existing=True)
        if message is None:
            return  # wiped together with its portal
        now = self.runtime.clock()
        if isinstance(result, str):
            self._accepted(session, message, result, now)
        elif isinstance(result, NotWritten | Throttled):
            self._again(message, sending, result, now)
        elif isinstance(result, Unclear):
            self._unclear(message, result)
        else:
            message.error_code, message.error_reason = result.code, result.reason[:500]
            statuses.raise_to(message, "failed", now)
            endings.by_status(session, self.runtime, message)
            circuit.failed(session, self.runtime, message, isinstance(result, Misconfigured))
        status = message.status
        log.info("message handed over", trace=sending.trace, run=sending.run_id, status=status, to=sending.phone)

    def _accepted(self, session: Session, message: Message, gupshup_id: str, now: datetime) -> None:
        message.gupshup_id = message.gupshup_id or gupshup_id
        message.conversation.last_activity_at = now
        statuses.raise_to(message, "accepted", now)
        # Events that overtook this record wait for it.
        session.execute(
            update(InboundEvent)
            .where(InboundEvent.ref == gupshup_id, InboundEvent.state == "stored")
            .values(due_at=now)
            .execution_options(synchronize_session=False)
        )
        self.runtime.counters.seconds_to_provider(message.line_id, (now - message.run.stored_at).total_seconds())
        endings.by_status(session, self.runtime, message)
        replies.overtaken(session, self.runtime, message)

    def _again(self, message: Message, sending: Sending, error: NotWritten | Throttled, now: datetime) -> None:
        """Nothing was written, so it may be tried again; a 429 makes the whole line pause."""
        wait_s = error.retry_after or float(min(BACKOFF_MAX_S, 2 ** (message.attempts - 1)))
        if isinstance(error, Throttled):
            self.runtime.paces.too_fast(message.line, now, wait_s, message.claimed_at)
        if message.status == "sending" and message.fence == sending.fence:
            message.status, message.send_at = "queued", now + timedelta(seconds=wait_s)
        log.warning("not handed over, again later", trace=sending.trace, code=error.code, after_s=wait_s)

    def _unclear(self, message: Message, error: Unclear) -> None:
        message.error_code, message.error_reason = error.code, error.reason[:500]
        if message.status == "sending":
            message.status = "unknown"

    def lost(self, session: Session, sending: Sending) -> None:
        """Recording failed for a reason of ours: nobody knows, so it is unclear."""
        session.execute(
            update(Message)
            .where(Message.id == sending.message_id, Message.status == "sending")
            .values(status="unknown")
            .execution_options(synchronize_session=False)
        )


def _ready(line_id: int, now: datetime) -> Any:
    """A line's queued messages that nothing earlier stands in front of, oldest robot call first.

    In front of a message stand: earlier ones to the same client, one in flight to that client, and earlier runs of its
    portal that are not planned yet and may turn out to go to the same client.
    """
    earlier, flying, unplanned = aliased(Message), aliased(Message), aliased(Run)
    return (
        select(Message.id, Message.conversation_id)
        .where(
            Message.line_id == line_id,
            Message.status == "queued",
            Message.send_at <= now,
            _wanted(now),
            ~exists().where(
                earlier.conversation_id == Message.conversation_id,
                earlier.run_id < Message.run_id,
                earlier.status == "queued",
            ),
            ~exists().where(flying.conversation_id == Message.conversation_id, flying.status == "sending"),
            ~exists().where(
                unplanned.portal_id == Message.portal_id,
                unplanned.state == "stored",
                unplanned.id < Message.run_id,
                unplanned.stored_at > now - ORDER_PATIENCE,
            ),
        )
        .order_by(Message.run_id)
    )


def _wanted(now: datetime) -> Any:
    """Whether its run still waits: a message whose wait is over must never leave, however long the queue stood still."""
    return exists().where(Run.id == Message.run_id, Run.state != "ended", Run.deadline_at > now)


def lost_in_flight(session: Session, shards: Iterable[int], now: datetime) -> int:
    """Claimed long ago and in nobody's hands: a claim whose commit went through while its answer was lost."""
    lost = session.execute(
        update(Message)
        .where(Message.shard.in_(list(shards)), Message.status == "sending", Message.claimed_at < now - LOST_AFTER)
        .values(status="unknown", error_code="worker_died")
        .execution_options(synchronize_session=False)
    )
    return int(lost.rowcount)  # type: ignore[attr-defined]  # a CursorResult, typed as Result


def orphaned(session: Session, shards: Iterable[int]) -> int:
    """The shards were just taken over: what their former owner had in flight is unclear from now on."""
    lost = session.execute(
        update(Message)
        .where(Message.shard.in_(list(shards)), Message.status == "sending")
        .values(status="unknown", error_code="worker_died")
        .execution_options(synchronize_session=False)
    )
    return int(lost.rowcount)  # type: ignore[attr-defined]  # a CursorResult, typed as Result
