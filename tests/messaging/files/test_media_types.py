"""What a file is, by its bytes."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.files import media_types
from messaging.files.media_types import Content, described, examine, named, sniff
from tests.support import samples
from tests.support.samples import box, id3, jpeg, mp4, ogg, opus, png

OOXML = "application/vnd.openxmlformats-officedocument."
UNKNOWN = "application/octet-stream"

KINDS = {
    "jpeg": (jpeg(), "image/jpeg", "image"),
    "jpeg, grey": (jpeg(components=1), "image/jpeg", "image"),
    "jpeg with a thumbnail before": (jpeg(before=4000), "image/jpeg", "image"),
    "jpeg cut off after two bytes": (b"\xff\xd8\xff\xe0", "image/jpeg", "image"),
    "png rgb": (png(), "image/png", "image"),
    "png rgba": (png(colour=6), "image/png", "image"),
    "gif": (samples.GIF, "image/gif", "document"),
    "webp": (samples.WEBP, "image/webp", "document"),
    "heic": (box(b"ftyp", b"heic", b"\0" * 4), "image/heic", "document"),
    "avif": (box(b"ftyp", b"avif", b"\0" * 4), "image/avif", "document"),
    "mp4": (mp4(), "video/mp4", "video"),
    "mp4 without sound": (mp4(audio=()), "video/mp4", "video"),
    "mp4, avc3": (mp4(video=("avc3",)), "video/mp4", "video"),
    "3gp": (mp4(brand=b"3gp5"), "video/3gpp", "video"),
    "mov": (mp4(brand=b"qt  "), "video/quicktime", "document"),
    "m4a by its brand": (mp4(video=(), brand=b"M4A "), "audio/mp4", "audio"),
    "m4a with a cover as a track": (mp4(video=("jpeg",), brand=b"M4A "), "audio/mp4", "audio"),
    "sound alone in an mp4": (mp4(video=()), "audio/mp4", "audio"),
    "3gp with sound alone": (mp4(video=(), brand=b"3gp4"), "audio/3gpp", "document"),
    "webm": (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm" + b"\0" * 40, "video/webm", "document"),
    "mkv": (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska" + b"\0" * 40, "video/x-matroska", "document"),
    "avi": (b"RIFF\0\0\0\0AVI LIST", "video/x-msvideo", "document"),
    "opus": (opus(), "audio/ogg", "audio"),
    "theora": (ogg(b"\x80theora" + b"\0" * 30), "video/ogg", "document"),
    "mp3": (samples.mp3(), "audio/mpeg", "audio"),
    "mp3, one frame": (samples.mp3(1), "audio/mpeg", "audio"),
    "mp3 with id3": (id3(samples.mp3()), "audio/mpeg", "audio"),
    "aac": (samples.adts(), "audio/aac", "audio"),
    "aac with id3": (id3(samples.adts()), "audio/aac", "audio"),
    "amr": (b"#!AMR\n" + b"\x3c" * 32, "audio/amr", "audio"),
    "amr wide band": (b"#!AMR-WB\n" + b"\x3c" * 32, "audio/amr-wb", "document"),
    "wav": (b"RIFF\0\0\0\0WAVEfmt ", "audio/x-wav", "document"),
    "flac": (b"fLaC\0\0\0\x22", "audio/flac", "document"),
    "pdf": (samples.PDF, "application/pdf", "document"),
    "pdf behind a mark": (b"\xef\xbb\xbf\n" + samples.PDF, "application/pdf", "document"),
    "docx": (samples.office("word/document.xml"), OOXML + "wordprocessingml.document", "document"),
    "xlsx": (samples.office("xl/workbook.xml"), OOXML + "spreadsheetml.sheet", "document"),
    "pptx": (samples.office("ppt/presentation.xml"), OOXML + "presentationml.presentation", "document"),
    "odt": (
        samples.opendocument("application/vnd.oasis.opendocument.text"),
        "application/vnd.oasis.opendocument.text",
        "document",
    ),
    "zip": (samples.zipped("a.txt", "b.txt"), "application/zip", "document"),
    "doc": (samples.ole("WordDocument"), "application/msword", "document"),
    "xls": (samples.ole("Workbook"), "application/vnd.ms-excel", "document"),
    "ppt": (samples.ole("PowerPoint Document"), "application/vnd.ms-powerpoint", "document"),
    "msg": (samples.ole("__properties"), "application/x-ole-storage", "document"),
    "rtf": (b"{\\rtf1\\ansi}", "application/rtf", "document"),
    "7z": (b"7z\xbc\xaf\x27\x1c\0\4", "application/x-7z-compressed", "document"),
    "rar": (b"Rar!\x1a\x07\x01\0", "application/vnd.rar", "document"),
    "gzip": (b"\x1f\x8b\x08\0\0\0\0\0", "application/gzip", "document"),
    "text": ("Прайс\n1;2\n".encode(), "text/plain", "document"),
    "text of old Windows": ("Прайс;цена\r\n".encode("cp1251"), "text/plain", "document"),
    "text in UTF-16, whose mark looks like MP3": ("Прайс".encode("utf-16"), "text/plain", "document"),
    "html": (b"<!DOCTYPE html><p>hi", "text/html", "document"),
    "html behind a comment": (b"  <!-- x --><html><body>", "text/html", "document"),
    "svg": (b'<?xml version="1.0"?><svg onload="x">', "image/svg+xml", "document"),
    "xml": (b'<?xml version="1.0"?><order/>', "application/xml", "document"),
    "bytes": (bytes(range(256)), UNKNOWN, "document"),
    "nothing": (b"", UNKNOWN, "document"),
}

FLAWS = {
    "png of 16 bits": (png(depth=16), "image/png", "16 bits"),
    "jpeg in cmyk": (jpeg(components=4), "image/jpeg", "CMYK"),
    "jpeg of 12 bits": (jpeg(depth=12, before=400), "image/jpeg", "8 bits"),
    "hevc": (mp4(video=("hvc1",)), "video/mp4", "HEVC"),
    "hevc, the other name": (mp4(video=("hev1",)), "video/mp4", "HEVC"),
    "av1": (mp4(video=("av01",)), "video/mp4", "AV1"),
    "old mpeg-4": (mp4(video=("mp4v",)), "video/mp4", "MPEG-4 Visual"),
    "h263 in 3gp": (mp4(video=("s263",), brand=b"3gp4"), "video/3gpp", "s263"),
    "ac3 sound": (mp4(audio=("ac-3",)), "video/mp4", "ac-3"),
    "two sound tracks": (mp4(audio=("mp4a", "mp4a")), "video/mp4", "2 sound tracks"),
    "one good picture, one bad": (mp4(video=("avc1", "hvc1")), "video/mp4", "HEVC"),
    "encrypted": (mp4(video=("encv",)), "video/mp4", "encv"),
    "no moov": (mp4()[:100], "video/mp4", "damaged"),
    "no tracks": (mp4(video=(), audio=()), "video/mp4", "damaged"),
    "alac": (mp4(video=(), audio=("alac",), brand=b"M4A "), "audio/mp4", "alac"),
    "vorbis": (ogg(b"\x01vorbis" + b"\0" * 23), "audio/ogg", "vorbis"),
    "flac in ogg": (ogg(b"\x7fFLAC" + b"\0" * 23), "audio/ogg", "flac"),
    "ogg of nobody knows what": (ogg(b"\0" * 30), "audio/ogg", "?"),
    "stereo opus": (opus(channels=2), "audio/ogg", "2 channels"),
}


def _file(folder: Path, content: bytes) -> Path:
    path = folder / "file"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("case", KINDS)
def test_the_content_tells_the_kind(case: str, tmp_path: Path) -> None:
    content, mime, media = KINDS[case]
    found = examine(_file(tmp_path, content))
    assert (found.mime, found.media, found.flaw) == (mime, media, None)
    assert sniff(tmp_path / "file") == mime


@pytest.mark.parametrize("case", FLAWS)
def test_what_whatsapp_would_refuse_is_a_document_and_says_why(case: str, tmp_path: Path) -> None:
    content, mime, words = FLAWS[case]
    found = examine(_file(tmp_path, content))
    assert (found.mime, found.media) == (mime, "document")
    assert found.flaw is not None
    assert words in found.flaw.en
    assert found.flaw.ru != found.flaw.en
    assert "{" not in found.flaw.en + found.flaw.ru


def _hostile() -> dict[str, bytes]:
    start = box(b"ftyp", b"isom", b"\0\0\2\0")
    endless = box(b"free") * 5000
    return {
        "a box longer than the file": start + struct.pack(">I4s", 2**31, b"moov"),
        "a box of no length inside": start + box(b"moov", struct.pack(">I4s", 3, b"trak")),
        "a 64-bit length that overflows": start + struct.pack(">I4sQ", 1, b"moov", 2**64 - 1),
        "a million boxes": start + endless + box(b"moov", endless),
        "an entry list without entries": start
        + box(b"moov", box(b"trak", box(b"mdia", box(b"hdlr"), box(b"minf", box(b"stbl", box(b"stsd")))))),
        "a sector beyond the end": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\xff" * 600,
        "an id3 tag longer than the file": b"ID3\4\0\0\x7f\x7f\x7f\x7f",
        "a jpeg of fill bytes": b"\xff\xd8" + b"\xff" * 3000,
    }


@pytest.mark.parametrize("case", _hostile())
def test_a_hostile_file_is_only_looked_at(case: str, tmp_path: Path) -> None:
    assert examine(_file(tmp_path, _hostile()[case])).mime


@given(
    kind=st.sampled_from(sorted(KINDS) + sorted(FLAWS)),
    cut=st.integers(0, 600),
    at=st.integers(0, 400),
    byte=st.integers(0, 255),
)
def test_cut_and_altered_files_raise_nothing(
    kind: str, cut: int, at: int, byte: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray((KINDS.get(kind) or FLAWS[kind])[0])[: cut or None]
    if at < len(content):
        content[at] = byte
    assert examine(_file(tmp_path_factory.getbasetemp(), bytes(content))).mime


@pytest.mark.parametrize(
    ("name", "mime", "shown"),
    [
        ("Договор.pdf", "application/pdf", "Договор.pdf"),
        ("Договор", "application/pdf", "Договор.pdf"),
        ("download.php", "application/pdf", "download.pdf"),
        ("photo.png", "image/jpeg", "photo.jpg"),
        ("photo.JPEG", "image/jpeg", "photo.JPEG"),
        ("Отчёт v1.2", "application/pdf", "Отчёт v1.2.pdf"),
        ("заметка", "text/plain", "заметка.txt"),
        ("прайс.csv", "text/plain", "прайс.csv"),
        ("чертёж.dwg", "application/octet-stream", "чертёж.dwg"),
        ("../../etc/passwd", "application/octet-stream", "etc_passwd"),
        ("a\r\nSet-Cookie: x", "application/pdf", "a_Set-Cookie_ x.pdf"),
        ("гвозди\u202efdp.exe", "application/octet-stream", "гвозди_fdp.exe"),
        ("", "image/png", "file.png"),
        ("...", "image/png", "file.png"),
    ],
)
def test_a_name_is_safe_and_fits_the_content(name: str, mime: str, shown: str) -> None:
    assert named(name, Content(mime)) == shown


def test_a_long_name_keeps_its_extension() -> None:
    shown = named("я" * 400 + ".pdf", Content("application/pdf"))
    assert len(shown) == 240
    assert shown.endswith("я.pdf")


@pytest.mark.parametrize(
    ("mime", "name", "served"),
    [
        ("image/png", "evil.html", "image/png"),
        ("text/plain", "price.csv", "text/csv"),
        ("text/plain", "page.html", UNKNOWN),
        ("text/plain", "code.js", UNKNOWN),
        ("text/plain", "photo.png", "text/plain"),
        (UNKNOWN, "photo.png", UNKNOWN),
        (UNKNOWN, "letter.pdf", "application/pdf"),
        (UNKNOWN, "page.xhtml", UNKNOWN),
        ("text/html", "page.html", UNKNOWN),
        ("image/svg+xml", "logo.svg", UNKNOWN),
        ("application/xml", "order.xml", UNKNOWN),
    ],
)
def test_nothing_that_runs_is_served_by_its_name(mime: str, name: str, served: str) -> None:
    assert described(Content(mime), name) == served


def test_each_type_whatsapp_takes_has_an_extension() -> None:
    taken = {mime for types in media_types.limits.CONTENT_TYPES.values() for mime in types}
    assert taken <= set(media_types.EXTENSIONS)
