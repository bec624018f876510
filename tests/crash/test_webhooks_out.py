"""Webhooks out while everything is killed with -9: every event arrives, signed, and each message's in their order.

The receiver is the Standard Webhooks library behind a real socket; now and then it refuses. `make crash` plays 1,000
events and kills three times; CRASH_EVENTS=1000 does the same alone.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy import func, select
from standardwebhooks import Webhook

from messaging.callbacks import endpoints
from messaging.callbacks.endpoints import Wanted
from messaging.runs.statuses import RANK
from messaging.store.callbacks import Callback, CallbackState
from messaging.store.models import Line, Message
from tests.crash.processes import kill, until
from tests.crash.rig import Shop, Town
from tests.crash.test_crashes import TOWNS

EVENTS = int(os.environ.get("CRASH_EVENTS", 1000 if "CRASH_CALLS" in os.environ else 60))
#: When everything is killed, as shares of the events that were told: each time a dead worker's leases have to run out first.
KILLS = (0.2, 0.5, 0.8) if EVENTS >= 1000 else (0.5,)
#: Statuses of one message: accepted, sent, delivered.
EACH = 3
#: Every so manieth request is refused, or never answered.
REFUSED, SILENT = 37, 101


class Receiver:
    """A customer's system on a socket of its own."""

    def __init__(self) -> None:
        self.secret = ""
        self.requests: list[tuple[str, dict[str, Any], bool]] = []
        self.problems: list[str] = []
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver.take(self)

            def log_message(self, *args: Any) -> None:
                """Quiet."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        try:
            event = Webhook(self.secret).verify(body, dict(request.headers.items()))
        except Exception as error:
            self.problems.append(repr(error))
            event = json.loads(body)
        with self._lock:
            number = len(self.requests) + 1
            taken = number % REFUSED != 0 and number % SILENT != 0
            self.requests.append((request.headers["webhook-id"], event, taken))
        if number % SILENT == 0:
            request.close_connection = True  # hangs up after it has read everything: nobody knows whether it took it
            return
        request.send_response(200 if taken else 500)
        request.send_header("Content-Length", "0")
        request.end_headers()

    def arrived(self) -> dict[str, dict[str, Any]]:
        """Events by their id, those that were taken, in the order in which each came first."""
        with self._lock:
            found: dict[str, dict[str, Any]] = {}
            for key, event, taken in self.requests:
                if taken:
                    found.setdefault(key, event)
            return found

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A killed worker hangs up: nothing to tell."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def listen(town: Town, shop: Shop, receiver: Receiver) -> None:
    with town.runtime.db.read() as session:
        portal_id = session.get_one(Line, shop.line_id).portal_id
    receiver.secret = endpoints.make(town.runtime, portal_id, Wanted(receiver.url, ["message.status"])).secret


@pytest.mark.parametrize("where", TOWNS)
def test_no_event_is_lost_under_kill_9(where: str, receiver: Receiver, request: pytest.FixtureRequest) -> None:
    town: Town = request.getfixturevalue(where)
    top = town.serve()
    shop = town.open_shop(pace=40)
    town.gupshup_faults(retries=50)
    listen(town, shop, receiver)
    begun = time.monotonic()
    calls = max(4, EVENTS // EACH)
    town.calls(shop, calls, clients=calls)
    limit_s = 60 + EVENTS / 4
    for share in KILLS:
        until(f"{share:.0%} told", lambda share=share: len(receiver.arrived()) >= share * calls * EACH, limit_s)
        for pid in top.family():
            kill(pid)
        top.destroy()
        top = town.serve()
    until("everything is delivered", lambda: is_over(town, calls, receiver), limit_s, 0.3)

    arrived = receiver.arrived()
    assert receiver.problems == [], "every request, whenever it was tried, is signed and in time"
    told: defaultdict[str, list[str]] = defaultdict(list)
    for event in arrived.values():
        told[event["data"]["id"]].append(event["data"]["status"])
    assert len(told) == calls
    for statuses in told.values():
        ranks = [RANK[status] for status in statuses]
        assert ranks == sorted(ranks), "the events of a message came in their order"
    requests = Counter(key for key, _, _ in receiver.requests)
    print(
        f"\n{where}: {len(arrived)} events of {calls} messages in {time.monotonic() - begun:.0f} s, "
        f"{requests.total() - len(requests)} told again"
    )


def is_over(town: Town, calls: int, receiver: Receiver) -> bool:
    """Every message is delivered, and every event that was written is taken."""
    with town.runtime.db.read() as session:
        messages = Counter(session.scalars(select(Message.status)))
        done = (Callback.state == CallbackState.DONE) & (Callback.attempts > 0)
        left = session.scalar(select(func.count()).select_from(Callback).where(~done))
        keys = set(session.scalars(select(Callback.key)))
    late = messages["sending"] + messages["queued"] + messages["accepted"] + messages["sent"]
    if late or messages.total() < calls or left:
        hasten(town)
        return False
    assert keys == set(receiver.arrived()), "what is done was taken, and nothing else came"
    return True


def hasten(town: Town) -> None:
    """A refused event comes again after 5 s, and if refused twice after 5 minutes: not in a test."""
    with town.runtime.db.write() as session:
        waiting = session.scalars(select(Callback).where(Callback.state == CallbackState.WAITING)).all()
        for one in waiting:
            one.due_at = min(one.due_at, town.runtime.clock())
        for endpoint in {one.endpoint_id for one in waiting}:
            row = session.get_one(endpoints.Endpoint, endpoint)
            row.due_at = town.runtime.clock()
