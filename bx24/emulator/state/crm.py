"""A small CRM: its items, and the two shapes in which REST shows an item.

Items are kept in the camelCase shape of `crm.item.get`. The upper-case strings of the classic methods, such as
`crm.deal.get`, are derived from it.
"""

from __future__ import annotations

import bisect
import copy
import re
from collections import UserDict
from collections.abc import Iterator, Sequence
from typing import Any

Triple = tuple[str, str, str]
"""How bizproc names a type of document, or one document: module, class, and type or id."""

LEAD, DEAL, CONTACT, COMPANY, QUOTE, SMART_INVOICE, SMART_PROCESS = 1, 2, 3, 4, 7, 31, 183
WITH_PHONES = (LEAD, CONTACT, COMPANY)
SMART_STAGES = ("DT183_5:NEW", "DT183_5:EXECUTING", "DT183_5:SUCCESS")
"""The stages of the smart process, in their order."""
_DOCUMENT = "Bitrix\\Crm\\Integration\\BizProc\\Document\\"
DOCUMENT_TYPES = {
    LEAD: ("crm", "CCrmDocumentLead", "LEAD"),
    DEAL: ("crm", "CCrmDocumentDeal", "DEAL"),
    CONTACT: ("crm", "CCrmDocumentContact", "CONTACT"),
    COMPANY: ("crm", "CCrmDocumentCompany", "COMPANY"),
    QUOTE: ("crm", _DOCUMENT + "Quote", "QUOTE"),
    SMART_INVOICE: ("crm", _DOCUMENT + "SmartInvoice", "SMART_INVOICE"),
}
_RENAMED = {
    "stageId": "STAGE_ID",
    "fm": "",
    "contactIds": "",
    "entityTypeId": "",
    "createdTime": "DATE_CREATE",
    "ufCrmContract": "UF_CRM_CONTRACT",
}
_MULTI_FIELDS = ("PHONE", "EMAIL")


def document_type(entity_type: int) -> Triple:
    """The document type of a CRM type; unknown numbers count as smart processes."""
    return DOCUMENT_TYPES.get(entity_type) or ("crm", _DOCUMENT + "Dynamic", f"DYNAMIC_{entity_type}")


def entity_type(triple: Triple) -> int | None:
    """The CRM type of a document type; None for lists, Drive and unknown ones."""
    for number, known in DOCUMENT_TYPES.items():
        if known == triple:
            return number
    found = re.fullmatch(r"DYNAMIC_(\d+)", triple[2]) if triple[:2] == ("crm", _DOCUMENT + "Dynamic") else None
    return int(found.group(1)) if found else None


#: When items were made; items that have stages came to their first one then.
CREATED = "2026-01-12T09:00:00+03:00"


class Items(UserDict[tuple[int, int], dict[str, Any]]):
    """Items by (entityTypeId, id). It knows the ids of each type in their order: lists of thousands are read quickly."""

    def __init__(self) -> None:
        self._ids: dict[int, list[int]] = {}
        super().__init__()

    def __setitem__(self, key: tuple[int, int], item: dict[str, Any]) -> None:
        if key not in self.data:
            bisect.insort(self._ids.setdefault(key[0], []), key[1])
        self.data[key] = item

    def __delitem__(self, key: tuple[int, int]) -> None:
        del self.data[key]
        self._ids[key[0]].remove(key[1])

    def ids(self, entity: int) -> Sequence[int]:
        """The ids of a type in their order."""
        return self._ids.get(entity, [])


