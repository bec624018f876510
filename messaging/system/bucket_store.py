"""Files in an S3 bucket, Amazon's or of any service that speaks its protocol: web and workers need no shared disk.

Each request is bounded in time and repeated once. Files are sent and read in pieces: memory does not grow with their size.
After a request that nobody answered, further ones fail at once for some seconds, so that no thread waits for nothing.

A mark in the bucket names the installation whose files these are. Files without a row are deleted (`storage.purge`), so two
installations with one FILES_URL would delete each other's: the second one keeps and deletes nothing.
"""

import io
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, TypeVar
from urllib.parse import urlsplit

import obstore
import structlog
from obstore.exceptions import BaseError
from obstore.store import S3Store

from messaging.system.clock import Clock
from messaging.system.config import Config
from messaging.system.file_store import StoreAway

#: Until a connection stands; one request with its answer; the same for the check of /readyz, which is not repeated.
CONNECT_S, REQUEST_S, CHECK_S = 2.0, 20.0, 2.0
#: All requests of one upload together.
UPLOAD_S = 120.0
#: S3 takes no smaller part of a larger file; how much is read ahead of whoever reads.
PART_BYTES, READ_BYTES = 5 * 1024 * 1024, 1024 * 1024
CHUNK = 64 * 1024
#: Each takes up to three parts of memory.
UPLOADS_AT_ONCE = 2
#: How long requests fail at once after one without an answer; how long the answer to `problem` holds.
AWAY, CHECKED = timedelta(seconds=10), timedelta(seconds=10)
MARK = "waba24-owner"
_OURS = re.compile(r"([0-9a-f]{2})/\1[0-9a-f]{30}")
#: S3's name of an error, in the answer that obstore quotes.
_CODE = re.compile(r"<Code>(\w+)</Code>")
_REMEDIES = {
    "NoSuchBucket": "the bucket {bucket} does not exist: create it, or correct FILES_URL, FILES_ENDPOINT or FILES_REGION",
    "InvalidAccessKeyId": "FILES_ACCESS_KEY is refused: the service does not know this key",
    "SignatureDoesNotMatch": "FILES_SECRET_KEY is refused: it does not belong to FILES_ACCESS_KEY",
    "InvalidTokenId": "AWS_SESSION_TOKEN of the environment is refused: remove it",
    "AccessDenied": "the key has too few rights: it must list the bucket {bucket}, and read, write and delete objects in it",
    "RequestTimeTooSkewed": "the clocks of this machine and of the file store differ too much: set this machine's by NTP",
    "AuthorizationHeaderMalformed": "the bucket {bucket} lies in another region: correct FILES_REGION",
    "PermanentRedirect": "the bucket {bucket} lies in another region: correct FILES_REGION or FILES_ENDPOINT",
    "certificate": "the certificate of FILES_ENDPOINT is not trusted: SSL_CERT_FILE may name your own authority's",
    "": "no answer from {endpoint}: check FILES_ENDPOINT, and the network between this machine and the file store",
}
T = TypeVar("T")
log = structlog.get_logger(__name__)


