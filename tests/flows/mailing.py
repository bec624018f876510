"""A campaign for tests."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import select

from messaging.campaigns import changes
from messaging.campaigns.counts import counts
from messaging.campaigns.recipients import Entry
from messaging.lines import lines
from messaging.store.campaigns import Campaign, Recipient
from messaging.store.models import Line
from tests.support.world import World


def slow(world: World, pace: float) -> None:
    """The line sends so many messages a second, none of them ahead of time: the others stay queued. Call it before it sends."""
    lines.set_pace(world.runtime, world.line.id, pace)
    with world.runtime.db.write() as session:
        session.get_one(Line, world.line.id).burst = 1


class Mailing:
    """A campaign of the shop's first line with the template `welcome`."""

    def __init__(self, world: World, phones: list[str] | None, **settings: Any) -> None:
        self.world = world
        self.portal_id = world.line.portal_id
        self.key = changes.create(world.runtime, self.portal_id, 1, "Майская акция")
        plan = {"line_ids": [world.line.id], "template": "welcome", "language": "ru", "mapping": {"params": []}}
        changes.edit(world.runtime, self.portal_id, self.key, **{**plan, **settings})
        if phones is None:
            return
        entries = [Entry(number, phone, {"name": f"Клиент {number}"}) for number, phone in enumerate(phones, 1)]
        changes.add(world.runtime, self.portal_id, self.key, entries)

    def do(self, what: Any, *more: Any) -> None:
        what(self.world.runtime, self.portal_id, self.key, *more)

    def do_edit(self, **settings: Any) -> None:
        changes.edit(self.world.runtime, self.portal_id, self.key, **settings)

    def start(self, seconds: float = 10) -> None:
        self.do(changes.start)
        self.world.advance_clock(seconds)

    @property
    def row(self) -> Campaign:
        with self.world.runtime.db.read() as session:
            found = changes.find(session, self.portal_id, self.key)
            session.expunge(found)
            return found

    @property
    def state(self) -> tuple[str, str]:
        return self.row.state, self.row.paused_reason

    def counted(self) -> dict[str, Any]:
        """The counts that are not 0."""
        with self.world.runtime.db.read() as session:
            found = counts(session, self.row.id)
            rows = session.scalars(select(Recipient).where(Recipient.campaign_id == self.row.id)).all()
        assert found.audience == len(rows), "the counts do not add up"
        return {name: number for name, number in found.to_dict().items() if number}

    def params(self) -> set[str]:
        """The first variable of each message."""
        return {sent.template["params"][0] for sent in self.world.sent}

    def reached(self) -> Counter[str]:
        return Counter(sent.destination for sent in self.world.sent)
