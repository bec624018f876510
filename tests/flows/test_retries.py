"""Trying again: only while nothing was written, in the order in which the robots ran, at the line's pace."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import requests
from urllib3.exceptions import NewConnectionError, ProtocolError

from messaging.lines import lines
from messaging.queue.leases import LEASE_S
from messaging.store.models import Message
from messaging.worker import due_work
from messaging.worker.drain import Drain
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    after_each_send,
    ending,
    endings,
    host,
    jump_clock,
    open_windows,
    post_webhook,
    send_attempts,
    set_portal_faults,
    start_each,
    status_payload,
    template_robot,
    text_robot,
)
from tests.support.world import GUPSHUP, World, returned

REFUSED = requests.exceptions.ConnectionError(NewConnectionError(None, "refused"))
NOTHING_WRITTEN = [REFUSED, requests.exceptions.ConnectTimeout("connect")]
WRITTEN = [
    requests.exceptions.ReadTimeout("read"),
    requests.exceptions.ConnectionError(ProtocolError("Connection aborted.", ConnectionResetError(104, "reset"))),
    requests.exceptions.ChunkedEncodingError("cut"),
]


def _only_sends(fault: Exception, *, after_the_write: bool = False) -> Any:
    def answer(request: requests.PreparedRequest) -> Exception | None:
        if "/msg" not in str(request.url):
            return None
        if after_the_write:
            request.body.read()  # as urllib3 does when the connection stands
        return fault

    return answer


def _seconds_of_tries(world: World, seconds: int) -> list[int]:
    """When, in whole seconds from now, a message was offered to Gupshup."""
    moments, known = [], len(send_attempts(world))
    for second in range(seconds + 1):
        world.do_due_work()
        moments += [second] * (len(send_attempts(world)) - known)
        known = len(send_attempts(world))
        jump_clock(world, 1)
    return moments


@ONE_DATABASE
@pytest.mark.parametrize("fault", NOTHING_WRITTEN, ids=["refused", "connect timeout"])
def test_what_was_never_written_is_tried_again_with_growing_pauses(shop: World, fault: Exception) -> None:
    shop.net.broken[host(GUPSHUP)] = _only_sends(fault)
    flow = shop.robots_start(template_robot(until="delivered"))
    jump_clock(shop, 0.1)
    first = len(send_attempts(shop))
    moments = _seconds_of_tries(shop, 16)
    assert first + len(moments) == 5
    gaps = [later - earlier for earlier, later in zip([0, *moments], moments, strict=False)]
    assert gaps[-1] >= 7 > gaps[0], f"1, 2, 4, 8 seconds: {moments}"
    shop.net.broken.clear()
    shop.advance_clock(18)
    assert ending(flow) == ("delivered", "")
    assert len(shop.sent) == 1


@ONE_DATABASE
def test_a_429_is_tried_again_when_gupshup_says_so(shop: World) -> None:
    shop.set_gupshup_faults(next=[{"answer": "429", "retry_after": 9}])
    flow = shop.robots_start(template_robot(until="delivered"))
    jump_clock(shop, 0.1)
    assert len(send_attempts(shop)) == 1
    moments = _seconds_of_tries(shop, 12)
    assert len(moments) == 1
    assert 8 <= moments[0] <= 10
    shop.advance_clock(2)
    assert ending(flow) == ("delivered", "")


@ONE_DATABASE
@pytest.mark.parametrize("fault", WRITTEN, ids=["read timeout", "reset", "cut"])
def test_what_may_have_been_written_is_never_tried_again(shop: World, fault: Exception) -> None:
    shop.net.broken[host(GUPSHUP)] = _only_sends(fault, after_the_write=True)
    flow = shop.robots_start(template_robot(until="delivered"))
    jump_clock(shop, 1)
    shop.net.broken.clear()
    jump_clock(shop, 30, 60, 300, 300)
    assert len(send_attempts(shop)) == 1
    assert shop.sent == []
    assert ending(flow) == ("unknown", "")


def test_messages_to_one_client_leave_in_the_order_of_the_robots(shop: World) -> None:
    open_windows(shop)
    shop.set_gupshup_faults(next=[{"answer": "429", "retry_after": 3}, "drop_after_accept"])
    words = [f"{number}" for number in range(6)]
    flows = []
    for word in words:
        flows.append(shop.robots_start(text_robot(words=word, until="delivered")))
        jump_clock(shop, 0.2)
    shop.advance_clock(20)
    assert [message.message["text"] for message in shop.sent] == words
    assert [ending(flow)[0] for flow in flows] == ["delivered"] * 6


def test_an_earlier_run_that_is_planned_slowly_is_not_overtaken(shop: World) -> None:
    open_windows(shop)
    set_portal_faults(shop, query_limit=3)
    slow = shop.robots_start(text_robot(phone="", words="первое"))
    jump_clock(shop, 0.2)
    quick = shop.robots_start(text_robot(words="второе"))
    jump_clock(shop, 0.2)
    assert shop.sent == [], "the second is ready, the first is not"
    shop.advance_clock(15)
    assert [message.message["text"] for message in shop.sent] == ["первое", "второе"]
    assert endings([slow, quick]) == [("accepted", ""), ("accepted", "")]


@ONE_DATABASE
def test_a_run_that_cannot_be_planned_does_not_hold_up_the_others_for_ever(shop: World) -> None:
    open_windows(shop)
    set_portal_faults(shop, html_502=500)
    stuck = shop.robots_start(text_robot(phone=""))
    jump_clock(shop, 0.2)
    quick = shop.robots_start(text_robot(words="второе"))
    jump_clock(shop, 1, 30, 30, 5)
    assert [message.message["text"] for message in shop.sent] == ["второе"]
    set_portal_faults(shop, html_502=0)
    jump_clock(shop, 60, 60)
    assert endings([stuck, quick]) == [("accepted", ""), ("accepted", "")]


@ONE_DATABASE
def test_a_line_that_must_wait_does_not_hold_up_another_line(shop: World) -> None:
    busy = shop.line
    other = shop.connect_line("othershop", "79001114455")
    limit = shop.drain.threads
    shop.set_gupshup_faults(app="acmeshop", next=[{"answer": "429", "retry_after": 300, "times": limit}])
    crowd = [f"7916333{number:04d}" for number in range(101, 101 + 2 * limit + 4)]
    start_each(shop, *(template_robot(phone, line=str(busy.id)) for phone in crowd))
    jump_clock(shop, 0.1, 1)
    assert 0 < len(send_attempts(shop)) <= limit, "the line waits after the first 429, but for what was on its way"
    flow = shop.robots_start(template_robot(line=str(other.id)))
    jump_clock(shop, 0.1, 1, 1)
    assert ending(flow) == ("accepted", "")
    assert [message.app.name for message in shop.sent] == ["othershop"]


@ONE_DATABASE
def test_a_line_keeps_its_pace_and_takes_a_new_one_at_once(shop: World) -> None:
    numbers = iter(range(101, 1000))
    runner = shop.flask.test_cli_runner()

    def crowd(size: int) -> None:
        before = len(shop.sent)
        start_each(shop, *(template_robot(f"7916333{next(numbers):04d}") for _ in range(size)))
        jump_clock(shop, 0.06)
        leaps.append([len(shop.sent) - before])
        for _ in range(2):
            jump_clock(shop, 1)
            leaps[-1].append(len(shop.sent) - before)

    leaps: list[list[int]] = []
    crowd(31)
    assert leaps[0] == [20, 30, 31], "20 at once, then 10 a second"
    assert runner.invoke(args=["lines", "set", str(shop.line.id), "--pace", "1"]).exit_code == 0
    jump_clock(shop, 60)
    crowd(22)
    assert leaps[1] == [20, 21, 22]


def test_what_a_dead_worker_had_in_flight_is_unclear_and_not_sent_again(shop: World) -> None:
    flow = shop.robots_start(template_robot(until="delivered"))
    dead = shop.drain
    shop.now = shop.now.fromtimestamp(shop.bx.next_due(), shop.now.tzinfo)
    shop.bx.deliver_due()
    _claim_until_sending(shop, dead)
    shop.drain = Drain(shop.runtime, threads=16)
    jump_clock(shop, LEASE_S - 3)
    assert shop.stored_rows(Message)[0].status == "sending", "its owner may only be slow"
    jump_clock(shop, 6, 60)
    assert shop.stored_rows(Message)[0].status == "unknown"
    assert send_attempts(shop) == []
    post_webhook(shop, status_payload("delivered", "gs-of-the-dead", at=shop.now))
    shop.advance_clock(1)
    assert ending(flow) == ("delivered", "")
    assert returned(flow)["message_id"] == "gs-of-the-dead"
    assert send_attempts(shop) == []


def _claim_until_sending(world: World, drain: Drain) -> None:
    """Planned and claimed, then the power goes."""
    for _ in range(5):
        finished: list[Any] = []
        with world.runtime.db.read() as session:
            drain.hold(due_work.due_shards(session, world.runtime))
        drain.claim(lambda stage, task, done=finished: done.append((stage, task)))
        if any(stage.name == "send" for stage, _ in finished):
            return
        drain.record([drain.work(stage, task) for stage, task in finished])
    raise AssertionError("nothing was claimed for sending")


def test_a_worker_that_lost_its_shard_claims_nothing_more(shop: World) -> None:
    frozen = shop.drain
    shop.robots_start(template_robot(PHONES[0]))
    shop.advance_clock(1)
    assert frozen.held
    shop.drain = Drain(shop.runtime, threads=16)
    jump_clock(shop, LEASE_S + 5)
    flow = shop.robots_start(template_robot(PHONES[1], "delivered"))
    shop.advance_clock(1)
    shop.set_gupshup_faults(next=[{"answer": "429", "retry_after": 2}])
    waiting = shop.robots_start(template_robot(PHONES[2]))
    jump_clock(shop, 0.1, 0.1)
    shop.now += timedelta(seconds=3)
    claimed: list[Any] = []
    frozen.claim(lambda stage, task: claimed.append(stage.name))
    assert "send" not in claimed, "the row asks who holds the shard, not the process"
    shop.advance_clock(1)
    assert endings([flow, waiting]) == [("delivered", ""), ("accepted", "")]
    assert len(shop.sent) == 3


def test_a_line_removed_while_its_message_is_on_the_way_ends_the_run_once(shop: World) -> None:
    def remove() -> None:
        lines.remove(shop.runtime, shop.line.id)

    with after_each_send(shop, remove):
        flow = shop.robots_start(template_robot(OLGA, "delivered"))
        shop.advance_clock(2)
    assert ending(flow) == ("failed", "line_not_connected")
    shop.advance_clock(40)
    assert {answer.values["status"] for answer in flow.answers} == {"failed"}
    assert shop.stored_rows(Message)[0].status == "delivered", "its webhooks are still understood"
