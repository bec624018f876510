"""Files on their way: fetched, checked by content, kept in the file store, served under an expiring link of ours.

They are fetched into a folder of this machine, always; the store is a folder or a bucket (`messaging.system.file_store`).

Only the link's digest is stored: whoever reads the database can open no file. What many robots send within minutes
(one price list to a thousand clients) is fetched once and shares one link.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import structlog
from redis.exceptions import RedisError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from activities.base import Shared
from activities.errors import refused
from bx24.client import Client
from bx24.i18n import Text
from gupshup import limits
from messaging.files import downloads, media_types, quota, sources
from messaging.files.downloads import Download, Downloaded, Visit
from messaging.files.problems import SENT_AS, TAKES, Unfetched, limit_of, too_large, unreachable
from messaging.files.sources import Source
from messaging.limits import bounds
from messaging.runtime import FILES, Runtime
from messaging.store import crypto
from messaging.store.crypto import Undecryptable
from messaging.store.kept_files import File
from messaging.system import file_store, folder_store
from messaging.system.file_store import StoreAway

INBOUND_KEPT = timedelta(days=30)
#: A link typed in tells no version: two robots within a minute take the same content. WhatsApp itself waits ten.
LINK_FRESH_S, VERSION_FRESH_S = 60, 3600
STALE = timedelta(days=1)
GUPSHUP_FILES = "https://filemanager.gupshup.io"
_TOKEN = re.compile(r"[A-Za-z0-9_-]+")
log = structlog.get_logger(__name__)


def prepare(path: Path, size: int, media: str, label: str) -> tuple[str, media_types.Content]:
    """As what a file will be sent ("image", "video", "audio", "document"), and what it is.

    media: "auto" takes what the content is, and a document where WhatsApp would refuse that; else it must fit.
    Raises Refused file_type, file_too_large.
    """
    content = media_types.examine(path)
    if media == "auto":
        media = content.media if size <= limit_of(content.media) else "document"
    elif media != "document" and content.media != media:
        raise refused("file_type", value=label, media=SENT_AS[media], reason=_misfit(content, media))
    if size > limit_of(media):
        raise too_large(label, media, size)
    return media, content


def _misfit(content: media_types.Content, media: str) -> Text:
    if content.flaw and limits.media_of(content.mime) == media:
        return content.flaw
    return Text(
        "by its content it is {mime}, WhatsApp takes {takes}; convert it, or choose the kind “auto” or “document”",
        "по содержимому это {mime}, WhatsApp принимает {takes}; переведите его в такой формат "
        "или выберите вид «авто» или «документ»",
    ).format(mime=content.mime, takes=TAKES[media])


class Files:
    """The files that robots of one portal name. Cheap: make one wherever it is needed.

    rest: the portal's REST client; endpoint: the address that client calls, by which links of the portal's own are known.
    seconds: a file must be fetched in.
    """

    def __init__(
        self, runtime: Runtime, portal_id: int, rest: Client, endpoint: str, seconds: float = downloads.TOTAL_S
    ) -> None:
        self.runtime = runtime
        self.portal_id = portal_id
        self.rest = rest
        self.endpoint = endpoint
        self.seconds = seconds

    def shared(self, *, document: Sequence[str], reference: str, media: str, name: str, keep_until: datetime) -> Shared:
        """A file made ready for WhatsApp, under a link of ours that works until `keep_until` at least.

        document: of the run, [module, entity, type, item id]. reference: https link, Disk file id, CRM field code or
        public Disk link. media: "auto" or what it must be. name: what the client shall see, "" = its own.
        Raises Refused (Unfetched, when a later try may succeed: `passing`), and Bx24Error as REST does.
        """
        if media != "auto" and media not in limits.MEDIA:
            raise ValueError(f"not a kind of file: {media!r}")
        check_room(self.runtime, _label(reference))
        source = sources.locate(self.rest, self.endpoint, document, reference, _label(reference))
        key = _memo_key(self.runtime, self.portal_id, source, media, name)
        with _reached_store(source.label):
            known = self._remembered(key, keep_until)
        if known is not None:
            return known
        quota.check(self.runtime, self.portal_id, source.label)
        got = self._fetch(source, media)
        try:
            media, content = prepare(got.path, got.size, media, source.label)
            if content.mime == "text/html" and not got.name.lower().endswith((".html", ".htm")):
                raise unreachable(source.label, "page")
            shown = media_types.named(name or source.name or got.name, content)
            url, file_id = keep(self.runtime, self.portal_id, "out", got, content, shown, keep_until)
        finally:
            got.path.unlink(missing_ok=True)
        made = Shared(media, url, shown, media_types.described(content, shown), got.size)
        self._remember(key, made, file_id, VERSION_FRESH_S if source.version else LINK_FRESH_S)
        log.info("file ready", portal=self.portal_id, file=file_id, media=media, mime=content.mime, size=got.size)
        return made

    def _fetch(self, source: Source, media: str) -> Downloaded:
        visit = Visit()
        got = self._get(source, source.url, media, visit)
        if not source.public or media_types.sniff(got.path) != "text/html":
            return got
        try:
            url = sources.behind_page(got.path, got.url, source.label)
        finally:
            got.path.unlink(missing_ok=True)
        return self._get(source, url, media, visit, {"Referer": got.url})

    def _get(
        self, source: Source, url: str, media: str, visit: Visit, headers: dict[str, str] | None = None
    ) -> Downloaded:
        download = Download(
            url,
            temporary(self.runtime),
            media=media,
            label=source.label,
            headers=headers or source.headers,
            allow_http=self.runtime.config.allow_http,
            seconds=self.seconds,
        )
        return downloads.fetch(self.runtime.file_session, download, visit)

    def _remembered(self, key: str, keep_until: datetime) -> Shared | None:
        """The link made a moment ago for the same content, if its file is still there; kept longer if need be."""
        try:
            encrypted = self.runtime.redis.get(key)
            memo = (
                json.loads(self.runtime.cipher.decrypt(bytes(encrypted).decode()))
                if isinstance(encrypted, bytes)
                else None
            )
        except (RedisError, Undecryptable, ValueError):
            return None
        if not isinstance(memo, dict):
            return None
        file_id = memo.pop("file_id")
        with self.runtime.db.read() as session:
            row = session.get(File, file_id)
        if row is None or row.expires_at <= self.runtime.clock() or not self.runtime.files.has(row.path):
            return None
        with self.runtime.db.write() as session:
            row = session.get(File, file_id)
            if row is None:  # deleted a moment ago
                return None
            row.expires_at = max(row.expires_at, keep_until)
        return Shared(**memo)

    def _remember(self, key: str, made: Shared, file_id: int, seconds: int) -> None:
        """Redis may forget it at any time: then the file is fetched once more."""
        memo = {"file_id": file_id, **made.__dict__}
        try:
            self.runtime.redis.set(key, self.runtime.cipher.encrypt(json.dumps(memo)), ex=seconds)
        except RedisError:
            log.warning("link not remembered", file=file_id)


@contextmanager
def _reached_store(label: str) -> Iterator[None]:
    """Raises Unfetched, which is worth another try, instead of StoreAway."""
    try:
        yield
    except StoreAway as error:
        log.error("file store away", problem=str(error))
        raise unreachable(label, "store", passing=True) from None


def check_room(runtime: Runtime, label: str) -> None:
    """Raises Unfetched where little room is left: the last of it belongs to the database, which is often on the same disk."""
    free = runtime.files.free_bytes()
    if free is not None and free < bounds.FREE_FOR_FILES_BYTES:
        log.error("no room for files", free=free)
        raise unreachable(label, "room", passing=True)


def _label(reference: str) -> str:
    text = reference.strip()
    return downloads.shown(text) if "://" in text else text[:80]


def _memo_key(runtime: Runtime, portal_id: int, source: Source, media: str, name: str) -> str:
    what = json.dumps([portal_id, source.version or source.url, media, name])
    return f"waba24:file:{crypto.keyed_digest(runtime.index_key, what)}"


def keep_inbound(runtime: Runtime, portal_id: int, url: str, name: str = "", content_type: str = "") -> str:
    """Fetch what a client sent and keep it for 30 days; our own link to it. name, content_type: as the event tells.

    Only from Gupshup's file store and the configured API host: a forged event must not make us fetch anything else.
    Raises Unfetched, of which `passing` says whether to try again; Refused limit_reached.
    """
    label = name or downloads.shown(url)
    if not _is_gupshup(url, runtime.config.gupshup_url):
        raise unreachable(label, "forbidden")
    check_room(runtime, label)
    quota.check(runtime, portal_id, label)
    download = Download(url, temporary(runtime), label=label, allow_http=runtime.config.allow_http)
    got = downloads.fetch(runtime.file_session, download)
    try:
        content = media_types.examine(got.path)
        if content.mime == media_types.UNKNOWN and content_type and "." not in name:
            name += media_types.EXTENSIONS.get(content_type.partition(";")[0].strip().lower(), ("",))[0]
        shown = media_types.named(name or got.name, content)
        link, file_id = keep(runtime, portal_id, "in", got, content, shown, runtime.clock() + INBOUND_KEPT)
    finally:
        got.path.unlink(missing_ok=True)
    log.info("file of a client kept", portal=portal_id, file=file_id, mime=content.mime, size=got.size)
    return link


def _is_gupshup(url: str, api: str) -> bool:
    try:
        parts = urlsplit(url)
        allowed = [urlsplit(GUPSHUP_FILES), urlsplit(api)]
        return any(
            (parts.scheme, parts.hostname, parts.port) == (one.scheme, one.hostname, one.port)
            for one in allowed
            if "@" not in parts.netloc
        )
    except ValueError:
        return False


def keep(
    runtime: Runtime,
    portal_id: int,
    direction: str,
    got: Downloaded,
    content: media_types.Content,
    name: str,
    until: datetime,
) -> tuple[str, int]:
    """Put a fetched file into the store and write its row; our link to it and the row's id.

    The file comes first: a row never points to nothing, and a file without a row is swept away a day later.
    Raises Unfetched when the store is away.
    """
    key, token = file_store.new_key(), secrets.token_urlsafe(32)
    with _reached_store(name):
        runtime.files.add(got.path, key)
    row = File(
        portal_id=portal_id,
        direction=direction,
        token_digest=crypto.digest(token),
        name=name,
        content_type=media_types.described(content, name),
        size=got.size,
        path=key,
        created_at=runtime.clock(),
        expires_at=until,
    )
    with runtime.db.write() as session:
        session.add(row)
    return f"{runtime.config.public_url}/files/{token}", row.id


def find(runtime: Runtime, token: str) -> tuple[File, BinaryIO] | None:
    """The file behind a link of ours, opened; None when there is none (any more). Raises StoreAway."""
    with runtime.db.read() as session:
        row = session.scalar(select(File).where(File.token_digest == crypto.digest(token)))
    if row is None or row.expires_at <= runtime.clock():
        return None
    try:
        return row, runtime.files.open(row.path)
    except FileNotFoundError:
        return None


def digest_of(link: str) -> str:
    """By which the row of a link of ours is found (`File.token_digest`)."""
    return crypto.digest(link.rpartition("/")[2])


def are_kept(session: Session, runtime: Runtime, payload: Any) -> bool:
    """Whether all files of ours to which a message links are still there. payload: Message.payload."""
    links = str(payload).replace("\\/", "/").split(f"{runtime.config.public_url}/files/")[1:]
    digests = {crypto.digest(found[0]) for link in links if (found := _TOKEN.match(link))}
    kept = select(File.token_digest).where(File.token_digest.in_(digests), File.expires_at > runtime.clock())
    return not digests or digests == set(session.scalars(kept))


def purge(runtime: Runtime) -> int:
    """Delete what has expired, and what a crash left behind a day ago; how many files are gone. Call it hourly.

    Raises StoreAway.
    """
    gone = 0
    while keys := _expired(runtime):
        runtime.files.remove(keys)
        gone += len(keys)
    limit = runtime.clock() - STALE
    for left in folder_store.older_files(temporary(runtime), limit):
        left.unlink(missing_ok=True)
        gone += 1
    for keys in runtime.files.older(limit):
        orphans = _without_row(runtime, keys)
        runtime.files.remove(orphans)
        gone += len(orphans)
    if gone:
        log.info("files deleted", count=gone)
    return gone


def forget(runtime: Runtime, portal_id: int) -> int:
    """Delete all files of a portal: it was removed with everything.

    What cannot be deleted because the store is away is swept away a day later, as files without a row.
    """
    with runtime.db.write() as session:
        rows = delete(File).where(File.portal_id == portal_id).returning(File.path)
        keys = list(session.scalars(rows))
    try:
        runtime.files.remove(keys)
    except StoreAway as error:
        log.error("file store away", problem=str(error))
    return len(keys)


def _expired(runtime: Runtime) -> list[str]:
    """Rows first: a link must answer 404, never find its file gone."""
    with runtime.db.write() as session:
        due = select(File.id).where(File.expires_at <= runtime.clock()).order_by(File.expires_at).limit(100)
        ids = list(session.scalars(due))
        return list(session.scalars(delete(File).where(File.id.in_(ids)).returning(File.path))) if ids else []


def _without_row(runtime: Runtime, keys: list[str]) -> list[str]:
    """Of these keys, which begin alike, those no row knows: their process died before it wrote the row."""
    with runtime.db.read() as session:
        known = set(session.scalars(select(File.path).where(File.path.startswith(keys[0][:3]))))
    return [key for key in keys if key not in known]


def temporary(runtime: Runtime) -> Path:
    """Where files are while they are fetched: on the same disk as the folder, so that moving them is one step."""
    return runtime.config.data_dir / FILES / "tmp"


__all__ = ["Files", "Unfetched", "find", "forget", "keep_inbound", "prepare", "purge"]
