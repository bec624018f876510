"""A small CRM: the items a portal has, and the two shapes in which REST shows them.

Items are kept as `crm.item.get` shows them (camelCase); the classic methods derive their upper-case strings from that.
"""

from __future__ import annotations

import copy
import re
from typing import Any

LEAD, DEAL, CONTACT, COMPANY, QUOTE, SMART_INVOICE, SMART_PROCESS = 1, 2, 3, 4, 7, 31, 183
WITH_PHONES = (LEAD, CONTACT, COMPANY)
CLASSIC = {"lead": LEAD, "deal": DEAL, "contact": CONTACT, "company": COMPANY}
_DOCUMENT = "Bitrix\\Crm\\Integration\\BizProc\\Document\\"
DOCUMENT_TYPES = {
    LEAD: ("crm", "CCrmDocumentLead", "LEAD"),
    DEAL: ("crm", "CCrmDocumentDeal", "DEAL"),
    CONTACT: ("crm", "CCrmDocumentContact", "CONTACT"),
    COMPANY: ("crm", "CCrmDocumentCompany", "COMPANY"),
    QUOTE: ("crm", _DOCUMENT + "Quote", "QUOTE"),
    SMART_INVOICE: ("crm", _DOCUMENT + "SmartInvoice", "SMART_INVOICE"),
}
_RENAMED = {"stageId": "STAGE_ID", "fm": "", "contactIds": "", "entityTypeId": "", "ufCrmContract": "UF_CRM_CONTRACT"}
_FM_ORDER = ("PHONE", "EMAIL")


def document_type(entity_type: int) -> tuple[str, str, str]:
    """The triple of bizproc for a CRM type, dynamic types included."""
    return DOCUMENT_TYPES.get(entity_type) or ("crm", _DOCUMENT + "Dynamic", f"DYNAMIC_{entity_type}")


def entity_type(triple: tuple[str, str, str]) -> int | None:
    """The CRM type behind a bizproc triple, None for lists, Drive and unknown ones."""
    for number, known in DOCUMENT_TYPES.items():
        if known == triple:
            return number
    found = re.fullmatch(r"DYNAMIC_(\d+)", triple[2]) if triple[:2] == ("crm", _DOCUMENT + "Dynamic") else None
    return int(found.group(1)) if found else None


class Crm:
    """Items by (entityTypeId, id)."""

    def __init__(self, items: dict[tuple[int, int], dict[str, Any]] | None = None) -> None:
        self.items = items or {}
        self._fm_id = 1000

    def add(self, entity: int, item_id: int | None = None, **fields: Any) -> dict[str, Any]:
        number = item_id or max((key[1] for key in self.items if key[0] == entity), default=0) + 1
        phones, emails = fields.pop("phones", ()), fields.pop("emails", ())
        contacts = list(fields.pop("contactIds", []) or ([fields["contactId"]] if fields.get("contactId") else []))
        item: dict[str, Any] = {
            "id": number,
            "entityTypeId": entity,
            "assignedById": 1,
            "createdBy": 1,
            "companyId": 0,
            "contactId": contacts[0] if contacts else None,
            **fields,
        }
        if entity not in (CONTACT, COMPANY):
            item["contactIds"] = contacts
        if entity in WITH_PHONES:
            item["fm"] = [*self._multi("PHONE", phones), *self._multi("EMAIL", emails)]
            item["hasPhone"], item["hasEmail"] = "Y" if phones else "N", "Y" if emails else "N"
        self.items[entity, number] = item
        return item

    def _multi(self, kind: str, entries: Any) -> list[dict[str, Any]]:
        rows = []
        for entry in entries:
            value_type, value = entry if isinstance(entry, (tuple, list)) else ("WORK", entry)
            self._fm_id += 1
            rows.append({"id": self._fm_id, "typeId": kind, "valueType": value_type, "value": value})
        return rows

    def get(self, entity: int, item_id: int) -> dict[str, Any] | None:
        return self.items.get((entity, item_id))

    def of(self, entity: int) -> list[dict[str, Any]]:
        return [item for (kind, _), item in sorted(self.items.items()) if kind == entity]

    def has_type(self, entity: int) -> bool:
        return entity in DOCUMENT_TYPES or any(kind == entity for kind, _ in self.items) or entity == SMART_PROCESS

    def document(self, triple: tuple[str, str, str]) -> dict[str, Any] | None:
        """The item behind a document id triple such as ("crm", "CCrmDocumentDeal", "DEAL_12")."""
        prefix, _, number = triple[2].rpartition("_")
        entity = entity_type((triple[0], triple[1], prefix)) if number.isdigit() else None
        return self.get(entity, int(number)) if entity else None

    def client(self, item: dict[str, Any]) -> dict[str, Any] | None:
        """The person to whom an item belongs: its contact, else its company, else itself if it has phones."""
        contact = self.get(CONTACT, item.get("contactId") or 0)
        company = self.get(COMPANY, item.get("companyId") or 0)
        return contact or company or (item if item.get("fm") else None)


def modern(item: dict[str, Any], *, original_uf: bool = False) -> dict[str, Any]:
    """The item as `crm.item.get` answers it."""
    shown = copy.deepcopy(item)
    if not original_uf:
        return shown
    return {(_upper(key) if key.startswith("uf") else key): value for key, value in shown.items()}


