"""The machine a benchmark ran on, and what processes took of its memory."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("celery", "flask", "gunicorn", "psycopg", "redis", "requests", "rq", "sqlalchemy")
SYNCS = 50


def facts() -> dict[str, Any]:
    """Stable keys; what cannot be told is "" or 0."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0,
        "memory_gb": _memory_gb(),
        "fsync_ms": round(_fsync_ms(), 2),
    }


def versions() -> dict[str, str]:
    """Of Python and what the figures depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def commit() -> str:
    """Of the working tree, with a + if it was changed."""
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    )
    return asked.stdout.strip()


def _cpu() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _memory_gb() -> float:
    with suppress(ValueError, OSError):
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    return 0.0


def _fsync_ms() -> float:
    """Median of a small synchronous write where the databases lie: it bounds what a commit can cost at least."""
    taken = []
    with tempfile.TemporaryFile(dir="/tmp") as file:
        for _ in range(SYNCS):
            begun = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - begun)
    return sorted(taken)[SYNCS // 2] * 1000


def peak_mb(pid: int) -> float:
    """The most resident memory this process ever had; without /proc what it has now. 0.0 if it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024 / 1e6
    asked = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return int(asked.stdout) * 1024 / 1e6 if asked.stdout.strip() else 0.0


def processor_s(pid: int) -> float:
    """Seconds of processor time this process has had so far, its threads together; 0.0 if it is gone, or without /proc."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


class Peaks:
    """The most any process of a kind took, over all parts."""

    def __init__(self) -> None:
        self.mb: dict[str, float] = {}

    def note(self, kind: str, pids: Iterable[int]) -> None:
        for pid in pids:
            self.mb[kind] = max(self.mb.get(kind, 0.0), peak_mb(pid))
