"""What is inside the container formats: tracks of an MP4, the codec of an Ogg, the kind of an office document.

All of it reads files that strangers made: every loop is bounded, every offset checked, nothing is read whole.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

MAX_BOXES = 1_000
MAX_TRACKS = 40
_OFFICE = re.compile(rb"word/document\.xml|xl/workbook\.(?:xml|bin)|ppt/presentation\.xml")
_OFFICE_MIME = {
    b"w": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    b"x": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    b"p": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
_FIRST_ENTRY = re.compile(rb"mimetype(application/[a-zA-Z0-9.+-]{3,80})(?=PK|$)")
_OLE = {  # names of streams, UTF-16
    "WordDocument": "application/msword",
    "Workbook": "application/vnd.ms-excel",
    "Book": "application/vnd.ms-excel",
    "PowerPoint Document": "application/vnd.ms-powerpoint",
}


@dataclass(frozen=True)
class Tracks:
    """Codecs as the sample entries name them ("avc1", "hvc1", "mp4a"), one per track. known: there was a `moov`."""

    video: tuple[str, ...] = ()
    audio: tuple[str, ...] = ()
    known: bool = True


def brand(head: bytes) -> str:
    """The major brand of an ISO media file ("isom", "M4A ", "qt  "), "" if it is none."""
    return head[8:12].decode("latin-1") if head[4:8] == b"ftyp" else ""


def tracks(file: BinaryIO, size: int) -> Tracks:
    """The tracks of an ISO media file."""
    moov = next(((start, end) for kind, start, end in _boxes(file, 0, size) if kind == b"moov"), None)
    if moov is None:
        return Tracks(known=False)
    found: dict[bytes, list[str]] = {b"vide": [], b"soun": []}
    traks = [(start, end) for kind, start, end in _boxes(file, *moov) if kind == b"trak"]
    for start, end in traks[:MAX_TRACKS]:
        handler, codec = _track(file, start, end)
        if handler in found:
            found[handler].append(codec)
    return Tracks(tuple(found[b"vide"]), tuple(found[b"soun"]))


def _track(file: BinaryIO, start: int, end: int) -> tuple[bytes, str]:
    media = _inside(file, (start, end), b"mdia")
    header = _inside(file, media, b"hdlr")
    entries = _inside(file, _inside(file, _inside(file, media, b"minf"), b"stbl"), b"stsd")
    # hdlr: version and flags, predefined, handler. stsd: version and flags, count; then size and type of the first.
    return _at(file, header, 8), _at(file, entries, 12).decode("latin-1").strip()


def _inside(file: BinaryIO, outer: tuple[int, int] | None, wanted: bytes) -> tuple[int, int] | None:
    if outer is None:
        return None
    return next(((start, end) for kind, start, end in _boxes(file, *outer) if kind == wanted), None)


def _at(file: BinaryIO, box: tuple[int, int] | None, offset: int) -> bytes:
    if box is None or box[0] + offset + 4 > box[1]:
        return b""
    file.seek(box[0] + offset)
    return file.read(4)


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, start and end of the content) of each box; stops at the first that is malformed."""
    at = start
    for _ in range(MAX_BOXES):
        file.seek(at)
        head = file.read(16)
        if at + 8 > end or len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head[:8])
        body = at + 8
        if size == 1 and len(head) == 16:
            size, body = struct.unpack(">Q", head[8:])[0], at + 16
        elif size == 0:
            size = end - at
        if at + size < body or at + size > end:
            return
        yield kind, body, at + size
        at += size


def ogg(head: bytes) -> tuple[str, int]:
    """The first codec of an Ogg file ("opus", "vorbis", "theora" …; "" if unknown), and its channels (0 if unknown)."""
    if len(head) < 28:
        return "", 0
    packet = head[27 + head[26] :]
    if packet.startswith(b"OpusHead") and len(packet) > 9:
        return "opus", packet[9]
    names = {b"\x01vorbis": "vorbis", b"\x80theora": "theora", b"\x7fFLAC": "flac", b"Speex   ": "speex"}
    return next((name for magic, name in names.items() if packet.startswith(magic)), ""), 0


def zipped(file: BinaryIO, size: int) -> str:
    """The MIME type of a ZIP: an office document by the names in it, OpenDocument and EPUB by their first entry."""
    file.seek(0)
    head = file.read(8 * 1024)
    named = _FIRST_ENTRY.match(head[30:200])
    if named:
        return named[1].decode("ascii")
    # The list of contents stands at the end; reading it by rules would mean millions of entries of a hostile file.
    file.seek(max(0, size - 256 * 1024))
    found = _OFFICE.search(head) or _OFFICE.search(file.read(256 * 1024))
    return _OFFICE_MIME[found[0][:1]] if found else "application/zip"


def ole(file: BinaryIO) -> str:
    """The MIME type of an old office document, by the names in its first directory sector."""
    file.seek(0)
    header = file.read(52)
    if len(header) < 52:
        return "application/x-ole-storage"
    shift, sector = struct.unpack("<H", header[30:32])[0], struct.unpack("<I", header[48:52])[0]
    if shift not in (9, 12):
        return "application/x-ole-storage"
    file.seek((sector + 1) << shift)
    entries = file.read(1 << 12)
    names = [entries[at : at + 64].decode("utf-16-le", "replace").split("\0")[0] for at in range(0, len(entries), 128)]
    return next((_OLE[name] for name in names if name in _OLE), "application/x-ole-storage")
