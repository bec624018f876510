"""`crm.item.*`, `crm.category.list`, `crm.type.list`: the CRM methods with camelCase names, for items of all types."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rest.base import Call, Page, RestError, access_denied, rest
from bx24.emulator.rest.crm_access import may_see
from bx24.emulator.rest.crm_filters import matches, names_of
from bx24.emulator.rest.crm_filters import order as ordered
from bx24.emulator.rules import item_fields
from bx24.emulator.state import crm
from bx24.emulator.state.english import in_english

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
    _check_filter(call, entity, criteria)
    found = (
        item
        for item in _candidates(call.portal.crm, entity, criteria)
        if may_see(call, item) and matches(_Filterable(item), criteria)
    )
    by = call.params.get("order") or {"id": "ASC"}
    if call.start < 0 and [(key, str(way).upper()) for key, way in php.items(by)] == [("id", "ASC")]:
        return Page({"items": _listed(call, list(islice(found, PAGE)))}, 0, None)
    rows = ordered(list(found), by)
    offset = max(0, call.start)
    shown = {"items": _listed(call, rows[offset : offset + PAGE])}
    if call.start < 0:
        return Page(shown, 0, None)
    return Page(shown, len(rows), offset + PAGE if offset + PAGE < len(rows) else None)


def _listed(call: Call, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [_selected(_shown(call, item), call.params.get("select")) for item in items]


def _candidates(store: crm.Crm, entity: int, criteria: Any) -> Iterator[dict[str, Any]]:
    """The items among which a filter can find any, in the order of their ids: what it says of ids is looked up first."""
    given = dict(php.items(criteria))
    if "logic" in given:
        return store.between(entity)
    if php.is_array(named := given.get("@id", given.get("id"))):
        numbers = {int(value) for value in php.values(named) if str(value).isdigit()}
        return (item for number in sorted(numbers) if (item := store.get(entity, number)) is not None)
    above, until = (str(given.get(key, "")) for key in (">id", "<=id"))
    return store.between(entity, int(above) if above.isdigit() else 0, int(until) if until.isdigit() else None)


def _check_filter(call: Call, entity: int, criteria: Any) -> None:
    """Raises RestError for a field that this type does not have."""
    person = (*_PERSON_FIELDS, *_MULTI_FIELDS) if entity in crm.WITH_PHONES else ()
    for name in names_of(criteria):
        if name in _FIELDS or name in person or name.startswith("parentId"):
            continue
        is_own = name not in ("fm", "entityTypeId") and any(
            _Filterable(item).has(name) for item in call.portal.crm.between(entity)
        )
        if not is_own:
            raise RestError("INVALID_ARG_VALUE", f"Invalid filter: field '{name}' is not allowed in filter", 400)


class _Filterable:
    """An item by the names that a filter may use: custom fields by both of theirs, phones and e-mails."""

    def __init__(self, item: dict[str, Any]) -> None:
        self._item = item

    def has(self, name: str) -> bool:
        return name in self._item or (name.startswith("UF") and self._own(name) != "")

    def get(self, name: str, /) -> Any:
        if name in self._item:
            return self._item[name]
        if name in _MULTI_FIELDS and "fm" in self._item:
            return [row["value"] for row in self._item["fm"] if row["typeId"] == _MULTI_FIELDS[name]]
        return self._item.get(self._own(name)) if name.startswith("UF") else None

    def _own(self, name: str) -> str:
        """The camelCase name of a custom field, "" if the item has no such field."""
        return next((key for key in self._item if key.startswith("uf") and crm.upper(key) == name), "")


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
def fields_of_items(call: Call) -> dict[str, Any]:
    """The fields that items of this type have. Docs: crm-item-fields."""
    return {"fields": item_fields.described(call.portal, _entity(call))}


def _in(lang: str, name: str) -> str:
    return name if lang == "ru" else str(in_english(name))


@rest("crm.category.list", "crm")
def category_list(call: Call) -> Page:
    entity = _entity(call)
    names = {crm.SMART_PROCESS: (5, "Доставка"), crm.SMART_INVOICE: (2, "Счета")}
    number, name = names.get(entity, (0, "Общая"))
    name = _in(call.portal.lang, name)
    rows = [{"id": number, "name": name, "sort": 10, "entityTypeId": entity, "isDefault": "Y", "originId": ""}]
    return Page({"categories": rows}, len(rows), None)


@rest("crm.type.list", "crm")
def type_list(call: Call) -> Page:
    rows = [
        {
            "id": 12,
            "title": _in(call.portal.lang, "Доставка"),
            "entityTypeId": crm.SMART_PROCESS,
            "code": "",
            "isAutomationEnabled": "Y",
            "isClientEnabled": "Y",
            "isBizProcEnabled": "Y",
        }
    ]
    return Page({"types": rows}, len(rows), None)
