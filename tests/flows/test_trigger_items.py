"""Which items of a client a trigger moves: that of the robot, else those that Bitrix24 chooses of the client's contact."""

from __future__ import annotations

from typing import Any

import pytest

from bx24.emulator.state import crm
from tests.flows.scenes import OLGA, ONE_DATABASE, jump_clock, post_webhook, template_robot, text_payload
from tests.flows.test_actions import tap
from tests.flows.test_crm import BUTTONS, executions, place, spoil, stage_of
from tests.support.world import World, returned

pytestmark = ONE_DATABASE
DELIVERY = 9


@pytest.fixture
def client(shop: World) -> World:
    """The shop's client has two open deals, 1 and the newer 7, and a delivery, item 9 of a smart process. A stranger has a
    deal and a delivery, too."""
    items = shop.portal.crm
    items.add(crm.DEAL, 7, title="Кухня", stageId="NEW", contactId=1)
    for number, contact in ((DELIVERY, 1), (8, 3)):
        items.add(crm.SMART_PROCESS, number, title="Доставка", stageId="DT183_5:NEW", contactId=contact)
    for stage in ("EXECUTING", "DT183_5:EXECUTING"):
        place(shop, stage, "waba24_reply", "waba24_button")
    return shop


def moved(world: World) -> set[tuple[int, int]]:
    """The items that have left their first stage."""
    return {pair for pair, item in world.portal.crm.items.items() if str(item.get("stageId", "")).endswith("EXECUTING")}


@pytest.mark.parametrize(
    "owner",
    [
        pytest.param((crm.DEAL, 1), id="the older deal"),
        pytest.param((crm.DEAL, 7), id="the newer deal"),
        pytest.param((crm.SMART_PROCESS, DELIVERY), id="smart process"),
        pytest.param((crm.LEAD, 1), id="lead"),
        pytest.param((crm.QUOTE, 1), id="quote"),
        pytest.param((crm.SMART_INVOICE, 1), id="smart invoice"),
    ],
)
def test_a_status_and_a_tap_belong_to_the_item_of_the_robot(client: World, owner: tuple[int, int]) -> None:
    entity, number = owner
    client.robots_start(template_robot(), entity=entity, item=number)
    jump_clock(client, 1, 12, 12)
    assert executions(client) == [("waba24_delivered", *owner)]
    post_webhook(client, text_payload(OLGA, "Да", context={"gsId": client.sent[-1].id}), kind="message")
    jump_clock(client, 1, 12, 12)
    assert executions(client)[1:] == [("waba24_reply", *owner)]
    assert moved(client) == ({owner} if entity in (crm.DEAL, crm.SMART_PROCESS) else set())


def test_two_deals_of_one_client_are_told_apart_by_what_is_tapped(client: World) -> None:
    client.client_replies(OLGA, "Здравствуйте")
    client.advance_clock(1)
    for deal in (1, 7):
        client.robots_start(BUTTONS, item=deal)
        client.advance_clock(2)
    jump_clock(client, 12, 12, 12)
    before = len(executions(client))
    tap(client, "button", number=0, title="Да")
    jump_clock(client, 12, 12)
    assert {one for one in executions(client)[before:] if one[0] == "waba24_button"} == {("waba24_button", 2, 1)}
    assert stage_of(client, 1) == "EXECUTING"


def test_a_waiting_robot_names_the_item_of_a_reply_without_a_quote(client: World) -> None:
    flow = client.robots_start(template_robot(until="replied"), item=1)
    client.advance_clock(2)
    client.client_replies(OLGA, "Приду")
    jump_clock(client, 1, 12, 12, 12)
    assert returned(flow)["status"] == "replied"
    assert ("waba24_reply", 2, 1) in executions(client)
    assert (stage_of(client, 1), stage_of(client, 7)) == ("EXECUTING", "NEW")


def test_any_other_reply_is_the_contacts_once_and_bitrix24_chooses_the_items(client: World) -> None:
    client.client_replies(OLGA, "Здравствуйте")
    jump_clock(client, 1, 12)
    assert executions(client) == [("waba24_reply", crm.CONTACT, 1)]
    assert moved(client) == {(crm.DEAL, 7), (crm.SMART_PROCESS, DELIVERY)}


@pytest.mark.parametrize("placed", ["EXECUTING", "DT183_5:EXECUTING"])
def test_in_doubt_whatever_the_contacts_trigger_has_moved_keeps_it_from_a_second_time(
    client: World, placed: str
) -> None:
    """With triggers on two stages in a row, a second call would move the item once more."""
    client.portal.triggers.placed.clear()
    for stage in (placed, placed.replace("EXECUTING", "SUCCESS" if ":" in placed else "WON")):
        place(client, stage, "waba24_reply")
    spoil(client, "waba24_reply", {"spoiled": {"batch": ["drop_after"]}})
    client.client_replies(OLGA, "Здравствуйте")
    jump_clock(client, 1, 10, 10, 200)
    assert executions(client) == [("waba24_reply", crm.CONTACT, 1)]
    assert moved(client) == {(crm.SMART_PROCESS, DELIVERY) if ":" in placed else (crm.DEAL, 7)}


@pytest.mark.parametrize("document", ["ORDER_5", "CONTACT_1"])
def test_an_activity_on_another_document_of_crm(client: World, document: str) -> None:
    """Orders are no items of ours: nothing is set off on them, and the message goes all the same."""
    names: dict[str, tuple[str, str, str]] = {
        "ORDER_5": ("crm", "Bitrix\\Crm\\Integration\\BizProc\\Document\\Order", "ORDER"),
        "CONTACT_1": ("crm", "CCrmDocumentContact", "CONTACT"),
    }
    kind = names[document]
    action: tuple[str, dict[str, Any]] = ("activity.send_template", template_robot()[1])
    client.robots_start(action, document=(kind, (*kind[:2], document)))
    jump_clock(client, 1, 12)
    assert len(client.sent) == 1
    assert executions(client) == ([("waba24_delivered", 3, 1)] if document == "CONTACT_1" else [])


def test_of_two_waiting_robots_the_reply_belongs_to_the_item_of_the_one_that_waits_longer(client: World) -> None:
    flows = []
    for deal in (1, 7):
        flows.append(client.robots_start(template_robot(until="replied"), item=deal))
        client.advance_clock(2)
    before = len(executions(client))
    client.client_replies(OLGA, "Приду")
    jump_clock(client, 12, 12, 12, 12)
    assert [returned(flow).get("status", "") for flow in flows] == ["replied", ""]
    assert [one for one in executions(client)[before:] if one[0] == "waba24_reply"] == [("waba24_reply", 2, 1)]
