"""Which shards have work: each kind of work is found, at its moment and not before, and nothing else is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from messaging.store.models import InboundEvent, Lease, Line, Message, Portal, Reply, Run
from messaging.store.portal_tasks import PortalTask
from messaging.worker import due_work
from tests.flows.scenes import PHONES, open_windows, start_each, template_robot
from tests.support.world import World

SECOND, AGO, LATER = timedelta(seconds=1), timedelta(hours=-1), timedelta(hours=1)

#: Work → the rows that say so: columns by model, a timedelta means that moment from now.
DUE: dict[str, dict[Any, dict[str, Any]]] = {
    "a run is stored": {Run: {"state": "stored", "plan_at": -SECOND, "deadline_at": LATER}},
    "a wait is over": {Run: {"state": "waiting", "deadline_at": -SECOND}},
    "an answer is due": {Run: {"answer_at": -SECOND}},
    "a message is queued": {Message: {"status": "queued", "send_at": -SECOND}},
    "a send stays unclear": {
        Message: {"status": "unknown", "claimed_at": AGO},
        Run: {"state": "waiting", "deadline_at": LATER},
    },
    "a dead worker was sending": {Message: {"status": "sending", "claimed_at": -SECOND}, Lease: {"owner": ""}},
    "a lease ran out while sending": {
        Message: {"status": "sending", "claimed_at": -SECOND},
        Lease: {"owner": "frozen", "expires_at": -SECOND},
    },
    "a client's file is to be fetched": {Reply: {"fetch_at": -SECOND}},
    "a webhook came": {InboundEvent: {"state": "stored", "due_at": -SECOND}},
    "robots are to be registered": {Portal: {"registration_due_at": -SECOND}},
    "the administrator is to be told": {Line: {"news": "stopped", "news_at": -SECOND}},
    "something is to be written to a portal": {PortalTask: {"state": "unclear", "due_at": -SECOND}},
    "a dead worker was writing to a portal": {
        PortalTask: {"state": "doing", "claimed_at": -SECOND, "due_at": LATER},
        Lease: {"owner": ""},
    },
    "a stopped line is to be probed": {Line: {"stopped_at": AGO, "probe_at": -SECOND}},
}
NOT_DUE: dict[str, dict[Any, dict[str, Any]]] = {
    "nothing": {},
    "a run that is planned again later": {Run: {"state": "stored", "plan_at": LATER, "deadline_at": LATER}},
    "a wait": {Run: {"state": "waiting", "deadline_at": LATER}},
    "an answer that is repeated later": {Run: {"answer_at": LATER}},
    "an answer to a portal that left": {Run: {"answer_at": -SECOND}, Portal: {"status": "inactive"}},
    "a message that is sent later": {Message: {"status": "queued", "send_at": LATER}},
    "a message of a paused line": {Message: {"status": "queued", "send_at": None}},
    "a send that may yet become clear": {
        Message: {"status": "unknown", "claimed_at": -SECOND},
        Run: {"state": "waiting", "deadline_at": LATER},
    },
    "an unclear send whose run has ended": {Message: {"status": "unknown", "claimed_at": AGO}},
    "a send of a living worker": {
        Message: {"status": "sending", "claimed_at": -SECOND},
        Lease: {"owner": "alive", "expires_at": LATER},
    },
    "a webhook that waits for its message": {InboundEvent: {"state": "stored", "due_at": LATER}},
    "a write of a kind that only a newer release knows": {
        PortalTask: {"state": "due", "kind": "newer", "due_at": -SECOND}
    },
    "a write to a portal that left": {
        PortalTask: {"state": "due", "due_at": -SECOND},
        Portal: {"status": "inactive"},
    },
    "a registration of a portal that left": {Portal: {"registration_due_at": -SECOND, "status": "inactive"}},
}


@pytest.fixture
def settled(shop: World) -> World:
    """A shop with a run that has ended, its message, a reply and their webhooks: rows of each kind, and nothing to do."""
    open_windows(shop)
    start_each(shop, template_robot(PHONES[0]))
    shop.advance_clock(60)
    return shop


def write(session: Session, world: World, rows: dict[Any, dict[str, Any]]) -> None:
    """Give all rows of these tables these values."""
    for model, columns in rows.items():
        values = {name: world.now + at if isinstance(at, timedelta) else at for name, at in columns.items()}
        session.execute(update(model).values(**values))


def due_with(world: World, cases: dict[str, dict[Any, dict[str, Any]]]) -> dict[str, set[int]]:
    """For each case the shards that are due with its rows. Nothing is kept: one shop serves all cases."""
    found: dict[str, set[int]] = {}
    for name, rows in cases.items():
        with world.runtime.db.write() as session:
            write(session, world, rows)
            found[name] = due_work.due_shards(session, world.runtime)
            session.rollback()
    return found


def test_a_shard_is_due_with_each_kind_of_work(settled: World) -> None:
    (shard,) = {run.shard for run in settled.stored_rows(Run)}
    assert due_with(settled, DUE) == {name: {shard} for name in DUE}


def test_no_shard_is_due_for_what_rests(settled: World) -> None:
    assert due_with(settled, NOT_DUE) == {name: set() for name in NOT_DUE}


def test_the_drain_that_holds_a_due_shard_is_notified(settled: World) -> None:
    wakeups = settled.runtime.wakeups
    (run,) = settled.stored_rows(Run)
    wakeups.alive("holder")
    wakeups.holds("holder", {run.shard})
    with settled.runtime.db.write() as session:
        write(session, settled, DUE["an answer is due"])
    assert due_work.notify_drains(settled.runtime) == {run.shard}
    assert wakeups.listen("holder", 0.1) == ({run.shard}, True)
