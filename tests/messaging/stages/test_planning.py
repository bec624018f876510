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
