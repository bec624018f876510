"""A conversation is read page by page: nothing is lost or shown twice, in whatever order replies came."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import count

import pytest

from messaging.insight import dialogue
from messaging.insight.dialogue import PAGE, Dialogue, Place
from messaging.store.models import Conversation, Line, Message, Reply
from tests.flows.scenes import OLGA, ONE_DATABASE, open_windows
from tests.support.world import World

_NUMBERS = count()
#: What stands in the conversation: "r" a reply, "m" a message of ours; the minute in which it was written.
Written = list[tuple[str, int]]


def written(world: World, rows: Written) -> None:
    """These stand in the client's only conversation, in the order in which we got them."""
    if not world.stored_rows(Conversation):
        open_windows(world)
    with world.runtime.db.write() as session:
        session.query(Reply).delete()
        session.query(Message).delete()
    append(world, rows)


def append(world: World, rows: Written) -> None:
    with world.runtime.db.write() as session:
        conversation = session.query(Conversation).one()
        common = {"line_id": world.line.id, "conversation_id": conversation.id, "shard": 1}
        for kind, minute in rows:
            number = next(_NUMBERS)
            at = world.now + timedelta(minutes=minute)
            if kind == "r":
                content = {"values": {"reply_text": f"r{number}"}}
                session.add(
                    Reply(**common, provider_id=str(number), type="text", content=content, at=at, received_at=at)
                )
            else:
                parts = {"kind": "text", "is_session": True, "status": "read", "created_at": at, "position": 0}
                session.add(
                    Message(**common, **parts, portal_id=world.line.portal_id, origin="manual", origin_id=number)
                )
            session.flush()


def pages(world: World) -> Iterator[Dialogue]:
    """The newest page, then those before it, as somebody reads up."""
    place = Place()
    while True:
        with world.runtime.db.read() as session:
            found = dialogue.before(session, world.runtime, session.get_one(Line, world.line.id), OLGA, place)
        yield found
        if not found.has_older:
            return
        place = found.from_here


def names(found: Dialogue) -> list[tuple[int, int]]:
    return [(entry.message_id, entry.reply_id) for entry in found.entries]


@ONE_DATABASE
@pytest.mark.parametrize(
    "rows",
    [
        [("r", minute) for minute in range(50)],
        [("m", minute) for minute in range(41)],
        [("m", minute) if minute % 3 else ("r", minute) for minute in range(70)],
        # Replies that came late: the newest ids have the oldest times.
        [*(("r", minute) for minute in range(10, 40)), *(("r", minute) for minute in range(10))],
        [*(("m", minute) for minute in range(30)), *(("r", 29 - minute) for minute in range(30))],
        [*(("m", minute) for minute in range(30)), *(("r", 100 + minute) for minute in range(30))],
    ],
)
def test_every_entry_is_shown_once(shop: World, rows: Written) -> None:
    written(shop, rows)
    read = [name for page in pages(shop) for name in names(page)]
    assert len(read) == len(set(read)), "twice"
    assert len(read) == len(rows), "lost"
    for page in pages(shop):
        times = [entry.at for entry in page.entries]
        assert times == sorted(times)


@ONE_DATABASE
@pytest.mark.parametrize("newest", ["r", "m"])
def test_a_page_that_grows_holds_its_entries_and_those_that_came_since(shop: World, newest: str) -> None:
    other = "m" if newest == "r" else "r"
    for before in (30, 0):
        rows = [*((other, minute) for minute in range(before)), *((newest, 100 + minute) for minute in range(PAGE + 5))]
        written(shop, rows)
        first = next(pages(shop))
        assert len(first.entries) == PAGE
        append(shop, [(other, 300)])
        with shop.runtime.db.read() as session:
            line = session.get_one(Line, shop.line.id)
            grown = dialogue.since(session, shop.runtime, line, OLGA, first.from_here)
            older = dialogue.before(session, shop.runtime, line, OLGA, first.from_here)
        assert names(grown)[:-1] == names(first)
        assert grown.entries[-1].at > first.entries[-1].at
        assert not {*names(older)} & {*names(grown)}, "what came since is no earlier message"
