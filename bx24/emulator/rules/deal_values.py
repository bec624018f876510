"""The value of a document's field, as the expression `{=Document:FIELD}` gets it.

Source: CCrmDocumentDeal and the user field types of the product.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bx24.emulator.formats.texts import text_of
from bx24.emulator.formats.values import is_yes, printable
from bx24.emulator.rules.deal_fields import FIELDS, TWIN, Field, options
from bx24.emulator.state.crm import COMPANY, CONTACT
from bx24.emulator.state.portal import Portal

_CURRENCY_SIGNS = {"RUB": "₽", "USD": "$", "EUR": "€"}
_ALIASES = {
    "STATUSID": "STAGEID",
    "ASSIGNEDBY": "ASSIGNEDBYID",
    "CREATEDBYID": "CREATEDBY",
    "DATECREATE": "CREATEDTIME",
}
_BY_CODE = {field.code: field for field in FIELDS}
_BY_TWIN = {field.twin: field for field in FIELDS if field.twin}


def value(portal: Portal, item: dict[str, Any] | None, code: str) -> Any:
    """`{=Document:code}`. `CONTACT.…` and `COMPANY.…` are fields of the deal's contact and company."""
    if item is None:
        return None
    owner, _, rest = code.upper().partition(".")
    if rest and owner in ("CONTACT", "COMPANY"):
        kind, key = (CONTACT, "contactId") if owner == "CONTACT" else (COMPANY, "companyId")
        return _field_of(portal, portal.crm.get(kind, item.get(key) or 0), rest, f"{owner}.")
    return _field_of(portal, item, code.upper(), "")


def _field_of(portal: Portal, item: dict[str, Any] | None, code: str, prefix: str) -> Any:
    if item is None:
        return None
    if code.startswith(("PHONE", "EMAIL")):
        return _phones_or_emails(item, code)
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
    """One value as an expression gets it: a date in the portal's format, a file or a user as an id."""
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
    """One value as its printable twin shows it."""
    kind = field.type if field else ""
    if kind == "user":
        user = portal.users.get(int(raw))
        return user.full_name if user else ""
    if kind == "bool":
        return text_of("yes" if is_yes(raw) else "no", portal.lang)
    if kind == "UF:money":
        return _money(str(raw))
    if kind == "file" and isinstance(raw, dict):
        return portal.base_url + str(raw["url"])
    if field and (titles := options(portal, field)):
        return titles.get(str(raw), str(raw))
    return printable(_typed(portal, field, raw))


def _money(stored: str) -> str:
    """`48500|RUB` as `48 500 ₽`."""
    amount, _, currency = stored.partition("|")
    number = float(amount or 0)
    return (
        f"{number:,.{0 if number.is_integer() else 2}f}".replace(",", " ")
        + f" {_CURRENCY_SIGNS.get(currency, currency)}"
    )


def _date(portal: Portal, stored: str, kind: str) -> str:
    """An ISO 8601 date in the format of the portal's language, without a time zone."""
    try:
        at = datetime.fromisoformat(stored)
    except ValueError:
        return stored
    if portal.lang == "ru":
        return at.strftime("%d.%m.%Y" if kind == "date" else "%d.%m.%Y %H:%M:%S")
    return at.strftime("%m/%d/%Y") if kind == "date" else at.strftime("%m/%d/%Y %I:%M:%S ") + at.strftime("%p").lower()


def _phones_or_emails(item: dict[str, Any], code: str) -> Any:
    """PHONE is the multi-field itself, PHONE_PRINTABLE a text, PHONE_WORK and the like lists of numbers."""
    kind, _, value_type = code.partition("_")
    rows = [row for row in item.get("fm", []) if row["typeId"] == kind]
    if value_type == "PRINTABLE":
        return ", ".join(row["value"] for row in rows)
    if value_type:
        return [row["value"] for row in rows if row["valueType"] == value_type]
    if not rows:
        return None
    return {"n" + str(row["id"]): {"VALUE": row["value"], "VALUE_TYPE": row["valueType"]} for row in rows}
