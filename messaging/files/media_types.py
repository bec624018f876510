"""What a file is, by its content: neither its name nor the header it came with is asked.

Own, not `filetype` or `puremagic` (which know signatures and no more) nor `python-magic` (which needs a C library that
macOS lacks): what decides here is inside the containers, which codec a video has, how deep the colours of a PNG are.
Sources: Meta docs "Media" (supported media types), reference gupshup.md 2.5.
"""

import codecs
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from bx24.i18n import Text
from gupshup import limits
from messaging.files import containers

UNKNOWN = "application/octet-stream"
HEAD = 64 * 1024

EXTENSIONS: dict[str, tuple[str, ...]] = {
    "image/jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "image/png": (".png",),
    "image/webp": (".webp",),
    "image/gif": (".gif",),
    "image/heic": (".heic", ".heif"),
    "image/avif": (".avif",),
    "image/tiff": (".tif", ".tiff"),
    "image/svg+xml": (".svg",),
    "video/mp4": (".mp4", ".m4v"),
    "video/3gpp": (".3gp", ".3g2"),
    "video/quicktime": (".mov", ".qt"),
    "video/webm": (".webm",),
    "video/x-matroska": (".mkv",),
    "video/x-msvideo": (".avi",),
    "video/ogg": (".ogv",),
    "audio/mp4": (".m4a", ".m4b", ".mp4"),
    "audio/3gpp": (".3gp",),
    "audio/ogg": (".ogg", ".oga", ".opus"),
    "audio/mpeg": (".mp3",),
    "audio/aac": (".aac",),
    "audio/amr": (".amr",),
    "audio/amr-wb": (".awb",),
    "audio/x-wav": (".wav",),
    "audio/flac": (".flac",),
    "application/pdf": (".pdf",),
    "application/rtf": (".rtf",),
    "application/msword": (".doc", ".dot"),
    "application/vnd.ms-excel": (".xls", ".xlt"),
    "application/vnd.ms-powerpoint": (".ppt", ".pps"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": (".docx", ".docm", ".dotx"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": (".xlsx", ".xlsm", ".xlsb", ".xltx"),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": (".pptx", ".pptm", ".ppsx"),
    "application/vnd.oasis.opendocument.text": (".odt",),
    "application/vnd.oasis.opendocument.spreadsheet": (".ods",),
    "application/vnd.oasis.opendocument.presentation": (".odp",),
    "application/epub+zip": (".epub",),
    "application/x-7z-compressed": (".7z",),
    "application/vnd.rar": (".rar",),
    "application/gzip": (".gz", ".tgz"),
}
_KNOWN = {extension for known in EXTENSIONS.values() for extension in known}
# How a script that hands out files is called says nothing of the file.
_SCRIPTS = {".php", ".json", ".asp", ".aspx", ".ashx", ".jsp", ".cgi", ".html", ".htm", ".bin", ".tmp", ".download"}
# What a browser would run: never said aloud, whatever it is.
ACTIVE = ("text/html", "image/svg+xml", "application/xhtml+xml", "application/xml", "text/xml", "text/javascript")

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/x-wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"fLaC", "audio/flac"),
    (0, b"#!AMR\n", "audio/amr"),
    (0, b"#!AMR-WB\n", "audio/amr-wb"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"\x1f\x8b\x08", "application/gzip"),
)
_MARKUP = re.compile(rb"<(?:!doctype\s+html|html|head|body|script|iframe|title|meta)[\s>]", re.IGNORECASE)
_MP3_KBPS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)  # MPEG 1, layer III
_MP3_KBPS_LOW = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)  # MPEG 2 and 2.5
_MP3_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}

_CONVERT_VIDEO = Text(
    "convert it to MP4 with H.264 video and one AAC sound track",
    "переведите в MP4: видео H.264, одна дорожка звука AAC",
)
_CONVERT_AUDIO = Text(
    "convert it to MP3, M4A (AAC) or OGG (Opus, mono)", "переведите в MP3, M4A (AAC) или OGG (Opus, моно)"
)
_VIDEO_CODECS = ("avc1", "avc3")


@dataclass(frozen=True)
class Content:
    """What a file is. flaw: why WhatsApp would refuse it although the type is one of those it takes."""

    mime: str
    flaw: Text | None = None

    @property
    def media(self) -> str:
        """As what WhatsApp shows it: image, video, audio; everything else and everything flawed is a document."""
        return "document" if self.flaw else limits.media_of(self.mime)


def sniff(path: Path) -> str:
    """The MIME type of a file, by its content; application/octet-stream when it is none we know."""
    return examine(path).mime


