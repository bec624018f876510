"""Where a file that a robot names can be fetched: a link, a Disk file id, a CRM field, a public Disk link.

Links that Bitrix24 gives out hold the portal's token: they are used here, at once, and never leave.
Bitrix24 docs: api-reference/disk/file/disk-file-get, api-reference/files/how-to-download-files,
api-reference/crm/universal/crm-item-get. The public page: modules/disk, component disk.external.link.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urljoin, urlsplit

from activities.errors import Refused, refused
from bx24.client import Client
from bx24.documents import ENTITY_TYPE_IDS, entity_type_id, item_id
from bx24.errors import Rejected, Unauthorized
from bx24.i18n import Text
from messaging.files.downloads import origin_of
from messaging.files.problems import unreachable

FIELD = Text("File", "Файл")
_HOW = Text(
    "Give an https link, a Drive file id, or the code of a file field (UF_CRM_…).",
    "Укажите ссылку https, ID файла на Диске или код поля с файлом (UF_CRM_…).",
)
_LINK = re.compile(r"https?://\S+", re.IGNORECASE)
#: The part of a link before its first blank; a blank in the host would be no link.
_PATH_BEGUN = re.compile(r"https?://[^\s/?#]+[/?#]\S*", re.IGNORECASE)
_BBCODE = re.compile(r"\[url=([^\]\r\n]+)\].*?\[/url\]", re.IGNORECASE | re.DOTALL)
_DISK = re.compile(r"(?:disk\s*[_:#]\s*|n)?([0-9]{1,12})", re.IGNORECASE)
_FIELD = re.compile(r"uf_?[a-z0-9_]{2,60}", re.IGNORECASE)
_OTHER = re.compile(r"([A-Z]+(?:_[A-Z0-9]+)?)\|([0-9]{1,12})\|(uf_?[a-z0-9_]{2,60})", re.IGNORECASE)
_DISK_LINK = re.compile(r"/disk/downloadFile/([0-9]{1,12})(?:/|$)")
_SHOW_FILE = re.compile(r"/crm\.(lead|deal|contact|company)\.show/show_file\.php$")
_PUBLIC = re.compile(r"""["'](?:https?://[^/"'\s]+)?(/docs/pub/[0-9a-f]{32}/download/[^"'\s<>]*)["']""")
_PUBLIC_FOLDER = re.compile(r"/docs/pub/[0-9a-f]{32}/download(?:FolderArchive|FileUnderFolder)/")
_PASSWORD = re.compile(r"""<input\b[^<>]*\btype=["']?password""", re.IGNORECASE)
PAGE_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True)
class Source:
    """Where to fetch a file, now. name: "" = as the server calls it. version: what changes with the content, "" unknown.

    public: a link somebody typed in, so a page may be a public Disk page; else Bitrix24 itself named the place.
    """

    url: str = field(repr=False)
    label: str
    name: str = ""
    version: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    public: bool = False


def locate(rest: Client, endpoint: str, document: Sequence[str], reference: str, label: str) -> Source:
    """Where the file of a reference is. document: the run's. Raises Refused, and what REST raises and may pass."""
    text = _unwrapped(reference, endpoint)
    if _LINK.fullmatch(text):
        return _link(rest, endpoint, text, label)
    if disk := _DISK.fullmatch(text):
        return _disk(rest, endpoint, int(disk[1]), label)
    if other := _OTHER.fullmatch(text):
        triple = ("crm", "", other[1].upper())
        return _field(rest, endpoint, entity_type_id(triple), int(other[2]), other[3], label)
    if _FIELD.fullmatch(text) and len(document) == 4:
        entity = entity_type_id((document[0], document[1], document[2]))
        return _field(rest, endpoint, entity, item_id((document[0], document[1], document[3])), text, label)
    raise not_understood(label)


def understood(endpoint: str, reference: str) -> bool:
    """Whether a file may be meant by this, as far as can be told without asking anybody."""
    text = _unwrapped(reference, endpoint)
    return any(pattern.fullmatch(text) for pattern in (_LINK, _DISK, _OTHER, _FIELD))


def is_foreign(endpoint: str, reference: str) -> bool:
    """Whether this is an https link away from the portal: its file is fetched without the app's rights."""
    is_link = _LINK.fullmatch(reference) and reference[:8].lower() == "https://"
    return bool(is_link) and origin_of(reference) != origin_of(endpoint)


def disk_id(endpoint: str, reference: str) -> int | None:
    """The id of the Drive file that is named by its id, or by the portal's link to it; None for everything else."""
    text = _unwrapped(reference, endpoint)
    if origin_of(text) == origin_of(endpoint) and (linked := _DISK_LINK.search(urlsplit(text).path)):
        return int(linked[1])
    found = _DISK.fullmatch(text)
    return int(found[1]) if found else None


def not_understood(label: str) -> Refused:
    """What a reference that is none of these is answered."""
    return refused("value_invalid", at="file", field=FIELD, value=label, remedy=_HOW)


def _unwrapped(reference: str, endpoint: str) -> str:
    """A file field in an expression may come as BBCode, or as a path of the portal."""
    text = reference.strip()
    if found := _BBCODE.fullmatch(text):
        text = found[1].strip()
    text = _escaped(text)
    return urljoin(endpoint, text) if text.startswith("/") and not text.startswith("//") else text


