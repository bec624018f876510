"""Drive: its storages, and what is in a folder, as the token's user may see it.

Bitrix24 docs: api-reference/disk/storage/disk-storage-get-list, api-reference/disk/folder/disk-folder-get-children,
api-reference/disk/file/disk-file-get. Each of them leaves out what the user has no right to read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bx24.client import Client, Reply
from bx24.php_values import number, text, values

#: What the app needs for all of this.
SCOPE = "disk"
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Entry:
    """A folder, or a file. id: of the folder (of a storage its root) or of the file. size: of a file in bytes, else 0.

    kind: of a storage common, user, group or another word; "" for everything inside one. owner: of a storage, the id of its
    user or group, "" otherwise.
    """

    id: int
    name: str
    is_folder: bool
    size: int = 0
    kind: str = ""
    owner: str = ""


@dataclass(frozen=True)
class Listing:
    """One page of entries. next: `start` of the following page, None behind the last one."""

    entries: tuple[Entry, ...]
    next: int | None


def storages(client: Client, start: int = 0) -> Listing:
    """The storages that the user may read, 50 a page. Raises Bx24Error."""
    reply = client.call("disk.storage.getlist", {"start": start})
    found = [
        Entry(
            id=number(row.get("ROOT_OBJECT_ID")),
            name=_name(row),
            is_folder=True,
            kind=text(row.get("ENTITY_TYPE")).lower(),
            owner=text(row.get("ENTITY_ID")),
        )
        for row in _rows(reply)
    ]
    return _listing(reply, found, start)


def children(client: Client, folder: int, start: int = 0, name: str = "") -> Listing:
    """Folders and files of a folder by name, 50 a page; the folders of a page come first. name: a part of the name.

    Raises Bx24Error, Rejected if there is no such folder.
    """
    wanted = {"filter": {"%NAME": name}} if name else {}
    reply = client.call("disk.folder.getchildren", {"id": folder, **wanted, "order": {"NAME": "ASC"}, "start": start})
    found = [_entry(row) for row in _rows(reply) if text(row.get("DELETED_TYPE")) in ("", "0")]
    return _listing(reply, sorted(found, key=lambda entry: not entry.is_folder), start)


def _entry(row: Mapping[str, Any]) -> Entry:
    if text(row.get("TYPE")) == "file":
        return Entry(number(row.get("ID")), _name(row), is_folder=False, size=number(row.get("SIZE")))
    # A folder that somebody shares is a link in the user's own Drive: what is in it belongs to the real folder.
    return Entry(number(row.get("REAL_OBJECT_ID")) or number(row.get("ID")), _name(row), is_folder=True)


def _rows(reply: Reply) -> list[Mapping[str, Any]]:
    return [row for row in values(reply.result) if isinstance(row, Mapping)]


def _name(row: Mapping[str, Any]) -> str:
    return text(row.get("NAME"))[:_LONGEST_NAME] or f"#{text(row.get('ID'))}"


def _listing(reply: Reply, found: list[Entry], start: int) -> Listing:
    is_more = reply.next is not None and reply.next > start
    return Listing(tuple(entry for entry in found if entry.id), reply.next if is_more else None)