def examine(path: Path) -> Content:
    """What a file is and whether WhatsApp would take it as that."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEAD)
        return (
            _picture(file, head) or _video(file, head, size) or _sound(file, head) or Content(_other(file, head, size))
        )


def _picture(file: BinaryIO, head: bytes) -> Content | None:
    if head.startswith(b"\xff\xd8\xff"):
        return Content("image/jpeg", _jpeg_flaw(file))
    if head.startswith(b"\x89PNG\r\n\x1a\n") and head[12:16] == b"IHDR" and len(head) > 25:
        deep = Text(
            "its colours have 16 bits, WhatsApp takes 8: save it as an ordinary PNG or JPEG",
            "глубина цвета 16 бит, WhatsApp принимает 8: сохраните как обычный PNG или JPEG",
        )
        return Content("image/png", deep if head[24] > 8 else None)
    return None


def _jpeg_flaw(file: BinaryIO) -> Text | None:
    """The first frame header tells the depth and the number of colours. Sizes of segments count themselves."""
    at = 2
    for _ in range(500):
        file.seek(at)
        head = file.read(10)
        if len(head) < 10 or head[0] != 0xFF:
            return None
        marker, length = head[1], int.from_bytes(head[2:4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            if head[4] == 8 and head[9] in (1, 3):
                return None
            return Text(
                "it is a JPEG for printing (CMYK or more than 8 bits): save it as an ordinary RGB JPEG",
                "это JPEG для печати (CMYK или больше 8 бит): сохраните как обычный JPEG в RGB",
            )
        if marker == 0xDA or (length < 2 and marker != 0xFF):
            return None
        at += 1 if marker == 0xFF else 2 + length
    return None


def _video(file: BinaryIO, head: bytes, size: int) -> Content | None:
    """Everything in the ISO container: MP4, 3GP, M4A, MOV, and pictures of phones."""
    brand = containers.brand(head)
    if not brand:
        return None
    if brand in ("heic", "heix", "hevc", "hevx", "heim", "heis", "mif1", "msf1"):
        return Content("image/heic")
    if brand in ("avif", "avis"):
        return Content("image/avif")
    if brand == "qt  ":
        return Content("video/quicktime")
    tracks = containers.tracks(file, size)
    is_3gp = brand.startswith("3g")
    if brand in ("M4A ", "M4B ", "M4P ") or (tracks.audio and not tracks.video):
        return Content("audio/3gpp" if is_3gp else "audio/mp4", _audio_flaw(tracks))
    return Content("video/3gpp" if is_3gp else "video/mp4", _video_flaw(tracks))


def _audio_flaw(tracks: containers.Tracks) -> Text | None:
    if tracks.audio == ("mp4a",):
        return None
    codec = ", ".join(tracks.audio) or "?"
    return Text(
        "its sound is {codec}, WhatsApp takes AAC in M4A: {do}", "звук — {codec}, в M4A WhatsApp принимает AAC: {do}"
    ).format(codec=codec, do=_CONVERT_AUDIO)


def _video_flaw(tracks: containers.Tracks) -> Text | None:
    if not tracks.known or not tracks.video:
        return Text(
            "the video is damaged or incomplete (it lists no video track): {do}",
            "видео повреждено или неполное (в нём нет видеодорожки): {do}",
        ).format(do=_CONVERT_VIDEO)
    wrong = [codec or "?" for codec in tracks.video if codec not in _VIDEO_CODECS]
    if wrong:
        return Text(
            "its picture is coded as {codec}, WhatsApp takes H.264: {do}",
            "картинка сжата кодеком {codec}, WhatsApp принимает H.264: {do}",
        ).format(codec=_codec_name(wrong[0]), do=_CONVERT_VIDEO)
    wrong = [codec or "?" for codec in tracks.audio if codec != "mp4a"]
    if wrong:
        return Text(
            "its sound is coded as {codec}, WhatsApp takes AAC: {do}",
            "звук сжат кодеком {codec}, WhatsApp принимает AAC: {do}",
        ).format(codec=wrong[0], do=_CONVERT_VIDEO)
    if len(tracks.audio) > 1:
        return Text(
            "it has {count} sound tracks, WhatsApp takes one: {do}",
            "в нём {count} звуковые дорожки, WhatsApp принимает одну: {do}",
        ).format(count=len(tracks.audio), do=_CONVERT_VIDEO)
    return None


def _codec_name(code: str) -> str:
    names = {"hvc1": "HEVC (H.265)", "hev1": "HEVC (H.265)", "av01": "AV1", "vp09": "VP9", "mp4v": "MPEG-4 Visual"}
    return names.get(code, code)


def _sound(file: BinaryIO, head: bytes) -> Content | None:
    if head.startswith(b"OggS"):
        return _ogg(head)
    if head.startswith(b"ID3") and len(head) >= 10:
        length = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        file.seek(10 + length)
        return Content(_frames(file.read(8 * 1024)) or "audio/mpeg")
    mime = _frames(head)
    return Content(mime) if mime else None


def _ogg(head: bytes) -> Content:
    codec, channels = containers.ogg(head)
    if codec == "theora":
        return Content("video/ogg")
    if codec != "opus":
        return Content(
            "audio/ogg",
            Text(
                "its sound is {codec}, WhatsApp takes Opus in OGG: {do}",
                "звук — {codec}, в OGG WhatsApp принимает только Opus: {do}",
            ).format(codec=codec or "?", do=_CONVERT_AUDIO),
        )
    stereo = Text(
        "it has {count} channels, WhatsApp takes mono: {do}", "в нём каналов: {count}, WhatsApp принимает моно: {do}"
    )
    return Content("audio/ogg", stereo.format(count=channels, do=_CONVERT_AUDIO) if channels > 1 else None)


def _frames(data: bytes) -> str:
    """MP3 or ADTS by two frame headers in a row: one alone is found in any text of UTF-16."""
    if len(data) < 7 or data[0] != 0xFF:
        return ""
    is_adts = data[1] & 0xF6 == 0xF0
    length = ((data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5) if is_adts else _mp3_length(data)
    if length < 7:
        return ""
    following = data[length : length + 2]
    if following and (len(following) < 2 or following[0] != 0xFF or (following[1] ^ data[1]) & 0xFE):
        return ""
    return "audio/aac" if is_adts else "audio/mpeg"


def _mp3_length(data: bytes) -> int:
    """Bytes of the first frame, 0 if it is none of layer III."""
    version, layer = data[1] >> 3 & 3, data[1] >> 1 & 3
    rate, frequency, padding = data[2] >> 4, data[2] >> 2 & 3, data[2] >> 1 & 1
    if data[1] & 0xE0 != 0xE0 or version == 1 or layer != 1 or rate in (0, 15) or frequency == 3:
        return 0
    if version == 3:
        return 144_000 * _MP3_KBPS[rate] // _MP3_HZ[version][frequency] + padding
    return 72_000 * _MP3_KBPS_LOW[rate] // _MP3_HZ[version][frequency] + padding


def _other(file: BinaryIO, head: bytes, size: int) -> str:
    if head.startswith(b"PK\x03\x04"):
        return containers.zipped(file, size)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return containers.ole(file)
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    for offset, magic, mime in _SIGNATURES:
        if head[offset : offset + len(magic)] == magic and (offset == 0 or head.startswith(b"RIFF")):
            return mime
    if b"%PDF-" in head[:1024]:
        return "application/pdf"
    return _written(head)


def _written(head: bytes) -> str:
    """Text of any kind, or unknown."""
    start = head[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:5].lower() == b"<?xml" or start[:4].lower() == b"<svg":
        return "image/svg+xml" if b"<svg" in head.lower() else "application/xml"
    if start.startswith(b"<") and _MARKUP.search(start):
        return "text/html"
    return "text/plain" if _is_text(head) else UNKNOWN


def _is_text(head: bytes) -> bool:
    if not head:
        return False
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    # Old Windows encodings have letters in the upper half: what no text has are control characters.
    return not any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in set(head))


def described(content: Content, name: str) -> str:
    """The type to serve a file as: by content; where that says little (text, unknown) by the name's extension.

    What a browser would run is called application/octet-stream.
    """
    mime = content.mime
    if mime in ("text/plain", UNKNOWN, "application/zip", "application/x-ole-storage"):
        guess, encoding = mimetypes.guess_type(name, strict=True)
        fits = bool(guess) and (guess or "").startswith("text/" if mime == "text/plain" else "application/")
        if guess and fits and encoding is None and len(guess) <= 100:
            mime = guess
    return UNKNOWN if mime in ACTIVE or "script" in mime else mime


def named(name: str, content: Content) -> str:
    """A name as a client may see it: no folders, no control characters, not too long, with an extension that fits."""
    clean = re.sub(r'[\x00-\x1f\x7f/\\:*?"<>|\u202a-\u202e\u2066-\u2069]+', "_", name).strip(" ._") or "file"
    fitting = EXTENSIONS.get(content.mime, (".txt",) if content.mime == "text/plain" and "." not in clean else ())
    suffix = PurePosixPath(clean).suffix
    if fitting and suffix.lower() not in fitting:
        foreign = suffix.lower() in _KNOWN | _SCRIPTS
        clean = (clean.removesuffix(suffix) if foreign else clean) + fitting[0]
    suffix = PurePosixPath(clean).suffix[:20]
    return clean if len(clean) <= limits.FILE_NAME_LIMIT else clean[: limits.FILE_NAME_LIMIT - len(suffix)] + suffix
