"""The embedded Redis, with the real binary: nothing here is imitated but the clock."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import redis

from messaging.system import embedded_redis, redis_keeper
from messaging.system.embedded_redis import Place, QueueServerError

ENSURE = """
import sys
from pathlib import Path
from messaging.system import embedded_redis
print(embedded_redis.ensure(Path(sys.argv[1])))
"""
# A user of the server that stays until it is killed.
ENSURE_AND_STAY = ENSURE + "sys.stdout.flush(); sys.stdin.read()"
# The first look at a server that is not ready yet is the last thing this process does.
ENSURE_AND_DIE = """
import os, sys
from pathlib import Path
from messaging.system import embedded_redis
embedded_redis._answers = lambda place: False
embedded_redis.ensure(Path(sys.argv[1]), wait=lambda seconds: os._exit(9))
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    # Not tmp_path: pytest's own is often too long for a socket, which is a case of its own below.
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="qs") as folder:
        real = Path(folder).resolve()
        yield real
        embedded_redis.stop(real)


def connect(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, decode_responses=True)


def process_of(url: str) -> int:
    with connect(url) as client:
        return int(client.info("server")["process_id"])


def starts(data_dir: Path) -> int:
    return Place.of(data_dir).log.read_text().count("Server initialized")


def in_another_process(data_dir: Path, code: str = ENSURE) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", code, str(data_dir)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def user_of(data_dir: Path) -> "subprocess.Popen[str]":
    """Another process that uses the server from now on."""
    user = in_another_process(data_dir, ENSURE_AND_STAY)
    assert user.stdout is not None
    assert user.stdout.readline()
    return user


def keeper_of(server: int) -> int:
    shown = subprocess.run(["ps", "-o", "ppid=", "-p", str(server)], capture_output=True, text=True, check=True)
    return int(shown.stdout)


def is_locked(path: Path, kind: int = fcntl.LOCK_EX) -> bool:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def runs_anything(data_dir: Path) -> bool:
    place = Place.of(data_dir)
    return is_locked(place.server_lock) or is_locked(place.keeper_lock)


def ends(data_dir: Path, within_s: float = 10.0) -> bool:
    """Whether server and keeper end by themselves."""
    until = time.monotonic() + within_s
    while runs_anything(data_dir) and time.monotonic() < until:
        time.sleep(0.05)
    return not runs_anything(data_dir)


def kill(data_dir: Path, pid: int) -> None:
    """kill -9, and wait until the kernel has taken back the server's lock."""
    os.kill(pid, signal.SIGKILL)
    with Place.of(data_dir).server_lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)


def impatience() -> dict[str, Any]:
    """A clock that each look moves on by a second, and a wait that takes no time."""
    ticks = count(0.0, 1.0)
    return {"wait": lambda _seconds: None, "clock": lambda: next(ticks)}


def test_it_keeps_everything_on_disk_and_listens_on_no_port(data_dir: Path) -> None:
    url = embedded_redis.ensure(data_dir)
    assert url == f"unix://{data_dir}/redis/redis.sock"
    with connect(url) as client:
        settings = client.config_get("*")
    expected = {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "port": "0",
        "save": "",
        "dir": str(data_dir / "redis"),
    }
    assert {name: settings[name] for name in expected} == expected


def test_other_users_can_neither_read_its_data_nor_connect(data_dir: Path) -> None:
    embedded_redis.ensure(data_dir)
    assert (data_dir / "redis").stat().st_mode & 0o777 == 0o700
    assert (data_dir / "redis" / "redis.sock").stat().st_mode & 0o777 == 0o700


