"""What is held, judged again or dropped costs the database statements about all such messages, not one for each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from activities.errors import refused
from messaging.campaigns import messages as campaign_messages
from messaging.lines import lines
from messaging.policy import holding
from messaging.store import rows
from messaging.store.models import SHARDS, Message
from tests.flows.mailing import Mailing, slow
from tests.flows.scenes import PHONES, jump_clock, open_windows, start_each, template_robot, text_robot
from tests.flows.test_judged_again import EVENING, HOUR, MORNING, late_message
from tests.support.world import World

WAITS = {"if_closed": "wait", "wait_minutes": "9000"}
Act = Callable[[], Any]


@contextmanager
def statements(world: World) -> Iterator[Counter[str]]:
    """The statements about messages made meanwhile, and how often each."""
    heard: Counter[str] = Counter()

    def hear(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if re.search(r"\bmessage\b", statement):
            heard[statement] += 1

    event.listen(world.runtime.db.engine, "before_cursor_execute", hear)
    yield heard
    event.remove(world.runtime.db.engine, "before_cursor_execute", hear)


def states(world: World) -> set[tuple[str, str]]:
    return {(message.status, message.hold) for message in world.stored_rows(Message)}


def held_until_morning(world: World, phones: list[str]) -> Act:
    """Queued by day on a paused line; by night the line goes on, and all of them are judged again."""
    late_message(world, *(template_robot(phone, quiet="hold") for phone in phones))
    return lambda: world.advance_clock(3)


def held_until_clients_write(world: World, phones: list[str]) -> Act:
    """Queued on a paused line while windows are open; when the line goes on they are closed."""
    open_windows(world, *phones)
    lines.pause(world.runtime, world.line.id, None)
    start_each(world, *(text_robot(phone, **WAITS) for phone in phones))
    world.advance_clock(5)
    jump_clock(world, 25 * HOUR)
    lines.unpause(world.runtime, world.line.id)
    return lambda: world.advance_clock(3)


def planned_for_later(world: World, phones: list[str]) -> Act:
    """Planned while no window is open; whether clients have written meanwhile is looked at."""
    start_each(world, *(text_robot(phone, **WAITS) for phone in phones))
    return lambda: world.advance_clock(3)


def released_in_the_morning(world: World, phones: list[str]) -> Act:
    world.now = EVENING + timedelta(hours=1)
    start_each(world, *(template_robot(phone, quiet="hold") for phone in phones))
    world.advance_clock(5)
    assert states(world) == {("held", "quiet")}
    world.now = MORNING

    def release() -> None:
        with world.runtime.db.write() as session:
            assert holding.release_due(session, range(SHARDS), world.now) == len(phones)

    return release


def dropped_at_their_end(world: World, phones: list[str]) -> Act:
    start_each(world, *(text_robot(phone, if_closed="wait", wait_minutes="30") for phone in phones))
    world.advance_clock(5)
    world.now += timedelta(minutes=31)
    return lambda: world.advance_clock(3)


@pytest.mark.parametrize(
    ("scene", "ends"),
    [
        (held_until_morning, {("held", "quiet")}),
        (held_until_clients_write, {("held", "window")}),
        (planned_for_later, {("held", "window")}),
        (released_in_the_morning, {("queued", "quiet")}),
        (dropped_at_their_end, {("dropped", "window")}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_no_statement_is_made_for_each_held_message(
    shop: World, scene: Callable[[World, list[str]], Act], ends: set[tuple[str, str]]
) -> None:
    act = scene(shop, PHONES)
    with statements(shop) as heard:
        act()
    assert states(shop) == ends
    assert {statement: times for statement, times in heard.items() if times >= len(PHONES)} == {}


def test_what_was_queued_for_a_client_by_several_robots_is_released_at_once(shop: World) -> None:
    start_each(shop, *(text_robot(PHONES[0], words=str(number), **WAITS) for number in range(8)))
    shop.advance_clock(5)
    shop.client_replies(PHONES[0], "Здравствуйте")
    with statements(shop) as heard:
        shop.advance_clock(10)
    assert [message.message["text"] for message in shop.sent] == [str(number) for number in range(8)]
    written = [times for one, times in heard.items() if one.startswith("UPDATE message SET") and "judge_at=" in one]
    assert written == [1]


def test_messages_of_a_campaign_are_taken_back_together(shop: World) -> None:
    slow(shop, 3)
    mailing = Mailing(shop, PHONES)
    mailing.start(seconds=0.5)
    queued = [message.id for message in shop.stored_rows(Message) if message.status == "queued"]
    with shop.runtime.db.write() as session, statements(shop) as heard:
        messages = rows.messages_by_id(session, queued)
        heard.clear()
        campaign_messages.take_back(session, messages, {queued[0]: refused("opted_out", since="", why="", word="")})
    assert heard.total() == 1, "all are deleted at once"
    assert len(queued) > 4
    assert mailing.counted()["skipped"] == {"opted_out": 1}
    assert mailing.counted()["pending"] == len(queued) - 1
