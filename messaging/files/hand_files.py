"""Files that a person sends by hand: from the computer, from Drive, or by a link that anybody may open.

A link is fetched without the portal's token, and none of the portal's own is followed: the app may read more there than the
person who names the file. A file on Drive is fetched with the person's own token.
"""

import os
import re
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import structlog

from activities.base import Shared
from activities.errors import Refused, refused
from bx24.client import Client
from bx24.i18n import Text
from messaging.files import downloads, media_types, quota, sources
from messaging.files.downloads import Download, Downloaded, origin_of
from messaging.files.problems import megabytes, unreachable
from messaging.files.sources import Source
from messaging.files.storage import check_room, keep, prepare, temporary
from messaging.limits.bounds import UPLOAD_BYTES
from messaging.runtime import Runtime

#: WhatsApp fetches a file soon after the message has left; a paused line may keep it for a while.
KEPT = timedelta(days=3)
#: Seconds in which a link must be fetched: a person waits, and a thread of the web.
LINK_S = 15.0
_CHUNK = 64 * 1024
_LINK = re.compile(r"https://[^\s/?#]{1,255}[/?#]?\S{0,2000}", re.IGNORECASE)
_FOREIGN = Text(
    "Give a direct link from outside the portal that begins with https:// and opens without a login, or choose the file on "
    "your computer.",
    "Укажите прямую ссылку не с портала, которая начинается с https:// и открывается без входа, или выберите файл на "
    "компьютере.",
)
_TOO_LARGE = Text(
    "The file {value} is larger than {limit}: no more is taken from a computer. Send a direct link to it.",
    "Файл {value} больше {limit}: с компьютера здесь больше не принимается. Отправьте прямую ссылку на него.",
)
log = structlog.get_logger(__name__)


def uploaded(
    runtime: Runtime, portal_id: int, stream: BinaryIO, name: str, media: str, *, kept: timedelta = KEPT
) -> Shared:
    """A file from a person's computer, made ready for WhatsApp. media: "auto" or what it must be.

    Raises Refused: file_type, file_too_large, limit_reached, and Unfetched if the store is away.
    """
    label = name[-80:] or "file"
    check_room(runtime, label)
    quota.check(runtime, portal_id, label)
    return _kept(runtime, portal_id, _copied(stream, temporary(runtime), name, label), media, label, kept)


def _copied(stream: BinaryIO, folder: Path, name: str, label: str) -> Downloaded:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, written = tempfile.mkstemp(prefix="upload-", dir=folder)
    path, size = Path(written), 0
    try:
        with os.fdopen(descriptor, "wb") as copy:
            while (part := stream.read(_CHUNK)) and size <= UPLOAD_BYTES:
                size += copy.write(part)
        if not size:
            raise unreachable(label, "empty")
        if size > UPLOAD_BYTES:
            raise Refused("file_too_large", _TOO_LARGE.format(value=label, limit=megabytes(UPLOAD_BYTES)), "file")
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Downloaded(path, name, "", size, "")


def linked(
    runtime: Runtime,
    portal_id: int,
    endpoint: str,
    reference: str,
    media: str,
    *,
    kept: timedelta = KEPT,
    seconds: float = LINK_S,
) -> Shared:
    """A file by an https link of foreign origin, made ready for WhatsApp. endpoint: of the portal's REST; seconds: it must be
    fetched in.

    Raises Refused: value_invalid, file_unreachable, file_type, file_too_large, limit_reached.
    """
    label = downloads.shown(reference)
    if not _LINK.fullmatch(reference) or _is_portals(reference, endpoint, runtime.config.public_url):
        raise refused("value_invalid", at="file", field=sources.FIELD, value=label, remedy=_FOREIGN)
    check_room(runtime, label)
    quota.check(runtime, portal_id, label)
    download = Download(reference, temporary(runtime), media=media, label=label, seconds=seconds)
    got = downloads.fetch(runtime.file_session, download)
    return _kept(runtime, portal_id, got, media, label, kept)


def on_drive(rest: Client, endpoint: str, file_id: int, name: str) -> Source:
    """Where a file on Drive can be fetched, now. rest: with the token of the person; name: for what may be wrong.

    Raises Bx24Error, Refused file_unreachable.
    """
    found = rest.call("disk.file.get", {"id": file_id}).mapping()
    return sources.of_drive(found, endpoint, name[-80:] or f"#{file_id}")


def fetched(runtime: Runtime, portal_id: int, source: Source, media: str) -> Shared:
    """A file of `on_drive`, made ready for WhatsApp. media: "auto" or what it must be.

    Raises Refused: file_unreachable, file_type, file_too_large, limit_reached.
    """
    label = source.name[-80:] or source.label
    check_room(runtime, label)
    quota.check(runtime, portal_id, label)
    download = Download(
        source.url,
        temporary(runtime),
        media=media,
        label=label,
        headers=source.headers,
        allow_http=runtime.config.allow_http,
        seconds=LINK_S,
    )
    got = downloads.fetch(runtime.file_session, download)
    return _kept(runtime, portal_id, replace(got, name=source.name or got.name), media, label)


def _is_portals(reference: str, *ours: str) -> bool:
    return origin_of(reference) in {"", *map(origin_of, ours)}


def _kept(runtime: Runtime, portal_id: int, got: Downloaded, media: str, label: str, kept: timedelta = KEPT) -> Shared:
    try:
        media, content = prepare(got.path, got.size, media, label)
        if content.mime == "text/html" and got.url and not got.name.lower().endswith((".html", ".htm")):
            raise unreachable(label, "page")
        shown = media_types.named(got.name, content)
        url, file_id = keep(runtime, portal_id, "out", got, content, shown, runtime.clock() + kept)
    finally:
        got.path.unlink(missing_ok=True)
    log.info("file of a person kept", portal=portal_id, file=file_id, media=media, mime=content.mime, size=got.size)
    return Shared(media, url, shown, media_types.described(content, shown), got.size)
