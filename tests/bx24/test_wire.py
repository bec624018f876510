"""The one exchange, against a real socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from bx24 import wire
from bx24.errors import Unavailable
from bx24.wire import exchange, session


class Handler(BaseHTTPRequestHandler):
    answers: ClassVar[dict[str, tuple[int, dict[str, str], bytes]]] = {}
    seen: ClassVar[list[Any]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.seen.append((self.path, dict(self.headers), body))
        status, headers, content = self.answers[self.path.partition("?")[0]]
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def host() -> Iterator[str]:
    Handler.answers = {
        "/json": (200, {"Set-Cookie": "a=b"}, b'{"result": true}'),
        "/html": (502, {}, b"<html>bad gateway</html>"),
        "/list": (200, {}, b"[1]"),
        "/deep": (200, {}, b"[" * 100_000),
        "/moved": (302, {"Location": "/json"}, b""),
        "/slow-down": (503, {"Retry-After": "7"}, b'{"error": "QUERY_LIMIT_EXCEEDED"}'),
        "/long": (200, {}, b'{"a": "' + b"x" * 2000 + b'"}'),
        "/cut": (200, {"Content-Length": "100"}, b'{"a"'),
    }
    Handler.seen = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def ask(url: str, **how: Any) -> wire.Answer:
    with session(2) as http:
        return exchange(http, "POST", url, timeout=(2.0, 2.0), **how)


def test_json_is_sent_and_read(host: str) -> None:
    answer = ask(f"{host}/json", body={"auth": "t", "n": 1})
    assert (answer.status, answer.data) == (200, {"result": True})
    _, headers, body = Handler.seen[0]
    assert body == b'{"auth": "t", "n": 1}'
    assert headers["User-Agent"].startswith("waba24/")
    assert headers["Accept"] == "application/json"


@pytest.mark.parametrize(("path", "status"), [("/html", 502), ("/list", 200), ("/deep", 200)])
def test_what_is_no_json_object_is_none(host: str, path: str, status: int) -> None:
    answer = ask(host + path)
    assert (answer.status, answer.data) == (status, None)


def test_a_redirect_is_told_and_not_followed(host: str) -> None:
    answer = ask(f"{host}/moved", body={"auth": "t"})
    assert (answer.status, answer.location) == (302, "/json")
    assert [path for path, _, _ in Handler.seen] == ["/moved"]


def test_retry_after_is_read(host: str) -> None:
    assert ask(f"{host}/slow-down").retry_after == 7.0


def test_no_cookie_is_kept(host: str) -> None:
    with session(2) as http:
        for _ in range(2):
            exchange(http, "GET", f"{host}/json", timeout=(2.0, 2.0))
    assert "Cookie" not in Handler.seen[1][1]


def test_too_long_an_answer_is_dropped(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_ANSWER_BYTES", 1000)
    with pytest.raises(Unavailable, match="answer_too_long"):
        ask(f"{host}/long")


def test_an_answer_is_as_long_as_the_caller_allows(host: str) -> None:
    with pytest.raises(Unavailable, match="answer_too_long"):
        ask(f"{host}/long", max_bytes=1000)


def test_an_answer_of_a_million_empty_lists_is_not_parsed(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Handler.answers["/lists"] = (200, {}, b'{"result": [' + b"[]," * 1_000_000 + b"0]}")
    monkeypatch.setattr(wire, "json", None)
    with pytest.raises(Unavailable, match="answer_too_long"):
        ask(f"{host}/lists")


def test_nor_is_the_body_of_a_redirect_read_to_the_end(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_ANSWER_BYTES", 1000)
    Handler.answers["/moved"] = (302, {"Location": "/json"}, b"x" * 2000)
    with pytest.raises(Unavailable, match="answer_too_long"):
        ask(f"{host}/moved")


def test_proxies_of_the_environment_are_ignored(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert ask(f"{host}/json").data


def test_a_connection_that_ends_early_is_unavailable(host: str) -> None:
    with pytest.raises(Unavailable, match="connection"):
        ask(f"{host}/cut")


def test_nobody_there_is_unavailable_and_shows_no_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unavailable) as error:
        ask(f"http://127.0.0.1:{port}/oauth/token/", params={"client_secret": "s3cret"})
    assert "s3cret" not in repr(error.value) + str(error.value)
    assert error.value.__cause__ is None
    assert error.value.__context__ is None


@pytest.mark.parametrize("url", ["http://", "nonsense", "http://a.example:99999/", "http://[::1"])
def test_an_impossible_address_is_unavailable(url: str) -> None:
    with pytest.raises(Unavailable):
        ask(url)
