"""The files of a spool: entries one after the other, each of which can be found and checked by itself.

    header:  mark (4 bytes)  order (8)  arrival (8, microseconds since 1970)  length (4)  CRC-32 of the content (4)
             CRC-32 of all this (4)
    content: so many bytes, encrypted

The arrival is what the clock showed. The order tells which of two entries came first, even if the clock was set back meanwhile.

What the disk has damaged is passed over, up to the next whole entry. That is no guesswork: no encrypted content holds the mark,
and the header's checksum confirms it. A process that dies while it writes leaves a header with too little content, or part of
a header, at the end of its file; its caller was never answered 200.
"""

import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, NamedTuple

ENDING = ".spool"
#: Encrypted content is of letters, digits, "-", "_" and "=".
MARK = b"\xffW24"
_FIELDS = struct.Struct(">4sQQII")
_CHECKSUM = struct.Struct(">I")
_HEADER_BYTES = _FIELDS.size + _CHECKSUM.size
#: Bytes of a file that are searched at once, and that one damaged entry holds at most.
_STRETCH = 1024 * 1024
_EPOCH, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """One entry. end: the offset behind it in its file. order: greater than that of each entry before it. content: encrypted.

    is_intact: False if the content is damaged; or if the header is: then `content` is whatever stands there, and `order` and
    `at` are those of the entry before.
    """

    path: Path
    end: int
    order: int
    at: datetime
    content: bytes
    is_intact: bool


class _Header(NamedTuple):
    order: int
    at: datetime
    length: int
    checksum: int


def encoded(order: int, at: datetime, content: bytes) -> bytes:
    """The bytes of an entry. at: when it arrived."""
    fields = _FIELDS.pack(MARK, order, microseconds(at), len(content), zlib.crc32(content))
    return fields + _CHECKSUM.pack(zlib.crc32(fields)) + content


def microseconds(at: datetime) -> int:
    """Since 1970."""
    return (at - _EPOCH) // timedelta(microseconds=1)


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
    """The entries of a file from an offset on, up to the last that is whole; damaged ones among them."""
    order, at = 0, _EPOCH
    with path.open("rb") as file:
        for offset, end, header in _pieces(file, start):
            file.seek(offset + (_HEADER_BYTES if header else 0))
            content = file.read(header.length if header else end - offset)
            order, at = (header.order, header.at) if header else (order, at)
            yield Entry(path, end, order, at, content, header is not None and header.checksum == zlib.crc32(content))


def rest(path: Path, start: int) -> Iterator[Entry]:
    """What follows the last whole entry of a file, as damaged entries."""
    with path.open("rb") as file:
        for offset, end in _stretches(start, _size(file)):
            file.seek(offset)
            yield Entry(path, end, 0, _EPOCH, file.read(end - offset), is_intact=False)


def is_torn(path: Path, start: int) -> bool:
    """Whether what follows the last whole entry of a file was broken off while it was written; or else it is damaged."""
    with path.open("rb") as file:
        file.seek(start)
        beginning = file.read(_HEADER_BYTES)
    return len(beginning) < _HEADER_BYTES or _parsed(beginning) is not None


def count(path: Path, start: int) -> tuple[int, int]:
    """How many entries follow an offset, and the offset behind them. Reads their headers only."""
    number, behind = 0, start
    with path.open("rb") as file:
        for _, end, _ in _pieces(file, start):
            number, behind = number + 1, end
    return number, behind


def first_arrival(path: Path, start: int) -> datetime | None:
    """When the first whole entry behind an offset arrived; None: there is none."""
    with path.open("rb") as file:
        return next((header.at for _, _, header in _pieces(file, start) if header), None)


def _pieces(file: IO[bytes], start: int) -> Iterator[tuple[int, int, _Header | None]]:
    """Where each entry of a file begins and ends, with its header; None: a stretch of damage between two entries."""
    size, offset = _size(file), start
    while offset < size:
        header = _whole(file, offset, size)
        if header is not None:
            end = offset + _HEADER_BYTES + header.length
            yield offset, end, header
        else:
            end = _next_whole(file, offset + 1, size)
            if end == size:
                return
            for beginning, behind in _stretches(offset, end):
                yield beginning, behind, None
        offset = end


def _whole(file: IO[bytes], offset: int, size: int) -> _Header | None:
    """The header at an offset, if the entry's content is there, too."""
    file.seek(offset)
    header = _parsed(file.read(_HEADER_BYTES))
    return header if header is not None and offset + _HEADER_BYTES + header.length <= size else None


def _next_whole(file: IO[bytes], start: int, size: int) -> int:
    """Where the next whole entry begins; `size` if there is none."""
    for offset, end in _stretches(start, size):
        file.seek(offset)
        stretch = file.read(end - offset + len(MARK) - 1)
        at = stretch.find(MARK)
        while at >= 0:
            if _whole(file, offset + at, size):
                return offset + at
            at = stretch.find(MARK, at + 1)
    return size


def _parsed(header: bytes) -> _Header | None:
    if len(header) < _HEADER_BYTES:
        return None
    mark, order, arrival, length, checksum = _FIELDS.unpack_from(header)
    (expected,) = _CHECKSUM.unpack_from(header, _FIELDS.size)
    if mark != MARK or expected != zlib.crc32(header[: _FIELDS.size]) or arrival > microseconds(LATEST):
        return None
    return _Header(order, _EPOCH + timedelta(microseconds=arrival), length, checksum)


def _stretches(start: int, end: int) -> Iterator[tuple[int, int]]:
    for offset in range(start, end, _STRETCH):
        yield offset, min(offset + _STRETCH, end)


def _size(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_size
