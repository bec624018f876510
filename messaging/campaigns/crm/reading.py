"""Reads an audience: its items with their clients' phones and the texts for a template, a page at a time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bx24.client import Client
from bx24.documents import crm_item_id
from bx24.php_values import number
from messaging.campaigns.crm import catalogue
from messaging.campaigns.crm.audience import CrmAudience
from messaging.campaigns.crm.catalogue import COMPANY, CONTACT, RELATED, Field, Words, plain
from messaging.campaigns.crm.filters import camel
from messaging.campaigns.crm.items import Card, read_items, read_people
from messaging.campaigns.crm.texts import contacts_of, ids_in, text_of
from messaging.portals import crm
from messaging.portals.crm import Pair
from robots import client as clients

#: People of one item who are looked at for a phone.
PEOPLE = 10
_PREFERRED = ("MOBILE", "WORK")
#: With fewer digits a text is no phone.
_DIGITS = 7
TEXT_MAX = 255


@dataclass(frozen=True)
class Row:
    """One item. item: as messages have it, DEAL_345. phone: as CRM has it, perhaps several in one text, "" without one.

    name: of the person whose phone it is. values: texts by the codes that were asked for. is_found: False if an id has no item.
    """

    item: str
    phone: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_found: bool = True


@dataclass(frozen=True)
class Page:
    """rows: 300 at most. cursor: for the next page, JSON. is_last: no more follow."""

    rows: list[Row]
    cursor: dict[str, int]
    is_last: bool


@dataclass(frozen=True)
class _Code:
    """A field that was asked for. owner: "", CONTACT or COMPANY. name: as crm.item.list has it."""

    given: str
    owner: str
    name: str


@dataclass(frozen=True)
class _Client:
    """Whose phone it is (who), and whose fields a code may name; each {} where there is nobody."""

    item: Card
    who: Card
    contact: Card
    company: Card

    def card(self, owner: str) -> Card:
        return {"": self.item, "CONTACT": self.contact, "COMPANY": self.company}[owner]


def read_page(
    client: Client, audience: CrmAudience, cursor: Mapping[str, int], fields: Sequence[str], lang: str
) -> Page:
    """The next items. cursor: of the page before, {} to begin. The same cursor finds the same items again.

    fields: codes of the item's fields, and of its contact and company (CONTACT.NAME), in either spelling; of several contacts
    the one whose phone it is, else the first. lang: of the portal, for dates and words. Two to four requests as a rule, more
    where people have no phones. Raises any Bx24Error, after which the page can be asked for again, and InvalidAudience.
    """
    codes = [_code(given, audience.entity_type_id) for given in fields]
    kinds = {"": audience.entity_type_id, **RELATED}
    asked = {code.owner: catalogue.fields_of(kinds[code.owner]) for code in codes}
    names = [code.name for code in codes if not code.owner]
    found = read_items(client, audience, cursor, names, {f"f{owner}": command for owner, command in asked.items()})
    people = _clients(client, found.cards, codes)
    texts = _Texts(codes, kinds, {owner: _known(found.answers[f"f{owner}"]) for owner in asked}, lang)
    words = texts.words(client, people)
    kind = audience.entity_type_id
    rows = [
        Row(crm_item_id(kind, number(one.item["id"])), _phone(one.who), _name(one.who), texts.of(one, words))
        for one in people
    ]
    rows += [Row(crm_item_id(kind, one), is_found=False) for one in found.missing]
    return Page(rows, found.cursor, found.is_last)


def _code(given: str, entity_type_id: int) -> _Code:
    """A code like CONTACT.NAME of a contact is its own NAME."""
    prefix, _, rest = given.rpartition(".")
    owner = prefix.upper() if RELATED.get(prefix.upper()) not in (None, entity_type_id) else ""
    return _Code(given, owner, camel(rest.removesuffix("_PRINTABLE")))


def _known(answer: Any) -> dict[str, Field]:
    return {plain(one.code): one for one in catalogue.described(answer)}


# --- whose phone -----------------------------------------------------------------------------------------------------------


def _clients(client: Client, items: Sequence[Card], codes: Sequence[_Code]) -> list[_Client]:
    """The client of each item: the first person with a phone, as for a robot (robots.client).

    First the first person of each item and the people whose fields are wanted are read; then the others, if no phone was found.
    """
    names = {kind: [code.name for code in codes if code.owner == owner] for owner, kind in RELATED.items()}
    chains = [clients.linked(item)[:PEOPLE] for item in items]
    named = [_related(item, names) for item in items]
    known = read_people(client, {*_flat(chain[:1] for chain in chains), *_flat(named)}, names)
    lacking = [chain[1:] for chain in chains if chain and not _phone(known.get(chain[0], {}))]
    known |= read_people(client, {*_flat(lacking)} - known.keys(), names)
    return [_client(item, chain, known) for item, chain in zip(items, chains, strict=True)]


def _flat(chains: Iterable[Sequence[Pair]]) -> list[Pair]:
    return [pair for chain in chains for pair in chain]


def _related(item: Card, names: Mapping[int, Sequence[str]]) -> list[Pair]:
    """The item's first contact and company, each only if one of its fields is wanted."""
    people = clients.linked({**item, "fm": None})
    firsts = (next((pair for pair in people if pair[0] == kind), None) for kind in (CONTACT, COMPANY) if names[kind])
    return [pair for pair in firsts if pair is not None]


