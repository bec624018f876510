"""What comes back in the CRM: triggers move deals once for each cause, timeline cards show messages and replies."""

from __future__ import annotations

import base64
import random
from datetime import timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import update

from bx24.emulator.state.crm import SMART_PROCESS
from messaging.lines import lines
from messaging.policy import settings
from messaging.store.models import Message, Portal
from messaging.store.portal_tasks import PortalTask
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    host,
    jump_clock,
    open_windows,
    post_webhook,
    rest_calls,
    set_portal_faults,
    start_each,
    status_payload,
    template_robot,
    text_robot,
)
from tests.flows.test_actions import PNG, tap
from tests.support.world import PORTAL, World

BUTTONS = ("robot.send_buttons", {"text": "Придёте?", "phone": OLGA, "buttons": ["Да|yes", "Нет|no"]})
EXECUTE = "crm.automation.trigger.execute"


def place(world: World, stage: str, *codes: str) -> None:
    """Put these triggers on a stage of the deals."""
    answer = world.control.post(
        "/emulator/stage-triggers",
        json={"stage": stage, "triggers": [{"code": code} for code in codes]},
        base_url=PORTAL,
    )
    assert answer.status_code < 300, answer.json


def executions(world: World) -> list[tuple[str, int, int]]:
    """Code, type and number of the item of each execution of a trigger."""
    return [(one.code, *one.owner) for one in world.portal.triggers.executions]


def stage_of(world: World, deal: int = 1) -> str:
    return str(world.portal.crm.items[2, deal]["stageId"])


def cards(world: World, item: tuple[int, int] = (2, 1)) -> list[Any]:
    """The activities in the timeline of an item, oldest first."""
    return sorted(world.portal.timeline.of(item), key=lambda one: one.id)


def tag(card: Any) -> tuple[str, str]:
    status = card.layout["header"].get("tags", {}).get("status", {})
    return status.get("title", ""), status.get("type", "")


def texts(card: Any) -> str:
    """All texts of the blocks of a card."""
    return " | ".join(_texts(card.layout["body"]["blocks"]))


