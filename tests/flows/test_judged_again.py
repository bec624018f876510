"""Messages that could not leave in time: their runs are planned again, and nothing is lost, overtaken or blocked by that."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select, text, update

from messaging.lines import lines
from messaging.policy import holding
from messaging.store.models import Line, Message, Run
from tests.flows.scenes import (
    OLGA,
    PHONES,
    Robot,
    ending,
    endings,
    jump_clock,
    set_portal_faults,
    start_each,
    template_robot,
    text_robot,
)
from tests.support.world import START, World

HOUR = 3600
#: Moscow's quiet hours: 21:00 to 9:00.
EVENING, MORNING = START.replace(hour=18), (START + timedelta(days=1)).replace(hour=6)
SENT = ("accepted", "")
POSTGRESQL = pytest.mark.parametrize("tables_url", ["postgresql"], indirect=True)


def until(world: World, moment: Any) -> float:
    """Seconds from now until a moment."""
    seconds: float = (moment - world.now).total_seconds()
    return seconds


def late_message(shop: World, *robots: Robot) -> list[Any]:
    """These robots' messages are queued by day while the line is paused; now it is night, and the line goes on."""
    shop.now = EVENING - timedelta(hours=3)
    lines.pause(shop.runtime, shop.line.id, None)
    flows = start_each(shop, *robots)
    shop.advance_clock(5)
    assert {message.status for message in shop.stored_rows(Message)} == {"queued"}
    jump_clock(shop, 4 * HOUR)
    lines.unpause(shop.runtime, shop.line.id)
    return flows


def change_line(world: World, **columns: Any) -> None:
    with world.runtime.db.write() as session:
        session.execute(update(Line).values(columns))


# --- the limit of new clients ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("clients", [1, 4])
def test_a_message_does_not_count_against_its_own_limit(shop: World, clients: int) -> None:
    change_line(shop, tier=clients)
    flows = late_message(shop, *(template_robot(phone, quiet="hold") for phone in PHONES[:clients]))
    shop.advance_clock(10)
    assert endings(flows) == [("", "")] * clients
    jump_clock(shop, until(shop, MORNING), 5)
    assert endings(flows) == [SENT] * clients
    assert len(shop.sent) == clients


def test_a_client_who_was_counted_when_nothing_was_written_is_not_counted_twice(shop: World) -> None:
    change_line(shop, tier=1)
    shop.now = EVENING - timedelta(seconds=10)
    shop.set_gupshup_faults(next=[{"answer": "429", "retry_after": 30}])
    flow = shop.robots_start(template_robot(PHONES[0], quiet="hold"))
    shop.advance_clock(60)
    assert [(message.status, message.hold) for message in shop.stored_rows(Message)] == [("held", "quiet")]
    jump_clock(shop, until(shop, MORNING), 5)
    assert ending(flow) == SENT


# --- the order per client -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outage_s", "order"),
    [
        pytest.param(20, ["первое", "второе"], id="in order"),
        pytest.param(90, ["второе", "первое"], id="not for ever"),
    ],
)
def test_a_message_that_is_judged_again_keeps_its_place(shop: World, outage_s: int, order: list[str]) -> None:
    waits = {"if_closed": "wait", "wait_minutes": "4000"}
    flows = start_each(
        shop, text_robot(phone="", words="первое", quiet="hold", **waits), text_robot(words="второе", **waits)
    )
    shop.advance_clock(10)
    jump_clock(shop, 24 * HOUR)
    set_portal_faults(shop, html_502=500)
    shop.client_replies(OLGA, "Я здесь")
    shop.advance_clock(outage_s)
    assert [message.message["text"] for message in shop.sent] == order[: outage_s // 60]
    set_portal_faults(shop, html_502=0)
    shop.advance_clock(120)
    assert [message.message["text"] for message in shop.sent] == order
    assert endings(flows) == [SENT] * 2


# --- locks ------------------------------------------------------------------------------------------------------------------


@POSTGRESQL
def test_who_judges_again_and_waits_for_a_run_holds_no_message(shop: World) -> None:
    """Else whoever ends runs, and drops their messages, waits for the drain that waits for him."""
    late_message(shop, template_robot(quiet="hold"))
    with ThreadPoolExecutor(1) as pool, shop.runtime.db.engine.connect() as ending_runs:
        ending_runs.execute(select(Run.id).with_for_update())
        settled = pool.submit(shop.drain.settle)
        while not _somebody_waits(ending_runs):
            assert not settled.done()
        try:
            ending_runs.execute(select(Message.id).with_for_update(nowait=True))
        finally:
            ending_runs.rollback()
    settled.result()
    assert shop.stored_rows(Message)[0].status == "held"


def _somebody_waits(connection: Connection) -> bool:
    return bool(connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


# --- the trial of a stopped line --------------------------------------------------------------------------------------------


def stopped_line_with_late_trial(shop: World, trial: Robot) -> Any:
    """A trial of a line without money, so slow that quiet hours begin before it can leave. The wallet is filled by now."""
    shop.now = EVENING - timedelta(seconds=400)
    shop.set_gupshup_faults(wallet_empty=True)
    shop.robots_start(template_robot(PHONES[7]))
    shop.advance_clock(2)
    assert shop.stored_rows(Line)[0].stop_code == "1003"
    shop.set_gupshup_faults(wallet_empty=False)
    jump_clock(shop, until(shop, EVENING) - 30)
    change_line(shop, pace=0.02, burst=1)
    shop.runtime.paces.bucket(shop.stored_rows(Line)[0], shop.now).take(1, more=False)
    flow = shop.robots_start(trial)
    shop.advance_clock(2)
    assert shop.stored_rows(Line)[0].trial_run_id is not None
    assert shop.stored_rows(Message)[-1].status == "queued"
    return flow


def test_a_trial_that_is_held_after_all_is_no_trial_any_more(shop: World) -> None:
    flow = stopped_line_with_late_trial(shop, template_robot(quiet="hold"))
    shop.advance_clock(70)
    assert (ending(flow), shop.stored_rows(Message)[-1].hold) == (("", ""), "quiet")
    line = shop.stored_rows(Line)[0]
    assert (line.trial_run_id, line.stopped_at is None) == (None, False), "nothing was tried"
    other = shop.robots_start(template_robot(PHONES[1], until="delivered"))
    shop.advance_clock(120)
    assert (ending(other), shop.stored_rows(Line)[0].stopped_at) == (("delivered", ""), None)
    jump_clock(shop, until(shop, MORNING), 60)
    assert ending(flow) == SENT


def test_a_trial_that_cannot_be_planned_again_resumes_nothing(shop: World) -> None:
    flow = stopped_line_with_late_trial(shop, template_robot(phone="", quiet="hold"))
    set_portal_faults(shop, html_502=500)
    shop.advance_clock(200)
    assert (ending(flow), len(shop.sent)) == (("", ""), 1), "the message that stopped the line"
    assert shop.stored_rows(Line)[0].stopped_at is not None


# --- many at once -----------------------------------------------------------------------------------------------------------


def test_in_the_morning_so_many_are_released_at_once_and_no_more(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "GROUP", 3)
    shop.now = EVENING + timedelta(hours=1)
    flows = start_each(shop, *(template_robot(phone, quiet="hold") for phone in PHONES))
    shop.advance_clock(5)
    shop.now = MORNING

    def released() -> int:
        with shop.runtime.db.write() as session:
            return holding.release_due(session, range(64), shop.now)

    assert [released() for _ in range(4)] == [3, 3, 2, 0]
    shop.advance_clock(5)
    assert endings(flows) == [SENT] * len(PHONES)
