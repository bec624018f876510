"""Hands TCP connections on: the roads between two machines of the crash tests, and the load balancer before them.

    python -m tests.crash.relay '{"127.0.0.1:5432": ["/folder/.s.PGSQL.5432"], "127.0.0.1:80": ["10.0.0.2:80", "10.0.0.6:80"]}'

Each connection to a left address goes to one of the right ones in turn: the first that takes it within a second.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import Iterable
from contextlib import suppress

CONNECT_S = 1.0


async def serve(roads: dict[str, list[str]]) -> None:
    """Relay until the process is killed."""
    for at, ends in roads.items():
        host, _, port = at.rpartition(":")
        await asyncio.start_server(_Road(ends).carry, host, int(port))
    print("ready", flush=True)
    await asyncio.Event().wait()


class _Road:
    def __init__(self, ends: list[str]) -> None:
        self._ends = ends
        self._turn = itertools.count()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = next(self._turn)
        for step in range(len(self._ends)):
            with suppress(OSError, TimeoutError):
                far = await asyncio.wait_for(_connect(self._ends[(first + step) % len(self._ends)]), CONNECT_S)
                await _both_ways(reader, writer, *far)
                return
        writer.close()


async def _connect(end: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if end.startswith("/"):
        return await asyncio.open_unix_connection(end)
    host, _, port = end.rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def _both_ways(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    far_reader: asyncio.StreamReader,
    far_writer: asyncio.StreamWriter,
) -> None:
    """When one side has ended, so has the other."""
    ways = [asyncio.create_task(_pump(reader, far_writer)), asyncio.create_task(_pump(far_reader, writer))]
    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    _close([writer, far_writer])


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await source.read(65536):
            sink.write(piece)
            await sink.drain()


def _close(writers: Iterable[asyncio.StreamWriter]) -> None:
    for writer in writers:
        with suppress(OSError):
            writer.close()


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])))
