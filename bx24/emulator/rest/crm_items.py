"""`crm.item.*`, `crm.category.list`, `crm.type.list`: the CRM methods with camelCase names, for items of all types."""

from __future__ import annotations

from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rest.base import Call, Page, RestError, rest
from bx24.emulator.state import crm

PAGE = 50
_MULTI_FIELDS = {"phone": "PHONE", "email": "EMAIL", "imol": "IM"}


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
    """Items in the order of their ids. Only exact filters work: `field`, `=field`, `@field`."""
    rows = [item for item in call.portal.crm.of(_entity(call)) if _matches(item, call.params.get("filter"))]
    shown = [_selected(_shown(call, item), call.params.get("select")) for item in rows]
    offset = max(0, call.start)
    following = offset + PAGE if offset + PAGE < len(shown) else None
    return Page({"items": shown[offset : offset + PAGE]}, len(shown), following)


def _matches(item: dict[str, Any], wanted: Any) -> bool:
    for key, value in php.items(wanted):
        name = key.lstrip("=@")
        allowed = {str(entry) for entry in php.values(value)} if php.is_array(value) else {str(value)}
        if not _texts(item, name) & allowed:
            return False
    return True


def _texts(item: dict[str, Any], name: str) -> set[str]:
    """What a filter compares: the field's value; of phones, e-mails and codes of chats, each as it is stored."""
    if name in _MULTI_FIELDS:
        return {str(row["value"]) for row in item.get("fm", []) if row["typeId"] == _MULTI_FIELDS[name]}
    return {str(item.get(name))}


def _selected(item: dict[str, Any], select: Any) -> dict[str, Any]:
    wanted = [str(name) for name in php.values(select)]
    if not wanted or "*" in wanted:
        return item
    return {"id": item["id"], **{name: item[name] for name in wanted if name in item}}


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
