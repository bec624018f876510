"""A CRM item as the person who opens it sees it: the client's phones, and values that a template may take.

Asked with that person's own token, so Bitrix24 shows only what this person may see.
Bitrix24 docs: api-reference/crm/universal/crm-item-get, crm-item-fields, api-reference/user/user-get.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from activities import phones
from bx24.client import Client, Command
from bx24.errors import Rejected
from bx24.i18n import Text
from messaging.portals import crm
from messaging.portals.crm import COMPANY, CONTACT, Pair
from robots import client as crm_client

#: Contacts of one item, phones and values that are read at most; characters of a value.
MOST_CONTACTS, MOST_PHONES, MOST_VALUES, LONGEST = 10, 20, 40, 200
_TITLES: dict[str, tuple[Text, str]] = {
    # Name of the field → its title, and words by which a template may speak of it.
    "title": (Text("Name", "Название"), "заказ товар услуга order"),
    "opportunity": (Text("Amount", "Сумма"), "сумма стоимость цена итого оплата amount total price sum"),
    "begindate": (Text("Start date", "Дата начала"), "начало начнётся начнем start begin starts"),
    "closedate": (Text("Closing date", "Дата завершения"), "дата срок готов date until deadline"),
}
_NUMBER = (Text("Number", "Номер"), "номер заказ сделка договор счет заявка number order deal invoice request")
_MANAGER = (Text("Responsible", "Ответственный"), "менеджер ответственный специалист manager")
_NAMES = {
    "first": (Text("First name", "Имя"), "имя клиент name client"),
    "whole": (Text("First and last name", "Имя и фамилия"), "фамилия surname"),
}
_COMPANY = (Text("Company", "Компания"), "компания организация company")
_READ = frozenset({"string", "text", "integer", "double", "money", "date", "datetime", "enumeration", "url", "address"})
_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d:\d\d))?")
_AMOUNT = re.compile(r"(-?\d{1,15})(?:\.(\d{1,6}))?(?:\|[A-Z]{3})?")


@dataclass(frozen=True)
class Phone:
    """A number of the client: digits with the country code, and whose it is, "" for the item's own."""

    digits: str
    owner: str = ""


@dataclass(frozen=True)
class Value:
    """What a template's variable may be filled with. words: by which a template may speak of it, apart from the title."""

    title: str
    text: str
    words: str = ""


@dataclass(frozen=True)
class ClientCard:
    """item: entity type id and number. first_name: of the client, "" if unknown."""

    item: Pair
    title: str
    first_name: str
    phones: tuple[Phone, ...]
    values: tuple[Value, ...]


def read(client: Client, item: Pair, region: str, language: str) -> ClientCard | None:
    """The card; None if this person sees no such item. region: for phones without a country code. Raises Bx24Error."""
    found = _batch(
        client,
        {
            "item": ("crm.item.get", {"entityTypeId": item[0], "id": item[1]}),
            "fields": ("crm.item.fields", {"entityTypeId": item[0]}),
        },
    )
    card = crm.item(found.get("item"))
    if not card:
        return None
    linked = crm_client.linked({**card, "fm": None})[: MOST_CONTACTS + 1]
    asked: dict[str, Command] = {
        f"{kind}_{number}": ("crm.item.get", {"entityTypeId": kind, "id": number}) for kind, number in linked
    }
    if card.get("assignedById"):
        asked["manager"] = ("user.get", {"ID": card["assignedById"]})
    others = _batch(client, asked)
    people = [(pair, crm.item(others.get(f"{pair[0]}_{pair[1]}"))) for pair in linked]
    person = _person(item, card, people)
    values = [*_own(item, card, found.get("fields"), language), *_about(item, person, people, others, language)]
    return ClientCard(
        item=item,
        title=_name(item[0], card),
        first_name=crm.text(person, "name"),
        phones=_phones(card, people, region),
        values=tuple(values[:MOST_VALUES]),
    )


def _batch(client: Client, asked: Mapping[str, Command]) -> Mapping[str, Any]:
    """What could be read. Raises Bx24Error if the portal does not answer; what it refuses is missing."""
    reply = client.batch(asked)
    for error in reply.errors.values():
        if not isinstance(error, Rejected):
            raise error
    return reply.results


