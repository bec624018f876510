"""(c), (e) 10,000 robot calls of one line with pace 80, posted as fast as they are accepted, until all are answered."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from bench import load
from bench.figures import number, percentile
from bench.ground import Ground, HeldCall, Unfinished, count_runs, say, wait
from messaging.models import Message, Run

CALLS, PACE = 10_000, 80.0
#: Every new line's default (contract, section 8).
BURST = 20
#: Bitrix24: 2 REST calls a second, 50 answers in each.
ANSWERS_PER_S = 100.0
LANES = 16
LIMIT_FLOORS = 3.0


def run(ground: Ground) -> None:
    """On each database, with both emulators."""
    figures: dict[str, Any] = {}
    ground.parts["burst"] = figures
    for database in ground.databases:
        with ground.town(database, emulated=True) as town:
            figures[database] = _measure(ground, town, database)


def _measure(ground: Ground, town: Any, database: str) -> dict[str, Any]:
    town.web()
    ground.workers(town, 1)
    (shop,) = ground.shops(town, 1, PACE, BURST)
    town.gupshup_faults(latency_ms=200, webhook_lanes=LANES)
    calls = ground.hold(shop, ground.scaled(CALLS, 100))
    floor = max(len(calls) / PACE, len(calls) / ANSWERS_PER_S)
    rest_before = _rest(ground, shop)
    say(f"burst: posting {len(calls):,} calls")
    posted = load.flood(town.url, [call.encoded() for call in calls])
    figures: dict[str, Any] = {
        "calls": len(calls),
        "pace": PACE,
        "burst": BURST,
        "floor_s": round(floor, 2),
        "posted_s": round(posted.ended - posted.started, 2),
    }
    if posted.other:
        ground.problem(f"burst, {database}: {posted.other} calls were not answered 200: {posted.statuses}")
    try:
        wait("answered", lambda: count_runs(town, Run.answered_at.is_not(None)), posted.ok, floor * LIMIT_FLOORS + 10)
    except Unfinished as short:
        answered = count_runs(town, Run.answered_at.is_not(None))
        ground.row("burst", f"{len(calls):,} calls, one line", database, f"NOT FINISHED: {short}")
        return {**figures, "answered": answered, "seconds": round(time.time() - posted.started, 2)}
    rest = _rest(ground, shop) - rest_before
    figures |= _times(town, posted.started, floor) | {"rest_per_1000": round(rest / len(calls) * 1000, 1)}
    figures["sent_s"] = round(_last_sent(town).timestamp() - posted.started, 2)
    _check(ground, town, shop, calls, database)
    _tell(ground, figures, database)
    return figures


def _times(town: Any, started: float, floor: float) -> dict[str, Any]:
    with town.runtime.db.read() as session:
        rows = session.execute(select(Run.ended_at, Run.answered_at)).all()
    seconds = max(answered for _, answered in rows).timestamp() - started
    delays = [(answered - ended).total_seconds() for ended, answered in rows]
    return {
        "answered": len(rows),
        "seconds": round(seconds, 2),
        "over_floor": round(seconds / floor, 3),
        "answer_p50_s": round(percentile(delays, 0.5), 2),
        "answer_p99_s": round(percentile(delays, 0.99), 2),
    }


def _last_sent(town: Any) -> datetime:
    with town.runtime.db.read() as session:
        last: datetime = session.execute(select(func.max(Message.accepted_at))).scalar_one()
        return last


def _tell(ground: Ground, figures: dict[str, Any], database: str) -> None:
    what = f"{figures['calls']:,} calls, one line, pace {PACE:g}"
    took = f"{number(figures['seconds'])} s, floor {number(figures['floor_s'])} s: {number(figures['over_floor'])}×"
    ground.row("burst", what, database, f"{took}; posted in {number(figures['posted_s'])} s")
    rest, p99 = number(figures["rest_per_1000"]), number(figures["answer_p99_s"])
    ground.row("burst", "answers to Bitrix24", database, f"{rest} REST calls per 1,000, delay p99 {p99} s")


def _rest(ground: Ground, shop: Any) -> int:
    return int(ground.ask(f"{shop.portal}/emulator/calls")["http"])


def _check(ground: Ground, town: Any, shop: Any, calls: list[HeldCall], database: str) -> None:
    """Each call: one message at Gupshup, one answer at the portal, which may have been repeated with the same values."""
    say("burst: checking every call")
    wanted = {call.phone for call in calls}
    sent = Counter(message["destination"] for message in town.accepted([shop]))
    lost, twice = len(wanted - sent.keys()), sum(times - 1 for times in sent.values())
    workflows = {call.workflow for call in calls}
    flows = [flow for flow in ground.ask(f"{shop.portal}/emulator/log")["workflows"] if flow["id"] in workflows]
    unanswered = sum(1 for flow in flows if [a["effect"] for a in flow["answers"]].count("accepted") != 1)
    changed = sum(1 for flow in flows if any(a["values"] != flow["answers"][0]["values"] for a in flow["answers"]))
    found = {"sent to nobody": lost, "sent twice": twice, "not answered": unanswered, "answered in two ways": changed}
    if told := ", ".join(f"{count} {what}" for what, count in found.items() if count):
        ground.problem(f"burst, {database}: {told}")
