"""What a deal offers to expressions: its fields, their values as the workflow sees them, and the printable twins.

Source: CCrmDocumentDeal and the user field types of the product; a twin `<FIELD>_PRINTABLE` is the value as text.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bx24.emulator.formats.texts import say
from bx24.emulator.formats.values import is_yes, printable
from bx24.emulator.state.crm import COMPANY, CONTACT
from bx24.emulator.state.portal import Portal

MANY = 300
"""Custom fields of a portal that has been in use for years: what a field picker must live with."""
TWIN = "_PRINTABLE"
Options = tuple[tuple[str, str, str], ...]
_PAYMENT: Options = (
    ("71", "Полная оплата", "In full"),
    ("72", "Рассрочка", "By instalments"),
    ("73", "Кредит", "Loan"),
)
_SOURCES: Options = (("WEB", "Сайт", "Website"), ("CALL", "Звонок", "Call"), ("ADVICE", "Рекомендация", "Advice"))
_CURRENCIES: Options = (("RUB", "Российский рубль", "Russian ruble"), ("USD", "Доллар США", "US dollar"))
_SIGNS = {"RUB": "₽", "USD": "$", "EUR": "€"}
_ALIASES = {"STATUSID": "STAGEID", "ASSIGNEDBY": "ASSIGNEDBYID", "CREATEDBYID": "CREATEDBY"}


@dataclass(frozen=True)
class Field:
    """One field of the deal; `twin` names the printable field beside it."""

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
_BY_CODE = {field.code: field for field in FIELDS}
_BY_TWIN = {field.twin: field for field in FIELDS if field.twin}
_CYCLE = ("string", "text", "int", "double", "date", "datetime", "bool", "file", "UF:money", "user")


def fields(portal: Portal) -> dict[str, dict[str, Any]]:
    """`document_fields` of a settings page: id -> Name, Type, Multiple, Required, Options (None when there are none)."""
    shown: dict[str, dict[str, Any]] = {}
    for field in (*FIELDS, *(_many() if portal.faults.many_fields else ())):
        name = field.name(portal.lang)
        shown[field.code] = _shown(name, field.type, field.multiple, _options(portal, field))
        if field.twin:
            shown[field.twin] = _shown(f"{name} ({say('as_text', portal.lang)})", "string", False, None)
    return shown


def _shown(name: str, kind: str, multiple: bool, options: dict[str, str] | None) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "Multiple": multiple, "Required": False, "Options": options}


def _options(portal: Portal, field: Field) -> dict[str, str] | None:
    if field.code == "STAGE_ID":
        return {stage.id: say(f"stage_{stage.id}", portal.lang) for stage in portal.stages}
    return {key: ru if portal.lang == "ru" else en for key, ru, en in field.options} or None


def _many() -> list[Field]:
    made = []
    for number in range(1, MANY + 1):
        kind = _CYCLE[number % len(_CYCLE)]
        code = f"UF_CRM_17{number:08d}"
        names = f"Дополнительное поле {number}", f"Custom field {number}"
        made.append(_twinned(code, *names, kind) if kind not in ("string", "text") else Field(code, *names, kind))
    return made


def value(portal: Portal, item: dict[str, Any] | None, code: str) -> Any:
    """`{=Document:code}`: `CONTACT.NAME` and `COMPANY.TITLE` reach the client, PHONE is the multi-field itself."""
    if item is None:
        return None
    owner, _, rest = code.upper().partition(".")
    if rest and owner in ("CONTACT", "COMPANY"):
        kind, key = (CONTACT, "contactId") if owner == "CONTACT" else (COMPANY, "companyId")
        return _own(portal, portal.crm.get(kind, item.get(key) or 0), rest, f"{owner}.")
    return _own(portal, item, code.upper(), "")


def _own(portal: Portal, item: dict[str, Any] | None, code: str, prefix: str) -> Any:
    if item is None:
        return None
    if code.startswith(("PHONE", "EMAIL")):
        return _multi(item, code)
    twin_of = _BY_TWIN.get(prefix + code) or _BY_TWIN.get(code)
    if twin_of or code.endswith(TWIN):
        base = twin_of.code.rpartition(".")[2] if twin_of else code.removesuffix(TWIN)
        return printable([_text(portal, twin_of, entry) for entry in _entries(_raw(item, base))])
    field = _BY_CODE.get(prefix + code) or _BY_CODE.get(code)
    raw = _raw(item, code)
    if code == "ID":
        return str(raw)
    return [_typed(portal, field, entry) for entry in raw] if isinstance(raw, list) else _typed(portal, field, raw)


def _raw(item: dict[str, Any], code: str) -> Any:
    wanted = code.replace("_", "")
    wanted = _ALIASES.get(wanted, wanted)
    return next((found for key, found in item.items() if key.upper().replace("_", "") == wanted), None)


def _entries(raw: Any) -> list[Any]:
    return raw if isinstance(raw, list) else [] if raw in (None, "") else [raw]


def _typed(portal: Portal, field: Field | None, raw: Any) -> Any:
    """A value as an expression yields it: dates in the portal's own writing, files and users as ids."""
    kind = field.type if field else ""
    if raw in (None, ""):
        return raw
    if kind in ("date", "datetime"):
        return _date(portal, str(raw), kind)
    if kind == "user":
        return f"user_{raw}"
    if kind == "bool":
        return "Y" if is_yes(raw) else "N"
    return raw.get("id") if isinstance(raw, dict) else raw


def _text(portal: Portal, field: Field | None, raw: Any) -> str:
    """The printable twin of one value."""
    kind = field.type if field else ""
    if kind == "user":
        user = portal.users.get(int(raw))
        return user.full_name if user else ""
    if kind == "bool":
        return say("yes" if is_yes(raw) else "no", portal.lang)
    if kind == "UF:money":
        return _money(str(raw))
    if kind == "file" and isinstance(raw, dict):
        return portal.base_url + str(raw["url"])
    if field and (options := _options(portal, field)):
        return options.get(str(raw), str(raw))
    return printable(_typed(portal, field, raw))


def _money(stored: str) -> str:
    """`48500|RUB` as `48 500 ₽`."""
    amount, _, currency = stored.partition("|")
    number = float(amount or 0)
    return f"{number:,.{0 if number.is_integer() else 2}f}".replace(",", " ") + f" {_SIGNS.get(currency, currency)}"


def _date(portal: Portal, stored: str, kind: str) -> str:
    """ISO 8601 in the portal's language, without a zone: what robots receive from date fields."""
    try:
        at = datetime.fromisoformat(stored)
    except ValueError:
        return stored
    if portal.lang == "ru":
        return at.strftime("%d.%m.%Y" if kind == "date" else "%d.%m.%Y %H:%M:%S")
    return at.strftime("%m/%d/%Y") if kind == "date" else at.strftime("%m/%d/%Y %I:%M:%S ") + at.strftime("%p").lower()


def _multi(item: dict[str, Any], code: str) -> Any:
    kind, _, value_type = code.partition("_")
    rows = [row for row in item.get("fm", []) if row["typeId"] == kind]
    if value_type == "PRINTABLE":
        return ", ".join(row["value"] for row in rows)
    if value_type:
        return [row["value"] for row in rows if row["valueType"] == value_type]
    if not rows:
        return None
    return {"n" + str(row["id"]): {"VALUE": row["value"], "VALUE_TYPE": row["valueType"]} for row in rows}
