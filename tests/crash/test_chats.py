"""Clients and operators write to each other while everything is killed with -9: nothing lost, nothing twice, in order; and
what became of each message is known and ticked in its chat.

An operator's message is counted once the web has stored it: Bitrix24 never repeats an event (reference bitrix24-2.md 11).
"""

from __future__ import annotations

import base64
import math
import os
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import func, select

from messaging.portals import open_lines
from messaging.store.models import Conversation, Message, Reply
from messaging.store.open_channels import OperatorMessage
from messaging.store.states import MessageStatus, Origin
from tests.crash.processes import kill, until
from tests.crash.rig import Shop, Town
from tests.crash.test_crashes import CALLS, SEED, TOWNS
from tests.support.samples import png

SCOPE = ["bizproc", "crm", "disk", "im", "placement", "user_brief", "imopenlines", "imconnector", "contact_center"]
PICTURE = base64.b64encode(png()).decode()
#: Every kind of blow falls twice; before each blow operators and clients write once, and clients once before the first.
BLOWS = 8
#: So many that all of them together write and get `CALLS` messages, and nobody more at once than WhatsApp takes.
CLIENTS = math.ceil(CALLS / (2 * BLOWS + 1))
pytestmark = pytest.mark.skipif("CRASH_CALLS" not in os.environ, reason="takes minutes: `make crash` plays it")


@dataclass
class Talk:
    """What was written in a shop, by client, in order."""

    town: Town
    shop: Shop
    #: Phone → what the client wrote; a picture is its caption.
    said: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    #: Phone → what operators wrote.
    answered: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    #: What was written with a picture.
    pictures: set[str] = field(default_factory=set)
    count: int = 0

    def clients_write(self) -> None:
        """Each client writes once; one in ten sends a picture."""
        for number in range(CLIENTS):
            self.count += 1
            phone, text = f"7912{1000001 + number}", f"in {self.count}"
            body: dict[str, Any] = {"app": self.shop.app, "phone": phone, "type": "text", "text": text}
            if self.count % 10 == 0:
                body |= {"type": "image", "content_type": "image/png", "content_base64": PICTURE, "caption": text}
                self.pictures.add(text)
            self.town.post(f"{self.town.vendors.gupshup}/emulator/reply", body)
            self.said[phone].append(text)

    def operators_write(self) -> None:
        """Operators answer once in each chat, one in ten with a picture; returns when the web has stored it all."""
        for phone, chat in self.chats().items():
            self.count += 1
            text = f"out {self.count}"
            body: dict[str, Any] = {"text": text}
            if self.count % 10 == 0:
                body["files"] = [{"name": "a.png", "type": "image/png", "content": PICTURE}]
                self.pictures.add(text)
            self.town.post(f"{self.shop.portal}/emulator/chats/{chat['id']}/write", body)
            self.answered[phone].append(text)
        until("operators' messages are stored", lambda: self.stored() >= self.written, 30)

    @property
    def written(self) -> int:
        return sum(map(len, self.answered.values()))

    def stored(self) -> int:
        with self.town.runtime.db.read() as session:
            return session.scalar(select(func.count()).select_from(OperatorMessage)) or 0

    def unclear(self) -> int:
        """Operators' messages of which nobody knows whether they left: a killed worker had them in its hands."""
        return self.with_status(MessageStatus.UNKNOWN)

    def with_status(self, *statuses: MessageStatus) -> int:
        """How many of the operators' messages have one of these statuses."""
        theirs = (Message.origin == Origin.OPERATOR) & Message.status.in_(statuses)
        with self.town.runtime.db.read() as session:
            return session.scalar(select(func.count()).select_from(Message).where(theirs)) or 0

    def without_tick(self) -> int:
        """How many of the operators' messages still look in their chats as if they were being sent."""
        shown = [message for chat in self.chats().values() for message in chat["messages"]]
        return sum(message["kind"] == "operator" and bool(message["sending"]) for message in shown)

    def chats(self) -> dict[str, Any]:
        """Phone → the portal's chat."""
        found = self.town.get(f"{self.shop.portal}/emulator/chats")["chats"]
        return {str(chat["client"]["external_id"]): chat for chat in found}

    def in_chats(self) -> dict[str, list[str]]:
        """Phone → what the chat shows of the client, in order."""
        return {
            phone: [_words(message["text"]) for message in chat["messages"] if message["kind"] == "client"]
            for phone, chat in self.chats().items()
        }

    def pictures_in_chats(self) -> set[str]:
        """What the chats show of clients' messages with a file."""
        shown = [message for chat in self.chats().values() for message in chat["messages"] if message["files"]]
        return {_words(message["text"]) for message in shown if message["kind"] == "client"}

    def arrived(self) -> dict[str, list[str]]:
        """Phone → what the client wrote, in the order in which it reached us: while the web is dead, Gupshup's webhooks
        come later than those after them."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        with self.town.runtime.db.read() as session:
            rows = select(Conversation.phone, Reply.content).join(
                Conversation, Conversation.id == Reply.conversation_id
            )
            for phone, content in session.execute(rows.order_by(Reply.id)):
                found[phone].append(content["values"]["reply_text"])
        return dict(found)

    def on_phones(self) -> dict[str, list[str]]:
        """Phone → what Gupshup accepted for it, in order."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for message in self.town.accepted([self.shop]):
            found[message["destination"]].append(_received(message))
        return dict(found)

    def pictures_on_phones(self) -> set[str]:
        """What Gupshup accepted with a picture."""
        return {_received(one) for one in self.town.accepted([self.shop]) if one["message"].get("type") == "image"}


