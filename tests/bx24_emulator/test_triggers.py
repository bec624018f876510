"""The app's own triggers: which errors there are, and when a placed trigger moves a deal."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bx24_emulator.conftest import APP, ROBOT, PortalDriver

PREFIX = "crm.automation.trigger"
STAGES = ("NEW", "PREPARATION", "EXECUTING", "WON", "LOSE")


@pytest.fixture
def trigger(driver: PortalDriver) -> PortalDriver:
    """A portal on which the app has registered a trigger."""
    driver.install()
    assert driver.result(f"{PREFIX}.add", {"CODE": "wa_reply", "NAME": "Клиент ответил"}) is True
    return driver


def execute(driver: PortalDriver, entity: int = 2, item: int = 1) -> None:
    params = {"CODE": "wa_reply", "OWNER_TYPE_ID": entity, "OWNER_ID": item}
    assert driver.result(f"{PREFIX}.execute", params) is True


def place(driver: PortalDriver, stage: str, **more: Any) -> None:
    driver.control("stage-triggers", {"stage": stage, "triggers": [{"code": "wa_reply", **more}]})


def stage_of(driver: PortalDriver, deal: int = 1) -> str:
    return str(driver.portal.crm.items[2, deal]["stageId"])


def test_a_repeated_add_renames(trigger: PortalDriver) -> None:
    assert trigger.result(f"{PREFIX}.add", {"code": "wa_reply", "name": "Ответ в WhatsApp"}) is True
    assert trigger.result(f"{PREFIX}.list") == [{"NAME": "Ответ в WhatsApp", "CODE": "wa_reply"}]
    assert trigger.result(f"{PREFIX}.add", {"CODE": "b", "NAME": {"ru": "Кнопка"}}) is False, "no map of languages"
    assert trigger.result(f"{PREFIX}.delete", {"CODE": "wa_reply"}) is True
    assert trigger.result(f"{PREFIX}.list") == []


@pytest.mark.parametrize(
    ("method", "params", "text"),
    [
        ("add", {"NAME": "x"}, "Empty trigger code!"),
        ("add", {"CODE": "ответ", "NAME": "x"}, "Wrong trigger code!"),
        ("add", {"CODE": "a b", "NAME": "x"}, "Wrong trigger code!"),
        ("add", {"CODE": "a"}, "Empty trigger name!"),
        ("delete", {"CODE": "a"}, "Trigger not found"),
        ("execute", {"OWNER_TYPE_ID": 2, "OWNER_ID": 1}, "Empty trigger code!"),
        ("execute", {"CODE": "a", "OWNER_TYPE_ID": 2, "OWNER_ID": 1}, "Trigger with code a is not registered."),
        ("execute", {"CODE": "wa_reply", "OWNER_TYPE_ID": 99, "OWNER_ID": 1}, "Incorrect parameter OWNER_TYPE_ID."),
        ("execute", {"CODE": "wa_reply", "OWNER_TYPE_ID": 2, "OWNER_ID": 0}, "Incorrect parameter OWNER_ID."),
    ],
)
def test_errors_have_a_text_and_no_code(trigger: PortalDriver, method: str, params: dict[str, Any], text: str) -> None:
    answer = trigger.rest(f"{PREFIX}.{method}", params)
    assert (answer.status_code, answer.json["error"], answer.json["error_description"]) == (400, "", text)


@pytest.mark.parametrize("method", ["add", "list", "delete", "execute"])
def test_all_four_need_an_administrator(trigger: PortalDriver, method: str) -> None:
    answer = trigger.rest(f"{PREFIX}.{method}", {"CODE": "wa_reply", "NAME": "x"}, user=2)
    assert (answer.status_code, answer.json["error"]) == (403, "ACCESS_DENIED")
    assert answer.json["error_description"] == "Access denied! Admin permissions required"


@pytest.mark.parametrize(
    ("placed", "start", "end"),
    [
        ({}, "NEW", "NEW"),
        ({"EXECUTING": {}}, "NEW", "EXECUTING"),
        ({"WON": {}, "PREPARATION": {}}, "NEW", "PREPARATION"),
        ({"EXECUTING": {}}, "EXECUTING", "EXECUTING"),
        ({"NEW": {}}, "EXECUTING", "EXECUTING"),
        ({"NEW": {"allow_back": True}}, "EXECUTING", "NEW"),
        ({"NEW": {"allow_back": True}, "WON": {}}, "EXECUTING", "WON"),
        ({"PREPARATION": {"conditions": {"opportunity": 1}}, "WON": {}}, "NEW", "WON"),
        ({"PREPARATION": {"conditions": {"opportunity": 48500, "sourceId": "WEB"}}}, "NEW", "PREPARATION"),
    ],
)
def test_which_placed_trigger_fires(trigger: PortalDriver, placed: dict[str, Any], start: str, end: str) -> None:
    trigger.control("deals/1/move", {"stage": start})
    for stage, more in placed.items():
        place(trigger, stage, **more)
    execute(trigger)
    assert stage_of(trigger) == end
    (count,) = trigger.control("triggers")["counts"]
    assert count == {"code": "wa_reply", "entityTypeId": 2, "id": 1, "executed": 1, "fired": int(start != end)}


@pytest.mark.parametrize(
    ("owner", "moved"),
    [((3, 1), 1), ((4, 1), 3), ((3, 3), 5), ((3, 99), 0), ((1, 1), 0), ((183, 1), 0), ((2, 99), 0)],
)
def test_a_client_means_its_newest_open_deal(trigger: PortalDriver, owner: tuple[int, int], moved: int) -> None:
    place(trigger, "EXECUTING")
    execute(trigger, *owner)
    assert [deal for deal in range(1, 6) if stage_of(trigger, deal) == "EXECUTING"] == ([moved] if moved else [])


def test_a_client_means_its_smart_process_items_as_well(trigger: PortalDriver) -> None:
    crm = trigger.portal.crm
    crm.add(183, 7, title="Доставка", stageId="DT183_5:NEW", contactIds=[1])
    crm.add(183, 8, title="Чужая", stageId="DT183_5:NEW", contactIds=[3])
    place(trigger, "EXECUTING")
    place(trigger, "DT183_5:EXECUTING")
    execute(trigger, 3, 1)
    assert stage_of(trigger) == "EXECUTING"
    assert [crm.items[183, number]["stageId"] for number in (7, 8)] == ["DT183_5:EXECUTING", "DT183_5:NEW"]
    moves = trigger.control("triggers")["executions"][0]["moves"]
    assert [move["item"] for move in moves] == [[2, 1], [183, 7]]


def test_a_trigger_on_a_smart_process_item_moves_that_one(trigger: PortalDriver) -> None:
    crm = trigger.portal.crm
    crm.add(183, 7, title="Доставка", stageId="DT183_5:NEW", contactIds=[2])
    place(trigger, "DT183_5:SUCCESS")
    execute(trigger, 183, 7)
    assert [crm.items[183, number]["stageId"] for number in (1, 7)] == ["DT183_5:NEW", "DT183_5:SUCCESS"]


def test_a_closed_deal_is_not_the_clients_current_one(trigger: PortalDriver) -> None:
    place(trigger, "EXECUTING", allow_back=True)
    trigger.control("deals/1/move", {"stage": "WON"})
    execute(trigger, 3, 1)
    assert stage_of(trigger) == "WON"


def test_the_robots_of_the_new_stage_run_inside_the_call(trigger: PortalDriver) -> None:
    trigger.result("bizproc.robot.add", ROBOT)
    trigger.control("stage-robots", {"stage": "WON", "robots": [{"code": "robot.say", "values": {"text": "x"}}]})
    trigger.result("event.bind", {"event": "onCrmDealUpdate", "handler": f"{APP}/events"})
    place(trigger, "WON")
    execute(trigger)
    (flow,) = trigger.control("log")["workflows"]
    assert (flow["stage"], flow["waiting"]) == ("WON", True)
    trigger.advance_clock()
    event, robot = (post.form for post in trigger.inbox.received[-2:])
    assert event["data[FIELDS][ID]"] == "1"
    assert "auth[access_token]" not in event, "nobody moved the deal"
    assert robot["auth[user_id]"] == "1", "AUTH_USER_ID of the robot"


def test_executing_twice_is_not_harmless(trigger: PortalDriver) -> None:
    place(trigger, "PREPARATION")
    place(trigger, "EXECUTING")
    execute(trigger)
    execute(trigger)
    assert stage_of(trigger) == "EXECUTING"


def test_a_new_installation_must_place_its_triggers_again(trigger: PortalDriver) -> None:
    place(trigger, "EXECUTING")
    trigger.control("update", {})
    assert trigger.result(f"{PREFIX}.list"), "an update keeps them"
    trigger.control("uninstall", {})
    trigger.install()
    assert trigger.result(f"{PREFIX}.list") == []
    trigger.result(f"{PREFIX}.add", {"CODE": "wa_reply", "NAME": "x"})
    execute(trigger)
    assert stage_of(trigger) == "NEW"