def _escaped(text: str) -> str:
    """A link as a browser would ask for it: blanks and a lone "%" escaped. Several links and other texts as they are."""
    first, *more = text.split() or [""]
    is_link = _PATH_BEGUN if more else _LINK
    if not is_link.fullmatch(first) or len(text.splitlines()) > 1 or any(map(_LINK.fullmatch, more)):
        return text
    return re.sub(r"\s|%(?![0-9A-Fa-f]{2})", lambda odd: quote(odd[0]), text)


def _link(rest: Client, endpoint: str, url: str, label: str) -> Source:
    """A link into the portal's Drive or card needs a login; we have better: the ids in it."""
    if origin_of(url) == origin_of(endpoint):
        parts = urlsplit(url)
        if disk := _DISK_LINK.search(parts.path):
            return _disk(rest, endpoint, int(disk[1]), label)
        query = parse_qs(parts.query)
        owner, name = query.get("ownerId", [""])[0], query.get("fieldName", [""])[0]
        shown = _SHOW_FILE.search(parts.path)
        if shown and owner.isdigit() and len(owner) < 13 and _FIELD.fullmatch(name):
            return _field(rest, endpoint, ENTITY_TYPE_IDS[shown[1].upper()], int(owner), name, label)
        return Source(url, label, headers=_headers(endpoint), public=True)
    return Source(url, label, public=True)


def _disk(rest: Client, endpoint: str, number: int, label: str) -> Source:
    return of_drive(_asked(rest, "disk.file.get", {"id": number}, label), endpoint, label)


def of_drive(found: Mapping[str, Any], endpoint: str, label: str) -> Source:
    """Where a file of Drive is, from the answer of disk.file.get. Raises Refused if that names no place."""
    url = found.get("DOWNLOAD_URL")
    if not isinstance(url, str) or not url:
        raise unreachable(label, "refused", answer="no DOWNLOAD_URL")
    version = "|".join(str(found.get(key) or "") for key in ("ID", "FILE_ID", "SIZE", "UPDATE_TIME"))
    return Source(urljoin(endpoint, url), label, str(found.get("NAME") or ""), f"disk|{version}", _headers(endpoint))


def _field(rest: Client, endpoint: str, entity: int | None, item: int | None, code: str, label: str) -> Source:
    if entity is None or item is None:
        raise unreachable(label, "no_card")
    params = {"entityTypeId": entity, "id": item, "useOriginalUfNames": "Y"}
    answer = _asked(rest, "crm.item.get", params, label)
    card = answer.get("item")
    value = _of(card if isinstance(card, Mapping) else {}, code, label)
    if isinstance(value, str) and _LINK.fullmatch(link := _escaped(value.strip())):
        return _link(rest, endpoint, link, label)  # a field of the type "link", or a text with one
    if isinstance(value, Mapping):
        url = value.get("urlMachine") or value.get("downloadUrl") or value.get("url")
        if isinstance(url, str) and url:
            version = f"crm|{entity}|{value.get('id')}" if value.get("id") else ""
            return Source(urljoin(endpoint, url), label, version=version, headers=_headers(endpoint))
    raise unreachable(label, "field_empty", field=code)


def _of(card: Mapping[str, Any], code: str, label: str) -> Any:
    """The field's value, of several files the first; the code in any of its spellings (UF_CRM_5_17, ufCrm5_17)."""
    wanted = _plain(code)
    key = next((key for key in card if _plain(key) == wanted), None)
    if key is None:
        raise unreachable(label, "field_missing", field=code)
    value = card[key]
    if isinstance(value, Mapping) and value and all(str(index).isdigit() for index in value):
        value = list(value.values())
    return next((one for one in value if one), None) if isinstance(value, list) else value


def _plain(code: str) -> str:
    return code.replace("_", "").lower()


def _asked(rest: Client, method: str, params: dict[str, Any], label: str) -> dict[str, Any]:
    """Raises Refused when Bitrix24 says no; what may pass (busy, unreachable, no token) rises as it is."""
    try:
        return rest.call(method, params).mapping()
    except (Rejected, Unauthorized) as error:
        raise unreachable(label, "refused", answer=str(error)[:200]) from error


def _headers(endpoint: str) -> dict[str, str]:
    """Without a Referer and the usual headers of a browser the portal's front end may answer 404."""
    return {"Referer": f"{origin_of(endpoint)}/"}


def behind_page(path: Path, url: str, label: str) -> str:
    """The download link on a public Disk page. Raises Refused file_unreachable with what kind of page it is."""
    with path.open("rb") as file:
        page = html.unescape(file.read(PAGE_BYTES).decode("utf-8", "replace")).replace("\\/", "/")
    if found := _PUBLIC.search(page):
        return urljoin(url, str(found[1]))
    if _PUBLIC_FOLDER.search(page):
        raise unreachable(label, "folder")
    is_public = re.search(r"/docs/pub/[0-9a-f]{32}/|/~[\w.-]+/?$", urlsplit(url).path)
    if is_public and _PASSWORD.search(page):
        raise unreachable(label, "protected")
    raise unreachable(label, "page")
