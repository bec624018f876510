"""A page of the app for tests in a browser, and the server that serves it to the portal's iframe.

The page's `call(method, params, {wait, sid, object})` posts to the host as BX24.js does. It resolves with the answer, or
with "silence" if there was none after `wait` ms.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

APP_PAGE = """<!doctype html><title>app</title><p>app</p><script>
const [host, secure, sid] = window.name.split("|");
const origin = (secure === "1" ? "https://" : "http://") + host;
window.call = (method, params, changes = {}) => new Promise((resolve) => {
  const id = String(Math.random()).slice(2);
  const timer = setTimeout(() => resolve("silence"), changes.wait ?? 10000);
  addEventListener("message", (event) => {
    if (event.origin !== origin || !String(event.data).startsWith(id + ":")) return;
    clearTimeout(timer);
    const text = event.data.slice(id.length + 1);
    resolve(text ? JSON.parse(text) : "empty");
  });
  const json = params === undefined ? "" : JSON.stringify(params) + ":";
  const message = changes.object ? { method, params, callback: id, appSid: sid }
    : `${method}:${json}${id}:${changes.sid ?? sid}`;
  parent.postMessage(message, origin);
});
</script>"""


class AppHandler(BaseHTTPRequestHandler):
    """Answers every POST with the page."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = APP_PAGE.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def served_app() -> Iterator[str]:
    """The address at which the page is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), AppHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
