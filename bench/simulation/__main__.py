"""The command line of the simulation."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from pathlib import Path

import bench.simulation
from bench.simulated import Costs
from bench.simulation.installation import opened
from bench.simulation.outcome import outcome_of, table
from bench.simulation.shops import Scale
from messaging.system import logs


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.simulation", description=bench.simulation.__doc__)
    parser.add_argument("--portals", type=int, default=Scale.portals)
    parser.add_argument("--minutes", type=float, default=Scale.minutes, help="simulated; calls come for so long")
    parser.add_argument("--drains", type=int, default=Scale.drains, help="worker processes")
    parser.add_argument(
        "--per-s", type=float, default=Scale.per_s, help="calls a second of all portals, without bursts"
    )
    parser.add_argument("--slower", type=float, default=1.0, help="how many times slower than measured a process is")
    parser.add_argument("--seed", type=int, default=Scale.seed)
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    parser.add_argument("--json", type=Path, help="write the figures there")
    return parser.parse_args(given)


def main() -> int:
    given = arguments()
    # Also when started in the background, where Ctrl-C is ignored: its Redis would stay behind.
    for which in (signal.SIGINT, signal.SIGTERM):
        signal.signal(which, signal.default_int_handler)
    logs.configure("text", "error")
    usual = Costs()
    scale = Scale(
        portals=given.portals,
        minutes=given.minutes,
        drains=given.drains,
        per_s=given.per_s,
        seed=given.seed,
        costs=Costs(usual.round_s * given.slower, usual.item_s * given.slower),
    )
    began = time.monotonic()
    with opened(scale, given.postgresql) as simulation:
        simulation.run()
        found = outcome_of(simulation)
    print(table(found.figures))
    if given.json:
        given.json.write_text(json.dumps(found.figures, indent=2) + "\n")
    late = [f"somebody waited {max(found.excess):.1f} s longer than its line explains"] if max(found.excess) > 1 else []
    problems = [*found.problems, *late]
    print(f"\n{time.monotonic() - began:.0f} s. " + ("; ".join(problems) or "Nobody waited for others."))
    return 1 if problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\nstopped; everything that was started has been ended")
