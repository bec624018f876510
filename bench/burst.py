"""(c), (e) 10,000 robot calls of one line with pace 80, posted as fast as they are accepted, until all are answered."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from sqlalchemy import func, select

from bench import load
from bench.figures import number, percentile
from bench.ground import Ground, HeldCall, Unfinished, count_runs, say, wait
from messaging.store.models import Message, Run

CALLS, PACE = 10_000, 80.0
#: Every new line's default (contract, section 8).
BURST = 20
#: Bitrix24: 2 REST calls a second, 50 answers in each.
ANSWERS_PER_S = 100.0
LANES = 16
#: Longer than this it is not waited for: the whole benchmark has twelve minutes.
LIMIT_FLOORS = 1.6


def run(ground: Ground) -> None:
    """On each database, with both emulators."""
    ground.each_database("burst", lambda database: _database(ground, database))


def _database(ground: Ground, database: str) -> dict[str, Any]:
    with ground.town(database, emulated=True) as town:
        return _measure(ground, town, database)


def _measure(ground: Ground, town: Any, database: str) -> dict[str, Any]:
    town.web()
    ground.workers(town, 1)
    (shop,) = ground.shops(town, 1, PACE, BURST)
    town.gupshup_faults(latency_ms=200, webhook_lanes=LANES)
    calls = ground.hold(shop, ground.scaled(CALLS, 100))
    floor = max(len(calls) / PACE, len(calls) / ANSWERS_PER_S)
    limit = floor * LIMIT_FLOORS + 10
    rest_before = _rest(ground, shop)
    encoded = [call.encoded() for call in calls]
    posted = load.flood(
        town.url, encoded, seconds=limit, progress=lambda count: say(f"burst: posted {count:,} of {len(calls):,}")
    )
    if posted.other:
        ground.problem(f"burst, {database}: {posted.other} calls were not answered 200: {posted.statuses}")
    finished = posted.ok == len(calls) and _until_answered(town, posted, limit)
    figures = _figures(town, posted.started, floor, finished)
    rest = _rest(ground, shop) - rest_before
    figures |= {
        "calls": len(calls),
        "pace": PACE,
        "burst": BURST,
        "floor_s": round(floor, 2),
        "posted": posted.ok,
        "posted_s": round(posted.ended - posted.started, 2),
        "rest_per_1000": round(rest / max(figures["answered"], 1) * 1000, 1),
    }
    _check(ground, town, shop, calls, database, finished)
    _tell(ground, figures, database)
    return figures


def _until_answered(town: Any, posted: load.Result, limit_s: float) -> bool:
    """Whether it was done within the limit, counted from the first call."""
    left = limit_s - (posted.ended - posted.started)
    try:
        # Seldom: counting all runs costs the database more than the messages of that moment.
        wait("answered", lambda: count_runs(town, Run.answered_at.is_not(None)), posted.ok, left, step_s=2.0)
    except Unfinished:
        return False
    return True


def _figures(town: Any, started: float, floor: float, finished: bool) -> dict[str, Any]:
    """What took how long. Not finished: the time is that until now, and `over_floor` at least so much."""
    with town.runtime.db.read() as session:
        rows = session.execute(select(Run.ended_at, Run.answered_at).where(Run.answered_at.is_not(None))).all()
        last = session.scalar(select(func.max(Message.accepted_at)))
    seconds = (max(answered for _, answered in rows).timestamp() if finished else time.time()) - started
    delays = [(answered - ended).total_seconds() for ended, answered in rows]
    return {
        "finished": finished,
        "answered": len(rows),
        "seconds": round(seconds, 2),
        "sent_s": round(last.timestamp() - started, 2) if last else 0.0,
        "over_floor": round(seconds / floor, 3),
        "answer_p50_s": round(percentile(delays, 0.5), 2),
        "answer_p99_s": round(percentile(delays, 0.99), 2),
    }


def _tell(ground: Ground, figures: dict[str, Any], database: str) -> None:
    what = f"{figures['calls']:,} calls, one line, pace {PACE:g}"
    took = f"{number(figures['seconds'])} s, floor {number(figures['floor_s'])} s: {number(figures['over_floor'])}×"
    if not figures["finished"]:
        took = f"NOT FINISHED, {figures['answered']:,} answered after {number(figures['seconds'])} s"
    ground.row("burst", what, database, f"{took}; {figures['posted']:,} posted in {number(figures['posted_s'])} s")
    rest, p99 = number(figures["rest_per_1000"]), number(figures["answer_p99_s"])
    ground.row("burst", "answers to Bitrix24", database, f"{rest} REST calls per 1,000, delay p99 {p99} s")


def _rest(ground: Ground, shop: Any) -> int:
    return int(ground.ask(f"{shop.portal}/emulator/calls")["http"])


def _check(ground: Ground, town: Any, shop: Any, calls: list[HeldCall], database: str, finished: bool) -> None:
    """Each call: one message at Gupshup, one answer at the portal, which may have been repeated with the same values.

    Not finished: nobody can tell yet what is late and what is lost; twice is twice.
    """
    say("burst: checking every call")
    wanted = {call.phone for call in calls}
    sent = Counter(message["destination"] for message in town.accepted([shop]))
    lost, twice = len(wanted - sent.keys()), sum(times - 1 for times in sent.values())
    workflows = {call.workflow for call in calls}
    flows = [flow for flow in ground.ask(f"{shop.portal}/emulator/log")["workflows"] if flow["id"] in workflows]
    unanswered = sum(1 for flow in flows if [a["effect"] for a in flow["answers"]].count("accepted") != 1)
    changed = sum(1 for flow in flows if any(a["values"] != flow["answers"][0]["values"] for a in flow["answers"]))
    found = {"sent twice": twice, "answered in two ways": changed}
    if finished:
        found |= {"sent to nobody": lost, "not answered": unanswered}
    if told := ", ".join(f"{count} {what}" for what, count in found.items() if count):
        ground.problem(f"burst, {database}: {told}")
