"""Two machines on one: network namespaces of Linux, each with its own loopback and a cable to us that can be cut.

What every machine needs of us (database, Redis, both vendors) it finds on its own loopback at the same ports as here, so all
addresses mean the same everywhere; a relay at each end of its cable hands connections on. Needs root, and `ip` of iproute2.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from tests.crash.processes import Process, until


def can_be_made() -> bool:
    """Whether this user may make network namespaces here."""
    return os.geteuid() == 0 and shutil.which("ip") is not None


class Machine:
    """number: tells addresses apart. served: port on our loopback → what answers there, "host:port" or a socket's path."""

    def __init__(self, number: int, served: Mapping[int, str], log: Path) -> None:
        self.name = f"w24-{os.getpid()}-{number}"
        self.log = log
        self._cable, far = f"w24c{number}", f"w24f{number}"
        self._here, self.address = f"10.213.{number}.1", f"10.213.{number}.2"
        self._processes: list[Process] = []
        _ip(f"netns add {self.name}")
        try:
            _ip(f"link add {self._cable} type veth peer name {far} netns {self.name}")
            _ip(f"address add {self._here}/30 dev {self._cable}")
            _ip(f"link set {self._cable} up")
            for command in (f"address add {self.address}/30 dev {far}", f"link set {far} up", "link set lo up"):
                _ip(f"-n {self.name} {command}")
            self._relay({f"{self._here}:{port}": [end] for port, end in served.items()}, inside=False)
            self._relay({f"127.0.0.1:{port}": [f"{self._here}:{port}"] for port in served}, inside=True)
        except BaseException:
            self.close()
            raise

    def start(self, argv: Iterable[str], env: Mapping[str, str]) -> Process:
        """A Python process of this machine."""
        return self._started(Process(list(argv), dict(env), self.log, ["ip", "netns", "exec", self.name]))

    def cut_off(self) -> None:
        """Nothing comes through any more, and nobody is told."""
        _ip(f"link set {self._cable} down")

    def bring_back(self) -> None:
        """The cable is whole again."""
        _ip(f"link set {self._cable} up")

    def close(self) -> None:
        """Kill what runs here, and unmake the machine."""
        for process in self._processes:
            process.destroy()
        with suppress(subprocess.CalledProcessError):
            _ip(f"link delete {self._cable}")
        _ip(f"netns delete {self.name}")

    def _relay(self, roads: Mapping[str, list[str]], *, inside: bool) -> None:
        prefix = ["ip", "netns", "exec", self.name] if inside else []
        started = relay(roads, self.log, prefix)
        self._started(started)

    def _started(self, process: Process) -> Process:
        self._processes.append(process)
        return process


def relay(roads: Mapping[str, list[str]], log: Path, prefix: list[str] | None = None) -> Process:
    """A relay that is ready. roads: as `tests.crash.relay` takes them."""
    own = log.with_name(f"relay-{len(list(log.parent.glob('relay-*')))}.log")
    process = Process(["-m", "tests.crash.relay", json.dumps(dict(roads))], dict(os.environ), own, prefix or [])
    until("the relay is ready", lambda: own.exists() and "ready" in own.read_text())
    return process


def _ip(command: str) -> None:
    subprocess.run(["ip", *command.split()], check=True, capture_output=True)
