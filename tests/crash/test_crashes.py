"""The promises under kill -9: nothing lost, nothing twice, everything answered, statuses honest."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

from tests.crash.rig import Call, Story, Town, kill, until

#: CRASH_SEED=n plays another order of kills.
SEED = int(os.environ.get("CRASH_SEED", "24"))
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


def test_kill_9_at_random(town: Town) -> None:
    chance = random.Random(SEED)
    top = town.serve()
    shop = town.open_shop(pace=30)
    town.gupshup_faults(latency_ms=150)

    def master() -> int:
        return top.find("gunicorn", of=top.pid)[0]

    def supervisor() -> int:
        return top.find("worker.py", of=top.pid)[0]

    def everybody() -> None:
        nonlocal top
        for pid in chance.sample(top.family(), len(top.family())):
            kill(pid)
        top.popen.wait(10)
        top = town.serve()

    blows: dict[str, Callable[[], object]] = {
        "web master": lambda: kill(master()),
        "web worker": lambda: kill(chance.choice(top.find("gunicorn", of=master()))),
        "worker supervisor": lambda: kill(supervisor()),
        "worker": lambda: kill(top.find("worker.py child", of=supervisor())[0]),
        "redis emptied": town.redis.flushall,
        "everything": everybody,
    }
    order = chance.sample(sorted(blows), len(blows))
    calls: list[Call] = []
    for name in order:
        calls += town.calls(shop, 30, wait_for=("accepted", "delivered"))
        town.until_sent(calls, town.accepted_of(calls) + chance.randint(1, 12))
        blows[name]()
    calls += town.calls(shop, 200 - len(calls), wait_for=("accepted", "delivered"))
    town.until_answered(calls, 60)

    stories = check(town, calls)
    sent = sum(len(story.accepted) for story in stories)
    lost = [story for story in stories if not story.accepted]
    assert sent + len(lost) == 200
    assert all(story.answer["status"] == "unknown" for story in lost)
    # Three blows hit the worker, each with 8 sends in flight at most.
    assert len(unclear(stories)) <= 3 * 8
    assert {story.message.error_code for story in unclear(stories) if story.message} <= {"worker_died"}
    assert sent >= 200 - 3 * 8
