"""CRM items as pages name them, and the paths under which Bitrix24 shows them."""

from collections.abc import Sequence

from bx24.documents import ENTITY_TYPE_IDS, Document, Triple, document
from bx24.i18n import Text

#: Kinds of objects that Bitrix24 opens from inside a frame (bitrix24.md 6.3).
_OPENED = frozenset({"deal", "lead", "contact", "company"})
_OBJECTS = {
    "deal": Text("Deal {n}", "Сделка {n}"),
    "lead": Text("Lead {n}", "Лид {n}"),
    "contact": Text("Contact {n}", "Контакт {n}"),
    "company": Text("Company {n}", "Компания {n}"),
    "quote": Text("Estimate {n}", "Предложение {n}"),
    "smart_invoice": Text("Invoice {n}", "Счёт {n}"),
    "dynamic": Text("Item {n}", "Элемент {n}"),
    "list": Text("List item {n}", "Элемент списка {n}"),
    "disk": Text("File {n}", "Файл {n}"),
}


def document_of(stored: Sequence[object]) -> Document:
    """A document as a run keeps it: module, entity, kind, item."""
    module, entity, kind, item = (str(part) for part in (*stored, "", "", "", "")[:4])
    kinds: Triple = (module, entity, kind)
    return document(kinds, (module, entity, item))


def path_of(on: Document) -> str:
    """The path under which Bitrix24 shows the object; "" if it cannot be opened from our page."""
    return f"/crm/{on.kind}/details/{on.item_id}/" if on.kind in _OPENED and on.item_id else ""


def item_of(owner: tuple[int, int] | None) -> Document:
    """A CRM item by its entity type id and number."""
    names = {number: name for name, number in ENTITY_TYPE_IDS.items()}
    entity, number = owner or (0, 0)
    kind = names.get(entity, f"DYNAMIC_{entity}")
    return document(("crm", "", kind), ("crm", "", f"{kind}_{number}"))


def item_name(owner: tuple[int, int] | None) -> Text:
    """“Deal 4512”"""
    return object_name(item_of(owner))


def item_path(owner: tuple[int, int] | None) -> str:
    """The path under which Bitrix24 shows a CRM item; "" without one, or if it cannot be opened from our page."""
    return path_of(item_of(owner)) if owner else ""


def object_name(on: Document) -> Text:
    """“Deal 4512”; empty for an object without a number."""
    known = _OBJECTS.get(on.kind)
    return known.format(n=on.item_id) if known and on.item_id is not None else Text("", "")
