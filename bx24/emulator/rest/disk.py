"""Files: `disk.file.get` and the downloads its links lead to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bx24.emulator.rest.base import Call, RestError, access_denied, rest


@dataclass(frozen=True)
class StoredFile:
    id: int
    name: str
    content_type: str
    content: bytes


_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)
_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc000000301010018dd8db00000000049454e44ae426082"
)
FILES = {
    501: StoredFile(501, "Договор.pdf", "application/pdf", _PDF),
    601: StoredFile(601, "Прайс-лист.pdf", "application/pdf", _PDF),
    602: StoredFile(602, "shkaf.png", "image/png", _PNG),
}
DISK_IDS = (601, 602)


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
    """A page for people with a download button, not the file itself."""
    if not call.user.is_admin:
        raise access_denied()
    return f"{call.portal.base_url}/~pub{_file(call).id}"
