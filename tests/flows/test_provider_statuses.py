"""The message provider tells the portal what became of a message: never down, once, and also later."""
"""The message provider: each message leaves once and in order, and the portal learns what became of it."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import update

from messaging.store.models import Message
from messaging.store.portal_tasks import PortalTask, change
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
from messaging.store.provider import ProviderMessage
    PHONES,
    jump_clock,
    open_windows,
    post_webhook,
    rest_calls,
    set_portal_faults,
    status_payload,
)
from tests.flows.sms import Sms


@ONE_DATABASE
from tests.flows.sms import Sms, texts
from tests.support.world import World
MACRO = "[template=ru]order_ready[/template][body]Ольга[/body][body]512[/body]"
@pytest.fixture
def sms(shop: World) -> Sms:
    return Sms(shop)
# --- once, and in order ----------------------------------------------------------------------------------------------------
def test_twenty_repetitions_make_one_message(sms: Sms) -> None:
    world = sms.world
    open_windows(world, OLGA)
    number = sms.send("Ваш заказ готов")["id"]
    for _ in range(20):
        sms.again(number)
    world.advance_clock(30)
    assert texts(world) == ["Ваш заказ готов"]
    assert len(world.stored_rows(ProviderMessage)) == 1
    [message] = sms.all()
    assert message["answers"] == [200] * 21
def test_a_repetition_after_the_status_is_told_the_status_again(sms: Sms) -> None:
    world = sms.world
    open_windows(world, OLGA)
    number = sms.send("Ваш заказ готов")["id"]
    world.advance_clock(15)
    assert sms.statuses() == [["sent", "delivered"]]
    sms.again(number)  # the portal notes its own "sent"
    world.advance_clock(30)
    assert sms.statuses() == [["sent", "delivered", "sent", "delivered"]]
    assert len(world.sent) == 1
def test_messages_of_one_client_leave_in_their_order(sms: Sms) -> None:
    world = sms.world
    open_windows(world, OLGA, PHONES[0])
    wanted = [f"Часть {number}" for number in range(8)]
    for text in wanted:
        sms.send(text)
        sms.send(f"{text}!", phone=PHONES[0])
    world.advance_clock(30)
    assert [text for text in texts(world) if not text.endswith("!")] == wanted
    assert [text for text in texts(world) if text.endswith("!")] == [f"{text}!" for text in wanted]
def test_a_message_that_must_wait_holds_up_those_behind_it(sms: Sms) -> None:
    world = sms.world
    open_windows(world, OLGA, PHONES[0])
    for text, phone in (("Первое", OLGA), ("Второе", OLGA), ("Другому", PHONES[0])):
        sms.send(text, phone=phone)
    world.now += timedelta(seconds=1)
    world.bx.deliver_due()
    later = world.now + timedelta(seconds=30)
    with world.runtime.db.write() as session:
        session.execute(update(ProviderMessage).where(ProviderMessage.id == 1).values(due_at=later))
    world.advance_clock(10)
    assert texts(world) == ["Другому"]
    world.advance_clock(25)
    assert texts(world) == ["Другому", "Первое", "Второе"]
def test_a_worker_that_dies_at_any_step_sends_each_message_once(sms: Sms) -> None:
    world, order = sms.world, random.Random(7)
    open_windows(world, OLGA, *PHONES[:3])
    for number in range(12):
        sms.send(f"Сообщение {number}", phone=(OLGA, *PHONES[:3])[number % 4])
        world.bx.deliver_due()
        for _ in range(order.randrange(3)):
            world.drain.round([], lambda stage, task: None)  # claims what is due, and is killed
            world.replace_worker()
            jump_clock(world, 40)
    jump_clock(world, *[200] * 6)
    accepted = Counter(texts(world))
    rows = sms.rows()
    assert len(rows) == 12
    assert max(accepted.values()) == 1, "nothing twice"
    lost = [row for row in rows if row.status == "unknown"]
    assert len(accepted) + len(lost) >= 12, "what was in flight is unclear, the rest was sent"
    told = [statuses[-1] for statuses in sms.statuses()]
    assert told.count("delivered") == sum(row.status in ("delivered", "read") for row in rows)
# --- statuses back ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("code", "status"), [(131026, "undelivered"), (470, "undelivered"), (1002, "failed")])
def test_what_whatsapp_took_and_could_not_deliver_is_undelivered(sms: Sms, code: int, status: str) -> None:
    world = sms.world
    world.set_gupshup_faults(drop_statuses=["enqueued", "sent", "delivered"])
    open_windows(world, OLGA)
    sms.send("Ваш заказ готов")
    world.advance_clock(2)
    post_webhook(world, status_payload("failed", world.sent[0].id, code=code, reason="refused"))
    world.advance_clock(10)
    assert sms.statuses() == [["sent", status]]
    assert sms.rows()[0].status == "failed"


@ONE_DATABASE
def test_what_gupshup_refuses_at_once_is_failed(sms: Sms) -> None:
    world = sms.world
    open_windows(world, OLGA)
    world.set_gupshup_faults(next=["400"])
    sms.send("Ваш заказ готов")
    world.advance_clock(20)
    assert world.sent == []
    assert sms.statuses() == [["sent", "failed"]]


@pytest.mark.parametrize("seed", range(4))
def test_statuses_in_any_order_never_go_down(sms: Sms, seed: int) -> None:
    world = sms.world
    world.set_gupshup_faults(drop_statuses=["enqueued", "sent", "delivered"])
    open_windows(world, OLGA)
    sms.send("Ваш заказ готов")
    world.advance_clock(2)
    events = ["sent", "delivered", "read", "failed"] * 5
    random.Random(seed).shuffle(events)
    events.remove("delivered")
    events.insert(0, "delivered")  # a failure before would be final: nothing is delivered after it
    for event in events:
        inner = {"code": 131026, "reason": "refused"} if event == "failed" else {}
        post_webhook(world, status_payload(event, world.sent[0].id, at=world.now, **inner))
        world.advance_clock(7)
    assert sms.statuses() == [["sent", "delivered"]]


def test_a_lower_status_is_never_told_after_a_higher_one(sms: Sms) -> None:
    """Whatever a row says: the portal would take it."""
    world = sms.world
    open_windows(world, OLGA)
    sms.send("Ваш заказ готов")
    world.advance_clock(15)
    [row] = sms.rows()
    with world.runtime.db.write() as session:
        session.execute(update(Message).where(Message.id == row.id).values(status="sent"))
        change(session, row.portal_id, [f"provider {row.origin_id}"], world.now)
    world.advance_clock(15)
    assert sms.statuses() == [["sent", "delivered"]]


def test_delivered_before_sent_was_told_is_told_alone(sms: Sms) -> None:
    world = sms.world
    open_windows(world, OLGA)
    sms.send("Ваш заказ готов")
    world.advance_clock(20)
    [call] = rest_calls(world, "messageservice.message.status.update")
    assert "delivered" in str(call.body)
    assert next(row.status for row in sms.rows()) in ("delivered", "read")


def test_a_portal_that_does_not_answer_learns_the_status_later(sms: Sms) -> None:
    world = sms.world
    open_windows(world, OLGA)
    set_portal_faults(world, errors={"messageservice.message.status.update": ["INTERNAL_SERVER_ERROR"] * 2})
    sms.send("Ваш заказ готов")
    world.advance_clock(300)
    assert sms.statuses() == [["sent", "delivered"]]


def test_a_message_that_the_portal_has_forgotten_is_no_trouble(sms: Sms) -> None:
    world = sms.world
    open_windows(world, OLGA)
    set_portal_faults(world, errors={"messageservice.message.status.update": ["ERROR_MESSAGE_NOT_FOUND"]})
    sms.send("Ваш заказ готов")
    world.advance_clock(60)
    [task] = [task for task in world.stored_rows(PortalTask) if task.kind == "provider"]
    assert (task.state, task.result["forgotten"]) == ("done", True)


def test_over_the_quota_nothing_is_sent_and_the_portal_learns_it(sms: Sms) -> None:
    world = sms.world
    open_windows(world, OLGA)
    world.runtime.call_quota = type(world.runtime.call_quota)(1)
    sms.send("Первое")
    sms.send("Второе")
    world.advance_clock(20)
    assert len(world.sent) == 1
    assert sms.statuses() == [["sent", "delivered"], ["sent", "failed"]]
