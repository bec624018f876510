"""The figures of contract section 6 for one portal, over the last 24 hours by hour.

Queues are counted in their indexes, all the rest comes from the hourly counts in Redis: no row is opened, and the cost does not
rise with the traffic. Without Redis the rest is empty; a killed process takes along what it counted in its last second.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.orm import Session

from messaging.insight.periods import HOURS, last_hours
from messaging.insight.queue_depth import Queue, queues_of
from messaging.runtime import Runtime
from messaging.store.models import Line, Portal
from messaging.system.counters import BUCKETS_S, hour_key
from messaging.system.embedded_redis import QueueServerError

K = TypeVar("K")
BOUNDS = (*BUCKETS_S, float("inf"))


@dataclass(frozen=True)
class Waits:
    """Seconds from robot call to Gupshup in an hour; each is the upper bound of a bucket (counters.BUCKETS_S)."""

    median_s: float
    worst_s: float


@dataclass
class Figures:
    """hours: the beginning of each. The lists have one value per hour, this one included.

    runs: by action, in the hour they came; outcomes and ended: by outcome and by line, in the hour they ended. callbacks: tries
    to tell customers' systems, by `taken` or `refused`. handed_over: messages that Bitrix24 gave us, by what became of them.
    """

    hours: list[datetime]
    runs: dict[str, list[int]] = field(default_factory=dict)
    outcomes: dict[str, list[int]] = field(default_factory=dict)
    ended: dict[int | None, list[int]] = field(default_factory=dict)
    refusals: Counter[tuple[int | None, str]] = field(default_factory=Counter)
    waits: dict[int, list[Waits | None]] = field(default_factory=dict)
    queues: list[Queue] = field(default_factory=list)
    webhooks: dict[str, list[int]] = field(default_factory=dict)
    unknown: list[int] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    rest_calls: list[int] = field(default_factory=list)
    callbacks: dict[str, list[int]] = field(default_factory=dict)
    handed_over: dict[str, list[int]] = field(default_factory=dict)


def figures(session: Session, runtime: Runtime, portal: Portal) -> Figures:
    """A portal's figures for each of the last 24 hours."""
    now = runtime.clock()
    found = Figures(last_hours(now))
    line_ids = list(session.scalars(select(Line.id).where(Line.portal_id == portal.id)))
    found.queues = queues_of(session, now, portal.id, line_ids)
    _counted(runtime, portal.id, found)
    return found


def _counted(runtime: Runtime, portal_id: int, found: Figures) -> None:
    """What Redis knows by hour."""
    try:
        pipe = runtime.redis.pipeline(transaction=False)
        for at in found.hours:
            pipe.hgetall(hour_key(portal_id, at))
        kept: list[dict[bytes, bytes]] = pipe.execute()
    except (RedisError, QueueServerError):
        return
    waits: defaultdict[int, list[defaultdict[float, float]]] = defaultdict(
        lambda: [defaultdict(float) for _ in range(HOURS)]
    )
    found.unknown, found.answers, found.rest_calls = [0] * HOURS, [0] * HOURS, [0] * HOURS
    totals = {"webhooks_unknown": found.unknown, "answers": found.answers, "rest_calls": found.rest_calls}
    for nth, counts in enumerate(kept):
        for key, value in counts.items():
            name, *labels = key.decode().split("|")
            number = round(float(value))
            match name, labels:
                case "to_provider", [line_id, bound]:
                    waits[int(line_id)][nth][float(bound)] += number
                case "webhooks", [label]:
                    _hours(found.webhooks, label)[nth] += number
                case "runs_received", [_side, action]:
                    _hours(found.runs, action)[nth] += number
                case "runs_ended", [line, outcome]:
                    _hours(found.outcomes, outcome)[nth] += number
                    _hours(found.ended, _id(line))[nth] += number
                case "callbacks", [outcome]:
                    _hours(found.callbacks, outcome)[nth] += number
                case "provider_messages", [_line, outcome]:
                    _hours(found.handed_over, outcome)[nth] += number
                case "refusals", [line, code]:
                    found.refusals[_id(line), code] += number
                case _ if name in totals:
                    totals[name][nth] += number
    found.waits = {line_id: [_waits(counts) for counts in hours] for line_id, hours in waits.items()}


def _hours(rows: dict[K, list[int]], key: K) -> list[int]:
    return rows.setdefault(key, [0] * HOURS)


def _id(label: str) -> int | None:
    """A line's id; none of a run that was refused before it had one."""
    return int(label) if label else None


def _waits(counts: Mapping[float, float]) -> Waits | None:
    total, below = sum(counts.values()), 0.0
    if not total:
        return None
    filled = [bound for bound in BOUNDS if counts.get(bound)]
    for bound in filled:
        below += counts[bound]
        if below * 2 >= total:
            return Waits(min(bound, BUCKETS_S[-1]), min(filled[-1], BUCKETS_S[-1]))
    return None
