"""Figures without processes: percentiles, rows of the table, goals and verdicts. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

DATABASES = ("sqlite", "postgresql")
#: What a database is called where people read.
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "": "–"}


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share (0…1) of all reaches (nearest rank). 0.0 of nothing."""
    if not values:
        return 0.0
    ordered = sorted(values)
    rank = math.ceil(share * len(ordered))
    return ordered[min(max(rank, 1), len(ordered)) - 1]


@dataclass(frozen=True)
class Row:
    """One line of the table: database is a key of NAMES."""

    part: str
    what: str
    database: str
    figures: str

    def text(self) -> str:
        return f"{self.part:<9} {self.what:<38} {NAMES[self.database]:<11} {self.figures}"


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


@dataclass(frozen=True)
class Goal:
    """What issue 4 asks for. path: keys into the parts' figures; `{}` stands for the database, and every one must do."""

    text: str
    path: str
    bound: float
    at_least: bool
    unit: str = ""

    def met(self, measured: float) -> bool:
        return measured >= self.bound if self.at_least else measured <= self.bound


GOALS = (
    Goal("intake, share of a bare Flask view", "intake.{}.of_bare", 0.25, True, "×"),
    Goal("intake p99, 16 connections", "intake.{}.p99_ms", 60, False, " ms"),
    Goal("accepted calls that were lost", "intake.{}.lost", 0, False),
    Goal("messages, 1 process over stock rq", "messages.{}.ours_1.over_rq", 150, True, "×"),
    Goal("messages, 2 processes over stock rq", "messages.{}.ours_2.over_rq", 250, True, "×"),
    Goal("messages, 2 processes over Celery 2 × 128", "messages.{}.ours_2.over_celery", 5, True, "×"),
    Goal("call to Gupshup's socket at 50/s, p50", "latency.{}.p50_ms", 30, False, " ms"),
    Goal("call to Gupshup's socket at 50/s, p99", "latency.{}.p99_ms", 150, False, " ms"),
    Goal("burst, time over the floor", "burst.{}.over_floor", 1.1, False, "×"),
    Goal("REST calls per 1,000 answered runs", "burst.{}.rest_per_1000", 40, False),
    Goal("answers, added delay p99", "burst.{}.answer_p99_s", 2, False, " s"),
    Goal("slowest page with 50,000 messages", "pages.{}.slowest_ms", 100, False, " ms"),
    Goal("message of the API accepted, p50", "api.{}.p50_ms", 15, False, " ms"),
    Goal("messages of the API that were lost", "api.{}.lost", 0, False),
    Goal("report over 30 million messages, as opened", "reports.{}.opened_ms", 100, False, " ms"),
    Goal("slowest report over 30 million messages", "reports.{}.slowest_ms", 100, False, " ms"),
    Goal("worker process, peak memory", "memory.worker_mb", 128, False, " MB"),
    Goal("web process, peak memory", "memory.web_mb", 128, False, " MB"),
)


@dataclass(frozen=True)
class Verdict:
    """One goal on one database. measured None: this part was not run, or did not end in time."""

    goal: str
    database: str
    bound: str
    measured: float | None
    shown: str
    met: bool | None

    @property
    def word(self) -> str:
        return {True: "met", False: "NOT MET", None: "not measured"}[self.met]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def verdicts(parts: Mapping[str, Any], goals: Iterable[Goal] = GOALS) -> list[Verdict]:
    """Each goal on each database it speaks of."""
    return [
        _verdict(parts, goal, database) for goal in goals for database in (DATABASES if "{}" in goal.path else ("",))
    ]


def _verdict(parts: Mapping[str, Any], goal: Goal, database: str) -> Verdict:
    measured = _find(parts, goal.path.format(database))
    bound = f"{'≥' if goal.at_least else '≤'} {goal.bound:g}{goal.unit}"
    if measured is None:
        return Verdict(goal.text, database, bound, None, "–", None)
    return Verdict(goal.text, database, bound, measured, f"{number(measured)}{goal.unit}", goal.met(measured))


def _find(parts: Mapping[str, Any], path: str) -> float | None:
    found: Any = parts
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, int | float) else None


def number(value: float) -> str:
    """As people write it: three digits that mean something, thousands with a comma."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