def _client(item: Card, chain: Sequence[Pair], known: Mapping[Pair, Card]) -> _Client:
    person = next((pair for pair in chain if _phone(known.get(pair, {}))), None)
    people = clients.linked({**item, "fm": None})
    contacts = [pair for pair in people if pair[0] == CONTACT]
    contact = person if person in contacts else next(iter(contacts), None)
    company = next((pair for pair in people if pair[0] == COMPANY), None)
    who = known[person] if person is not None else item
    return _Client(item, who, _card(known, contact), _card(known, company))


def _card(known: Mapping[Pair, Card], pair: Pair | None) -> Card:
    return known.get(pair, {}) if pair is not None else {}


def _phone(card: Card) -> str:
    """One phone of a card: a mobile one, else one of work, else the first; with few digits only if there is no other."""
    rows = [row for row in crm.rows_of(card) if row.get("typeId") == "PHONE" and crm.text(row, "value")]
    order = {kind: place for place, kind in enumerate(_PREFERRED)}
    rows.sort(key=lambda row: order.get(str(row.get("valueType")).upper(), len(order)))
    phones = [crm.text(row, "value") for row in rows]
    likely = (phone for phone in phones if sum(map(str.isdecimal, phone)) >= _DIGITS)
    return next(likely, next(iter(phones), ""))[:TEXT_MAX]


def _name(card: Card) -> str:
    """A person's name, else the card's title."""
    name = " ".join(part for key in ("name", "lastName") if (part := crm.text(card, key)))
    return (name or crm.text(card, "title"))[:TEXT_MAX]


# --- the texts -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Texts:
    """known: the fields of each owner by their plain codes."""

    codes: Sequence[_Code]
    kinds: Mapping[str, int]
    known: Mapping[str, Mapping[str, Field]]
    lang: str

    def words(self, client: Client, people: Sequence[_Client]) -> Words:
        """The words for all ids on the page, by one batch more if there are any."""
        found = {
            ids
            for code in self.codes
            if (field := self._field(code)) is not None
            for one in people
            for ids in ids_in(field, _value(one.card(code.owner), code.name), self.kinds[code.owner])
        }
        directories = {directory for directory, _ in found if directory}
        return catalogue.words_of(client, directories, {int(user) for _, user in found if user})

    def of(self, one: _Client, words: Words) -> dict[str, str]:
        return {code.given: self._text(one.card(code.owner), code, words) for code in self.codes}

    def _text(self, card: Card, code: _Code, words: Words) -> str:
        if code.name.upper() in ("PHONE", "EMAIL"):
            return contacts_of(card, code.name.upper())
        return text_of(self._field(code), _value(card, code.name), self.kinds[code.owner], words, self.lang)

    def _field(self, code: _Code) -> Field | None:
        return self.known.get(code.owner, {}).get(plain(code.name))


def _value(card: Card, name: str) -> Any:
    key = plain(name)
    return card.get(name, next((value for known, value in card.items() if plain(known) == key), None))
