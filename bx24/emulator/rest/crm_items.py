"""`crm.item.*`, `crm.category.list`, `crm.type.list`: the CRM methods with camelCase names, for items of all types."""

from __future__ import annotations

from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rest.base import Call, Page, RestError, access_denied, rest
from bx24.emulator.rest.crm_access import may_see
from bx24.emulator.rest.crm_filters import matches, names_of
from bx24.emulator.rest.crm_filters import order as ordered
from bx24.emulator.state import crm

PAGE = 50
_FIELDS = frozenset(
    {
        *("id", "title", "xmlId", "createdTime", "updatedTime", "movedTime", "createdBy", "updatedBy", "movedBy"),
        *("assignedById", "opened", "stageId", "previousStageId", "categoryId", "closed", "begindate", "closedate"),
        *("companyId", "contactId", "contactIds", "observers", "opportunity", "currencyId", "isManualOpportunity"),
        *("typeId", "probability", "sourceId", "sourceDescription", "comments", "originatorId", "originId"),
        *("webformId", "mycompanyId", "utmSource", "utmMedium", "utmCampaign", "utmContent", "utmTerm"),
    }
)
_PERSON_FIELDS = ("name", "lastName", "secondName", "post", "birthdate", "hasPhone", "hasEmail", "hasImol")
_MULTI_FIELDS = {"phone": "PHONE", "email": "EMAIL", "imol": "IM"}
"""Name in a filter of leads, contacts and companies → type of the multi-field. They compare the stored text."""


def _entity(call: Call) -> int:
    given = call.params.get("entityTypeId")
    if given is None:
        raise RestError("100", "Could not find value for parameter {entityTypeId}")
    entity = int(given) if str(given).isdigit() else 0
    if not call.portal.crm.has_type(entity):
        raise RestError("NOT_FOUND", "Smart process not found", 400)
    return entity


@rest("crm.item.get", "crm")
def item_get(call: Call) -> dict[str, Any]:
    entity, given = _entity(call), call.params.get("id")
    if given is None:
        raise RestError("100", "Could not find value for parameter {id}")
    item = call.portal.crm.get(entity, int(given)) if str(given).isdigit() else None
    if item is None:
        raise RestError("NOT_FOUND", "Item not found", 400)
    if not may_see(call, item):
        raise access_denied()
    return {"item": _shown(call, item)}


def _shown(call: Call, item: dict[str, Any]) -> dict[str, Any]:
    shown = crm.modern(item, original_uf=call.params.get("useOriginalUfNames") == "Y")
    for key, value in shown.items():
        if isinstance(value, dict) and "urlMachine" in value:
            link = f"{call.portal.client_endpoint}crm.controller.item.getFile/?token=crm%7C{value['id']}"
            shown[key] = {
                **value,
                "url": call.portal.base_url + str(value["url"]),
                "urlMachine": f"{link}&auth={call.grant.access_token}",
            }
    return shown


@rest("crm.item.list", "crm")
def item_list(call: Call) -> Page:
    """Pages of 50. start -1: nothing is counted, `total` is 0. Items that the caller may not see are left out."""
    entity, criteria = _entity(call), call.params.get("filter")
    known = [item for item in call.portal.crm.of(entity) if may_see(call, item)]
    _check_filter(call, entity, criteria)
    found = [item for item in known if matches(_filterable(item), criteria)]
    rows = ordered(found, call.params.get("order") or {"id": "ASC"})
    offset = max(0, call.start)
    shown = [_selected(_shown(call, item), call.params.get("select")) for item in rows[offset : offset + PAGE]]
    if call.start < 0:
        return Page({"items": shown}, 0, None)
    return Page({"items": shown}, len(rows), offset + PAGE if offset + PAGE < len(rows) else None)


def _check_filter(call: Call, entity: int, criteria: Any) -> None:
    """Raises RestError for a field that this type does not have."""
    person = (*_PERSON_FIELDS, *_MULTI_FIELDS) if entity in crm.WITH_PHONES else ()
    own = {name for item in call.portal.crm.of(entity) for name in _filterable(item)} - {"fm", "entityTypeId"}
    for name in names_of(criteria):
        if name not in _FIELDS and name not in person and name not in own and not name.startswith("parentId"):
            raise RestError("INVALID_ARG_VALUE", f"Invalid filter: field '{name}' is not allowed in filter", 400)


def _filterable(item: dict[str, Any]) -> dict[str, Any]:
    """The item's values by the names that a filter may use: custom fields by both of theirs, phones and e-mails."""
    multi = {
        name: [row["value"] for row in item["fm"] if row["typeId"] == kind]
        for name, kind in _MULTI_FIELDS.items()
        if "fm" in item
    }
    return {**crm.modern(item, original_uf=True), **item, **multi}


def _selected(item: dict[str, Any], select: Any) -> dict[str, Any]:
    """The selected fields and the id. Unknown names are dropped. `fm` comes only with `*`."""
    wanted = [str(name) for name in php.values(select)]
    if "*" in wanted:
        return item
    without_fm = {name: value for name, value in item.items() if name != "fm"}
    if not wanted:
        return without_fm
    return {"id": item["id"], **{name: without_fm[name] for name in wanted if name in without_fm}}


@rest("crm.item.fields", "crm")
def item_fields(call: Call) -> dict[str, Any]:
    """The fields that items of this type have; those the portal has added are texts. Docs: crm-item-fields."""
    names = {name for item in call.portal.crm.of(_entity(call)) for name in item}
    own = {name for name in names if name.startswith("uf")}
    return {
        "fields": {
            name: {
                "type": "string" if name in own or name == "title" else "integer",
                "title": name,
                "isReadOnly": False,
            }
            for name in sorted(names)
        }
    }


@rest("crm.category.list", "crm")
def category_list(call: Call) -> Page:
    entity = _entity(call)
    names = {crm.SMART_PROCESS: (5, "Доставка"), crm.SMART_INVOICE: (2, "Счета")}
    number, name = names.get(entity, (0, "Общая"))
    rows = [{"id": number, "name": name, "sort": 10, "entityTypeId": entity, "isDefault": "Y", "originId": ""}]
    return Page({"categories": rows}, len(rows), None)


@rest("crm.type.list", "crm")
def type_list(call: Call) -> Page:
    rows = [
        {
            "id": 12,
            "title": "Доставка",
            "entityTypeId": crm.SMART_PROCESS,
            "code": "",
            "isAutomationEnabled": "Y",
            "isClientEnabled": "Y",
            "isBizProcEnabled": "Y",
        }
    ]
    return Page({"types": rows}, len(rows), None)
