"""Child processes of one foreground command: started, watched, started again, stopped together.

Used by the worker pool (N workers), by `make serve` (web and worker) and by the demo (those and the emulators).
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from messaging.system.redis_keeper import tied_to_parent

POLL_S = 0.1
RESTART_S = 1.0
#: The variable in which a child finds the pid of its supervisor.
SUPERVISOR = "WABA24_SUPERVISOR"
log = structlog.get_logger(__name__)


def is_orphan() -> bool:
    """Whether the supervisor that started this process is gone. It may have died before the kernel was asked to tell of it."""
    started_by = os.environ.get(SUPERVISOR)
    return started_by is not None and started_by != str(os.getppid())


@dataclass
class Child:
    """One command that must run."""

    name: str
    argv: list[str]
    env: Mapping[str, str] | None = None
    pass_fds: tuple[int, ...] = ()
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)
    started_at: float = field(default=0.0, init=False)

    def start(self) -> None:
        """Start it in a process group of its own, so that one Ctrl-C does not reach it twice.

        It is asked to stop when we are killed: nobody is left behind without a supervisor.
        """
        argv, env = tied_to_parent(self.argv), {**(self.env or os.environ), SUPERVISOR: str(os.getpid())}
        self.process = subprocess.Popen(argv, env=env, pass_fds=self.pass_fds, start_new_session=True)
        self.started_at = time.monotonic()

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal to its whole group."""
        if self.process is not None and self.is_running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)


class Supervisor:
    """Runs children until SIGTERM, SIGINT or SIGHUP; a child that dies is started again after RESTART_S.

    `tick` is called every `tick_s` seconds while all is well; `died` with the pid of a child that has ended by itself, once
    the next one is on its way. That pid was waited for: nothing of it can come back.
    """

    def __init__(
        self,
        children: list[Child],
        tick: Callable[[], None] = lambda: None,
        tick_s: float = 1.0,
        stop_s: float = 45.0,
        died: Callable[[int], None] = lambda pid: None,
    ) -> None:
        self.children = children
        self.tick = tick
        self.died = died
        self.tick_s = tick_s
        self.stop_s = stop_s
        self._asked = 0

    def run(self) -> int:
        """Start, watch, stop. Returns the exit code: 0 after an orderly stop, 1 if something had to be killed."""
        self.start()
        return self.watch()

    def start(self) -> None:
        """Start everybody; from now on these signals ask for an orderly stop, unless `nohup` has SIGHUP ignored."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._ask)
        for child in self.children:
            child.start()

    @property
    def stopping(self) -> bool:
        """Whether somebody asked to stop."""
        return self._asked > 0

    def watch(self) -> int:
        """Keep everybody running until asked to stop."""
        ticked = 0.0
        while not self._asked:
            self._revive()
            if time.monotonic() - ticked >= self.tick_s:
                ticked = time.monotonic()
                self.tick()
            time.sleep(POLL_S)
        return self.stop()

    def _ask(self, *_: object) -> None:
        self._asked += 1

    def _revive(self) -> None:
        for child in self.children:
            if child.process is not None and not child.is_running and time.monotonic() - child.started_at > RESTART_S:
                log.error("process died, starting it again", name=child.name, exit=child.process.returncode)
                pid = child.process.pid
                child.start()
                self.died(pid)

    def stop(self) -> int:
        """Ask everybody to finish; after `stop_s`, or on a second signal, end at once."""
        asked, until = self._asked, time.monotonic() + self.stop_s
        for child in self.children:
            child.signal(signal.SIGTERM)
        while any(child.is_running for child in self.children):
            if time.monotonic() > until or self._asked > asked:
                for child in self.children:
                    child.signal(signal.SIGKILL)
                log.error("stopped the hard way")
                return 1
            time.sleep(POLL_S)
        return 0
