"""The routes of opt-outs, through HTTP."""

import pytest

from messaging.policy import consent
from messaging.policy.consent import Cause, Client
from messaging.store.models import Line
from messaging.store.opt_outs import OptOut, Source
from tests.api.caller import Program
from tests.support.world import World

PHONE = "79161234567"


@pytest.fixture
def program(shop: World) -> Program:
    return Program(shop)


def test_a_client_is_put_on_the_list_once_and_gets_nothing(shop: World, program: Program) -> None:
    assert program.get(f"/optouts/{PHONE}").status_code == 404
    made = program.call("PUT", "/optouts/+7 916 123-45-67", {"why": "asked on the phone"})
    assert made.status_code == 200, made.text
    assert (made.json["phone"], made.json["lines"], made.json["source"]) == (PHONE, None, "api")
    assert made.json["why"] == "asked on the phone"
    assert program.call("PUT", f"/optouts/{PHONE}").json == made.json
    assert program.get(f"/optouts/{PHONE}").json == made.json
    assert program.get("/optouts").json == {"items": [made.json], "next_cursor": None}
    assert len(shop.stored_rows(OptOut)) == 1
    shop.client_replies(PHONE, "Здравствуйте")
    shop.advance_clock(1)
    assert program.codes("/messages", {"phone": PHONE, "type": "text", "text": "Ждём вас"}) == {"": ["opted_out"]}
    program.call("DELETE", f"/optouts/{PHONE}")
    assert program.post("/messages", {"phone": PHONE, "type": "text", "text": "Ждём вас"}).status_code == 202


def test_a_client_is_taken_off_the_list_by_any_spelling(shop: World, program: Program) -> None:
    program.call("PUT", "/optouts/5531987654321")
    assert program.get("/optouts/553187654321").status_code == 200
    assert program.call("DELETE", "/optouts/553187654321").status_code == 204
    assert program.call("DELETE", "/optouts/553187654321").status_code == 404
    assert program.get("/optouts").json["items"] == []


def test_what_the_client_told_whatsapp_only_the_client_can_lift(shop: World, program: Program) -> None:
    (line,) = shop.stored_rows(Line)
    with shop.runtime.db.write() as session:
        client = Client.of(shop.runtime, PHONE)
        cause = Cause(Source.PROVIDER, shop.runtime.clock(), why="131050")
        consent.stop(session, shop.runtime, line.portal_id, client, cause, line.id)
    shown = program.get(f"/optouts/{PHONE}").json
    assert (shown["lines"], shown["source"]) == ([line.id], "provider")
    answer = program.call("DELETE", f"/optouts/{PHONE}")
    assert (answer.status_code, answer.json["code"]) == (409, "wrong_state")
    assert "WhatsApp" in answer.json["detail"]
    program.call("PUT", f"/optouts/{PHONE}")
    assert program.get(f"/optouts/{PHONE}").json["lines"] is None
    assert program.call("DELETE", f"/optouts/{PHONE}").status_code == 204
    assert program.get(f"/optouts/{PHONE}").json["lines"] == [line.id]


def test_what_is_no_phone_and_what_nobody_knows_is_refused_at_its_field(program: Program) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = program.call(method, "/optouts/12")
        assert (answer.status_code, list(answer.json["errors"])) == (422, ["phone"]), method
    wrong = program.call("PUT", f"/optouts/{PHONE}", {"why": "x" * 201, "who": "me"})
    assert {field: one[0]["code"] for field, one in wrong.json["errors"].items()} == {
        "why": "text_too_long",
        "who": "unknown_field",
    }
    assert program.get("/optouts").json["items"] == []


def test_pages_hold_each_entry_once_while_others_are_added(program: Program) -> None:
    numbers = [f"7916000000{n}" for n in range(5)]
    for number in numbers:
        program.call("PUT", f"/optouts/{number}")
    first = program.get("/optouts?limit=2").json
    program.call("PUT", "/optouts/79990000000")
    second = program.get(f"/optouts?limit=3&cursor={first['next_cursor']}").json
    assert [one["phone"] for one in first["items"] + second["items"]] == numbers[::-1]
    assert second["next_cursor"] is None


def test_reading_needs_one_scope_and_changing_the_other(shop: World) -> None:
    reader = Program(shop, "optouts:read")
    assert reader.get("/optouts").status_code == 200
    assert reader.call("PUT", f"/optouts/{PHONE}").status_code == 403
    assert reader.call("DELETE", f"/optouts/{PHONE}").status_code == 403
