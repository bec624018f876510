"""Fictitious people and deals, with each awkward case a robot meets: several phones, no phone, no client at all."""

from __future__ import annotations

import copy
from typing import Any

from bx24.emulator.state.crm import COMPANY, CONTACT, DEAL, LEAD, QUOTE, SMART_INVOICE, SMART_PROCESS, Crm
from bx24.emulator.state.english import in_english

_ITEMS: tuple[tuple[int, int, dict[str, Any]], ...] = (
    (
        CONTACT,
        1,
        {
            "name": "Ольга",
            "lastName": "Никитина",
            "secondName": "Игоревна",
            "post": "Дизайнер",
            "birthdate": "1988-04-17",
            "ufCrmBonus": 320,
            "companyId": 1,
            "phones": [("MOBILE", "+7 (912) 345-67-89")],
            "emails": ["olga@example.com"],
        },
    ),
    (
        CONTACT,
        2,
        {
            "name": "Дмитрий",
            "lastName": "Павлов",
            "companyId": 0,
            "phones": [("WORK", "8 495 123-45-67"), ("MOBILE", "8 (916) 222-33-44"), ("HOME", "добавочный 12")],
        },
    ),
    (CONTACT, 3, {"name": "Ирина", "lastName": "Тихая", "companyId": 0}),
    (CONTACT, 4, {"name": "John", "lastName": "Smith", "companyId": 0, "phones": [("MOBILE", "+1 555 010 2030")]}),
    (
        COMPANY,
        1,
        {
            "title": "ООО «Ромашка»",
            "ufCrmInn": "7700000001",
            "phones": [("WORK", "+7 495 000-11-22; +7 495 000-11-23")],
        },
    ),
    (COMPANY, 2, {"title": "ИП Безномерный"}),
    (
        LEAD,
        1,
        {
            "title": "Заявка с сайта",
            "name": "Елена",
            "lastName": "Орлова",
            "stageId": "NEW",
            "sourceId": "WEB",
            "phones": [("WORK", "89261112233")],
        },
    ),
    (LEAD, 2, {"title": "Повторное обращение", "name": "", "lastName": "", "stageId": "NEW", "contactId": 1}),
    (
        DEAL,
        1,
        {
            "title": "Шкаф-купе на заказ",
            "stageId": "NEW",
            "categoryId": 0,
            "opportunity": 48500,
            "currencyId": "RUB",
            "contactId": 1,
            "companyId": 1,
            "begindate": "2026-11-20T03:00:00+03:00",
            "closedate": "2026-12-15T03:00:00+03:00",
            "createdTime": "2026-11-18T11:24:00+03:00",
            "probability": 70,
            "sourceId": "WEB",
            "sourceDescription": "Форма «Рассчитать шкаф»",
            "comments": "Позвонить до обеда",
            "ufCrmOrderNo": "А-1042",
            "ufCrmDelivery": "2026-12-10",
            "ufCrmMeasureAt": "2026-11-24T14:00:00+03:00",
            "ufCrmPrepaid": "12480|RUB",
            "ufCrmColors": ["белый", "дуб"],
            "ufCrmPayment": "72",
            "ufCrmExpress": 1,
            "ufCrmFitter": 2,
            "ufCrm_1712043311": "Москва, Садовая ул., 10\nдомофон 42",
            "ufCrmContract": {
                "id": 501,
                "url": "/bitrix/services/main/ajax.php?action=crm.controller.item.getFile&id=501",
                "urlMachine": "",
            },
        },
    ),
    (
        DEAL,
        2,
        {
            "title": 'Кухня «Лофт» "под ключ"',
            "stageId": "NEW",
            "categoryId": 0,
            "opportunity": 312000,
            "currencyId": "RUB",
            "contactId": 2,
            "contactIds": [2, 4],
            "begindate": "2026-11-21T03:00:00+03:00",
            "sourceId": "ADVICE",
            "ufCrmOrderNo": "А-1043",
            "ufCrmPrepaid": "100000.50|RUB",
            "ufCrmColors": ["графит"],
            "ufCrmPayment": "71",
            "ufCrmExpress": 0,
        },
    ),
    (
        DEAL,
        3,
        {
            "title": "Ремонт офиса",
            "stageId": "NEW",
            "categoryId": 0,
            "opportunity": 95000,
            "currencyId": "RUB",
            "companyId": 1,
            "assignedById": 3,
            "ufCrmOrderNo": "А-1044",
            "ufCrmDelivery": "2027-01-20",
            "ufCrmColors": [],
            "ufCrmPayment": "73",
        },
    ),
    (DEAL, 4, {"title": "Консультация", "stageId": "NEW", "categoryId": 0, "opportunity": 0, "currencyId": "RUB"}),
    (
        DEAL,
        5,
        {
            "title": "Без телефона",
            "stageId": "NEW",
            "categoryId": 0,
            "opportunity": 1500,
            "currencyId": "RUB",
            "contactId": 3,
            "companyId": 2,
        },
    ),
    (
        QUOTE,
        1,
        {"title": "Предложение №1", "stageId": "DRAFT", "opportunity": 48500, "currencyId": "RUB", "contactId": 1},
    ),
    (
        SMART_INVOICE,
        1,
        {
            "title": "Счёт №1",
            "stageId": "DT31_2:N",
            "opportunity": 48500,
            "currencyId": "RUB",
            "contactId": 1,
            "companyId": 1,
        },
    ),
    (
        SMART_PROCESS,
        1,
        {
            "title": "Доставка №1",
            "stageId": "DT183_5:NEW",
            "categoryId": 5,
            "contactId": 2,
            "contactIds": [2],
            "parentId2": 2,
        },
    ),
)


def sample_crm(lang: str) -> Crm:
    """A new CRM with these items; the phones get their ids in the order of the items. lang: the portal's."""
    crm = Crm()
    for entity, number, fields in _ITEMS:
        crm.add(entity, number, **(copy.deepcopy(fields) if lang == "ru" else in_english(fields)))
    return crm
