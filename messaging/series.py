"""The figures of contract section 6 for one portal, over the last 24 hours by hour.

Runs and refusals are counted in their indexes, messages come from the daily tallies, the rest (waiting times, webhooks,
answers, REST calls) from the hourly counts in Redis: no row is opened. Without Redis those are empty.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from redis.exceptions import RedisError
from sqlalchemy import ColumnElement, String, and_, func, select, type_coerce
from sqlalchemy.orm import InstrumentedAttribute, Session

from messaging.ages import first_since
from messaging.counters import BUCKETS_S, hour_key
from messaging.lines import PAUSED
from messaging.models import InboundEvent, Line, Message, Portal, Run, Tally, shard_of
from messaging.queue_server import QueueServerError
from messaging.runtime import Runtime

HOURS = 24
#: Ids and times of several processes may lie the other way round by a moment's runs.
BLUR = 1_000
BOUNDS = (*BUCKETS_S, float("inf"))


@dataclass(frozen=True)
class Queue:
    """What waits to be worked on: runs, messages, answers or events. oldest_s: for how long the oldest has been due.

    paused: messages that wait for the end of their line's pause; they are in neither of the others.
    """

    name: str
    depth: int
    oldest_s: float
    paused: int = 0


@dataclass(frozen=True)
class Waits:
    """Seconds from robot call to Gupshup in an hour; each is the upper bound of a bucket (counters.BUCKETS_S)."""

    median_s: float
    worst_s: float


@dataclass
class Figures:
    """hours: the beginning of each. The lists have one value per hour, this one included."""

    hours: list[datetime]
    runs: dict[int | None, list[int]] = field(default_factory=dict)
    outcomes: dict[str, list[int]] = field(default_factory=dict)
    refusals: Counter[tuple[int | None, str]] = field(default_factory=Counter)
    today: dict[str, int] = field(default_factory=dict)
    waits: dict[int, list[Waits | None]] = field(default_factory=dict)
    queues: list[Queue] = field(default_factory=list)
    webhooks: dict[str, list[int]] = field(default_factory=dict)
    unknown: list[int] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    rest_calls: list[int] = field(default_factory=list)


def figures(session: Session, runtime: Runtime, portal: Portal) -> Figures:
    """All of them; some 50 ms for 50,000 runs a day."""
    now = runtime.clock()
    begin = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    found = Figures([begin + timedelta(hours=later) for later in range(HOURS)])
    _runs(session, portal.id, begin, found)
    line_ids = list(session.scalars(select(Line.id).where(Line.portal_id == portal.id)))
    for tally in session.scalars(select(Tally).where(Tally.day == now.date(), Tally.line_id.in_(line_ids))):
        found.today[tally.status] = found.today.get(tally.status, 0) + tally.count
    found.queues = _queues(session, portal.id, line_ids, now)
    _counted(runtime, portal.id, found)
    return found


def _runs(session: Session, portal_id: int, begin: datetime, found: Figures) -> None:
    """From the indexes alone: how many came, how they ended, why they did not go."""
    low = first_since(session, Run.id, Run.stored_at, begin) - BLUR
    hour = _hour(session, Run.stored_at)
    asked = (
        select(hour.label("hour"), Run.line_id, Run.outcome, Run.error_code, func.count().label("number"))
        .where(Run.portal_id == portal_id, Run.id >= low, Run.stored_at >= begin)
        .group_by(hour, Run.line_id, Run.outcome, Run.error_code)
    )
    for row in session.execute(asked):
        at = _place(row.hour, begin)
        found.runs.setdefault(row.line_id, [0] * HOURS)[at] += row.number
        found.outcomes.setdefault(row.outcome or "open", [0] * HOURS)[at] += row.number
        if row.error_code:
            found.refusals[row.line_id, row.error_code] += row.number
    # Those that failed after their run had gone on: it ended well, and so did not tell.
    later = (
        select(Message.line_id, Message.error_code, func.count().label("number"))
        .join(Run, and_(Run.portal_id == portal_id, Run.id == Message.run_id))
        .where(Message.portal_id == portal_id, Message.status == "failed", Message.run_id >= low)
        .where(Run.stored_at >= begin, Run.outcome != "failed")
        .group_by(Message.line_id, Message.error_code)
    )
    for row in session.execute(later):
        found.refusals[row.line_id, row.error_code] += row.number


def _hour(session: Session, at: InstrumentedAttribute[datetime]) -> ColumnElement[Any]:
    """The hour of a moment, as the database says it quickest."""
    if session.get_bind().dialect.name == "sqlite":
        return func.substr(type_coerce(at, String), 1, 13)
    return func.floor(func.extract("epoch", at) / 3600)


def _place(hour: Any, begin: datetime) -> int:
    """Which of the 24 hours it is."""
    if isinstance(hour, str):
        since = datetime.strptime(hour, "%Y-%m-%d %H").replace(tzinfo=begin.tzinfo)
        hour = int(since.timestamp()) // 3600
    return min(HOURS - 1, max(0, int(hour) - int(begin.timestamp()) // 3600))


def _queues(session: Session, portal_id: int, line_ids: list[int], now: datetime) -> list[Queue]:
    """From the queues' own indexes, which are as small as what waits."""
    shard = shard_of(portal_id)
    queued = (Message.shard == shard) & (Message.portal_id == portal_id) & (Message.status == "queued")
    asked: dict[str, Any] = {
        "runs": select(func.count(), func.min(Run.stored_at)).where(
            Run.shard == shard, Run.portal_id == portal_id, Run.state == "stored"
        ),
        "messages": select(func.count(), func.min(Message.created_at)).where(queued, Message.send_at < PAUSED),
        "answers": select(func.count(), func.min(Run.ended_at)).where(
            Run.shard == shard, Run.portal_id == portal_id, Run.answer_at.is_not(None), Run.answered_at.is_(None)
        ),
        "events": select(func.count(), func.min(InboundEvent.received_at)).where(
            InboundEvent.shard == shard, InboundEvent.line_id.in_(line_ids), InboundEvent.state == "stored"
        ),
    }
    paused = {"messages": session.scalar(select(func.count()).where(queued, Message.send_at == PAUSED)) or 0}
    found = []
    for name, query in asked.items():
        count, oldest = session.execute(query).one()
        found.append(Queue(name, count, (now - oldest).total_seconds() if oldest else 0.0, paused.get(name, 0)))
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
            if name == "to_provider":
                waits[int(labels[0])][nth][float(labels[1])] += float(value)
            elif name == "webhooks":
                found.webhooks.setdefault(labels[0], [0] * HOURS)[nth] += round(float(value))
            elif name in totals:
                totals[name][nth] += round(float(value))
    found.waits = {line_id: [_waits(counts) for counts in hours] for line_id, hours in waits.items()}


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
