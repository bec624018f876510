"""Messages that no run asks for: what a person sends by hand leaves, is listed and is deleted like a robot's."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from gupshup.messages import Text
from messaging.conversations.queueing import queue
from messaging.insight import failures, search
from messaging.insight.query import Query
from messaging.lines import lines
from messaging.store.models import Conversation, Line, Message, Portal
from messaging.store.states import Origin
from messaging.worker import retention
from messaging.worker.retention import LOCK, Retention
from tests.flows.scenes import (
    OLGA,
    PHONES,
    jump_clock,
    open_windows,
    post_webhook,
    start_each,
    status_payload,
    template_robot,
    text_robot,
)
from tests.support.world import World
from tests.web.inside import Frame, seen


def by_hand(shop: World, number: int, words: str = "Добрый день", phone: str = OLGA) -> int | None:
    """Queue a text as a person's; its id, None if this cause was known."""
    message = Text(words)
    content = {
        "kind": message.kind,
        "is_session": True,
        "payload": {"path": message.path, "form": message.form()},
        "item": "DEAL_1",
    }
    with shop.runtime.db.write() as session:
        key = shop.runtime.phone_key(phone)
        conversation = session.scalars(select(Conversation).where(Conversation.phone_key == key)).one()
        line = session.get_one(Line, conversation.line_id)
        return queue(session, shop.now, line, conversation.id, (Origin.MANUAL, number), content)


def test_it_is_sent_once_in_its_turn_and_its_status_rises(shop: World) -> None:
    open_windows(shop)
    lines.pause(shop.runtime, shop.line.id)
    start_each(shop, text_robot(words="Первый"))
    jump_clock(shop, 1)
    first = by_hand(shop, 7, "Второй")
    assert by_hand(shop, 7, "Второй") is None
    start_each(shop, text_robot(words="Третий"))
    jump_clock(shop, 1)
    lines.unpause(shop.runtime, shop.line.id)
    jump_clock(shop, 2, 40, 40)
    assert [sent.message["text"] for sent in shop.sent] == ["Первый", "Второй", "Третий"]
    message = next(row for row in shop.stored_rows(Message) if row.id == first)
    assert (message.status, message.run_id) == ("delivered", None)


@pytest.mark.parametrize("what", ["stopped", "removed"])
def test_on_a_line_that_sends_nothing_it_fails_and_says_why(shop: World, what: str) -> None:
    open_windows(shop)
    lines.pause(shop.runtime, shop.line.id)
    by_hand(shop, 7)
    if what == "removed":
        lines.remove(shop.runtime, shop.line.id)
    else:
        lines.unpause(shop.runtime, shop.line.id)
        shop.set_gupshup_faults(next=["401"])
        by_hand(shop, 8, phone=OLGA)
    jump_clock(shop, 1, 1)
    failed = shop.stored_rows(Message)
    assert {message.status for message in failed} == {"failed"}
    assert failed[-1].error_code == ("line_not_connected" if what == "removed" else "gupshup_401")
    assert shop.sent == []
    page = seen(Frame(shop).get(f"/app/messages/lone/{failed[-1].id}").text)
    assert "Отправлено вручную" in page


def test_it_is_found_by_everything_a_robots_message_is_found_by(shop: World) -> None:
    open_windows(shop, OLGA, PHONES[0])
    frame = Frame(shop)
    start_each(shop, text_robot(PHONES[0], "Робот"))
    jump_clock(shop, 1)
    message_id = by_hand(shop, 7, "Вручную")
    jump_clock(shop, 1, 40)
    gupshup_id = shop.stored_rows(Message)[-1].gupshup_id

    def found(**filters: str) -> list[str]:
        page = frame.post("/app/messages", {"period": "7", **filters}, target="found").text
        return [seen(row) for row in re.findall(r"<tr>\s*<td[^>]*>.*?</tr>", page, re.DOTALL)]

    everything = found()
    assert ["Вручную" in row for row in everything] == [True, False]
    assert "Сделка 1" in everything[0]
    for words in ("+7 (912) 345-67-89", OLGA[-4:], f"#{message_id}", str(gupshup_id)):
        assert found(words=words) == everything[:1], words
    assert found(words="сделка 1") == everything
    assert found(status="delivered", line=str(shop.line.id)) == everything
    assert found(status="failed") == found(action="send_list") == found(status="replied") == []
    page = frame.get(f"/app/messages/lone/{message_id}")
    assert "Отправлено вручную" in seen(page.text)
    assert "Доставлено на телефон" in seen(page.text)
    assert frame.get(f"/app/messages/lone/{message_id + 100 if message_id else 0}").status_code == 404
    shown = shop.flask.test_cli_runner().invoke(args=["messages", "show", str(message_id)])
    assert "Sent by hand" in shown.output


def test_pages_of_the_list_show_each_row_once_in_order(shop: World) -> None:
    open_windows(shop)
    number = 0
    for _round in range(3):
        start_each(shop, template_robot(PHONES[0]))
        jump_clock(shop, 1)
        for _ in range(3):
            number += 1
            by_hand(shop, number)
    rows: list[Any] = []
    before = None
    with shop.runtime.db.read() as session:
        portal = session.scalars(select(Portal)).one()
        for _ in range(20):
            page = search.find(session, shop.runtime, portal, Query(), before, 2)
            rows += page.rows
            before = page.before
            if before is None:
                break
        whole = search.find(session, shop.runtime, portal, Query()).rows
    assert [row.place for row in rows] == [row.place for row in whole]
    assert [bool(row.place.message_id) for row in rows] == [True, True, True, False] * 3


def test_its_texts_go_and_then_its_row_unless_it_still_waits(shop: World) -> None:
    open_windows(shop)
    by_hand(shop, 1)
    jump_clock(shop, 1, 40)
    lines.pause(shop.runtime, shop.line.id)
    by_hand(shop, 2)
    jump_clock(shop, 1)
    born = shop.now
    expected = {13: (2, 2), 91: (1, 2), 401: (1, 1)}
    for days, (texts, rows) in expected.items():
        shop.now = born + timedelta(days=days)
        shop.runtime.redis.delete(LOCK)
        worker = Retention(shop.runtime)
        while not worker.is_paused:
            worker.step()
        with shop.runtime.db.read() as session:
            with_text = select(func.count()).select_from(Message).where(Message.payload.is_not(None))
            assert (session.scalar(with_text), len(shop.stored_rows(Message))) == (texts, rows), days
    assert retention.BATCH > 2


def test_its_failure_is_counted_and_after_a_restore_it_can_be_given_up(shop: World) -> None:
    open_windows(shop)
    by_hand(shop, 1)
    shop.do_due_work()
    post_webhook(shop, status_payload("failed", shop.sent[0].id, code=131026, reason="Message undeliverable"))
    jump_clock(shop, 1)
    with shop.runtime.db.read() as session:
        portal = session.scalars(select(Portal)).one()
        assert failures.by_reason(session, portal.id, shop.now - timedelta(hours=1)) == {(shop.line.id, "131026"): 1}
    lines.pause(shop.runtime, shop.line.id)
    waiting = by_hand(shop, 2)
    command = shop.flask.test_cli_runner()
    assert f"m{waiting}" in command.invoke(args=["unsent", "list"]).output
    assert "0 would still be sent" in command.invoke(args=["unsent", "end", f"m{waiting}"]).output
    lines.unpause(shop.runtime, shop.line.id)
    jump_clock(shop, 2)
    assert len(shop.sent) == 1
