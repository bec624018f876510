"""How many transactions and Redis round trips a message costs at full load, from its call to its answer.

On the clock of bench/simulated.py, so that what comes back from Gupshup within ten milliseconds, and no more, is recorded
together, as in production. What is measured here is written down in docs/performance.md, "Round trips".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from redis.connection import AbstractConnection
from sqlalchemy import event, select

from bench.simulation.installation import Simulation, opened
from bench.simulation.shops import Scale, Shop
from messaging.store.models import Message, Run
from messaging.system import logs

CALLS, PORTALS, WEB_THREADS, THREADS = 640, 10, 16, 128


@contextmanager
def counted(simulation: Simulation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """`written`, `read`: transactions; `redis`: round trips. A pipeline is one; the simulation's own clock is none."""
    counts: Counter[str] = Counter()
    send = AbstractConnection.send_packed_command

    def asked(self: AbstractConnection, command: Any, *args: Any, **kwargs: Any) -> Any:
        packed = command if isinstance(command, bytes) else b"".join(command)
        counts["redis"] += b"MSET" not in packed
        return send(self, command, *args, **kwargs)

    def begun(connection: Any) -> None:
        counts["read" if connection.get_execution_options().get("reads_only") else "written"] += 1

    monkeypatch.setattr(AbstractConnection, "send_packed_command", asked)
    event.listen(simulation.db.engine, "begin", begun)
    yield counts
    event.remove(simulation.db.engine, "begin", begun)
    monkeypatch.undo()


def test_a_message_costs_less_than_a_redis_round_trip_and_a_fifth_of_a_transaction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logs.configure("text", "error")
    shops = [Shop(number, pace=1000, burst=1000) for number in range(1, PORTALS + 1)]
    with opened(Scale(drains=1, threads=THREADS), shops=shops) as simulation:
        with counted(simulation, monkeypatch) as storing, ThreadPoolExecutor(WEB_THREADS) as web:
            list(web.map(simulation.call, [shops[number % PORTALS] for number in range(CALLS)]))
        with counted(simulation, monkeypatch) as draining:
            simulation.begin()
            while simulation.is_open():
                simulation.clock.run(simulation.clock.seconds + 0.5)
        assert sum(simulation.provider.accepted.values()) == CALLS
        assert sum(simulation.portals.calls.values()) < CALLS / 10
    shown = f"stored: {dict(storing)}; drained and answered: {dict(draining)}"
    assert storing["redis"] + draining["redis"] < CALLS, shown
    assert storing["written"] <= CALLS / 5, shown
    assert draining["written"] <= CALLS / 5, shown
    assert draining["read"] <= CALLS / 2, shown
    print(f"\n{CALLS} messages. {shown}")


PER_S, SECONDS = 50, 4.0


def test_a_call_is_claimed_at_once_and_what_only_records_waits_for_it() -> None:
    """50 calls a second, at an even pace: the sends that came back meanwhile are recorded by the rounds of the calls."""
    logs.configure("text", "error")
    shop = Shop(1, pace=1000, burst=1000)
    with opened(Scale(drains=1, threads=THREADS), shops=[shop]) as simulation:
        simulation.begin()
        calls = int(PER_S * SECONDS)
        for number in range(calls):
            simulation.clock.at(1 + number / PER_S, lambda: simulation.call(shop))
        simulation.clock.run(1 + SECONDS)
        rounds = simulation.processes[0].rounds
        while simulation.is_open():
            simulation.clock.run(simulation.clock.seconds + 0.5)
        with simulation.db.read() as session:
            moments = session.execute(select(Run.stored_at, Message.claimed_at).join(Message.run)).all()
    waited = sorted((claimed - stored).total_seconds() for stored, claimed in moments)
    assert len(waited) == calls
    assert waited[calls // 2] < 0.005, f"median {waited[calls // 2]:.4f} s from call to claim"
    assert rounds < 1.25 * calls, f"{rounds} rounds for {calls} calls"
