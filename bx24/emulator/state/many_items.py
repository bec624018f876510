"""Thousands of clients for tests of lists: a contact with a phone for each, and an item that belongs to it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from bx24.emulator.state.crm import CONTACT, CREATED, DEAL, WITH_PHONES, Crm

_STAGES = ("NEW", "PREPARATION", "EXECUTING", "WON")
_FIRST_NAMES, _LAST_NAMES = ("Анна", "Борис", "Вера", "Глеб", "Дарья"), ("Лебедь", "Мороз", "Шевчук")
MOST = 200_000


def seed(crm: Crm, count: int, entity: int = DEAL) -> list[int]:
    """Add `count` items; their ids. Leads, contacts and companies have phones of their own, others one contact each.

    The phones are +7900 and seven digits, which begin at the first new id. One item is made each minute.
    """
    if not 0 < count <= MOST:
        raise ValueError(f"count: 1 to {MOST} expected, not {count}")
    made: list[int] = []
    begun = datetime.fromisoformat(CREATED)
    person = entity if entity in WITH_PHONES else CONTACT
    for number in range(count):
        common: dict[str, Any] = {"createdTime": (begun + timedelta(minutes=number)).isoformat()}
        names: dict[str, Any] = {"name": _FIRST_NAMES[number % 5], "lastName": _LAST_NAMES[number % 3]}
        client = crm.add(person, title=f"Клиент {number + 1}", **names, **common)
        client |= {"fm": crm.phone_rows([("MOBILE", f"+7900{client['id']:07d}")]), "hasPhone": "Y"}
        if person != entity:
            common |= {
                "opportunity": 1000 + number % 500,
                "currencyId": "RUB",
                "categoryId": 0,
                "contactId": client["id"],
            }
            common |= {"stageId": _STAGES[number % len(_STAGES)]} if entity == DEAL else {}
            made.append(crm.add(entity, title=f"Сделка {number + 1}", **common)["id"])
        else:
            made.append(client["id"])
    return made
