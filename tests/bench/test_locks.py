"""The lock files: one resolution, so that installing one of them never moves what another has installed."""

from __future__ import annotations

import re
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements"


def _pinned(name: str) -> set[tuple[str, str]]:
    """(package, version); cryptography has two, by platform."""
    return set(re.findall(r"^([a-z0-9._-]+)==(\S+)", (REQUIREMENTS / name).read_text(), re.MULTILINE))


def test_what_runs_is_in_dev_and_in_bench_in_the_same_version() -> None:
    run, dev, bench = _pinned("run.txt"), _pinned("dev.txt"), _pinned("bench.txt")
    assert len(run) > 20
    assert not run - dev
    assert not run - bench


def test_dev_and_bench_never_disagree() -> None:
    dev, bench = _pinned("dev.txt"), _pinned("bench.txt")
    shared = {name for name, _ in dev} & {name for name, _ in bench}
    assert not {(name, version) for name, version in dev ^ bench if name in shared}
