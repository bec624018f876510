"""Where files are kept: a folder of this machine (`folder_store`), or an S3 bucket that machines share (`bucket_store`).

A key is a relative path such as `ab/ab12…`: two hex digits, a slash, and 32 hex digits that begin with the same two.
"""

import secrets
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol


class StoreAway(Exception):
    """The store cannot be reached, or refuses us; a later try may succeed. The text tells why, and holds no secret."""


class FileStore(Protocol):
    """What both stores can do. Everything may raise StoreAway, except `problem` and `prepare`."""

    def prepare(self) -> str:
        """Make the store ready at the start of a process; what is wrong with it and what to do, "" if nothing."""

    def problem(self) -> str:
        """What is wrong with the store now and what to do, "" if nothing. Answers within seconds."""

    def free_bytes(self) -> int | None:
        """How much it can still take; None if there is no limit that we could know."""

    def add(self, path: Path, key: str) -> None:
        """Keep the file at `path` as `key`, whole or not at all; it may be gone from `path` afterwards."""

    def open(self, key: str) -> BinaryIO:
        """A file to read from and to seek in. Raises FileNotFoundError; reading may raise StoreAway."""

    def has(self, key: str) -> bool:
        """Whether the store keeps this file."""

    def remove(self, keys: Iterable[str]) -> None:
        """Delete files; those that are gone already do not matter."""

    def older(self, before: datetime) -> Iterator[list[str]]:
        """The keys of all files that were kept before that time, those with the same two first digits together."""


def new_key() -> str:
    """A key that nobody can guess."""
    name = secrets.token_hex(16)
    return f"{name[:2]}/{name}"
