"""What is deleted, and when (docs/decisions/0015): nothing younger, nothing open, in small steps, by one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select, text, update

from messaging.insight.timeline import facts
from messaging.store import key_rotation
from messaging.store.models import Conversation, InboundEvent, Message, Reply, Run
from messaging.store.tallies import Tally
from messaging.worker import retention
from messaging.worker.retention import BATCH, LOCK, Retention
from tests.flows.scenes import OLGA, ONE_DATABASE, PHONES, ending, jump_clock, open_windows, start_each, template_robot
from tests.support.rows import copies
from tests.support.world import World

TABLES: tuple[Any, ...] = (Run, Message, Reply, InboundEvent, Conversation)


def kept(world: World) -> dict[str, int]:
    """Rows by table, and how many runs and replies still have their texts."""
    with world.runtime.db.read() as session:
        rows = {model.__tablename__: session.scalar(select(func.count()).select_from(model)) or 0 for model in TABLES}
        rows["texts"] = session.scalar(text("SELECT count(*) FROM run WHERE event_token <> ''")) or 0
        rows["said"] = session.scalar(text("SELECT count(*) FROM reply WHERE content <> ''")) or 0
    return rows


def delete_old(world: World) -> None:
    """Until there is nothing left to do."""
    world.runtime.redis.delete(LOCK)
    worker = Retention(world.runtime)
    while not worker.is_paused:
        worker.step()


def a_past(shop: World) -> None:
    """A message that was delivered and answered, one that is read and replied to, a free reply, a wait that ended."""
    start_each(shop, template_robot(until="delivered"), template_robot(PHONES[0], until="replied"))
    start_each(shop, ("robot.wait_reply", {"phone": PHONES[1], "wait_minutes": 1}))
    jump_clock(shop, 2, 5)
    shop.client_replies(PHONES[0], "Да")
    jump_clock(shop, 5, 65, 40, 40)
    open_windows(shop, OLGA)


AGES = [
    # days later: runs, messages, replies, events left; texts, said
    (13, {"run": 3, "message": 2, "reply": 2, "conversation": 3, "texts": 3, "said": 2}),
    (15, {"run": 3, "message": 2, "reply": 2, "conversation": 3, "texts": 3, "said": 2, "inbound_event": 0}),
    (89, {"run": 3, "message": 2, "reply": 2, "conversation": 3, "texts": 3, "said": 2, "inbound_event": 0}),
    (91, {"run": 3, "message": 2, "reply": 2, "conversation": 3, "texts": 0, "said": 0, "inbound_event": 0}),
    (399, {"run": 3, "message": 2, "reply": 2, "conversation": 3, "texts": 0, "said": 0, "inbound_event": 0}),
    (401, {"run": 0, "message": 0, "reply": 0, "conversation": 0, "texts": 0, "said": 0, "inbound_event": 0}),
]


def test_webhooks_go_first_then_texts_then_rows(shop: World) -> None:
    a_past(shop)
    born, before = shop.now, kept(shop)
    for days, expected in AGES:
        shop.now = born + timedelta(days=days)
        delete_old(shop)
        assert kept(shop) == {**before, **expected}, days
        if days == 91:
            with shop.runtime.db.read() as session:
                told = [facts(message) for message in session.scalars(select(Message))]
            assert {one["outcome"] for one in told} == {"delivered", "replied"}, "the story outlives the texts"
            assert key_rotation.rotate(shop.runtime.db, shop.runtime.cipher) > 0, (
                "what is wiped is no obstacle to new keys"
            )


#: What holds a run back, however old it is.
OPEN = {
    "it waits": {"state": "waiting"},
    "it is not planned": {"state": "stored"},
    "its answer is due, or to be repeated": {"answer_at": True},
    "it ended lately": {"ended_at": True},
}


@pytest.mark.parametrize("why", OPEN)
def test_a_run_is_kept_whole_while(why: str, shop: World) -> None:
    a_past(shop)
    before = kept(shop)
    shop.now += timedelta(days=401)
    values = {name: shop.now - timedelta(days=29) if value is True else value for name, value in OPEN[why].items()}
    with shop.runtime.db.write() as session:
        session.execute(update(Run).values(**values))
    delete_old(shop)
    now = kept(shop)
    assert {name: now[name] for name in ("run", "message", "texts")} == {"run": 3, "message": 2, "texts": 3}
    assert (now["reply"], now["conversation"]) == (1, before["conversation"]), "the free reply goes, no conversation"


def test_in_small_steps_that_a_crash_or_a_second_supervisor_does_not_disturb(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_past(shop)
    many = 4 * BATCH
    with shop.runtime.db.engine.begin() as connection:
        top = connection.scalar(text("SELECT max(id) FROM run"))
        copies(connection, "run", 1, many, token_digest="'t' || n")
        copies(connection, "message", 1, many, run_id=f"{top} + n", gupshup_id="'g' || n")
    shop.now += timedelta(days=401)
    first, second = Retention(shop.runtime), Retention(shop.runtime)
    with deletions(shop) as sizes:
        first.step()
    assert max(sizes) == BATCH
    assert second.step() == 0, "not its turn"
    shop.runtime.redis.flushall()
    left = kept(shop)["run"]
    assert second.step() > 0
    assert kept(shop)["run"] < left

    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(retention, "_delete_empty", dies)
    left = kept(shop)["message"]
    with pytest.raises(KeyboardInterrupt):
        delete_old(shop)
    assert kept(shop)["message"] == left, "a batch goes whole or not at all"
    monkeypatch.undo()
    delete_old(shop)
    assert set(kept(shop).values()) == {0}


@contextmanager
def deletions(world: World) -> Iterator[list[int]]:
    """How many rows each statement that deletes or wipes has touched."""
    sizes: list[int] = []

    def seen(_c: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(("DELETE", "UPDATE")) and "RETURNING" not in statement:
            sizes.append(cursor.rowcount)

    event.listen(world.runtime.db.engine, "after_cursor_execute", seen)
    yield sizes
    event.remove(world.runtime.db.engine, "after_cursor_execute", seen)


def test_a_call_is_known_again_until_its_token_is_wiped(shop: World) -> None:
    flow = shop.robot_runs("robot.send_template", template="welcome", language="ru", phone=OLGA, seconds=60)
    assert ending(flow) == ("accepted", "")
    posted = next(request for request in shop.net.seen if "/robots/send_template" in str(request.url))

    def again() -> int:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        assert shop.app.post("/robots/send_template", data=posted.body, headers=headers).status_code == 200
        return len(shop.stored_rows(Run))

    assert again() == 1
    shop.now += timedelta(days=89)
    delete_old(shop)
    assert again() == 1
    shop.now += timedelta(days=2)
    delete_old(shop)
    assert again() == 2


@ONE_DATABASE
def test_figures_outlive_their_messages(shop: World) -> None:
    start_each(shop, template_robot(until="delivered"), template_robot(PHONES[0]), template_robot(PHONES[1]))
    shop.set_gupshup_faults(next=["401"])
    jump_clock(shop, 2)
    day = shop.now.date()

    def figures() -> dict[str, int]:
        with shop.runtime.db.read() as session:
            return {row.status: row.count for row in session.scalars(select(Tally).where(Tally.day == day))}

    delete_old(shop)
    early = figures()
    assert sum(early.values()) == 3
    jump_clock(shop, 60)
    shop.now += timedelta(days=1)
    delete_old(shop)
    settled = figures()
    assert settled != early, "counted again the day after"
    assert settled == {"failed": 1, "delivered": 2}
    shop.now += timedelta(days=401)
    delete_old(shop)
    assert kept(shop)["message"] == 0
    assert figures() == settled
