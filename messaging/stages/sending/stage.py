"""Messages out: claim, pace, send, record.

A message is claimed in the database (`sending`, attempt, time, fence) before any byte leaves. What happened to it is then
one of four: accepted; certainly not written (again later); certainly refused (failed); unclear (unknown, never again).
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import update
from sqlalchemy.orm import Session

from gupshup.client import Account
from gupshup.errors import GupshupError, Misconfigured, NotWritten, Throttled, Unclear
from messaging.conversations import replies
from messaging.lines import circuit_breaker, lines
from messaging.runs import outcomes, statuses
from messaging.runtime import Runtime
from messaging.stages.base import Content
from messaging.stages.sending.ready import (
    CLAIM,
    CONTENTS,
    LANES,
    LINES,
    OVERTAKING,
    PAUSED_LINES,
    PUT_OFF,
    QUEUED_LINES,
    READY_IN_TURN,
    READY_OF_LINES,
    READY_RUNS,
    READY_TRIAL,
    TALKED,
    times,
)
from messaging.store import rows
from messaging.store.database import ask
from messaging.store.models import Line, Message, shard_of
from messaging.store.rows import MessageRow

BACKOFF_MAX_S = 60
#: More lines than this have their turn in the next round: each is a part of one question.
LINES_A_ROUND = 64
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Sending:
    """One claimed message on its way."""

    message_id: int
    run_id: int
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
    """The sending stage of a drain. Paces and lanes (`runtime.paces`) live as long as the process."""

    name = "send"

    @staticmethod
    def hands(threads: int) -> int:
        return threads

    def __init__(self, runtime: Runtime, owner: str) -> None:
        self.runtime = runtime
        self.busy: set[int] = set()
        #: Lines that may have something ready; the others are looked at when the drain looks thoroughly.
        self.ready: set[int] = set()
        #: Events had come before the record they wait for: they are due now.
        self.overtaken = False
        #: Seconds until a line that waits for its pace alone may go on; None: none does.
        self.again_in: float | None = None
        #: What planning knows of the messages it has just written, by run.
        self.fresh: dict[int, Content] = {}
        #: Runs whose messages were planned since the last claim, by line.
        self.new: dict[int, list[int]] = {}
        #: Lines of a portal with messages that wait for something other than time and pace.
        self._blocked: defaultdict[int, set[int]] = defaultdict(set)
        self._turn = 0

    def look(self, session: Session, held: dict[int, int]) -> None:
        """Find all lines with something queued; what was delayed or held up is found here again."""
        self.ready |= {row.id for row in session.execute(QUEUED_LINES) if shard_of(row.portal_id) in held}

    def claim(self, session: Session, held: dict[int, int], room: int) -> list[Sending]:
        """Messages whose turn it is: fair turns between the lines, within each the oldest calls first."""
        now = self.runtime.clock()
        self.again_in = None
        new, self.new = self.new, {}
        lines = self._lines(session, held, self.ready | new.keys())
        for line in lines:
            if line.id in new:  # planned by now, what may have stood in front of others
                self.ready |= self._blocked.pop(line.portal_id, set())
        lines = self._flowing(session, held, lines, new)
        turns = self._in_turn([(line, may) for line in lines if (may := self._may(line, now))], room)
        shares = _shares([may for _, may in turns], room)
        quick = {line.id: new[line.id] for line, _ in turns if line.id not in self.ready and line.stopped_at is None}
        fresh = self._of_runs(session, [run_id for run_ids in quick.values() for run_id in run_ids], now)
        self.ready |= new.keys() - quick.keys()
        shared = [(line, share) for (line, _), share in zip(turns, shares, strict=True)]
        others = {
            line.id: share for line, share in shared if share and line.id not in quick and line.stopped_at is None
        }
        ready = self._of_lines(session, others, now)
        chosen: list[int] = []
        for line, share in shared:
            if line.id in quick:
                chosen += self._take_new(session, line, now, fresh[line.id], share, len(quick[line.id]))
            elif line.id in others:
                chosen += self._take(session, line, now, ready[line.id], share)
            elif share:
                chosen += self._take_trial(session, line, now)
        self._look_ahead([line for line, _ in turns], room - len(chosen), now)
        return self._claimed(session, chosen, {line.id: line for line, _ in turns}, now) if chosen else []

    @staticmethod
    def _of_runs(session: Session, run_ids: list[int], now: datetime) -> defaultdict[int, list[tuple[int, int]]]:
        """Those of the messages just planned that nothing stands in front of, by line, in one question for all lines."""
        found: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for row in ask(session, READY_RUNS, {"runs": run_ids, **times(now)}) if run_ids else ():
            found[row.line_id].append((row.id, row.conversation_id))
        return found

    def _take_new(
        self, session: Session, line: Line, now: datetime, ready: list[tuple[int, int]], share: int, planned: int
    ) -> list[int]:
        if len(ready) < planned:
            self._blocked[line.portal_id].add(line.id)
        if len(ready) > share:
            self.ready.add(line.id)
        return self._leaving(session, line, now, ready[:share], more=len(ready) > share)

    @staticmethod
    def _of_lines(session: Session, shares: dict[int, int], now: datetime) -> defaultdict[int, list[tuple[int, int]]]:
        """The oldest messages of these lines that may leave, so many of each, by line."""
        found: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        if not shares:
            return found
        limits = [*shares.values()]
        query, asked = READY_OF_LINES, {"lines": [*shares], "limit": max(limits), **times(now)}
        if session.get_bind().dialect.name == "postgresql":
            query, asked = READY_IN_TURN, {"lines": [*shares], "limits": limits, **times(now)}
        for row in ask(session, query, asked):
            if len(of_line := found[row.line_id]) < shares[row.line_id]:
                of_line.append((row.id, row.conversation_id))
        return found

    def _take(self, session: Session, line: Line, now: datetime, ready: list[tuple[int, int]], share: int) -> list[int]:
        if len(ready) < share:
            self.ready.discard(line.id)
        return self._leaving(session, line, now, ready, more=len(ready) == share)

    def _take_trial(self, session: Session, line: Line, now: datetime) -> list[int]:
        """Of a stopped line: nothing, or the one message that tries it."""
        self.ready.discard(line.id)
        if line.trial_run_id is None:
            return []
        asked = {"line": line.id, "limit": 1, "trial": line.trial_run_id, **times(now)}
        found = [(row.id, row.conversation_id) for row in session.execute(READY_TRIAL, asked)]
        return self._leaving(session, line, now, found, more=False)

    def _leaving(
        self, session: Session, line: Line, now: datetime, ready: list[tuple[int, int]], more: bool
    ) -> list[int]:
        """Those that leave now; the others, whose client's lane is not free yet, are put off until it is."""
        leaving, early = self.runtime.paces.sort(ready, now)
        if early:
            session.execute(update(Message), [{"id": message_id, "send_at": opens} for message_id, opens in early])
        self.runtime.paces.bucket(line, now).take(len(leaving), more=more)
        return leaving

    def _lines(self, session: Session, held: dict[int, int], wanted: set[int]) -> list[Line]:
        """The connected ones of these lines."""
        if not wanted:
            return []
        known = rows.known_lines(session)
        found = [line for line_id, line in known.items() if line_id in wanted and line.status == "connected"]
        if missing := sorted(wanted - known.keys()):
            found += session.scalars(LINES, {"ids": missing})
        lines = sorted((line for line in found if shard_of(line.portal_id) in held), key=lambda line: line.id)
        self.ready &= {line.id for line in lines}
        return lines

    def _flowing(
        self, session: Session, held: dict[int, int], lines: list[Line], new: dict[int, list[int]]
    ) -> list[Line]:
        """Those that are not paused. What is queued on the others is put off until `lines.unpause`."""
        paused = {line.id for line in lines if line.paused_at is not None}
        if not paused:
            return lines
        # Locked: else what is put off just after somebody let the line go on would wait for ever.
        still = session.scalars(PAUSED_LINES, {"ids": sorted(paused)}).all()
        shards = {shard_of(line.portal_id) for line in lines if line.id in paused}
        session.execute(PUT_OFF, {"shards": sorted(shards), "ids": still})
        self.ready -= paused
        for line_id in paused & new.keys():
            del new[line_id]
        # Asked again: others may have stood behind what was just planned onto a paused line.
        return [line for line in self._lines(session, held, self.ready | new.keys()) if line.paused_at is None]

    def _in_turn(self, turns: list[tuple[Line, int]], room: int) -> list[tuple[Line, int]]:
        """The next LINES_A_ROUND of the lines that may send; another one goes first each time.

        Lines that wait for their pace take nobody's place: a hundred of them would keep a quick one waiting for seconds.
        """
        if len(turns) > LINES_A_ROUND and room:
            self.again_in = 0.0  # the others in the next round; without a free hand whoever comes back begins it
        start = self._turn % len(turns) if turns else 0
        self._turn += LINES_A_ROUND if len(turns) > LINES_A_ROUND else 1
        return [*turns[start:], *turns[:start]][:LINES_A_ROUND]

    def _look_ahead(self, lines: list[Line], room: int, now: datetime) -> None:
        """When those that had their turn and may have more go on: at once, by their pace, or when a hand is free again."""
        if room > 0 and any(self._may(line, now) for line in lines if line.id in self.ready):
            self.again_in = 0.0

    def _may(self, line: Line, now: datetime) -> int:
        """How many of this line's messages may leave now; if none, when the next ones may is remembered."""
        bucket = self.runtime.paces.bucket(line, now)
        may = bucket.may(line, now)
        if not may:
            wait = max(0.001, (bucket.next_at(line, now) - now).total_seconds())
            self.again_in = wait if self.again_in is None else min(self.again_in, wait)
        return may

    def _claimed(
        self, session: Session, chosen: list[int], lines_by_id: dict[int, Line], now: datetime
    ) -> list[Sending]:
        claimed = ask(session, CLAIM, {"ids": chosen, **times(now)}).all()
        contents = self._contents(session, {row.run_id: row.trace for row in claimed})
        accounts = {line_id: lines.account(line) for line_id, line in lines_by_id.items()}
        return [
            Sending(
                message_id=row.id,
                run_id=row.run_id,
                trace=row.trace,
                fence=row.fence,
                portal_id=row.portal_id,
                line_id=row.line_id,
                account=accounts[row.line_id],
                phone=contents[row.run_id].phone,
                payload=contents[row.run_id].payload,
                attempts=row.attempts,
            )
            for row in sorted(claimed, key=lambda row: row.run_id)
        ]

    def _contents(self, session: Session, traces: dict[int, str]) -> dict[int, Content]:
        """By run: from memory, if it was planned here a moment ago.

        Its trace must be the run's: SQLite gives the ids of wiped runs to new ones, and a stranger's message must not leave.
        """
        remembered = {run_id: self.fresh.pop(run_id) for run_id in traces if run_id in self.fresh}
        known = {run_id: content for run_id, content in remembered.items() if content.trace == traces[run_id]}
        if unknown := [run_id for run_id in traces if run_id not in known]:
            for row in session.execute(CONTENTS, {"ids": unknown}):
                known[row.run_id] = Content(traces[row.run_id], row.phone, row.payload)
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
        found = {m.id: m for m in rows.messages_by_id(session, [sending.message_id for sending, _ in done])}
        now = self.runtime.clock()
        accepted = []
        for sending, result in done:
            message = found.get(sending.message_id)
            if message is None:
                continue  # wiped together with its portal
            message.conversation.phone = sending.phone  # known, it need not be opened again
            if isinstance(result, str):
                accepted.append((message, result))
            elif isinstance(result, NotWritten | Throttled):
                self._again(session, message, sending, result, now)
            elif isinstance(result, Unclear):
                self._unclear(message, result)
            else:
                message.error_code, message.error_reason = result.code, result.reason[:500]
                statuses.raise_to(message, "failed", now)
                outcomes.by_status(session, self.runtime, message)
                circuit_breaker.failed(session, self.runtime, message, isinstance(result, Misconfigured))
        self._accepted(session, accepted, now)
        rows.write(session, [row for message in found.values() for row in (message, message.run)])
        # Their lanes are free again: who waits behind?
        self.ready |= set(
            ask(session, LANES, {"ids": [message.conversation_id for message in found.values()]}).scalars()
        )
        for sending, _ in done:
            status = found[sending.message_id].status if sending.message_id in found else "wiped"
            log.info("message handed over", trace=sending.trace, run=sending.run_id, status=status, to=sending.phone)

    def _accepted(self, session: Session, accepted: list[tuple[MessageRow, str]], now: datetime) -> None:
        for message, gupshup_id in accepted:
            message.gupshup_id = message.gupshup_id or gupshup_id
            statuses.raise_to(message, "accepted", now)
            took_s = (now - message.run.stored_at).total_seconds()
            self.runtime.counters.seconds_to_provider(message.line_id, took_s, message.portal_id)
            outcomes.by_status(session, self.runtime, message)
            replies.overtaken(session, self.runtime, message)
        if not accepted:
            return
        ask(session, TALKED, {"ids": [message.conversation_id for message, _ in accepted], "now": now})
        # Events that overtook this record wait for it.
        overtook = ask(session, OVERTAKING, {"refs": [gupshup_id for _, gupshup_id in accepted], "now": now})
        self.overtaken = self.overtaken or bool(overtook.rowcount)

    def _again(
        self, session: Session, message: MessageRow, sending: Sending, error: NotWritten | Throttled, now: datetime
    ) -> None:
        """Nothing was written, so it may be tried again; a 429 makes the whole line pause."""
        wait_s = error.retry_after or float(min(BACKOFF_MAX_S, 2 ** (message.attempts - 1)))
        if isinstance(error, Throttled):
            self.runtime.paces.too_fast(session.get_one(Line, message.line_id), now, wait_s, message.claimed_at)
        if message.status == "sending" and message.fence == sending.fence:
            message.status, message.send_at = "queued", now + timedelta(seconds=wait_s)
        log.warning("not handed over, again later", trace=sending.trace, code=error.code, after_s=wait_s)

    def _unclear(self, message: MessageRow, error: Unclear) -> None:
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


def _shares(wanted: list[int], room: int) -> list[int]:
    """Share the free hands: who wants less than its part leaves the rest to those behind."""
    shares = []
    for position, may in enumerate(wanted):
        share = -(-room // (len(wanted) - position))
        shares.append(min(share, may))
        room -= shares[-1]
    return shares
