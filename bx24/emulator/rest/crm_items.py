"""`crm.item.*`, `crm.category.list`, `crm.type.list`: the CRM methods with camelCase names, for items of all types."""

from __future__ import annotations

from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rest.base import Call, Page, RestError, rest
from bx24.emulator.state import crm

PAGE = 50


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
        if str(item.get(name)) not in allowed:
            return False
    return True


def _selected(item: dict[str, Any], select: Any) -> dict[str, Any]:
    wanted = [str(name) for name in php.values(select)]
    if not wanted or "*" in wanted:
        return item
    return {"id": item["id"], **{name: item[name] for name in wanted if name in item}}


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
