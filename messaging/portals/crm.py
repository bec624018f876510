"""CRM items of a portal: read fifty in a call; a contact as a card that a client can save."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from activities.base import Card
from activities.errors import Refused, refused
from bx24 import payloads
from bx24.client import MAX_BATCH, Client, Ref
from bx24.documents import ENTITY_TYPE_IDS
from bx24.errors import Bx24Error, Rejected, Unauthorized
from bx24.i18n import Text
from gupshup.spellings import spellings
from messaging.portals import tokens
from messaging.runtime import Runtime
from robots import client

#: Digits of a Russian number with its country code.
RUSSIAN_DIGITS = 11
#: Entity type id and item id of a CRM item.
Pair = tuple[int, int]


class Cards:
    """CRM items of one portal as far as they were asked for, fifty in a call. rest: who asks, and with how much patience."""

    def __init__(self, rest: Client) -> None:
        self._rest = rest
        self._found: dict[Pair, dict[str, Any]] = {}
        self._closed: dict[Pair, Bx24Error] = {}

    def fetch(self, items: Sequence[Pair]) -> dict[Pair, dict[str, Any]]:
        """`robots.client.Fetch`. Raises Bx24Error, also for a single card that is closed to us or cannot be read now."""
        self.look(items)
        for item in items:
            if item in self._closed:
                raise self._closed[item]
        return {item: self._found[item] for item in items}

    def look(self, items: Sequence[Pair]) -> list[dict[str, Any]]:
        """Read what is not known yet; the cards that could be read. A card that is gone is empty, it has no phone."""
        asked = [item for item in dict.fromkeys(items) if item not in self._found and item not in self._closed]
        for start in range(0, len(asked), MAX_BATCH):
            self._read(asked[start : start + MAX_BATCH])
        return [self._found[item] for item in items if item in self._found]

    def texts(self, item: Pair, field: str) -> list[str]:
        """What a field holds in a CRM item, then in its contacts and company; nothing in a card that is closed or gone.

        field: as crm.item.fields gives it ("ufCrm_1660"), or in upper case ("UF_CRM_1660").
        Raises Bx24Error if a card cannot be read now.
        """
        cards = [self._open(item)]
        cards += [self._open(person) for person in client.linked({**cards[0], "fm": None})]
        key = _plain(field)
        return [str(value) for card in cards for name, value in card.items() if _plain(name) == key and value]

    def _open(self, item: Pair) -> Mapping[str, Any]:
        self.look([item])
        error = self._closed.get(item)
        if error is not None and not isinstance(error, Rejected | Unauthorized):
            raise error
        return self._found.get(item, {})

    def _read(self, items: Sequence[Pair]) -> None:
        reply = self._rest.batch(
            {f"{kind}_{number}": ("crm.item.get", {"entityTypeId": kind, "id": number}) for kind, number in items}
        )
        for kind, number in items:
            error = reply.errors.get(f"{kind}_{number}")
            if error is not None and error.code.upper() not in ("NOT_FOUND", "ERROR_NOT_FOUND", "100"):
                self._closed[kind, number] = error
            else:
                self._found[kind, number] = dict(item(reply.results.get(f"{kind}_{number}")))


def pair_of(document: Sequence[str]) -> Pair | None:
    """The CRM item a document is; None if it is something else. document: module, entity, kind, item."""
    module, entity, kind, number = document
    pair = payloads.entity_type_id((module, entity, kind)), payloads.item_id((module, entity, number))
    return None if pair[0] is None or pair[1] is None else (pair[0], pair[1])


def _plain(code: str) -> str:
    """A field's code, whichever way it is spelled: camelCase or UPPER_CASE."""
    return code.replace("_", "").lower()


# --- who has a phone


def find_clients(client: Client, phones: Collection[str]) -> dict[str, Pair | None]:
    """Each phone (digits) → its contact, else its lead; None if CRM has neither. Raises Bx24Error.

    Of several the first: CRM keeps the oldest of doubles as a rule. Bitrix24 docs: crm/duplicates/crm-duplicate-find-by-comm.
    """
    asked = list(dict.fromkeys(phones))
    found: dict[str, Pair | None] = {}
    for start in range(0, len(asked), MAX_BATCH):
        piece = asked[start : start + MAX_BATCH]
        method = "crm.duplicate.findbycomm"
        reply = client.batch({f"p{n}": (method, {"type": "PHONE", "values": written(p)}) for n, p in enumerate(piece)})
        for error in reply.errors.values():
            if not isinstance(error, Rejected):
                raise error  # the others would find nobody: what is no phone to CRM belongs to nobody
        for number, phone in enumerate(piece):
            found[phone] = _client(reply.results.get(f"p{number}"))
    return found


def written(phone: str) -> list[str]:
    """The ways in which people write a number (digits) into CRM: CRM compares digits, and in Russia 8 stands for +7."""
    forms = [form for digits in spellings(phone) for form in (f"+{digits}", digits)]
    if phone.startswith("7") and len(phone) == RUSSIAN_DIGITS:
        forms.append(f"8{phone[1:]}")
    return list(dict.fromkeys(forms))


def _client(found: Any) -> Pair | None:
    by_type = found if isinstance(found, Mapping) else {}
    for name in ("CONTACT", "LEAD"):
        ids = by_type.get(name) or []
        numbers = [int(one) for one in (ids.values() if isinstance(ids, Mapping) else ids) if str(one).isdigit()]
        if numbers:
            return ENTITY_TYPE_IDS[name], min(numbers)
    return None


# --- a contact as a card

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
    person, company = item(reply.results.get("contact")), item(reply.results.get("company"))
    if not person:
        raise _refusal(reference, _GONE)
    phones = values(person, "PHONE")
    if not phones:
        raise _refusal(reference, _NO_PHONE)
    return Card(
        first_name=text(person, "name"),
        last_name=text(person, "lastName"),
        phones=phones,
        emails=values(person, "EMAIL"),
        company=text(company, "title"),
        position=text(person, "post"),
    )


def contact_id(reference: str) -> int:
    """The id in "12", "CONTACT_12", "C_12", the first of several. Raises Refused contact_not_found."""
    found = _ID.fullmatch(re.split(r"[,;\n]", reference.strip())[0].strip())
    if found is None:
        raise _refusal(reference, _NO_ID)
    return int(found[1])


def _refusal(reference: str, reason: Text) -> Refused:
    return refused("contact_not_found", at="contact", value=reference.strip()[:60], reason=reason)


def item(answer: Any) -> Mapping[str, Any]:
    item = answer.get("item") if isinstance(answer, Mapping) else None
    return item if isinstance(item, Mapping) else {}


def text(item: Mapping[str, Any], key: str) -> str:
    return str(item.get(key) or "").strip()


def values(item: Mapping[str, Any], kind: str) -> tuple[str, ...]:
    """Phones or e-mails, without repetitions, in CRM's order."""
    texts = [text(row, "value") for row in rows_of(item) if row.get("typeId") == kind]
    return tuple(dict.fromkeys(text for text in texts if text))


def rows_of(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The phones and e-mails of an item as REST has them: typeId, valueType, value."""
    rows = item.get("fm")
    entries = list(rows.values()) if isinstance(rows, Mapping) else rows if isinstance(rows, list) else []
    return [row for row in entries if isinstance(row, Mapping)]
