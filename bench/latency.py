"""From the robot's POST (first byte sent) to Gupshup's socket, at 50 calls a second."""

from __future__ import annotations

from typing import Any

from bench import load
from bench.figures import number, percentile
from bench.ground import Ground, say, wait

PER_S, SECONDS, WARM_S = 50.0, 15.0, 2.0
PACE, BURST = 1000.0, 1000
LIMIT_S = 90.0


def run(ground: Ground) -> None:
    """On each database; portal and CRM are emulated, the phones are typed in."""
    ground.each_database("latency", lambda database: _database(ground, database))
    ground.check_duplicates("latency")


def _database(ground: Ground, database: str) -> dict[str, Any]:
    with ground.town(database) as town:
        found = _measure(ground, town)
    p50, p99 = number(found["p50_ms"]), number(found["p99_ms"])
    ground.row("latency", f"call to Gupshup, {PER_S:g}/s", database, f"p50 {p50} ms, p99 {p99} ms")
    return found


def _measure(ground: Ground, town: Any) -> dict[str, Any]:
    town.web()
    ground.workers(town, 1)
    (shop,) = ground.shops(town, 1, PACE, BURST)
    calls = ground.hold(shop, int(PER_S * (WARM_S + max(SECONDS * ground.scale, 2.0))))
    before = ground.accepted()
    ground.arrivals()
    say(f"latency: {len(calls)} calls at {PER_S:g}/s")
    result = load.paced(town.url, [call.encoded() for call in calls], PER_S)
    if result.other:
        ground.problem(f"latency: {result.other} calls were not answered 200: {result.statuses}")
    wait("calls at Gupshup", lambda: ground.accepted() - before, result.ok, LIMIT_S)
    arrived = dict(ground.arrivals())
    sent = {call.phone: at for call, at in zip(calls, result.sent_at, strict=True)}
    # The first two seconds wake a drain, open connections and fetch the templates: once an hour, not once a call.
    warm = calls[int(PER_S * WARM_S) :]
    taken = [arrived[call.phone] - sent[call.phone] for call in warm if call.phone in arrived]
    return {
        "calls": len(taken),
        "p50_ms": round(percentile(taken, 0.5) * 1000, 1),
        "p99_ms": round(percentile(taken, 0.99) * 1000, 1),
        "longest_ms": round(max(taken) * 1000, 1),
    }
