"""Sends that break, over real sockets: which of them may be repeated, and which nobody can tell about."""

import http.client
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3.util.connection

from gupshup.client import Client, session
from gupshup.errors import Kind, NotWritten, Unclear
from tests.gupshup import loopback
from tests.gupshup.loopback import Act, answer, raw_answer, serving
from tests.gupshup.shop_line import ACCEPTED, send

# ------------------------------------------------------------------ nothing was written


def test_a_refused_connection_wrote_nothing(make: Callable[..., Client]) -> None:
    with pytest.raises(NotWritten) as caught:
        send(make(f"http://127.0.0.1:{loopback.closed_port()}"))
    assert "ConnectionRefusedError" in caught.value.reason
    assert caught.value.refusal.kind is Kind.RETRY


def test_a_name_that_does_not_resolve_wrote_nothing(
    make: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(NotWritten):
        send(make("https://api.gupshup.example"))


def test_a_connect_that_times_out_wrote_nothing(make: Callable[..., Client], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr(urllib3.util.connection, "create_connection", fail)
    with pytest.raises(NotWritten):
        send(make("http://127.0.0.1:9"))
    with pytest.raises(NotWritten):
        send(Client(requests.Session(), "http://127.0.0.1:9", (1.0, 1.0)))


@pytest.mark.parametrize("act", [loopback.close, loopback.speak_first])
def test_a_handshake_cut_short_wrote_nothing(make: Callable[..., Client], act: Act) -> None:
    with serving(act) as server, pytest.raises(NotWritten):
        send(make(server.https_url))
    assert server.connections == 1


def test_a_handshake_that_hangs_wrote_nothing_though_urllib3_calls_it_a_read_timeout(
    make: Callable[..., Client],
) -> None:
    with serving(loopback.hang) as server, pytest.raises(NotWritten):
        send(make(server.https_url, (0.2, 0.2)))


@pytest.mark.parametrize("made", [lambda: session(1), requests.Session], ids=["ours", "stock"])
def test_a_certificate_nobody_vouches_for_wrote_nothing(made: Callable[[], requests.Session], tmp_path: Path) -> None:
    _, tls = loopback.certificate(tmp_path)
    with serving(answer(202, ACCEPTED), tls=tls) as server, made() as one, pytest.raises(NotWritten):
        send(Client(one, server.https_url, (2.0, 2.0)))
    assert server.sent == []


@pytest.mark.parametrize("url", ["", "gupshup.io", "https://", "ftp://127.0.0.1"])
def test_an_address_that_is_none_wrote_nothing(make: Callable[..., Client], url: str) -> None:
    with pytest.raises(NotWritten):
        send(make(url))


# ------------------------------------------------------------------ nobody knows

BROKEN: list[tuple[str, Act]] = [
    ("no answer in time", loopback.read_and_hang),
    ("closed without an answer", loopback.read_and_close),
    ("reset", loopback.read_and_reset),
    ("no HTTP", raw_answer(b"garbage\r\n\r\n")),
    ("half a status line", raw_answer(b"HTTP/1.1 20")),
    ("half a body", raw_answer(b"HTTP/1.1 202 OK\r\nContent-Length: 500\r\n\r\n" + ACCEPTED.encode())),
    ("a broken chunk", raw_answer(b"HTTP/1.1 202 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")),
    ("broken gzip", raw_answer(b"HTTP/1.1 202 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc")),
    ("500", answer(500, '{"status":"error","message":"Internal Server Error"}')),
    ("502 in HTML", answer(502, "<html>Bad Gateway</html>", "Content-Type: text/html")),
    ("503", answer(503, "")),
    ("503 with an invitation", answer(503, "", "Retry-After: 1")),
    ("504", answer(504, "")),
    ("520", answer(520, "")),
    ("accepted without an id", answer(202, '{"status":"submitted"}')),
    ("accepted with a blank id", answer(202, '{"status":"submitted","messageId":" "}')),
    ("accepted with no JSON", answer(200, "OK")),
    ("accepted with nothing", answer(200, "")),
    ("accepted with an error", answer(200, '{"status":"error","message":"Try again"}')),
]


@pytest.mark.parametrize("act", [pytest.param(act, id=name) for name, act in BROKEN])
def test_after_the_write_nobody_knows_and_nothing_is_sent_again(make: Callable[..., Client], act: Act) -> None:
    with serving(act) as server, pytest.raises(Unclear) as caught:
        send(make(server.url, (2.0, 0.2)))
    assert len(server.sent) == 1
    assert caught.value.refusal.kind is Kind.UNCLEAR
    assert not caught.value.retryable


def test_an_unclear_answer_keeps_its_status_and_words(make: Callable[..., Client]) -> None:
    with serving(answer(500, '{"message":"Oops"}')) as server, pytest.raises(Unclear) as caught:
        send(make(server.url))
    assert (caught.value.code, caught.value.reason) == ("gupshup_500", "Oops")
    with serving(answer(200, '{"message":"Try again"}')) as server, pytest.raises(Unclear) as caught:
        send(make(server.url))
    assert (caught.value.code, caught.value.reason) == ("gupshup_unclear", "Try again")


@pytest.mark.parametrize("act", [loopback.read_and_close, loopback.read_and_hang])
def test_over_tls_a_break_after_the_write_is_unclear(ours: requests.Session, tmp_path: Path, act: Act) -> None:
    pem, tls = loopback.certificate(tmp_path)
    ours.verify = str(pem)
    with serving(act, tls=tls) as server, pytest.raises(Unclear):
        send(Client(ours, server.https_url, (2.0, 0.3)))
    assert len(server.sent) == 1


@pytest.mark.parametrize("error", [BrokenPipeError, ConnectionResetError, TimeoutError])
def test_a_connection_that_breaks_before_the_message_is_handed_over_wrote_nothing(
    make: Callable[..., Client], monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    def fail(connection: http.client.HTTPConnection, *args: Any, **kwargs: Any) -> None:
        connection.connect()
        raise error("while the headers leave")

    monkeypatch.setattr(http.client.HTTPConnection, "endheaders", fail)
    with serving(loopback.close) as server, pytest.raises(NotWritten):
        send(make(server.url))
    assert server.sent == []


def test_a_stock_session_tells_a_cut_handshake_too() -> None:
    with serving(loopback.close) as server, requests.Session() as stock, pytest.raises(NotWritten):
        send(Client(stock, server.https_url, (2.0, 2.0)))


def test_a_break_is_unclear_also_while_an_earlier_refused_connection_is_being_handled(
    make: Callable[..., Client],
) -> None:
    # The new error's __context__ is the old one, which says that nothing was written. That was another request.
    try:
        send(make(f"http://127.0.0.1:{loopback.closed_port()}"))
    except NotWritten:
        with serving(loopback.read_and_close) as server, pytest.raises(Unclear):
            send(make(server.url))
        assert len(server.sent) == 1
    else:
        pytest.fail("somebody listens on a closed port")


def test_a_kept_connection_is_used_again_and_one_that_was_closed_meanwhile_is_not(make: Callable[..., Client]) -> None:
    with serving(answer(202, ACCEPTED, keep=True)) as server:
        client = make(server.url)
        send(client)
        send(client)
        assert server.connections == 1
    with serving(answer(202, ACCEPTED)) as server:
        client = make(server.url)
        send(client)
        send(client)
        assert server.connections == 2
