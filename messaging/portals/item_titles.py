"""What CRM items are called, and whose they are, for a list of them: two batches of REST calls for up to fifty items.

Asked with the app's own token, which sees all of CRM: only for people who may see all of it, administrators.
Bitrix24 docs: api-reference/crm/universal/crm-item-get.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bx24.client import Client
from messaging.portals import crm
from messaging.portals.crm import Cards, Pair
from robots import client

#: Characters of a title or a name that a list shows.
LONGEST = 60


@dataclass(frozen=True)
class Titled:
    """title: of the item; person: its first contact, else its company; each "" if there is none."""

    title: str
    person: str


def titles(rest: Client, items: Sequence[Pair]) -> dict[Pair, Titled]:
    """Those of these items that can be read. Raises Bx24Error if the portal cannot be asked."""
    cards = Cards(rest)
    cards.look(items)
    found = {item: card for item in items for card in cards.look([item]) if card}
    people = {item: next(iter(client.linked({**card, "fm": None})), None) for item, card in found.items()}
    cards.look([person for person in people.values() if person is not None])
    made = {}
    for item, card in found.items():
        person = people[item]
        known = next(iter(cards.look([person])), {}) if person is not None else {}
        title = _name(item[0], card)
        made[item] = Titled(title, _name(person[0], known) if person is not None else "")
    return made


def _name(kind: int, card: Mapping[str, Any]) -> str:
    person = " ".join(part for key in ("name", "lastName") if (part := crm.text(card, key)))
    return (person if kind == crm.CONTACT else crm.text(card, "title") or person)[:LONGEST]
