"""Webhooks out: what customers' systems are told, in which order, and what becomes of receivers that misbehave."""

from __future__ import annotations

import base64

import pytest
from sqlalchemy import event, select

from messaging.callbacks import endpoints
from messaging.callbacks.endpoints import TooMany, Unfit, Wanted
from messaging.campaigns import changes
from messaging.lines import lines
from messaging.policy import consent
from messaging.policy.consent import Cause, Client
from messaging.store.callbacks import Event
from messaging.store.models import Template
from messaging.store.opt_outs import Source
from tests.bx24_emulator.open_channel import PNG
from tests.flows.hooks import Receiver, everybody_is_public
from tests.flows.mailing import Mailing
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    post_webhook,
    start_each,
    status_payload,
    template_robot,
)
from tests.support.world import World

STATUS, RECEIVED = Event.MESSAGE_STATUS, Event.MESSAGE_RECEIVED


@pytest.fixture
def receiver(shop: World, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    everybody_is_public(monkeypatch)
    return Receiver(shop, monkeypatch)


def test_the_statuses_of_a_message_are_told_in_their_order(shop: World, receiver: Receiver) -> None:
    receiver.register()
    shop.robot_runs(*["robot.send_template"], seconds=30, **template_robot(until="read")[1])
    told = receiver.told(STATUS)
    assert [one["status"] for one in told] == ["accepted", "sent", "delivered", "read"][: len(told)]
    assert len(told) >= 3
    (message,) = shop.sent
    first, last = told[0], told[-1]
    assert {one["id"] for one in told} == {first["id"]}
    assert (first["phone"], first["line"], first["origin"], first["type"]) == (OLGA, shop.line.id, "robot", "template")
    assert first["provider_id"] == message.id
    assert first["item"] == "DEAL_1"
    assert (first["delivered_at"], last["error_code"]) == (None, None)
    assert last["delivered_at"].endswith("+00:00")


def test_what_a_client_writes_is_told(shop: World, receiver: Receiver) -> None:
    receiver.register([RECEIVED])
    shop.robot_runs("robot.send_template", **template_robot()[1])
    shop.client_replies(OLGA, "Здравствуйте 👋")
    shop.advance_clock(2)
    (told,) = receiver.told(RECEIVED)
    assert (told["phone"], told["type"], told["text"], told["file"]) == (OLGA, "text", "Здравствуйте 👋", None)
    assert [event["type"] for event in receiver.events] == [RECEIVED], "no other events were asked for"


def test_a_message_with_a_file_is_told_when_the_file_is_there(shop: World, receiver: Receiver) -> None:
    receiver.register([RECEIVED])
    content = base64.b64encode(PNG).decode()
    shop.client_replies(OLGA, "", type="image", caption="Замер", content_base64=content, content_type="image/png")
    shop.advance_clock(5)
    (told,) = receiver.told(RECEIVED)
    assert (told["type"], told["text"], told["phone"]) == ("image", "Замер", OLGA)
    assert told["file"].startswith("https://waba.example/files/")


def test_a_campaign_an_opt_out_and_a_line_are_told(shop: World, receiver: Receiver) -> None:
    receiver.register()
    mailing = Mailing(shop, PHONES, per_minute=2)
    mailing.start(seconds=3)
    mailing.do(changes.pause)
    shop.advance_clock(2)
    states = [one["state"] for one in receiver.told(Event.CAMPAIGN_STATE)]
    assert states[:2] == ["preparing", "running"]
    assert states[-1] == "paused"
    last = receiver.told(Event.CAMPAIGN_STATE)[-1]
    assert (last["name"], last["paused_reason"]) == ("Майская акция", "by_hand")
    shown = {name: count for name, count in last["counts"].items() if isinstance(count, int) and name != "replied"}
    assert sum(shown.values()) == len(PHONES)

    runtime, portal_id = shop.runtime, shop.line.portal_id
    with runtime.db.write() as session:
        cause = Cause(Source.PAGE, shop.now, user_id=1)
        assert consent.stop(session, runtime, portal_id, Client.of(runtime, PHONES[0]), cause)
    since = shop.now.isoformat(timespec="milliseconds")
    lines.pause(runtime, shop.line.id, 1)
    lines.unpause(runtime, shop.line.id)
    shop.advance_clock(2)
    (opted_out,) = receiver.told(Event.OPTOUT_CHANGED)
    assert opted_out == {
        "phone": PHONES[0],
        "line": None,
        "opted_out": True,
        "source": "page",
        "at": since,
    }
    assert [one["status"] for one in receiver.told(Event.LINE_STATE)] == ["paused", "connected"]


def test_counts_of_a_running_campaign_are_told_once_a_minute(shop: World, receiver: Receiver) -> None:
    receiver.register([Event.CAMPAIGN_STATE])
    Mailing(shop, PHONES, per_minute=2).start(seconds=100)
    running = [one for one in receiver.told(Event.CAMPAIGN_STATE) if one["state"] == "running"]
    assert len(running) == 2, "when it began, and a minute later"
    assert running[0]["counts"] != running[1]["counts"]


def test_a_template_that_is_paused_is_told(shop: World, receiver: Receiver) -> None:
    shop.robot_runs("robot.send_template", **template_robot()[1])  # its list is known from now on
    receiver.register([Event.TEMPLATE_CHANGED])
    with shop.runtime.db.read() as session:
        known = session.scalars(select(Template).where(Template.name == "welcome")).first()
    assert known is not None
    payload = {"id": known.template_id, "elementName": "welcome", "languageCode": "ru", "status": "paused"}
    post_webhook(shop, {"type": "status-update", **payload}, kind="template-event")
    shop.advance_clock(2)
    (told,) = receiver.told(Event.TEMPLATE_CHANGED)
    assert (told["name"], told["status"], told["change"]["before"]) == ("welcome", "PAUSED", "APPROVED")


def test_origins_choose_whose_statuses_are_told(shop: World, receiver: Receiver) -> None:
    receiver.register([STATUS], ["campaign"])
    shop.robot_runs("robot.send_template", seconds=5, **template_robot()[1])
    assert receiver.events == []
    Mailing(shop, PHONES[:1]).start(seconds=5)
    assert {one["origin"] for one in receiver.told(STATUS)} == {"campaign"}
    assert receiver.told(STATUS)[0]["campaign"]


def test_nobody_listens_and_nothing_is_written_or_asked(shop: World, receiver: Receiver) -> None:
    """The worker's statements for eight messages are the same as if there were no webhooks, but for its look for due work."""
    seen: list[str] = []
    engine = shop.runtime.db.engine

    def noted(_: object, __: object, statement: str, *more: object) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", noted)
    try:
        start_each(shop, *[template_robot(phone, until="delivered") for phone in PHONES])
        shop.client_replies(PHONES[0], "Да")
        shop.advance_clock(3)
        without = [statement for statement in seen if "callback" in statement or "endpoint" in statement]
        # What is left reads rows that are read anyway, or is the worker's own look for due work, once a round.
        own = ("INSERT INTO callback", "SELECT endpoint.id, endpoint.events")
        assert [statement for statement in without if statement.startswith(own)] == []
        assert receiver.rows() == []
        receiver.register()
        seen.clear()
        start_each(shop, *[template_robot(phone, until="delivered") for phone in PHONES])
        shop.advance_clock(3)
        assert [statement for statement in seen if statement.startswith("INSERT INTO callback")]
    finally:
        event.remove(engine, "before_cursor_execute", noted)


def test_two_endpoints_get_the_same_event_under_the_same_id(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    everybody_is_public(monkeypatch)
    first, second = Receiver(shop, monkeypatch), Receiver(shop, monkeypatch, "erp.example")
    first.register([STATUS])
    second.register([STATUS])
    shop.robot_runs("robot.send_template", seconds=5, **template_robot()[1])
    assert [key for _, key, _ in first.requests] == [key for _, key, _ in second.requests] != []


# --- who may be told -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", "missing"),
        ("crm", "not_a_url"),
        ("ftp://crm.example/", "not_a_url"),
        ("https://crm.example:99999/", "not_a_url"),
        ("https://[::1/", "not_a_url"),
        ("https://user:secret@crm.example/", "password"),
        ("http://crm.example/", "not_https"),
        ("https://127.0.0.1/", "private"),
        ("https://[::ffff:10.0.0.1]/", "private"),
        ("https://0x7f.1/", "private"),
        ("https://169.254.169.254/latest", "private"),
        ("https://lan.example/", "private"),
        ("https://nowhere.invalid/", "unknown_host"),
        ("https://crm.example/" + "x" * 500, "too_long"),
        ("https://crm.example/a\nb", "not_a_url"),
    ],
)
@ONE_DATABASE
def test_addresses_that_are_refused(shop: World, monkeypatch: pytest.MonkeyPatch, url: str, code: str) -> None:
    everybody_is_public(monkeypatch, lan="192.168.1.5")
    with pytest.raises(Unfit) as raised:
        endpoints.make(shop.runtime, shop.line.portal_id, Wanted(url, [STATUS]))
    assert raised.value.problems == {"url": code}


