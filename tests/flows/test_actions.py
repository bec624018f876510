"""The other actions on their whole way: taps, waits, windows, files; from the robot to the phone and back."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from werkzeug.test import Client as WsgiClient

from tests.flows.scenes import OLGA, ONE_DATABASE, ending, open_windows, template_robot, text_robot
from tests.support.world import GUPSHUP, World, returned

BUTTONS = {"text": "Какой день?", "buttons": ["В субботу|sat", "В воскресенье"], "until": "replied"}
ITEMS = "# Породы\nДуб|светлый|oak\nОрех\n# Цвета\nБелый"
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde"
    b"\x00\x00\x00\x0cIDATx\x9cc\xf8\xcf\xc0\x00\x00\x03\x01\x01\x00\xc9\xfe\x92\xef\x00\x00\x00\x00IEND\xaeB`\x82"
)


def tap(world: World, kind: str, number: int = -1, **more: Any) -> None:
    """The client taps a button or a row of one of our messages."""
    world.client_replies(OLGA, "", type=kind, context_gs_id=world.sent[number].id, **more)
    world.advance_clock(1)


@ONE_DATABASE
@pytest.mark.parametrize("shape", ["new", "old"])
def test_a_tap_brings_back_the_id_we_gave_or_the_position(shop: World, shape: str) -> None:
    open_windows(shop)
    for title, wanted in (("В субботу", "sat"), ("В воскресенье", "2")):
        for more in ({}, {"omit_postback": True}, {"omit_context": True}):
            flow = shop.robots_start(("robot.send_buttons", BUTTONS))
            shop.advance_clock(2)
            tap(shop, "button", title=title, shape=shape, **more)
            answer = returned(flow)
            assert (answer["status"], answer["reply_type"]) == ("replied", "button"), (title, more)
            assert (answer["reply_text"], answer["reply_id"]) == (title, wanted), (title, more)


@ONE_DATABASE
def test_a_row_of_a_list_brings_back_its_id_or_its_position_in_the_whole_list(shop: World) -> None:
    open_windows(shop)
    for title, wanted in (("Дуб", "oak"), ("Орех", "2"), ("Белый", "3")):
        values = {"text": "Что нравится?", "button": "Показать", "items": ITEMS, "until": "replied"}
        flow = shop.robots_start(("robot.send_list", values))
        shop.advance_clock(2)
        tap(shop, "list", title=title)
        answer = returned(flow)
        assert (answer["reply_type"], answer["reply_text"], answer["reply_id"]) == ("list", title, wanted)


def test_a_tap_on_an_older_message_ends_the_run_of_that_message(shop: World) -> None:
    open_windows(shop)
    first = shop.robots_start(("robot.send_buttons", BUTTONS))
    shop.advance_clock(2)
    second = shop.robots_start(("robot.send_buttons", {**BUTTONS, "text": "Какой час?"}))
    shop.advance_clock(2)
    tap(shop, "button", number=-1, title="В субботу")
    assert ending(second)[0] == "replied"
    assert ending(first) == ("", "")
    tap(shop, "button", number=-2, title="В воскресенье")
    assert returned(first)["reply_id"] == "2"


@ONE_DATABASE
def test_a_tap_on_a_message_that_is_not_ours_keeps_the_raw_postback(shop: World) -> None:
    flow = shop.robots_start(("robot.wait_reply", {}))
    shop.advance_clock(1)
    raw = {
        "type": "button_reply",
        "payload": {"id": "x1", "title": "Да", "reply": "Да 1", "postbackText": "foreign:yes"},
    }
    shop.client_replies(OLGA, "", type="raw", payload=raw)
    shop.advance_clock(1)
    assert returned(flow)["reply_id"] == "foreign:yes"


# --- waiting -------------------------------------------------------------------------------------------------------------


def test_a_wait_takes_the_answer_that_came_between_the_send_and_the_wait(shop: World) -> None:
    open_windows(shop)
    flow = shop.robots_start(text_robot(words="Вам удобно завтра?", until="accepted"), ("robot.wait_reply", {}))
    shop.bx.portal.faults.update({"delay_s": 5})  # the second robot is called 5 s after the first was answered
    shop.advance_clock(2)
    shop.client_replies(OLGA, "Да, удобно")
    shop.advance_clock(10)
    assert returned(flow, 1)["reply_text"] == "Да, удобно"


def test_a_wait_does_not_take_what_was_said_before_the_workflow_wrote(shop: World) -> None:
    open_windows(shop)
    flow = shop.robots_start(text_robot(words="Вам удобно завтра?"), ("robot.wait_reply", {"wait_minutes": "5"}))
    shop.advance_clock(3)
    assert returned(flow, 1) == {}
    shop.advance_clock(400)
    assert end_of(flow, 1) == ("timeout", "")


def end_of(flow: Any, step: int) -> tuple[str, str]:
    values = returned(flow, step)
    return values.get("status", ""), values.get("error_code", "")


def test_only_an_accepted_answer_ends_a_wait_and_the_others_stay_free(shop: World) -> None:
    picky = shop.robots_start(("robot.wait_reply", {"accept": ["Да", " согласен "]}))
    shop.advance_clock(1)
    any_answer = shop.robots_start(("robot.wait_reply", {}))
    shop.advance_clock(1)
    shop.client_replies(OLGA, "не знаю")
    shop.advance_clock(1)
    assert ending(picky) == ("", "")
    assert returned(any_answer)["reply_text"] == "не знаю"
    shop.client_replies(OLGA, "  СОГЛАСЕН ")
    shop.advance_clock(1)
    assert ending(picky)[0] == "replied"


def test_a_wait_survives_a_restart_of_the_worker(shop: World) -> None:
    flow = shop.robots_start(("robot.wait_reply", {}))
    shop.advance_clock(1)
    shop.replace_worker()
    shop.client_replies(OLGA, "Да")
    shop.advance_clock(15)
    assert returned(flow)["reply_text"] == "Да"


def test_the_window_is_told_from_our_own_record(shop: World) -> None:
    closed = shop.robot_runs("robot.check_window")
    assert returned(closed) == {
        "status": "ok", "error_code": "", "error_text": "", "window_open": "N", "window_until": "", "minutes_left": "0",
    }  # fmt: skip
    open_windows(shop)
    shop.advance_clock(3600)
    answer = returned(shop.robot_runs("robot.check_window"))
    assert (answer["window_open"], answer["minutes_left"]) == ("Y", "1378")
    assert answer["window_until"].startswith("2026-11-24T08:59")
    nobody = shop.robots_start(("robot.check_window", {}), item=5)
    shop.advance_clock(2)
    assert ending(nobody) == ("failed", "no_phone")


# --- files, contacts, macros -----------------------------------------------------------------------------------------


@ONE_DATABASE
def test_a_file_of_the_portal_is_served_under_a_link_of_ours(shop: World) -> None:
    open_windows(shop)
    flow = shop.robot_runs("robot.send_file", file="601", caption="Прайс", until="delivered")
    assert ending(flow) == ("delivered", "")
    message = shop.sent[-1].message
    assert (message["type"], message["caption"]) == ("file", "Прайс")
    parts = urlsplit(message["url"])
    assert parts.netloc == "waba.example"
    assert "auth=" not in message["url"]
    served = shop.app.get(parts.path)
    assert (served.status_code, served.mimetype) == (200, "application/pdf")
    assert served.data.startswith(b"%PDF")
    shop.advance_clock(5 * 24 * 3600)
    assert shop.app.get(parts.path).status_code == 404


@ONE_DATABASE
def test_a_crm_contact_goes_out_as_a_card(shop: World) -> None:
    open_windows(shop)
    assert ending(shop.robot_runs("robot.send_contact", contact="C_1", until="delivered")) == ("delivered", "")
    card = shop.sent[-1].message["contact"]
    assert card["name"]["formattedName"] == "Ольга Никитина"
    assert card["phones"] == [{"phone": "+79123456789", "type": "WORK", "wa_id": "79123456789"}]
    assert ending(shop.robot_runs("robot.send_contact", contact="999")) == ("failed", "contact_not_found")


def test_what_the_client_sends_is_kept_by_us_and_handed_to_the_workflow(shop: World) -> None:
    flow = shop.robots_start(("robot.wait_reply", {}))
    shop.advance_clock(1)
    content = base64.b64encode(PNG).decode()
    shop.client_replies(OLGA, "", type="image", caption="Вот замер", content_base64=content, content_type="image/png")
    shop.advance_clock(3)
    answer = returned(flow)
    assert (answer["reply_type"], answer["reply_text"]) == ("image", "Вот замер")
    parts = urlsplit(answer["reply_file"])
    assert parts.netloc == "waba.example"
    served = shop.app.get(parts.path)
    assert (served.mimetype, served.data) == ("image/png", PNG)


def test_a_file_that_cannot_be_fetched_does_not_hold_up_the_workflow_for_ever(shop: World) -> None:
    flow = shop.robots_start(("robot.wait_reply", {}))
    shop.advance_clock(1)
    shop.client_replies(
        OLGA, "", type="image", caption="Фото", url="https://filemanager.gupshup.io/wa/media/gone/a.png"
    )
    shop.advance_clock(2)
    assert ending(flow) == ("", "")
    shop.advance_clock(300)
    answer = returned(flow)
    assert (answer["status"], answer["reply_text"], answer["reply_file"]) == ("replied", "Фото", "")


@ONE_DATABASE
def test_the_incumbents_macro_sends_the_template_and_a_broken_one_sends_nothing(shop: World) -> None:
    good = "[template=ru]order_ready[/template][body]Ольга[/body] [body]512[/body]"
    assert ending(shop.robot_runs("robot.send_text", text=good)) == ("accepted", "")
    assert json.loads(json.dumps(shop.sent[-1].template))["params"] == ["Ольга", "512"]
    flow = shop.robot_runs("robot.send_text", text="[template=ru]order_ready[/template][body]Ольга")
    assert ending(flow) == ("failed", "value_invalid")
    assert len(shop.sent) == 1


@ONE_DATABASE
def test_a_button_of_a_template_comes_back_by_its_position(shop: World) -> None:
    buttons = [{"type": "QUICK_REPLY", "text": "Подтверждаю"}, {"type": "QUICK_REPLY", "text": "Перенести"}]
    made = WsgiClient(shop.gs_app).post(
        f"/emulator/apps/{shop.gupshup_app['app_name']}/templates",
        json={"name": "visit", "language": "ru", "body": "Ждём вас завтра.", "buttons": buttons},
        base_url=GUPSHUP,
    )
    assert made.status_code == 201
    shop.advance_clock(20)
    for shape in ("new", "old"):
        flow = shop.robots_start(("robot.send_template", {"template": "visit", "until": "replied"}))
        shop.advance_clock(2)
        tap(shop, "button", title="Перенести", shape=shape)
        answer = returned(flow)
        assert (answer["reply_type"], answer["reply_text"], answer["reply_id"]) == ("button", "Перенести", "2"), shape


@ONE_DATABASE
def test_an_activity_of_a_contact_needs_its_phone(shop: World) -> None:
    contact = ("crm", "CCrmDocumentContact", "CONTACT")
    document = (contact, (contact[0], contact[1], "CONTACT_1"))
    code, values = template_robot(phone="")
    flow = shop.robots_start((code.replace("robot", "activity"), values), document=document)
    shop.advance_clock(2)
    assert ending(flow) == ("failed", "value_missing")
    flow = shop.robots_start(
        (code.replace("robot", "activity"), {**values, "phone": "+7 912 345-67-89"}), document=document
    )
    shop.advance_clock(2)
    assert ending(flow) == ("accepted", "")
