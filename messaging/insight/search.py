"""Finds runs, and their messages if they have one, and messages without a run: newest first, a page at a time.

Phones and texts are encrypted, so each question has its price:

    nothing, line, action, period, outcome   answered by the index ix_run_portal; no row is read
    a whole phone                            its digest finds the conversations, they their messages
    a document, an id of a message           an index each
    accepted, sent, delivered, read          messages are read, newest first
    part of a phone                          phones are decrypted, newest first

The last two stop after BUDGET_S and say how far they looked (`Page.looked_to`); a search that goes on from there
(`Page.before`) finds what is older. A page costs the same whether a thousand runs are stored or a million.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, case, func, or_, select, type_coerce
from sqlalchemy.orm import Session

from messaging.insight.query import Query
from messaging.insight.search_rows import Found, Place, rows_of, typed_phone
from messaging.insight.search_words import Meaning, SearchWords
from messaging.insight.stored_json import open_json, open_text
from messaging.runtime import Runtime
from messaging.store.id_search import first_since
from messaging.store.models import Conversation, Message, Portal, Run

PAGE = 50
#: Seconds after which a search shows what it has found so far.
BUDGET_S = 0.03
#: Ids and times written by several processes may lie the other way round; this many runs are looked at beyond a period.
BLUR = 1_000
#: Runs looked at together: where the index suffices, where messages are read, where phones are decrypted.
STRETCHES = {"index": 20_000, "rows": 1_000, "phones": 250}
#: Ids of one statement.
_IDS = 500


@dataclass(frozen=True)
class Page:
    """A part of what was found.

    before: the cursor to go on with, None at the end. looked_to: the time of the oldest run looked at, if the budget ran out.
    """

    rows: list[Found]
    before: Place | None = None
    looked_to: datetime | None = None


def find(
    session: Session, runtime: Runtime, portal: Portal, query: Query, before: Place | None = None, limit: int = PAGE
) -> Page:
    """A portal's runs and messages that fit the query, newest first. before: the cursor of the previous page."""
    places, stopped_at = _Search(session, runtime, portal, query).places(before, limit + 1)
    rows = rows_of(session, runtime, portal, places[:limit])
    if len(places) > limit:
        return Page(rows, places[limit - 1])
    if stopped_at is None:
        return Page(rows)
    return Page(rows, Place(stopped_at), session.scalar(select(Run.stored_at).where(Run.id == stopped_at)))


def places(
    session: Session, runtime: Runtime, portal: Portal, query: Query, before: Place | None, limit: int
) -> tuple[list[Place], Place | None]:
    """Where the runs and messages stand that fit the query, newest first, and the cursor of the next page; None: at the end.

    If the budget runs out there may be fewer of them, or none, and a cursor all the same.
    """
    found, stopped_at = _Search(session, runtime, portal, query).places(before, limit + 1)
    if len(found) > limit:
        return found[:limit], found[limit - 1]
    return found, None if stopped_at is None else Place(stopped_at)


