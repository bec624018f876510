"""The tenant who lives a normal day: robot calls at an even pace, and a page now and then, in a process of his own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.siege.targets import Day
from bench.siege.wire import ask, get, post

PAGE_EVERY_S = 2.0


@dataclass(frozen=True)
class Step:
    """One call or page. at: unix time at which it began; status 0: no answer."""

    name: str
    at: float
    seconds: float
    status: int


@dataclass
class Diary:
    """calls: in the order of the Day's. pages: in the order in which they were opened."""

    calls: list[Step] = field(default_factory=list)
    pages: list[Step] = field(default_factory=list)


def live(day: Day, begin_at: float) -> Diary:
    """Begin at `begin_at` (unix time) and make all calls of the day. To be called in a process of its own."""
    return asyncio.run(_live(day, begin_at))


async def _live(day: Day, begin_at: float) -> Diary:
    await asyncio.sleep(max(0.0, begin_at - time.time()))
    seconds = len(day.calls) / day.per_s
    calls, pages = await asyncio.gather(_call(day, begin_at), _look(day, begin_at + seconds))
    return Diary(calls, pages)


async def _call(day: Day, begin_at: float) -> list[Step]:
    """Whether or not the earlier ones are answered: Bitrix24 does not wait for us."""
    tasks = []
    for number, (url, body) in enumerate(day.calls):
        await asyncio.sleep(max(0.0, begin_at + number / day.per_s - time.time()))
        tasks.append(asyncio.create_task(_step("call", url, post(url, body))))
    return list(await asyncio.gather(*tasks))


async def _look(day: Day, until: float) -> list[Step]:
    """One page after the other, each for itself: somebody who waits for a page opens the next one all the same."""
    tasks = []
    while time.time() < until:
        for name, (url, body) in day.pages.items():
            asked = get(url, {"X-Waba24-Frame": day.token}) if body is None else post(url, body)
            tasks.append(asyncio.create_task(_step(name, url, asked)))
            await asyncio.sleep(PAGE_EVERY_S)
    return list(await asyncio.gather(*tasks))


async def _step(name: str, url: str, pieces: Sequence[bytes]) -> Step:
    begun = time.time()
    reply = await ask(url, pieces)
    return Step(name, begun, reply.seconds, reply.status)
