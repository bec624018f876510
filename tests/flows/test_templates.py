"""Templates, texts and points on the map, as far as they need the line's list and Gupshup's opinion (contract 4)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    ending,
    gupshup_control,
    jump_clock,
    open_windows,
    start_each,
    template_robot,
    text_robot,
)
from tests.support.world import World, returned

CATALOGUE: list[dict[str, Any]] = [
    {"name": "welcome", "language": "ru", "body": "Здравствуйте!"},
    {"name": "welcome", "language": "en_US", "body": "Hello!"},
    {"name": "plain", "language": "ru", "body": "Просто текст", "id": "11111111-1111-4111-8111-111111111111"},
    {"name": "order", "language": "ru", "header": "Заказ {{1}}", "body": "{{1}}, готов {{2}}."},
    {"name": "draft", "language": "ru", "body": "Ещё не одобрен", "status": "PENDING"},
    {"name": "refused", "language": "ru", "body": "Отклонён", "status": "REJECTED"},
    {"name": "photo", "language": "ru", "body": "Смотрите", "kind": "IMAGE"},
    {
        "name": "link",
        "language": "ru",
        "body": "Ваш заказ",
        "buttons": [{"type": "URL", "text": "Открыть", "url": "https://shop.example/{{1}}"}],
    },
    {"name": "place", "language": "ru", "body": "{{1}}, мы здесь.", "kind": "LOCATION"},
    {
        "name": "goods",
        "language": "ru",
        "body": "{{1}}, смотрите",
        "kind": "CAROUSEL",
        "cards": [
            {
                "headerType": "IMAGE",
                "body": f"{{{{1}}}} {number}",
                "sampleText": f"[Стол] {number}",
                "buttons": [
                    {"type": "URL", "text": "Купить", "url": "https://shop.example/{{1}}"},
                    {"type": "QUICK_REPLY", "text": "Не нужно"},
                ],
            }
            for number in ("первый", "второй")
        ],
    },
]


GOODS = {"template": "goods", "params": ["Ольга", "Стол", "Шкаф"], "button_params": ["1", "2"]}


@pytest.fixture
def gallery(world: World) -> World:
    """A shop whose line has a template of each kind."""
    world.install_app()
    world.connect_line(templates=CATALOGUE)
    return world


def _params(message: Any) -> list[str]:
    return list(message.template.get("params", []))


def test_which_template_is_meant_and_with_which_values(gallery: World) -> None:
    three = {"template": "order", "params": ["7", "Ольга", "завтра"]}
    cases: list[tuple[dict[str, Any], Any]] = [
        ({"template": "plain"}, ["plain"]),
        ({"template": "11111111-1111-4111-8111-111111111111"}, ["plain"]),
        ({"template": " plain "}, ["plain"]),
        ({"template": "welcome", "language": "ru"}, ["welcome"]),
        ({"template": "welcome", "language": "RU"}, ["welcome"]),
        ({"template": "welcome", "language": "en"}, ["welcome"]),
        ({"template": "welcome"}, "template_ambiguous"),
        ({"template": "welcome", "language": "de"}, "template_not_found"),
        ({"template": "nothing"}, "template_not_found"),
        ({"template": "draft"}, "template_not_approved"),
        ({"template": "refused"}, "template_not_approved"),
        (three, ["order", "7", "Ольга", "завтра"]),
        ({**three, "params": ["[3] завтра", "[1] 7", "[2] Ольга"]}, ["order", "7", "Ольга", "завтра"]),
        ({**three, "params": ["[1] 7", "[3] завтра"]}, "template_params"),
        ({**three, "params": ["[1] 7", "[3] завтра"], "if_empty": "—"}, ["order", "7", "—", "завтра"]),
        ({**three, "params": ["[1] 7", "[1] 8", "[2] x"]}, "template_params"),
        ({**three, "params": ["[0] 7", "[1] 8", "[2] x"]}, "template_params"),
        ({**three, "params": ["[4] 7"], "if_empty": "—"}, "template_params"),
        ({**three, "params": ["[1] 7", "Ольга", "завтра"]}, ["order", "[1] 7", "Ольга", "завтра"]),
        ({**three, "params": ["7"]}, "template_params"),
        ({**three, "params": ["7"], "if_empty": "—"}, ["order", "7", "—", "—"]),
        ({**three, "params": ["7", "8", "9", "10"]}, "template_params"),
        ({**three, "params": [], "if_empty": "нет"}, ["order", "нет", "нет", "нет"]),
        ({"template": "link", "button_params": ["512"]}, ["link", "512"]),
        ({"template": "link"}, "template_params"),
        ({"template": "link", "button_params": ["1", "2"]}, "template_params"),
        ({"template": "photo"}, "template_params"),
        ({"template": "place", "params": ["Ольга"], "header": "54.9885, 73.3686|Офис"}, ["place", "Ольга"]),
        ({"template": "place", "params": ["Ольга"]}, "template_params"),
        ({**GOODS, "header": "602|602"}, ["goods", "Ольга", "Стол", "1", "Шкаф", "2"]),
        ({**GOODS, "header": "602"}, "template_params"),
        ({**GOODS, "header": "602|601"}, "file_type"),
        ({**GOODS, "header": "602|602", "button_params": ["1"]}, "template_params"),
        ({"template": ""}, "value_missing"),
    ]
    robots = [
        ("robot.send_template", {"phone": f"7916222{4001 + number}", "until": "accepted", **values})
        for number, (values, _) in enumerate(cases)
    ]
    flows = start_each(gallery, *robots)
    jump_clock(gallery, 0.1, 1, 1, 1)
    names = {raw.id: str(raw.raw["elementName"]) for raw in gallery.gs.accounts.apps["acmeshop"].templates.values()}
    by_id = {message.id: [names[str(message.template["id"])], *_params(message)] for message in gallery.sent}
    found = [by_id.get(returned(flow)["message_id"]) or returned(flow)["error_code"] for flow in flows]
    assert list(zip(robots, found, strict=True)) == list(zip(robots, [wanted for _, wanted in cases], strict=True))
    languages = [
        gallery.gs.accounts.apps["acmeshop"].templates[str(message.template["id"])].raw["languageCode"]
        for message in gallery.sent[3:6]
    ]
    assert languages == ["ru", "ru", "en_US"]
    headers = {names[str(message.template["id"])]: message.message for message in gallery.sent}
    assert headers["place"]["location"] == {"longitude": 73.3686, "latitude": 54.9885, "name": "Офис"}
    assert (headers["goods"]["cardHeaderType"], len(headers["goods"]["cards"])) == ("IMAGE", 2)
    ambiguous = returned(flows[6])["error_text"]
    assert "en_US, ru" in ambiguous
    assert "ещё на проверке" in returned(flows[9])["error_text"]


def test_a_template_made_or_changed_a_moment_ago_is_known(gallery: World) -> None:
    assert ending(gallery.robot_runs("robot.send_template", template="plain", phone=OLGA)) == ("accepted", "")
    made = gupshup_control(gallery, "apps/acmeshop/templates", {"name": "fresh", "language": "ru", "body": "Новый"})
    jump_clock(gallery, 20)
    assert ending(gallery.robot_runs("robot.send_template", template="fresh", phone=OLGA)) == ("accepted", "")
    gupshup_control(gallery, f"apps/acmeshop/templates/{made['id']}", {"status": "PAUSED"})
    jump_clock(gallery, 20)
    assert ending(gallery.robot_runs("robot.send_template", template="fresh", phone=OLGA)) == (
        "failed",
        "template_not_approved",
    )
    lists = [request for request in gallery.net.seen if str(request.url).endswith("/template")]
    assert len(lists) <= 4, "the list is kept, not asked for at each send"


@ONE_DATABASE
def test_a_list_that_cannot_be_had_now_delays_and_a_refused_key_ends(gallery: World) -> None:
    gallery.set_gupshup_faults(next=[{"answer": "502", "on": "templates"}, {"answer": "429", "on": "templates"}])
    late = gallery.robots_start(template_robot(template="plain", language=""))
    jump_clock(gallery, 0.1, 2, 4, 8)
    assert ending(late) == ("accepted", "")
    with gallery.runtime.db.write() as session:
        line = session.merge(gallery.line)
        line.templates_synced_at, line.api_key = None, "another-key"
    gallery.set_gupshup_faults(next=[{"answer": "401", "on": "templates"}])
    refused = gallery.robots_start(template_robot(template="plain", language=""))
    jump_clock(gallery, 0.1, 2)
    assert ending(refused) == ("failed", "gupshup_401")
    assert len(gallery.sent) == 1


@ONE_DATABASE
def test_texts_points_and_fields_are_checked_before_anything_is_sent(shop: World) -> None:
    open_windows(shop, *PHONES)
    location = "robot.send_location"
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("robot.send_text", {"text": "я" * 4096}, ""),
        ("robot.send_text", {"text": "я" * 4097}, "text_too_long"),
        ("robot.send_text", {"text": "😀" * 4096}, ""),
        ("robot.send_text", {"text": "  \n "}, "value_missing"),
        ("robot.send_text", {}, "value_missing"),
        (location, {"latitude": "55,7558", "longitude": "37.6173"}, ""),
        (location, {"latitude": "-90", "longitude": "180"}, ""),
        (location, {"latitude": "90,0001", "longitude": "0"}, "value_invalid"),
        (location, {"latitude": "0", "longitude": "-180.5"}, "value_invalid"),
        (location, {"latitude": "nan", "longitude": "0"}, "value_invalid"),
        (location, {"latitude": "север", "longitude": "0"}, "value_invalid"),
        (location, {"latitude": "55.7"}, "value_missing"),
        ("robot.send_text", {"text": "т", "until": "yesterday"}, "value_invalid"),
        ("robot.send_text", {"text": "т", "wait_minutes": "0"}, "value_invalid"),
        ("robot.send_text", {"text": "т", "wait_minutes": "43201"}, "value_invalid"),
        ("robot.send_text", {"text": "т", "wait_minutes": "скоро"}, "value_invalid"),
        ("robot.send_text", {"text": "т", "wait_minutes": "²"}, "value_invalid"),
        ("robot.send_text", {"text": "т", "wait_minutes": "43200"}, ""),
    ]
    flows = [
        shop.robots_start((code, {"phone": PHONES[number % 8], **values}))
        for number, (code, values, _) in enumerate(cases)
    ]
    jump_clock(shop, 0.1, 1, 1, 1)
    assert [ending(flow) for flow in flows] == [
        ("failed", code) if code else ("accepted", "") for _, _, code in cases
    ], "Bitrix24 shows what the robot's setter did wrong"
    assert len(shop.sent) == sum(not code for _, _, code in cases)
    points = [message.message for message in shop.sent if message.message["type"] == "location"]
    assert (points[0]["latitude"], points[0]["longitude"]) == (55.7558, 37.6173)
    too_long = returned(flows[1])["error_text"].replace("\u00a0", "")
    assert "4097" in too_long
    assert "4096" in too_long
    assert "от 1 до 43200" in returned(flows[13])["error_text"]


@ONE_DATABASE
def test_what_gupshup_gets_is_exactly_what_was_typed(shop: World) -> None:
    open_windows(shop)
    awkward = 'Скидка 100% & «подарок»\n+1 = {{2}} <b>*жирно*</b> \\ "кавычки" 😀 [1]'
    shop.robots_start(text_robot(words=awkward))
    shop.advance_clock(1)
    assert json.loads(json.dumps(shop.sent[0].message))["text"] == awkward
