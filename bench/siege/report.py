"""The goals of the siege, and what is printed and written about them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import machine
from bench.figures import NAMES, Goal, Verdict, markdown, number
from bench.siege.rows import ROWS

DOCS = Path(__file__).resolve().parents[2] / "docs"
BEGIN, END = "<!-- make siege DOCS=1 writes from here -->", "<!-- to here -->"
GOALS = (
    Goal("robot call answered, p99", "siege.{}.answered_p99_ms", 100, False, " ms"),
    Goal("robot calls not answered 200", "siege.{}.not_answered", 0, False),
    Goal("call to Gupshup, p99", "siege.{}.handed_over_p99_ms", 1000, False, " ms"),
    Goal("call to Gupshup, phone from the CRM, p99", "siege.{}.card_p99_ms", 1000, False, " ms"),
    Goal("page opened, p99", "siege.{}.pages_p99_ms", 1000, False, " ms"),
    Goal("pages not shown", "siege.{}.pages_failed", 0, False),
    Goal("messages lost", "siege.{}.lost", 0, False),
    Goal("messages sent twice", "siege.{}.twice", 0, False),
    Goal("peak memory of a process", "siege.{}.memory_mb", 300, False, " MB"),
    Goal("processes restarted", "siege.{}.restarted", 0, False),
    Goal("all normal again after", "siege.{}.normal_after_s", 5, False, " s"),
    Goal("answers 500 to the attacker", "siege.{}.errors", 0, False),
)


def goals(found: list[Verdict]) -> str:
    """The table for a terminal."""
    lines = [f"\n{'goal':<44} {'database':<11} {'wanted':<10} {'measured':<11}"]
    lines += [f"{one.goal:<44} {NAMES[one.database]:<11} {one.bound:<10} {one.shown:<11} {one.word}" for one in found]
    return "\n".join(lines)


def attack(rows: Mapping[str, Any]) -> str:
    """What became of each row, for a terminal."""
    lines = [f"\n{'row':<4} {'what':<24} {'rounds':>6} {'slowest':>9}  answers (0: none)"]
    for row, told in rows.items():
        answers = ", ".join(f"{count:,} × {status}" for status, count in told["answers"].items())
        lines.append(
            f"{row:<4} {ROWS[row].__name__:<24} {told['rounds']:>6} {number(told['slowest_s']):>7} s  {answers}"
        )
    return "\n".join(lines)


def processor(taken: Mapping[str, float]) -> str:
    """Who had the processor, in a sentence: kind → seconds."""
    return f"Seconds of processor time: {', '.join(f'{kind} {number(seconds)}' for kind, seconds in taken.items())}."


def write_docs(parts: Mapping[str, Any], found: list[Verdict], seconds: float, folder: Path = DOCS) -> None:
    """Put the tables between the markers of siege.md. Raises ValueError without markers."""
    page = folder / "siege.md"
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no lines {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n\n{tables(parts, found, seconds)}\n\n{END}{after}")


def tables(parts: Mapping[str, Any], found: list[Verdict], seconds: float) -> str:
    here = machine.facts()
    hardware = f"{here['cores']} cores ({here['cpu'] or here['machine']}), {here['memory_gb']:g} GiB, {here['system']}"
    where = f"{datetime.now(UTC).date()}, commit {machine.commit()}. {seconds:g} s of siege; {hardware}."
    goals_ = markdown(
        ("goal", "database", "wanted", "measured", ""),
        ((one.goal, NAMES[one.database], one.bound, one.shown, one.word) for one in found),
    )
    return "\n\n".join([where, goals_, *(_attack(database, one) for database, one in parts["siege"].items())])


def _attack(database: str, one: Mapping[str, Any]) -> str:
    return f"{_rows(database, one['rows'])}\n\n{processor(one['processor_s'])}"


def _rows(database: str, rows: Mapping[str, Any]) -> str:
    return markdown(
        ("row", f"what the attacker did, {NAMES[database]}", "rounds", "slowest answer", "answers (0: none)"),
        (
            (
                row,
                str(ROWS[row].__doc__).partition(": ")[2].rstrip("."),
                str(told["rounds"]),
                f"{number(told['slowest_s'])} s",
                ", ".join(f"{count:,} × {status}" for status, count in told["answers"].items()),
            )
            for row, told in rows.items()
        ),
    )
