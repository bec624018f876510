"""The siege itself on one database, and what the tenant noticed of it."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bench.figures import percentile
from bench.ground import Ground, say
from bench.machine import peak_mb
from bench.siege import attacker, processor, scene, tenant
from bench.siege.attacker import Tally
from bench.siege.scene import Scene
from bench.siege.tenant import Diary, Step
from tests.crash.processes import until

#: What of the day comes before the siege and after it, seconds.
BEFORE_S, AFTER_S = 5.0, 15.0
#: A second that takes longer is not normal.
NORMAL_S = 1.0
#: So long the last messages may take; what has not arrived then is lost.
LAST_S = 60.0
#: Command lines of our processes.
KINDS = {"web": "app:serving()", "worker": "worker.py"}


@dataclass(frozen=True)
class Plan:
    """seconds: of the siege. rows: which of the table's the attacker plays. behind_nginx: as the guide wants it in public."""

    seconds: float
    rows: tuple[str, ...]
    behind_nginx: bool = False
    before_s: float = BEFORE_S
    after_s: float = AFTER_S


def measure(ground: Ground, database: str, plan: Plan) -> dict[str, Any]:
    """Figures for the goals, and under "rows" what became of the attack."""
    with scene.opened(ground, database, plan.before_s + plan.seconds + plan.after_s, plan.behind_nginx) as made:
        processes, spent = _processes(made), processor.spent()
        begin_at = time.time() + 2.0
        attacked_at = begin_at + plan.before_s
        say(f"siege, {database}: {plan.seconds:g} s")
        with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
            living = pool.submit(tenant.live, made.day, begin_at)
            besieging = pool.submit(attacker.besiege, made.target, plan.rows, attacked_at, plan.seconds)
            diary, tallies = living.result(), besieging.result()
            taken = processor.since(spent)
        arrived = _arrived(made)
        during = _between(attacked_at, attacked_at + plan.seconds)
        return {
            **_in_time(made, diary, arrived, during),
            **_processes_after(processes, _processes(made)),
            "lost": sum(len(arrived.get(call.phone, [])) == 0 for call in made.calls),
            "twice": sum(len(arrived.get(call.phone, [])) > 1 for call in made.calls),
            "normal_after_s": _normal_after(made, diary, arrived, attacked_at + plan.seconds),
            "errors": sum(
                count for tally in tallies.values() for status, count in tally.answers.items() if status == 500
            ),
            "processor_s": taken,
            "problems": [problem for tally in tallies.values() for problem in tally.problems],
            "rows": {row: _told(tally) for row, tally in tallies.items()},
        }


def _told(tally: Tally) -> dict[str, Any]:
    answers = {str(status): count for status, count in sorted(tally.answers.items())}
    return {"rounds": tally.rounds, "answers": answers, "slowest_s": round(tally.slowest, 2)}


def _between(first: float, last: float) -> Any:
    return lambda step: first <= step.at < last


# --- messages


def _arrived(made: Scene) -> dict[str, list[float]]:
    """Phone → when the tenant's messages to it reached the emulated Gupshup, unix time. Waits for the last ones."""

    def found() -> dict[str, list[float]]:
        times: dict[str, list[float]] = {}
        for message in made.town.accepted([made.shop]):
            times.setdefault(message["destination"], []).append(datetime.fromisoformat(message["at"]).timestamp())
        return times

    with suppress(AssertionError):  # whoever counts them will tell
        until("every message has arrived", lambda: len(found()) >= len(made.calls), LAST_S, 1.0)
    return found()


def _in_time(made: Scene, diary: Diary, arrived: dict[str, list[float]], during: Any) -> dict[str, Any]:
    calls = [step for step in diary.calls if during(step)]
    pages = [step for step in diary.pages if during(step)]
    taken = [step.seconds for step in calls]
    typed: list[float] = []
    cards: list[float] = []
    for call, step in zip(made.calls, diary.calls, strict=True):
        if during(step) and call.phone in arrived:
            (cards if call.phone in made.cards else typed).append(arrived[call.phone][0] - step.at)
    return {
        "calls": len(calls),
        "not_answered": sum(step.status != 200 for step in calls),
        "answered_p50_ms": _ms(taken, 0.5),
        "answered_p99_ms": _ms(taken, 0.99),
        "handed_over_p50_ms": _ms(typed, 0.5),
        "handed_over_p99_ms": _ms(typed, 0.99),
        "card_p50_ms": _ms(cards, 0.5),
        "card_p99_ms": _ms(cards, 0.99),
        "pages": len(pages),
        "pages_p50_ms": _ms([step.seconds for step in pages], 0.5),
        "pages_p99_ms": _ms([step.seconds for step in pages], 0.99),
        "pages_failed": sum(step.status != 200 for step in pages),
        "page_answers": {
            f"{name} {status}": n for (name, status), n in Counter((p.name, p.status) for p in pages).items()
        },
    }


def _ms(values: list[float], share: float) -> float:
    return round(percentile(values, share) * 1000, 1)


def _normal_after(made: Scene, diary: Diary, arrived: dict[str, list[float]], end: float) -> float:
    """Seconds from the end of the attack until nothing took longer than NORMAL_S any more."""
    slow = [step for step in (*diary.calls, *diary.pages) if step.at >= end and not _is_normal(step)]
    late = [
        step
        for call, step in zip(made.calls, diary.calls, strict=True)
        if step.at >= end and min(arrived.get(call.phone, [float("inf")])) - step.at > NORMAL_S
    ]
    return round(max((step.at - end for step in (*slow, *late)), default=0.0), 1)


def _is_normal(step: Step) -> bool:
    return step.status == 200 and step.seconds <= NORMAL_S


# --- processes


def _processes(made: Scene) -> dict[int, str]:
    """Our processes by pid."""
    return {pid: kind for kind, word in KINDS.items() for pid in made.top.find(word)}


def _processes_after(before: dict[int, str], now: dict[int, str]) -> dict[str, Any]:
    peaks = {kind: max((peak_mb(pid) for pid, one in now.items() if one == kind), default=0.0) for kind in KINDS}
    return {
        "restarted": len(now.keys() - before.keys())
        + len(before.keys() - now.keys() if len(now) < len(before) else ()),
        "memory_mb": round(max(peaks.values()), 1),
        **{f"{kind}_mb": round(mb, 1) for kind, mb in peaks.items()},
    }
