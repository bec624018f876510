"""Replies and the 24-hour window (contract, section 8)."""

from __future__ import annotations

from datetime import timedelta

from messaging.lines import lines
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    begin,
    end,
    ends,
    events,
    hear,
    later,
    template,
    text,
    webhook,
    written,
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
    flows = begin(shop, *(template(until="replied") for _ in range(4)))
    shop.go(5)
    assert ends(flows) == [("", "")] * 4
    shop.faults(duplicate=True)
    shop.reply(OLGA, "Про третье", context_gs_id=shop.sent[2].id)
    shop.go(1)
    assert [end(flow)[0] for flow in flows] == ["", "", "replied", ""]
    shop.reply(OLGA, "Просто так")
    shop.go(1)
    assert [end(flow)[0] for flow in flows] == ["replied", "", "replied", ""], "the oldest, although all have waited"
    shop.reply(OLGA, "Снова про третье", context_gs_id=shop.sent[2].id)
    shop.go(1)
    assert [end(flow)[0] for flow in flows] == ["replied", "replied", "replied", ""]
    texts = [returned(flow).get("reply_text", "") for flow in flows]
    assert texts == ["Просто так", "Снова про третье", "Про третье", ""]


def test_a_reply_that_came_before_the_message_or_from_another_client_does_not_count(shop: World) -> None:
    hear(shop)
    flow = shop.start(template(until="replied"))
    shop.go(2)
    hear(shop, PHONES[0])
    late = written(OLGA, "Отправлено раньше")
    assert end(flow) == ("", "")
    webhook(shop, late, kind="message")
    shop.go(1)
    assert returned(flow)["reply_text"] == "Отправлено раньше", "what arrives after the message answers it"


@ONE_DATABASE
def test_what_a_reply_says_is_returned_whatever_its_kind(shop: World) -> None:
    shop.connect("buttonshop", "79001114455", templates=[BUTTONS])
    kinds = [
        ({"type": "button", "title": "Вечером"}, "button", "Вечером"),
        ({"type": "location", "latitude": "55.75", "longitude": "37.61", "name": "Офис"}, "location", "55.75,37.61"),
        ({"type": "contact", "contact_name": "Иван Петров", "contact_phone": "79990001122"}, "contact", "Иван Петров"),
        ({"type": "reaction", "emoji": "👍"}, "reaction", "👍"),
        ({"type": "raw", "payload": {"type": "hologram", "payload": {}}}, "unknown", ""),
    ]
    flows = begin(
        shop,
        *(
            template(phone, "replied", template="choose", line="buttonshop")
            for phone, _ in zip(PHONES, kinds, strict=False)
        ),
    )
    shop.go(2)
    for message, (spec, _, _) in zip(shop.sent, kinds, strict=True):
        shop.reply(message.destination, context_gs_id=message.id, **spec)
    shop.go(2)
    assert [returned(flow)["reply_type"] for flow in flows] == [kind for _, kind, _ in kinds]
    for flow, phone, (_, _, words) in zip(flows, PHONES, kinds, strict=False):
        assert words in returned(flow)["reply_text"]
        assert returned(flow)["reply_from"] == phone
    assert returned(flows[0])["reply_id"], "a tap has an id"
    assert returned(flows[3])["reply_id"] == ""


def test_without_a_word_from_the_client_a_session_message_is_refused(shop: World) -> None:
    flow = shop.start(text(until="delivered"))
    shop.go(2)
    values = returned(flow)
    assert (values["status"], values["error_code"]) == ("failed", "window_closed")
    assert values["message_id"] == ""
    assert "Окно" in values["error_text"]
    assert shop.sent == []
    hear(shop)
    assert end(shop.start(text())) == ("", "")
    shop.go(1)
    assert len(shop.sent) == 1


def test_the_window_is_open_24_hours_less_a_minute_by_the_providers_clock(shop: World) -> None:
    shop.go(3 * 3600)  # the line has been connected for a while
    said_at = shop.now - timedelta(hours=1)
    webhook(shop, written(OLGA, "час назад"), kind="message", timestamp=int(said_at.timestamp() * 1000))
    webhook(shop, written(OLGA, "два часа назад"), kind="message", timestamp=int(said_at.timestamp() * 1000) - 3600_000)
    later(shop, 1)
    shop.now = said_at + WINDOW - timedelta(seconds=2)
    last = shop.start(text(words="успели"))
    shop.go(2.5)
    late = shop.start(text(words="опоздали"))
    shop.go(3)
    assert ends([last, late]) == [("accepted", ""), ("failed", "window_closed")]


def test_a_reaction_does_not_renew_the_window_and_an_ordinary_word_does(shop: World) -> None:
    hear(shop)
    shop.start(text())
    shop.go(1)
    opened = START + timedelta(seconds=2)
    shop.now = opened + timedelta(hours=23)
    shop.reply(OLGA, type="reaction", context_gs_id=shop.sent[0].id)
    later(shop, 1)
    shop.now = opened + timedelta(hours=24, minutes=5)
    closed = shop.start(text())
    shop.go(1)
    shop.reply(OLGA, "Я тут")
    shop.go(1)
    renewed = shop.start(text())
    shop.go(1)
    assert ends([closed, renewed]) == [("failed", "window_closed"), ("accepted", "")]
    assert [event.label for event in events(shop)][-1:] != ["unknown"]


def test_the_window_of_one_line_is_not_the_window_of_another(shop: World) -> None:
    hear(shop)
    first = shop.line
    second = shop.connect("othershop", "79001114455")
    here = shop.start(text(line=str(first.id)))
    there = shop.start(text(line=str(second.id)))
    automatic = shop.start(text(words="сама"))
    shop.go(3)
    assert ends([here, there, automatic]) == [("accepted", ""), ("failed", "window_closed"), ("accepted", "")]
    assert {message.app.name for message in shop.sent} == {"acmeshop"}


@ONE_DATABASE
def test_a_reply_on_another_line_ends_nothing(shop: World) -> None:
    flow = shop.start(template(until="replied", line=str(shop.line.id)))
    shop.go(2)
    shop.connect("othershop", "79001114455")
    shop.reply(OLGA, "Не туда")
    shop.go(1)
    assert end(flow) == ("", "")


def test_what_a_client_wrote_before_the_line_was_connected_opens_no_window(shop: World) -> None:
    hear(shop)
    same = lines.NewLine(shop.gupshup_app["api_key"], shop.line.app_name, shop.line.phone, shop.gupshup_app["app_id"])
    lines.add(shop.runtime, shop.portal.member_id, same)  # a new key for a connected line changes nothing
    assert end(shop.run("robot.send_text", text="Добрый день")) == ("accepted", "")
    lines.remove(shop.runtime, shop.line.id)
    shop.go(60)
    lines.add(shop.runtime, shop.portal.member_id, same)
    assert end(shop.run("robot.send_text", text="Добрый день")) == ("failed", "window_closed")
    hear(shop)
    assert end(shop.run("robot.send_text", text="Добрый день")) == ("accepted", "")
