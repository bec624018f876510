"""Replies and the 24-hour window (contract, section 8)."""

from __future__ import annotations

from datetime import timedelta

from messaging.lines import lines
from messaging.store.models import InboundEvent
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    ending,
    endings,
    jump_clock,
    open_windows,
    post_webhook,
    start_each,
    template_robot,
    text_payload,
    text_robot,
)
from tests.support.world import START, World, returned

WINDOW = timedelta(hours=23, minutes=59)
BUTTONS = {
    "name": "choose",
    "language": "ru",
    "body": "Когда вам удобно?",
    "buttons": [{"type": "QUICK_REPLY", "text": "Утром"}, {"type": "QUICK_REPLY", "text": "Вечером"}],
}


def test_a_reply_ends_the_run_it_quotes_else_the_oldest_and_only_one(shop: World) -> None:
    flows = start_each(shop, *(template_robot(until="replied") for _ in range(4)))
    shop.advance_clock(5)
    assert endings(flows) == [("", "")] * 4
    shop.set_gupshup_faults(duplicate=True)
    shop.client_replies(OLGA, "Про третье", context_gs_id=shop.sent[2].id)
    shop.advance_clock(1)
    assert [ending(flow)[0] for flow in flows] == ["", "", "replied", ""]
    shop.client_replies(OLGA, "Просто так")
    shop.advance_clock(1)
    assert [ending(flow)[0] for flow in flows] == ["replied", "", "replied", ""], "the oldest, although all have waited"
    shop.client_replies(OLGA, "Снова про третье", context_gs_id=shop.sent[2].id)
    shop.advance_clock(1)
    assert [ending(flow)[0] for flow in flows] == ["replied", "replied", "replied", ""]
    texts = [returned(flow).get("reply_text", "") for flow in flows]
    assert texts == ["Просто так", "Снова про третье", "Про третье", ""]


def test_a_reply_that_came_before_the_message_or_from_another_client_does_not_count(shop: World) -> None:
    open_windows(shop)
    flow = shop.robots_start(template_robot(until="replied"))
    shop.advance_clock(2)
    open_windows(shop, PHONES[0])
    late = text_payload(OLGA, "Отправлено раньше")
    assert ending(flow) == ("", "")
    post_webhook(shop, late, kind="message")
    shop.advance_clock(1)
    assert returned(flow)["reply_text"] == "Отправлено раньше", "what arrives after the message answers it"


@ONE_DATABASE
def test_what_a_reply_says_is_returned_whatever_its_kind(shop: World) -> None:
    shop.connect_line("buttonshop", "79001114455", templates=[BUTTONS])
    kinds = [
        ({"type": "button", "title": "Вечером"}, "button", "Вечером"),
        ({"type": "location", "latitude": "55.75", "longitude": "37.61", "name": "Офис"}, "location", "55.75,37.61"),
        ({"type": "contact", "contact_name": "Иван Петров", "contact_phone": "79990001122"}, "contact", "Иван Петров"),
        ({"type": "reaction", "emoji": "👍"}, "reaction", "👍"),
        (
            {"type": "raw", "payload": {"type": "nfm_reply", "payload": {"response_json": '{"имя": "Ольга"}'}}},
            "form",
            "имя: Ольга",
        ),
        ({"type": "raw", "payload": {"type": "hologram", "payload": {}}}, "unknown", ""),
    ]
    flows = start_each(
        shop,
        *(
            template_robot(phone, "replied", template="choose", line="buttonshop")
            for phone, _ in zip(PHONES, kinds, strict=False)
        ),
    )
    shop.advance_clock(2)
    for message, (spec, _, _) in zip(shop.sent, kinds, strict=True):
        shop.client_replies(message.destination, context_gs_id=message.id, **spec)
    shop.advance_clock(2)
    assert [returned(flow)["reply_type"] for flow in flows] == [kind for _, kind, _ in kinds]
    for flow, phone, (_, _, words) in zip(flows, PHONES, kinds, strict=False):
        assert words in returned(flow)["reply_text"]
        assert returned(flow)["reply_from"] == phone
    assert returned(flows[0])["reply_id"], "a tap has an id"
    assert returned(flows[3])["reply_id"] == ""


