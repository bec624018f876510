"""Who had the processor during a siege: seconds by kind of process, of all processes of this machine."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from bench.machine import processor_s
from tests.crash.processes import command

#: A word of the command line → what the process is, in this order.
KINDS = {
    "app:serving()": "web",
    "worker.py": "worker",
    "valkey-server": "Redis",
    "postgres": "PostgreSQL",
    "nginx": "nginx",
    ".emulator": "vendors, emulated",
    "multiprocessing": "tenant and attacker",
    "bench.siege": "the attacker's portals",
}


def spent() -> dict[str, float]:
    """Kind → seconds so far, of the processes that run now; {} without /proc."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        line = command(pid)
        seconds[next((kind for word, kind in KINDS.items() if word in line), "others")] += processor_s(pid)
    return seconds


def since(before: dict[str, float]) -> dict[str, float]:
    """Kind → seconds since `before` was asked, the most first; what has ended meanwhile is left out."""
    taken = {kind: round(seconds - before.get(kind, 0.0), 1) for kind, seconds in spent().items()}
    return dict(sorted(taken.items(), key=lambda one: -one[1]))
