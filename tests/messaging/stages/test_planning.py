"""A burst is planned in whole groups, before the write lock: what is planned under it keeps every other writer waiting."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from messaging.stages.planning.stage import GROUP
from messaging.store.models import Run
from tests.flows.scenes import PHONES, open_windows, start_each, template_robot
from tests.support.world import World

ROUNDS = 3


def test_each_round_of_a_burst_plans_a_whole_group_before_its_transaction(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_windows(shop)
    start_each(shop, template_robot())
    shop.advance_clock(2)  # its templates are known from now on
    start_each(shop, *[template_robot(PHONES[number % len(PHONES)]) for number in range(ROUNDS * GROUP + 1)])
    shop.now += timedelta(seconds=5)
    shop.bx.deliver_due()
    planned: list[tuple[int, bool]] = []
    planning = shop.drain.planning
    quickly = planning._plan_quickly

    def watched(session: Session, due: list[Any], shut: list[int]) -> Any:
        reads = bool(session.connection().get_execution_options().get("reads_only"))
        planned.append((len(due), reads))
        return quickly(session, due, shut)

    monkeypatch.setattr(planning, "_plan_quickly", watched)
    shop.drain.hold({shop.stored_rows(Run)[0].shard})
    for _ in range(ROUNDS):
        shop.drain.round([], lambda stage, task: None)
    assert planned == [(GROUP, True)] * ROUNDS


@pytest.mark.parametrize("is_held", [True, False])
def test_a_run_no_thread_is_free_for_is_postponed_on_our_own_shards_alone(shop: World, is_held: bool) -> None:
    """Its client's card must be read. A shard that was handed over meanwhile is another process' to write to."""
    start_each(shop, template_robot(phone=""))
    shop.now += timedelta(seconds=5)
    shop.bx.deliver_due()
    (stored,) = shop.stored_rows(Run)
    planning = shop.drain.planning
    with shop.runtime.db.read() as session:
        assert planning.prepare(session, {stored.shard: 1})
    with shop.runtime.db.write() as session:
        assert planning.claim(session, {stored.shard: 1} if is_held else {}, free_slots=0) == []
    (after,) = shop.stored_rows(Run)
    assert (after.plan_at != stored.plan_at) == is_held


def test_a_portal_that_was_slow_is_asked_for_no_cards_until_its_pause_is_over(shop: World) -> None:
    """A client whose number is typed in needs no asking, and is not held up."""
    open_windows(shop)
    start_each(shop, template_robot(PHONES[0]))
    shop.advance_clock(2)  # its templates are known from now on
    start_each(shop, template_robot(phone=""), template_robot(PHONES[0]))
    shop.now += timedelta(seconds=5)
    shop.bx.deliver_due()
    (waits, _) = [run for run in shop.stored_rows(Run) if run.state == "stored"]
    shop.runtime.slow_portals.took(waits.portal_id, 10)
    pause_s = shop.runtime.slow_portals.pause_s(waits.portal_id)
    assert for_threads(shop, waits.shard) == []
    (still,) = [run for run in shop.stored_rows(Run) if run.state == "stored"]
    assert (still.id, still.plan_at) == (waits.id, shop.now + timedelta(seconds=pause_s))
    shop.now += timedelta(seconds=pause_s)
    assert for_threads(shop, waits.shard) == [waits.id]


def for_threads(shop: World, shard: int) -> list[int]:
    """Runs that a round hands to threads, after it has planned the others."""
    planning = shop.drain.planning
    with shop.runtime.db.read() as session:
        planning.prepare(session, {shard: 1})
    with shop.runtime.db.write() as session:
        return [run.id for task in planning.claim(session, {shard: 1}, free_slots=4) for run in task.runs]
