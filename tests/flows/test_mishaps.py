"""What goes wrong between two transactions: outages, lost commits, slow answers, rows that cannot be read."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import Any

from sqlalchemy import text as sql
from sqlalchemy.exc import OperationalError
from werkzeug.test import Client as WsgiClient

from bx24.emulator.rules import frames
from messaging.lines import lines
from messaging.portals import portals, uninstalling
from messaging.queue import leases
from messaging.stages.base import Content
from messaging.stages.registration import Registry
from messaging.store.models import Message, Portal, Run
from messaging.worker import due_work
from tests.flows.scenes import (
    OLGA,
    ONE_DATABASE,
    PHONES,
    after_each_send,
    ending,
    open_windows,
    post_webhook,
    returned,
    set_portal_faults,
    status_payload,
    template_robot,
    text_payload,
    text_robot,
)
from tests.support.world import APP, PORTAL, World

NEVER = 10**9
"""Milliseconds until a status that does not come."""


def arrive(world: World) -> None:
    """The robot's call is stored, and nothing has been done about it."""
    while not [run for run in world.stored_rows(Run) if run.state == "stored"]:
        world.now += timedelta(seconds=0.5)
        world.bx.deliver_due()


def stage(world: World, name: str) -> Any:
    return next(one for one in world.drain.stages if one.name == name)


def claimed(world: World, name: str) -> list[Any]:
    """What one stage claims now, as the drain would; planning has done its work then, if nobody must be asked."""
    with world.runtime.db.read() as session:
        world.drain.hold(due_work.due_shards(session, world.runtime))
    with world.runtime.db.write() as session:
        if name == "send":
            world.drain.outbox.schedule.look(session, world.drain.held)
        return stage(world, name).claim(session, dict(world.drain.held), 5)


def test_a_message_whose_wait_ended_while_nobody_worked_does_not_leave(shop: World) -> None:
    open_windows(shop)
    flow = shop.robots_start(text_robot(OLGA, "late", "delivered", wait_minutes="1"))
    arrive(shop)
    assert claimed(shop, "plan") == []
    assert [message.status for message in shop.stored_rows(Message)] == ["queued"]
    shop.now += timedelta(hours=3)
    shop.replace_worker()
    shop.advance_clock(5)
    assert shop.sent == []
    assert (ending(flow), returned(flow)["message_id"]) == (("timeout", ""), "")


def test_what_was_delivered_in_time_wins_over_the_deadline_however_long_the_backlog(shop: World) -> None:
    open_windows(shop)
    flow = shop.robots_start(text_robot(OLGA, "x", "delivered", wait_minutes="5"))
    shop.set_gupshup_faults(delays_ms={"delivered": NEVER})
    shop.advance_clock(3)
    for number in range(150):
        event = {"type": "sent", "id": f"wamid.o{number}", "gsId": f"other{number}", "destination": "79160000001"}
        post_webhook(shop, {**event, "payload": {}})
    post_webhook(shop, status_payload("delivered", shop.stored_rows(Message)[-1].gupshup_id, at=shop.now))
    shop.now += timedelta(minutes=10)
    shop.replace_worker()
    shop.advance_clock(3)
    assert ending(flow) == ("delivered", "")


def test_a_reply_that_overtakes_the_record_of_its_message_is_not_lost(shop: World) -> None:
    open_windows(shop)
    inner = shop.drain.work

    def work(one: Any, task: Any) -> Any:
        result = inner(one, task)
        if one.name == "send":
            with shop.runtime.db.write() as session:
                shop.drain.inbound.claim(session, shop.drain.held, 10)
        return result

    with after_each_send(shop, lambda: post_webhook(shop, text_payload(OLGA, "quick"), kind="message")):
        shop.drain.work = work  # type: ignore[method-assign]
        flow = shop.robots_start(text_robot(OLGA, "?", "replied", wait_minutes="5"))
        shop.advance_clock(10)
    assert returned(flow)["reply_text"] == "quick"


def test_cleaning_up_one_portal_in_the_middle_of_its_work_stops_nothing(shop: World) -> None:
    shop.robots_start(text_robot("", "x"))
    arrive(shop)
    plan = stage(shop, "plan")
    done = [shop.drain.work(plan, task) for task in claimed(shop, "plan")]
    assert done
    uninstalling.uninstall(shop.runtime, 1, clean=True)
    shop.drain.record(done)
    assert shop.stored_rows(Run) == []


