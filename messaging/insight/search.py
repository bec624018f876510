"""Finds runs, and their messages if they have one: newest first, a page at a time.

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

from sqlalchemy import Text, case, func, select, type_coerce
from sqlalchemy.orm import Session

from messaging.insight.query import Query
from messaging.insight.search_rows import Found, rows_of, typed_phone
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
    before: int | None = None
    looked_to: datetime | None = None


def find(
    session: Session, runtime: Runtime, portal: Portal, query: Query, before: int | None = None, limit: int = PAGE
) -> Page:
    """A portal's runs that fit the query, newest first. before: the cursor of the previous page."""
    ids, stopped_at = _Search(session, runtime, portal, query).ids(before, limit + 1)
    rows = rows_of(session, runtime, portal, ids[:limit])
    if len(ids) > limit:
        return Page(rows, ids[limit - 1])
    if stopped_at is None:
        return Page(rows)
    return Page(rows, stopped_at, session.scalar(select(Run.stored_at).where(Run.id == stopped_at)))


class _Search:
    """One search in one portal's runs."""

    def __init__(self, session: Session, runtime: Runtime, portal: Portal, query: Query) -> None:
        self.session, self.runtime = session, runtime
        self.portal_id, self.query = portal.id, query
        meaning = SearchWords(session, runtime, portal).meaning(query.words)
        self.names_runs = meaning is not None
        self.meaning = meaning or Meaning()
        if query.whole_phones:
            self.meaning = replace(self.meaning, part="")

    def ids(self, before: int | None, limit: int) -> tuple[list[int], int | None]:
        """The newest that fit, and the id from which on older ones were not looked at, if the budget ran out."""
        low, high = self._span(before)
        if self.names_runs and not self.meaning.part and not self.meaning.trace:
            return self._named([run_id for run_id in self.meaning.ids if low <= run_id < high], limit), None
        return self._searched(low, high, limit)

    def _span(self, before: int | None) -> tuple[int, int]:
        """The ids between which the runs of the period lie, with some to spare."""
        newest = self.session.scalar(select(Run.id).order_by(Run.id.desc()).limit(1)) or 0
        low, high = 0, newest + 1
        if self.query.since is not None:
            low = max(0, first_since(self.session, Run.id, Run.stored_at, self.query.since) - BLUR)
        if self.query.until is not None:
            high = min(high, first_since(self.session, Run.id, Run.stored_at, self.query.until) + BLUR)
        return low, high if before is None else min(high, before)

    def _named(self, ids: list[int], limit: int) -> list[int]:
        """Those of these runs that fit."""
        found: list[int] = []
        ids = sorted(ids, reverse=True)
        for start in range(0, len(ids), _IDS):
            piece = ids[start : start + _IDS]
            asked = self._statement(piece[-1], piece[0] + 1, needs_message=False).where(Run.id.in_(piece))
            found += self.session.scalars(asked.limit(limit - len(found)))
            if len(found) >= limit:
                break
        return found

    def _searched(self, low: int, high: int, limit: int) -> tuple[list[int], int | None]:
        until = time.monotonic() + BUDGET_S
        found: list[int] = []
        for start, end in self._stretches(low, high):
            found += self._in_stretch(start, end, limit - len(found))
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
