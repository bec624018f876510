"""Nothing of ours runs any more: after Ctrl-C and SIGTERM of `make serve`, after kill -9 of all of it, after the demo."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from messaging.system import embedded_redis
from messaging.system.embedded_redis import Place
from tests.crash.processes import Process, alive, free_port, kill, until

#: Contract section 8 says 10 s; a machine that runs other tests meanwhile gets three times as long.
ASKED_TO_END_S = 30.0
#: Contract section 8: also after kill -9 of all of them.
KILLED_S = 60.0
DEMO_S = 180.0


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not tmp_path: it is often too long for the socket of the embedded Redis.
    made = Path(tempfile.mkdtemp(prefix="w24-", dir="/tmp")).resolve()
    yield made
    embedded_redis.stop(made)
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def serving(folder: Path) -> Iterator[Process]:
    """`make serve` with SQLite and the embedded Redis; this process uses neither."""
    bind = f"127.0.0.1:{free_port()}"
    env = {
        **{name: value for name, value in os.environ.items() if name not in ("METRICS_TOKEN", "WORKER_PROCESSES")},
        **{"PUBLIC_URL": f"http://{bind}", "BIND": bind, "ALLOW_HTTP": "1", "DATA_DIR": str(folder)},
        **{"BX24_CLIENT_ID": "local.left0123456789.01234567", "BX24_CLIENT_SECRET": "secret-of-nobody"},
        **{"DATABASE_URL": "", "REDIS_URL": "embedded", "SECRET_KEY": ""},
    }
    process = Process(["-m", "web.serve"], env, folder / "serve.log")
    try:
        until("it serves", lambda: _is_ready(f"http://{bind}/readyz"), 60)
        yield process
    finally:
        process.destroy()


def _is_ready(url: str) -> bool:
    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.get(url, timeout=5).status_code == 200
        except requests.RequestException:
            return False


def _runs_redis(folder: Path) -> bool:
    """Whether the embedded server or its keeper lives: each holds a lock as long as it does."""
    place = Place.of(folder)
    return any(_is_locked(path) for path in (place.server_lock, place.keeper_lock))


def _is_locked(path: Path) -> bool:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _left(pids: list[int], folder: Path) -> list[object]:
    return [pid for pid in pids if alive(pid)] + (["redis"] if _runs_redis(folder) else [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_serve_leaves_nobody_behind(serving: Process, folder: Path, number: signal.Signals) -> None:
    pids = serving.family()
    assert len(pids) >= 4, "it, gunicorn and its workers, the pool and its worker"
    assert _runs_redis(folder)
    kill(serving.pid, number)
    assert serving.ended(ASKED_TO_END_S) == 0
    until("nobody is left", lambda: not _left(pids, folder), ASKED_TO_END_S)


def test_kill_9_of_everything_leaves_no_redis_behind(serving: Process, folder: Path) -> None:
    pids = serving.family()
    for pid in pids:
        kill(pid)
    until("nobody is left", lambda: not _left(pids, folder), KILLED_S)


def test_the_demo_ends_well_and_leaves_nothing_behind(folder: Path) -> None:
    env = {**os.environ, "ONCE": "1", "TMPDIR": str(folder)}
    log = folder / "demo.log"
    process = Process(["demo.py"], env, log)
    pids: set[int] = set()

    def has_ended() -> bool:
        pids.update(process.family())
        return process.popen.poll() is not None

    try:
        until("the demo has ended", has_ended, DEMO_S, 0.2)
        assert process.popen.returncode == 0, log.read_text()
        assert len(pids) >= 6, "it, two emulators, gunicorn, the pool, the worker"
        until("nobody is left", lambda: not [pid for pid in pids if alive(pid)], ASKED_TO_END_S)
    finally:
        process.destroy()
    assert [path.name for path in folder.iterdir()] == ["demo.log"], "its data is deleted"
    running = subprocess.run(["ps", "-A", "-o", "command="], capture_output=True, text=True, check=True)
    assert str(folder) not in running.stdout, "its Redis has ended"


def test_a_killed_demo_takes_its_emulators_along(folder: Path) -> None:
    process = Process(["demo.py"], {**os.environ, "TMPDIR": str(folder)}, folder / "demo.log")
    try:
        found = until("the emulators run", lambda: len(process.find("emulator")) >= 2 and process.family(), 60)
        kill(process.pid)
        process.ended(10)
        until("nobody is left", lambda: not [pid for pid in found if alive(pid)], KILLED_S)
    finally:
        process.destroy()
        for made in folder.glob("waba24-demo-*"):
            embedded_redis.stop(made)
