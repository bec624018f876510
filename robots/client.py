"""Whose phone: the CRM item's own, else its contact's, else its company's.

The REST shapes are Bitrix24's `crm.item.get` (docs: api-reference/crm/universal/crm-item-get): camelCase keys, phones
under `fm` for leads, contacts and companies. A deal, quote, invoice or smart process has no phone of its own; leads of
returning clients keep it on the contact or company.
"""

from collections.abc import Callable, Mapping
from typing import Any

CONTACT, COMPANY = 3, 4
#: Fetch CRM items at once: [(entity type id, item id)] → the found ones' fields by the same pair.
Fetch = Callable[[list[tuple[int, int]]], Mapping[tuple[int, int], Mapping[str, Any]]]


def phones(entity_type_id: int, item_id: int, fetch: Fetch) -> list[str]:
    """The phones of the item's client as CRM has them; the first source that has any wins; [] if none has."""
    item = fetch([(entity_type_id, item_id)]).get((entity_type_id, item_id), {})
    own = _phones_of(item)
    if own:
        return own
    people = linked(item)
    found = fetch(people) if people else {}
    return next((numbers for person in people if (numbers := _phones_of(found.get(person, {})))), [])


def linked(item: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Who is asked for a phone when the item has none: contacts in their order, the main one first, then the company."""
    if _phones_of(item):
        return []
    contacts = [item.get("contactId"), *_as_list(item.get("contactIds"))]
    people = [(CONTACT, number) for contact in contacts if (number := _id(contact))]
    company = _id(item.get("companyId"))
    return list(dict.fromkeys(people + ([(COMPANY, company)] if company else [])))


def _phones_of(item: Mapping[str, Any]) -> list[str]:
    return [
        str(entry["value"]).strip()
        for entry in _as_list(item.get("fm"))
        if isinstance(entry, Mapping) and entry.get("typeId") == "PHONE" and str(entry.get("value") or "").strip()
    ]


def _as_list(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else []


def _id(value: Any) -> int:
    try:
        return int(value or 0)
    except (TypeError, ValueError, OverflowError):  # JSON may hold Infinity
        return 0
