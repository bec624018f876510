"""The message provider tells the portal what became of a message: never down, once, and also later."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import update

from messaging.store.models import Message
from messaging.store.portal_tasks import PortalTask, change
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    open_windows,
    post_webhook,
    rest_calls,
    set_portal_faults,
    status_payload,
)
from tests.flows.sms import Sms


@ONE_DATABASE
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
