"""What a CRM contact and a Drive file are called, for the person who sets up a robot that sends them.

Asked with that person's own token: Bitrix24 names only what this person may see.
Bitrix24 docs: api-reference/crm/universal/crm-item-get, api-reference/disk/file/disk-file-get.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bx24.client import Client
from bx24.errors import Rejected
from messaging.files import sources
from messaging.portals import crm

_MISSING = frozenset({"not_found", "error_not_found", "100", "access_denied"})


@dataclass(frozen=True)
class Named:
    """phone: a contact's first, as CRM has it, "" without one. size: a file's, in bytes, 0 if unknown."""

    name: str
    phone: str = ""
    size: int = 0


def contact(client: Client, reference: str) -> Named | None:
    """The contact of an id; None if this person sees no such contact. Raises Refused if it is no id, Bx24Error."""
    found = _asked(client, "crm.item.get", {"entityTypeId": crm.CONTACT, "id": crm.contact_id(reference)})
    item = crm.item(found)
    if not item:
        return None
    name = " ".join(part for key in ("name", "lastName") if (part := crm.text(item, key)))
    return Named(name, phone=next(iter(crm.values(item, "PHONE")), ""))


def file(client: Client, endpoint: str, reference: str) -> Named | None:
    """The file of an id on Drive, or of a link to it; None if this person sees no such file.

    Raises Refused if it is neither, Bx24Error.
    """
    number = sources.disk_id(endpoint, reference)
    if number is None:
        raise sources.not_understood(reference.strip()[:60])
    found = _asked(client, "disk.file.get", {"id": number})
    size = str(found.get("SIZE") or "")
    return Named(crm.text(found, "NAME"), size=int(size) if size.isdigit() else 0) if found else None


def _asked(client: Client, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return client.call(method, params).mapping()
    except Rejected as error:
        if error.code.lower() in _MISSING:
            return {}
        raise
