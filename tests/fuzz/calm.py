"""What the tests of all doors share: how many cases, and the world between two calls."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from hypothesis import Phase, settings
from sqlalchemy import select, update

from messaging.store.models import Line, Portal
from tests.fuzz.watch import Watch
from tests.support.world import World

CASES = int(os.environ.get("CASES", "40"))
SEED = int(os.environ.get("SEED", "24"))
FORM = "application/x-www-form-urlencoded"
#: Calls between two rounds of the worker.
TOGETHER = 10

#: What fails is made smaller only where somebody waits for it: that takes hundreds of further calls.
PHASES = [Phase.generate, Phase.shrink] if "CASES" in os.environ else [Phase.generate]
chosen = settings(max_examples=CASES, database=None, phases=PHASES, report_multiple_bugs=False)


class Calm:
    """The world between two calls: the worker does what has come, and what a mutation has changed for good is undone."""

    def __init__(self, world: World, watch: Watch) -> None:
        self.world, self.watch = world, watch
        self.count = 0
        with world.runtime.db.read() as session:
            self._rows = [(model, dict(row)) for model in (Portal, Line) for row in _rows(session, model)]

    def after(self, answer: Any = None) -> None:
        """Judge the answer; after some of them let the worker work."""
        assert answer is None or answer.status_code < 500, answer.status_code
        self.count += 1
        self.world.runtime.redis.flushdb()  # the portal's request limit goes by Redis's clock, which nobody can move
        if self.count % TOGETHER == 0:
            self.work()

    def work(self) -> None:
        world = self.world
        world.now += timedelta(seconds=60)
        with self.watch.call():
            world.drain.settle()
        world.bx.deliver_due()
        world.gs.deliver_due()
        world.net.seen.clear()
        with world.runtime.db.write() as session:
            for model, row in self._rows:
                session.execute(update(model).where(model.id == row["id"]).values(row))


def _rows(session: Any, model: Any) -> Iterator[dict[str, Any]]:
    table = model.__table__
    return (dict(row) for row in session.execute(select(table)).mappings())
