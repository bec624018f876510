"""Files of chats: fetched from the app, uploaded by an operator, and described to the app."""

from __future__ import annotations

import mimetypes
import struct
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from bx24.emulator.state.chats import ChatFile
from bx24.emulator.state.portal import Portal

USER_AGENT = "Bitrix Connector Client"
NAME_LENGTH = 50
_UNITS = ((1024 * 1024, "MB"), (1024, "KB"), (1, "B"))


def keep(portal: Portal, name: str, content_type: str, content: bytes) -> ChatFile:
    """A new file of the portal. The name is cut to its last characters."""
    kind = content_type.partition(";")[0].strip() or mimetypes.guess_type(name)[0] or "application/octet-stream"
    file = ChatFile(portal.new_id(), name[-NAME_LENGTH:] or "file", kind, content)
    portal.chats.files[file.id] = file
    return file


def fetch(portal: Portal, given: Any) -> ChatFile | None:
    """Download a file as the portal does, without the lock. None: it failed, and nobody is told.

    given: `{url, name, type, headers: [{name, value}]}`.
    """
    if not isinstance(given, dict) or not given.get("url"):
        return None
    url = str(given["url"])
    headers = {"User-Agent": USER_AGENT, "Accept": "*/*"}
    for header in given.get("headers") or []:
        headers[str(header.get("name"))] = str(header.get("value"))
    try:
        with portal.cloud.unlocked():
            status, content_type, content = portal.cloud.fetch(url, headers)
    except OSError:
        return None
    if status != 200:
        return None
    name = str(given.get("name") or PurePosixPath(unquote(urlsplit(url).path)).name)
    return keep(portal, name, str(given.get("type") or content_type), content)


def link(portal: Portal, file: ChatFile) -> str:
    """The short public address; of an image it ends in `#img.` and the extension."""
    extension = PurePosixPath(file.name).suffix.lstrip(".")
    return f"{portal.base_url}/~{file.code}" + (f"#img.{extension or 'png'}" if file.is_image else "")


def download_path(file: ChatFile) -> str:
    """The long address, relative to the portal."""
    return f"/pub/im.file.php?FILE_ID={file.id}&SIGN={file.sign}"


def described(portal: Portal, file: ChatFile) -> dict[str, Any]:
    """A file in the event that tells the app of an operator's message."""
    shown: dict[str, Any] = {
        "name": file.name,
        "type": "image" if file.is_image else "file",
        "mime": file.content_type,
        "link": link(portal, file),
        "downloadLink": download_path(file),
        "size": len(file.content),
        "sizef": size_text(len(file.content)),
    }
    size = image_size(file.content)
    return {**shown, "width": size[0], "height": size[1]} if file.is_image and size else shown


def size_text(size: int) -> str:
    amount, unit = next((unit for unit in _UNITS if size >= unit[0]), _UNITS[-1])
    return f"{round(size / amount, 2):g} {unit}"


def image_size(content: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG; None for other formats."""
    if content[:8] != b"\x89PNG\r\n\x1a\n" or len(content) < 24:
        return None
    width, height = struct.unpack(">II", content[16:24])
    return int(width), int(height)
