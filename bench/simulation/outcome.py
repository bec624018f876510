"""What came of a simulation: how long messages waited for others, what was answered, whether a promise was broken."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from bench.fairness import Wish, explained, gini
from bench.figures import markdown, number, percentile
from bench.machine import peak_mb
from bench.simulated import START
from bench.simulation.installation import Simulation
from bench.simulation.shops import CARDS, Shop, kind_of
from messaging.store.models import Message, Run


@dataclass(frozen=True)
class Sent:
    """What the database knows of one message, in seconds since START."""

    shop: Shop
    client: int
    stored: float
    planned: float
    claimed: float
    status: str


@dataclass
class Outcome:
    """What a simulation found. excess: seconds a message waited that its own line does not explain."""

    excess: list[float] = field(default_factory=list)
    worst: dict[str, float] = field(default_factory=dict)
    early: float = 0.0
    figures: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def outcome_of(simulation: Simulation) -> Outcome:
    """What came of a simulation that has run."""
    found = Outcome()
    sent = _sent(simulation)
    _waits(found, sent)
    _answers(found, simulation)
    _processes(found, simulation)
    _promises(found, simulation, sent)
    return found


def _sent(simulation: Simulation) -> dict[int, list[Sent]]:
    """By line, in the order of the calls."""
    columns = (Run.stored_at, Message.created_at, Message.claimed_at, Message.status, Message.conversation_id)
    query = select(Message.line_id, *columns).join(Message.run).order_by(Message.run_id)
    by_line: defaultdict[int, list[Sent]] = defaultdict(list)
    with simulation.db.read() as session:
        for line_id, stored, planned, claimed, status, client in session.execute(query):
            shop = simulation.shops[line_id - 1]
            times = (_seconds(stored), _seconds(planned), _seconds(claimed) if claimed else float("inf"))
            by_line[line_id].append(Sent(shop, client, *times, status))
    return by_line


def _waits(found: Outcome, by_line: dict[int, list[Sent]]) -> None:
    by_kind: defaultdict[str, list[float]] = defaultdict(list)
    waited: list[float] = []
    read = [one.planned - one.stored for sent in by_line.values() for one in sent if kind_of(one.shop) == CARDS]
    for sent in by_line.values():
        shop = sent[0].shop
        if shop.kind == "strict":
            continue  # its provider explains its waiting, not its pace
        leaves = explained(_wishes(sent), shop.pace, shop.burst)
        for one, at in zip(sent, leaves, strict=True):
            by_kind[kind_of(shop)].append(one.claimed - at)
            waited.append(one.claimed - one.stored)
    found.excess = [excess for group in by_kind.values() for excess in group]
    found.worst = {kind: max(group) for kind, group in sorted(by_kind.items())}
    found.early = -min(found.excess)
    found.figures |= {
        "messages": len(waited),
        "waited_p50_s": round(percentile(waited, 0.5), 3),
        "waited_max_s": round(max(waited), 1),
        "excess_p50_s": round(percentile(found.excess, 0.5), 3),
        "excess_p99_s": round(percentile(found.excess, 0.99), 3),
        "excess_max_s": round(max(found.excess), 3),
        "excess_max_by_line_s": {kind: round(worst, 3) for kind, worst in found.worst.items()},
        "p99_by_line_s": {kind: round(percentile(group, 0.99), 3) for kind, group in sorted(by_kind.items())},
        "ahead_of_pace_s": round(found.early, 3),
        "card_p99_s": round(percentile(read, 0.99), 3),
    }


def _answers(found: Outcome, simulation: Simulation) -> None:
    healthy = [shop.number for shop in simulation.shops if shop.kind not in ("dead", "slow")]
    with simulation.db.read() as session:
        query = select(Run.ended_at, Run.answered_at).where(Run.portal_id.in_(healthy), Run.ended_at.is_not(None))
        rows = session.execute(query).all()
    delays = [(answered - ended).total_seconds() for ended, answered in rows if ended and answered]
    calls = {shop.host: simulation.portals.calls[shop.host] for shop in simulation.shops if shop.number in set(healthy)}
    found.figures |= {
        "answered": len(delays),
        "answer_p50_s": round(percentile(delays, 0.5), 3),
        "answer_p99_s": round(percentile(delays, 0.99), 3),
        "rest_calls": sum(calls.values()),
        "rest_calls_busiest": max(calls.values()),
        "rest_fullest_bucket": round(simulation.portals.fullest, 1),
        "rest_refused": sum(simulation.portals.refused.values()),
    }
    if len(delays) < len(rows):
        found.problems.append(f"{len(rows) - len(delays)} runs of healthy portals were not answered")


def _processes(found: Outcome, simulation: Simulation) -> None:
    busy = [held for held in simulation.held if sum(held)]
    mean = [sum(column) / max(1, len(busy)) for column in zip(*busy, strict=True)]
    found.figures |= {
        "shards_mean": [round(one, 1) for one in mean],
        "shards_most": max((max(held) for held in busy), default=0),
        "shards_gini": round(gini(mean), 2),
        "busy_share": [round(process.busy_s / simulation.clock.seconds, 3) for process in simulation.processes],
        "rounds": [process.rounds for process in simulation.processes],
        "peak_mb": round(peak_mb(os.getpid())),
    }


def _promises(found: Outcome, simulation: Simulation, by_line: dict[int, list[Sent]]) -> None:
    strict = [one for sent in by_line.values() for one in sent if one.shop.kind == "strict"]
    found.figures |= {
        "calls": simulation.calls,
        "strict_messages": len(strict),
        "strict_refused": sum(simulation.provider.refused.values()),
        "strict_last_s": round(max((one.claimed for one in strict), default=0.0), 1),
    }
    unsent = sum(one.status in ("queued", "sending") for sent in by_line.values() for one in sent)
    unknown = sum(one.status == "unknown" for sent in by_line.values() for one in sent)
    accepted = sum(simulation.provider.accepted.values())
    recorded = sum(one.status == "accepted" for sent in by_line.values() for one in sent)
    for count, what in (
        (unsent, "messages did not leave"),
        (unknown, "messages are unclear"),
        (accepted - recorded, "messages were accepted and not recorded, or sent twice"),
        (simulation.portals.refused.total(), "REST calls were over a portal's limit"),
    ):
        if count:
            found.problems.append(f"{count} {what}")


def _seconds(moment: datetime) -> float:
    return (moment - START).total_seconds()


def _wishes(sent: Sequence[Sent]) -> list[Wish]:
    """From when each could leave. Where a portal must be asked first, once it and the calls before it are planned."""
    ready, wishes = 0.0, []
    for one in sent:
        ready = max(ready, one.planned)
        wishes.append(Wish(ready if one.shop.cards else one.stored, one.client))
    return wishes


def table(found: dict[str, Any]) -> str:
    """The figures as docs/performance.md shows them."""
    by_line = ", ".join(f"{kind} {worst:g}" for kind, worst in found["excess_max_by_line_s"].items())
    shards = ", ".join(f"{one:g}" for one in found["shards_mean"])
    busy = ", ".join(f"{one:.0%}" for one in found["busy_share"])
    per_1000 = number(found["rest_calls"] / max(1, found["answered"]) * 1000)
    rows = {
        "calls; messages": f"{found['calls']:,}; {found['messages']:,}",
        "from call to claim, p50, most": f"{found['waited_p50_s']:g} s, {found['waited_max_s']:g} s",
        "of that not explained by its own line, p50, p99, worst": (
            f"{found['excess_p50_s']:g} s, {found['excess_p99_s']:g} s, {found['excess_max_s']:g} s"
        ),
        "– worst by line, s": by_line,
        "until a card was read (healthy portals), p99": f"{found['card_p99_s']:g} s",
        "ahead of its pace, most": f"{found['ahead_of_pace_s']:g} s",
        "answer after the end of its run, p50, p99": f"{found['answer_p50_s']:g} s, {found['answer_p99_s']:g} s",
        "REST calls per 1,000 answers; of the busiest portal": f"{per_1000}; {found['rest_calls_busiest']:,}",
        "fullest bucket of 50; REST calls over the limit": f"{found['rest_fullest_bucket']:g}; {found['rest_refused']}",
        "line answered 429: messages, refusals, last one out": (
            f"{found['strict_messages']}, {found['strict_refused']}, {found['strict_last_s']:g} s"
        ),
        "shards per process, mean; most; Gini": f"{shards}; {found['shards_most']}; {found['shards_gini']:g}",
        "busy share of each process": busy,
        "peak memory, all of them in one process": f"{found['peak_mb']} MB",
    }
    return markdown(("what", "found"), rows.items())
