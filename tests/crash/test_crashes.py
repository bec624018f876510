"""The promises under kill -9: nothing lost, nothing twice, everything answered, statuses honest."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest

from messaging.queue.leases import LEASE_S, RENEW_S
from tests.crash.processes import kill, until
from tests.crash.rig import Call, Story, Town, text_of

#: CRASH_SEED=n plays another order of kills; CRASH_CALLS=2000 (`make crash`) plays longer, and on PostgreSQL as well.
SEED = int(os.environ.get("CRASH_SEED", "24"))
CALLS = int(os.environ.get("CRASH_CALLS", "100"))
#: Ten messages each: WhatsApp takes no more at once from one client, and we ask no more (messaging.limits.pace).
CLIENTS = CALLS // 10
TOWNS = ["town"] if CALLS <= 200 else ["town", "postgres_town"]
#: How often each kind of blow falls.
ROUNDS = max(1, CALLS // 500)
STATUSES = ("enqueued", "sent", "delivered")
RANK = ("accepted", "sent", "delivered", "read")


def check(town: Town, calls: list[Call]) -> list[Story]:
    """The promises that hold whatever was killed. Returns what became of each call."""
    stories = town.stories(calls)
    for story in stories:
        name, message, answer = story.call.text, story.message, story.answer
        assert len(story.accepted) <= 1, f"{name} was sent {len(story.accepted)} times"
        assert message is not None, f"{name} has no message"
        assert story.run.state == "ended", f"{name} is left open"
        assert story.flow["state"] == "completed", f"{name}: its workflow hangs"
        assert story.answers, f"{name} was not answered"
        assert all(other == answer for other in story.answers), f"{name} was answered in two ways: {story.answers}"
        assert answer["status"] in (*RANK, "unknown"), f"{name}: {answer}"
        if answer["status"] in RANK:
            assert story.accepted, f"{name} was answered {answer['status']}, and nothing was sent"
            assert answer["message_id"] == story.accepted[0]["id"], f"{name} got the id of another message"
        if message.gupshup_id or message.status in RANK:
            assert [sent["id"] for sent in story.accepted] == [message.gupshup_id], f"{name}: {message.status}"
    ids = [story.message.gupshup_id for story in stories if story.message and story.message.gupshup_id]
    assert len(ids) == len(set(ids))
    return stories


def unclear(stories: list[Story]) -> list[Story]:
    """Those that were answered `unknown`."""
    return [story for story in stories if story.answer["status"] == "unknown"]


@pytest.mark.parametrize("where", TOWNS)
def test_kill_9_at_random(where: str, request: pytest.FixtureRequest) -> None:
    town: Town = request.getfixturevalue(where)
    chance = random.Random(SEED)
    top = town.serve()
    shop = town.open_shop(pace=40)
    # Read at once: whichever two of a message's four webhooks are lost, the others tell enough.
    town.gupshup_faults(latency_ms=150, webhook_lanes=8, auto_read_ms=100)

    def master() -> int:
        return until("the web has a master", lambda: top.find("gunicorn", of=top.pid))[0]

    def supervisor() -> int:
        return until("the workers have a supervisor", lambda: top.find("worker.py", of=top.pid))[0]

    def everybody() -> None:
        nonlocal top
        family = top.family()  # asked once: some are being forked, others die of a parent's death
        for pid in chance.sample(family, len(family)):
            kill(pid)
        top.destroy()  # and whoever was being forked at that moment: it would keep the web's address
        top = town.serve()

    blows: dict[str, Callable[[], object]] = {
        "web master": lambda: kill(master()),
        "web worker": lambda: kill(chance.choice(until("web", lambda: top.find("gunicorn", of=master())))),
        "worker supervisor": lambda: kill(supervisor()),
        "worker": lambda: kill(until("worker", lambda: top.find("worker.py child", of=supervisor()))[0]),
        "redis emptied": town.redis.flushall,
        "webhooks lost": lambda: town.gupshup_faults(drop_statuses=chance.sample(STATUSES, 2)),
        "everything": everybody,
    }
    order = [name for _ in range(ROUNDS) for name in chance.sample(sorted(blows), len(blows))]
    calls: list[Call] = []
    for name in order:
        calls += town.calls(shop, CALLS * 9 // 10 // len(order), CLIENTS, wait_for=("accepted", "delivered"))
        # In the middle of sending; or, if nobody sends after the blow before, in the middle of recovering from that.
        with suppress(AssertionError):
            town.until_sent(town.sent() + chance.randint(1, 12), limit_s=3)
        blows[name]()
    calls += town.calls(shop, CALLS - len(calls), CLIENTS, wait_for=("accepted", "delivered"))
    town.until_answered(calls, 60 + CALLS / 20)

    stories = check(town, calls)
    sent = sum(len(story.accepted) for story in stories)
    lost = [story for story in stories if not story.accepted]
    tell(where, order, stories)
    assert sent + len(lost) == CALLS
    assert all(story.answer["status"] == "unknown" for story in lost)
    # Three of the blows hit the worker, each with 8 sends in flight at most.
    hurt = 3 * 8 * ROUNDS
    assert len(unclear(stories)) <= hurt
    assert {story.message.error_code for story in unclear(stories) if story.message} <= {"worker_died"}
    assert sent >= CALLS - hurt


def tell(where: str, order: list[str], stories: list[Story]) -> None:
    """What was played and what came of it; shown by `make crash`."""
    outcomes = Counter(story.answer["status"] for story in stories)
    sent = Counter(len(story.accepted) for story in stories)
    hurt = sum(bool(story.message and story.message.error_code == "worker_died") for story in stories)
    print(
        f"\n{where}: seed {SEED}, {len(stories)} calls, {len(order)} blows; sent once {sent[1]}, twice or more "
        f"{sum(count for times, count in sent.items() if times > 1)}, not at all {sent[0]}; "
        f"in a killed worker's hands {hurt}; answers {dict(outcomes)}, "
        f"told {sum(len(story.answers) for story in stories)} times; {'; '.join(order)}"
    )


def test_the_shards_of_a_killed_worker_do_not_wait_for_its_lease(town: Town) -> None:
    (pool,) = town.up()
    shop = town.open_shop(pace=40)
    town.gupshup_faults(latency_ms=300)
    calls = town.calls(shop, 60)
    town.until_sent(3)
    former = town.owners()
    kill(pool.find("worker.py child")[0])
    # Its last renewal is 3 s old at most: by themselves its leases would run out later than that.
    until("the shards of the dead one are free", lambda: not town.owners() & former, LEASE_S - RENEW_S, 0.02)
    town.gupshup_faults(latency_ms=0)
    town.until_answered(calls)
    assert len(unclear(check(town, calls))) <= 8, "what was in flight, unless its events have told since"


def test_a_killed_redis_is_started_again(town: Town) -> None:
    town.up()
    shop = town.open_shop(pace=40)
    calls = town.calls(shop, 20, wait_for=("accepted", "delivered"))
    town.until_sent(3)
    former = town.redis_pid()
    kill(former)
    calls += town.calls(shop, 20, wait_for=("accepted", "delivered"))
    town.until_answered(calls)

    assert town.redis_pid() not in (0, former)
    assert town.redis.ping()
    assert not unclear(check(town, calls)), "nobody who sends was hurt"


def test_sigterm_finishes_what_is_in_flight_and_a_second_one_ends_at_once(town: Town) -> None:
    (pool,) = town.up()
    shop = town.open_shop()
    town.gupshup_faults(latency_ms=500)
    calls = town.calls(shop, 40)
    town.until_sent(12)
    kill(pool.pid, signal.SIGTERM)

    assert pool.ended(45) == 0
    states = town.states(calls)
    sent = town.sent()
    assert sum(states[status] for status in RANK) == sent < len(calls) - 8, states
    assert not states["sending"] + states["unknown"], states
    assert not town.owners(), "the shards were not given back"

    # No event will tell what becomes of the next ones.
    town.gupshup_faults(latency_ms=20_000, drop_statuses=["enqueued", "sent", "delivered"])
    (pool,) = town.pools()
    until("8 sends are in flight", lambda: town.sent() == sent + 8)
    kill(pool.pid, signal.SIGTERM)
    asked = time.monotonic()
    until("more than a second has passed", lambda: time.monotonic() - asked > 1.2)
    assert pool.popen.poll() is None, "it did not wait for what is in flight"
    kill(pool.pid, signal.SIGTERM)
    assert pool.ended(3) == 1

    town.gupshup_faults(latency_ms=0)
    town.pools()
    town.until_answered(calls)
    stories = unclear(check(town, calls))
    assert len(stories) == 8
    assert all(story.accepted and story.message and story.message.error_code == "worker_died" for story in stories)


def test_a_frozen_worker_sends_nothing_twice(postgres_town: Town) -> None:
    town = postgres_town
    (frozen,) = town.up(WORKER_THREADS="4")
    shop = town.open_shop()
    town.gupshup_faults(latency_ms=900)  # slow enough that most wait yet when a busy machine gets to the freezing
    calls = town.calls(shop, 36, clients=36)
    town.until_sent(6)
    family = frozen.family()
    town.freeze(family)
    town.gupshup_faults(latency_ms=300)
    before = town.sent()
    assert before < 28, "frozen too late to prove anything"
    town.pools(WORKER_THREADS="4")
    town.until_sent(before + 6)
    for pid in family:
        kill(pid, signal.SIGCONT)
    town.until_answered(calls)

    stories = check(town, calls)
    assert sum(len(story.accepted) for story in stories) >= 36 - 4
    assert len(unclear(stories)) <= 4, "only what the frozen one had in its hands is unclear"


def test_two_pools_keep_the_order(postgres_town: Town) -> None:
    town = postgres_town
    pools = town.up(pools=2, WORKER_THREADS="4")
    shops = [town.open_shop(pace=100) for _ in range(5)]
    town.gupshup_faults(latency_ms=150)
    until("everybody is idle", lambda: not town.owners())
    # More than one worker's hands can do: it calls the other one and hands it some of the shops.
    calls = [call for shop in shops for call in town.calls(shop, 12, clients=4)]
    until("a second drain has begun", lambda: town.redis.zcard("waba24:drains") > 1, step_s=0.01)
    until("both hold shards", lambda: len(town.owners()) > 1, step_s=0.01)
    town.until_sent(40)
    kill(pools[0].pid, signal.SIGTERM)
    town.until_answered(calls)

    assert pools[0].ended(45) == 0
    stories = check(town, calls)
    assert not unclear(stories)
    for shop in shops:
        mine = sorted((story for story in stories if story.call.shop == shop), key=lambda story: story.run.id)
        for phone in {story.call.phone for story in mine}:
            ran = [story.call.text for story in mine if story.call.phone == phone]
            sent = [text_of(message) for message in town.accepted([shop]) if message["destination"] == phone]
            assert sent == ran
