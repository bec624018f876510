"""What messages cost: the estimate when they are planned, and what Gupshup bills afterwards."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import update

from messaging.money import prices
from messaging.money.table import Rate
from messaging.store.models import InboundEvent, Message
from tests.flows.scenes import (
    OLGA,
    PHONES,
    add_template,
    open_windows,
    post_webhook,
    status_payload,
    template_robot,
    text_robot,
)
from tests.support.world import World

#: A template and Gupshup's fee, in millionths.
PRICE, FEE = 40_000, 1_000
DAY = date(2026, 1, 1)


def bill(gs_id: str, **deductions: Any) -> dict[str, Any]:
    """The payload of a billing event."""
    said = {"type": "regular", "model": "PMP", "source": "whatsapp", "billable": True, "category": "utility"}
    return {"deductions": said | deductions, "references": {"id": f"wamid.{gs_id}", "gsId": gs_id}}


def own(shop: World, *rates: Rate) -> None:
    prices.put(shop.runtime, shop.line.portal_id, rates, 1)


def money(message: Message) -> tuple[int | None, int | None, str, int | None, str]:
    return message.estimate, message.cost, message.currency, message.billed, message.billed_category


def quiet(shop: World) -> None:
    """Gupshup sends no bills by itself."""
    shop.set_gupshup_faults(billing=False)


def test_a_robots_template_is_estimated_and_then_billed(shop: World) -> None:
    shop.robots_start(template_robot())
    shop.advance_clock(1)
    [message] = shop.stored_rows(Message)
    assert money(message) == (PRICE + FEE, PRICE + FEE, "USD", None, "")
    shop.advance_clock(3)
    [message] = shop.stored_rows(Message)
    assert money(message) == (PRICE + FEE, PRICE + FEE, "USD", 1, "utility")


@pytest.mark.parametrize(
    ("deductions", "expected"),
    [
        ({"billable": False, "type": "free_customer_service"}, (FEE, 0, "utility")),
        ({"billable": "false"}, (FEE, 0, "utility")),
        ({"billable": "true"}, (PRICE + FEE, 1, "utility")),
        ({"category": "marketing_lite"}, (80_200 + FEE, 1, "marketing_lite")),
        ({"category": "referral_conversion"}, (FEE, 1, "referral_conversion")),
        ({"category": "something_new"}, (None, 1, "something_new")),
    ],
)
def test_the_bill_says_what_a_message_costs(
    shop: World, deductions: dict[str, Any], expected: tuple[int | None, int, str]
) -> None:
    quiet(shop)
    shop.robot_runs(template_robot()[0], **template_robot()[1])
    [message] = shop.stored_rows(Message)
    post_webhook(shop, bill(str(message.gupshup_id), **deductions), kind="billing-event")
    shop.advance_clock(1)
    [message] = shop.stored_rows(Message)
    assert (message.cost, message.billed, message.billed_category) == expected
    assert message.estimate == PRICE + FEE, "the estimate stays beside it"


def test_a_message_is_billed_once_whatever_is_repeated(shop: World) -> None:
    quiet(shop)
    shop.robot_runs(template_robot()[0], **template_robot()[1])
    [message] = shop.stored_rows(Message)
    for deductions in ({"billable": False}, {"billable": False}, {"billable": True, "category": "marketing"}):
        post_webhook(shop, bill(str(message.gupshup_id), **deductions), kind="billing-event")
        shop.advance_clock(1)
    [message] = shop.stored_rows(Message)
    assert (message.cost, message.billed, message.billed_category) == (FEE, 0, "utility")


def test_a_bill_that_comes_before_its_message_is_known_waits_for_it(shop: World) -> None:
    """The connection breaks after Gupshup has accepted: the message has no id until the first status tells it."""
    shop.set_gupshup_faults(next=["drop_after_accept"], drop_statuses=["enqueued", "sent", "delivered"])
    shop.robots_start(template_robot())
    shop.advance_clock(10)
    [message] = shop.stored_rows(Message)
    assert (message.gupshup_id, message.billed) == (None, None)
    [waiting] = [event for event in shop.stored_rows(InboundEvent) if event.label == "billing-event"]
    assert (waiting.state, waiting.ref) == ("stored", shop.sent[0].id), (
        "the record of a send wakes what waits for its id"
    )
    post_webhook(shop, status_payload("delivered", shop.sent[0].id, at=shop.now))
    shop.advance_clock(60)
    [message] = shop.stored_rows(Message)
    assert (message.billed, message.cost) == (1, PRICE + FEE)


def test_a_bill_an_hour_late_is_taken(shop: World) -> None:
    shop.set_gupshup_faults(billing_delay_ms=59 * 60 * 1000)
    shop.robot_runs(template_robot()[0], **template_robot()[1])
    [message] = shop.stored_rows(Message)
    assert message.billed is None
    shop.now = shop.now.replace(hour=shop.now.hour + 1)
    shop.advance_clock(1)
    [message] = shop.stored_rows(Message)
    assert message.billed == 1


def test_a_bill_of_somebody_elses_message_changes_nothing(shop: World) -> None:
    quiet(shop)
    shop.robot_runs(template_robot()[0], **template_robot()[1])
    other = shop.connect_line("othershop", "79004445566")
    [message] = shop.stored_rows(Message)
    post_webhook(shop, bill(str(message.gupshup_id)), kind="billing-event", line=other)
    shop.advance_clock(1)
    [message] = shop.stored_rows(Message)
    assert message.billed is None


def test_a_worker_that_dies_before_it_has_applied_a_bill_loses_nothing(shop: World) -> None:
    quiet(shop)
    shop.robot_runs(template_robot()[0], **template_robot()[1])
    [message] = shop.stored_rows(Message)
    post_webhook(shop, bill(str(message.gupshup_id)), kind="billing-event")
    shop.replace_worker()
    shop.advance_clock(60)
    [message] = shop.stored_rows(Message)
    assert message.billed == 1
    with shop.runtime.db.write() as session:  # as after a crash between applying and remembering that it was applied
        session.execute(update(InboundEvent).values(state="stored", due_at=shop.now))
    shop.advance_clock(1)
    assert money(message) == money(shop.stored_rows(Message)[0])


def test_a_session_message_costs_the_service_price_and_the_fee(shop: World) -> None:
    open_windows(shop)
    shop.robot_runs(text_robot()[0], **text_robot()[1])
    [message] = shop.stored_rows(Message)
    assert message.cost == PRICE + FEE, "since 2026-10-01 at the rate of utility"


def test_a_utility_template_inside_the_window_has_a_price_of_its_own(shop: World) -> None:
    own(shop, Rate("RU", "utility_window", DAY, 0, "USD"))
    open_windows(shop, OLGA)
    for phone in (OLGA, PHONES[0]):
        shop.robot_runs(template_robot()[0], **template_robot(phone)[1])
    inside, outside = shop.stored_rows(Message)
    assert (inside.estimate, outside.estimate) == (FEE, PRICE + FEE)


def test_a_price_that_is_changed_holds_for_the_next_message(shop: World) -> None:
    add_template(shop, "sale", "MARKETING")
    sale = template_robot(template="sale")
    shop.robot_runs(sale[0], **sale[1])
    own(shop, Rate("RU", "marketing", DAY, 90_000, "USD"))
    shop.robot_runs(sale[0], **{**sale[1], "phone": PHONES[0]})
    [(price_id, _)] = own_prices(shop)
    assert prices.remove(shop.runtime, shop.line.portal_id, price_id)
    shop.robot_runs(sale[0], **{**sale[1], "phone": PHONES[1]})
    assert [message.estimate for message in shop.stored_rows(Message)] == [81_200, 91_000, 81_200]


def own_prices(shop: World) -> Any:
    with shop.runtime.db.read() as session:
        return prices.own(session, shop.line.portal_id)


def test_a_message_without_a_price_has_no_cost(shop: World) -> None:
    shop.robot_runs(
        template_robot()[0], **template_robot(phone="+48512345678")[1]
    )  # Poland: not known since it changed
    [message] = shop.stored_rows(Message)
    assert money(message)[:3] == (None, None, "")
    assert message.status == "delivered"
