"""The fields of a deal that expressions may use.

Beside many fields stands a printable one, `<FIELD>_PRINTABLE`: the value as text. Here it is called the twin.
Source: CCrmDocumentDeal and the user field types of the product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bx24.emulator.formats.texts import text_of
from bx24.emulator.state.portal import Portal

MANY = 300
"""Number of additional fields with the fault `many_fields`, as on a portal that has been in use for years."""
TWIN = "_PRINTABLE"
Options = tuple[tuple[str, str, str], ...]
_PAYMENT: Options = (
    ("71", "Полная оплата", "In full"),
    ("72", "Рассрочка", "By instalments"),
    ("73", "Кредит", "Loan"),
)
_SOURCES: Options = (("WEB", "Сайт", "Website"), ("CALL", "Звонок", "Call"), ("ADVICE", "Рекомендация", "Advice"))
_CURRENCIES: Options = (("RUB", "Российский рубль", "Russian ruble"), ("USD", "Доллар США", "US dollar"))


@dataclass(frozen=True)
class Field:
    """One field of a deal, or of its contact or company. twin: code of the printable field beside it."""

    code: str
    russian: str
    english: str
    type: str = "string"
    multiple: bool = False
    twin: str = ""
    options: Options = ()

    def name(self, lang: str) -> str:
        return self.russian if lang == "ru" else self.english


def _twinned(code: str, russian: str, english: str, kind: str, options: Options = (), multiple: bool = False) -> Field:
    return Field(code, russian, english, kind, multiple, code + TWIN, options)


FIELDS = (
    Field("ID", "ID", "ID", "int"),
    Field("TITLE", "Название", "Name"),
    Field("OPPORTUNITY", "Сумма", "Amount", "double"),
    Field("CURRENCY_ID", "Валюта", "Currency", "select", options=_CURRENCIES),
    _twinned("STAGE_ID", "Стадия", "Stage", "select"),
    Field("ASSIGNED_BY_ID", "Ответственный", "Responsible", "user", twin="ASSIGNED_BY_PRINTABLE"),
    Field("CREATED_BY_ID", "Кем создана", "Created by", "user", twin="CREATED_BY_PRINTABLE"),
    Field("DATE_CREATE", "Дата создания", "Created on", "datetime"),
    Field("BEGINDATE", "Дата начала", "Start date", "datetime"),
    Field("CLOSEDATE", "Дата завершения", "Closing date", "datetime"),
    Field("PROBABILITY", "Вероятность, %", "Probability, %", "int"),
    _twinned("SOURCE_ID", "Источник", "Source", "select", _SOURCES),
    Field("SOURCE_DESCRIPTION", "Об источнике", "About the source", "text"),
    Field("COMMENTS", "Комментарий", "Comment", "text"),
    Field("CONTACT_ID", "ID контакта", "Contact ID", "int"),
    Field("COMPANY_ID", "ID компании", "Company ID", "int"),
    Field("UF_CRM_ORDER_NO", "Номер заказа", "Order number"),
    _twinned("UF_CRM_DELIVERY", "Дата доставки", "Delivery date", "date"),
    _twinned("UF_CRM_MEASURE_AT", "Время замера", "Measuring time", "datetime"),
    _twinned("UF_CRM_PREPAID", "Предоплата", "Prepayment", "UF:money"),
    _twinned("UF_CRM_COLORS", "Цвета фасадов", "Front colours", "string", multiple=True),
    _twinned("UF_CRM_CONTRACT", "Договор", "Contract", "file"),
    _twinned("UF_CRM_PAYMENT", "Способ оплаты", "Way of payment", "select", _PAYMENT),
    _twinned("UF_CRM_EXPRESS", "Срочный заказ", "Express order", "bool"),
    _twinned("UF_CRM_FITTER", "Монтажник", "Fitter", "user"),
    Field("UF_CRM_1712043311", "Адрес доставки", "Delivery address", "text"),
    Field("CONTACT.NAME", "Контакт: Имя", "Contact: First name"),
    Field("CONTACT.SECOND_NAME", "Контакт: Отчество", "Contact: Second name"),
    Field("CONTACT.LAST_NAME", "Контакт: Фамилия", "Contact: Last name"),
    Field("CONTACT.POST", "Контакт: Должность", "Contact: Position"),
    Field("CONTACT.BIRTHDATE", "Контакт: Дата рождения", "Contact: Birthday", "date"),
    _twinned("CONTACT.PHONE", "Контакт: Телефон", "Contact: Phone", "phone", multiple=True),
    Field("CONTACT.PHONE_WORK", "Контакт: Рабочий телефон", "Contact: Work phone", "phone", multiple=True),
    Field("CONTACT.PHONE_MOBILE", "Контакт: Мобильный телефон", "Contact: Mobile phone", "phone", multiple=True),
    _twinned("CONTACT.EMAIL", "Контакт: E-mail", "Contact: E-mail", "email", multiple=True),
    Field("CONTACT.UF_CRM_BONUS", "Контакт: Бонусы", "Contact: Bonus points", "int"),
    Field("COMPANY.TITLE", "Компания: Название", "Company: Name"),
    _twinned("COMPANY.PHONE", "Компания: Телефон", "Company: Phone", "phone", multiple=True),
    Field("COMPANY.UF_CRM_INN", "Компания: ИНН", "Company: Tax number"),
)
_CYCLE = ("string", "text", "int", "double", "date", "datetime", "bool", "file", "UF:money", "user")


def fields(portal: Portal) -> dict[str, dict[str, Any]]:
    """`document_fields` of a settings page: code -> Name, Type, Multiple, Required, Options (a map of titles, or None)."""
    shown: dict[str, dict[str, Any]] = {}
    for field in (*FIELDS, *(_additional_fields() if portal.faults.many_fields else ())):
        name = field.name(portal.lang)
        shown[field.code] = _shown(name, field.type, field.multiple, options(portal, field))
        if field.twin:
            shown[field.twin] = _shown(f"{name} ({text_of('as_text', portal.lang)})", "string", False, None)
    return shown


def _shown(name: str, kind: str, multiple: bool, options: dict[str, str] | None) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "Multiple": multiple, "Required": False, "Options": options}


def options(portal: Portal, field: Field) -> dict[str, str] | None:
    """Titles by key of a select; None for other types."""
    if field.code == "STAGE_ID":
        return {stage.id: text_of(f"stage_{stage.id}", portal.lang) for stage in portal.stages}
    return {key: ru if portal.lang == "ru" else en for key, ru, en in field.options} or None


def _additional_fields() -> list[Field]:
    made = []
    for number in range(1, MANY + 1):
        kind = _CYCLE[number % len(_CYCLE)]
        code = f"UF_CRM_17{number:08d}"
        names = f"Дополнительное поле {number}", f"Custom field {number}"
        made.append(_twinned(code, *names, kind) if kind not in ("string", "text") else Field(code, *names, kind))
    return made
