"""Tiny files of every kind, made of bytes: enough for whoever looks at their structure."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib


def png(depth: int = 8, colour: int = 2) -> bytes:
    """One pixel. colour: 0 grey, 2 RGB, 3 palette, 6 RGBA."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, depth, colour, 0, 0, 0)
    pixels = zlib.compress(b"\0" * (1 + depth // 8 * {0: 1, 2: 3, 3: 1, 6: 4}[colour]))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def jpeg(components: int = 3, depth: int = 8, before: int = 0) -> bytes:
    """The headers of a JPEG. before: how many bytes of an application segment (a thumbnail, say) come first."""
    segments = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\0\1\1\0\0\1\0\1\0\0"
    if before:
        segments += b"\xff\xe1" + struct.pack(">H", before + 2) + b"\xff\xc0" * (before // 2)
    frame = struct.pack(">BHHB", depth, 1, 1, components) + b"\1\x11\0" * components
    return b"\xff\xd8" + segments + b"\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame + b"\xff\xd9"


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I", 8 + len(body)) + kind + body


def track(handler: bytes, codec: bytes) -> bytes:
    head = box(b"hdlr", b"\0" * 8, handler, b"\0" * 12)
    entries = box(b"stsd", struct.pack(">II", 0, 1), box(codec, b"\0" * 28))
    return box(b"trak", box(b"tkhd", b"\0" * 84), box(b"mdia", head, box(b"minf", box(b"stbl", entries))))


def mp4(video: tuple[str, ...] = ("avc1",), audio: tuple[str, ...] = ("mp4a",), brand: bytes = b"isom") -> bytes:
    """Without samples; `moov` stands at the end, behind the data, as cameras write it."""
    traks = [track(b"vide", codec.encode()) for codec in video] + [track(b"soun", codec.encode()) for codec in audio]
    start = box(b"ftyp", brand, b"\0\0\2\0", b"isomiso2")
    return start + box(b"mdat", b"\0" * 64) + box(b"moov", box(b"mvhd", b"\0" * 100), *traks)


def ogg(packet: bytes) -> bytes:
    return b"OggS" + b"\0\2" + b"\0" * 20 + bytes([1, len(packet)]) + packet


def opus(channels: int = 1) -> bytes:
    return ogg(b"OpusHead\1" + bytes([channels]) + struct.pack("<HIh", 312, 48000, 0) + b"\0")


def mp3(frames: int = 3) -> bytes:
    """MPEG 1 layer III, 128 kbit/s, 44.1 kHz: 417 bytes a frame."""
    return (b"\xff\xfb\x90\x00" + b"\0" * 413) * frames


def id3(inner: bytes) -> bytes:
    return b"ID3\4\0\0" + bytes([0, 0, 1, 0]) + b"\0" * 128 + inner


def adts(frames: int = 3) -> bytes:
    length = 32
    head = bytes([0xFF, 0xF1, 0x50, 0x80 | length >> 11, length >> 3 & 0xFF, (length & 7) << 5 | 0x1F, 0xFC])
    return (head + b"\0" * (length - 7)) * frames


def zipped(*names: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, f"content of {name} " * 20)
    return target.getvalue()


def office(name: str) -> bytes:
    return zipped("[Content_Types].xml", "_rels/.rels", name)


def opendocument(mime: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("mimetype", mime, zipfile.ZIP_STORED)
        archive.writestr("content.xml", "<office/>")
    return target.getvalue()


def ole(stream: str) -> bytes:
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 22 + struct.pack("<H", 9) + b"\0" * 16 + struct.pack("<I", 0)
    entries = b"".join(name.encode("utf-16-le").ljust(128, b"\0") for name in ("Root Entry", stream))
    return header.ljust(512, b"\0") + entries.ljust(1024, b"\0")


PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
GIF = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\4\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
WEBP = b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0/\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0"