def classic(item: dict[str, Any]) -> dict[str, Any]:
    """The item as `crm.deal.get` and its sisters answer it: upper-case keys, strings, PHONE missing when empty."""
    shown: dict[str, Any] = {}
    for key, value in item.items():
        name = _RENAMED.get(key, _upper(key))
        if key == "stageId" and item["entityTypeId"] == LEAD:
            name = "STATUS_ID"
        if name:
            shown[name] = _text(key, value)
    for kind in _FM_ORDER:
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


def _upper(key: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).upper()


def title(item: dict[str, Any]) -> str:
    names = " ".join(str(item[key]) for key in ("name", "lastName") if item.get(key))
    return str(item.get("title") or names or f"#{item['id']}")


def seed() -> Crm:
    """Fictitious people and deals, with every awkward case a robot meets: several phones, none, no client at all."""
    crm = Crm()
    crm.add(
        CONTACT,
        1,
        name="Ольга",
        lastName="Никитина",
        secondName="Игоревна",
        post="Дизайнер",
        birthdate="1988-04-17",
        ufCrmBonus=320,
        companyId=1,
        phones=[("MOBILE", "+7 (912) 345-67-89")],
        emails=["olga@example.com"],
    )
    crm.add(
        CONTACT,
        2,
        name="Дмитрий",
        lastName="Павлов",
        companyId=0,
        phones=[("WORK", "8 495 123-45-67"), ("MOBILE", "8 (916) 222-33-44"), ("HOME", "добавочный 12")],
    )
    crm.add(CONTACT, 3, name="Ирина", lastName="Тихая", companyId=0)
    crm.add(CONTACT, 4, name="John", lastName="Smith", companyId=0, phones=[("MOBILE", "+1 555 010 2030")])
    crm.add(
        COMPANY,
        1,
        title="ООО «Ромашка»",
        ufCrmInn="7700000001",
        phones=[("WORK", "+7 495 000-11-22; +7 495 000-11-23")],
    )
    crm.add(COMPANY, 2, title="ИП Безномерный")
    crm.add(
        LEAD,
        1,
        title="Заявка с сайта",
        name="Елена",
        lastName="Орлова",
        stageId="NEW",
        sourceId="WEB",
        phones=[("WORK", "89261112233")],
    )
    crm.add(LEAD, 2, title="Повторное обращение", name="", lastName="", stageId="NEW", contactId=1)
    crm.add(
        DEAL,
        1,
        title="Шкаф-купе на заказ",
        stageId="NEW",
        categoryId=0,
        opportunity=48500,
        currencyId="RUB",
        contactId=1,
        companyId=1,
        begindate="2026-11-20T03:00:00+03:00",
        closedate="2026-12-15T03:00:00+03:00",
        dateCreate="2026-11-18T11:24:00+03:00",
        probability=70,
        sourceId="WEB",
        sourceDescription="Форма «Рассчитать шкаф»",
        comments="Позвонить до обеда",
        ufCrmOrderNo="А-1042",
        ufCrmDelivery="2026-12-10",
        ufCrmMeasureAt="2026-11-24T14:00:00+03:00",
        ufCrmPrepaid="12480|RUB",
        ufCrmColors=["белый", "дуб"],
        ufCrmPayment="72",
        ufCrmExpress=1,
        ufCrmFitter=2,
        ufCrm_1712043311="Москва, Садовая ул., 10\nдомофон 42",
        ufCrmContract={
            "id": 501,
            "url": "/bitrix/services/main/ajax.php?action=crm.controller.item.getFile&id=501",
            "urlMachine": "",
        },
    )
    crm.add(
        DEAL,
        2,
        title='Кухня «Лофт» "под ключ"',
        stageId="NEW",
        categoryId=0,
        opportunity=312000,
        currencyId="RUB",
        contactId=2,
        contactIds=[2, 4],
        begindate="2026-11-21T03:00:00+03:00",
        sourceId="ADVICE",
        ufCrmOrderNo="А-1043",
        ufCrmPrepaid="100000.50|RUB",
        ufCrmColors=["графит"],
        ufCrmPayment="71",
        ufCrmExpress=0,
    )
    crm.add(
        DEAL,
        3,
        title="Ремонт офиса",
        stageId="NEW",
        categoryId=0,
        opportunity=95000,
        currencyId="RUB",
        companyId=1,
        assignedById=3,
        ufCrmOrderNo="А-1044",
        ufCrmDelivery="2027-01-20",
        ufCrmColors=[],
        ufCrmPayment="73",
    )
    crm.add(DEAL, 4, title="Консультация", stageId="NEW", categoryId=0, opportunity=0, currencyId="RUB")
    crm.add(
        DEAL,
        5,
        title="Без телефона",
        stageId="NEW",
        categoryId=0,
        opportunity=1500,
        currencyId="RUB",
        contactId=3,
        companyId=2,
    )
    crm.add(QUOTE, 1, title="Предложение №1", stageId="DRAFT", opportunity=48500, currencyId="RUB", contactId=1)
    crm.add(
        SMART_INVOICE,
        1,
        title="Счёт №1",
        stageId="DT31_2:N",
        opportunity=48500,
        currencyId="RUB",
        contactId=1,
        companyId=1,
    )
    crm.add(
        SMART_PROCESS,
        1,
        title="Доставка №1",
        stageId="DT183_5:NEW",
        categoryId=5,
        contactId=2,
        contactIds=[2],
        parentId2=2,
    )
    return crm
