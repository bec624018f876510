"""Who works on a shard, and what becomes free when a process has ended."""

from __future__ import annotations

import os

import pytest
from sqlalchemy import select

from messaging.queue import leases
from messaging.store.models import Lease, Message
from messaging.worker import pool
from tests.flows.scenes import template_robot
from tests.support.world import World


def _owners(world: World) -> dict[int, str]:
    with world.runtime.db.read() as session:
        held = session.execute(select(Lease.shard, Lease.owner).where(Lease.owner != ""))
        return {row.shard: row.owner for row in held}


def test_an_owner_is_named_by_its_supervisor_and_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    place = leases.new_place()
    monkeypatch.setenv(leases.PLACE, place)
    assert leases.owner_name().startswith(f"{place}-{os.getpid()}-")
    assert leases.owner_name() != leases.owner_name()
    assert len(leases.owner_name()) <= 64, "the column"
    assert leases.new_place() != place, "host names and pids may be the same in two containers"


def test_only_the_shards_of_the_dead_process_become_free(world: World) -> None:
    owners = {1: "a_b-0f-7-11", 2: "a_b-0f-7-22", 3: "a_b-0f-77-11", 4: "axb-0f-7-11", 5: "a_b-1e-7-11"}
    with world.runtime.db.write() as session:
        for shard, owner in owners.items():
            assert leases.take(session, owner, {shard}, world.now)
    for owner in owners.values():
        world.runtime.wakeups.alive(owner)
    pool.release_dead(world.runtime, "a_b-0f", 7)

    assert _owners(world) == {shard: owner for shard, owner in owners.items() if shard > 2}
    listening = world.runtime.redis.zrange("waba24:drains", 0, -1)
    assert {name.decode() for name in listening} == set(owners.values()) - {owners[1], owners[2]}


def test_what_the_dead_process_had_in_flight_becomes_unclear_at_once(shop: World) -> None:
    shop.robots_start(template_robot(wait_minutes="5"))
    outbox, handed = shop.drain.outbox, []
    outbox.work = handed.append  # it dies with what it claimed in its hands
    outbox.record = lambda session, done: None
    shop.advance_clock(2)
    assert (len(handed), [message.status for message in shop.stored_rows(Message)]) == (1, ["sending"])
    place, pid, _ = shop.drain.name.rsplit("-", 2)
    shop.replace_worker()
    shop.do_due_work()
    assert [message.status for message in shop.stored_rows(Message)] == ["sending"], "the lease has not run out"
    pool.release_dead(shop.runtime, place, int(pid))
    shop.do_due_work()
    assert [message.status for message in shop.stored_rows(Message)] == ["unknown"]
    assert shop.sent == []
