"""What the words of a search mean: a phone or part of one, a document, an id of a message or of a run."""

import re
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from activities import phones
from messaging.conversations import lookup
from messaging.insight.search_rows import Place
from messaging.portals import portals
from messaging.runtime import Runtime
from messaging.store.models import Line, Message, Portal, Run

#: Fewer digits than this are not searched for as part of a phone.
MIN_DIGITS = 4
#: Of a client with more runs than this, the newest are found.
MAX_OF_ONE_CLIENT = 5_000
_DOCUMENT_WORDS = {
    "DEAL": "сделка сделки deal",
    "LEAD": "лид lead",
    "CONTACT": "контакт contact",
    "COMPANY": "компания company",
    "QUOTE": "предложение quote estimate",
    "SMART_INVOICE": "счёт счет invoice",
}
_DOCUMENT_KINDS = {word: kind for kind, words in _DOCUMENT_WORDS.items() for word in words.split()}


@dataclass(frozen=True)
class Meaning:
    """ids: runs that the words name outright; lone: messages without a run. part: digits of a phone to look for; trace: of a
    run to look for."""

    ids: frozenset[int] = frozenset()
    lone: frozenset[Place] = frozenset()
    part: str = ""
    trace: str = ""


class SearchWords:
    """Looks up what words mean to one portal."""

    def __init__(self, session: Session, runtime: Runtime, portal: Portal) -> None:
        self.session, self.runtime, self.portal = session, runtime, portal

    def meaning(self, words: str) -> Meaning | None:
        """None if there are no words: every run is meant."""
        words = " ".join(words.split())[:120]
        if not words:
            return None
        if number := re.fullmatch(r"[#№]\s?([0-9]{1,18})", words):
            return self._of_message(Message.id == int(number[1]))
        if item := _item(words):
            return Meaning(self._runs_of_items([item]), self._lone(Message.item == item))
        digits = re.sub(r"[^0-9]", "", words)
        if digits and not re.search(r"[^\W\d_]", words):
            return self._meaning_of_digits(words, digits)
        named = self._of_message(Message.gupshup_id == words)
        is_trace = not named.ids and not named.lone and re.fullmatch("[0-9a-f]{12}", words)
        return Meaning(trace=words) if is_trace else named

    def _meaning_of_digits(self, words: str, digits: str) -> Meaning:
        """A whole phone, or else the number of a document or a part of a phone."""
        whole = phones.digits(words, portals.phone_region(self.portal))
        if whole:
            named = self._with_phone(whole)
            return named if named.ids or named.lone else Meaning(part=whole)
        part = digits if len(digits) >= MIN_DIGITS else ""
        items = [digits, *(f"{kind}_{digits}" for kind in _DOCUMENT_WORDS)]
        if len(digits) >= 10:
            return Meaning(part=part)
        return Meaning(self._runs_of_items(items), self._lone(Message.item.in_(items)), part)

    def _of_message(self, condition: ColumnElement[bool]) -> Meaning:
        named = select(Message.run_id, Message.position, Message.id).where(
            condition, Message.portal_id == self.portal.id
        )
        rows = self.session.execute(named).all()
        ids = frozenset(row.run_id for row in rows if row.run_id is not None)
        return Meaning(ids, frozenset(Place(row.position, row.id) for row in rows if row.run_id is None))

    def _lone(self, condition: ColumnElement[bool]) -> frozenset[Place]:
        """Messages without a run, the newest."""
        named = select(Message.position, Message.id).where(
            Message.portal_id == self.portal.id, Message.run_id.is_(None), condition
        )
        rows = self.session.execute(named.order_by((Message.id + 0).desc()).limit(MAX_OF_ONE_CLIENT))
        return frozenset(Place(row.position, row.id) for row in rows)

    def _runs_of_items(self, items: list[str]) -> frozenset[int]:
        # `+ 0` keeps SQLite from taking the order's index: it would go through all the portal's runs and read each.
        named = select(Run.id).where(Run.portal_id == self.portal.id, Run.item.in_(items)).order_by((Run.id + 0).desc())
        return frozenset(self.session.scalars(named.limit(MAX_OF_ONE_CLIENT)))

    def _with_phone(self, phone: str) -> Meaning:
        """What went to the client with this phone on any line of the portal, runs with a message or without one."""
        line_ids = self.session.scalars(select(Line.id).where(Line.portal_id == self.portal.id)).all()
        keys = self.runtime.phone_keys(phone)
        found = [conversation.id for conversation in lookup.conversations_with(self.session, line_ids, keys)]
        if not found:
            return Meaning()
        has_run = Message.conversation_id.in_(found) & Message.run_id.is_not(None)
        sent = select(Message.run_id).where(has_run).order_by(Message.id.desc()).limit(MAX_OF_ONE_CLIENT)
        others = select(Run.id).where(Run.conversation_id.in_(found)).order_by(Run.id.desc()).limit(MAX_OF_ONE_CLIENT)
        ids = [*self.session.scalars(sent), *self.session.scalars(others)]
        runs = frozenset(run_id for run_id in ids if run_id is not None)
        return Meaning(runs, self._lone(Message.conversation_id.in_(found)))


def _item(words: str) -> str:
    """The document's id that "сделка 4512" or "DEAL_4512" means, "" if none."""
    if re.fullmatch(r"[A-Z][A-Z_0-9]*_[0-9]+", words):
        return words
    named = re.fullmatch(r"(\w+)\s*[№#]?\s?([0-9]{1,18})", words.casefold())
    kind = _DOCUMENT_KINDS.get(named[1]) if named else None
    return f"{kind}_{named[2]}" if named and kind else ""
