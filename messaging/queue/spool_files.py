"""The files of a spool: entries one after the other, each with its length and a checksum.

    b"W24SPL1\\n", then for each entry:  arrival (8 bytes, microseconds since 1970)  length (4)  CRC-32 (4)  content, encrypted

A process that dies while it writes leaves part of an entry at the end of its file. Its length tells it from a whole one, so it
harms none of those before it. The checksum tells what the disk has damaged since.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

MAGIC = b"W24SPL1\n"
ENDING = ".spool"
_HEADER = struct.Struct(">QII")
_ARRIVAL = struct.Struct(">Q")
#: Bytes of one entry's content; no body that our doors take is as long when it is encrypted. A greater length is damage.
MAX_CONTENT = 16 * 1024 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True)
class Entry:
    """One entry. end: the offset behind it in its file. content: encrypted. is_intact: whether the checksum fits."""

    path: Path
    end: int
    at: datetime
    content: bytes
    is_intact: bool


def encoded(at: datetime, content: bytes) -> bytes:
    """The bytes of an entry. at: when it arrived."""
    arrival = (at - _EPOCH) // timedelta(microseconds=1)
    return _HEADER.pack(arrival, len(content), _checksum(arrival, content)) + content


def files_in(folder: Path) -> list[Path]:
    """The spool's files, the oldest first; none if there is no such folder."""
    return sorted(folder.glob(f"*{ENDING}"))


def size_of(files: Iterable[Path]) -> int:
    """Bytes of these files; those that are gone meanwhile count nothing."""
    size = 0
    for path in files:
        with suppress(FileNotFoundError):
            size += path.stat().st_size
    return size


def read(path: Path, start: int) -> Iterator[Entry]:
    """The whole entries of a file from an offset on (0: from its beginning), up to the first that is not complete."""
    for at, end, arrival, checksum, content in _walk(path, start, with_content=True):
        yield Entry(path, end, at, content, checksum == _checksum(arrival, content))


def count(path: Path, start: int) -> tuple[int, int]:
    """How many whole entries follow an offset, and the offset behind them. Reads their lengths only."""
    number, offset = 0, start
    for _, end, *_rest in _walk(path, start, with_content=False):
        number, offset = number + 1, end
    return number, offset


def first_arrival(path: Path, start: int) -> datetime | None:
    """When the first entry behind an offset arrived; None: there is none."""
    return next((at for at, *_rest in _walk(path, start, with_content=False)), None)


def is_damaged(path: Path, offset: int) -> bool:
    """Whether what follows an offset is no entry that was broken off, but something else."""
    with path.open("rb") as file:
        if offset == 0:
            return not MAGIC.startswith(file.read(len(MAGIC)))
        file.seek(offset)
        header = file.read(_HEADER.size)
    return len(header) == _HEADER.size and _HEADER.unpack(header)[1] > MAX_CONTENT


def _walk(path: Path, start: int, *, with_content: bool) -> Iterator[tuple[datetime, int, int, int, bytes]]:
    """Arrival, end, arrival as stored, checksum and content of each whole entry. Content is b"" unless asked for."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return
        end = max(start, len(MAGIC))
        file.seek(end)
        while len(header := file.read(_HEADER.size)) == _HEADER.size:
            arrival, length, checksum = _HEADER.unpack(header)
            end += _HEADER.size + length
            if length > MAX_CONTENT or end > size:
                return
            content = file.read(length) if with_content else b""
            if not with_content:
                file.seek(end)
            at = _EPOCH + timedelta(microseconds=arrival if arrival <= _LATEST else 0)  # later is damage
            yield at, end, arrival, checksum, content


def _checksum(arrival: int, content: bytes) -> int:
    return zlib.crc32(content, zlib.crc32(_ARRIVAL.pack(arrival)))
