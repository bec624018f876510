"""One try over a real socket: what every kind of receiver comes to, within the time, and never an exception."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from standardwebhooks import Webhook
from werkzeug.http import http_date

from messaging.callbacks import posting, shapes, signing
from messaging.callbacks.posting import Answer, post
from messaging.store.callbacks import Event
from messaging.system.public_http import callback_session

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
LIMIT_S = 0.6
Behaviour = Callable[[socket.socket, threading.Event], None]


@contextmanager
def server(behave: Behaviour) -> Iterator[str]:
    """A host that reads one request and then behaves so. Its address."""
    over = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                connection.recv(65_536)
                behave(connection, over)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/hooks"
    finally:
        over.set()
        listening.close()
        thread.join(5)


def says(text: str) -> Behaviour:
    return lambda connection, _: connection.sendall(text.encode())


def drips(begin: str) -> Behaviour:
    """Sends the beginning at once, then a byte now and then, until nobody listens."""

    def behave(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(begin.encode())
        with suppress(OSError):
            while not over.wait(0.05):
                connection.sendall(b"x")

    return behave


def floods(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
    with suppress(OSError):
        while not over.is_set():
            connection.sendall(b"y" * 65_536)


def is_silent(_: socket.socket, over: threading.Event) -> None:
    over.wait(10)


@pytest.mark.parametrize(
    ("behave", "code", "error", "text"),
    [
        (says("HTTP/1.1 204 No Content\r\n\r\n"), 204, "", ""),
        (says("HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\nbad!"), 500, "", "bad!"),
        (says("HTTP/1.1 200 OK\r\nContent-Length: 700\r\n\r\n" + "z" * 700), 200, "", "z" * 500),
        (says("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na\x00b"), 200, "", "ab"),
        (says("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"), 302, "", ""),
        (says("nonsense\r\n\r\n"), None, "unreachable", ""),
        (says(""), None, "unreachable", ""),
        (is_silent, None, "timeout", ""),
        (drips("HTTP/1.1 200 OK\r\nX-Long: "), None, "timeout", ""),
        (drips("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"), 200, "", None),
        (floods, 200, "", "y" * 500),
    ],
    ids=["taken", "refused", "long", "nul", "redirect", "nonsense", "hangs up", "silent", "slow", "slow body", "flood"],
)
def test_what_a_receiver_comes_to(
    monkeypatch: pytest.MonkeyPatch, behave: Behaviour, code: int | None, error: str, text: str | None
) -> None:
    monkeypatch.setattr(posting, "TOTAL_S", LIMIT_S)
    with server(behave) as url:
        got = post(callback_session(allow_http=True), url, b"{}", {}, NOW)
    assert (got.code, got.error) == (code, error)
    assert got.is_taken == (code in (200, 204))
    assert text is None or got.text == text
    assert got.took_ms < LIMIT_S * 1000 + 1000


@pytest.mark.parametrize(
    "url", ["https://10.0.0.1/", "https://169.254.169.254/", "https://127.0.0.1/", "http://93.184.216.34/"]
)
def test_nothing_leaves_for_a_private_address(url: str) -> None:
    assert post(callback_session(), url, b"{}", {}, NOW).error == "private"


def test_a_closed_port_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    got = post(callback_session(allow_http=True), f"http://127.0.0.1:{port}/", b"{}", {}, NOW)
    assert (got.code, got.error) == (None, "unreachable")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        *(("30", 30), ("0", 0), ("soon", 0), ("-5", 0), ("", 0), ("9" * 50, 999_999_999)),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999999999", 0),
        *((http_date(NOW + timedelta(minutes=2)), 120), (http_date(NOW - timedelta(hours=1)), 0)),
    ],
)
def test_how_long_a_receiver_asks_us_to_wait(header: str, seconds: float) -> None:
    with server(says(f"HTTP/1.1 429 Wait\r\nRetry-After: {header}\r\nContent-Length: 0\r\n\r\n")) as url:
        got = post(callback_session(allow_http=True), url, b"{}", {}, NOW)
    assert (got.code, got.retry_after_s) == (429, seconds)


def test_signatures_are_those_of_the_library() -> None:
    secret, body = signing.new_secret(), '{"type":"test","data":{"text":"Привет 👋"}}'
    ours = signing.headers("msg_1", NOW, body.encode(), [secret])
    assert ours["webhook-signature"] == Webhook(secret).sign("msg_1", NOW, body)
    elsewhere = NOW.astimezone(timezone(timedelta(hours=3)))
    assert signing.headers("msg_1", elsewhere, body.encode(), [secret]) == ours
    two = signing.headers("msg_1", NOW, body.encode(), [secret, signing.new_secret()])
    assert two["webhook-signature"].split(" ")[0] == ours["webhook-signature"]
    assert len(two["webhook-signature"].split(" ")) == 2


@pytest.mark.parametrize("char", ["a", "Ж", "👋", "\x01", '"', "\\"])
def test_a_body_stays_below_twenty_kilobytes(char: str) -> None:
    data: dict[str, Any] = {
        "id": "x",
        "text": char * 100_000,
        "reply_id": char * 9_000,
        "counts": {"skipped": {"a": 1}},
    }
    body = shapes.body(Event.MESSAGE_RECEIVED, NOW, data)
    assert 2_000 < len(body.encode()) < 20_000


def test_only_2xx_is_taken() -> None:
    taken = [code for code in range(100, 600) if Answer(NOW, 1, code).is_taken]
    assert (taken[0], taken[-1], len(taken)) == (200, 299, 100)