@ONE_DATABASE
def test_a_portal_has_few_endpoints_and_those_of_others_are_nobodys(shop: World, receiver: Receiver) -> None:
    made = [receiver.register() for _ in range(endpoints.MOST)]
    with pytest.raises(TooMany):
        receiver.register()
    with pytest.raises(LookupError):
        endpoints.remove(shop.runtime, made[0].portal_id + 64, made[0].key)
    endpoints.remove(shop.runtime, made[0].portal_id, made[0].key)
    receiver.register()
    with pytest.raises(Unfit, match="events"):
        receiver.register(["message.sent"])


def test_statuses_nobody_knows_are_told(shop: World, receiver: Receiver) -> None:
    receiver.register([STATUS])
    shop.set_gupshup_faults(next=["502"])
    shop.robot_runs("robot.send_template", seconds=3, **template_robot()[1])
    assert [one["status"] for one in receiver.told(STATUS)][-1:] == ["unknown"]


def test_a_failure_is_told_with_its_reason(shop: World, receiver: Receiver) -> None:
    receiver.register([STATUS])
    shop.robot_runs("robot.send_template", seconds=5, **template_robot("79160000000")[1])
    told = receiver.told(STATUS)
    assert told[-1]["status"] == "failed", told
    assert told[-1]["error_code"]
    assert told[-1]["error_text"]


def test_an_event_that_comes_again_is_told_once(shop: World, receiver: Receiver) -> None:
    receiver.register([STATUS])
    shop.robot_runs("robot.send_template", seconds=10, **template_robot()[1])
    before = len(receiver.events)
    post_webhook(shop, status_payload("delivered", shop.sent[0].id, at=shop.now))
    shop.advance_clock(2)
    assert len(receiver.events) == before
