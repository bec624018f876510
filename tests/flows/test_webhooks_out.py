"""Webhooks out: what customers' systems are told, in which order, and what becomes of receivers that misbehave."""

from __future__ import annotations

import base64
from datetime import timedelta
from itertools import pairwise

import pytest
import requests
from sqlalchemy import event, select
from standardwebhooks.webhooks import WebhookVerificationError
from werkzeug.wrappers import Response

from messaging.callbacks import endpoints
from messaging.callbacks.endpoints import TooMany, Unfit, Wanted
from messaging.campaigns import changes
from messaging.lines import lines
from messaging.policy import consent
from messaging.policy.consent import Cause, Client
from messaging.stages import callbacks
from messaging.stages.callbacks import DEAD, SCHEDULE_S
from messaging.store import callback_queue
from messaging.store.callbacks import Event
from messaging.store.models import Template
from messaging.store.opt_outs import Source
from messaging.system.public_http import callback_session
from tests.bx24_emulator.open_channel import PNG
from tests.flows.hooks import URL, Receiver, everybody_is_public
from tests.flows.mailing import Mailing
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    jump_clock,
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


# --- receivers that misbehave ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codes", "waits"),
    [
        ([500], [5]),
        ([500, 500, 500], [5, 300, 1800]),
        ([302], [5]),
        ([404], [5]),
        ([429], [30]),
        ([503], [30]),
    ],
)
@ONE_DATABASE
def test_what_is_not_taken_comes_again(shop: World, receiver: Receiver, codes: list[int], waits: list[int]) -> None:
    made = receiver.register()
    receiver.answer(*codes, Location="https://elsewhere.example/", then=200)
    endpoints.test(shop.runtime, made.portal_id, made.key)
    shop.advance_clock(sum(waits) + 5)
    times = [at for at, _, _ in receiver.requests]
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    assert [round(gap) for gap in gaps] == waits
    assert len({key for _, key, _ in receiver.requests}) == 1, "always under the same id"
    (row,) = receiver.rows()
    assert (row.state, row.code, row.attempts) == ("done", 200, len(codes) + 1)
    assert "elsewhere.example" not in shop.net.hosts(), "no redirect is followed"


@ONE_DATABASE
def test_retry_after_is_obeyed(shop: World, receiver: Receiver) -> None:
    made = receiver.register()
    receiver.answer(429, Retry_After="120")
    for _ in range(2):
        endpoints.test(shop.runtime, made.portal_id, made.key)
    shop.advance_clock(119)
    assert len(receiver.requests) == 1, "the whole endpoint waits"
    shop.advance_clock(2)
    assert len(receiver.events) == 2


@ONE_DATABASE
def test_the_order_of_a_message_survives_a_refusal(shop: World, receiver: Receiver) -> None:
    """One event of a message is refused: its later ones wait, and those of other messages go on."""
    receiver.register([STATUS])
    refused = [0]

    def stubborn(event: dict[str, object]) -> Response | None:
        data = event["data"]
        assert isinstance(data, dict)
        if data["phone"] == PHONES[0] and data["status"] == "sent" and refused[0] < 2:
            refused[0] += 1
            return Response("not now", 500)
        return None

    receiver.always = stubborn
    start_each(shop, *[template_robot(phone, until="read") for phone in PHONES[:3]])
    shop.advance_clock(20)
    theirs = [one["status"] for one in receiver.told(STATUS) if one["phone"] == PHONES[0]]
    others = [one["status"] for one in receiver.told(STATUS) if one["phone"] == PHONES[1]]
    assert theirs == ["accepted"], "nothing overtakes the one that is refused"
    assert others[:3] == ["accepted", "sent", "delivered"]
    shop.advance_clock(320)
    theirs = [one["status"] for one in receiver.told(STATUS) if one["phone"] == PHONES[0]]
    assert theirs == others


@ONE_DATABASE
def test_410_switches_off_at_once(shop: World, receiver: Receiver) -> None:
    made = receiver.register()
    receiver.answer(410)
    endpoints.test(shop.runtime, made.portal_id, made.key)
    shop.advance_clock(2)
    found = receiver.endpoint()
    assert (found.state, found.off_reason) == ("off", "gone")
    assert "410" in shop.portal.notices[-1].message
    shop.robot_runs("robot.send_template", seconds=5, **template_robot()[1])
    assert len(receiver.rows()) == 1, "nothing is kept for it"
    endpoints.switch_on(shop.runtime, made.portal_id, made.key)
    shop.advance_clock(2)
    assert [event["type"] for event in receiver.events] == ["test"], "what has waited goes first"


@ONE_DATABASE
def test_three_days_of_failure_switch_off_and_the_administrator_is_told(shop: World, receiver: Receiver) -> None:
    made = receiver.register()
    shop.net.broken[receiver.host] = requests.exceptions.ConnectionError("refused")
    for _ in range(3):
        endpoints.test(shop.runtime, made.portal_id, made.key)
    jump_clock(shop, *[600.0] * 6, *[7200.0] * 34)
    assert receiver.endpoint().state == "on", "not before three days are over"
    tries = sum(row.attempts for row in receiver.rows())
    assert tries < 40, "a dead endpoint costs little"
    jump_clock(shop, *[7200.0] * 3, *[86_400.0] * 2)
    found = receiver.endpoint()
    assert (found.state, found.off_reason, found.error) == ("off", "failing", "unreachable")
    assert timedelta(days=3) == DEAD
    (note,) = shop.portal.notices
    assert receiver.host in note.message
    del shop.net.broken[receiver.host]
    endpoints.switch_on(shop.runtime, made.portal_id, made.key)
    shop.advance_clock(5)
    assert len(receiver.events) == 3, "nothing is lost"


