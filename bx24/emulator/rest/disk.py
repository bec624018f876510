"""`disk.file.get` and `disk.file.getExternalLink`. Their links lead to `pages/downloads.py`."""

from __future__ import annotations

from typing import Any

from bx24.emulator.rest.base import Call, RestError, access_denied, rest
from bx24.emulator.state.files import DISK_IDS, FILES, StoredFile


def _file(call: Call) -> StoredFile:
    given = call.params.get("id", call.params.get("ID"))
    if not str(given or "").isdigit():
        raise RestError("ERROR_ARGUMENT", "Argument 'id' is null or empty", 400, argument="id")
    number = int(str(given))
    if number not in DISK_IDS:
        raise RestError("ERROR_NOT_FOUND", f"Could not find entity with id `{number}`.", 400)
    return FILES[number]


@rest("disk.file.get", "disk")
def file_get(call: Call) -> dict[str, Any]:
    found = _file(call)
    link = f"{call.portal.client_endpoint}download.json?auth={call.grant.access_token}&token=disk%7C{found.id}"
    return {
        "ID": str(found.id),
        "NAME": found.name,
        "CODE": None,
        "STORAGE_ID": "1",
        "TYPE": "file",
        "PARENT_ID": "1",
        "DELETED_TYPE": "0",
        "SIZE": str(len(found.content)),
        "FILE_ID": found.id + 1000,
        "DOWNLOAD_URL": link,
        "DETAIL_URL": f"{call.portal.base_url}/docs/file/{found.name}",
    }


@rest("disk.file.getexternallink", "disk")
def external_link(call: Call) -> str:
    """The address of a page with a download button, not of the file itself."""
    if not call.user.is_admin:
        raise access_denied()
    return f"{call.portal.base_url}/~pub{_file(call).id}"
