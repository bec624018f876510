"""The attacker: plays all rows at once, each again after a pause, in a process of its own."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from bench.siege.rows import ROWS
from bench.siege.targets import Target
from bench.siege.wire import Reply, ask

#: Between two rounds of a row: it is meant to be one of many things that a machine lives through.
PAUSE_S = 5.0
#: In life the attacker has a machine of his own.
NICENESS = 15


@dataclass
class Tally:
    """What became of a row: how often it was played, answers by status (0: none), seconds of the slowest one."""

    rounds: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0
    problems: list[str] = field(default_factory=list)

    def note(self, reply: Reply) -> None:
        self.answers[reply.status] += 1
        self.slowest = max(self.slowest, reply.seconds)


def besiege(target: Target, rows: Sequence[str], begin_at: float, seconds: float) -> dict[str, Tally]:
    """Attack from `begin_at` (unix time) for so many seconds; row → what became of it. To be called in a process of its own."""
    os.nice(NICENESS)
    return asyncio.run(_besiege(target, rows, begin_at, seconds))


async def _besiege(target: Target, rows: Sequence[str], begin_at: float, seconds: float) -> dict[str, Tally]:
    tallies = {row: Tally() for row in rows}
    await asyncio.sleep(max(0.0, begin_at - time.time()))
    until = time.time() + seconds
    tasks = [asyncio.create_task(_again_and_again(target, row, tallies[row], until)) for row in rows]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return tallies


async def _again_and_again(target: Target, row: str, tally: Tally, until: float) -> None:
    """Play a row until this moment (unix time): an answer that comes with the cancellation may swallow it."""

    async def fire(pieces: Iterable[bytes]) -> Reply:
        reply = await ask(target.url, pieces)
        tally.note(reply)
        return reply

    while time.time() < until:
        with suppress(OSError):
            try:
                await ROWS[row](target, fire)
            except AssertionError as error:
                tally.problems.append(str(error))
        tally.rounds += 1
        await asyncio.sleep(PAUSE_S)
