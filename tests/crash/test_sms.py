"""Messages that Bitrix24 hands over while everything is killed with -9: each leaves once, and the portal learns its end once.

The portal hands over again what got no answer, as the cloud does now and then, and some that we had taken already.
CRASH_CALLS as large as `make crash` plays it.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import select

from messaging.store.models import Message
from messaging.store.portal_tasks import PortalTask
from messaging.store.provider import ProviderMessage, ProviderState
from tests.crash.processes import kill, until
from tests.crash.rig import TEMPLATE, Shop, Town
from tests.crash.test_crashes import SEED, TOWNS

SCOPE = ["bizproc", "crm", "messageservice", "user_brief", "placement"]
#: `make crash` plays more of both than `make test`.
MESSAGES, BLOWS = (int(os.environ["CRASH_CALLS"]) // 4, 4) if "CRASH_CALLS" in os.environ else (24, 2)
#: Every so manieth message is handed over again though it was taken.
TWICE = 7


class Sender:
    """The portal, which sends its "SMS" by our line."""

    def __init__(self, town: Town, shop: Shop) -> None:
        self.town, self.shop = town, shop
        self.texts: dict[int, str] = {}

    @property
    def ready(self) -> bool:
        found = self.town.get(f"{self.shop.portal}/emulator/senders")["senders"]
        return [one["code"] for one in found] == [f"waba24_{self.shop.line_id}"]

    def send(self, number: int) -> None:
        name = f"{self.shop.app}-sms-{number}"
        macro = f"[template=ru]{TEMPLATE['name']}[/template][body]{name}[/body][body]A-17[/body]"
        code = f"waba24_{self.shop.line_id}"
        body = {"code": code, "phone": f"+7912{number % 9 + 1000001}", "text": macro}
        self.texts[self.town.post(f"{self.shop.portal}/emulator/sms/send", body)["message"]["id"]] = name

    def again(self, number: int) -> None:
        self.town.post(f"{self.shop.portal}/emulator/sms/{number}/again")

    def all(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.town.get(f"{self.shop.portal}/emulator/sms")["messages"]
        return found

    def hand_over_the_rest(self) -> bool:
        """Hand over again what has no answer 200; whether there is nothing left of it."""
        left = [one["id"] for one in self.all() if 200 not in one["answers"]]
        for number in left:
            self.again(number)
        return not left


@pytest.mark.parametrize("where", TOWNS)
def test_what_is_answered_200_leaves_once_under_kill_9(where: str, request: pytest.FixtureRequest) -> None:
    town: Town = request.getfixturevalue(where)
    chance = random.Random(SEED)
    top = town.serve()
    shop = town.open_shop(pace=40, scope=SCOPE)
    town.post(f"{shop.portal}/emulator/faults", {"retry_until_200": False})
    # What Gupshup tells while nobody listens is told again, or a message would have no end.
    town.gupshup_faults(latency_ms=100, auto_read_ms=0, retries=50)
    sender = Sender(town, shop)
    until("the line is a sender", lambda: sender.ready)
    begun = time.monotonic()
    for part in range(BLOWS):
        for number in range(part * MESSAGES // BLOWS, (part + 1) * MESSAGES // BLOWS):
            sender.send(number)
        for number in list(sender.texts)[::TWICE]:
            sender.again(number)
        until("some are sent", lambda part=part: town.sent() >= part * MESSAGES // BLOWS + 1, 60)
        for pid in chance.sample(top.family(), len(top.family())):
            kill(pid)
        top.destroy()
        top = town.serve()
    until("each was answered 200", sender.hand_over_the_rest, 60, 1.0)
    until("everything has an end that the portal knows", lambda: is_over(town), 90 + MESSAGES / 4, 0.5)

    accepted = Counter(str(message["template"]["params"][0]) for message in town.accepted([shop]))
    rows = stored(town)
    assert len(rows) == len(sender.texts), "one message for each that was handed over, however often"
    assert max(accepted.values()) == 1, "nothing left twice"
    unclear = sum(row.status == "unknown" for row in rows)
    assert len(accepted) >= len(rows) - unclear, "only what a killed worker had in its hands may be unclear"
    assert unclear <= BLOWS * 8, "eight sends in flight at most at each blow"
    for message in sender.all():
        told = [status for status in message["statuses"] if status != "sent"]
        handed_over = len(message["answers"])
        assert len(told) <= handed_over + REPEATED_BY_A_CRASH, (message["statuses"], handed_over)
        assert set(told) <= {"delivered"}, message["statuses"]
    ends = [message["statuses"][-1] for message in sender.all()]
    assert ends.count("delivered") == sum(row.status in ("delivered", "read") for row in rows)
    print(
        f"\n{where}: seed {SEED}, {len(rows)} messages, {len(accepted)} left once, {unclear} unclear, "
        f"{sum(len(one['answers']) for one in sender.all())} times handed over, {time.monotonic() - begun:.0f} s"
    )


#: A status whose answer a killed worker has not seen is told once more: the portal shows the same afterwards.
REPEATED_BY_A_CRASH = 1


def stored(town: Town) -> list[Message]:
    with town.runtime.db.read() as session:
        return list(session.scalars(select(Message).where(Message.origin == "provider")))


def is_over(town: Town) -> bool:
    """Nothing waits to become a message, to be sent, or to be told."""
    with town.runtime.db.read() as session:
        waiting = session.scalars(select(ProviderMessage.id).where(ProviderMessage.state == ProviderState.STORED)).all()
        open_tasks = session.scalars(
            select(PortalTask.id).where(PortalTask.kind == "provider", PortalTask.state.not_in(("done", "failed")))
        ).all()
        statuses = Counter(session.scalars(select(Message.status).where(Message.origin == "provider")))
    ends = statuses["delivered"] + statuses["read"] + statuses["failed"] + statuses["unknown"]
    return not waiting and not open_tasks and ends == statuses.total() > 0