def test_without_a_word_from_the_client_a_session_message_is_refused(shop: World) -> None:
    flow = shop.robots_start(text_robot(until="delivered"))
    shop.advance_clock(2)
    values = returned(flow)
    assert (values["status"], values["error_code"]) == ("failed", "window_closed")
    assert values["message_id"] == ""
    assert "Окно" in values["error_text"]
    assert shop.sent == []
    open_windows(shop)
    assert ending(shop.robots_start(text_robot())) == ("", "")
    shop.advance_clock(1)
    assert len(shop.sent) == 1


def test_the_window_is_open_24_hours_less_a_minute_by_the_providers_clock(shop: World) -> None:
    shop.advance_clock(3 * 3600)  # the line has been connected for a while
    said_at = shop.now - timedelta(hours=1)
    post_webhook(shop, text_payload(OLGA, "час назад"), kind="message", timestamp=int(said_at.timestamp() * 1000))
    post_webhook(
        shop, text_payload(OLGA, "два часа назад"), kind="message", timestamp=int(said_at.timestamp() * 1000) - 3600_000
    )
    jump_clock(shop, 1)
    shop.now = said_at + WINDOW - timedelta(seconds=2)
    last = shop.robots_start(text_robot(words="успели"))
    shop.advance_clock(2.5)
    late = shop.robots_start(text_robot(words="опоздали"))
    shop.advance_clock(3)
    assert endings([last, late]) == [("accepted", ""), ("failed", "window_closed")]


def test_a_reaction_does_not_renew_the_window_and_an_ordinary_word_does(shop: World) -> None:
    open_windows(shop)
    shop.robots_start(text_robot())
    shop.advance_clock(1)
    opened = START + timedelta(seconds=2)
    shop.now = opened + timedelta(hours=23)
    shop.client_replies(OLGA, type="reaction", context_gs_id=shop.sent[0].id)
    jump_clock(shop, 1)
    shop.now = opened + timedelta(hours=24, minutes=5)
    closed = shop.robots_start(text_robot())
    shop.advance_clock(1)
    shop.client_replies(OLGA, "Я тут")
    shop.advance_clock(1)
    renewed = shop.robots_start(text_robot())
    shop.advance_clock(1)
    assert endings([closed, renewed]) == [("failed", "window_closed"), ("accepted", "")]
    assert [event.label for event in shop.stored_rows(InboundEvent)][-1:] != ["unknown"]


def test_the_window_of_one_line_is_not_the_window_of_another(shop: World) -> None:
    open_windows(shop)
    first = shop.line
    second = shop.connect_line("othershop", "79001114455")
    here = shop.robots_start(text_robot(line=str(first.id)))
    there = shop.robots_start(text_robot(line=str(second.id)))
    automatic = shop.robots_start(text_robot(words="сама"))
    shop.advance_clock(3)
    assert endings([here, there, automatic]) == [("accepted", ""), ("failed", "window_closed"), ("accepted", "")]
    assert {message.app.name for message in shop.sent} == {"acmeshop"}


@ONE_DATABASE
def test_a_reply_on_another_line_ends_nothing(shop: World) -> None:
    flow = shop.robots_start(template_robot(until="replied", line=str(shop.line.id)))
    shop.advance_clock(2)
    shop.connect_line("othershop", "79001114455")
    shop.client_replies(OLGA, "Не туда")
    shop.advance_clock(1)
    assert ending(flow) == ("", "")


def test_what_a_client_wrote_before_the_line_was_connected_opens_no_window(shop: World) -> None:
    open_windows(shop)
    same = lines.NewLine(shop.gupshup_app["api_key"], shop.line.app_name, shop.line.phone, shop.gupshup_app["app_id"])
    lines.add(shop.runtime, shop.portal.member_id, same)  # a new key for a connected line changes nothing
    assert ending(shop.robot_runs("robot.send_text", text="Добрый день")) == ("accepted", "")
    lines.remove(shop.runtime, shop.line.id)
    shop.advance_clock(60)
    lines.add(shop.runtime, shop.portal.member_id, same)
    assert ending(shop.robot_runs("robot.send_text", text="Добрый день")) == ("failed", "window_closed")
    open_windows(shop)
    assert ending(shop.robot_runs("robot.send_text", text="Добрый день")) == ("accepted", "")