def _texts(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [text for value in node.values() for text in _texts(value)]
    return [node] if isinstance(node, str) else []


def tasks(world: World, kind: str = "trigger") -> list[PortalTask]:
    return [task for task in world.stored_rows(PortalTask) if task.kind == kind]


def reply(world: World, name: str = "1", **more: Any) -> None:
    """The client's free text, which Gupshup tells as often as it likes."""
    payload = {"type": "text", "payload": {"text": "Приду"}, "sender": {"phone": OLGA, "name": "Ольга"}}
    post_webhook(world, {"id": f"in.{name}", "source": OLGA, **payload, **more}, kind="message")


@pytest.mark.parametrize("seed", range(3))
def test_twenty_repeats_in_any_order_with_deaths_between_move_the_deal_once(shop: World, seed: int) -> None:
    place(shop, "EXECUTING", "waba24_reply")
    place(shop, "WON", "waba24_reply")
    start_each(shop, template_robot())
    jump_clock(shop, 1)
    sent = shop.sent[0].id
    order = random.Random(seed)
    events = ["reply", "sent", "delivered", "read"] * 20
    order.shuffle(events)
    for event in events:
        if event == "reply":
            reply(shop, context={"gsId": sent})
        else:
            post_webhook(shop, status_payload(event, sent, at=shop.now))
        if order.random() < 0.3:
            shop.drain.round([], lambda stage, task: None)  # claims what is due, and is killed
            shop.replace_worker()
            jump_clock(shop, 40)
    jump_clock(shop, *[200] * 8)
    assert stage_of(shop) == "EXECUTING"
    assert sorted(set(executions(shop))) == sorted(executions(shop)), "each once"
    assert {code for code, *_ in executions(shop)} == {"waba24_reply", "waba24_delivered", "waba24_read"}
    assert len(cards(shop)) == 2
    assert tag(cards(shop)[0]) == ("Клиент ответил", "success")
    assert {task.state for task in shop.stored_rows(PortalTask)} == {"done"}


def test_a_tap_sets_off_two_triggers_on_the_item_of_the_run(shop: World) -> None:
    open_windows(shop)
    before = len(executions(shop))
    start_each(shop, BUTTONS)
    jump_clock(shop, 1)
    tap(shop, "button", number=-1, title="Да")
    jump_clock(shop, 1, 6, 10)
    assert [one for one in executions(shop)[before:] if one[0] in ("waba24_button", "waba24_reply")] == [
        ("waba24_button", 2, 1),
        ("waba24_reply", 2, 1),
    ]


@pytest.mark.parametrize(
    ("phone", "expected"),
    [
        pytest.param(OLGA, ("waba24_reply", 3, 1), id="the contact with this phone"),
        pytest.param(PHONES[0], None, id="nobody has it"),
    ],
)
def test_a_reply_to_nothing_goes_to_who_has_the_phone(
    shop: World, phone: str, expected: tuple[str, int, int] | None
) -> None:
    open_windows(shop, phone)
    jump_clock(shop, 6)
    assert executions(shop) == ([expected] if expected else [])
    assert {task.state for task in shop.stored_rows(PortalTask)} == {"done"}
    assert len(cards(shop, (3, 1))) == (expected is not None)


def spoil(world: World, word: str, fault: dict[str, Any]) -> None:
    """The portal's next request with this word in its body meets this fault."""

    def look(request: requests.PreparedRequest) -> None:
        if word in str(request.body):
            world.net.broken.clear()
            set_portal_faults(world, **fault)

    world.net.broken[host(PORTAL)] = look


@pytest.mark.parametrize(
    ("fault", "calls"),
    [
        pytest.param({"spoiled": {"batch": ["drop_after"]}}, 1, id="done, and the answer lost"),
        pytest.param({"errors": {EXECUTE: ["INTERNAL_SERVER_ERROR"]}}, 2, id="refused before it was done"),
    ],
)
def test_what_was_perhaps_done_is_looked_at_and_repeated_only_if_nothing_moved(
    shop: World, fault: dict[str, Any], calls: int
) -> None:
    place(shop, "EXECUTING", "waba24_reply")
    place(shop, "WON", "waba24_reply")
    start_each(shop, template_robot())
    jump_clock(shop, 1)
    jump_clock(shop, 10, 10)
    spoil(shop, "waba24_reply", fault)
    reply(shop, context={"gsId": shop.sent[0].id})
    jump_clock(shop, 1, 10, 10, 10, 200)
    assert stage_of(shop) == "EXECUTING"
    assert [code for code, *_ in executions(shop)].count("waba24_reply") == 1
    assert {task.state for task in tasks(shop)} == {"done"}
    assert len(rest_calls(shop, "waba24_reply")) >= calls


@ONE_DATABASE
@pytest.mark.parametrize(
    "fault", [pytest.param(["drop_after"], id="done"), pytest.param(["drop_before"], id="not done")]
)
def test_in_doubt_all_deals_of_a_contact_are_looked_at(shop: World, fault: list[str]) -> None:
    place(shop, "EXECUTING", "waba24_reply")
    place(shop, "WON", "waba24_reply")
    shop.portal.crm.items[2, 1] |= {"contactId": 2, "contactIds": [2, 1]}
    spoil(shop, "waba24_reply", {"spoiled": {"batch": fault}})
    open_windows(shop, OLGA)
    jump_clock(shop, 1, 10, 10, 200)
    assert stage_of(shop) == "EXECUTING"
    assert executions(shop) == [("waba24_reply", 3, 1)]
    assert {task.state for task in tasks(shop)} == {"done"}


@ONE_DATABASE
@pytest.mark.parametrize(("is_theirs", "count"), [(True, 0), (False, 1)])
def test_in_doubt_smart_processes_of_a_contact_are_looked_at(shop: World, is_theirs: bool, count: int) -> None:
    contacts = [1] if is_theirs else [2]
    shop.portal.crm.items[2, 1] |= {"contactId": 2, "contactIds": [2]}
    shop.portal.crm.add(SMART_PROCESS, 9, title="Доставка", contactIds=contacts, movedTime=shop.now.isoformat())
    spoil(shop, "waba24_reply", {"spoiled": {"batch": ["drop_before"]}})
    open_windows(shop, OLGA)
    jump_clock(shop, 1, 10, 10, 200)
    assert len(executions(shop)) == count
    assert {task.state for task in tasks(shop)} == {"done"}


@ONE_DATABASE
def test_whoever_is_no_administrator_any_more_delays_triggers_and_loses_none(shop: World) -> None:
    set_portal_faults(shop, errors={EXECUTE: ["ACCESS_DENIED"] * 2})
    start_each(shop, template_robot())
    jump_clock(shop, 1, 6)
    assert {task.state for task in tasks(shop)} == {"due"}
    jump_clock(shop, 310, 310)
    assert ("waba24_delivered", 2, 1) in executions(shop)
    assert {task.state for task in tasks(shop)} == {"done"}


def test_a_card_shows_how_far_the_message_has_come_with_one_add_and_few_updates(shop: World) -> None:
    start_each(shop, template_robot(until="read"))
    jump_clock(shop, 1)
    sent = shop.sent[0].id
    jump_clock(shop, 6)
    assert len(cards(shop)) == 1
    post_webhook(shop, status_payload("read", sent, at=shop.now))
    jump_clock(shop, 6, 6)
    (card,) = cards(shop)
    assert (card.origin_id, card.completed, card.incoming) == ("waba24-m1", True, False)
    assert tag(card) == ("Прочитано", "success")
    assert card.updates <= 2
    assert card.layout["header"]["title"] == "WhatsApp: шаблон клиенту"
    assert "Здравствуйте! Спасибо за заявку." in texts(card)
    assert card.layout["footer"]["buttons"]["story"]["action"]["actionParams"] == {"story": "1"}


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_card_is_added_once_though_nobody_knows_whether_it_was(shop: World, lost: str) -> None:
    start_each(shop, template_robot())
    jump_clock(shop, 1)
    if lost == "after":
        spoil(shop, "crm.activity.configurable.add", {"spoiled": {"batch": ["drop_after"]}})
    else:
        broken = requests.exceptions.ReadTimeout("late")
        shop.net.broken[host(PORTAL)] = lambda request: broken if "configurable" in str(request.body) else None
        jump_clock(shop, 6)
        shop.net.broken.clear()
    jump_clock(shop, 6, 10, 100)
    assert len(cards(shop)) == 1
    assert [task.state for task in tasks(shop, "card")] == ["done"]


def test_a_failed_message_tells_the_remedy_and_is_sent_again_once_from_its_card(shop: World) -> None:
    shop.set_gupshup_faults(drop_statuses=["delivered"])
    start_each(shop, template_robot())
    jump_clock(shop, 1)
    post_webhook(shop, status_payload("failed", shop.sent[0].id, code=131026, reason="Message undeliverable"))
    jump_clock(shop, 6)
    shop.set_gupshup_faults(drop_statuses=[])
    (card,) = cards(shop)
    assert tag(card) == ("Не доставлено", "failure")
    assert "WhatsApp" in texts(card)
    assert ("waba24_failed", 2, 1) in executions(shop)
    for _ in range(2):
        click(shop, card)
    jump_clock(shop, 1, 6, 6)
    assert len(shop.sent) == 2
    assert [message.origin for message in shop.stored_rows(Message)] == ["robot", "manual"]
    first, second = cards(shop)
    assert "resend" not in first.layout["footer"]["buttons"]
    assert "Отправлено ещё раз" in texts(first)
    assert tag(second)[0] == "Доставлено"


def click(world: World, card: Any, user_id: int = 1) -> None:
    answer = world.control.post(
        "/emulator/timeline/click",
        json={"activity_id": card.id, "action": "footer.buttons.resend.action", "user_id": user_id},
        base_url=PORTAL,
    )
    assert answer.status_code == 200, answer.json


@pytest.mark.parametrize("why", ["window", "line", "delivered", "no right", "another card"])
def test_what_makes_no_sense_is_not_sent_again_and_the_card_says_why(shop: World, why: str) -> None:
    open_windows(shop)
    shop.set_gupshup_faults(drop_statuses=["delivered"])
    start_each(shop, text_robot())
    jump_clock(shop, 1)
    sent = shop.sent[0].id
    post_webhook(shop, status_payload("failed", sent, code=131026, reason="Message undeliverable"))
    jump_clock(shop, 6)
    card = next(one for one in cards(shop) if one.origin_id == "waba24-m1")
    if why == "window":
        shop.now += timedelta(hours=25)
    elif why == "line":
        lines.remove(shop.runtime, shop.line.id)
    elif why == "no right":
        settings.change(shop.runtime, 1, rights={"send": {"who": "admins"}})
    elif why == "delivered":
        post_webhook(shop, status_payload("delivered", sent, at=shop.now))
    else:
        with shop.runtime.db.write() as session:
            session.execute(update(PortalTask).where(PortalTask.kind == "card").values(result={"activity": 1}))
    click(shop, card, user_id=2)
    jump_clock(shop, 6, 6)
    assert len(shop.stored_rows(Message)) == 1
    assert len(shop.sent) == 1
    if why in ("window", "line", "no right"):
        assert "Ещё раз не отправлено" in texts(card)
        assert len(rest_calls(shop, "im.notify.system.add")) == 1


def test_a_run_that_sent_nothing_shows_what_has_to_be_done(shop: World) -> None:
    start_each(shop, text_robot(PHONES[0]), text_robot(PHONES[1], timeline="нет"))
    jump_clock(shop, 1, 6)
    (card,) = cards(shop)
    assert tag(card)[0] == "Не отправлено"
    assert "24 часа" in texts(card)


def test_a_robot_can_leave_its_message_out_of_the_timeline(shop: World) -> None:
    start_each(shop, template_robot(timeline="N"))
    jump_clock(shop, 1, 6, 6)
    assert cards(shop) == []
    assert ("waba24_delivered", 2, 1) in executions(shop)


def test_a_reply_with_a_file_gets_its_link_when_the_file_is_there(shop: World) -> None:
    content = base64.b64encode(PNG).decode()
    shop.client_replies(OLGA, "", type="image", caption="Смотрите", content_base64=content, content_type="image/png")
    jump_clock(shop, 1, 6, 6)
    (card,) = cards(shop, (3, 1))
    assert card.incoming
    assert "Смотрите" in texts(card)
    assert "/files/" in texts(card)


@ONE_DATABASE
@pytest.mark.parametrize("what", ["no scope", "no administrator"])
def test_without_the_right_nothing_is_written_and_nothing_else_is_lost(shop: World, what: str) -> None:
    with shop.runtime.db.write() as session:
        portal = session.get_one(Portal, 1)
        registration = dict(portal.registration or {})
        if what == "no scope":
            registration["scopes"] = [name for name in registration["scopes"] if name != "crm"]
        else:
            registration["failed"] = {"waba24_reply": "ACCESS_DENIED", "waba24_delivered": "ACCESS_DENIED"}
        portal.registration = registration
    flow = shop.robots_start(template_robot(until="delivered"))
    shop.client_replies(OLGA)
    jump_clock(shop, 1, 6)
    assert executions(shop) == []
    assert flow.answers
    assert bool(shop.stored_rows(PortalTask)) == (what == "no administrator")


@pytest.mark.parametrize("by", ["word", "robot"])
def test_who_opts_out_sets_off_a_trigger_once(shop: World, by: str) -> None:
    place(shop, "EXECUTING", "waba24_optout")
    start_each(shop, template_robot(OLGA))
    shop.advance_clock(3)
    for _ in range(3):
        if by == "word":
            shop.client_replies(OLGA, "СТОП")
        else:
            start_each(shop, ("robot.opt_out", {"phone": OLGA}))
        shop.advance_clock(3)
        shop.replace_worker()
    assert [code for code, *_ in executions(shop) if code == "waba24_optout"] == ["waba24_optout"]
    assert stage_of(shop) == "EXECUTING"
