"""What `crm.item.fields` and `crm.status.list` tell: the fields of a type with their kinds, and the words of its directories.

Source: docs, crm-item-fields and crm-status-list.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from bx24.emulator.formats.texts import text_of
from bx24.emulator.rules.deal_fields import FIELDS, options
from bx24.emulator.state import crm
from bx24.emulator.state.portal import Portal

_KINDS = {
    **dict.fromkeys(("createdTime", "updatedTime", "movedTime"), "datetime"),
    **dict.fromkeys(("begindate", "closedate", "birthdate"), "date"),
    **dict.fromkeys(("createdBy", "updatedBy", "movedBy", "assignedById", "observers"), "user"),
    **dict.fromkeys(("stageId", "sourceId"), "crm_status"),
    **dict.fromkeys(("opened", "closed", "hasPhone", "hasEmail", "hasImol"), "boolean"),
    **dict.fromkeys(("contactId", "contactIds"), "crm_contact"),
    **{"categoryId": "crm_category", "companyId": "crm_company", "currencyId": "crm_currency"},
    **{"opportunity": "double", "comments": "text", "fm": "crm_multifield", "id": "integer", "probability": "integer"},
}
_OWN_KINDS = {"int": "integer", "bool": "boolean", "select": "enumeration", "UF:money": "money", "user": "employee"}
_LISTS = frozenset({"contactIds", "observers", "fm"})
_COMMON = ("id", "title", "createdTime", "updatedTime", "createdBy", "updatedBy", "assignedById", "opened", "sourceId")
_OF_PEOPLE = ("name", "lastName", "secondName", "birthdate", "post", "fm", "hasPhone", "hasEmail")
_PREFIXES = {crm.DEAL: "", crm.CONTACT: "CONTACT.", crm.COMPANY: "COMPANY."}
LOOKED_AT = 1000
"""Items whose fields are told."""
STAGES = {
    crm.LEAD: "STATUS",
    crm.DEAL: "DEAL_STAGE",
    crm.QUOTE: "QUOTE_STATUS",
    crm.SMART_INVOICE: "SMART_INVOICE_STAGE_2",
    crm.SMART_PROCESS: "DYNAMIC_183_STAGE_5",
}
"""The directory that has the stages of a type."""


def described(portal: Portal, entity: int) -> dict[str, dict[str, Any]]:
    """The fields of a type: those of every portal, and those that its first items have."""
    known = {field.code: field for field in FIELDS}
    names = {*_COMMON, *(_OF_PEOPLE if entity in (crm.LEAD, crm.CONTACT) else ("fm",) if entity == crm.COMPANY else ())}
    names |= {"stageId", "contactId", "contactIds", "companyId"} if entity in STAGES else set()
    names = names.union(*islice(portal.crm.between(entity), LOOKED_AT)) - {"entityTypeId"}
    made: dict[str, dict[str, Any]] = {}
    for name in sorted(names):
        code = crm.upper(name)
        field = known.get(_PREFIXES[entity] + code) if entity in _PREFIXES else None
        is_own = name.startswith("uf")
        made[name] = {
            "type": _own_kind(field.type if field else "") if is_own else _KINDS.get(name, "string"),
            "isRequired": False,
            "isReadOnly": name in ("id", "createdTime", "updatedTime"),
            "isImmutable": False,
            "isMultiple": name in _LISTS or bool(field and field.multiple),
            "isDynamic": is_own,
            "title": field.name(portal.lang).rpartition(": ")[2] if field else name,
            "upperName": code,
        }
        if made[name]["type"] == "crm_status":
            made[name]["statusType"] = STAGES[entity] if name == "stageId" else "SOURCE"
        if field and made[name]["type"] == "enumeration":
            made[name]["items"] = [{"ID": key, "VALUE": text} for key, text in (options(portal, field) or {}).items()]
    return made


def _own_kind(kind: str) -> str:
    return _OWN_KINDS.get(kind, "string" if kind in ("", "text") else kind)


def directories(portal: Portal) -> list[dict[str, str]]:
    """The rows of all directories, the stages of deals first."""
    source = next(field for field in FIELDS if field.code == "SOURCE_ID")
    first = text_of("stage_NEW", portal.lang)
    words = [("DEAL_STAGE", stage.id, text_of(f"stage_{stage.id}", portal.lang)) for stage in portal.stages]
    words += [("SOURCE", key, name) for key, name in (options(portal, source) or {}).items()]
    words += [("STATUS", "NEW", first), ("QUOTE_STATUS", "DRAFT", first)]
    words += [(STAGES[crm.SMART_INVOICE], "DT31_2:N", first)]
    smart = STAGES[crm.SMART_PROCESS]
    words += [(smart, code, text_of(f"stage_{code.partition(':')[2]}", portal.lang)) for code in crm.SMART_STAGES]
    return [
        {"ID": str(number), "ENTITY_ID": entity, "STATUS_ID": code, "NAME": name, "SORT": str(10 * number)}
        for number, (entity, code, name) in enumerate(words, 1)
    ]
