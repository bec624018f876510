"""`disk.storage.getlist`, `disk.folder.getchildren`, `disk.file.get` and `disk.file.getExternalLink`.

The links lead to `pages/downloads.py`. Docs: api-reference/disk.
"""

from __future__ import annotations

from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rest.base import Call, Page, RestError, access_denied, rest
from bx24.emulator.state.drive import Entry, Storage

PAGE = 50
_SORTED_BY = {"ID": lambda entry: entry.id, "NAME": lambda entry: entry.name.lower()}


def _id(call: Call) -> int:
    given = call.params.get("id", call.params.get("ID"))
    if not str(given or "").isdigit():
        raise RestError("ERROR_ARGUMENT", "Invalid value of parameter {Parameter #0}", 400, argument="id")
    return int(str(given))


def _entry(call: Call, *, is_file: bool) -> Entry:
    """The entry that is asked for; a file must be readable. Raises RestError."""
    number = _id(call)
    found = call.portal.drive.entries.get(number)
    if found is None or (found.content is not None) != is_file:
        raise RestError("ERROR_NOT_FOUND", f"Could not find entity with id `{number}`.", 400)
    if is_file and not call.portal.drive.may_read(call.user.id, found):
        raise access_denied()
    return found


def _paged(call: Call, rows: list[dict[str, Any]]) -> Page:
    offset = max(call.start, 0)
    return Page(rows[offset : offset + PAGE], len(rows), offset + PAGE if offset + PAGE < len(rows) else None)


@rest("disk.storage.getlist", "disk")
def storages(call: Call) -> Page:
    """The storages that the user may read."""
    drive = call.portal.drive
    return _paged(call, [_storage(one) for one in drive.storages if drive.may_see(call.user.id, one)])


def _storage(one: Storage) -> dict[str, Any]:
    return {
        "ID": str(one.id),
        "NAME": one.name,
        "CODE": None,
        "MODULE_ID": "disk",
        "ENTITY_TYPE": one.kind,
        "ENTITY_ID": one.owner,
        "ROOT_OBJECT_ID": str(one.root),
    }


@rest("disk.folder.getchildren", "disk")
def children(call: Call) -> Page:
    """What of a folder the user may read. filter: NAME, %NAME, TYPE; order: ID, NAME."""
    folder, drive = _entry(call, is_file=False), call.portal.drive
    rows = [one for one in drive.entries.values() if one.parent == folder.id and drive.may_read(call.user.id, one)]
    for key, value in _map(call.params.get("filter")).items():
        rows = [one for one in rows if _fits(one, key, str(value))]
    for name, way in _map(call.params.get("order")).items():
        if name in _SORTED_BY:
            rows.sort(key=_SORTED_BY[name], reverse=str(way).upper() == "DESC")
    return _paged(call, [_shown(call, one) for one in rows])


def _map(given: Any) -> dict[str, Any]:
    return php.upper_keys(given) if isinstance(given, dict) else {}


def _fits(one: Entry, key: str, value: str) -> bool:
    match key:
        case "%NAME":
            return value.lower() in one.name.lower()
        case "NAME" | "=NAME":
            return one.name == value
        case "TYPE" | "=TYPE":
            return value == ("folder" if one.content is None else "file")
    return True


def _shown(call: Call, one: Entry) -> dict[str, Any]:
    common = {
        "ID": str(one.id),
        "NAME": one.name,
        "CODE": None,
        "STORAGE_ID": str(one.storage),
        "PARENT_ID": str(one.parent),
        "DELETED_TYPE": "0",
        "CREATE_TIME": "2026-11-02T10:00:00+03:00",
        "UPDATE_TIME": "2026-11-16T12:30:00+03:00",
    }
    if one.content is None:
        address = f"{call.portal.base_url}/docs/path/{one.name}/"
        return {**common, "TYPE": "folder", "REAL_OBJECT_ID": str(one.id), "DETAIL_URL": address}
    link = f"{call.portal.client_endpoint}download.json?auth={call.grant.access_token}&token=disk%7C{one.content}"
    return {
        **common,
        "TYPE": "file",
        "GLOBAL_CONTENT_VERSION": "1",
        "SIZE": str(len(one.stored.content)),
        "FILE_ID": one.id + 1000,
        "DOWNLOAD_URL": link,
        "DETAIL_URL": f"{call.portal.base_url}/docs/file/{one.name}",
    }


@rest("disk.file.get", "disk")
def file_get(call: Call) -> dict[str, Any]:
    return _shown(call, _entry(call, is_file=True))


@rest("disk.file.getexternallink", "disk")
def external_link(call: Call) -> str:
    """The address of a page with a download button, not of the file itself."""
    if not call.user.is_admin:
        raise access_denied()
    return f"{call.portal.base_url}/~pub{_entry(call, is_file=True).content}"
