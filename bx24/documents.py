"""Which object a workflow runs on, read from two triples: module, entity, type, and module, entity, id.

Bitrix24 docs: api-reference/bizproc/index (document types).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

Triple = tuple[str, str, str]
"""Module, entity, and type or prefixed id: ("crm", "CCrmDocumentDeal", "DEAL_345")."""

ENTITY_TYPE_IDS = {"LEAD": 1, "DEAL": 2, "CONTACT": 3, "COMPANY": 4, "QUOTE": 7, "SMART_INVOICE": 31}
_DYNAMIC = re.compile(r"DYNAMIC_([0-9]{1,9})")


class DocumentKind(StrEnum):
    LEAD = "lead"
    DEAL = "deal"
    CONTACT = "contact"
    COMPANY = "company"
    QUOTE = "quote"
    SMART_INVOICE = "smart_invoice"
    DYNAMIC = "dynamic"  # an item of a smart process
    LIST = "list"
    DISK = "disk"
    OTHER = "other"


@dataclass(frozen=True)
class Document:
    """The object a workflow runs on.

    entity_type_id: CRM's number of the type (`crm.item.get`), None outside CRM. item_id: None if the id is not a number.
    """

    kind: DocumentKind
    entity_type_id: int | None
    item_id: int | None


def document(document_type: Triple, document_id: Triple) -> Document:
    """The object named by the two triples of a run."""
    module, name = document_type[0].lower(), document_type[2].upper()
    kind = {"lists": DocumentKind.LIST, "disk": DocumentKind.DISK}.get(module, DocumentKind.OTHER)
    if module == "crm" and _DYNAMIC.fullmatch(name):
        kind = DocumentKind.DYNAMIC
    elif module == "crm" and name in ENTITY_TYPE_IDS:
        kind = DocumentKind(name.lower())
    return Document(kind, entity_type_id(document_type), item_id(document_id))


def crm_item(item: str) -> tuple[int, int] | None:
    """Entity type id and number of a CRM item by its own id: DEAL_345 → (2, 345), DYNAMIC_183_12 → (183, 12)."""
    kind, _, _ = item.rpartition("_")
    pair = entity_type_id(("crm", "", kind)), item_id(("crm", "", item))
    return None if pair[0] is None or pair[1] is None else (pair[0], pair[1])


def entity_type_id(document_type: Triple) -> int | None:
    """CRM's number of the type: LEAD 1, DEAL 2, … DYNAMIC_183 183; None outside CRM."""
    if document_type[0].lower() != "crm":
        return None
    name = document_type[2].upper()
    dynamic = _DYNAMIC.fullmatch(name)
    return int(dynamic[1]) if dynamic else ENTITY_TYPE_IDS.get(name)


def item_id(document_id: Triple) -> int | None:
    """The number after the last underscore: DEAL_345 → 345, DYNAMIC_183_12 → 12, 77 (lists, Drive) → 77."""
    tail = document_id[2].rpartition("_")[2]
    return int(tail) if re.fullmatch(r"[0-9]{1,18}", tail) else None


def crm_item_id(entity_type: int, number: int) -> str:
    """A CRM item's own id by its type and number: (2, 345) → DEAL_345, (183, 12) → DYNAMIC_183_12."""
    name = next((name for name, known in ENTITY_TYPE_IDS.items() if known == entity_type), f"DYNAMIC_{entity_type}")
    return f"{name}_{number}"
