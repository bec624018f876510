"""A campaign over three lines while everything is killed with -9: nobody twice, nobody lost, and its counts add up.

CRASH_CLIENTS=20000 plays it as large as the contract asks. By default PostgreSQL plays a part of it: there a portion costs a
round trip for each statement, and what is to be seen is seen with fewer clients.
"""

from __future__ import annotations

import io
import os
import time
from collections import Counter
from dataclasses import dataclass

import pytest

from gupshup.tiers import UNLIMITED
from messaging.campaigns import changes, uploads
from messaging.campaigns.counts import Counts, counts
from messaging.policy import tier
from messaging.store.campaigns import Campaign
from messaging.store.models import Line
from tests.crash.processes import kill, until
from tests.crash.rig import Shop, Town
from tests.crash.test_crashes import CALLS

#: Database → how many clients.
TOWNS = {
    "town": int(os.environ.get("CRASH_CLIENTS", CALLS)),
    "postgres_town": int(os.environ.get("CRASH_CLIENTS", max(200, CALLS // 4))),
}
pytestmark = pytest.mark.skipif("CRASH_CALLS" not in os.environ, reason="takes minutes: `make crash` plays it")


@dataclass
class Mailing:
    """A campaign with a file of so many phones."""

    town: Town
    portal_id: int
    key: str
    clients: int

    @classmethod
    def begin(cls, town: Town, shops: list[Shop], clients: int) -> Mailing:
        runtime = town.runtime
        with runtime.db.read() as session:
            portal_id = session.get_one(Line, shops[0].line_id).portal_id
        rows = "".join(f"+7912{2000000 + number};Клиент {number}\n" for number in range(clients))
        file = uploads.save(runtime, portal_id, io.BytesIO(f"Телефон;Имя\n{rows}".encode()), "клиенты.csv")
        key = changes.create(runtime, portal_id, 1, "Рассылка")
        settings = {
            "line_ids": [shop.line_id for shop in shops],
            "template": "order_ready",
            "language": "ru",
            "mapping": {"params": [{"value": "Имя"}, "A-17"]},
            "audience": {"kind": "file", "file": file, "name": "клиенты.csv", "phone": "Телефон"},
        }
        changes.edit(runtime, portal_id, key, **settings)
        changes.start(runtime, portal_id, key)
        return cls(town, portal_id, key, clients)

    def look(self) -> tuple[Campaign, Counts]:
        with self.town.runtime.db.read() as session:
            campaign = changes.find(session, self.portal_id, self.key)
            return campaign, counts(session, campaign.id)

    def has_sent(self, share: float) -> bool:
        """Whether this part of the audience has left; the counts add up whenever they are asked for."""
        campaign, found = self.look()
        if campaign.state not in ("draft", "preparing"):
            assert found.audience == self.clients
        return found.sent >= share * self.clients

    def is_over(self) -> bool:
        campaign, found = self.look()
        assert found.audience == self.clients
        assert campaign.state in ("running", "finished"), (campaign.state, campaign.paused_reason)
        return campaign.state == "finished"


@pytest.mark.parametrize("where", TOWNS)
def test_a_campaign_under_kill_9(where: str, request: pytest.FixtureRequest) -> None:
    town: Town = request.getfixturevalue(where)
    top = town.serve()
    first = town.open_shop(pace=40)
    shops = [first, *(town.open_shop(pace=40, portal=first.portal) for _ in range(2))]
    for shop in shops:
        tier.set_by_admin(town.runtime, shop.line_id, UNLIMITED)
    town.gupshup_faults(latency_ms=50, retries=50)
    begun, clients = time.monotonic(), TOWNS[where]
    mailing = Mailing.begin(town, shops, clients)
    for share in (0.2, 0.6):
        until(f"{share:.0%} sent", lambda share=share: mailing.has_sent(share), 60 + clients / 10, 0.2)
        for pid in top.family():
            kill(pid)
        top.destroy()
        top = town.serve()
    until("the worker is at it again", lambda: mailing.has_sent(0.7), 60 + clients / 10, 0.2)
    robot = town.call(first, "79121999999")
    asked = time.monotonic()
    until("the robot's message has left", lambda: town.answered_of([robot]), 30, 0.02)
    robot_s = time.monotonic() - asked
    until("the campaign is over", mailing.is_over, 120 + clients / 10, 0.5)

    reached = Counter(message["destination"] for message in town.accepted(shops))
    assert max(reached.values()) == 1
    _, found = mailing.look()
    unclear = found.by_state["unknown"]
    print(
        f"\n{where}: {clients} clients in {time.monotonic() - begun:.0f} s, {found.sent} sent, {unclear} unclear, "
        f"a robot in the middle answered after {robot_s:.1f} s"
    )
    assert unclear <= 2 * 8 * 3, "only what killed workers had in their hands is unclear"
    assert len(reached) - 1 + unclear >= clients
