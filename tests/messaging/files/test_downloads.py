"""Downloading a file: real sockets on loopback; every way in which a server can fail or lie."""

from __future__ import annotations

import re
import socket
import zlib
from pathlib import Path
from typing import Any

import pytest
import requests
from urllib3.response import HTTPResponse

from messaging.files.downloads import Download, Downloaded, fetch
from messaging.files.problems import Unfetched
from messaging.system import public_http
from messaging.system.public_http import file_session
from tests.gupshup.loopback import Act, Server, answer, closed_port, raw_answer, read_and_close, read_and_hang, serving
from tests.support import samples


def get(server: Server, folder: Path, path: str = "/dir/%D0%A4.png?auth=secret", **more: Any) -> Downloaded:
    return fetch(file_session(allow_http=True), Download(server.url + path, folder, allow_http=True, **more))


def test_a_file_comes_into_a_private_temporary_file(tmp_path: Path) -> None:
    headers = ("Content-Type: image/png; charset=x", "Content-Disposition: attachment; filename*=utf-8''%D0%B0.png")
    with serving(answer(200, samples.png(), *headers)) as server:
        got = get(server, tmp_path / "tmp")
    assert got.path.read_bytes() == samples.png()
    assert (got.name, got.content_type, got.size) == ("а.png", "image/png", len(samples.png()))
    assert got.path.stat().st_mode & 0o777 == 0o600
    assert got.path.parent.stat().st_mode & 0o777 == 0o700
    sent = server.sent[0].headers
    assert sent["accept"] == "*/*"
    assert sent["user-agent"]
    assert sent["accept-language"]
    assert sent["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("", "Ф.png"),
        ("attachment", "Ф.png"),
        ("attachment; filename=plain.pdf", "plain.pdf"),
        ('attachment; filename="with space.pdf"', "with space.pdf"),
        ("attachment; filename=x.pdf; filename*=UTF-8''%D0%9F.pdf", "П.pdf"),
        ("attachment; filename=\"%D0%9F.pdf\"; filename*=utf-8''%D0%9F.pdf", "П.pdf"),
        ("attachment; filename*=utf-8'broken", "Ф.png"),
        ('attachment; filename="Дог.pdf"'.encode().decode("latin-1"), "Дог.pdf"),
    ],
)
def test_the_name_is_the_servers_else_the_links(disposition: str, name: str, tmp_path: Path) -> None:
    headers = (f"Content-Disposition: {disposition}",) if disposition else ()
    with serving(answer(200, "x", *headers)) as server:
        assert get(server, tmp_path).name == name


def lying(length: int, body: bytes) -> Act:
    return raw_answer(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode() + body)


def chunked(body: bytes, end: bytes = b"0\r\n\r\n") -> Act:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return raw_answer(head + f"{len(body):x}\r\n".encode() + body + b"\r\n" + end)


