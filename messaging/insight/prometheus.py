"""Figures that are always visible (contract section 6).

Events are counted where they happen (messaging.system.counters), so that web and worker processes show one sum; what the
database knows better (statuses, queue depth, ages) is asked there at the moment of the scrape. A flushed Redis makes the
counters begin again at zero, which Prometheus understands. A worker shows nothing: it never imports this, nor Prometheus'
client.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from redis import Redis
from sqlalchemy import case, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from messaging.insight.queue_depth import queues
from messaging.limits.pace import effective, share_at
from messaging.queue.spool import Spool
from messaging.queue.wakeups import living_workers
from messaging.store.callbacks import Endpoint, EndpointState
from messaging.store.database import Database
from messaging.store.models import Line
from messaging.store.tallies import Tally
from messaging.system import disk
from messaging.system.counters import BUCKETS_S, HASH, HELP, SLOWED

log = structlog.get_logger(__name__)


class Figures(Collector):
    """Collects at the moment of the scrape, from Redis and the database."""

    def __init__(self, db: Database, redis: Redis, now: datetime, folder: Path, spool: Spool) -> None:
        self.db, self.redis, self.now, self.folder, self.spool = db, redis, now, folder, spool

    def collect(self) -> Iterator[Metric]:
        kept: dict[bytes, bytes] = self.redis.hgetall(HASH)  # type: ignore[assignment]  # bytes: nothing is decoded
        counts = [(key.decode().split("|"), float(value)) for key, value in sorted(kept.items())]
        for name, (text, labels) in HELP.items():
            family = CounterMetricFamily(f"waba24_{name}", text, labels=labels)
            for key, value in counts:
                if key[0] == name and len(key) == len(labels) + 1:
                    family.add_metric(key[1:], value)
            yield family
        yield _histogram(counts)
        text = "Worker processes that live, at least so many"
        yield GaugeMetricFamily("waba24_workers", text, value=living_workers(self.redis))
        free = disk.free_bytes(self.folder)
        yield GaugeMetricFamily("waba24_disk_free_bytes", "Room on the disk of DATA_DIR", value=free)
        yield from self._of_spool()
        try:
            yield from self._from_database()
        except SQLAlchemyError as error:
            log.warning("figures without those of the database, which is away", error=type(error).__name__)

    def _of_spool(self) -> Iterator[Metric]:
        waiting = self.spool.waiting()
        text = "Calls and webhooks that wait in the spool until the database is back"
        yield GaugeMetricFamily("waba24_spool_entries", text, value=waiting.entries)
        yield GaugeMetricFamily("waba24_spool_bytes", "Bytes they take in DATA_DIR", value=waiting.size)
        text = "Age of the oldest of them"
        yield GaugeMetricFamily("waba24_spool_oldest_seconds", text, value=waiting.age_s(self.now))
        text = "Bytes of calls that wait until the auth server vouches for their portal"
        yield GaugeMetricFamily("waba24_spool_held_bytes", text, value=self.spool.held_bytes())
        text = "Bytes of calls and webhooks that could not be replayed"
        yield GaugeMetricFamily("waba24_spool_set_aside_bytes", text, value=self.spool.set_aside_bytes())

    def _from_database(self) -> Iterator[Metric]:
        text = "Messages planned today (UTC) by how far they have come, counted every five minutes"
        messages = GaugeMetricFamily("waba24_messages", text, labels=("line", "status"))
        depth = GaugeMetricFamily("waba24_queue_depth", "What waits to be worked on", labels=("queue",))
        age = GaugeMetricFamily("waba24_queue_oldest_seconds", "Age of the oldest of them", labels=("queue",))
        with self.db.read() as session:
            for tally in session.scalars(select(Tally).where(Tally.day == self.now.date())):
                messages.add_metric([str(tally.line_id), tally.status], tally.count)
            for queue in queues(session, self.now):
                depth.add_metric([queue.name], queue.depth)
                age.add_metric([queue.name], queue.oldest_s)
            lines = session.scalars(select(Line).where(Line.status == "connected").order_by(Line.id)).all()
            told = _endpoints(session)
        yield from (messages, depth, age, *self._lines(lines), *told)

    def _lines(self, lines: Sequence[Line]) -> Iterator[Metric]:
        stopped = GaugeMetricFamily("waba24_lines_stopped", "Lines that send nothing, by code", labels=("line", "code"))
        pace = GaugeMetricFamily("waba24_line_pace", "Messages a second a line may send now", labels=("line",))
        paused = GaugeMetricFamily("waba24_lines_paused", "Lines paused by hand", labels=("line",))
        slowed: dict[bytes, bytes] = self.redis.hgetall(SLOWED)  # type: ignore[assignment]  # bytes, as above
        for line in lines:
            if line.stopped_at is not None:
                stopped.add_metric([str(line.id), line.stop_code], 1)
            if line.paused_at is not None:
                paused.add_metric([str(line.id)], 1)
            share, _, at = slowed.get(str(line.id).encode(), b"").decode().partition("|")
            now_share = share_at(float(share), datetime.fromisoformat(at), self.now) if at else 1.0
            pace.add_metric([str(line.id)], effective(line.pace, now_share))
        yield from (stopped, paused, pace)


def _endpoints(session: Session) -> tuple[Metric, Metric]:
    """Customers' webhooks by state, and the events that wait for them, of all portals together."""
    text = "Customers' webhooks: on, failing (on, but taking nothing) or off"
    states = GaugeMetricFamily("waba24_endpoints", text, labels=("state",))
    is_failing = (Endpoint.state == EndpointState.ON) & Endpoint.failing_since.is_not(None)
    state = case((is_failing, "failing"), else_=Endpoint.state)
    counted = select(state, func.count(), func.sum(Endpoint.waiting)).where(Endpoint.state != EndpointState.REMOVED)
    found = {name: (number, int(waiting)) for name, number, waiting in session.execute(counted.group_by(state))}
    for name in ("on", "failing", "off"):
        states.add_metric([name], found.get(name, (0, 0))[0])
    waiting = sum(number for _, number in found.values())
    return states, GaugeMetricFamily(
        "waba24_callbacks_waiting", "Events that wait for customers' webhooks", value=waiting
    )


def _histogram(counts: list[tuple[list[str], float]]) -> Metric:
    family = HistogramMetricFamily(
        "waba24_seconds_to_provider", "Seconds from robot call to Gupshup's acceptance", labels=("line",)
    )
    lines = {key[1] for key, _ in counts if key[0] == "to_provider"}
    for line in sorted(lines):
        per_bucket = {key[2]: value for key, value in counts if key[0] == "to_provider" and key[1] == line}
        total = next((value for key, value in counts if key == ["to_provider_sum", line]), 0.0)
        running, buckets = 0.0, []
        for bound in [*map(str, BUCKETS_S), "+Inf"]:
            running += per_bucket.get(bound, 0.0)
            buckets.append((bound, running))
        family.add_metric([line], buckets, total)
    return family
