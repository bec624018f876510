"""One HTTP request on a connection of its own, written by hand: an attacker's is often not what a library would send."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

LIMIT_S = 60.0
FORM = "application/x-www-form-urlencoded"
NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True)
class Reply:
    """status 0: the connection broke, or there was no answer in time. seconds: from connecting to the last byte."""

    status: int
    seconds: float
    body: bytes = field(default=b"", repr=False)


def head(
    verb: str, url: str, length: int | None = None, kind: str = FORM, headers: Mapping[str, str] = NO_HEADERS
) -> bytes:
    """The head of a request. length: of the body, None if there is none."""
    parts = urlsplit(url)
    lines = [f"{verb} {parts.path}{'?' + parts.query if parts.query else ''} HTTP/1.1", f"Host: {parts.netloc}"]
    if length is not None:
        lines += [f"Content-Type: {kind}", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode()


def post(url: str, body: bytes, kind: str = FORM, headers: Mapping[str, str] = NO_HEADERS) -> list[bytes]:
    """A whole POST."""
    return [head("POST", url, len(body), kind, headers), body]


def get(url: str, headers: Mapping[str, str] = NO_HEADERS) -> list[bytes]:
    """A whole GET."""
    return [head("GET", url, headers=headers)]


async def ask(url: str, pieces: Iterable[bytes], limit_s: float = LIMIT_S) -> Reply:
    """Send the pieces one after the other to the server of `url`, and read its answer. Never raises for what it does."""
    begun = time.perf_counter()
    answer = b""
    with suppress(OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout(limit_s):
            answer = await _exchange(url, pieces)
    head_, _, body = answer.partition(b"\r\n\r\n")
    status = int(head_[9:12]) if head_.startswith(b"HTTP/1.") and head_[9:12].isdigit() else 0
    return Reply(status, time.perf_counter() - begun, body)


async def _exchange(url: str, pieces: Iterable[bytes]) -> bytes:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        with suppress(ConnectionError):  # refused in the middle of the body: the answer may be there all the same
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
        return await reader.read(-1)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
