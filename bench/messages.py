"""(b) Messages per second from the stored run to Gupshup, beside stock RQ and Celery doing the same job."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from bench import baselines
from bench.figures import number
from bench.ground import THREADS, Ground, wait
from bench.stored import Stock
from messaging.store.models import SHARDS, Message

PORTALS = 10
#: Far above what any process reaches, so that no line's pace is measured.
PACE, BURST = 100_000.0, 100_000
SECONDS = 12.0
WARM, LEAST, MOST = 1_500, 200, 20_000
RQ_JOBS = 15
LIMIT_S = 90.0


def run(ground: Ground) -> None:
    """Ours with one process and with two, then the baselines, on each database; then these without any database."""
    ground.each_database("messages", lambda database: _database(ground, database))
    with ground.attempt("messages without a database"), ground.town("sqlite") as town:
        ground.parts["messages"]["bare"] = _bare(ground, town)
    ground.check_duplicates("messages")


def _database(ground: Ground, database: str) -> dict[str, Any]:
    with ground.town(database) as town:
        return _measure(ground, town, database)


def _measure(ground: Ground, town: Any, database: str) -> dict[str, Any]:
    town.web()
    pool = ground.workers(town, 1)
    shops = ground.shops(town, PORTALS, PACE, BURST)
    ground.stop(town, pool)
    stock = Stock(ground, town, [ground.hold(shop, 1)[0] for shop in shops])
    figures: dict[str, Any] = {}
    for processes in (1, 2):
        figures[f"ours_{processes}"] = ours = _ours(ground, town, stock, processes)
        told = f"{number(ours['per_s'])} msg/s ({number(ours['per_s_from_stored'])} from stored)"
        ground.row("messages", f"ours, {processes} × {THREADS}", database, f"{told}, {ours['count']:,} messages")
    figures["rq"] = _rq(ground, town, stock)
    ground.row("messages", "stock rq worker, same job", database, f"{number(figures['rq']['per_s'])} msg/s")
    figures["celery"] = _celery(ground, town, stock)
    ground.row("messages", f"Celery threads 2 × {THREADS}, same job", database, _told(figures["celery"]))
    for processes in (1, 2):
        ours = figures[f"ours_{processes}"]
        ours["over_rq"] = round(ours["per_s"] / figures["rq"]["per_s"], 1)
        ours["over_celery"] = round(ours["per_s"] / figures["celery"]["per_s"], 2)
        told = f"{number(ours['over_rq'])}× rq, {number(ours['over_celery'])}× Celery"
        ground.row("messages", f"ours, {processes} × {THREADS}", database, told)
    return figures


def _told(figures: dict[str, Any]) -> str:
    return f"{number(figures['per_s'])} msg/s, {figures['count']:,} messages"


def _ours(ground: Ground, town: Any, stock: Stock, processes: int) -> dict[str, Any]:
    pool = ground.workers(town, processes)
    try:
        # The first ones open connections and fetch the templates; how fast they go says how many are enough.
        warm = _carried(ground, town, lambda: stock.put(ground.scaled(WARM, 100)), lambda ids: None)
        count = _enough(ground, warm["per_s"])
        return _carried(ground, town, lambda: stock.put(count), lambda ids: town.runtime.wakeups.notify(range(SHARDS)))
    finally:
        ground.stop(town, pool)


def _enough(ground: Ground, per_s: float) -> int:
    """So many that it takes some 12 s."""
    return ground.scaled(min(max(int(per_s * SECONDS), LEAST), MOST), LEAST)


def _rq(ground: Ground, town: Any, stock: Stock) -> dict[str, Any]:
    count = ground.scaled(RQ_JOBS, 5)
    with baselines.rq(town) as enqueue:
        return _carried(ground, town, lambda: stock.put(count), lambda ids: enqueue("bench.one.carry", ids))


def _celery(ground: Ground, town: Any, stock: Stock) -> dict[str, Any]:
    with baselines.celery(town, THREADS) as enqueue:

        def carry(count: int) -> dict[str, Any]:
            return _carried(ground, town, lambda: stock.put(count), lambda ids: enqueue("bench.carry", ids))

        warm = carry(ground.scaled(WARM, 100))
        return carry(_enough(ground, warm["per_s"]))


def _carried(
    ground: Ground, town: Any, put: Callable[[], list[int]], begin: Callable[[list[int]], None]
) -> dict[str, Any]:
    """Store runs, hand them over, wait until all are accepted and recorded."""
    before = ground.accepted()
    ids = put()
    stored = time.time()
    begin(ids)
    wait("messages", lambda: ground.accepted() - before, len(ids), LIMIT_S)
    wait("messages recorded", lambda: _recorded(town, ids), len(ids), 20)
    first, last = _span(town, ids)
    taken, whole = (last - first).total_seconds(), last.timestamp() - stored
    return {
        "count": len(ids),
        "per_s": round(len(ids) / taken, 2),
        "per_s_from_stored": round(len(ids) / whole, 2),
        "seconds": round(taken, 2),
    }


def _recorded(town: Any, ids: list[int]) -> int:
    with town.runtime.db.read() as session:
        query = select(func.count()).where(Message.run_id.between(ids[0], ids[-1]), Message.accepted_at.is_not(None))
        return session.scalar(query) or 0


def _span(town: Any, ids: list[int]) -> tuple[datetime, datetime]:
    """The first claim and the last acceptance that was recorded."""
    with town.runtime.db.read() as session:
        query = select(func.min(Message.claimed_at), func.max(Message.accepted_at))
        first, last = session.execute(query.where(Message.run_id.between(ids[0], ids[-1]))).one()
        return first, last


# Without a database: what the POST and the queue alone cost the baselines.


def _bare(ground: Ground, town: Any) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    with baselines.rq(town) as enqueue:
        figures["rq"] = _posted(ground, ground.scaled(RQ_JOBS, 5), lambda phones: enqueue("bench.one.post", phones))
    ground.row("messages", "stock rq worker, POST alone", "", _told(figures["rq"]))
    with baselines.celery(town, THREADS) as enqueue:

        def post(phones: list[str]) -> None:
            enqueue("bench.post", phones)

        warm = _posted(ground, ground.scaled(WARM, 100), post)
        figures["celery"] = _posted(ground, _enough(ground, warm["per_s"]), post)
    ground.row("messages", f"Celery threads 2 × {THREADS}, POST alone", "", _told(figures["celery"]))
    return figures


def _posted(ground: Ground, count: int, begin: Callable[[list[str]], None]) -> dict[str, Any]:
    phones = ground.phones(count)
    before = ground.accepted()
    ground.arrivals()
    begin(phones)
    wait("POSTs", lambda: ground.accepted() - before, count, LIMIT_S)
    times = [at for _, at in ground.arrivals()]
    # From the first arrival to the last answer.
    return {"count": count, "per_s": round(count / (max(times) - min(times) + 0.2), 2)}
