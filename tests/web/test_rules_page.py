"""Sending rules, and held messages on the pages of messages: what is shown, who changes what, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from messaging.policy.settings import Policy
from messaging.store.models import Message, Portal, Run
from tests.flows.scenes import ONE_DATABASE, ending, template_robot, text_robot
from tests.support.world import START, World, returned
from tests.web.inside import EMPLOYEE, Frame, seen

FORM: dict[str, Any] = {
    "quiet_from": "22:00",
    "quiet_to": "08:30",
    "time_zone": "asia/omsk",
    "zone_field": "UF_CRM_ZONE",
    "country": ["KZ", "DE", ""],
    "zone": ["Asia/Almaty", "", ""],
}


def policy(world: World) -> Policy:
    return Policy.of(world.stored_rows(Portal)[0])


@ONE_DATABASE
def test_an_administrator_sets_the_rules_and_others_read_them(shop: World) -> None:
    reader = Frame(shop, EMPLOYEE)
    assert "Сохранить правила" not in seen(reader.page("rules"))
    reader.change("rules", 403, quiet_from="22:00")
    reader.page("rules/fields", 403)
    page = Frame(shop).change("rules", **FORM)
    assert "Правила сохранены" in seen(page)
    assert 'value="Asia/Almaty"' in page
    stored = policy(shop)
    assert (stored.quiet_from, stored.quiet_to, stored.zone_field) == ("22:00", "08:30", "UF_CRM_ZONE")
    assert (stored.country_zones, stored.stop_words) == ({"KZ": "Asia/Almaty"}, Policy().stop_words)


@ONE_DATABASE
@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("quiet_from", "25:00", "Укажите время"),
        ("quiet_to", "", "Укажите время"),
        ("time_zone", "Москва", "«Москва»"),
        ("zone_field", "поле", "латинск"),
        ("zone", ["Луна", "", ""], "«Луна»"),
        ("country", ["ZZ", "", ""], "Asia/Almaty"),
    ],
)
def test_a_rule_that_cannot_be_read_is_not_stored(shop: World, field: str, value: Any, says: str) -> None:
    page = Frame(shop).change("rules", **{**FORM, field: value})
    assert says in seen(page)
    assert "Ошибка" in page
    assert policy(shop) == Policy()


@ONE_DATABASE
def test_the_portals_own_text_fields_are_offered(shop: World) -> None:
    shop.portal.crm.items[3, 1]["ufCrmZone"] = "Europe/Moscow"
    assert 'value="ufCrmZone"' in Frame(shop).page("rules/fields")


def _held(shop: World) -> tuple[Any, Run]:
    shop.now = START.replace(hour=20)
    flow = shop.robots_start(template_robot(quiet="hold"))
    shop.advance_clock(5)
    return flow, shop.stored_rows(Run)[-1]


@pytest.mark.parametrize(("act", "expected"), [("send", ("accepted", "")), ("drop", ("failed", "dropped"))])
def test_a_held_message_is_shown_and_let_go_or_dropped(shop: World, act: str, expected: tuple[str, str]) -> None:
    flow, run = _held(shop)
    frame, reader = Frame(shop), Frame(shop, EMPLOYEE)
    listed = seen(frame.post("/app/messages", {"status": "held"}, target="found"))
    assert "Отложено" in listed
    assert "Ждёт конца тихих часов" in listed
    assert f"messages/{run.id}/{act}" in frame.page(f"messages/{run.id}")
    assert f"messages/{run.id}/{act}" not in reader.page(f"messages/{run.id}")
    reader.change(f"messages/{run.id}/{act}", 403)
    assert ending(flow) == ("", "")
    frame.change(f"messages/{run.id}/{act}")
    shop.advance_clock(5)
    assert ending(flow) == expected
    again = seen(frame.change(f"messages/{run.id}/{act}"))
    assert "больше не отложено" in again
    assert "Ждёт конца" not in seen(frame.post("/app/messages", {"status": "held"}, target="found"))
    if act == "drop":
        assert "отменили вручную" in returned(flow)["error_text"]


@ONE_DATABASE
def test_a_message_that_waits_for_the_window_says_what_whatsapp_will_do(shop: World) -> None:
    shop.robots_start(text_robot(if_closed="wait"))
    shop.advance_clock(5)
    page = seen(Frame(shop).page("messages/1"))
    assert "Ждёт, пока клиент напишет" in page
    assert "скорее всего, откажет" in page
    assert "Готово, но окно 24 часа было закрыто" in page
    assert shop.stored_rows(Message)[0].hold == "window"


@ONE_DATABASE
def test_a_wait_for_a_delivery_has_a_timeline_of_its_own(shop: World) -> None:
    shop.set_gupshup_faults(delays_ms={"delivered": 20_000})
    sent = shop.robot_runs("robot.send_template", template="welcome", language="ru", phone="79123456789")
    shop.robots_start(("robot.wait_delivery", {"message": returned(sent)["message_id"]}))
    shop.advance_clock(2)
    frame = Frame(shop)
    assert "Ждёт сообщение другого робота" in seen(frame.page("messages/2"))
    shop.advance_clock(30)
    assert "Доставлено" in seen(frame.page("messages/2"))
    found = seen(frame.post("/app/messages", {"status": "delivered", "action": "wait_delivery"}, target="found"))
    assert "ждать доставку сообщения" in found
