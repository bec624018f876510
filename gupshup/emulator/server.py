"""A small HTTP/1.1 server for one WSGI application: a thread per connection, keep-alive, loopback only.

Werkzeug's own server spends 0.6 ms of a request on parsing headers; benchmarks count on the emulator not being what
they measure. Bodies need a Content-Length, answers are sent whole: enough for Gupshup's API and the pages here.
"""

from __future__ import annotations

import io
import socketserver
import sys
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication

_MAX_BODY = 64 * 1024 * 1024
_MAX_LINE = 65_536
_MAX_HEADERS = 100


class _BadRequest(Exception):
    """HTTP that this server does not understand: it answers with the status and closes the connection."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class Server(socketserver.ThreadingTCPServer):
    """Serves `app`; `url` tells where. Port 0 = any free one."""

    # Benchmarks open hundreds of connections at once.
    request_queue_size = 1024
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, app: WSGIApplication, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__((host, port), _Connection)
        self.app = app
        self.url = f"http://{host}:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Report all errors, except that a caller has closed its connection."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Connection(socketserver.StreamRequestHandler):
    wbufsize = -1
    # Without this, an answer waits up to 40 ms for the acknowledgement of the previous one.
    disable_nagle_algorithm = True
    server: Server

    def handle(self) -> None:
        try:
            while self._serve_one():
                pass
        except _BadRequest as error:
            self._write(f"{error.status.value} {error.status.phrase}", [("Connection", "close")], b"")

    def _serve_one(self) -> bool:
        """Serve one request. Returns whether the connection stays open."""
        line = self.rfile.readline(_MAX_LINE + 1)
        if not line:
            return False
        words = line.decode("latin-1").split()
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise _BadRequest(HTTPStatus.BAD_REQUEST)
        method, target, version = words
        headers = self._headers()
        body = self._body(headers)
        status, fields, content = self._call(_environ(self, method, target, version, headers, body))
        keep = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        if not keep:
            fields.append(("Connection", "close"))
        self._write(status, fields, b"" if method == "HEAD" else content)
        return keep

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        for _ in range(_MAX_HEADERS):
            line = self.rfile.readline(_MAX_LINE + 1)
            if line in (b"\r\n", b"\n", b""):
                return headers
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon:
                raise _BadRequest(HTTPStatus.BAD_REQUEST)
            headers[name.lower()] = value.strip()
        raise _BadRequest(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def _body(self, headers: dict[str, str]) -> bytes:
        if "transfer-encoding" in headers:
            raise _BadRequest(HTTPStatus.LENGTH_REQUIRED)
        length = headers.get("content-length", "0")
        if not length.isdigit():
            raise _BadRequest(HTTPStatus.BAD_REQUEST)
        if int(length) > _MAX_BODY:
            raise _BadRequest(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if headers.get("expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        return self.rfile.read(int(length)) if length != "0" else b""

    def _call(self, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], error: object = None) -> Callable[[bytes], object]:
            started.append((status, headers))
            return lambda data: None

        parts: Iterable[bytes] = self.server.app(environ, start)
        try:
            content = b"".join(parts)
        finally:
            close = getattr(parts, "close", None)
            if close:
                close()
        status, fields = started[-1]
        return status, [(name, value) for name, value in fields if name.lower() != "content-length"], content

    def _write(self, status: str, fields: list[tuple[str, str]], content: bytes) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
        # An answer needs its length for the connection to stay open; only 204 has neither body nor length.
        length = "" if status.startswith("204") else f"Content-Length: {len(content)}\r\n"
        self.wfile.write(f"HTTP/1.1 {status}\r\n{lines}{length}\r\n".encode("latin-1") + content)
        self.wfile.flush()


def _environ(
    connection: _Connection, method: str, target: str, version: str, headers: dict[str, str], body: bytes
) -> dict[str, Any]:
    path, _, query = target.partition("?")
    host, port = connection.server.server_address[:2]
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": version,
        "REMOTE_ADDR": connection.client_address[0],
        "CONTENT_TYPE": headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "gupshup.socket": connection.connection,
    }
    for name, value in headers.items():
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    return environ
