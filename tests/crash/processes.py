"""Processes of this machine: start them, find their descendants, kill them, wait for what they do.

Nothing here sleeps for a fixed time: `until` asks again and again, for a bounded time.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_PAUSE = threading.Event()


def until(what: str, check: Callable[[], Any], limit_s: float = 30.0, step_s: float = 0.05) -> Any:
    """Ask until the answer is true and return it. Raises AssertionError that names what never happened."""
    deadline = time.monotonic() + limit_s
    while not (found := check()):
        assert time.monotonic() < deadline, f"did not happen within {limit_s:g} s: {what}"
        _PAUSE.wait(step_s)
    return found


class Process:
    """A Python process in a group of its own. Its output is appended to `log`. prefix: a command that starts it."""

    def __init__(self, argv: list[str], env: dict[str, str], log: Path, prefix: Sequence[str] = ()) -> None:
        self._seen: dict[int, None] = {}
        with log.open("ab") as sink:
            self.popen = subprocess.Popen(
                [*prefix, sys.executable, *argv], cwd=ROOT, env=env, stdout=sink, stderr=sink, start_new_session=True
            )
        self.pid = self.popen.pid

    def family(self) -> list[int]:
        """This process and all its descendants, parents first."""
        found = family(self.pid)
        self._seen.update(dict.fromkeys(found))
        return found

    def find(self, word: str, of: int | None = None) -> list[int]:
        """Descendants, or children of one of them, whose command line holds this word."""
        parents = _parents()
        mine = [pid for pid in self.family()[1:] if of is None or parents.get(pid) == of]
        return [pid for pid in mine if word in command(pid)]

    def ended(self, limit_s: float) -> int:
        """Wait until it ends and return its exit code. Raises subprocess.TimeoutExpired."""
        return self.popen.wait(limit_s)

    def destroy(self) -> None:
        """Kill it and every descendant that `family` has seen, with their groups; parents first, or they start new ones."""
        self.family()
        for pid in self._seen:
            with suppress(ProcessLookupError, PermissionError):
                if os.getsid(pid) == pid:  # the leader of a session that this process started: the whole group is ours
                    os.killpg(pid, signal.SIGKILL)
            kill(pid)
        self.popen.wait(10)


def family(pid: int) -> list[int]:
    """A process and all its descendants, parents first."""
    found, parents = [pid], _parents()
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def kill(pid: int | None, number: int = signal.SIGKILL) -> None:
    """Send a signal to one process; do nothing if it is gone or None."""
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def alive(pid: int) -> bool:
    """Whether this process exists."""
    return pid in _parents()


def command(pid: int) -> str:
    """The command line of a process; "" if it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    asked = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return asked.stdout


def _parents() -> dict[int, int]:
    """pid → parent's pid, of all processes that are not zombies."""
    if not Path("/proc/self/stat").exists():
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True)
        rows = [row.split() for row in listed.stdout.splitlines()]
        return {int(pid): int(parent) for pid, parent, state, *_ in rows if not state.startswith("Z")}
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                found[int(stat.parent.name)] = int(parent)
    return dict(sorted(found.items()))


def free_port() -> int:
    """A TCP port on loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
