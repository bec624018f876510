"""The emulator on sockets: an HTTP server for each portal, one for the auth server, and a thread that calls the app."""

from __future__ import annotations

import ssl
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from bx24.emulator.emulator import Emulator
from bx24.emulator.state.portal import Portal

DELIVERY_THREADS = 32
POLL_S = 0.05
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class KeepAliveHandler(WSGIRequestHandler):
    """Keeps connections open and logs no requests: a benchmark makes hundreds of thousands.

    Werkzeug's own `run_wsgi` closes each connection, after waiting 10 ms for unread input. The applications here always
    read the whole body (`http_basics.read_body`), so the next request may follow on the same connection.
    """

    protocol_version = "HTTP/1.1"
    # Headers and body are two writes. With Nagle's algorithm and delayed ACKs that takes 40 ms.
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        environ = self.make_environ()
        head: list[tuple[str, list[tuple[str, str]]]] = []
        body: list[bytes] = []

        def start(status: str, headers: list[tuple[str, str]], _: object = None, /) -> Callable[[bytes], object]:
            head.append((status, headers))
            return body.append

        try:
            body.extend(self.server.app(environ, start))
            self._answer(*head[-1], b"".join(body), environ["REQUEST_METHOD"] != "HEAD")
        except ConnectionError:
            self.close_connection = True
        except Exception:
            self.close_connection = True
            traceback.print_exc()
            self._answer("500 Internal Server Error", [("Connection", "close")], b"", True)

    def _answer(self, status: str, headers: list[tuple[str, str]], body: bytes, with_body: bool) -> None:
        code, _, reason = status.partition(" ")
        # Not send_response, which adds the machine's Date: the applications send that of their portal's clock.
        self.log_request(int(code))
        self.send_response_only(int(code), reason)
        for name, value in headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        if int(code) not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_request(self, *args: Any, **kwargs: Any) -> None:
        pass


class Server:
    """Serves an emulator from `start()` to `stop()`, and calls the app when a call is due."""

    def __init__(
        self,
        emulator: Emulator,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        auth_port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if host not in LOOPBACK:
            raise ValueError(f"{host}: the emulator has no real protection and listens on loopback only")
        self.emulator = emulator
        self._host, self._port, self._auth_port, self._tls = host, port, auth_port, tls
        self._servers: list[BaseWSGIServer] = []
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(DELIVERY_THREADS, "deliver")

    def start(self) -> None:
        emulator = self.emulator
        emulator.cloud.auth_url = self._listen(emulator.auth_app, self._auth_port)
        emulator.portal.base_url = self._listen(emulator.portal_app, self._port)
        emulator.portals.serve = self._serve_portal
        threading.Thread(target=self._deliver, name="queue", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()
        self.emulator.cloud.changed.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _serve_portal(self, portal: Portal) -> str:
        return self._listen(self.emulator.app_of(portal), 0)

    def _listen(self, app: Flask, port: int) -> str:
        server = make_server(
            self._host, port, app, threaded=True, request_handler=KeepAliveHandler, ssl_context=self._tls
        )
        self._servers.append(server)
        threading.Thread(target=server.serve_forever, args=(POLL_S,), name=f"http {server.port}", daemon=True).start()
        scheme = "https" if self._tls else "http"
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{scheme}://{host}:{server.port}"

    def _deliver(self) -> None:
        emulator = self.emulator
        while not self._stopping.is_set():
            emulator.cloud.changed.clear()
            emulator.deliver_due(self._pool)
            due = emulator.next_due()
            emulator.cloud.changed.wait(None if due is None else max(0.0, due - emulator.cloud.clock()))