class _Search:
    """One search in one portal's runs and messages."""

    def __init__(self, session: Session, runtime: Runtime, portal: Portal, query: Query) -> None:
        self.session, self.runtime = session, runtime
        self.portal_id, self.query = portal.id, query
        meaning = SearchWords(session, runtime, portal).meaning(query.words)
        self.names_runs = meaning is not None
        self.meaning = meaning or Meaning()
        if query.whole_phones:
            self.meaning = replace(self.meaning, part="")
        #: What was shown before: everything is older than this.
        self.before = Place(1 << 62)

    def places(self, before: Place | None, limit: int) -> tuple[list[Place], int | None]:
        """The newest that fit, and the run from which on older ones were not looked at, if the budget ran out."""
        self.before = before or self.before
        low, high = self._span(self.before)
        if self.names_runs and not self.meaning.part and not self.meaning.trace:
            runs = self._named([run_id for run_id in self.meaning.ids if low <= run_id < high], limit)
            lone = self._lone_named([place for place in self.meaning.lone if place < self.before], low, high)
            return sorted([*map(Place, runs), *lone], reverse=True)[:limit], None
        return self._searched(low, high, limit)

    def _span(self, before: Place) -> tuple[int, int]:
        """The ids between which the runs of the period lie, with some to spare."""
        newest = self.session.scalar(select(Run.id).order_by(Run.id.desc()).limit(1)) or 0
        low, high = 0, newest + 1
        if self.query.since is not None:
            low = max(0, first_since(self.session, Run.id, Run.stored_at, self.query.since) - BLUR)
        if self.query.until is not None:
            high = min(high, first_since(self.session, Run.id, Run.stored_at, self.query.until) + BLUR)
        # Before a message stands the run at its own position, which is older.
        return low, min(high, before.position + 1 if before.message_id else before.position)

    def _named(self, ids: list[int], limit: int) -> list[int]:
        """The runs, of these, that match the query."""
        found: list[int] = []
        ids = sorted(ids, reverse=True)
        for start in range(0, len(ids), _IDS):
            piece = ids[start : start + _IDS]
            asked = self._statement(piece[-1], piece[0] + 1, needs_message=False).where(Run.id.in_(piece))
            found += self.session.scalars(asked.limit(limit - len(found)))
            if len(found) >= limit:
                break
        return found

    def _lone_named(self, places: list[Place], low: int, high: int) -> list[Place]:
        """The messages without a run, of these, that match the query."""
        found: list[Place] = []
        for start in range(0, len(places), _IDS):
            ids = [place.message_id for place in places[start : start + _IDS]]
            found += self._lone(low, high, Message.id.in_(ids))
        return found

    def _searched(self, low: int, high: int, limit: int) -> tuple[list[Place], int | None]:
        until = time.monotonic() + BUDGET_S
        found: list[Place] = []
        for start, end in self._stretches(low, high):
            runs = map(Place, self._in_stretch(start, end, limit - len(found)))
            lone = self._lone_in_stretch(start, end, limit - len(found))
            found += sorted([*runs, *lone], reverse=True)[: limit - len(found)]
            if len(found) >= limit:
                return found, None
            if start > low and time.monotonic() > until:
                return found, start
        return found, None

    def _stretches(self, low: int, high: int) -> Iterator[tuple[int, int]]:
        """Pieces of the portal's runs, the newest first. The first ones are small: most searches end there."""
        reads_rows = self.meaning.trace or self.query.reads_messages
        largest = STRETCHES["phones" if self.meaning.part else "rows" if reads_rows else "index"]
        end, size = high, min(largest, 250)
        while end > low:
            runs = select(Run.id).where(Run.portal_id == self.portal_id, Run.id >= low, Run.id < end)
            start = self.session.scalar(runs.order_by(Run.id.desc()).offset(size - 1).limit(1)) or low
            yield start, end
            end, size = start, min(largest, size * 4)

    def _in_stretch(self, low: int, high: int, limit: int) -> list[int]:
        part = self.meaning.part
        asked = self._statement(low, high, needs_message=bool(part))
        if self.meaning.trace:
            asked = asked.where(Run.trace == self.meaning.trace)
        if not part:
            return list(self.session.scalars(asked.limit(limit)))
        conversation_id = func.coalesce(Message.conversation_id, Run.conversation_id)
        properties = case((conversation_id.is_(None), type_coerce(Run.properties, Text)))
        columns = conversation_id.label("conversation_id"), properties.label("properties")
        rows = self.session.execute(asked.add_columns(*columns)).all()
        phones = self._phones({row.conversation_id for row in rows if row.conversation_id is not None})
        return [row.id for row in rows if row.id in self.meaning.ids or part in self._phone(row, phones)][:limit]

    def _lone_in_stretch(self, low: int, high: int, limit: int) -> list[Place]:
        part = self.meaning.part
        if self.meaning.trace:
            return []  # only runs have one
        if not part:
            return self._lone(low, high, limit=limit)
        asked = select(Message.position, Message.id, Message.conversation_id).where(*self._lone_conditions(low, high))
        rows = self.session.execute(asked).all()
        phones = self._phones({row.conversation_id for row in rows})
        found = [
            place
            for row in rows
            if (place := Place(row.position, row.id)) in self.meaning.lone or part in phones[row.conversation_id]
        ]
        return sorted(found, reverse=True)[:limit]

    def _lone(self, low: int, high: int, *more: ColumnElement[bool], limit: int | None = None) -> list[Place]:
        asked = select(Message.position, Message.id).where(*self._lone_conditions(low, high), *more)
        newest = asked.order_by(Message.position.desc(), Message.id.desc()).limit(limit)
        return [Place(row.position, row.id) for row in self.session.execute(newest)]

    def _lone_conditions(self, low: int, high: int) -> list[ColumnElement[bool]]:
        """Messages without a run between these runs that fit, older than the cursor."""
        found = self.query.of_lone(self.portal_id, low, high)
        position, message_id = self.before.position, self.before.message_id
        if message_id and position < high:
            found.append(or_(Message.position < position, Message.id < message_id))
        return found

    def _statement(self, low: int, high: int, *, needs_message: bool) -> Any:
        """The ids of the runs between low and high that fit, newest first."""
        asked: Any = select(Run.id).where(*self.query.conditions(self.portal_id, low, high)).order_by(Run.id.desc())
        condition = self.query.message_condition()
        if condition is not None or needs_message:
            asked = asked.outerjoin(Message, Message.run_id == Run.id)
        return asked if condition is None else asked.where(condition)

    def _phone(self, row: Any, phones: dict[int | None, str]) -> str:
        return phones.get(row.conversation_id) or typed_phone(open_json(self.runtime.cipher, row.properties))

    def _phones(self, conversation_ids: set[int]) -> dict[int | None, str]:
        """Conversation → the client's phone."""
        if not conversation_ids:
            return {}
        stored = select(Conversation.id, type_coerce(Conversation.phone, Text))
        rows = self.session.execute(stored.where(Conversation.id.in_(conversation_ids)))
        return {row[0]: open_text(self.runtime.cipher, row[1]) for row in rows}
