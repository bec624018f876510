"""`python -m bench.stub`: a Gupshup that costs next to nothing, so that it is not what is measured.

Prints {"url": …} when it listens. Takes any POST as a message and answers 202 after 200 ms, as Gupshup does; keeps when
each arrived and to whom. Nothing is checked: strictness is the emulator's business (gupshup.emulator).

    POST /…                 202 {"status": "submitted", "messageId"} after the delay
    GET  /wa/app/…          one approved template, `order_ready` in Russian
    GET  /stub/count        {"accepted", "duplicates"}: duplicates = destinations seen before
    GET  /stub/arrivals     {"arrivals": [[destination, unix time], …]} since the last asking
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import time
import uuid
from itertools import count

DELAY_S = 0.2
TEMPLATE = {
    "id": "7c2a4f10-0000-4000-8000-000000000001",
    "elementName": "order_ready",
    "languageCode": "ru",
    "status": "APPROVED",
    "category": "UTILITY",
    "templateType": "TEXT",
    "data": "Здравствуйте, {{1}}! Заказ {{2}} готов.",
    "containerMeta": json.dumps({"data": "Здравствуйте, {{1}}! Заказ {{2}} готов.", "buttons": []}),
}


class Book:
    """What arrived."""

    def __init__(self) -> None:
        self.accepted = 0
        self.duplicates = 0
        self.arrivals: list[tuple[str, float]] = []
        self._known: set[str] = set()
        # As long as a real one, and cheaper than drawing each anew.
        self._tail = str(uuid.uuid4())[8:]
        self._numbers = count(1)

    def note(self, body: bytes) -> bytes:
        """Write a message down; its id."""
        start = body.find(b"destination=") + 12
        end = body.find(b"&", start)
        destination = body[start : end if end > 0 else len(body)].decode()
        self.accepted += 1
        self.duplicates += destination in self._known
        self._known.add(destination)
        self.arrivals.append((destination, time.time()))
        return f"{next(self._numbers):08x}{self._tail}".encode()

    def tell(self, path: bytes) -> dict[str, object]:
        if path == b"/stub/count":
            return {"accepted": self.accepted, "duplicates": self.duplicates}
        if path == b"/stub/arrivals":
            told, self.arrivals = self.arrivals, []
            return {"arrivals": told}
        return {"status": "success", "templates": [TEMPLATE]}


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, as far as our own clients speak it: one request at a time, Content-Length."""

    transport: asyncio.Transport

    def __init__(self, book: Book, loop: asyncio.AbstractEventLoop, delay_s: float) -> None:
        self.book, self.loop, self.delay_s = book, loop, delay_s
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = content_length(head)
        if len(body) < length:
            return
        self.buffer = body[length:]
        if head.startswith(b"POST"):
            message_id = self.book.note(body[:length])
            self.loop.call_later(self.delay_s, self._answer, b"202 Accepted", _SUBMITTED % message_id)
        else:
            told = self.book.tell(head.split(b" ", 2)[1])
            self._answer(b"200 OK", json.dumps(told).encode())

    def _answer(self, status: bytes, body: bytes) -> None:
        self.transport.write(_ANSWER % (status, len(body), body))


_SUBMITTED = b'{"status":"submitted","messageId":"%b"}'
_ANSWER = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"


def content_length(head: bytes) -> int:
    """From the head of a request or an answer; 0 if it does not say."""
    lower = head.lower()
    start = lower.find(b"\r\ncontent-length:")
    if start < 0:
        return 0
    start += 17
    end = lower.find(b"\r\n", start)
    return int(lower[start : end if end > 0 else len(lower)])


async def serve(delay_s: float = DELAY_S, port: int = 0) -> asyncio.Server:
    """Listen on loopback; `server.sockets[0].getsockname()[1]` is the port."""
    loop, book = asyncio.get_running_loop(), Book()
    return await loop.create_server(lambda: Connection(book, loop, delay_s), "127.0.0.1", port, backlog=1024)


async def _main(delay_s: float) -> None:
    server = await serve(delay_s)
    print(json.dumps({"url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"}), flush=True)
    await server.serve_forever()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.stub")
    parser.add_argument("--delay-ms", type=int, default=int(DELAY_S * 1000))
    gc.disable()  # it makes no cycles, and a collection would look like a slow Gupshup
    asyncio.run(_main(parser.parse_args().delay_ms / 1000))
    return 0


if __name__ == "__main__":
    sys.exit(main())
