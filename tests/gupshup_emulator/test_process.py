"""The emulator as a process of its own: a real socket, a real clock, a real endpoint."""

from __future__ import annotations

import http.client
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "gupshup.emulator", "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    yield urlsplit(json.loads(process.stdout.readline())["url"]).netloc
    process.terminate()
    assert process.wait(20) == 0


@pytest.fixture
def endpoint() -> Iterator[tuple[str, queue.Queue[dict[str, Any]]]]:
    got: queue.Queue[dict[str, Any]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", got
    server.shutdown()
    server.server_close()


def call(connection: http.client.HTTPConnection, method: str, path: str, body: Any = None, **headers: str) -> Any:
    encoded = body if isinstance(body, str) or body is None else json.dumps(body)
    connection.request(method, path, encoded, headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read() or b"null")


def form(number: str, name: str) -> str:
    template = json.dumps({"id": "t1", "params": []})
    return urlencode(
        {"channel": "whatsapp", "source": "79990001122", "destination": number, "src.name": name, "template": template}
    )


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def make_app(connection: http.client.HTTPConnection, name: str, **more: Any) -> dict[str, str]:
    status, app = call(
        connection,
        "POST",
        "/emulator/apps",
        {
            "app_name": name,
            "phone": "79990001122",
            "templates": [{"id": "t1", "name": "hello", "body": "Привет"}],
            **more,
        },
    )
    assert status == 201
    return {"apikey": app["api_key"], **FORM}


def test_webhooks_arrive_by_themselves_over_one_kept_connection(address, endpoint):
    url, got = endpoint
    connection = http.client.HTTPConnection(address)
    headers = make_app(connection, "processbot", webhook_url=url)
    socket = connection.sock
    status, answer = call(connection, "POST", "/wa/api/v1/template/msg", form("79123456789", "processbot"), **headers)
    assert status == 202
    events = [got.get(timeout=10)["payload"] for _ in range(3)]
    assert [e["type"] for e in events] == ["enqueued", "sent", "delivered"]
    assert events[1]["gsId"] == answer["messageId"]
    assert connection.sock is socket
    connection.close()


def test_a_dropped_answer_is_a_dead_connection_and_an_accepted_message(address):
    connection = http.client.HTTPConnection(address)
    headers = make_app(connection, "dropbot")
    call(connection, "POST", "/emulator/faults", {"app": "dropbot", "next": ["drop_after_accept"]})
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        call(connection, "POST", "/wa/api/v1/template/msg", form("79123456789", "dropbot"), **headers)
    connection.close()
    assert len(call(connection, "GET", "/emulator/messages?app=dropbot")[1]["messages"]) == 1
    connection.close()


def test_many_connections_at_once_lose_nothing(address):
    first = http.client.HTTPConnection(address)
    headers = make_app(first, "crowdbot")
    call(first, "POST", "/emulator/faults", {"app": "crowdbot", "latency_ms": 50})
    ids: list[str] = []

    def work(worker: int) -> None:
        connection = http.client.HTTPConnection(address)
        for turn in range(10):
            body = form(f"7912{worker:04}{turn:03}", "crowdbot")
            ids.append(call(connection, "POST", "/wa/api/v1/template/msg", body, **headers)[1]["messageId"])
        connection.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    listed = [m["id"] for m in call(first, "GET", "/emulator/messages?app=crowdbot")[1]["messages"]]
    first.close()
    assert len(listed) == len(set(listed)) == 400
    assert set(listed) == set(ids)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
    ],
)
def test_what_is_not_http_as_spoken_here_is_refused(address, request_bytes, status):
    connection = http.client.HTTPConnection(address)
    connection.connect()
    connection.sock.sendall(request_bytes)
    answer = http.client.HTTPResponse(connection.sock)
    answer.begin()
    assert answer.status == status
    answer.close()
    connection.close()


def test_a_slow_endpoint_does_not_hold_up_the_events_of_another_app():
    from gupshup.emulator import create_emulator, emulator_of
    from gupshup.emulator.runner import Runner

    held, fast = threading.Event(), threading.Event()

    def post(url: str, body: dict[str, Any]) -> int:
        if url.endswith("slow"):
            held.wait(10)
        else:
            fast.set()
        return 200

    app = create_emulator(post=post)
    emulator = emulator_of(app)
    runner = Runner(emulator)
    runner.start()
    for name in ("slowbot", "fastbot"):
        made = emulator.accounts.create(
            {"app_name": name, "phone": "79990001122", "webhook_url": f"https://waba.example.org/{name[:4]}"}
        )
        emulator.emit(made, "account-event", {"type": "tier-event"})
        emulator.emit(made, "account-event", {"type": "tier-event"})
    assert fast.wait(10)
    held.set()
    runner.stop()
