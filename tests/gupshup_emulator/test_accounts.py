"""Apps, templates, subscriptions, and the list of what was accepted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import CLIENT, KEY

AUTH = {"headers": {"apikey": KEY}}


def templates(world: Any, query: str = "") -> list[dict[str, Any]]:
    answer = world.http.get(f"/wa/app/app-shopbot/template{query}", **AUTH).get_json()
    assert answer["status"] == "success"
    return list(answer["templates"])


def test_a_seeded_template_has_the_vendors_form(world):
    found = templates(world)[0]
    assert (found["elementName"], found["languageCode"], found["templateType"]) == ("visit_reminder", "ru", "TEXT")
    container = json.loads(found["containerMeta"])
    assert container["header"] == "Визит {{1}}"
    assert container["data"].startswith("Здравствуйте")
    assert container["buttons"][2]["url"] == "https://example.org/{{1}}"
    assert json.loads(found["meta"])["example"].startswith("Здравствуйте, [sample]!")
    assert found["data"].endswith("| [Подтверждаю] | [Перенести] | [Карта,https://example.org/{{1}}]")
    assert isinstance(found["createdOn"], int)


def test_an_odd_object_of_the_vendor_can_be_planted_as_it_is(world):
    world.control("/apps/shopbot/templates", id="t-odd", elementName="odd", containerMeta="", data="Привет {{1}}")
    assert world.failure_code(world.send("template/msg", template={"id": "t-odd", "params": ["x"]})) is None
    assert "meta" not in next(t for t in templates(world) if t["id"] == "t-odd")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?templateStatus=PAUSED", ["paused"]),
        ("?templateType=IMAGE", ["photo"]),
        ("?languageCode=ru", ["visit_reminder"]),
        ("?pageSize=2", ["visit_reminder", "photo"]),
        ("?pageSize=2&pageNo=1", ["paused", "place"]),
    ],
)
def test_the_list_can_be_filtered_and_paged(world, query, names):
    assert [t["elementName"] for t in templates(world, query)] == names


def test_one_template_can_be_asked_for(world):
    one = world.http.get("/wa/app/app-shopbot/template/t-photo", **AUTH).get_json()
    assert one["template"]["elementName"] == "photo"
    assert world.http.get("/wa/app/app-shopbot/template/nope", **AUTH).status_code == 404


@pytest.mark.parametrize(
    ("app_id", "key", "status"),
    [
        ("app-shopbot", "nobody", 401),
        ("app-otherbot", KEY, 404),
        ("nope", KEY, 404),
    ],
)
def test_a_key_opens_only_its_own_app(world, app_id, key, status):
    assert world.http.get(f"/wa/app/{app_id}/template", headers={"apikey": key}).status_code == status


def subscribe(world: Any, **fields: Any) -> Any:
    data = {"url": "https://waba.example.org/new", "tag": "waba24", "version": "2", "modes": "MESSAGE,FAILED", **fields}
    return world.http.post("/wa/app/app-shopbot/subscription", data=data, **AUTH)


def test_a_subscription_gets_its_modes_and_no_others(world):
    world.control("/apps/shopbot/webhook", url=None)
    made = subscribe(world).get_json()["subscription"]
    assert made["modes"] == ["FAILED", "MESSAGE"]
    world.send_template()
    world.client_sends()
    world.advance_clock(seconds=1)
    assert [body["type"] for _, body in world.posted] == ["message"]
    listed = world.http.get("/wa/app/app-shopbot/subscription", **AUTH).get_json()["subscriptions"]
    assert [s["id"] for s in listed] == [made["id"]]
    assert world.http.delete(f"/wa/app/app-shopbot/subscription/{made['id']}", **AUTH).status_code == 200
    world.client_sends()
    world.advance_clock(seconds=1)
    assert len(world.posted) == 1


@pytest.mark.parametrize("modes", ['["MESSAGE"]', ["MESSAGE", "FAILED"]])
def test_modes_that_are_not_one_string_are_ignored_in_silence(world, modes):
    assert subscribe(world, modes=modes).get_json()["subscription"]["modes"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://waba.example.org"},
        {"tag": ""},
        {"tag": "emulator"},
        {"version": "3"},
        {"colour": "red"},
    ],
)
def test_a_wrong_subscription_is_refused(world, wrong):
    assert subscribe(world, **wrong).status_code == 400


def test_a_sixth_subscription_is_refused(world):
    assert [subscribe(world, tag=f"t{i}").status_code for i in range(5)] == [200] * 4 + [400]


def test_an_address_that_does_not_answer_is_refused_when_checked(world):
    world.answers = [404]
    assert subscribe(world, doCheck="true").status_code == 400
    assert world.posted[0][1]["payload"] == {"phone": "callbackSetPhone", "type": "sandbox-start"}
    assert subscribe(world, doCheck="true").status_code == 200


def test_a_subscription_can_be_switched_off(world):
    made = subscribe(world, modes="ALL").get_json()["subscription"]
    path = f"/wa/app/app-shopbot/subscription/{made['id']}"
    changed = world.http.put(path, data={"active": "false"}, **AUTH).get_json()["subscription"]
    assert changed["active"] is False
    world.client_sends()
    world.advance_clock(seconds=1)
    assert len(world.posted) == 1


def test_every_accepted_message_is_listed_once_in_order(open_world):
    sent = [open_world.send_text(destination=f"7912000{i:04}") for i in range(50)]
    assert [m["id"] for m in open_world.messages()] == sent
    assert open_world.http.get("/emulator/messages/count").get_json() == {"accepted": 50}
    open_world.advance_clock(seconds=5)
    assert [m["id"] for m in open_world.messages()] == sent


def test_messages_can_be_asked_for_by_client_app_and_place(open_world):
    first, second, _ = (
        open_world.send_text(),
        open_world.send_template(),
        open_world.send_text(destination="79120000001"),
    )
    ask = open_world.http.get
    assert [m["id"] for m in ask(f"/emulator/messages?destination={CLIENT}").get_json()["messages"]] == [first, second]
    assert len(ask("/emulator/messages?after=2").get_json()["messages"]) == 1
    assert ask("/emulator/messages?app=otherbot").get_json()["messages"] == []


def test_a_listed_message_tells_what_was_sent(world):
    message = world.send_template(postbackTexts=[{"index": 0, "text": "yes"}])
    (listed,) = world.messages()
    assert listed | {"at": "", "whatsapp_id": ""} == {
        "id": message,
        "app": "shopbot",
        "destination": CLIENT,
        "path": "/wa/api/v1/template/msg",
        "message": None,
        "template": {"id": "t-visit", "params": ["в пятницу", "Ольга", "в 14:00", "route"]},
        "postbackTexts": [{"index": 0, "text": "yes"}],
        "at": "",
        "status": "submitted",
        "statuses": [],
        "whatsapp_id": "",
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"app_name": "short", "phone": "79991112233"},
        {"app_name": "with space", "phone": "79991112233"},
        {"app_name": "shopbot", "phone": "79991112233"},
        {"app_name": "goodname", "phone": "+79991112233"},
        {"app_name": "goodname", "phone": "79991112233", "colour": "red"},
        {"app_name": "goodname", "phone": "79991112233", "templates": [{"name": "Bad Name", "body": "x"}]},
        {"app_name": "goodname", "phone": "79991112233", "rate_limit": {"per_second": 0}},
    ],
)
def test_a_wrong_app_is_refused_and_not_half_made(world, wrong):
    assert world.http.post("/emulator/apps", json=wrong).status_code == 400
    assert len(world.http.get("/emulator/apps").get_json()["apps"]) == 2


@pytest.mark.parametrize("path", ["/emulator/apps", "/emulator/reply", "/emulator/faults", "/emulator/event"])
def test_the_control_api_answers_nonsense_with_400(world, path):
    assert world.http.post(path, data="{").status_code == 400
    assert world.http.post(path, json=["x"]).status_code == 400