class Crm:
    """The items of a portal."""

    def __init__(self) -> None:
        self.items = Items()
        self._fm_id = 1000

    def add(self, entity: int, item_id: int | None = None, **fields: Any) -> dict[str, Any]:
        """Add or replace an item. fields: camelCase, and `phones`, `emails`: values or (type, value)."""
        number = item_id or max(self.items.ids(entity)[-1:], default=0) + 1
        phones, emails = fields.pop("phones", ()), fields.pop("emails", ())
        contacts = list(fields.pop("contactIds", []) or ([fields["contactId"]] if fields.get("contactId") else []))
        item: dict[str, Any] = {
            "id": number,
            "entityTypeId": entity,
            "assignedById": 1,
            "createdBy": 1,
            "createdTime": CREATED,
            "companyId": 0,
            "contactId": contacts[0] if contacts else None,
            **fields,
        }
        if entity not in (CONTACT, COMPANY):
            item["contactIds"] = contacts
            item.setdefault("movedTime", CREATED)
        if entity in WITH_PHONES:
            item["fm"] = [*self.phone_rows(phones), *self._rows("EMAIL", emails)]
            item["hasPhone"], item["hasEmail"] = "Y" if phones else "N", "Y" if emails else "N"
        self.items[entity, number] = item
        return item

    def phone_rows(self, entries: Any) -> list[dict[str, Any]]:
        """Phones as an item's `fm` has them. entries: values or (type, value)."""
        return self._rows("PHONE", entries)

    def _rows(self, kind: str, entries: Any) -> list[dict[str, Any]]:
        rows = []
        for entry in entries:
            value_type, value = entry if isinstance(entry, (tuple, list)) else ("WORK", entry)
            self._fm_id += 1
            rows.append({"id": self._fm_id, "typeId": kind, "valueType": value_type, "value": value})
        return rows

    def get(self, entity: int, item_id: int) -> dict[str, Any] | None:
        return self.items.get((entity, item_id))

    def of(self, entity: int) -> list[dict[str, Any]]:
        return list(self.between(entity))

    def between(self, entity: int, above: int = 0, until: int | None = None) -> Iterator[dict[str, Any]]:
        """The items of a type in the order of their ids, from the first above an id to the last up to one."""
        ids = self.items.ids(entity)
        end = len(ids) if until is None else bisect.bisect_right(ids, until)
        for place in range(bisect.bisect_right(ids, above), end):
            yield self.items[entity, ids[place]]

    def has_type(self, entity: int) -> bool:
        return entity in DOCUMENT_TYPES or bool(self.items.ids(entity)) or entity == SMART_PROCESS

    def document(self, triple: Triple) -> dict[str, Any] | None:
        """The item of a document id, such as ("crm", "CCrmDocumentDeal", "DEAL_12")."""
        prefix, _, number = triple[2].rpartition("_")
        entity = entity_type((triple[0], triple[1], prefix)) if number.isdigit() else None
        return self.get(entity, int(number)) if entity else None

    def client(self, item: dict[str, Any]) -> dict[str, Any] | None:
        """The client of an item: its contact, else its company, else the item itself if it has phones or e-mails."""
        contact = self.get(CONTACT, item.get("contactId") or 0)
        company = self.get(COMPANY, item.get("companyId") or 0)
        return contact or company or (item if item.get("fm") else None)


def modern(item: dict[str, Any], *, original_uf: bool = False) -> dict[str, Any]:
    """The item as `crm.item.get` shows it."""
    shown = copy.deepcopy(item)
    if not original_uf:
        return shown
    return {(upper(key) if key.startswith("uf") else key): value for key, value in shown.items()}


def classic(item: dict[str, Any]) -> dict[str, Any]:
    """The item as `crm.deal.get` and the like show it: upper-case keys, strings, no PHONE if there is none."""
    shown: dict[str, Any] = {}
    for key, value in item.items():
        name = _RENAMED.get(key, upper(key))
        if key == "stageId" and item["entityTypeId"] == LEAD:
            name = "STATUS_ID"
        if name:
            shown[name] = _text(key, value)
    for kind in _MULTI_FIELDS:
        rows = [row for row in item.get("fm", []) if row["typeId"] == kind]
        if rows:
            shown[kind] = [
                {"ID": str(row["id"]), "VALUE_TYPE": row["valueType"], "VALUE": row["value"], "TYPE_ID": kind}
                for row in rows
            ]
    return shown


def _text(key: str, value: Any) -> Any:
    if value is None or isinstance(value, (list, dict)):
        return value
    return f"{float(value):.2f}" if key == "opportunity" else str(value)


def upper(key: str) -> str:
    """STAGE_ID of stageId."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).upper()


def title(item: dict[str, Any]) -> str:
    names = " ".join(str(item[key]) for key in ("name", "lastName") if item.get(key))
    return str(item.get("title") or names or f"#{item['id']}")
