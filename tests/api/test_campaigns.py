"""The routes of campaigns, through HTTP, to the clients' phones."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select

from messaging.store.campaigns import Campaign, Recipient
from tests.api.caller import Program
from tests.flows.scenes import PHONES, add_template, jump_clock
from tests.flows.test_tenants import Neighbours
from tests.support.world import World

NEW: dict[str, Any] = {
    "name": "Autumn sale",
    "template": "order_ready",
    "params": [{"value": "name", "if_empty": "friend"}, "512"],
}


@pytest.fixture
def program(shop: World) -> Program:
    return Program(shop)


def made(program: Program, phones: list[str] = PHONES[:3], **more: Any) -> str:
    audience = {"phones": [{"phone": phone, "values": {"name": "Ольга"}} for phone in phones]}
    answer = program.post("/campaigns", {**NEW, "audience": audience, **more})
    assert answer.status_code == 201, answer.text
    key: str = answer.json["id"]
    return key


def test_a_campaign_is_made_checked_started_and_read(shop: World, program: Program) -> None:
    answer = program.post(
        "/campaigns",
        {
            **NEW,
            "audience": {
                "phones": [
                    {"phone": PHONES[0], "values": {"name": "Ольга"}},
                    {"phone": f"+{PHONES[0]}"},
                    {"phone": "nobody"},
                    {"phone": PHONES[1]},
                ]
            },
        },
    )
    assert answer.status_code == 201, answer.text
    draft = answer.json
    assert (draft["state"], draft["rejected"]) == ("draft", [{"index": 2, "reason": "invalid_phone"}])
    path = f"/campaigns/{draft['id']}"
    seen = program.post(f"{path}/preview", None)
    assert (seen.status_code, seen.json["total"], seen.json["will_send"]) == (200, 3, 2)
    assert seen.json["skipped"] == {"duplicate": 1}
    assert seen.json["cost"]["currency"] == "USD"
    assert Decimal(seen.json["cost"]["amount"]) > 0
    assert shop.sent == []
    started = program.post(f"{path}/start", None)
    assert (started.status_code, started.json["state"]) == (200, "preparing")
    shop.advance_clock(30)
    ended = program.get(path).json
    assert ended["state"] == "finished"
    assert ended["counts"]["delivered"] == 2
    assert sum(value for name, value in ended["counts"].items() if isinstance(value, int) and name != "replied") == 2
    assert len(shop.sent) == 2
    people = program.get(f"{path}/recipients").json["items"]
    assert [(one["state"], one["reason"]) for one in people] == [
        ("delivered", None),
        ("delivered", None),
        ("skipped", "duplicate"),
    ]
    message = program.get(f"/messages/{people[0]['message']}").json
    assert (message["campaign"], message["origin"], message["phone"]) == (draft["id"], "campaign", PHONES[0])
    assert program.get(f"/messages?campaign={draft['id']}").json["items"][0]["campaign"] == draft["id"]
    assert [one["id"] for one in program.get("/campaigns").json["items"]] == [draft["id"]]


def test_recipients_are_added_once_for_their_key(shop: World, program: Program) -> None:
    key = made(program, PHONES[:1])
    more = {"recipients": [{"phone": phone} for phone in PHONES[1:4]] + [{"phone": "12"}]}
    added = [program.post(f"/campaigns/{key}/recipients", more, Idempotency_Key="k1") for _ in range(3)]
    assert [one.json for one in added] == [{"accepted": 3, "rejected": [{"index": 3, "reason": "invalid_phone"}]}] * 3
    assert [one.headers.get("Idempotent-Replayed") for one in added] == [None, "true", "true"]
    program.post(f"/campaigns/{key}/recipients", more)
    counts = program.get(f"/campaigns/{key}").json["counts"]
    assert (counts["pending"], counts["skipped"]) == (4, {"duplicate": 3})


def test_a_draft_is_made_once_for_its_key(shop: World, program: Program) -> None:
    body = {**NEW, "audience": {"phones": [{"phone": PHONES[0]}]}}
    answers = [program.post("/campaigns", body, Idempotency_Key="one") for _ in range(3)]
    assert {one.json["id"] for one in answers} == {answers[0].json["id"]}
    with shop.runtime.db.read() as session:
        assert session.scalar(select(func.count(Campaign.id))) == 1
        assert session.scalar(select(func.count(Recipient.id))) == 1
    assert program.post("/campaigns", {**body, "name": "x"}, Idempotency_Key="one").status_code == 409


def test_a_start_that_is_repeated_with_its_key_starts_once(shop: World, program: Program) -> None:
    key = made(program)
    first = program.post(f"/campaigns/{key}/start", None, Idempotency_Key="go")
    shop.advance_clock(20)
    again = program.post(f"/campaigns/{key}/start", None, Idempotency_Key="go")
    assert (again.status_code, again.json) == (200, first.json)
    other = program.post(f"/campaigns/{key}/start", None, Idempotency_Key="go2")
    assert (other.status_code, other.json["code"]) == (409, "wrong_state")
    assert len(shop.sent) == 3


def test_a_campaign_is_paused_resumed_and_cancelled(shop: World, program: Program) -> None:
    key = made(program, PHONES[:5], per_minute=1)
    program.post(f"/campaigns/{key}/start", None)
    shop.advance_clock(5)
    paused = program.post(f"/campaigns/{key}/pause", None).json
    assert (paused["state"], paused["paused_reason"]) == ("paused", "by_hand")
    sent = len(shop.sent)
    shop.advance_clock(300)
    assert len(shop.sent) == sent
    assert program.post(f"/campaigns/{key}/resume", None).json["state"] == "running"
    cancelled = program.post(f"/campaigns/{key}/cancel", None)
    assert cancelled.json["state"] == "cancelled"
    shop.advance_clock(300)
    counts = program.get(f"/campaigns/{key}").json["counts"]
    assert counts["skipped"] == {"cancelled": 5 - len(shop.sent)}
    left = program.get(f"/campaigns/{key}/recipients?state=skipped&reason=cancelled").json["items"]
    assert len(left) == 5 - len(shop.sent)


REFUSED: list[tuple[dict[str, Any], dict[str, list[str]]]] = [
    ({"template": "nothing"}, {"template": ["template_not_found"]}),
    ({"params": ["512"]}, {"params": ["template_params"]}),
    ({"button_params": ["x"]}, {"button_params": ["template_params"]}),
    ({"params": [{"value": "a", "field": "b"}, "1"]}, {"params.0": ["value_invalid"]}),
    ({"params": [{"value": "a", "if": "b"}, "1"]}, {"params.0.if": ["unknown_field"]}),
    ({"line": "nowhere"}, {"line": ["line_not_found"]}),
    ({"line": 1, "lines": [1]}, {"lines": ["value_invalid"]}),
    ({"hours": "9 to 5"}, {"hours": ["value_invalid"]}),
    ({"hours": "09:00-09:00"}, {"hours": ["value_invalid"]}),
    ({"per_minute": 0}, {"per_minute": ["value_invalid"]}),
    ({"start_at": "tomorrow"}, {"start_at": ["value_invalid"]}),
    ({"name": ""}, {"name": ["value_missing"]}),
    ({"audience": {"crm": {"type": "planet", "filter": {}}}}, {"audience.crm.type": ["value_invalid"]}),
    ({"audience": {"crm": {"type": "deal"}}}, {"audience.crm.filter": ["value_invalid"]}),
    ({"audience": {"crm": {"type": "deal", "filter": {"@stageId": []}}}}, {"audience.crm.filter.@stageId": ["value_invalid"]}),
    (
        {"audience": {"phones": [{"phone": "1"}], "crm": {"type": "deal", "filter": {}}}},
        {"audience": ["value_invalid"]},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "errors"), REFUSED)
def test_what_is_wrong_is_named_and_nothing_is_made(
    shop: World, program: Program, wrong: dict[str, Any], errors: dict[str, list[str]]
) -> None:
    assert program.codes("/campaigns", {**NEW, **wrong}) == errors
    assert program.get("/campaigns").json["items"] == []


def test_items_of_the_crm_are_an_audience(shop: World, program: Program) -> None:
    answer = program.post(
        "/campaigns",
        {**NEW, "params": [{"field": "TITLE"}, "512"], "audience": {"crm": {"type": "deal", "ids": [1]}}},
    )
    assert answer.status_code == 201, answer.text
    path = f"/campaigns/{answer.json['id']}"
    waits = program.post(f"{path}/preview", None)
    assert (waits.status_code, waits.json["will_send"]) == (202, None)
    assert waits.headers["Retry-After"] == "2"
    shop.advance_clock(3)
    seen = program.post(f"{path}/preview", None)
    assert (seen.status_code, seen.json["will_send"]) == (200, 1), seen.text
    program.post(f"{path}/start", None)
    shop.advance_clock(20)
    assert program.get(path).json["counts"]["delivered"] == 1


def test_the_dry_run_is_made_anew_when_it_is_old(shop: World, program: Program) -> None:
    add_template(shop, "sale", "MARKETING")
    key = made(program, template="sale", params=[])
    assert program.post(f"/campaigns/{key}/preview", None).json["will_send"] == 3
    program.call("PUT", f"/optouts/{PHONES[0]}")
    assert program.post(f"/campaigns/{key}/preview", None).json["will_send"] == 3, "it was so a moment ago"
    jump_clock(shop, 16 * 60)
    seen = program.post(f"/campaigns/{key}/preview", None).json
    assert (seen["will_send"], seen["skipped"]) == (2, {"opted_out": 1})


def test_an_empty_draft_can_be_neither_checked_nor_started(program: Program) -> None:
    key = program.post("/campaigns", NEW).json["id"]
    for step in ("preview", "start"):
        assert program.codes(f"/campaigns/{key}/{step}", None) == {"audience": ["value_missing"]}


def test_another_portals_campaign_and_an_unknown_one_are_404(shop: World, program: Program) -> None:
    theirs = Program(shop, member_id=Neighbours(shop).portal.member_id)
    calls: list[tuple[str, str, Any]] = [
        *(("GET", path, None) for path in ("", "/recipients")),
        *(("POST", f"/{step}", None) for step in ("preview", "start", "pause", "resume", "cancel")),
        ("POST", "/recipients", {"recipients": [{"phone": PHONES[0]}]}),
    ]
    for who, key in ((program, "nothing"), (theirs, made(program))):
        for method, path, body in calls:
            assert who.call(method, f"/campaigns/{key}{path}", body).status_code == 404, (key, path)
    assert theirs.get("/campaigns").json["items"] == []


def test_pages_of_recipients_hold_everybody_once(shop: World, program: Program) -> None:
    key = made(program, PHONES[:5])
    first = program.get(f"/campaigns/{key}/recipients?limit=2").json
    second = program.get(f"/campaigns/{key}/recipients?limit=200&cursor={first['next_cursor']}").json
    assert [one["phone"] for one in first["items"] + second["items"]] == list(PHONES[:5])
    assert second["next_cursor"] is None
    other = program.get(f"/campaigns/{key}/recipients?state=pending&cursor={first['next_cursor']}")
    assert other.status_code == 422
