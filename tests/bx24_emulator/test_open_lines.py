"""Setting up Open Channels as the product lets an app do it, with its traps."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bx24_emulator.conftest import APP, PortalDriver
from tests.bx24_emulator.open_channel import CONNECTOR, EVENTS, LINE, REGISTERED, SCOPE, OpenChannel


@pytest.fixture
def channel(driver: PortalDriver) -> OpenChannel:
    return OpenChannel(driver)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"ID": "waba24.gs"}, "APPLICATION_REGISTRATION_ERROR_POINT"),
        ({"ID": ""}, "CONNECTOR_ID_REQUIRED"),
        ({"NAME": None}, "NAME_REQUIRED"),
        ({"ICON": "data:"}, "ICON_REQUIRED"),
        ({"ICON": {"COLOR": "#fff"}}, "ICON_REQUIRED"),
        ({"PLACEMENT_HANDLER": ""}, "NO_PLACEMENT_HANDLER"),
    ],
)
def test_a_registration_fails_inside_a_good_answer(driver: PortalDriver, changes: dict[str, Any], error: str) -> None:
    driver.install(scope=SCOPE)
    answer = driver.result("imconnector.register", {**REGISTERED, **changes})
    assert (answer["result"], answer["error"]) == (False, error)
    assert driver.control("open-lines")["connectors"] == []


def test_the_same_id_changes_the_connector_and_the_same_handler_keeps_the_placement(channel: OpenChannel) -> None:
    driver = channel.driver
    again = {
        "id": "WABA24_gs",
        "name": "Other",
        "icon": {"data_image": "data:y"},
        "placement_handler": f"{APP}/channel",
    }
    assert driver.result("imconnector.register", {**again, "need_signature": "N"}) == {"result": True}
    (connector,) = driver.control("open-lines")["connectors"]
    assert (connector["id"], connector["name"], connector["flags"]) == (CONNECTOR, "Other", {"NEED_SIGNATURE": False})
    settings = [row for row in driver.control("state")["placements"] if row["placement"] == "SETTING_CONNECTOR"]
    assert [row["handler"] for row in settings] == [f"{APP}/channel"]
    driver.result("imconnector.register", {**REGISTERED, "PLACEMENT_HANDLER": f"{APP}/moved"})
    assert sum(row["placement"] == "SETTING_CONNECTOR" for row in driver.control("state")["placements"]) == 2


@pytest.mark.parametrize(
    ("value", "on"),
    [(1, True), ("1", True), ("Y", True), ("N", True), ("false", True), (0, False), ("0", False), ("", False)],
)
def test_whatever_is_not_empty_switches_on(channel: OpenChannel, value: Any, on: bool) -> None:
    params = {"CONNECTOR": CONNECTOR, "LINE": LINE}
    channel.driver.result("imconnector.set.error", params)
    assert channel.driver.result("imconnector.status", params)["STATUS"] is False
    assert channel.driver.result("imconnector.activate", {**params, "ACTIVE": value}) is True
    assert channel.driver.result("imconnector.status", params) == {
        "LINE": LINE,
        "CONNECTOR": CONNECTOR,
        "ERROR": False,
        "CONFIGURED": on,
        "STATUS": on,
    }
    assert len(channel.events("StatusDelete")) == (0 if on else 1)


@pytest.mark.parametrize("missing", ["CONNECTOR", "LINE", "ACTIVE"])
def test_activate_names_what_is_missing(channel: OpenChannel, missing: str) -> None:
    params = {"CONNECTOR": CONNECTOR, "LINE": LINE, "ACTIVE": 1}
    params.pop(missing)
    answer = channel.driver.rest("imconnector.activate", params)
    assert (answer.status_code, (answer.json or {})["error"], (answer.json or {})["argument"]) == (
        400,
        "ERROR_ARGUMENT",
        missing,
    )


def test_data_is_merged_and_cannot_be_cleared(channel: OpenChannel) -> None:
    for data in ({"ID": "a", "NAME": "Shop"}, {"id": "", "URL": "https://x.example", "NAME": None}):
        channel.driver.result("imconnector.connector.data.set", {"CONNECTOR": CONNECTOR, "LINE": LINE, "DATA": data})
    (status,) = channel.driver.control("open-lines")["statuses"]
    assert status["data"] == {"ID": "a", "NAME": "Shop", "URL": "https://x.example"}


def test_only_administrators_see_the_list(channel: OpenChannel) -> None:
    assert channel.driver.result("imconnector.list")[CONNECTOR] == "WhatsApp"
    assert channel.driver.error("imconnector.list", user=2) == (400, "ACCESS_DENIED")


def test_another_app_takes_a_connector_over(channel: OpenChannel) -> None:
    chat = channel.say("hi")
    channel.driver.control(f"connectors/{CONNECTOR}/take", {})
    params = {"CONNECTOR": CONNECTOR, "LINE": LINE, "MESSAGES": [channel.element("more")]}
    error = (400, "IMCONNECTOR_NOT_SPECIFIED_CORRECT_CONNECTOR")
    assert channel.driver.error("imconnector.send.messages", params) == error
    channel.write(chat, "to nobody of ours")
    assert channel.events() == []


@pytest.mark.parametrize("way", ["unregister", "uninstall"])
def test_a_connector_goes(channel: OpenChannel, way: str) -> None:
    if way == "unregister":
        assert channel.driver.result("imconnector.unregister", {"ID": CONNECTOR}) == {"result": True}
        assert [post.form["data[line]"] for post in channel.events("StatusDelete")] == ["1"]
    else:
        channel.driver.control("uninstall", {})
    shown = channel.driver.control("open-lines")
    assert (shown["connectors"], shown["statuses"], channel.driver.control("state")["placements"]) == ([], [], [])


def test_a_deleted_line_tells_its_bare_id(channel: OpenChannel) -> None:
    channel.driver.control(f"open-lines/{LINE}/delete", {})
    (gone,) = channel.events("LineDelete")
    assert gone.form["data"] == "1"
    (off,) = channel.events("StatusDelete")
    assert (off.form["data[connector]"], off.form["data[line]"]) == (CONNECTOR, "1")


def test_lines_are_read_and_changed(channel: OpenChannel) -> None:
    driver = channel.driver
    number = driver.result("imopenlines.config.add", {"PARAMS": {"LINE_NAME": "Shop", "WELCOME_MESSAGE": "Y"}})
    assert driver.result("imopenlines.config.update", {"CONFIG_ID": number, "PARAMS": {"ACTIVE": "N"}}) is True
    line = driver.result("imopenlines.config.get", {"CONFIG_ID": number, "WITH_QUEUE": "Y"})
    told = [line[key] for key in ("ID", "LINE_NAME", "WELCOME_MESSAGE", "ACTIVE", "CRM", "QUEUE")]
    assert told == [str(number), "Shop", "Y", "N", "Y", ["1"]]
    listed = driver.result("imopenlines.config.list.get", {"PARAMS": {"select": ["ID"], "order": {"ID": "DESC"}}})
    assert listed == [{"ID": str(number)}, {"ID": "1"}]
    assert driver.result("imopenlines.config.get", {"CONFIG_ID": 99}) is False


@pytest.mark.parametrize(
    ("method", "params", "user", "error"),
    [
        ("update", {"CONFIG_ID": 1, "PARAMS": {}}, 2, (403, "CONFIG_WRONG_USER_PERMISSION")),
        ("add", {"PARAMS": {}}, 2, (403, "CONFIG_WRONG_USER_PERMISSION")),
        ("update", {"PARAMS": {}}, 1, (400, "CONFIG_ID_EMPTY")),
        ("get", {}, 1, (400, "CONFIG_ID_EMPTY")),
        ("list.get", {"PARAMS": {"select": "ID"}}, 1, (400, "INVALID_FORMAT")),
    ],
)
def test_what_config_refuses(channel: OpenChannel, method: str, params: Any, user: int, error: Any) -> None:
    assert channel.driver.error(f"imopenlines.config.{method}", params, user=user) == error


def test_a_portal_without_the_scope_knows_neither_method_nor_event(driver: PortalDriver) -> None:
    driver.install()
    assert driver.error("imconnector.list") == (401, "insufficient_scope")
    bind = {"event": "OnImConnectorMessageAdd", "handler": EVENTS}
    assert driver.error("event.bind", bind) == (400, "ERROR_EVENT_NOT_FOUND")
    driver.control("grant", {"scope": ["imopenlines"]})
    assert driver.result("event.bind", bind) is True


def test_one_method_can_be_spoiled_by_itself(channel: OpenChannel) -> None:
    faults = {"spoiled": {"imconnector.send.messages": ["internal_error", "", "drop_after"]}}
    channel.driver.control("faults", {**faults, "slow": {"imconnector.send.messages": 3.0}})
    params = {"CONNECTOR": CONNECTOR, "LINE": LINE, "MESSAGES": [channel.element("hi")]}
    assert channel.driver.error("imconnector.send.messages", params) == (500, "INTERNAL_SERVER_ERROR")
    assert channel.driver.result("imconnector.list")
    assert channel.driver.rest("imconnector.send.messages", params).status_code == 200
    with pytest.raises(ConnectionAbortedError):
        channel.driver.rest("imconnector.send.messages", params)
    (chat,) = channel.driver.control("chats")["chats"]
    assert [message["text"] for message in chat["messages"][1:]] == ["hi", "hi"]
    assert channel.driver.pauses == [3.0, 3.0]
