"""Requests that never arrive, and answers that nobody reads, do not keep the threads of `make serve`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from messaging.system import supervisor
from web import gunicorn_settings
from web.gunicorn_worker import ARRIVAL_S, CROWDED_ARRIVAL_S, CROWDED_SENDING_S, SENDING_S, SPARE, too_long, unread

ROOT = Path(__file__).resolve().parents[2]
HEAD = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n"
THREADS = gunicorn_settings.threads
LONG, SHORT = ARRIVAL_S + 0.1, CROWDED_ARRIVAL_S + 0.1


@pytest.mark.parametrize(
    ("since_s", "cut"),
    [
        ([], []),
        ([SHORT, ARRIVAL_S], []),
        ([LONG, SHORT], [0]),
        ([SHORT] * (THREADS - SPARE), []),
        ([SHORT] * (THREADS - SPARE) + [0.1], [*range(THREADS - SPARE)]),
    ],
    ids=["idle", "in-time", "too-long", "enough-are-free", "crowded"],
)
def test_who_keeps_a_thread_too_long(since_s: list[float], cut: list[int]) -> None:
    begun = {number: 1000 - seconds for number, seconds in enumerate(since_s)}
    assert too_long(begun, THREADS, 1000) == cut


@pytest.fixture
def port() -> Iterator[int]:
    """One process of THREADS threads, as `make serve` starts them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [
            *(sys.executable, "-m", "gunicorn", "--bind", f"fd://{listener.fileno()}", "--workers", "1"),
            *("--worker-class", "web.gunicorn_worker.Worker", "--threads", str(THREADS)),
            *("--graceful-timeout", "1", "--log-level", "error", "tests.web.gunicorn_app:app"),
        ]
        with subprocess.Popen(command, cwd=ROOT, pass_fds=(listener.fileno(),)) as server:
            yield listener.getsockname()[1]
            server.terminate()


def post(port: int, body: bytes) -> bytes:
    """A whole request; the answer as it came."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(
            b"POST / HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        connection.sendall(body)
        return b"".join(iter(lambda: connection.recv(4096), b""))


@pytest.mark.parametrize("begun", [b"", HEAD, HEAD + b"\r\n", HEAD + b"\r\nhalf"], ids=["", "head", "no-body", "half"])
def test_as_many_half_sent_requests_as_threads_stop_nobody(port: int, begun: bytes) -> None:
    assert post(port, b"x" * 70_000).endswith(b"\r\n70000")
    with ExitStack() as held:
        for _ in range(2 * THREADS + 1):
            connection = held.enter_context(socket.create_connection(("127.0.0.1", port)))
            connection.sendall(begun)
        asked = time.monotonic()
        assert post(port, b"hello").endswith(b"\r\n5")
        assert time.monotonic() - asked < ARRIVAL_S / 2


def test_who_does_not_read_an_answer() -> None:
    full = {"long": 1000 - SENDING_S - 1, "short": 1000 - CROWDED_SENDING_S - 1, "new": 1000.0}
    assert unread(full, SPARE, 1000) == ["long"]
    assert unread(full, SPARE - 1, 1000) == ["long", "short"]


def test_as_many_unread_answers_as_threads_stop_nobody(port: int) -> None:
    assert post(port, b"x").endswith(b"\r\n1")
    with ExitStack() as held:
        for _ in range(THREADS):
            connection = held.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", port))
            connection.sendall(b"GET /long HTTP/1.1\r\nHost: test\r\n\r\n")
        asked = time.monotonic()
        assert post(port, b"hello").endswith(b"\r\n5")
        assert time.monotonic() - asked < ARRIVAL_S


def test_a_long_answer_comes_whole(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(b"GET /long HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        whole = sum(len(piece) for piece in iter(lambda: connection.recv(1 << 16), b""))
    assert whole > 32 << 20


def test_a_web_whose_supervisor_died_before_it_stood_ends() -> None:
    command = [
        *(sys.executable, "-m", "gunicorn", "--config", "python:web.gunicorn_settings", "--bind", "127.0.0.1:0"),
        *("--workers", "1", "tests.web.gunicorn_app:app"),
    ]
    of_nobody = {**os.environ, supervisor.SUPERVISOR: "1"}
    with subprocess.Popen(command, cwd=ROOT, env=of_nobody) as server:
        assert server.wait(30) == 0