def endless(server: Server, connection: socket.socket) -> None:
    """A body without end or length, until the other side has had enough."""
    server.read(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def dripping(server: Server, connection: socket.socket) -> None:
    """One byte whenever the other side's patience would have been renewed by it."""
    server.read(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not server.released.wait(0.02):
        connection.sendall(b"x")


def headers_without_end(server: Server, connection: socket.socket) -> None:
    server.read(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not server.released.wait(0.02):
        connection.sendall(b"x")


def gzipped(body: bytes) -> Act:
    packed = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = packed.compress(body) + packed.flush()
    return answer(200, data, "Content-Encoding: gzip")


FAULTS: dict[str, tuple[Act, str, str, bool]] = {
    # name: (what the server does, code, words, whether another try may help)
    "says it is too large": (lying(10_000, b"x"), "file_too_large", "0.1 MB", False),
    "says it is endless": (lying(10**30, b"x"), "file_unreachable", "half-way", True),
    "is larger than it says": (chunked(b"x" * 6_000), "file_too_large", "more than", False),
    "has no end": (endless, "file_too_large", "more than", False),
    "unpacks to too much": (gzipped(b"\0" * 1_000_000), "file_too_large", "more than", False),
    "is shorter than it says": (lying(4_000, b"x" * 100), "file_unreachable", "half-way", True),
    "stops inside a chunk": (chunked(b"x" * 100, b""), "file_unreachable", "half-way", True),
    "is packed badly": (answer(200, "no gzip", "Content-Encoding: gzip"), "file_unreachable", "half-way", True),
    "is empty": (answer(200), "file_unreachable", "is empty", False),
    "drips": (dripping, "file_unreachable", "too slow", True),
    "drips headers": (headers_without_end, "file_unreachable", "too slow", True),
    "says nothing": (read_and_hang, "file_unreachable", "too slow", True),
    "hangs up": (read_and_close, "file_unreachable", "cannot be reached", True),
    "speaks no http": (raw_answer(b"220 ready\r\n"), "file_unreachable", "cannot be reached", True),
    "wants a login": (answer(401), "file_unreachable", "answer 401", False),
    "forbids": (answer(403), "file_unreachable", "answer 403", False),
    "has no such file": (answer(404, "x" * 9_000), "file_unreachable", "answer 404", False),
    "is gone": (answer(410), "file_unreachable", "answer 410", False),
    "gives a part": (answer(206, "abc"), "file_unreachable", "206", False),
    "is busy": (answer(429), "file_unreachable", "429", True),
    "is broken": (answer(503), "file_unreachable", "503", True),
    "redirects nowhere": (answer(302), "file_unreachable", "302", False),
    "redirects for ever": (answer(302, "", "Location: /again"), "file_unreachable", "too often", False),
    "redirects into the machine": (
        answer(302, "", "Location: http://169.254.169.254/latest/meta-data/"),
        "file_unreachable",
        "private network",
        False,
    ),
    "redirects to a private address": (
        answer(307, "", "Location: https://10.0.0.5/"),
        "file_unreachable",
        "private network",
        False,
    ),
    "redirects to a file": (answer(301, "", "Location: file:///etc/passwd"), "file_unreachable", "https://", False),
    "redirects with a password": (
        answer(301, "", "Location: http://u:p@127.0.0.1/"),
        "file_unreachable",
        "password",
        False,
    ),
}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("case", FAULTS)
def test_what_goes_wrong_is_said_in_words(case: str, tmp_path: Path) -> None:
    act, code, words, passing = FAULTS[case]
    patience = 0.2 if words == "too slow" else 5.0
    with serving(act) as server, pytest.raises(Unfetched) as caught:
        get(server, tmp_path, seconds=patience)
    assert (caught.value.code, caught.value.passing) == (code, passing)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__  # they quote the whole link
    text = caught.value.text
    assert words in text.en
    assert re.search("[а-я]", text.ru)
    for said in (text.en, text.ru):
        assert "secret" not in said  # a link may hold a token
        assert "{" not in said
    assert list(tmp_path.iterdir()) == []


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(Unfetched, match="cannot be reached") as caught:
        fetch(file_session(allow_http=True), Download(f"http://127.0.0.1:{closed_port()}/a", tmp_path, allow_http=True))
    assert caught.value.passing


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("media", "size", "fits"), [("image", 1000, True), ("image", 1001, False), ("auto", 5000, True)]
)
def test_the_limit_is_that_of_the_kind(media: str, size: int, fits: bool, tmp_path: Path) -> None:
    for act in (answer(200, b"x" * size), chunked(b"x" * size)):
        with serving(act) as server:
            if fits:
                assert get(server, tmp_path, media=media).size == size
                continue
            with pytest.raises(Unfetched, match="images of up to"):
                get(server, tmp_path, media=media)


def test_five_redirects_are_followed_six_are_not(tmp_path: Path) -> None:
    hops = [answer(302, "", "Location: /next") for _ in range(5)]
    with serving(*hops, answer(200, "here")) as server:
        assert get(server, tmp_path).path.read_text() == "here"
    with serving(*hops, hops[0], answer(200, "here")) as server, pytest.raises(Unfetched, match="too often"):
        get(server, tmp_path)


def test_a_redirect_in_raw_utf8_is_understood(tmp_path: Path) -> None:
    where = "Location: /файл.pdf".encode().decode("latin-1")
    with serving(answer(301, "", where), answer(200, "x")) as server:
        assert get(server, tmp_path).name == "файл.pdf"


def test_what_is_said_to_one_host_is_not_said_to_another(tmp_path: Path) -> None:
    with serving(answer(200, "x")) as other:
        there = answer(302, "", f"Location: {other.url}/b", "Set-Cookie: PHPSESSID=s; Path=/; HttpOnly")
        with serving(answer(302, "", "Location: /a", "Set-Cookie: PHPSESSID=s"), there) as server:
            get(server, tmp_path, headers={"Referer": "https://acme/", "Authorization": "Bearer t", "X-Own": "1"})
    first, second = server.sent
    assert (first.headers["referer"], first.headers["authorization"]) == ("https://acme/", "Bearer t")
    assert "cookie" not in first.headers
    assert second.headers["cookie"] == "PHPSESSID=s"
    assert not {"referer", "authorization", "cookie"} & set(other.sent[0].headers)
    assert other.sent[0].headers["x-own"] == "1"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://files.example/a", "https://"),
        ("ftp://files.example/a", "https://"),
        ("file:///etc/passwd", "https://"),
        ("https://", "no valid link"),
        ("https://[::1", "no valid link"),
        ("https://files.example:99999999/a", "no valid link"),
        ("https://user:secret@files.example/a", "password"),
        ("https://127.0.0.1/a", "private network"),
        ("https://169.254.169.254/a", "private network"),
        ("https://localhost/a", "private network"),
    ],
)
def test_links_that_are_not_even_tried(url: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(Unfetched) as caught:
        fetch(file_session(), Download(url, tmp_path))
    assert caught.value.code == "file_unreachable"
    assert words in caught.value.text.en
    assert "secret" not in caught.value.text.en
    assert not caught.value.passing


def test_a_redirect_is_resolved_and_judged_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In production: from a public server to a name that lives on loopback."""
    real = socket.getaddrinfo

    def lookup(host: str, *args: Any, **kwargs: Any) -> list[Any]:
        return real({"inside.example": "127.0.0.1"}.get(host, host), *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    session = file_session()
    with serving(answer(200, "inside")) as server:
        session.mount("https://outside.example", _Redirecting(f"https://inside.example:{server.port}/"))
        with pytest.raises(Unfetched, match="private network"):
            fetch(session, Download("https://outside.example/a", tmp_path))
        assert server.connections == 0


class _Redirecting(public_http.GuardedAdapter):
    def __init__(self, target: str) -> None:
        super().__init__(allow_http=False)
        self.target = target

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        response = requests.Response()
        response.status_code, response.url, response.request = 302, str(request.url), request
        response.headers["Location"], response.raw = self.target, HTTPResponse(b"")
        return response
