"""The routes of webhooks: make, list, test, delete; what is refused; the secret once, even if the answer is lost."""

import pytest

from messaging.store.callbacks import Endpoint
from tests.api.caller import TEMPLATE, Program
from tests.flows.hooks import URL, Receiver, everybody_is_public
from tests.flows.scenes import ONE_DATABASE
from tests.flows.test_tenants import Neighbours
from tests.support.world import World

NEW = {"url": URL, "events": ["message.status"]}


@pytest.fixture
def receiver(shop: World, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    everybody_is_public(monkeypatch, lan="10.1.2.3")
    return Receiver(shop, monkeypatch)


def test_a_webhook_is_made_tested_told_and_deleted(shop: World, receiver: Receiver) -> None:
    program = Program(shop)
    made = program.post("/webhooks", NEW)
    assert made.status_code == 201, made.text
    receiver.secret = made.json["secret"]
    assert receiver.secret.startswith("whsec_")
    (shown,) = program.get("/webhooks").json
    assert "secret" not in shown
    assert shown == {name: value for name, value in made.json.items() if name != "secret"}
    assert program.post(f"/webhooks/{shown['id']}/test", None).status_code == 202
    shop.advance_clock(1)
    assert [event["type"] for event in receiver.events] == ["test"]
    sent = program.post("/messages", TEMPLATE).json
    shop.advance_clock(10)
    told = receiver.told("message.status")
    assert {one["id"] for one in told} == {sent["id"]}
    read = program.get(f"/messages/{sent['id']}").json
    assert {name: told[-1][name] for name in read if not name.endswith("_at")} == {
        name: value for name, value in read.items() if not name.endswith("_at")
    }, "an event says of a message what the API says"
    assert program.call("DELETE", f"/webhooks/{shown['id']}").status_code == 204
    assert program.get("/webhooks").json == []
    assert program.call("DELETE", f"/webhooks/{shown['id']}").status_code == 404


def test_a_message_that_never_leaves_is_told_as_failed(shop: World, receiver: Receiver) -> None:
    program = Program(shop)
    receiver.secret = program.post("/webhooks", NEW).json["secret"]
    shop.client_replies("79161234567", "Здравствуйте")
    shop.advance_clock(1)
    body = {"phone": TEMPLATE["phone"], "type": "file", "file": "https://nowhere.example/a.pdf"}
    sent = program.post("/messages", body)
    assert sent.status_code == 202, sent.text
    shop.advance_clock(120)
    (told,) = receiver.told("message.status")
    read = program.get(f"/messages/{sent.json['id']}").json
    assert (told["status"], told["error_code"], told["origin"]) == ("failed", read["error_code"], "api")
    assert told["id"] == sent.json["id"]
    assert told["phone"] == "79161234567"
    assert told["error_text"]


@ONE_DATABASE
def test_the_same_key_gets_the_same_secret(shop: World, receiver: Receiver) -> None:
    program = Program(shop)
    first, second = (program.post("/webhooks", NEW, Idempotency_Key="hook-1") for _ in range(2))
    assert first.json == second.json
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(shop.stored_rows(Endpoint)) == 1  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**NEW, "url": "http://crm.example/"}, "url"),
        ({**NEW, "url": "https://lan.example/"}, "url"),
        ({**NEW, "url": "https://127.0.0.1/"}, "url"),
        ({**NEW, "url": "https://[::1]/"}, "url"),
        ({**NEW, "url": "nonsense"}, "url"),
        ({"events": ["message.status"]}, "url"),
        ({**NEW, "events": []}, "events"),
        ({**NEW, "events": ["test"]}, "events.0"),
        ({**NEW, "origins": ["nobody"]}, "origins.0"),
        ({**NEW, "secret": "mine"}, "secret"),
    ],
)
@ONE_DATABASE
def test_what_is_refused(shop: World, receiver: Receiver, body: dict[str, object], field: str) -> None:
    assert list(Program(shop).codes("/webhooks", body)) == [field]
    assert shop.stored_rows(Endpoint) == []  # type: ignore[type-var]


@ONE_DATABASE
def test_scopes_and_other_portals(shop: World, receiver: Receiver) -> None:
    made = Program(shop).post("/webhooks", NEW).json
    reader = Program(shop, "webhooks:read")
    assert reader.get("/webhooks").status_code == 200
    assert reader.post("/webhooks", NEW).status_code == 403
    assert Program(shop, "messages:write").get("/webhooks").status_code == 403
    theirs = Program(shop, member_id=Neighbours(shop).portal.member_id)
    assert theirs.get("/webhooks").json == []
    assert theirs.post(f"/webhooks/{made['id']}/test", None).status_code == 404
    assert theirs.call("DELETE", f"/webhooks/{made['id']}").status_code == 404
    for _ in range(4):
        assert Program(shop).post("/webhooks", NEW).status_code == 201
    assert Program(shop).codes("/webhooks", NEW) == {"": ["limit_reached"]}
