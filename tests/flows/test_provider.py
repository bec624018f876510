"""The message provider: what CRM itself sends as "SMS" goes out by WhatsApp, once, and its statuses come back."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import update

from bx24.payloads import Auth, EventCall
from messaging.intake import timeline_clicks
from messaging.lines import lines
from messaging.policy import settings
from messaging.store.models import Portal
from messaging.store.provider import ProviderMessage
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    jump_clock,
    open_windows,
    rest_calls,
)
from tests.flows.sms import Sms, texts
from tests.support.world import APP, World

MACRO = "[template=ru]order_ready[/template][body]Ольга[/body][body]512[/body]"


# --- registration ----------------------------------------------------------------------------------------------------------


@ONE_DATABASE
def test_each_line_is_a_sender_under_its_name_with_its_number(sms: Sms) -> None:
    world = sms.world
    [sender] = sms.senders()
    assert sender["code"] == f"waba24_{world.line.id}"
    assert sender["NAME"] == "acmeshop (+79001112233)"
    assert sender["HANDLER"] == f"{APP}/provider/{world.line.id}"
    assert "шаблон" in sender["DESCRIPTION"]


def test_a_renamed_line_is_renamed_and_a_removed_one_goes(sms: Sms) -> None:
    world = sms.world
    first = world.line
    second = world.connect_line("acmesecond", "79001112244", seconds=2)
    assert [one["code"] for one in sms.senders()] == [f"waba24_{first.id}", f"waba24_{second.id}"]
    lines.rename(world.runtime, second.id, "Опт")
    world.advance_clock(2)
    assert [one["NAME"] for one in sms.senders()] == ["acmeshop (+79001112233)", "Опт (+79001112244)"]
    lines.remove(world.runtime, first.id)
    world.advance_clock(32)
    assert [one["code"] for one in sms.senders()] == [f"waba24_{second.id}"]


@ONE_DATABASE
def test_a_portal_without_the_scope_loses_nothing_else(shop: World) -> None:
    with shop.runtime.db.read() as session:
        registration = session.get_one(Portal, shop.line.portal_id).registration or {}
    assert registration["failed"] == {}
    assert not rest_calls(shop, "messageservice")


# --- sending ---------------------------------------------------------------------------------------------------------------


def test_a_text_from_a_card_is_sent_and_its_status_comes_back(sms: Sms) -> None:
    world = sms.world
    open_windows(world, OLGA)
    sms.send("Ваш заказ готов")
    world.advance_clock(10)
    assert texts(world) == ["Ваш заказ готов"]
    [message] = sms.all()
    assert message["statuses"] == ["sent", "delivered"]
    assert message["answers"] == [200]
    [row] = sms.rows()
    assert (row.origin, row.item, row.action, row.timeline) == ("provider", "DEAL_1", "send_text", True)
    [handed] = world.stored_rows(ProviderMessage)
    assert (handed.state, handed.content) == ("sent", None)


@ONE_DATABASE
def test_the_portals_own_robot_has_no_author_and_works(sms: Sms) -> None:
    world = sms.world
    open_windows(world, OLGA)
    flow = sms.robot("Заказ {=Document:ID} готов")
    world.advance_clock(10)
    assert flow.state == "completed"
    assert texts(world) == ["Заказ 1 готов"]
    [message] = sms.all()
    assert (message["author_id"], message["statuses"]) == (None, ["sent", "delivered"])
    [row] = sms.rows()
    assert row.item == "DEAL_1"


@ONE_DATABASE
def test_marketing_has_no_item(sms: Sms) -> None:
    world = sms.world
    open_windows(world, PHONES[0])
    sms.send("Скидки", phone=PHONES[0], module="sender")
    world.advance_clock(10)
    assert sms.statuses() == [["sent", "delivered"]]
    assert sms.rows()[0].item == ""


@ONE_DATABASE
def test_a_macro_leaves_as_its_template_whatever_the_window(sms: Sms) -> None:
    world = sms.world
    sms.send(MACRO)
    world.advance_clock(10)
    [sent] = world.sent
    assert sent.template["params"] == ["Ольга", "512"]
    assert sms.statuses() == [["sent", "delivered"]]
    assert sms.rows()[0].template == "order_ready"


def test_outside_the_window_a_text_fails_with_the_remedy_in_the_timeline(sms: Sms) -> None:
    world = sms.world
    sms.send("Ваш заказ готов")
    world.advance_clock(20)
    assert world.sent == []
    assert sms.statuses() == [["sent", "failed"]]
    [row] = sms.rows()
    assert (row.status, row.error_code) == ("failed", "window_closed")
    assert "шаблон для свободных текстов" in row.error_reason
    [card] = [one for one in world.portal.timeline.activities.values() if one.is_configurable]
    assert "шаблон для свободных текстов" in str(card.layout)
    assert "Ваш заказ готов" in str(card.layout)


def test_outside_the_window_the_lines_template_takes_the_text(sms: Sms) -> None:
    world = sms.world
    sms.configure(template_id=sms.add_template())
    world.advance_clock(20)
    sms.send("Заказ\nготов [1] уже")
    world.advance_clock(10)
    [sent] = world.sent
    assert sent.template["params"] == ["Заказ готов [1] уже"]
    assert sms.statuses() == [["sent", "delivered"]]
    open_windows(world, OLGA)
    sms.send("Второй")
    world.advance_clock(10)
    assert texts(world)[-1] == "Второй", "inside the window it is a text again"


@ONE_DATABASE
def test_a_number_in_brackets_is_no_number_of_a_variable(sms: Sms) -> None:
    world = sms.world
    sms.configure(template_id=sms.add_template())
    world.advance_clock(20)
    sms.send("[5] звёзд")
    world.advance_clock(10)
    assert world.sent[0].template["params"] == ["[5] звёзд"]


@ONE_DATABASE
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[template=ru]order_ready[/template][body]Ольга[/body]", "template_params"),
        ("[template=ru]нет такого[/template]", "template_not_found"),
        ("[body]Ольга[/body]", "value_invalid"),
        ("я" * 4097, "text_too_long"),
    ],
)
def test_what_cannot_be_sent_is_failed_and_says_why(sms: Sms, text: str, code: str) -> None:
    world = sms.world
    open_windows(world, OLGA)
    world.advance_clock(20)
    sms.send(text)
    world.advance_clock(20)
    assert world.sent == []
    assert sms.statuses() == [["sent", "failed"]]
    [row] = sms.rows()
    assert (row.status, row.error_code) == ("failed", code)
    assert row.error_reason


@ONE_DATABASE
@pytest.mark.parametrize(("text", "is_offered"), [("Заказ готов", True), (MACRO[:-2], False), ("я" * 4097, False)])
def test_only_what_is_a_message_can_be_sent_again(sms: Sms, text: str, is_offered: bool) -> None:
    """A broken macro must never reach a client as it stands, nor a text that was cut off."""
    world = sms.world
    sms.send(text)
    world.advance_clock(20)
    [card] = [one for one in world.portal.timeline.activities.values() if one.is_configurable]
    assert ("resend" in str(card.layout)) is is_offered
    open_windows(world, OLGA)
    [row] = sms.rows()
    data = {"id": "resend", "message": str(row.id), "activityId": str(card.id)}
    call = EventCall(timeline_clicks.EVENT, data, None, Auth(""))
    timeline_clicks.clicked(world.runtime, world.stored_rows(Portal)[0], call)
    world.advance_clock(10)
    assert len(world.sent) == int(is_offered)


@ONE_DATABASE
@pytest.mark.parametrize(("phone", "text"), [("не телефон", "Привет"), (f"+{OLGA}", "  ")])
def test_what_names_no_client_or_has_no_text_is_failed(sms: Sms, phone: str, text: str) -> None:
    open_windows(sms.world, OLGA)
    sms.send(text, phone=phone)
    sms.world.advance_clock(10)
    assert sms.world.sent == []
    assert sms.statuses() == [["sent", "failed"]]
    assert sms.rows() == []


def test_a_client_who_has_opted_out_gets_nothing(sms: Sms) -> None:
    world = sms.world
    open_windows(world, OLGA)
    world.client_replies(OLGA, "стоп")
    world.advance_clock(2)
    sms.send("Ваш заказ готов")
    world.advance_clock(10)
    assert world.sent == []
    assert sms.statuses() == [["sent", "failed"]]
    assert sms.rows()[0].error_code == "opted_out"


def test_quiet_hours_hold_or_drop_as_the_line_says(sms: Sms) -> None:
    world = sms.world
    open_windows(world, OLGA)
    settings.change(
        world.runtime,
        world.line.portal_id,
        quiet_from="00:00",
        quiet_to="23:59",
        time_zone="UTC",
        country_zones={"RU": "UTC"},
    )
    sms.configure(quiet="drop")
    sms.send("Ночью")
    world.advance_clock(10)
    assert [row.error_code for row in sms.rows()] == ["quiet_hours"]
    sms.configure(quiet="hold")
    sms.send(MACRO)  # a template: whatever the window is by then
    world.advance_clock(10)
    assert world.sent == []
    [_, held] = world.stored_rows(ProviderMessage)
    assert held.state == "stored"
    jump_clock(world, (held.due_at - world.now).total_seconds() + 1, 5)
    assert [one.template["params"] for one in world.sent] == [["Ольга", "512"]]


def test_a_removed_line_fails_and_sends_nothing(sms: Sms) -> None:
    world = sms.world
    second = world.connect_line("acmesecond", "79001112244", seconds=2)
    open_windows(world, OLGA)
    sms.send("Ваш заказ готов", code=f"waba24_{second.id}")
    lines.remove(world.runtime, second.id)
    world.advance_clock(10)
    assert world.sent == []
    assert [row.error_code for row in sms.rows()] == ["line_not_connected"]
    assert sms.statuses() == [["sent", "failed"]], "the portal takes no status of a sender that it does not know"
    world.advance_clock(30)
    assert f"waba24_{second.id}" not in [one["code"] for one in sms.senders()]


def test_what_is_queued_on_a_line_that_is_removed_fails_in_the_portal_too(sms: Sms) -> None:
    world = sms.world
    second = world.connect_line("acmesecond", "79001112244", seconds=2)
    lines.pause(world.runtime, second.id)
    sms.send(MACRO, code=f"waba24_{second.id}")
    world.advance_clock(3)
    assert [row.status for row in sms.rows()] == ["queued"]
    lines.remove(world.runtime, second.id)
    world.advance_clock(60)
    assert sms.statuses() == [["sent", "failed"]]
    assert f"waba24_{second.id}" not in [one["code"] for one in sms.senders()]


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


# --- the quota -------------------------------------------------------------------------------------------------------------


def test_over_the_quota_nothing_is_sent_and_the_portal_learns_it(sms: Sms) -> None:
    world = sms.world
    open_windows(world, OLGA)
    world.runtime.call_quota = type(world.runtime.call_quota)(1)
    sms.send("Первое")
    sms.send("Второе")
    world.advance_clock(20)
    assert len(world.sent) == 1
    assert sms.statuses() == [["sent", "delivered"], ["sent", "failed"]]
