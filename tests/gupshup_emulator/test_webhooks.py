"""What the emulator posts to the business, when, and what it does when nobody answers."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import pairwise
from typing import Any

from .conftest import CLIENT, OUR_NUMBER


def kinds(world: Any) -> list[str]:
    return [event["type"] for event in world.event_payloads()]


def test_statuses_come_in_order_and_at_their_times(world):
    world.send_template()
    seen = []
    for _ in range(7):
        world.advance_clock(milliseconds=50)
        seen.append(kinds(world))
    assert seen == [["enqueued"]] * 2 + [["enqueued", "sent"]] * 3 + [["enqueued", "sent", "delivered"]] * 2


def test_the_envelope_is_the_vendors(world):
    message = world.send_template()
    world.advance_clock(seconds=1)
    url, body = world.posted[1]
    moment = int(world.now.timestamp()) - 1
    assert url == "https://waba.example.org/shopbot"
    whatsapp = body["payload"].pop("id")
    assert whatsapp.startswith("wamid.")
    assert body["payload"].pop("conversation")["type"] == "utility"
    assert body == {
        "app": "shopbot",
        "phone": OUR_NUMBER,
        "appId": "app-shopbot",
        "timestamp": moment * 1000 + 150,
        "version": 2,
        "type": "message-event",
        "payload": {
            "gsId": message,
            "type": "sent",
            "destination": CLIENT,
            "payload": {"ts": moment},
            "pricing": {"policy": "PMP", "category": "utility", "type": "regular"},
        },
    }
    assert json.loads(json.dumps(body)) == body


def test_enqueued_tells_session_from_template(open_world):
    open_world.send_text()
    open_world.send_template()
    open_world.advance_clock(seconds=1)
    assert [e["payload"]["type"] for e in open_world.event_payloads() if e["type"] == "enqueued"] == [
        "session",
        "template",
    ]


def test_delays_can_be_chosen_and_latency_comes_on_top(world):
    world.control("/faults", latency_ms=200, delays_ms={"enqueued": 10, "delivered": 20, "sent": 15})
    world.send_template()
    assert world.paused == [0.2]
    world.advance_clock(milliseconds=205)
    assert kinds(world) == []
    world.advance_clock(milliseconds=15)
    assert kinds(world) == ["enqueued", "sent", "delivered"]


def test_auto_read_reads(world):
    world.control("/faults", auto_read_ms=1000)
    message = world.send_template()
    world.advance_clock(milliseconds=1290)
    assert world.statuses_of(message)[-1] == "delivered"
    world.advance_clock(milliseconds=10)
    assert world.statuses_of(message)[-1] == "read"
    assert world.event_payloads()[-1]["gsId"] == message


def test_without_auto_read_and_without_the_page_nothing_is_read(world):
    message = world.send_template()
    world.advance_clock(days=2)
    assert world.statuses_of(message) == ["enqueued", "sent", "delivered"]


def test_reversed_order_posts_the_latest_status_first_and_keeps_the_facts(world):
    world.control("/faults", order="reversed")
    message = world.send_template()
    world.advance_clock(seconds=2)
    assert kinds(world) == ["delivered", "sent", "enqueued"]
    assert world.statuses_of(message) == ["enqueued", "sent", "delivered"]


def test_duplicates_are_equal_bodies(world):
    world.control("/faults", duplicate=True)
    world.send_template()
    world.client_sends()
    world.advance_clock(seconds=2)
    bodies = [json.dumps(body, sort_keys=True) for _, body in world.posted]
    assert len(bodies) == 10  # with the bill
    assert len(set(bodies)) == 5


def test_statuses_can_get_lost_and_lose_their_gs_id(world):
    world.control("/faults", drop_statuses=["sent"], omit_gs_id=True)
    world.send_template()
    world.advance_clock(seconds=2)
    assert kinds(world) == ["enqueued", "delivered"]
    assert "gsId" not in world.event_payloads()[1]


def test_a_refused_webhook_is_tried_again_with_growing_pauses_and_then_given_up(world):
    world.answers = [500, 0, 503, 500, 500, 404]
    world.control("/event", app="shopbot", type="account-event", payload={"type": "tier-event"})
    world.advance_clock(minutes=5)
    (log,) = world.http.get("/emulator/webhooks").get_json()["webhooks"]
    times = [datetime.fromisoformat(moment) for moment in log["posted"]]
    assert [(after - before).total_seconds() for before, after in pairwise(times)] == [1, 2, 4, 8, 16]
    assert (log["answers"], log["state"]) == ([500, 0, 503, 500, 500, 404], "given up")


def test_a_webhook_taken_at_the_second_attempt_is_delivered(world):
    world.answers = [502]
    world.client_sends()
    world.advance_clock(seconds=3)
    (log,) = world.http.get("/emulator/webhooks?event=message/text").get_json()["webhooks"]
    assert (log["answers"], log["state"]) == ([502, 200], "delivered")
    assert world.posted[0] == world.posted[1]


def test_an_app_hears_only_of_itself(world):
    world.send_template()
    world.advance_clock(seconds=1)
    assert {url for url, _ in world.posted} == {"https://waba.example.org/shopbot"}


def test_the_address_can_be_changed_and_removed(world):
    world.control("/apps/shopbot/webhook", url="https://new.example.org/x")
    world.client_sends()
    world.advance_clock(seconds=1)
    world.control("/apps/shopbot/webhook", url=None)
    world.client_sends()
    world.advance_clock(seconds=1)
    assert [url for url, _ in world.posted] == ["https://new.example.org/x"]


def test_nothing_is_planned_when_all_is_done(world):
    world.send_template()
    assert world.emulator.next_due() is not None
    world.advance_clock(seconds=2)
    assert world.emulator.next_due() is None
    assert world.emulator.deliver_due() == 0


def test_a_template_that_changes_its_status_is_told(world):
    world.control("/apps/shopbot/templates/t-visit", status="REJECTED", reason="INVALID_FORMAT")
    world.advance_clock(seconds=1)
    assert world.event_payloads("template-event") == [
        {
            "type": "status-update",
            "id": "t-visit",
            "status": "rejected",
            "elementName": "visit_reminder",
            "languageCode": "ru",
            "rejectedReason": "INVALID_FORMAT",
        }
    ]
    assert world.failure_code(world.send_template()) == 4003
