"""Sessions, CRM links, and what an app writes into chats, as the product's methods do it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bx24_emulator.conftest import PortalDriver
from tests.bx24_emulator.open_channel import CLIENT, CONNECTOR, EVENTS, LINE, OpenChannel

OLGA = "8 912 345 67 89"


@pytest.fixture
def channel(driver: PortalDriver) -> OpenChannel:
    return OpenChannel(driver)


def close(channel: OpenChannel, chat: int, *, user: int = 1, method: str = "another.finish") -> Any:
    answer = channel.driver.rest(f"imopenlines.operator.{method}", {"CHAT_ID": chat}, user=user).json or {}
    return answer.get("result", answer.get("error"))


def active(channel: OpenChannel, chat: int) -> bool:
    lead = channel.chat(chat)["crm"]["LEAD"]
    found = channel.driver.result("imopenlines.crm.chat.get", {"CRM_ENTITY_TYPE": "lead", "CRM_ENTITY": lead})
    return [row["CHAT_ID"] for row in found] == [str(chat)]


def test_a_session_goes_through_its_states(channel: OpenChannel) -> None:
    chat = channel.say("hi")
    seen = [(channel.session(chat)["status"], active(channel, chat))]
    for step in ("answer", "client", "operator", "client", "close"):
        if step == "client":
            channel.say("more")
        elif step == "operator":
            channel.write(chat, "Good day")
        else:
            channel.driver.control(f"chats/{chat}/{step}", {})
        seen.append((channel.session(chat)["status"], active(channel, chat)))
    assert seen == [(0, False), (10, True), (20, True), (40, True), (25, True), (60, False)]
    channel.say("again")
    assert [session["status"] for session in channel.chat(chat)["sessions"]] == [60, 0]


@pytest.mark.parametrize(
    ("settings", "texts", "states"),
    [
        ({}, [], [60]),
        ({"CLOSE_RULE": "text", "CLOSE_TEXT": "Bye"}, ["Bye"], [50, 60]),
        (
            {"CLOSE_RULE": "text", "CLOSE_TEXT": "Bye", "VOTE_MESSAGE": "Y", "VOTE_MESSAGE_2_TEXT": "1 or 0?"},
            ["Bye", "1 or 0?"],
            [50, 60],
        ),
    ],
)
def test_closing_may_take_two_calls(
    channel: OpenChannel, settings: dict[str, str], texts: list[str], states: list[int]
) -> None:
    channel.line(**settings)
    chat = channel.say("hi")
    for state in states:
        assert close(channel, chat, user=3) is True
        assert channel.session(chat)["status"] == state
    assert close(channel, chat) == "NOT_LOAD_SESSION_OR_CHAT"
    assert [post.form["data[MESSAGES][0][message][text]"] for post in channel.events()] == texts
    assert ("system", "Мария Кузнецова завершает работу с диалогом") in channel.spoken(chat)


def test_only_its_operator_finishes_a_dialog(channel: OpenChannel) -> None:
    chat = channel.say("hi")
    channel.driver.control(f"chats/{chat}/answer", {"user_id": 2})
    assert close(channel, chat, method="finish") == "ERROR_USER_NOT_OPERATOR"
    assert close(channel, chat, method="finish", user=2) is True
    assert close(channel, 99) == "CHAT_ID"
    # Here the product does not change the case of parameters.
    lower = channel.driver.rest("imopenlines.operator.another.finish", {"chat_id": chat}).json or {}
    assert lower["error"] == "CHAT_ID"


def test_the_app_is_told_when_a_dialog_begins_and_ends(channel: OpenChannel) -> None:
    for name in ("DialogStart", "DialogFinish"):
        channel.driver.result("event.bind", {"event": f"OnImConnector{name}", "handler": EVENTS})
    chat = channel.say("hi")
    channel.driver.control(f"chats/{chat}/close", {})
    session, client = channel.session(chat)["id"], channel.chat(chat)["client"]["id"]
    for name, closed in (("DialogStart", "N"), ("DialogFinish", "Y")):
        (told,) = channel.events(name)
        data = {key.removeprefix("data[DATA][0]"): value for key, value in told.pairs if key.startswith("data[")}
        assert data == {
            "data[CONNECTOR]": CONNECTOR,
            "data[LINE]": "1",
            "[connector][connector_id]": CONNECTOR,
            "[connector][line_id]": "1",
            "[connector][chat_id]": CLIENT,
            "[connector][user_id]": str(client),
            "[session][id]": str(session),
            "[session][closed]": closed,
            "[session][parent_id]": "0",
            "[session][close_term]": "1440",
            "[chat][id]": CLIENT,
            "[user][id]": str(client),
        }


def test_a_text_brings_a_closing_dialog_back(channel: OpenChannel) -> None:
    channel.line(CLOSE_RULE="text")
    chat = channel.say("hi")
    channel.driver.control(f"chats/{chat}/close", {})
    channel.say("wait!")
    assert [session["status"] for session in channel.chat(chat)["sessions"]] == [25]


def test_a_dialog_closed_by_itself_brings_no_tokens(channel: OpenChannel) -> None:
    channel.line(AUTO_CLOSE_RULE="text", AUTO_CLOSE_TEXT="Nobody here?")
    channel.driver.control(f"chats/{channel.say('hi')}/close", {"by_itself": True})
    (told,) = channel.events()
    assert "auth[access_token]" not in told.form


@pytest.mark.parametrize(
    ("phone", "rule", "crm", "reached"),
    [
        (OLGA, "lead", "LEAD|0|COMPANY|1|CONTACT|1|DEAL|1", (3, [1])),
        ("89261112233", "lead", "LEAD|1|COMPANY|0|CONTACT|0|DEAL|0", (1, [1])),
        ("+7 999 000-11-22", "lead", "LEAD|3|COMPANY|0|CONTACT|0|DEAL|0", (1, [3])),
        ("+7 999 000-11-22", "deal", "LEAD|0|COMPANY|0|CONTACT|5|DEAL|6", (3, [5])),
        ("+7 999 000-11-22", "none", "", (1, [])),
    ],
)
def test_a_new_chat_finds_its_crm_items(
    channel: OpenChannel, phone: str, rule: str, crm: str, reached: tuple[int, list[int]]
) -> None:
    channel.line(CRM_CREATE=rule)
    element = channel.element("hi")
    element["user"]["phone"] = phone
    chat = int(channel.send(element)[0]["session"]["CHAT_ID"])
    dialog = channel.driver.result("imopenlines.dialog.get", {"DIALOG_ID": f"chat{chat}"})
    assert dialog["entity_data_2"] == crm
    assert dialog["entity_data_1"].split("|")[5] == str(channel.session(chat)["id"])
    params = {"entityTypeId": reached[0], "filter": {"=imol": f"imol|{dialog['entity_id']}"}}
    assert [item["id"] for item in channel.driver.result("crm.item.list", params)["items"]] == reached[1]


def test_a_line_without_crm_links_nothing(channel: OpenChannel) -> None:
    channel.line(CRM="N")
    chat = channel.say("hi")
    assert (channel.chat(chat)["entity_data_2"], channel.session(chat)["triggers"]) == ("", [])


@pytest.mark.parametrize("key", ["CHAT_ID", "DIALOG_ID", "SESSION_ID", "USER_CODE"])
def test_a_dialog_is_found(channel: OpenChannel, key: str) -> None:
    chat = channel.say("hi")
    shown = channel.chat(chat)
    value = {
        "CHAT_ID": chat,
        "DIALOG_ID": f"chat{chat}",
        "SESSION_ID": shown["sessions"][0]["id"],
        "USER_CODE": f"imol|{shown['user_code']}",
    }[key]
    found = channel.driver.result("imopenlines.dialog.get", {key: value})
    client = shown["client"]["id"]
    assert (found["id"], found["entity_id"]) == (chat, f"{CONNECTOR}|{LINE}|{CLIENT}|{client}")


@pytest.mark.parametrize(
    ("method", "params", "error"),
    [
        ("imopenlines.dialog.get", {}, "DIALOG_ID_EMPTY"),
        ("imopenlines.dialog.get", {"CHAT_ID": 99}, "ACCESS_ERROR"),
        ("imopenlines.session.open", {"USER_CODE": "a|1|b|2"}, "ACCESS_DENIED"),
        ("imopenlines.session.history.get", {}, "MISSING_REQUIRED_PARAM"),
        ("imopenlines.session.history.get", {"SESSION_ID": 99}, "INVALID_SESSION_ID"),
        ("imopenlines.crm.chat.get", {"CRM_ENTITY_TYPE": "lead"}, "ERROR_ARGUMENT"),
        ("imopenlines.crm.chat.getLastId", {"CRM_ENTITY_TYPE": "lead", "CRM_ENTITY": 9}, "CRM_CHAT_EMPTY_CRM_DATA"),
        ("im.message.add", {"MESSAGE": "x"}, "DIALOG_ID_EMPTY"),
        ("im.message.add", {"DIALOG_ID": "chat99", "MESSAGE": "x"}, "ACCESS_ERROR"),
        ("im.dialog.messages.get", {"DIALOG_ID": "chat99"}, "ACCESS_ERROR"),
        (
            "imconnector.chat.name.set",
            {"CONNECTOR": CONNECTOR, "LINE": 1, "CHAT_ID": "x", "NAME": "y"},
            "ERROR_ARGUMENT",
        ),
        (
            "imconnector.chat.name.set",
            {"CONNECTOR": CONNECTOR, "LINE": 1, "CHAT_ID": "x", "NAME": "y", "USER_ID": "z"},
            "CHAT_RENAMING_FAILED",
        ),
    ],
)
def test_what_is_refused(channel: OpenChannel, method: str, params: dict[str, Any], error: str) -> None:
    assert channel.driver.error(method, params) == (400, error)


def test_strangers_cannot_open_a_chat(channel: OpenChannel) -> None:
    channel.driver.control(f"open-lines/{LINE}", {"queue": [1]})
    chat = channel.say("hi")
    dialog = {"DIALOG_ID": f"chat{chat}", "MESSAGE": "x"}
    assert channel.driver.error("im.message.add", dialog, user=2) == (400, "ACCESS_ERROR")
    assert channel.driver.result("im.message.add", dialog, user=3) > 0


def test_the_three_ways_of_im_message_add(channel: OpenChannel) -> None:
    chat = channel.say("hi")
    dialog = {"DIALOG_ID": f"chat{chat}", "MESSAGE": "Note"}
    channel.driver.result("im.message.add", {**dialog, "SYSTEM": "Y"})
    channel.driver.result("im.message.add", {**dialog, "SKIP_CONNECTOR": "Y"})
    assert channel.spoken(chat)[-2:] == [("system", "[b]App[/b]\nNote"), ("hidden", "Note")]
    assert (channel.session(chat)["status"], channel.events()) == (0, [])
    for _ in range(2):
        number = channel.driver.result("im.message.add", {**dialog, "TEMPLATE_ID": "once"}, user=2)
    assert channel.chat(chat)["messages"][-1]["id"] == number
    assert [post.form["auth[user_id]"] for post in channel.events()] == ["2"]
    assert channel.session(chat)["status"] == 40


def test_messages_are_read_in_pages(channel: OpenChannel) -> None:
    chat = channel.say("1")
    channel.send(*(channel.element(str(number)) for number in range(2, 25)))
    dialog = {"DIALOG_ID": f"chat{chat}"}
    newest = channel.driver.result("im.dialog.messages.get", dialog)["messages"]
    assert [message["text"] for message in newest] == [str(number) for number in range(24, 4, -1)]
    older = channel.driver.result("im.dialog.messages.get", {**dialog, "LAST_ID": newest[-1]["id"]})["messages"]
    assert [message["text"] for message in older][:4] == ["4", "3", "2", "1"]
    first = channel.driver.result("im.dialog.messages.get", {**dialog, "FIRST_ID": older[0]["id"], "LIMIT": 2})
    assert [message["text"] for message in first["messages"]] == ["5", "6"]
    session = channel.session(chat)["id"]
    history = channel.driver.result("imopenlines.session.history.get", {"SESSION_ID": session})
    assert len(history["message"]) == 25


def test_a_message_to_the_chat_of_an_item_is_automatic(channel: OpenChannel) -> None:
    chat = channel.say("hi")
    lead = channel.chat(chat)["crm"]["LEAD"]
    item = {"CRM_ENTITY_TYPE": "lead", "CRM_ENTITY": lead}
    params = {**item, "USER_ID": 1, "CHAT_ID": chat, "MESSAGE": "Ready"}
    assert channel.driver.error("imopenlines.crm.message.add", params) == (400, "CHAT_NOT_IN_CRM")
    channel.driver.control(f"chats/{chat}/answer", {})
    assert channel.driver.error("imopenlines.crm.message.add", {**params, "USER_ID": 3}) == (400, "CANCELED")
    number = channel.driver.result("imopenlines.crm.message.add", params, user=3)
    message = channel.chat(chat)["messages"][-1]
    assert (message["id"], message["author_id"], message["automatic"]) == (number, 1, True)
    assert (channel.session(chat)["status"], len(channel.events())) == (10, 1)
    assert channel.driver.result("imopenlines.crm.chat.getLastId", item) == chat
    nothing = {"CRM_ENTITY_TYPE": "DYNAMIC_183", "CRM_ENTITY": 1}
    assert channel.driver.result("imopenlines.crm.chat.get", nothing) == []


def test_a_session_is_started_and_found_by_its_code(channel: OpenChannel) -> None:
    chat = channel.say("hi")
    code = channel.chat(chat)["user_code"]
    assert channel.driver.result("imopenlines.session.open", {"USER_CODE": code}) == {"chatId": chat}
    channel.driver.control(f"chats/{chat}/close", {})
    assert channel.driver.result("imopenlines.session.start", {"CHAT_ID": chat}) is True
    assert channel.session(chat)["status"] == 10
    named = {"CONNECTOR": CONNECTOR, "LINE": LINE, "CHAT_ID": CLIENT, "USER_ID": CLIENT, "NAME": "VIP"}
    assert channel.driver.result("imconnector.chat.name.set", named)["SUCCESS"] is True
    assert channel.chat(chat)["title"] == "VIP"