class Bucket:
    """The bucket and the prefix that FILES_URL names. owner: names this installation; the same in all its processes."""

    def __init__(self, config: Config, owner: str, clock: Clock) -> None:
        self._owner = owner.encode()
        self._clock = clock
        parts = urlsplit(config.files_url)
        self._bucket, self._endpoint = parts.netloc, config.files_endpoint
        self._store = self._opened(config, REQUEST_S, retries=1)
        self._impatient = self._opened(config, CHECK_S, retries=0)
        self._uploads = threading.BoundedSemaphore(UPLOADS_AT_ONCE)
        self._is_ours = False
        self._away_at: datetime | None = None
        self._checked: tuple[datetime, str] | None = None

    def _opened(self, config: Config, request_s: float, retries: int) -> S3Store:
        host = urlsplit(config.files_endpoint).hostname or ""
        return S3Store(
            self._bucket,
            prefix=urlsplit(config.files_url).path.strip("/") or None,
            endpoint=config.files_endpoint or f"https://s3.{config.files_region}.amazonaws.com",
            region=config.files_region,
            access_key_id=config.files_access_key,
            secret_access_key=config.files_secret_key,
            # An endpoint that begins with the bucket's name is a virtual host.
            virtual_hosted_style_request=host.startswith(f"{self._bucket}."),
            # Deletes object by object: not every service has the request that deletes many.
            disable_bulk_delete=True,
            client_options={
                "allow_http": True,  # FILES_ENDPOINT says which
                "connect_timeout": timedelta(seconds=CONNECT_S),
                "timeout": timedelta(seconds=request_s),
            },
            retry_config={"max_retries": retries, "retry_timeout": timedelta(seconds=request_s)},
        )

    def prepare(self) -> str:
        """Mark the bucket as ours if it bears no mark. So the first start also shows whether the key may write."""
        problem = self._problem(self._store)
        if not problem and not self._mark(self._store):
            try:
                self._ask(lambda: obstore.put(self._store, MARK, self._owner))
            except StoreAway as error:
                problem = str(error)
        return problem

    def problem(self) -> str:
        """Asks at most every 10 s; meanwhile the last answer holds, also for those who come while somebody is asking."""
        now = self._clock()
        if self._checked is None or not timedelta() <= now - self._checked[0] < CHECKED:
            self._checked = (now, self._checked[1] if self._checked else "")
            self._checked = (now, self._problem(self._impatient))
        return self._checked[1]

    def _problem(self, store: S3Store) -> str:
        try:
            mark = self._mark(store)
        except StoreAway as error:
            return str(error)
        if mark in (b"", self._owner):
            return ""
        return f"another installation keeps its files at this FILES_URL (object {MARK}): give each its own bucket or prefix"

    def _mark(self, store: S3Store) -> bytes:
        """Who keeps files here; b"" if nobody does. Raises StoreAway."""
        with suppress(FileNotFoundError):
            return self._ask(lambda: bytes(obstore.get(store, MARK).bytes()), at_once=False)
        return b""

    def _require_ours(self) -> None:
        """Raises StoreAway if the bucket bears another installation's mark. Asked once: a mark stays."""
        if not self._is_ours:
            if problem := self._problem(self._store):
                raise StoreAway(problem)
            self._is_ours = True

    def free_bytes(self) -> int | None:
        return None

    def add(self, path: Path, key: str) -> None:
        self._require_ours()
        until = time.monotonic() + UPLOAD_S
        is_large = path.stat().st_size > PART_BYTES
        with self._uploads:
            self._ask(
                lambda: obstore.put(
                    self._store,
                    key,
                    _chunks(path, until),
                    use_multipart=is_large,
                    chunk_size=PART_BYTES,
                    max_concurrency=1,
                )
            )

    def open(self, key: str) -> BinaryIO:
        return io.BufferedReader(_Object(key, self._size(key), self._range), READ_BYTES)

    def has(self, key: str) -> bool:
        try:
            self._size(key)
        except FileNotFoundError:
            return False
        return True

    def _size(self, key: str) -> int:
        """Bytes of the object. The first of them is asked for: an answer to HEAD would not say what is wrong."""
        return self._ask(lambda: obstore.get(self._store, key, options={"range": (0, 1)})).meta["size"]

    def _range(self, key: str, start: int, end: int) -> bytes:
        return bytes(self._ask(lambda: obstore.get_range(self._store, key, start=start, end=end)))

    def remove(self, keys: Iterable[str]) -> None:
        for key in keys:
            with suppress(FileNotFoundError):
                self._ask(partial(obstore.delete, self._store, key))

    def older(self, before: datetime) -> Iterator[list[str]]:
        self._require_ours()
        for _, keys in groupby(self._listed(before), key=lambda key: key[:2]):
            yield list(keys)

    def _listed(self, before: datetime) -> Iterator[str]:
        pages = iter(self._ask(lambda: obstore.list(self._store, chunk_size=1000)))
        while page := self._ask(lambda: next(pages, None)):
            for item in page:
                if item["last_modified"] < before and _OURS.fullmatch(item["path"]):
                    yield item["path"]

    def _ask(self, act: Callable[[], T], at_once: bool = True) -> T:
        """What the service answers. at_once: fail at once while it is known to be away. Raises StoreAway, FileNotFoundError."""
        now = self._clock()
        if at_once and self._away_at is not None and timedelta() <= now - self._away_at < AWAY:
            raise StoreAway(self._words(""))
        try:
            result = act()
        except (BaseError, FileNotFoundError, TimeoutError) as error:
            code = _code(error)
            if isinstance(error, FileNotFoundError) and code != "NoSuchBucket":
                raise
            self._away_at = None if code else now
        else:
            self._away_at = None
            return result
        # Not as the cause of the new error: obstore's words are pages long.
        raise StoreAway(self._words(code))

    def _words(self, code: str) -> str:
        text = _REMEDIES.get(code, "the file store answers {code}")
        return text.format(bucket=self._bucket, endpoint=self._endpoint or "Amazon S3", code=code)


def _code(error: Exception) -> str:
    """S3's name of an error; "certificate"; "" if nobody answered."""
    text = str(error)
    found = _CODE.search(text)
    if found:
        return found[1]
    status = re.search(r"status code: (\d{3})", text)
    return status[1] if status else "certificate" if "InvalidCertificate" in text else ""


def _chunks(path: Path, until: float) -> Iterator[bytes]:
    """The file, a little at a time. Raises TimeoutError after `until`, a moment of the monotonic clock."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            if time.monotonic() > until:
                raise TimeoutError
            yield chunk


class _Object(io.RawIOBase):
    """An object of the bucket as a file. read: the bytes of a key from `start` to before `end`."""

    def __init__(self, key: str, size: int, read: Callable[[str, int, int], bytes]) -> None:
        self._key, self._size, self._read = key, size, read
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # io calls it with a memoryview
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0
        got = self._read(self._key, self._at, end)
        buffer[: len(got)] = got
        self._at += len(got)
        return len(got)
