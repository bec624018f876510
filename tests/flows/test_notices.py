"""Notices about a chat, which Gupshup delivers as if the client had written."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from messaging.store.models import InboundEvent, Reply
from tests.flows.scenes import OLGA, ending, post_webhook, template_robot, text_payload, text_robot
from tests.support.world import World


@pytest.mark.parametrize(
    "said",
    [
        {"type": "system", "payload": {"type": "user_changed_number", "wa_id": "79123456780", "body": "a new number"}},
        {"type": "edit", "payload": {"original_message_id": "in.1", "text": "Да"}},
        {"type": "revoke", "payload": {"original_message_id": "in.1"}},
        {"type": "request_welcome", "payload": {}},
        {"type": "reaction", "payload": {"emoji": "", "id": "in.1"}},
    ],
    ids=lambda said: said["type"],
)
def test_a_notice_ends_no_wait_and_opens_no_window(shop: World, said: dict[str, Any]) -> None:
    waits = shop.robots_start(template_robot(until="replied"))
    shop.advance_clock(5)
    notice = text_payload(OLGA, "", **said)
    if said["type"] == "reaction":
        notice["payload"]["gsId"] = shop.sent[0].id
    post_webhook(shop, notice, kind="message")
    shop.advance_clock(1)
    session = shop.robots_start(text_robot())
    shop.advance_clock(1)
    assert [ending(waits), ending(session)] == [("", ""), ("failed", "window_closed")]
    with shop.runtime.db.read() as database:
        assert database.scalars(select(Reply)).all() == []
    assert shop.stored_rows(InboundEvent)[-1].state == "done"
