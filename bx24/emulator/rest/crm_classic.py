"""The older CRM methods: upper-case names, strings as values, and errors whose code is often empty."""

from __future__ import annotations

from typing import Any

from bx24.emulator.formats import php
from bx24.emulator.rest.base import Call, Page, RestError, rest
from bx24.emulator.rest.crm_access import may_see
from bx24.emulator.rest.crm_filters import matches
from bx24.emulator.rules import item_fields
from bx24.emulator.state import crm

SHOW_FILE = "/bitrix/components/bitrix/crm.deal.show/show_file.php"


def _find_item(call: Call, entity: int) -> dict[str, Any]:
    """The item `id`, in the shape of the older methods. Raises RestError."""
    item_id = call.params.get("id", call.params.get("ID"))
    if not str(item_id or "").isdigit() or int(str(item_id)) <= 0:
        raise RestError("", "ID is not defined or invalid.")
    item = call.portal.crm.get(entity, int(str(item_id)))
    if item is None:
        raise RestError("", "Not found")
    if not may_see(call, item):
        raise RestError("", "Access denied.")
    return _with_file_links(call, crm.classic(item))


def _with_file_links(call: Call, shown: dict[str, Any]) -> dict[str, Any]:
    """Put links into the file fields: without the portal's address, and with the caller's token."""
    for key, value in shown.items():
        if key.startswith("UF_") and isinstance(value, dict):
            link = f"{SHOW_FILE}?auth={call.grant.access_token}&fileId={value['id']}"
            shown[key] = {"id": value["id"], "showUrl": link.replace("auth=", "auth=&t="), "downloadUrl": link}
    return shown


@rest("crm.lead.get", "crm")
def lead_get(call: Call) -> dict[str, Any]:
    return _find_item(call, crm.LEAD)


@rest("crm.deal.get", "crm")
def deal_get(call: Call) -> dict[str, Any]:
    return _find_item(call, crm.DEAL)


@rest("crm.contact.get", "crm")
def contact_get(call: Call) -> dict[str, Any]:
    return _find_item(call, crm.CONTACT)


@rest("crm.company.get", "crm")
def company_get(call: Call) -> dict[str, Any]:
    return _find_item(call, crm.COMPANY)


@rest("crm.deal.contact.items.get", "crm")
def deal_contacts(call: Call) -> list[dict[str, Any]]:
    deal = _find_item(call, crm.DEAL)
    linked = call.portal.crm.items[crm.DEAL, int(deal["ID"])].get("contactIds", [])
    return [
        {"CONTACT_ID": number, "SORT": 10 * (index + 1), "ROLE_ID": 0, "IS_PRIMARY": "Y" if index == 0 else "N"}
        for index, number in enumerate(linked)
    ]


@rest("crm.contact.company.items.get", "crm")
def contact_companies(call: Call) -> list[dict[str, Any]]:
    company_id = int(_find_item(call, crm.CONTACT).get("COMPANY_ID") or 0)
    return [{"COMPANY_ID": company_id, "SORT": 10, "IS_PRIMARY": "Y"}] if company_id else []


@rest("crm.duplicate.findbycomm", "crm")
def find_by_phone(call: Call) -> dict[str, list[int]]:
    """Ids by type of the items with one of these phones or e-mails; `[]` if there are none. Phones: by digits.

    Only the first 20 values count. From a type with 20 hits on, other types are not looked into.
    """
    kind, only = call.params.get("type"), str(call.params.get("entity_type") or "").upper()
    if php.is_empty(kind):
        raise RestError("", "Communication type is not defined.")
    if kind not in ("PHONE", "EMAIL"):
        raise RestError("", f"Communication type '{kind}' is not supported in current context.")
    wanted = {_comparable(value) for value in php.values(call.params.get("values"))[:MAX_VALUES] if _comparable(value)}
    if not wanted:
        raise RestError("", "Communication values is not defined.")
    if only and only not in _DUPLICATE_TYPES:
        raise RestError("", f"Entity type '{only}' is not supported in current context.")
    found: dict[str, list[int]] = {}
    for name, entity in _DUPLICATE_TYPES.items():
        numbers = [item["id"] for item in call.portal.crm.of(entity) if _has(item, str(kind), wanted)][:MAX_VALUES]
        if numbers and only in ("", name):
            found[name] = numbers
        if len(numbers) == MAX_VALUES and only in ("", name):
            break
    return found


MAX_VALUES = 20
_DUPLICATE_TYPES = {"LEAD": crm.LEAD, "CONTACT": crm.CONTACT, "COMPANY": crm.COMPANY}


def _has(item: dict[str, Any], kind: str, wanted: set[str]) -> bool:
    return any(row["typeId"] == kind and _comparable(row["value"]) in wanted for row in item.get("fm", []))


def _comparable(value: Any) -> str:
    """The digits of a phone, a leading 8 as 7; an e-mail in lower case."""
    text = "".join(char for char in str(value) if char.isdigit())
    return "7" + text[1:] if len(text) == 11 and text.startswith("8") else text or str(value).lower()


@rest("crm.status.list", "crm")
def statuses(call: Call) -> Page:
    """The words of the directories, all in one page. Docs: crm-status-list."""
    rows = [row for row in item_fields.directories(call.portal) if matches(row, call.params.get("filter"))]
    return Page(rows, len(rows), None)
