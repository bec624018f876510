"""A CRM contact as a card that a client can save."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from activities.base import Card
from activities.errors import Refused, refused
from bx24.client import Ref
from bx24.documents import ENTITY_TYPE_IDS
from bx24.errors import Rejected, Unauthorized
from bx24.i18n import Text
from messaging import tokens
from messaging.runtime import Runtime

CONTACT, COMPANY = ENTITY_TYPE_IDS["CONTACT"], ENTITY_TYPE_IDS["COMPANY"]
_ID = re.compile(r"(?:contact[_|:\s]*|c_)?([0-9]{1,12})", re.IGNORECASE)
_NO_ID = Text("give the number of a CRM contact, for example 12", "укажите номер контакта CRM, например 12")
_GONE = Text(
    "CRM has no such contact, or whoever installed the app may not see it",
    "такого контакта в CRM нет, или он закрыт для того, кто установил приложение",
)
_NO_PHONE = Text(
    "the contact has no phone; fill one in in its card", "у контакта нет телефона; заполните его в карточке"
)


def contact_card(runtime: Runtime, portal_id: int, reference: str) -> Card:
    """The contact of an id ("12", "CONTACT_12", "C_12"; of several the first), with its company's name.

    Raises Refused contact_not_found, and Bx24Error as REST does when a later try may succeed.
    """
    number = contact_id(reference)
    reply = tokens.portal_client(runtime, portal_id).batch(
        {
            "contact": ("crm.item.get", {"entityTypeId": CONTACT, "id": number}),
            "company": ("crm.item.get", {"entityTypeId": COMPANY, "id": Ref("$result[contact][item][companyId]")}),
        }
    )
    failure = reply.errors.get("contact")
    if isinstance(failure, (Rejected, Unauthorized)):
        raise _refusal(reference, _GONE)
    if failure is not None:
        raise failure
    item, company = _item(reply.results.get("contact")), _item(reply.results.get("company"))
    if not item:
        raise _refusal(reference, _GONE)
    phones = _values(item, "PHONE")
    if not phones:
        raise _refusal(reference, _NO_PHONE)
    return Card(
        first_name=_text(item, "name"),
        last_name=_text(item, "lastName"),
        phones=phones,
        emails=_values(item, "EMAIL"),
        company=_text(company, "title"),
        position=_text(item, "post"),
    )


def contact_id(reference: str) -> int:
    """The id in "12", "CONTACT_12", "C_12", the first of several. Raises Refused contact_not_found."""
    found = _ID.fullmatch(re.split(r"[,;\n]", reference.strip())[0].strip())
    if found is None:
        raise _refusal(reference, _NO_ID)
    return int(found[1])


def _refusal(reference: str, reason: Text) -> Refused:
    return refused("contact_not_found", at="contact", value=reference.strip()[:60], reason=reason)


def _item(answer: Any) -> Mapping[str, Any]:
    item = answer.get("item") if isinstance(answer, Mapping) else None
    return item if isinstance(item, Mapping) else {}


def _text(item: Mapping[str, Any], key: str) -> str:
    return str(item.get(key) or "").strip()


def _values(item: Mapping[str, Any], kind: str) -> tuple[str, ...]:
    """Phones or e-mails, without repetitions, in CRM's order."""
    rows = item.get("fm")
    entries = list(rows.values()) if isinstance(rows, Mapping) else rows if isinstance(rows, list) else []
    texts = [_text(row, "value") for row in entries if isinstance(row, Mapping) and row.get("typeId") == kind]
    return tuple(dict.fromkeys(text for text in texts if text))