def test_a_line_added_during_a_registration_is_offered_by_the_next_one(shop: World) -> None:
    with shop.runtime.db.write() as session:
        portals.register_again(session, session.get_one(Portal, 1), shop.runtime)
    registry = Registry(shop.runtime, "slow")
    with shop.runtime.db.read() as session:
        (due,) = registry.claim(session, {1: 1}, 5)
    result = registry.work(due)
    shop.now += timedelta(seconds=1)
    lines.add(shop.runtime, shop.portal.member_id, lines.NewLine("k", "second", "79005556677"))
    with shop.runtime.db.write() as session:
        registry.record(session, [(due, result)])
    shop.advance_clock(5)
    robots = WsgiClient(shop.bx.portal_app).get("/emulator/robots", base_url=PORTAL).json["robots"]
    offered = next(robot for robot in robots if robot["code"] == "robot.send_text")["fields"]["PROPERTIES"]["line"]
    assert "second" in str(offered)


def test_a_claim_that_was_not_committed_is_claimed_again(shop: World) -> None:
    open_windows(shop)
    plan = stage(shop, "plan")
    claim, broken = plan.claim, []

    def once(session: Any, held: Any, free_slots: int) -> Any:
        tasks = claim(session, held, free_slots)
        if plan.done and not broken:
            broken.append(1)
            raise OperationalError("COMMIT", {}, Exception("server closed the connection"))
        return tasks

    plan.claim = once
    flow = shop.robots_start(text_robot(OLGA, "x"))
    with contextlib.suppress(OperationalError):  # the loop of a real drain waits a moment here
        shop.advance_clock(3)
    shop.advance_clock(10)
    assert broken
    assert ending(flow) == ("accepted", "")


def test_a_lease_whose_taking_was_not_heard_of_is_taken_again(shop: World) -> None:
    shop.advance_clock(30)
    shop.drain.held.clear()
    with shop.runtime.db.write() as session:
        leases.release(session, shop.drain.name)
    with shop.runtime.db.write() as session:
        leases.take(session, shop.drain.name, {1}, shop.now)
    flow = shop.robots_start(template_robot())
    shop.advance_clock(3)
    assert ending(flow) == ("accepted", "")


def test_a_message_claimed_in_nobodys_hands_becomes_unclear(shop: World) -> None:
    flow = shop.robots_start(template_robot(until="delivered", wait_minutes="5"))
    arrive(shop)
    plan = stage(shop, "plan")
    shop.drain.record([shop.drain.work(plan, task) for task in claimed(shop, "plan")])
    assert claimed(shop, "send")  # committed, and then forgotten
    shop.advance_clock(400)
    assert ending(flow) == ("unknown", "")
    assert shop.sent == []


def test_a_run_that_ended_while_its_portal_was_unpaid_is_answered_afterwards(shop: World) -> None:
    shop.set_gupshup_faults(delays_ms={"delivered": NEVER})
    flow = shop.robots_start(template_robot(until="delivered", wait_minutes="1"))
    shop.advance_clock(3)
    with shop.runtime.db.write() as session:
        session.get_one(Portal, 1).status = "inactive"
    shop.advance_clock(120)
    assert ending(flow) == ("", "")
    with shop.runtime.db.write() as session:
        session.get_one(Portal, 1).status = "active"
    shop.advance_clock(120)
    assert ending(flow) == ("timeout", "")


@ONE_DATABASE
def test_what_a_drain_remembers_of_a_wiped_run_is_not_sent_in_the_name_of_its_successor(shop: World) -> None:
    open_windows(shop)
    flow = shop.robots_start(text_robot(OLGA, "mine"))
    arrive(shop)
    assert claimed(shop, "plan") == []  # planned by a process that then dies
    (message,) = shop.stored_rows(Message)
    shop.now += timedelta(seconds=20)
    shop.replace_worker()
    shop.drain.planning.fresh[message.run_id] = Content(
        "another", "79990000000", {"path": "/wa/api/v1/msg", "form": {}}
    )
    shop.advance_clock(5)
    assert [(one.destination, one.message["text"]) for one in shop.sent] == [(OLGA, "mine")]
    assert ending(flow) == ("accepted", "")


