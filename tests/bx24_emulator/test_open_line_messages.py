"""Messages between a client and an operator, through a connector, as the product passes them."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from tests.bx24_emulator.conftest import PortalDriver
from tests.bx24_emulator.open_channel import CLIENT, CONNECTOR, LINE, PNG, OpenChannel

FILE = "https://files.example/a%20long/name.png"
MESSAGE = "data[MESSAGES][0][message]"


@pytest.fixture
def channel(driver: PortalDriver) -> OpenChannel:
    return OpenChannel(driver)


def test_each_element_has_an_answer_of_its_own(channel: OpenChannel) -> None:
    empty = channel.element("")
    nobody = channel.element("x", client="")
    good, bad, unnamed = channel.send(channel.element("Hello"), empty, nobody)
    (chat,) = channel.driver.control("chats")["chats"]
    assert good == {
        "user": str(chat["client"]["id"]),
        "message": {"id": "w1", "date": {}, "text": "Hello"},
        "chat": {"id": CLIENT},
        "extra": [],
        "SUCCESS": True,
        "ERRORS": [],
        "session": {"ID": str(chat["sessions"][0]["id"]), "CHAT_ID": str(chat["id"])},
    }
    assert (bad["SUCCESS"], bad["ERRORS"]) == (False, ["IMCONNECTOR_NOT_ALL_THE_REQUIRED_DATA"])
    assert (unnamed["SUCCESS"], unnamed["ERRORS"]) == (False, ["CONNECTOR_PROXY_NO_USER_IM"])


def test_duplicates_are_added_and_the_time_is_that_of_arrival(channel: OpenChannel) -> None:
    channel.say("once")
    chat = channel.chat(channel.say("once"))
    first, second = (message for message in chat["messages"] if message["kind"] == "client")
    assert first["connector_ids"] == second["connector_ids"] == ["w1"]
    assert first["at"] == channel.driver.now


@pytest.mark.parametrize(
    ("messages", "params", "error"),
    [
        ("text", {}, "ERROR_ARGUMENT"),
        (["text"], {}, "ERROR_ARGUMENT"),
        ([{"user": {"id": "1"}, "message": {"text": "x"}}], {}, "ERROR_ARGUMENT"),
        (None, {}, "ERROR_ARGUMENT"),
        ([], {"LINE": 7}, "NOT_ACTIVE_LINE"),
        ([], {"CONNECTOR": "other"}, "IMCONNECTOR_NO_CORRECT_PROVIDER"),
    ],
)
def test_what_a_call_refuses_as_a_whole(channel: OpenChannel, messages: Any, params: Any, error: str) -> None:
    body = {"CONNECTOR": CONNECTOR, "LINE": LINE, "MESSAGES": messages, **params}
    assert channel.driver.error("imconnector.send.messages", body) == (400, error)


@pytest.mark.parametrize("way", ["line", "error", "connector"])
def test_nothing_passes_when_switched_off(channel: OpenChannel, way: str) -> None:
    chat = channel.say("hi")
    params = {"CONNECTOR": CONNECTOR, "LINE": LINE}
    if way == "line":
        channel.line(ACTIVE="N")
    else:
        method = "set.error" if way == "error" else "activate"
        channel.driver.result(f"imconnector.{method}", {**params, "ACTIVE": 0})
    body = {**params, "MESSAGES": [channel.element("x")]}
    assert channel.driver.error("imconnector.send.messages", body) == (400, "NOT_ACTIVE_LINE")
    channel.driver.control(f"chats/{chat}/write", {"text": "x"}, status=409)
    message = {"DIALOG_ID": f"chat{chat}", "MESSAGE": "x"}
    assert channel.driver.error("im.message.add", message) == (400, "PARAMS_ERROR")
    assert channel.events() == []


def test_a_file_is_downloaded_and_a_lost_one_vanishes_silently(channel: OpenChannel) -> None:
    channel.driver.web.files = {FILE: (200, "image/png", PNG), "https://files.example/gone": (404, "", b"")}
    given = [
        {"url": FILE, "name": "x" * 60 + ".png"},
        {"url": "https://files.example/gone"},
        {"url": "https://dead.example"},
    ]
    (both,) = channel.send(channel.element("", files=given))
    chat = channel.chat(int(both["session"]["CHAT_ID"]))
    (file,) = chat["messages"][-1]["files"]
    assert both["message"]["files"] == [file["id"]]
    assert (file["name"], base64.b64decode(file["content"])) == ("x" * 46 + ".png", PNG)
    assert {headers["User-Agent"] for _, headers in channel.driver.web.asked} == {"Bitrix Connector Client"}
    (none,) = channel.send(channel.element("", files=given[1:]))
    assert (none["SUCCESS"], none["ERRORS"]) == (False, ["IMCONNECTOR_NOT_ALL_THE_REQUIRED_DATA"])
    (text,) = channel.send(channel.element("see", files=given[1:]))
    assert (text["SUCCESS"], text["message"]["files"]) == (True, [])


def test_codes_in_a_text_work(channel: OpenChannel) -> None:
    chat = channel.say("look [DISK=602]")
    assert [file["name"] for file in channel.chat(chat)["messages"][-1]["files"]] == ["shkaf.png"]


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ({"name": "Ada Byron"}, ("Ada", "Byron")),
        ({"name": "Ada King Byron"}, ("Ada King Byron", "")),
        ({"name": "Ada King", "last_name": "Byron"}, ("Ada King", "Byron")),
        ({"title": "+7 999"}, ("+7 999", "")),
        ({}, ("Гость", "")),
    ],
)
def test_names(channel: OpenChannel, user: dict[str, str], name: tuple[str, str]) -> None:
    channel.send({**channel.element("hi"), "user": {"id": CLIENT, **user}})
    (chat,) = channel.driver.control("chats")["chats"]
    assert (chat["client"]["name"], chat["client"]["last_name"]) == name


def test_the_picture_is_downloaded_again_only_when_the_user_changed(channel: OpenChannel) -> None:
    channel.driver.web.files = {FILE: (200, "image/png", PNG)}
    user = {"id": CLIENT, "name": "Ada", "picture": {"url": FILE}}
    for name in ("Ada", "Ada", "Eva"):
        channel.send({**channel.element("hi"), "user": {**user, "name": name}})
    assert len(channel.driver.web.asked) == 2


def test_the_operator_writes_as_php_posts_it(channel: OpenChannel) -> None:
    chat = channel.say("hi")
    files = [{"name": "offer.pdf", "type": "application/pdf", "content": base64.b64encode(b"x" * 2048).decode()}]
    first = channel.write(chat, "See", user_id=2, files=files)
    channel.write(chat, "", user_id=2, files=[{"name": "a.png", "content": base64.b64encode(PNG).decode()}])
    with_text, without = channel.events()
    link, download = with_text.form[f"{MESSAGE}[files][0][link]"], with_text.form[f"{MESSAGE}[files][0][downloadLink]"]
    assert [pair for pair in with_text.pairs if pair[0].startswith("data")] == [
        ("data[CONNECTOR]", CONNECTOR),
        ("data[LINE]", "1"),
        ("data[MESSAGES][0][im][chat_id]", str(chat)),
        ("data[MESSAGES][0][im][message_id]", str(first["id"])),
        (f"{MESSAGE}[user_id]", "2"),
        (f"{MESSAGE}[text]", "[b]Пётр Иванов:[/b] [br]See"),
        (f"{MESSAGE}[files][0][name]", "offer.pdf"),
        (f"{MESSAGE}[files][0][type]", "file"),
        (f"{MESSAGE}[files][0][mime]", "application/pdf"),
        (f"{MESSAGE}[files][0][link]", link),
        (f"{MESSAGE}[files][0][downloadLink]", download),
        (f"{MESSAGE}[files][0][size]", "2048"),
        (f"{MESSAGE}[files][0][sizef]", "2 KB"),
        (f"{MESSAGE}[params][CLASS]", "bx-messenger-content-item-ol-output"),
        ("data[MESSAGES][0][chat][id]", CLIENT),
    ]
    assert (with_text.form["auth[user_id]"], "auth[refresh_token]" in with_text.form) == ("2", False)
    assert f"{MESSAGE}[text]" not in without.form
    assert [without.form[f"{MESSAGE}[files][0][{key}]"] for key in ("type", "width", "height")] == ["image", "2", "3"]
    assert without.form[f"{MESSAGE}[files][0][link]"].endswith("#img.png")
    short = channel.driver.http("GET", link.removeprefix("https://acme.example"))
    assert short.headers["Location"] == download
    assert channel.driver.http("GET", download).data == b"x" * 2048
    assert channel.driver.http("GET", download[:-1]).status_code == 404


@pytest.mark.parametrize(("flags", "shown"), [({"NEED_SIGNATURE": "N"}, "profile"), ({}, "hide")])
def test_the_name_is_left_out(channel: OpenChannel, flags: dict[str, str], shown: str) -> None:
    channel.driver.portal.open_lines.connectors[CONNECTOR].flags = dict.fromkeys(flags, False)
    channel.line(OPERATOR_DATA=shown)
    channel.write(channel.say("hi"), "See")
    assert channel.events()[0].form[f"{MESSAGE}[text]"] == "See"


def test_events_come_late_and_twice_on_command(channel: OpenChannel) -> None:
    chat = channel.say("hi")
    channel.driver.control("faults", {"late_events": 1, "repeated_events": 2})
    numbers = [channel.write(chat, text)["id"] for text in ("one", "two")]
    assert channel.events()
    channel.driver.advance_clock(3)
    told = [post.form["data[MESSAGES][0][im][message_id]"] for post in channel.events()]
    assert told == [str(numbers[at]) for at in (1, 1, 0, 0)]


def test_the_first_confirmation_counts(channel: OpenChannel) -> None:
    chat = channel.say("hi")
    sent = channel.write(chat, "See")
    assert sent["sending"] is True
    assert channel.confirm(9_999_999, "w9") == {"SUCCESS": True, "DATA": []}
    for ids in (["w2", "w3"], ["w4"]):
        assert channel.confirm(sent["id"], *ids)["SUCCESS"] is True
    message = channel.chat(chat)["messages"][-1]
    assert (message["sending"], message["connector_ids"]) == (False, ["w2", "w3"])
    (read,) = channel.driver.result("im.dialog.messages.get", {"DIALOG_ID": f"chat{chat}", "LIMIT": 1})["messages"]
    assert read["params"]["CONNECTOR_MID"] == ["w2", "w3"]
    assert "SENDING" not in read["params"]


def test_changes_are_told_only_after_the_confirmation(channel: OpenChannel) -> None:
    sent = channel.write(channel.say("hi"), "Sea")
    channel.driver.control(f"messages/{sent['id']}/edit", {"text": "See"})
    assert channel.events("MessageUpdate") == []
    channel.confirm(sent["id"], "w2", "w3")
    channel.driver.control(f"messages/{sent['id']}/edit", {"text": "See!"})
    (changed,) = channel.events("MessageUpdate")
    assert changed.form[f"{MESSAGE}[text]"] == "[b]Анна Соколова:[/b][br] See!"
    assert changed.form[f"{MESSAGE}[id][0]"] == "w2"
    channel.driver.control(f"messages/{sent['id']}/delete", {})
    (gone,) = channel.events("MessageDelete")
    assert [gone.form[f"data[MESSAGES][{number}][message][id]"] for number in (0, 1)] == ["w2", "w3"]


def test_a_client_changes_and_deletes_messages(channel: OpenChannel) -> None:
    chat = channel.say("helo")
    body = {"CONNECTOR": CONNECTOR, "LINE": LINE}
    changes = [channel.element("hello"), channel.element("x", "unknown")]
    assert channel.driver.result("imconnector.update.messages", {**body, "MESSAGES": changes})["SUCCESS"] is True
    assert channel.spoken(chat)[-1] == ("client", "hello")
    channel.driver.result("imconnector.delete.messages", {**body, "MESSAGES": changes[:1]})
    assert channel.chat(chat)["messages"][-1]["deleted"] is True


def test_user_id_0_is_a_system_line_that_opens_a_session_all_the_same(channel: OpenChannel) -> None:
    channel.line(WELCOME_MESSAGE="Y", WELCOME_MESSAGE_TEXT="Hello!")
    chat = channel.say("[Template] order", user_id=0)
    assert list(channel.spoken(chat))[1:] == [("system", "Hello!"), ("system", "[Template] order")]
    session = channel.session(chat)
    assert (session["status"], session["triggers"]) == (0, ["OPENLINE", "OPENLINE_MSG"])
    (greeting,) = channel.events()
    assert (greeting.form[f"{MESSAGE}[user_id]"], greeting.form[f"{MESSAGE}[text]"]) == ("0", "Hello!")


def test_an_employees_message_comes_back_as_an_event(channel: OpenChannel) -> None:
    chat = channel.say("from the phone", user_id=2)
    assert channel.spoken(chat)[-1] == ("operator", "from the phone")
    (echo,) = channel.events()
    assert echo.form[f"{MESSAGE}[user_id]"] == "2"


def test_greetings_stay_inside_when_the_connector_does_not_want_them(channel: OpenChannel) -> None:
    channel.driver.portal.open_lines.connectors[CONNECTOR].flags["NEED_SYSTEM_MESSAGES"] = False
    channel.line(WELCOME_MESSAGE="Y")
    chat = channel.say("hi")
    assert ("system", "Здравствуйте! Оператор скоро ответит.") in channel.spoken(chat)
    assert channel.events() == []


def test_a_rating_swallows_the_clients_digit(channel: OpenChannel) -> None:
    channel.line(VOTE_MESSAGE="Y")
    chat = channel.say("1")
    channel.driver.control(f"chats/{chat}/close", {})
    assert channel.session(chat)["waits_for_vote"] is True
    (vote,) = channel.send(channel.element("0 so bad"))
    assert (vote["SUCCESS"], "session" in vote) == (True, False)
    assert (channel.session(chat)["vote"], channel.session(chat)["status"]) == (1, 60)
    assert ("client", "0 so bad") not in channel.spoken(chat)
    assert [post.form[f"{MESSAGE}[user_id]"] for post in channel.events()] == ["0", "0"]
    again = channel.say("1")
    assert (again, len(channel.chat(chat)["sessions"])) == (chat, 2)


def test_parallel_calls_for_one_client_wait_for_each_other(driver: PortalDriver) -> None:
    """The first call downloads a file, without the portal's lock, while the second one waits for the dialog."""
    channel, started, done = OpenChannel(driver), Event(), Event()
    cloud = driver.portal.cloud

    def fetch(url: str, headers: dict[str, str]) -> tuple[int, str, bytes]:
        started.set()
        assert done.wait(10)
        return 200, "image/png", PNG

    def pause(seconds: float) -> None:
        driver.pauses.append(seconds)
        if len(driver.pauses) == 2:
            done.set()
            first.result(10)

    cloud.fetch, cloud.wait = fetch, pause
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(channel.send, channel.element("", "w1", files=[{"url": FILE}]))
        assert started.wait(10)
        (second,) = channel.send(channel.element("text", "w2"))
    assert second["SUCCESS"] is True
    assert driver.pauses == [1.0, 2.0]
    (chat,) = driver.control("chats")["chats"]
    assert [message["connector_ids"] for message in chat["messages"][1:]] == [["w1"], ["w2"]]


def test_a_busy_dialog_loses_the_message(channel: OpenChannel) -> None:
    channel.driver.portal.chats.busy.add((CONNECTOR, LINE, CLIENT))
    (done,) = channel.send(channel.element("hi"))
    assert done["SUCCESS"] is False
    assert channel.driver.pauses == [1.0, 2.0, 3.0]
