"""Self-hosted portals that answer as their owner likes: one byte a second, or sixteen megabytes of empty lists."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MB = 1024 * 1024
EMPTY_LISTS = b'{"result": [' + b"[]," * (16 * MB // 3) + b"[]]}"
FILE = b"%PDF-1.4\n" + b"%" * MB


class _Server(ThreadingHTTPServer):
    """Knows when it is over, so that no answer outlives it."""

    daemon_threads = True

    def __init__(self, kind: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), kind)
        self.stopped = threading.Event()


class _Answer(BaseHTTPRequestHandler, ABC):
    """Reads what it is asked and answers in its own way."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.close_connection = True
        try:
            self.answer()
        except OSError:
            return  # our app has hung up, which it should

    def do_GET(self) -> None:
        self.do_POST()

    @abstractmethod
    def answer(self) -> None:
        """Answer in the portal's own way."""

    def start(self, length: int, kind: str = "application/json") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


class Slow(_Answer):
    """One byte a second."""

    def answer(self) -> None:
        self.start(1000)
        while not self.server.stopped.wait(1):
            self.wfile.write(b" ")
            self.wfile.flush()


class Swollen(_Answer):
    """Sixteen megabytes of empty lists; under /file a document of a megabyte."""

    def answer(self) -> None:
        is_file = self.path.startswith("/file")
        content, kind = (FILE, "application/pdf") if is_file else (EMPTY_LISTS, "application/json")
        self.start(len(content), kind)
        self.wfile.write(content)


@contextmanager
def serve(kind: type[_Answer]) -> Iterator[str]:
    """Serve such a portal on loopback; yields its address."""
    server = _Server(kind)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()
