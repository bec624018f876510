"""Which messages leave next: fair turns between the lines, each line in its order and at its pace."""

from collections import defaultdict
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from messaging.runtime import Runtime
from messaging.stages.sending.ready import (
    LINES,
    PAUSED_LINES,
    PUT_OFF,
    QUEUED_LINES,
    READY_IN_TURN,
    READY_OF_LINES,
    READY_RUNS,
    READY_TRIAL,
    times,
)
from messaging.store.database import ask
from messaging.store.models import Line, Message, shard_of

#: More lines than this have their turn in the next round: each is a part of one question.
LINES_A_ROUND = 64


class Schedule:
    """What this process knows of the lines that have something to send."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        #: Lines that may have something ready; the others are looked at when the drain looks thoroughly.
        self.ready: set[int] = set()
        #: Runs whose messages were planned since the last claim, by line.
        self.new: dict[int, list[int]] = {}
        #: Seconds until the next line is free of its rate limit; None if no line is rate-limited.
        self.again_in: float | None = None
        #: Lines of a portal with messages that wait for something other than time and pace.
        self._blocked: defaultdict[int, set[int]] = defaultdict(set)
        self._turn = 0

    def look(self, session: Session, held: dict[int, int]) -> None:
        """Find all lines with something queued; what was delayed or held up is found here again."""
        self.ready |= {row.id for row in session.execute(QUEUED_LINES) if shard_of(row.portal_id) in held}

    def choose(
        self, session: Session, held: dict[int, int], free_slots: int, now: datetime
    ) -> tuple[list[int], dict[int, Line]]:
        """Messages whose turn it is, at most `free_slots` of them, and their lines."""
        self.again_in = None
        new, self.new = self.new, {}
        lines = self._lines(session, held, self.ready | new.keys())
        for line in lines:
            if line.id in new:  # planned by now, what may have stood in front of others
                self.ready |= self._blocked.pop(line.portal_id, set())
        lines = self._flowing(session, held, lines, new)
        turns = self._in_turn([(line, may) for line in lines if (may := self._may(line, now))], free_slots)
        shares = _shares([may for _, may in turns], free_slots)
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
        self._look_ahead([line for line, _ in turns], free_slots - len(chosen), now)
        return chosen, {line.id: line for line, _ in turns}

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
        """Those that leave now; the others, whose client's rate does not allow them yet, are put off until it is."""
        leaving, early = self.runtime.paces.sort(ready, now)
        if early:
            session.execute(update(Message), [{"id": message_id, "send_at": opens} for message_id, opens in early])
        self.runtime.paces.bucket(line, now).take(len(leaving), more=more)
        return leaving

    def _lines(self, session: Session, held: dict[int, int], wanted: set[int]) -> list[Line]:
        """The connected lines among these, of the shards we hold."""
        found = session.scalars(LINES, {"ids": sorted(wanted)}) if wanted else ()
        lines = [line for line in found if shard_of(line.portal_id) in held]
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

    def _in_turn(self, turns: list[tuple[Line, int]], free_slots: int) -> list[tuple[Line, int]]:
        """The next LINES_A_ROUND of the lines that may send; another one goes first each time.

        Lines that wait for their pace take nobody's place: a hundred of them would keep a quick one waiting for seconds.
        """
        if len(turns) > LINES_A_ROUND and free_slots:
            # The others have their turn in the next round. Without a free slot the next task that comes back begins it.
            self.again_in = 0.0
        start = self._turn % len(turns) if turns else 0
        self._turn += LINES_A_ROUND if len(turns) > LINES_A_ROUND else 1
        return [*turns[start:], *turns[:start]][:LINES_A_ROUND]

    def _look_ahead(self, lines: list[Line], free_slots: int, now: datetime) -> None:
        """When those that had their turn and may have more go on: at once, by their pace, or when a slot is free again."""
        if free_slots > 0 and any(self._may(line, now) for line in lines if line.id in self.ready):
            self.again_in = 0.0

    def _may(self, line: Line, now: datetime) -> int:
        """How many of this line's messages may leave now; if none, when the next ones may is remembered."""
        bucket = self.runtime.paces.bucket(line, now)
        may = bucket.may(line, now)
        if not may:
            wait = max(0.001, (bucket.next_at(line, now) - now).total_seconds())
            self.again_in = wait if self.again_in is None else min(self.again_in, wait)
        return may


def _shares(wanted: list[int], free_slots: int) -> list[int]:
    """Share the free slots: a line that wants less than its part leaves the rest to those behind."""
    shares = []
    for position, may in enumerate(wanted):
        share = -(-free_slots // (len(wanted) - position))
        shares.append(min(share, may))
        free_slots -= shares[-1]
    return shares
