"""Uploaded files with recipients, kept for KEPT: private, without a link, counted in the portal's room for files."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, BinaryIO

from sqlalchemy import select

from messaging.files import quota
from messaging.files.storage import check_room, temporary
from messaging.limits.bounds import MB
from messaging.runtime import Runtime
from messaging.store import crypto
from messaging.store.kept_files import File
from messaging.system.file_store import new_key

#: The largest file that is taken (contract section 10).
LARGEST = 20 * MB
#: How long an upload is kept: a draft may be left for weeks before it is sent.
KEPT = timedelta(days=30)
_BLOCK = 256 * 1024
#: `File.direction` of an upload.
_UPLOADED = "csv"


class TooLarge(Exception):
    """The file is larger than LARGEST."""


def save(runtime: Runtime, portal_id: int, stream: BinaryIO, name: str) -> str:
    """Keep a file; its key. name: as the person calls it.

    Raises TooLarge; Refused if the portal's room is full, or the disk; StoreAway.
    """
    quota.check(runtime, portal_id, name)
    check_room(runtime, name)
    folder = temporary(runtime)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as kept:
        place = Path(kept.name)
        try:
            size = _copy(stream, kept)
            key = new_key()
            _know(runtime, portal_id, key, name, size)
            runtime.files.add(place, key)
        finally:
            place.unlink(missing_ok=True)
    return key


def _copy(stream: BinaryIO, kept: IO[bytes]) -> int:
    size = 0
    while block := stream.read(_BLOCK):
        size += len(block)
        if size > LARGEST:
            raise TooLarge
        kept.write(block)
    kept.flush()
    return size


def _know(runtime: Runtime, portal_id: int, key: str, name: str, size: int) -> None:
    """The row first: a file without one is swept away."""
    now = runtime.clock()
    row = File(
        portal_id=portal_id,
        direction=_UPLOADED,
        token_digest=crypto.digest(secrets.token_hex(32)),  # nobody is told the token
        name=name[:200],
        content_type="application/octet-stream",
        size=size,
        path=key,
        created_at=now,
        expires_at=now + KEPT,
    )
    with runtime.db.write() as session:
        session.add(row)


@contextmanager
def on_disk(runtime: Runtime, portal_id: int, key: str) -> Iterator[Path]:
    """The file as one of this machine. Raises FileNotFoundError, also if it is no upload of this portal's; StoreAway."""
    mine = select(File.id).where(File.portal_id == portal_id, File.direction == _UPLOADED, File.path == key)
    with runtime.db.read() as session:
        if session.scalar(mine) is None:
            raise FileNotFoundError(key)
    with runtime.files.open(key) as kept, tempfile.NamedTemporaryFile(dir=temporary(runtime)) as copy:
        shutil.copyfileobj(kept, copy, _BLOCK)
        copy.flush()
        yield Path(copy.name)
