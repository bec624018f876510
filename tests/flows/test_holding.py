"""Messages that wait: for an open window, for the end of quiet hours, for a delivery; and what is sent or said instead."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from messaging.lines import lines
from messaging.policy import holding
from messaging.store.models import Message, Portal, Run
from tests.flows.scenes import (
    OLGA,
    PHONES,
    Robot,
    ending,
    endings,
    jump_clock,
    open_windows,
    start_each,
    template_robot,
    text_robot,
)
from tests.support.world import START, World, returned

HOUR = 3600
#: Moscow's evening, 23:00, and the end of its quiet hours, 9:00.
NIGHT = START.replace(hour=20)
MORNING = (START + timedelta(days=1)).replace(hour=6)
INSTEAD = {"if_closed": "template", "fallback_template": "order_ready", "fallback_params": ["Ольга", "512"]}


def waiting(words: str = "Добрый день", **more: Any) -> Robot:
    """A robot whose text waits until the client writes."""
    return text_robot(words=words, if_closed="wait", **more)


def texts(world: World) -> list[str]:
    """What Gupshup accepted, in order; of a template "template"."""
    return ["template" if message.template else message.message["text"] for message in world.sent]


def held(world: World) -> list[tuple[str, str, datetime | None]]:
    return [(message.status, message.hold, message.held_until) for message in world.stored_rows(Message)]


def set_policy(world: World, **policy: Any) -> None:
    with world.runtime.db.write() as session:
        session.execute(update(Portal).values(policy=policy))


# --- the window ---------------------------------------------------------------------------------------------------------


def test_a_message_waits_for_the_client_and_leaves_when_he_writes(shop: World) -> None:
    flow = shop.robots_start(waiting(until="delivered"))
    shop.advance_clock(HOUR)
    deadline = START + timedelta(days=1)
    [(status, hold, until)] = held(shop)
    assert (status, hold, ending(flow)) == ("held", "window", ("", ""))
    assert until is not None
    assert abs(until - deadline) < timedelta(minutes=1)
    shop.replace_worker()
    shop.client_replies(OLGA, "Здравствуйте")
    shop.advance_clock(40)
    assert ending(flow) == ("delivered", "")
    window = datetime.fromisoformat(returned(flow)["window_until"])
    assert timedelta(hours=23) < window - shop.now < timedelta(hours=24)


def test_it_waits_no_longer_than_its_run_and_is_never_sent_then(shop: World) -> None:
    flow = shop.robots_start(waiting(wait_minutes="30"))
    shop.advance_clock(31 * 60)
    assert (ending(flow), held(shop)[0][0]) == (("timeout", ""), "dropped")
    open_windows(shop)
    shop.advance_clock(5)
    assert shop.sent == []


def test_what_is_held_stands_in_nobodys_way_and_keeps_its_place(shop: World) -> None:
    flows = start_each(shop, waiting("первое"), waiting("второе"), template_robot())
    shop.advance_clock(5)
    assert texts(shop) == ["template"]
    shop.client_replies(OLGA, "Я здесь")
    flows.append(shop.robots_start(text_robot(words="третье", if_closed="wait")))
    shop.advance_clock(10)
    assert texts(shop) == ["template", "первое", "второе", "третье"]
    assert endings(flows) == [("accepted", "")] * 4


def test_the_reply_that_opens_the_window_while_the_message_is_planned_is_not_missed(shop: World) -> None:
    shop.client_replies(OLGA, "Здравствуйте")
    shop.gs.deliver_due()  # stored, not applied: planning still sees a closed window
    flow = shop.robots_start(waiting())
    shop.advance_clock(5)
    assert ending(flow) == ("accepted", "")


def test_twenty_times_the_same_reply_sends_it_once(shop: World) -> None:
    shop.robots_start(waiting())
    shop.advance_clock(5)
    shop.set_gupshup_faults(duplicate=True)
    for _ in range(20):
        shop.client_replies(OLGA, "Да")
        shop.replace_worker()
    shop.advance_clock(60)
    assert texts(shop) == ["Добрый день"]


def test_a_reaction_opens_no_window(shop: World) -> None:
    flows = start_each(shop, template_robot(), waiting())
    shop.advance_clock(5)
    shop.client_replies(OLGA, type="reaction", emoji="👍", context_gs_id=shop.sent[0].id)
    shop.advance_clock(10)
    assert ending(flows[1]) == ("", "")
    assert "held" in [status for status, _, _ in held(shop)]


@pytest.mark.parametrize(
    ("if_closed", "expected"),
    [
        pytest.param({}, ("failed", "window_closed"), id="fail"),
        pytest.param(INSTEAD, ("accepted", ""), id="template"),
        pytest.param({"if_closed": "wait"}, ("", ""), id="wait"),
    ],
)
def test_a_window_that_closes_before_the_message_can_leave_counts(
    shop: World, if_closed: dict[str, Any], expected: tuple[str, str]
) -> None:
    open_windows(shop)
    lines.pause(shop.runtime, shop.line.id, None)
    flow = shop.robots_start(text_robot(wait_minutes="4000", **if_closed))
    shop.advance_clock(5)
    [message] = shop.stored_rows(Message)
    jump_clock(shop, 25 * HOUR)
    lines.unpause(shop.runtime, shop.line.id)
    shop.advance_clock(10)
    assert ending(flow) == expected
    [after] = shop.stored_rows(Message)
    assert after.id == message.id
    assert (after.status == "dropped") == (expected[0] == "failed")
    assert texts(shop) == (["template"] if if_closed is INSTEAD else [])


def test_the_template_goes_instead_and_the_log_says_so(shop: World) -> None:
    flow = shop.robots_start(text_robot(**INSTEAD))
    shop.advance_clock(5)
    assert (ending(flow), texts(shop)) == (("accepted", ""), ["template"])
    [run] = shop.stored_rows(Run)
    assert "order_ready" in run.log_line


# --- quiet hours -----------------------------------------------------------------------------------------------------------


def test_a_message_waits_for_the_morning_of_its_client(shop: World) -> None:
    shop.now = NIGHT
    flows = start_each(
        shop,
        template_robot(quiet="hold"),
        template_robot(phone="491711234567", quiet="hold"),  # 21:00 in Berlin, until 8:00 UTC
        template_robot(phone=PHONES[0], quiet="send"),
        template_robot(phone=PHONES[1], quiet="drop"),
        template_robot(phone=PHONES[2], quiet="hold", wait_minutes="60"),
    )
    shop.advance_clock(5)
    assert endings(flows) == [("", ""), ("", ""), ("accepted", ""), ("failed", "quiet_hours"), ("", "")]
    assert "23:00" in returned(flows[3])["error_text"]
    assert [until for _, _, until in held(shop)][:2] == [MORNING, MORNING + timedelta(hours=2)]
    shop.advance_clock(HOUR)
    assert ending(flows[4]) == ("timeout", "")
    shop.replace_worker()
    shop.advance_clock((MORNING - shop.now).total_seconds() + 5)
    assert endings(flows[:2]) == [("accepted", ""), ("", "")]
    shop.advance_clock(2 * HOUR)
    assert ending(flows[1]) == ("accepted", "")


def test_quiet_hours_that_begin_while_it_waits_in_the_queue_count(shop: World) -> None:
    shop.now = NIGHT - timedelta(hours=3)
    lines.pause(shop.runtime, shop.line.id, None)
    flow = shop.robots_start(template_robot(quiet="hold"))
    shop.advance_clock(5)
    jump_clock(shop, 3 * HOUR)
    lines.unpause(shop.runtime, shop.line.id)
    shop.advance_clock(5)
    assert held(shop) == [("held", "quiet", MORNING)]
    jump_clock(shop, 10 * HOUR)
    assert ending(flow) == ("accepted", "")


def test_the_cards_field_names_the_zone(shop: World) -> None:
    set_policy(shop, zone_field="UF_CRM_ZONE")
    shop.now = NIGHT
    with shop.bx.lock:
        shop.portal.crm.get(3, 1)["ufCrmZone"] = "Asia/Vladivostok"  # 6:00 there
    shop.robots_start(template_robot(phone="", quiet="hold"))
    shop.advance_clock(5)
    assert held(shop) == [("held", "quiet", (NIGHT + timedelta(days=1)).replace(hour=23, day=NIGHT.day))]


# --- by hand ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "expected", "count"),
    [(holding.send_now, ("accepted", ""), 1), (holding.drop, ("failed", "dropped"), 0)],
    ids=["send now", "drop"],
)
def test_a_person_lets_it_go_or_drops_it(shop: World, act: Any, expected: tuple[str, str], count: int) -> None:
    shop.now = NIGHT
    flow = shop.robots_start(template_robot(quiet="hold"))
    shop.advance_clock(5)
    [run] = shop.stored_rows(Run)
    assert not act(shop.runtime, run.portal_id + 1, run.id)
    assert act(shop.runtime, run.portal_id, run.id)
    shop.advance_clock(5)
    assert (ending(flow), len(shop.sent)) == (expected, count)
    assert not act(shop.runtime, run.portal_id, run.id), "it is held no more"


# --- a delivery ---------------------------------------------------------------------------------------


def deliver(message_id: str, **more: Any) -> Robot:
    return "robot.wait_delivery", {"message": message_id, **more}


def test_several_runs_wait_for_one_message(shop: World) -> None:
    shop.set_gupshup_faults(delays_ms={"sent": 10_000, "delivered": 20_000}, auto_read_ms=20_000)
    first = shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA)
    message_id = returned(first)["message_id"]
    flows = start_each(shop, deliver(message_id), deliver(message_id), deliver(message_id, until="read"))
    shop.advance_clock(13)
    assert endings(flows) == [("", "")] * 3
    shop.replace_worker()
    shop.advance_clock(18)
    assert endings(flows) == [("delivered", ""), ("delivered", ""), ("", "")]
    shop.advance_clock(60)
    assert ending(flows[2]) == ("read", "")
    late = shop.robots_start(deliver(message_id, until="sent"))
    shop.advance_clock(2)
    values = returned(late)
    assert (values["status"], values["message_id"], values["sent_to"]) == ("read", message_id, OLGA)
    assert values["delivered_at"]
    assert "reply_text" not in values


def test_what_a_wait_for_a_delivery_ends_with(shop: World) -> None:
    shop.set_gupshup_faults(failed_shape="async", delays_ms={"enqueued": 5000, "sent": 9000, "delivered": 9000})
    gone = shop.robot_runs("robot.send_template", template="welcome", language="ru", phone="79161230000")
    kept = shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA)
    ids = [returned(flow)["message_id"] for flow in (gone, kept)]
    wait = deliver(ids[1], until="read", wait_minutes="5")
    flows = start_each(shop, deliver(ids[0]), deliver("no-such-id"), wait)
    shop.advance_clock(120)
    status, code = ending(flows[0])
    assert (status, code.isdecimal()) == ("failed", True)
    assert endings(flows[1:]) == [("failed", "message_not_found"), ("", "")]
    shop.advance_clock(200)
    assert (ending(flows[2]), returned(flows[2])["message_id"]) == (("timeout", ""), ids[1])
    assert len(shop.sent) == 2


# --- what came out of a review ------------------------------------------------------------------------------------------------


def test_what_leaves_is_what_was_planned_last(shop: World) -> None:
    """A text waits while its line is paused; by night the window has closed, and the template waits for the morning."""
    shop.now = START.replace(hour=18, minute=30)
    set_policy(shop, quiet_from="22:00", quiet_to="09:00", time_zone="Europe/Moscow")
    open_windows(shop, OLGA)
    lines.pause(shop.runtime, shop.line.id, None)
    flow = shop.robots_start(
        ("robot.send_text", {"text": "Добрый день", "phone": OLGA, "wait_minutes": "4000", "quiet": "hold", **INSTEAD})
    )
    shop.advance_clock(5)
    jump_clock(shop, 26 * 3600)
    lines.unpause(shop.runtime, shop.line.id)
    shop.advance_clock(10)
    assert [(hold, until is not None) for _, hold, until in held(shop)] == [("quiet", True)]
    jump_clock(shop, 13 * 3600, 5)
    assert ending(flow) == ("accepted", "")
    assert [message.template is not None for message in shop.sent] == [True]


def test_a_held_message_whose_run_the_former_release_has_ended_holds_up_nobody(shop: World) -> None:
    shop.robots_start(waiting(wait_minutes="30"))
    shop.advance_clock(5)
    with shop.runtime.db.write() as session:  # as the former release ends a run: it knows no held messages
        session.execute(update(Run).values(state="ended", outcome="timeout", ended_at=shop.now, answer_at=None))
    shop.client_replies(OLGA, "Здравствуйте")
    shop.advance_clock(5)
    flow = shop.robots_start(("robot.send_text", {"text": "Слушаю", "phone": OLGA}))
    shop.advance_clock(5)
    assert ending(flow) == ("accepted", "")
    shop.advance_clock(1800)
    assert shop.stored_rows(Message)[0].status == "dropped"
    assert len(shop.sent) == 1