def _words(text: str) -> str:
    """What the client wrote, without the time that stands before a late message."""
    return text[text.index("in ") :].strip() if "in " in text else text


def _received(message: dict[str, Any]) -> str:
    """The text or the caption of what Gupshup accepted; the operator's name stands in front of it."""
    content = message["message"]
    return str(content.get("text") or content.get("caption")).rpartition("\n")[2]


@pytest.mark.parametrize("where", TOWNS)
def test_both_ways_under_kill_9(where: str, request: pytest.FixtureRequest) -> None:
    town: Town = request.getfixturevalue(where)
    chance, began = random.Random(SEED), time.monotonic()
    top = town.serve()
    shop = town.open_shop(pace=40, scope=SCOPE)
    town.gupshup_faults(latency_ms=50, retries=50)
    open_lines.switch_on(town.runtime, shop.line_id, None)
    talk = Talk(town, shop)

    def supervisor() -> int:
        return until("the workers have a supervisor", lambda: top.find("worker.py", of=top.pid))[0]

    def everybody() -> None:
        nonlocal top
        for pid in top.family():
            kill(pid)
        top.destroy()
        top = town.serve()

    blows = {
        "worker": lambda: kill(until("worker", lambda: top.find("worker.py child", of=supervisor()))[0]),
        "web": lambda: kill(chance.choice(until("web", lambda: top.find("gunicorn")))),
        "redis emptied": town.redis.flushall,
        "everything": everybody,
    }
    talk.clients_write()
    until("everybody has a chat", lambda: len(talk.chats()) == CLIENTS, 60 + CLIENTS)
    for name in [*chance.sample(sorted(blows), 4), *chance.sample(sorted(blows), BLOWS - 4)]:
        town.until_ready()
        talk.operators_write()
        talk.clients_write()
        blows[name]()
    town.until_ready()
    limit_s = 120 + CALLS  # the portal takes two requests a second
    until("all is in the chats", lambda: _total(talk.in_chats()) >= _total(talk.said), limit_s, 0.5)
    until(
        "all has left, or is unclear", lambda: _total(talk.on_phones()) + talk.unclear() >= talk.written, limit_s, 0.5
    )

    until("all statuses have come", lambda: talk.with_status(MessageStatus.ACCEPTED, MessageStatus.SENT) == 0, limit_s)
    until("what arrived is ticked", lambda: talk.without_tick() <= talk.unclear(), limit_s, 0.5)

    assert {phone: sorted(texts) for phone, texts in talk.said.items()} == {
        phone: sorted(texts) for phone, texts in talk.arrived().items()
    }
    assert talk.in_chats() == talk.arrived()
    sent = talk.on_phones()
    for phone, texts in talk.answered.items():
        assert len(set(sent[phone])) == len(sent[phone]), f"{phone} got a message twice"
        assert [text for text in texts if text in sent[phone]] == sent[phone], f"{phone}: out of order"
    missing = talk.written - _total(sent)
    assert talk.with_status(MessageStatus.DELIVERED, MessageStatus.READ) >= _total(sent) - talk.unclear()
    left = {text for texts in sent.values() for text in texts}
    assert talk.pictures_in_chats() == {text for text in talk.pictures if text.startswith("in")}
    assert talk.pictures_on_phones() == {text for text in talk.pictures if text in left}
    print(
        f"\n{where}: {_total(talk.said)} in, {talk.written} out, {len(talk.pictures)} of them pictures, "
        f"{talk.with_status(MessageStatus.DELIVERED, MessageStatus.READ)} delivered, "
        f"{missing} unclear, {time.monotonic() - began:.0f} s"
    )
    assert missing <= BLOWS * 4, "only what a killed worker had in its hands is unclear"


def _total(by_phone: dict[str, list[str]]) -> int:
    return sum(map(len, by_phone.values()))
