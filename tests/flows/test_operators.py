"""What operators write in chats of Open Channels, on its way to the client: what comes together, overtakes, is too much."""

from __future__ import annotations

import re
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, event
from werkzeug.test import Client as WsgiClient

from messaging.limits.bounds import share_of_portal
from messaging.lines import lines
from messaging.stages.operators import Operators
from messaging.store.models import SHARDS, Conversation, Portal, Reply, shard_of
from messaging.store.open_channels import ClientChat, OperatorMessage
from tests.flows.chats import Chats, record_posts
from tests.flows.scenes import OLGA, PHONES, text_robot
from tests.support.rows import copies
from tests.support.samples import png
from tests.support.world import APP, World
from tests.web.inside import ADMINISTRATOR, EMPLOYEE

PNG = png()


@pytest.fixture
def chats(shop: World) -> Chats:
    """A client has written: her chat is there."""
    made = Chats(shop)
    shop.client_replies(OLGA, "Здравствуйте")
    shop.advance_clock(2)
    return made


def cut_events(chats: Chats, *texts: str, files: int = 0) -> list[Any]:
    """The portal's events of what an operator writes, each time with so many files, which do not come to us."""
    world = chats.world
    _, events = record_posts(world, is_cut=True)
    for text in texts:
        chats.write(text, *[("a.png", "image/png", PNG)] * files)
    world.bx.deliver_due()
    world.now += timedelta(milliseconds=100)
    world.bx.deliver_due()
    world.net.broken.clear()
    assert len(events) == len(texts)
    return events


def come(world: World, posted: Any) -> int:
    """An event comes; how it is answered."""
    path, headers, body = posted
    app = WsgiClient(world.app.application)
    return app.post(path, data=body, headers=headers, base_url=APP).status_code


def meet_at(world: World, table: str) -> None:
    """The first two transactions that insert into this table do so together. On SQLite they are in turn anyway."""
    both = threading.Barrier(2)
    arrived: list[str] = []

    def wait(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith(f"INSERT INTO {table} ") and len(arrived) < 2:
            arrived.append(table)
            both.wait(10)

    engine = world.runtime.db.engine
    if engine.dialect.name == "postgresql":
        event.listen(engine, "before_cursor_execute", wait)


@pytest.mark.parametrize("table", ["client_chat", "conversation"])
def test_two_events_of_a_forgotten_chat_come_together(chats: Chats, table: str) -> None:
    world = chats.world
    events = cut_events(chats, "раз", "два")
    with world.runtime.db.write() as session:
        session.execute(delete(ClientChat))
        if table == "conversation":
            session.execute(delete(Reply))
            session.execute(delete(Conversation))
    meet_at(world, table)
    with ThreadPoolExecutor(2) as portal:
        assert list(portal.map(lambda posted: come(world, posted), events)) == [200, 200]
    assert len(world.stored_rows(OperatorMessage)) == 2


def test_what_an_operator_has_queued_is_told_when_its_line_is_disconnected(chats: Chats) -> None:
    world = chats.world
    lines.pause(world.runtime, world.line.id)
    chats.write("Добрый день")
    world.advance_clock(5)
    lines.remove(world.runtime, world.line.id)
    world.advance_clock(5)
    [note] = chats.notes()
    assert note.startswith("Клиент не получил сообщение «*Анна Соколова:* Добрый день».")


def test_events_that_overtake_each_other_are_put_in_order_though_a_robot_runs_between(chats: Chats) -> None:
    """Both wait in the outbox, behind a run that came after the first event and before the second."""
    world = chats.world
    first, second = cut_events(chats, "раз", "два")
    lines.pause(world.runtime, world.line.id)
    assert come(world, second) == 200
    world.robots_start(text_robot(PHONES[0]))
    world.now += timedelta(milliseconds=100)
    world.bx.deliver_due()
    assert come(world, first) == 200
    world.advance_clock(3)
    lines.unpause(world.runtime, world.line.id)
    world.advance_clock(8)
    assert [sent.message["text"].split("\n")[1] for sent in world.sent] == ["раз", "два"]


def test_files_that_are_not_sent_are_told_once(chats: Chats) -> None:
    """Some are too many for one message, some came without a link."""
    world = chats.world
    lines.pause(world.runtime, world.line.id)
    [many] = cut_events(chats, "", files=33)
    [(path, headers, body)] = cut_events(chats, "", files=2)
    unlinked = re.sub(rb"(?i)%5B(link|downloadlink)%5D", b"%5Bother%5D", body)
    assert unlinked != body
    for event_of in (many, (path, headers, unlinked)) * 2:
        assert come(world, event_of) == 200
    assert len(world.stored_rows(OperatorMessage)) == 30
    world.advance_clock(3)
    told = "Файлы этого сообщения, не отправленные клиенту: {}. Отправьте их отдельным сообщением, не больше 30."
    assert chats.notes() == [told.format(3), told.format(2)]


def test_a_chat_that_is_closed_to_the_app_hides_no_refusal_from_its_operator(chats: Chats) -> None:
    """They come as notices: each stays, though there are several of one chat."""
    world = chats.world
    with world.bx.lock:
        for line in world.portal.open_lines.lines.values():
            line.queue = [EMPLOYEE]
        [chat] = world.portal.chats.by_id.values()
        chat.members = [EMPLOYEE]
        world.portal.users[ADMINISTRATOR] = replace(world.portal.users[ADMINISTRATOR], is_admin=False)
    world.now += timedelta(hours=30)
    for text in ("раз", "два"):
        chats.post(f"chats/{chat.id}/write", text=text, user_id=EMPLOYEE)
        world.advance_clock(3)
    assert (world.sent, chats.notes()) == ([], [])
    assert [notice.user_id for notice in world.portal.notices] == [EMPLOYEE, EMPLOYEE]


def neighbour(world: World) -> Portal:
    """Another portal, of which the app's database knows."""
    with world.runtime.db.write() as session:
        first = session.get_one(Portal, world.line.portal_id)
        copied = {column.name: getattr(first, column.name) for column in Portal.__table__.columns}
        made = Portal(**{**copied, "id": first.id + 1, "member_id": "neighbour"})
        session.add(made)
    return made


def test_much_of_one_portal_holds_up_no_other(chats: Chats) -> None:
    """Whose operators write less gets its turn in the same round, and the one with much no more than its share."""
    world = chats.world
    [posted] = cut_events(chats, "Добрый день")
    assert come(world, posted) == 200
    other = neighbour(world)
    with world.runtime.db.engine.begin() as connection:
        copies(connection, "operator_message", 1, 300, key="'c' || n", conversation_id="1000 + n")
        of_other = {"portal_id": str(other.id), "shard": str(shard_of(other.id)), "conversation_id": "5000"}
        copies(connection, "operator_message", 1, 1, key="'last'", **of_other)
    world.now += timedelta(seconds=2)
    with world.runtime.db.read() as session:
        stage = Operators(world.runtime, "test")
        share = share_of_portal(stage.slots(4))
        claimed = stage.claim(session, dict.fromkeys(range(SHARDS), 1), 4)
        again = stage.claim(session, dict.fromkeys(range(SHARDS), 1), 1)
    assert Counter(task.portal_id for task in claimed) == {1: share, other.id: 1}
    assert again == []