def test_our_secrets_are_not_handed_to_it(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The server wipes its own environment while it starts, so a wrapper writes down what it was given.
    wrapper = data_dir / "wrapper"
    wrapper.write_text(f'#!/bin/sh\nenv > "{data_dir}/environment"\nexec "{embedded_redis._binary()}" "$@"\n')
    wrapper.chmod(0o700)
    monkeypatch.setattr(embedded_redis, "_binary", lambda: wrapper)
    monkeypatch.setenv("SECRET_KEY", "a very secret key")
    embedded_redis.ensure(data_dir)
    assert "LC_ALL=C" in (data_dir / "environment").read_text()
    assert "SECRET_KEY" not in (data_dir / "environment").read_text()


def test_another_process_finds_the_same_server(data_dir: Path) -> None:
    url = embedded_redis.ensure(data_dir)
    with in_another_process(data_dir) as other:
        assert other.stdout is not None
        assert other.stdout.read().strip() == url
    assert starts(data_dir) == 1


def test_it_outlives_the_process_that_started_it(data_dir: Path) -> None:
    with in_another_process(data_dir) as other:
        assert other.stdout is not None
        url = other.stdout.read().strip()
    assert process_of(url) > 0
    assert starts(data_dir) == 1


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_the_last_process_that_uses_it(data_dir: Path, how: signal.Signals) -> None:
    first, second = user_of(data_dir), user_of(data_dir)
    with connect(Place.of(data_dir).url) as client:
        client.set("run", "42")
    first.send_signal(how)
    first.communicate()
    assert not ends(data_dir, within_s=redis_keeper.UNUSED_S + 1)
    second.send_signal(how)
    second.communicate()
    assert ends(data_dir)
    with connect(embedded_redis.ensure(data_dir)) as client:
        assert client.get("run") == "42"


def test_it_ends_without_disturbing_another_folders_server(data_dir: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="qs") as folder:
        other = Path(folder).resolve()
        user_of(other).communicate()
        pid = process_of(embedded_redis.ensure(data_dir))
        assert ends(other)
    assert process_of(embedded_redis.ensure(data_dir)) == pid


def test_a_user_that_comes_while_the_server_is_ending_gets_a_working_one(data_dir: Path) -> None:
    user, place = user_of(data_dir), Place.of(data_dir)
    former = process_of(place.url)
    os.kill(former, signal.SIGSTOP)  # it answers nothing, and takes its time to end
    user.communicate()
    while not is_locked(place.users_lock, fcntl.LOCK_SH):
        time.sleep(0.3)
    assert process_of(embedded_redis.ensure(data_dir)) != former
    assert not ends(data_dir, within_s=redis_keeper.UNUSED_S + 1)


def test_a_server_that_does_not_end_is_killed(data_dir: Path) -> None:
    user = user_of(data_dir)
    os.kill(process_of(Place.of(data_dir).url), signal.SIGSTOP)
    user.communicate()
    assert ends(data_dir)


def test_a_killed_keeper_takes_the_server_along(data_dir: Path) -> None:
    url = embedded_redis.ensure(data_dir)
    with connect(url) as client:
        client.set("run", "42")
    os.kill(keeper_of(process_of(url)), signal.SIGKILL)
    assert ends(data_dir)
    with connect(embedded_redis.ensure(data_dir)) as client:
        assert client.get("run") == "42"


def test_a_server_without_a_keeper_is_started_again_with_one(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place.of(data_dir)
    place.create()
    lock = os.open(place.server_lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    alone = [str(embedded_redis._binary()), *embedded_redis._settings(place)]
    subprocess.run([*alone, "--daemonize", "yes"], pass_fds=(lock,), cwd=place.folder, check=True, capture_output=True)
    os.close(lock)
    embedded_redis.ensure(data_dir)
    assert is_locked(place.keeper_lock)
    assert starts(data_dir) == 2


def test_a_folder_that_was_deleted_and_made_anew_has_users_of_its_own(data_dir: Path) -> None:
    embedded_redis.ensure(data_dir)
    os.kill(process_of(Place.of(data_dir).url), signal.SIGKILL)
    assert ends(data_dir)
    shutil.rmtree(data_dir / "redis")
    embedded_redis.ensure(data_dir)
    assert not ends(data_dir, within_s=redis_keeper.UNUSED_S + 1)


def test_killed_hard_it_is_started_again_with_its_data(data_dir: Path) -> None:
    url = embedded_redis.ensure(data_dir)
    with connect(url) as client:
        client.set("run", "42")
    first = process_of(url)
    kill(data_dir, first)
    assert embedded_redis.ensure(data_dir) == url
    assert process_of(url) != first
    with connect(url) as client:
        assert client.get("run") == "42"


def test_threads_and_processes_at_once_start_exactly_one(data_dir: Path) -> None:
    others = [in_another_process(data_dir) for _ in range(3)]
    with ThreadPoolExecutor(8) as threads:
        urls = set(threads.map(embedded_redis.ensure, [data_dir] * 8))
    for other in others:
        printed, _ = other.communicate(timeout=30)
        urls.add(printed.strip())
    assert len(urls) == 1
    assert starts(data_dir) == 1


def test_a_starter_that_dies_half_way_leaves_a_server_for_the_next_caller(data_dir: Path) -> None:
    with in_another_process(data_dir, ENSURE_AND_DIE) as starter:
        assert starter.wait(30) == 9
    url = embedded_redis.ensure(data_dir)
    assert process_of(url) > 0
    assert starts(data_dir) == 1


def test_the_pid_left_by_a_killed_server_harms_nobody(data_dir: Path) -> None:
    kill(data_dir, process_of(embedded_redis.ensure(data_dir)))
    Place.of(data_dir).pidfile.write_text(str(os.getpid()))
    embedded_redis.stop(data_dir)
    assert process_of(embedded_redis.ensure(data_dir)) != os.getpid()


def test_a_path_too_long_for_a_socket_gets_a_short_private_one(data_dir: Path) -> None:
    deep = data_dir / ("long" * 20) / ("path" * 20)
    url = embedded_redis.ensure(deep)
    socket = Place.of(deep).socket
    try:
        assert len(os.fsencode(socket)) <= embedded_redis.SOCKET_PATH_BYTES
        assert socket.parent.stat().st_mode & 0o777 == 0o700
        with connect(url) as client:
            assert client.config_get("dir")["dir"] == str(deep / "redis")
    finally:
        embedded_redis.stop(deep)
        socket.parent.rmdir()


def test_a_short_folder_prepared_by_somebody_else_is_refused(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_redis, "SHORT_FOLDER", data_dir)
    deep = data_dir / ("long" * 20) / ("path" * 20)
    Place.of(deep).socket.parent.symlink_to(tmp_path)
    with pytest.raises(QueueServerError, match="only this user can enter"):
        embedded_redis.ensure(deep)
    assert not list(tmp_path.iterdir())


def test_the_same_folder_under_two_names_is_one_server(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data_dir)
    assert embedded_redis.ensure(Path()) == embedded_redis.ensure(data_dir)
    assert starts(data_dir) == 1


def test_a_strange_folder_name_survives_the_url(data_dir: Path) -> None:
    strange = data_dir / "ваш диск 100%?#"
    url = embedded_redis.ensure(strange)
    try:
        assert process_of(url) > 0
    finally:
        embedded_redis.stop(strange)


def test_stop_ends_it_and_the_data_stays(data_dir: Path) -> None:
    url = embedded_redis.ensure(data_dir)
    with connect(url) as client:
        client.set("run", "42")
    embedded_redis.stop(data_dir)
    with connect(url) as client, pytest.raises(redis.ConnectionError):
        client.ping()
    with connect(embedded_redis.ensure(data_dir)) as client:
        assert client.get("run") == "42"


def test_stop_without_a_server_is_nothing(data_dir: Path) -> None:
    embedded_redis.stop(data_dir / "nowhere")
    assert not (data_dir / "nowhere").exists()


def test_nobody_waits_for_ever_for_a_caller_that_hangs(data_dir: Path) -> None:
    with Place.of(data_dir).caller_lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(QueueServerError, match="another process has been starting"):
            embedded_redis.ensure(data_dir, **impatience())


def test_a_server_that_hangs_is_reported_not_doubled(data_dir: Path) -> None:
    pid = process_of(embedded_redis.ensure(data_dir))
    Place.of(data_dir).socket.unlink()
    with pytest.raises(QueueServerError, match="runs but does not answer"):
        embedded_redis.ensure(data_dir, **impatience())
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(QueueServerError, match=f"process {pid}"):
        embedded_redis.stop(data_dir, **impatience())
    os.kill(pid, signal.SIGCONT)


def test_data_that_cannot_be_read_is_an_error_with_the_servers_words(data_dir: Path) -> None:
    embedded_redis.ensure(data_dir)
    embedded_redis.stop(data_dir)
    (data_dir / "redis" / "appendonlydir" / "appendonly.aof.manifest").write_text("not a manifest\n")
    with pytest.raises(QueueServerError, match="AOF"):
        embedded_redis.ensure(data_dir)


def test_a_folder_that_is_a_file_names_the_variable(data_dir: Path) -> None:
    (data_dir / "file").write_text("")
    with pytest.raises(QueueServerError, match="DATA_DIR"):
        embedded_redis.ensure(data_dir / "file")


def test_a_system_without_the_binary_is_told_about_redis_url(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(QueueServerError, match="REDIS_URL"):
        embedded_redis.ensure(data_dir)
