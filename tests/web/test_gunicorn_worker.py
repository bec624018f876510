"""Requests that never arrive do not keep the threads of `make serve`."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from web import gunicorn_settings
from web.gunicorn_worker import ARRIVAL_S, CROWDED_ARRIVAL_S, SPARE, too_long

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
