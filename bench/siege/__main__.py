"""`python -m bench.siege`: besiege an installation on each database and print what the tenant noticed.

Exit code 0 if every goal was met, else 1.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

from bench.figures import DATABASES, verdicts
from bench.ground import Ground
from bench.siege import report
from bench.siege.measure import Plan, measure
from bench.siege.rows import ROWS
from messaging.system import logs


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.siege", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0, help="how long the attack lasts on each database")
    parser.add_argument("--rows", default=",".join(ROWS), help="which rows the attacker plays; none: only the day")
    parser.add_argument("--databases", default=",".join(DATABASES), help="of sqlite, postgresql")
    parser.add_argument(
        "--proxy", choices=("", "nginx"), default="", help="what stands before the web; nothing by default"
    )
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--write-docs", action="store_true", help="tables into docs/siege.md")
    parsed = parser.parse_args(given)
    parsed.rows = tuple(row for row in parsed.rows.split(",") if row != "none")
    parsed.databases = tuple(parsed.databases.split(","))
    if unknown := {*parsed.rows} - {*ROWS} | {*parsed.databases} - {*DATABASES}:
        parser.error(f"no {', '.join(sorted(unknown))}; rows are {', '.join(ROWS)}")
    return parsed


def main() -> int:
    given = arguments()
    # Also when started in the background, where Ctrl-C is ignored: processes in sessions of their own would stay behind.
    for which in (signal.SIGINT, signal.SIGTERM):
        signal.signal(which, signal.default_int_handler)
    logs.configure("text", "error")
    ground = Ground()
    plan = Plan(given.seconds, given.rows, given.proxy == "nginx")
    figures = ground.parts.setdefault("siege", {})
    with ground.open():
        for database in given.databases:
            with ground.attempt(f"the siege on {database}"):
                figures[database] = measure(ground, database, plan)
                print(report.attack(figures[database]["rows"]), flush=True)
                print(report.processor(figures[database]["processor_s"]), flush=True)
                for problem in figures[database]["problems"]:
                    ground.problem(problem)
    found = [one for one in verdicts(ground.parts, report.GOALS) if one.database in given.databases]
    print(report.goals(found))
    if given.json:
        given.json.write_text(json.dumps(ground.parts, ensure_ascii=False, indent=2) + "\n")
    if given.write_docs:
        report.write_docs(ground.parts, found, given.seconds)
    return 0 if all(one.met for one in found) and not ground.problems else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\nstopped; everything that was started has been ended")