@ONE_DATABASE
def test_a_drain_that_lost_its_shards_waits_for_nobodys_pace(shop: World) -> None:
    shop.drain.outbox.schedule.again_in = shop.drain.answers.again_in = 0.001
    shop.drain.held.clear()
    assert shop.drain.round([], lambda stage, task: None) == 0
    assert (shop.drain.outbox.schedule.again_in, shop.drain.answers.again_in) == (None, None)


def test_a_row_that_no_key_opens_is_set_aside_and_stops_nobody(shop: World) -> None:
    open_windows(shop, OLGA, PHONES[0])
    shop.set_gupshup_faults(delays_ms={"delivered": NEVER})
    shop.robots_start(text_robot(PHONES[0], "a", "delivered", wait_minutes="1"))
    shop.advance_clock(3)
    waits = shop.robots_start(text_robot(OLGA, "b", "delivered", wait_minutes="1"))
    shop.advance_clock(3)
    shop.robots_start(text_robot(PHONES[0], "c"))
    arrive(shop)
    with shop.runtime.db.write() as session:
        session.execute(sql("UPDATE run SET event_token = 'garbage' WHERE id = (SELECT min(id) FROM run)"))
        session.execute(sql("UPDATE run SET properties = 'garbage' WHERE state = 'stored'"))
    plain = shop.robots_start(text_robot(OLGA, "d"))
    shop.advance_clock(90)
    assert (ending(waits)[0], ending(plain)[0]) == ("timeout", "accepted")


@ONE_DATABASE
def test_an_event_that_no_key_opens_is_put_aside_and_stops_nobody(shop: World) -> None:
    flow = shop.robots_start(template_robot(until="delivered", wait_minutes="5"))
    shop.set_gupshup_faults(delays_ms={"delivered": NEVER})
    shop.advance_clock(3)
    post_webhook(shop, status_payload("sent", "somebody-elses", at=shop.now))
    with shop.runtime.db.write() as session:
        session.execute(sql("UPDATE inbound_event SET body = 'garbage' WHERE state = 'stored'"))
    post_webhook(shop, status_payload("delivered", shop.stored_rows(Message)[-1].gupshup_id, at=shop.now))
    shop.advance_clock(3)
    assert ending(flow) == ("delivered", "")
    with shop.runtime.db.read() as session:
        assert session.scalars(sql("SELECT state FROM inbound_event WHERE body = 'garbage'")).all() == ["odd"]


def test_a_client_whose_number_whatsapp_spells_otherwise_is_one_client(shop: World) -> None:
    flow = shop.robots_start(template_robot("+52 55 1234 5678", until="replied"))
    shop.advance_clock(2)
    assert shop.sent[-1].destination == "525512345678"
    post_webhook(shop, {"type": "mismatch", "payload": {"wa_id": "5215512345678", "phone": "525512345678"}})
    post_webhook(shop, text_payload("5215512345678", "Sí"), kind="message")
    shop.advance_clock(2)
    assert returned(flow)["reply_text"] == "Sí"
    follow_up = shop.robots_start(text_robot("+52 55 1234 5678", "Gracias"))
    shop.advance_clock(2)
    assert ending(follow_up) == ("accepted", "")


def test_when_the_user_who_installed_has_left_the_next_robots_own_pair_heals_the_portal(shop: World) -> None:
    set_portal_faults(shop, dismissed=[1])
    first = shop.robots_start(template_robot(until="delivered"), auth_user_id=3)
    shop.advance_clock(5)
    assert [message.status for message in shop.stored_rows(Message)] == ["delivered"]
    assert ending(first) == ("", "")
    second = shop.robots_start(template_robot("", until="delivered"), auth_user_id=3)
    shop.advance_clock(90)
    assert [ending(flow) for flow in (first, second)] == [("delivered", ""), ("delivered", "")]


def test_an_administrator_who_opens_the_app_heals_the_portal(shop: World) -> None:
    set_portal_faults(shop, dismissed=[1])
    flow = shop.robots_start(template_robot(until="delivered"), auth_user_id=3)
    shop.advance_clock(5)
    assert ending(flow) == ("", "")
    with shop.bx.lock:
        made = frames.new_frame(shop.portal, f"{APP}/bx24/app", user_id=3)
    page = shop.app.post(made.url.removeprefix(APP), data=made.form)
    assert page.status_code == 200
    shop.advance_clock(90)
    assert ending(flow) == ("delivered", "")
