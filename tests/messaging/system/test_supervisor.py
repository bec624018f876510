"""Child processes of a foreground command: what the signals to their parent do."""

import signal
import subprocess
import sys

import pytest

# Prints the pid of its child once both run. argv: Python code for before the start.
PARENT = """
import signal, sys, time
from messaging.system.supervisor import Child, Supervisor
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
exec(sys.argv[1])
supervisor = Supervisor([Child("sleeper", [sys.executable, "-c", "import time; time.sleep(60)"])])
supervisor.start()
print(supervisor.children[0].process.pid, flush=True)
sys.exit(supervisor.watch())
"""


def started(before: str = "") -> "tuple[subprocess.Popen[str], int]":
    parent = subprocess.Popen([sys.executable, "-c", PARENT, before], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


def runs(pid: int) -> bool:
    return subprocess.run(["ps", "-p", str(pid)], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_parent_ends_the_child(number: signal.Signals) -> None:
    parent, child = started()
    parent.send_signal(number)
    assert parent.wait(10) == 0
    assert not runs(child)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's kernel tells children that their parent died")
def test_a_killed_parent_leaves_no_child_behind() -> None:
    parent, child = started()
    parent.kill()
    parent.wait(10)
    subprocess.run(["tail", "--pid", str(child), "-f", "/dev/null"], timeout=10, check=True)  # waits until it has ended


def test_nohup_keeps_them_running_when_the_terminal_closes() -> None:
    parent, child = started("signal.signal(signal.SIGHUP, signal.SIG_IGN)")
    parent.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        parent.wait(0.5)
    assert runs(child)
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(10) == 0
