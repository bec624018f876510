"""`python -m bench`: run the parts, print the table as it grows, then the verdicts.

Exit code 0, whatever the figures; 1 if a call was lost or a message sent twice, or if a part could not be run.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench import api, burst, campaign, intake, latency, messages, pages, report, reports
from bench.figures import NAMES, verdicts
from bench.ground import Ground
from messaging.system import logs

PARTS: dict[str, Callable[[Ground], None]] = {
    "intake": intake.run,
    "messages": messages.run,
    "latency": latency.run,
    "burst": burst.run,
    "pages": pages.run,
    "campaign": campaign.run,
    "api": api.run,
    "reports": reports.run,
}


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}; memory comes with each")
    parser.add_argument("--scale", type=float, default=1.0, help="0.1 = a tenth of everything, for a quick look")
    parser.add_argument("--write-docs", action="store_true", help="table and plot into docs/")
    parsed = parser.parse_args(given)
    parsed.only = [name.strip() for name in parsed.only.split(",") if name.strip() not in ("", "memory")]
    if unknown := set(parsed.only) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if not 0 < parsed.scale <= 1:
        parser.error("--scale is above 0 and at most 1")
    return parsed


def main() -> int:
    given = arguments()
    # Also when started in the background, where Ctrl-C is ignored: processes in sessions of their own would stay behind.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    logs.configure("text", "error")
    begun = time.monotonic()
    ground = Ground(scale=given.scale)
    with ground.open():
        for name in given.only:
            with ground.attempt(name):
                PARTS[name](ground)
    _memory(ground)
    found = verdicts(ground.parts)
    print(f"\n{'goal':<44} {'database':<11} {'wanted':<10} {'measured':<11}")
    for one in found:
        print(f"{one.goal:<44} {NAMES[one.database]:<11} {one.bound:<10} {one.shown:<11} {one.word}")
    whole = report.as_dict(ground.parts, found, ground.problems, given.scale)
    if given.json:
        report.write_json(given.json, whole)
    if given.write_docs:
        report.write_docs(whole, ground.rows, found)
    print(f"\n{time.monotonic() - begun:.0f} s. " + ("; ".join(ground.problems) or "Nothing lost, nothing twice."))
    return 1 if ground.problems else 0


def _memory(ground: Ground) -> None:
    peaks = ground.peaks.mb
    ground.parts["memory"] = {f"{kind}_mb": round(mb, 1) for kind, mb in peaks.items()}
    for kind, mb in sorted(peaks.items()):
        ground.row("memory", f"peak of a {kind} process", "", f"{mb:.0f} MB")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\nstopped; everything that was started has been ended")