def _name(kind: int, card: Mapping[str, Any]) -> str:
    person = " ".join(part for key in ("name", "lastName") if (part := crm.text(card, key)))
    return (person if kind == CONTACT else crm.text(card, "title") or person)[:LONGEST]


def _person(item: Pair, card: Mapping[str, Any], people: Sequence[tuple[Pair, Mapping[str, Any]]]) -> Mapping[str, Any]:
    """Whom a template greets: the contact or lead itself, else the first contact."""
    if crm.text(card, "name"):
        return card
    return next((person for pair, person in people if pair[0] == CONTACT and person), {})


# --- phones


def _phones(
    card: Mapping[str, Any], people: Sequence[tuple[Pair, Mapping[str, Any]]], region: str
) -> tuple[Phone, ...]:
    """All numbers that can be read, the item's own first; each once."""
    found: dict[str, Phone] = {}
    for owner, holder in [("", card), *((_name(pair[0], person), person) for pair, person in people)]:
        for written in crm.values(holder, "PHONE"):
            for number in phones.split(written):
                digits = phones.digits(number, region)
                if digits and len(found) < MOST_PHONES:
                    found.setdefault(digits, Phone(digits, owner))
    return tuple(found.values())


# --- values


def _own(item: Pair, card: Mapping[str, Any], described: Any, language: str) -> Iterator[Value]:
    yield Value(_NUMBER[0].to(language), str(item[1]), _NUMBER[1])
    for name, (title, words) in _TITLES.items():
        if text := shown(card.get(name), is_day=name.endswith("date")):
            yield Value(title.to(language), text, words)
    fields = described.get("fields") if isinstance(described, Mapping) else None
    for name, field in fields.items() if isinstance(fields, Mapping) else ():
        if not str(name).lower().startswith("uf") or not isinstance(field, Mapping) or field.get("type") not in _READ:
            continue
        if text := shown(card.get(name), field.get("items"), is_day=field["type"] == "date"):
            yield Value(str(field.get("title") or name)[:LONGEST], text)


def _about(
    item: Pair,
    person: Mapping[str, Any],
    people: Sequence[tuple[Pair, Mapping[str, Any]]],
    others: Mapping[str, Any],
    language: str,
) -> Iterator[Value]:
    first, last = crm.text(person, "name"), crm.text(person, "lastName")
    for name, text in (("first", first), ("whole", f"{first} {last}".strip())):
        if text:
            yield Value(_NAMES[name][0].to(language), text[:LONGEST], _NAMES[name][1])
    company = next((crm.text(card, "title") for pair, card in people if pair[0] == COMPANY), "")
    if company:
        yield Value(_COMPANY[0].to(language), company[:LONGEST], _COMPANY[1])
    found = others.get("manager")
    user = found[0] if isinstance(found, list) and found and isinstance(found[0], Mapping) else {}
    manager = " ".join(part for key in ("NAME", "LAST_NAME") if (part := crm.text(user, key)))
    if manager:
        yield Value(_MANAGER[0].to(language), manager[:LONGEST], _MANAGER[1])


def shown(value: Any, items: Any = None, *, is_day: bool = False) -> str:
    """A field's value as a person writes it; "" for what nobody would write to a client. items: of an enumeration."""
    if isinstance(value, list):
        return ", ".join(text for one in value[:10] if (text := shown(one, items, is_day=is_day)))[:LONGEST]
    if value is None or isinstance(value, bool | Mapping):
        return ""
    text = " ".join(str(value).split())
    for one in items if isinstance(items, list) else ():
        if isinstance(one, Mapping) and str(one.get("ID")) == text:
            return str(one.get("VALUE") or "")[:LONGEST]
    if day := _DAY.match(text):
        clock = f" {day[4]}" if day[4] and not is_day else ""
        return f"{day[3]}.{day[2]}.{day[1]}{clock}"
    if amount := _AMOUNT.fullmatch(text):
        is_money = "|" in text or isinstance(value, int | float)
        return _grouped(amount[1], amount[2] or "") if is_money else text
    return text[:LONGEST]


def _grouped(whole: str, part: str) -> str:
    """12480.5 → 12 480,50, and 0.0 → 0."""
    cents = f",{part[:2]:0<2}" if part.strip("0") else ""
    return f"{int(whole):,}".replace(",", "\N{NO-BREAK SPACE}") + cents