@ONE_DATABASE
def test_everything_that_waits_goes_when_an_outage_is_over(shop: World, receiver: Receiver) -> None:
    made = receiver.register()
    shop.net.broken[receiver.host] = requests.exceptions.ConnectionError("refused")
    for _ in range(5):
        endpoints.test(shop.runtime, made.portal_id, made.key)
    shop.advance_clock(3600)
    del shop.net.broken[receiver.host]
    shop.advance_clock(callbacks.PAUSE_MAX_S + 5)
    assert len(receiver.events) == 5, "though their own next tries would be hours away"


@ONE_DATABASE
def test_what_is_never_taken_is_given_up_and_can_be_sent_again(shop: World, receiver: Receiver) -> None:
    made = receiver.register()

    def poison(event: dict[str, object]) -> Response | None:
        return Response("cannot read this", 400) if event["data"] != {"webhook": "good"} else None

    receiver.always = poison
    endpoints.test(shop.runtime, made.portal_id, made.key)
    for wait_s in SCHEDULE_S:
        with shop.runtime.db.write() as session:  # other events are taken meanwhile: the endpoint is not dead
            stored = endpoints.find(session, made.portal_id, made.key)
            stored.failing_since = shop.now if stored.failing_since else None
        jump_clock(shop, float(wait_s))
    (row,) = receiver.rows()
    assert (row.state, row.attempts, row.answer) == ("failed", len(SCHEDULE_S) + 1, "cannot read this")
    receiver.always = lambda _: None
    assert endpoints.send_failed_again(shop.runtime, made.portal_id, made.key) == 1
    shop.advance_clock(400)
    assert receiver.rows()[0].state == "done"
    assert endpoints.send_again(shop.runtime, made.portal_id, made.key, row.key)
    shop.advance_clock(2)
    assert [event["type"] for event in receiver.events] == ["test", "test"]


@ONE_DATABASE
def test_a_dead_endpoint_does_not_fill_the_database(
    shop: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callback_queue, "MOST_WAITING", 3)
    made = receiver.register()
    shop.net.broken[receiver.host] = requests.exceptions.ConnectionError("refused")
    for _ in range(5):
        endpoints.test(shop.runtime, made.portal_id, made.key)
        shop.advance_clock(1)
    found = receiver.endpoint()
    assert (len(receiver.rows()), found.waiting, found.missed) == (3, 3, 2)
    del shop.net.broken[receiver.host]
    shop.advance_clock(400)
    assert (len(receiver.events), receiver.endpoint().waiting) == (3, 0)


@ONE_DATABASE
def test_an_endpoint_of_a_private_address_gets_nothing(
    shop: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was public when it was made; each connection is judged anew."""

    made = receiver.register()
    shop.runtime.callback_session = callback_session()
    everybody_is_public(monkeypatch, crm="10.0.0.8")
    endpoints.test(shop.runtime, made.portal_id, made.key)
    shop.advance_clock(1)
    (row,) = receiver.rows()
    assert (row.code, row.error, row.attempts) == (None, "private", 1)


@ONE_DATABASE
def test_the_old_secret_signs_for_a_day(shop: World, receiver: Receiver) -> None:
    made = receiver.register()
    old = receiver.secret
    new = endpoints.renew_secret(shop.runtime, made.portal_id, made.key)
    assert new != old
    receiver.secrets = [old, new]
    endpoints.test(shop.runtime, made.portal_id, made.key)
    shop.advance_clock(2)
    assert len(receiver.events) == 1
    shop.now += timedelta(hours=24)
    receiver.secrets = [new]
    endpoints.test(shop.runtime, made.portal_id, made.key)
    shop.advance_clock(2)
    assert len(receiver.events) == 2
    receiver.secrets = [old]
    endpoints.test(shop.runtime, made.portal_id, made.key)
    with pytest.raises(WebhookVerificationError):
        shop.runtime.callback_session.post(URL, data=b"{}", headers={"webhook-id": "1"})
    shop.do_due_work()
    assert len(receiver.events) == 2


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
    assert (raised.value.field, raised.value.code) == ("url", code)


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


@ONE_DATABASE
def test_a_crash_between_a_delivery_and_its_record_repeats_it(shop: World, receiver: Receiver) -> None:
    made = receiver.register()
    endpoints.test(shop.runtime, made.portal_id, made.key)
    shop.drain.hold({made.portal_id % 64})
    with shop.runtime.db.write() as session:
        stage = next(stage for stage in shop.drain.stages if stage.name == "callbacks")
        (task,) = stage.claim(session, shop.drain.held, 4)
    assert [answer.code for answer in stage.work(task)] == [204]
    shop.replace_worker()
    jump_clock(shop, 15)
    assert [key for _, key, _ in receiver.requests] == [receiver.rows()[0].key] * 2
    assert receiver.rows()[0].state == "done"


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
