"""Webhooks out: what becomes of receivers that are slow, dead, hostile or gone, and of a worker that dies."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
import requests
from standardwebhooks.webhooks import WebhookVerificationError
from werkzeug.wrappers import Response

from messaging.callbacks import endpoints
from messaging.callbacks.endpoints import EVENTS, Wanted
from messaging.callbacks.posting import Answer
from messaging.limits.concurrency import ConcurrencyLimit
from messaging.stages import callbacks
from messaging.stages.callbacks import DEAD, SCHEDULE_S
from messaging.store import callback_queue
from messaging.store.callbacks import Event
from messaging.store.models import Portal
from messaging.system.public_http import callback_session
from tests.flows.hooks import URL, Receiver, everybody_is_public
from tests.flows.scenes import ONE_DATABASE, PHONES, jump_clock, start_each, template_robot
from tests.support.world import World

STATUS = Event.MESSAGE_STATUS


@pytest.fixture
def receiver(shop: World, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    everybody_is_public(monkeypatch)
    return Receiver(shop, monkeypatch)


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


@ONE_DATABASE
def test_the_endpoints_of_one_portal_leave_hands_to_others(shop: World, receiver: Receiver) -> None:
    """All of its five receivers may be slow: they hold a share of the stage's slots, and one of each endpoint."""
    made = [receiver.register() for _ in range(endpoints.MOST)]
    for one in made:
        endpoints.test(shop.runtime, one.portal_id, one.key)
    shop.drain.hold({made[0].portal_id % 64})
    stage = next(stage for stage in shop.drain.stages if stage.name == "callbacks")
    slots = stage.slots(64)
    with shop.runtime.db.write() as session:
        first = stage.claim(session, shop.drain.held, slots)
        again = stage.claim(session, shop.drain.held, slots)
    assert (slots, len(first), len(again)) == (8, 2, 0)


@ONE_DATABASE
def test_what_was_recorded_late_ends_nothing_twice(shop: World, receiver: Receiver) -> None:
    """The process was frozen; another one has delivered the event meanwhile."""
    made = receiver.register()
    endpoints.test(shop.runtime, made.portal_id, made.key)
    shop.drain.hold({made.portal_id % 64})
    stage = next(stage for stage in shop.drain.stages if stage.name == "callbacks")
    with shop.runtime.db.write() as session:
        (task,) = stage.claim(session, shop.drain.held, 4)
    answers = stage.work(task)
    shop.replace_worker()
    jump_clock(shop, 15)
    with shop.runtime.db.write() as session:
        stage.record(session, [(task, answers)])
    found = receiver.endpoint()
    assert (receiver.rows()[0].attempts, found.waiting, found.failures) == (1, 0, 0)


@ONE_DATABASE
def test_a_receiver_that_takes_everything_slowly_rests_as_long_as_it_took(shop: World, receiver: Receiver) -> None:
    """One byte a second and 200 at the end, event after event: it would hold a thread for good."""
    made = receiver.register()
    for _ in range(3):
        endpoints.test(shop.runtime, made.portal_id, made.key)
    shop.drain.hold({made.portal_id % 64})
    stage = next(stage for stage in shop.drain.stages if stage.name == "callbacks")
    begun = shop.now
    with shop.runtime.db.write() as session:
        (task,) = stage.claim(session, shop.drain.held, 4)
    with shop.runtime.db.write() as session:
        stage.record(session, [(task, [Answer(begun, 12_000, 200)])])
    due_at = receiver.endpoint().due_at
    assert due_at is not None
    assert (due_at - shop.now).total_seconds() == pytest.approx(12, abs=0.1)
    shop.now += timedelta(seconds=13)
    with shop.runtime.db.write() as session:
        (task,) = stage.claim(session, shop.drain.held, 4)
        assert stage.slow == {made.id}
    with shop.runtime.db.write() as session:
        stage.record(session, [(task, [Answer(begun, 20, 200)])])
    assert stage.slow == set(), "it is fast again"
    assert receiver.endpoint().due_at == shop.now


@ONE_DATABASE
def test_slow_receivers_of_many_portals_leave_half_of_the_threads(shop: World, receiver: Receiver) -> None:
    """Each portal keeps its share, yet many portals together would hold all threads of the stage."""
    shop.drain.hold({shop.line.portal_id % 64})
    stage = next(stage for stage in shop.drain.stages if stage.name == "callbacks")
    slots = stage.slots(64)
    slow = []
    for number in range(1, 4):  # on the same shard
        with shop.runtime.db.write() as session:
            mine = session.get_one(Portal, shop.line.portal_id)
            copied = {column.name: getattr(mine, column.name) for column in Portal.__table__.columns}
            fresh = {"id": mine.id + number * 64, "member_id": f"slow {number}", "default_line_id": None}
            session.add(Portal(**{**copied, **fresh}))
        slow += [endpoints.make(shop.runtime, fresh["id"], Wanted(URL, EVENTS)) for _ in range(2)]
    for one in slow:
        endpoints.test(shop.runtime, one.portal_id, one.key)
    stage.slow |= {one.id for one in slow}
    fast = receiver.register()
    endpoints.test(shop.runtime, fast.portal_id, fast.key)
    with shop.runtime.db.write() as session:
        tasks = stage.claim(session, shop.drain.held, slots)
    assert slots == 8
    assert len(tasks) == 5, "four of the six that were slow"
    assert fast.id in {task.endpoint_id for task in tasks}
    with shop.runtime.db.write() as session:
        assert stage.claim(session, shop.drain.held, slots - 5) == []


@ONE_DATABASE
def test_one_name_of_a_portal_is_looked_up_at_a_time(
    shop: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name server is the customer's own, and may keep each thread of the web for half a minute."""
    limit = ConcurrencyLimit(2, patience_s=0.01, now=lambda: 0.0)
    monkeypatch.setattr(endpoints, "_lookups", limit)
    with limit.acquire(str(shop.line.portal_id)), pytest.raises(endpoints.Unfit) as caught:
        receiver.register()
    assert caught.value.problems == {"url": "busy"}
    with limit.acquire("another portal"):
        receiver.register()
