"""Finding runs, and their messages if they have one: newest first, a page at a time.

Phones and texts are sealed, so what can be asked for has its price:

    nothing, line, action, period, outcome   in the index ix_run_portal; no row is opened
    a whole phone                            its digest finds the conversations, they their messages
    a document, an id of a message           an index each
    accepted, sent, delivered, read          messages are opened, newest first
    part of a phone                          phones are unsealed, newest first

The last two stop after BUDGET_S and say how far they looked (`Page.looked_to`); who goes on from there (`Page.before`) gets
what is older. A page costs the same whether a thousand runs are stored or a million.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, case, func, or_, select, type_coerce
from sqlalchemy.orm import Session

from activities import phones
from messaging.conversations import lookup
from messaging.insight.search_rows import (
    STATUSES,
    Found,
    open_json,
    open_text,
    rows_of,
    status_of,
    typed_phone,
    words_of,
)
from messaging.runtime import Runtime
from messaging.store.id_search import first_since
from messaging.store.models import Conversation, Line, Message, Portal, Run, shard_of

PAGE = 50
#: How long one look may search on before it shows what it has.
BUDGET_S = 0.03
#: Ids and times of several processes may lie the other way round by a moment's runs.
BLUR = 1_000
#: Runs looked at together: where the index suffices, where messages are opened, where phones are unsealed.
STRETCHES = {"index": 20_000, "rows": 1_000, "phones": 250}
#: Fewer digits than this are no part of a phone worth looking for.
FEWEST_DIGITS = 4
#: Nobody reads on so far; a client who has more is shown the newest.
MOST_OF_ONE_CLIENT = 5_000
_KINDS = {
    "DEAL": "сделка сделки deal",
    "LEAD": "лид lead",
    "CONTACT": "контакт contact",
    "COMPANY": "компания company",
    "QUOTE": "предложение quote estimate",
    "SMART_INVOICE": "счёт счет invoice",
}
_KIND_OF = {word: kind for kind, words in _KINDS.items() for word in words.split()}


@dataclass(frozen=True)
class Query:
    """What is asked for. words: a phone or part of one, a document, an id; since, until: of the robot call.

    whole_phones: a part of a phone finds nothing, or who sees phones masked could guess one digit by digit.
    """

    words: str = ""
    line_id: int | None = None
    action: str = ""
    status: str = ""
    since: datetime | None = None
    until: datetime | None = None
    whole_phones: bool = False


@dataclass(frozen=True)
class Page:
    """Some of what was found. before: the cursor to go on with, None at the end; looked_to: how far, if time ran out."""

    rows: list[Found]
    before: int | None = None
    looked_to: datetime | None = None


@dataclass(frozen=True)
class _Aim:
    """What the words of a query mean. ids: runs they name outright; part: digits of a phone; trace: of a run."""

    ids: frozenset[int] = frozenset()
    part: str = ""
    trace: str = ""


def find(
    session: Session, runtime: Runtime, portal: Portal, query: Query, before: int | None = None, limit: int = PAGE
) -> Page:
    """A portal's runs that fit, newest first; before: only runs older than this one."""
    aim = _aim(session, runtime, portal, query.words)
    if aim is not None and query.whole_phones:
        aim = replace(aim, part="")
    low, high = _span(session, query, before)
    if aim is not None and not aim.part and not aim.trace:
        ids = _named(session, portal.id, query, [run_id for run_id in aim.ids if low <= run_id < high], limit + 1)
        low_water = None
    else:
        ids, low_water = _search(session, runtime, portal.id, query, aim or _Aim(), low, high, limit + 1)
    rows = rows_of(session, runtime, portal, ids[:limit])
    if len(ids) > limit:
        return Page(rows, ids[limit - 1])
    if low_water is None:
        return Page(rows)
    reached = session.scalar(select(Run.stored_at).where(Run.id == low_water))
    return Page(rows, low_water, reached)


def _span(session: Session, query: Query, before: int | None) -> tuple[int, int]:
    """Between which ids the runs of the period lie, somewhat generously."""
    newest = session.scalar(select(Run.id).order_by(Run.id.desc()).limit(1)) or 0
    low, high = 0, newest + 1
    if query.since is not None:
        low = max(0, first_since(session, Run.id, Run.stored_at, query.since) - BLUR)
    if query.until is not None:
        high = min(high, first_since(session, Run.id, Run.stored_at, query.until) + BLUR)
    return low, high if before is None else min(high, before)


def _aim(session: Session, runtime: Runtime, portal: Portal, words: str) -> _Aim | None:
    """None: everything is meant."""
    words = " ".join(words.split())[:120]
    if not words:
        return None
    if number := re.fullmatch(r"[#№]\s?([0-9]{1,18})", words):
        own = (Message.id == int(number[1])) & (Message.portal_id == portal.id)
        return _Aim(frozenset(session.scalars(select(Message.run_id).where(own))))
    if items := _items(words):
        found = _by_item(session, portal.id, items)
        return _Aim(found)
    digits = re.sub(r"[^0-9]", "", words)
    if digits and not re.search(r"[^\W\d_]", words):
        return _by_digits(session, runtime, portal, words, digits)
    theirs = (Message.gupshup_id == words) & (Message.portal_id == portal.id)
    found = frozenset(session.scalars(select(Message.run_id).where(theirs)))
    return _Aim(found, trace=words if not found and re.fullmatch("[0-9a-f]{12}", words) else "")


def _items(words: str) -> list[str]:
    """The document ids that "сделка 4512" or "DEAL_4512" mean."""
    if re.fullmatch(r"[A-Z][A-Z_0-9]*_[0-9]+", words):
        return [words]
    named = re.fullmatch(r"(\w+)\s*[№#]?\s?([0-9]{1,18})", words.casefold())
    kind = _KIND_OF.get(named[1]) if named else None
    return [f"{kind}_{named[2]}"] if named and kind else []


def _by_item(session: Session, portal_id: int, items: list[str]) -> frozenset[int]:
    # + 0: for the order alone SQLite would go through all the portal's runs and open each.
    asked = select(Run.id).where(Run.portal_id == portal_id, Run.item.in_(items)).order_by((Run.id + 0).desc())
    return frozenset(session.scalars(asked.limit(MOST_OF_ONE_CLIENT)))


def _by_digits(session: Session, runtime: Runtime, portal: Portal, words: str, digits: str) -> _Aim:
    """A whole phone, else the number of an object or a part of a phone."""
    whole = phones.digits(words, phones.region_of(portal.region, portal.language))
    if whole and (found := _with_phone(session, runtime, portal, whole)):
        return _Aim(found)
    part = digits if len(digits) >= FEWEST_DIGITS else ""
    if whole:
        return _Aim(part=whole)
    items = [digits, *(f"{kind}_{digits}" for kind in _KINDS)]
    return _Aim(_by_item(session, portal.id, items) if len(digits) < 10 else frozenset(), part)


def _with_phone(session: Session, runtime: Runtime, portal: Portal, phone: str) -> frozenset[int]:
    line_ids = session.scalars(select(Line.id).where(Line.portal_id == portal.id)).all()
    talks = [one.id for one in lookup.conversations_with(session, line_ids, [runtime.phone_key(phone)])]
    if not talks:
        return frozenset()
    of_client = Message.conversation_id.in_(talks) & Message.run_id.is_not(None)
    sent = select(Message.run_id).where(of_client).order_by(Message.id.desc())
    others = select(Run.id).where(Run.conversation_id.in_(talks)).order_by(Run.id.desc())
    found = [*session.scalars(sent.limit(MOST_OF_ONE_CLIENT)), *session.scalars(others.limit(MOST_OF_ONE_CLIENT))]
    return frozenset(run_id for run_id in found if run_id is not None)


def _filters(portal_id: int, query: Query, low: int, high: int) -> list[ColumnElement[bool]]:
    """What the index ix_run_portal and the messages that failed can tell."""
    wanted = [Run.portal_id == portal_id, Run.id >= low, Run.id < high]
    if query.since is not None:
        wanted.append(Run.stored_at >= query.since)
    if query.until is not None:
        wanted.append(Run.stored_at < query.until)
    if query.action:
        wanted.append(Run.action == query.action)
    if query.line_id is not None:
        wanted.append(Run.line_id == query.line_id)
    refused = Run.id.in_(
        select(Message.run_id).where(
            Message.portal_id == portal_id,
            Message.status == "failed",
            Message.run_id >= low,
            Message.run_id < high,
        )
    )
    match query.status:
        case "":
            pass
        case "failed":
            wanted += [or_(Run.outcome == "failed", refused), Run.outcome.not_in(("replied", "ok"))]
        case "replied" | "ok":
            wanted.append(Run.outcome == query.status)
        case "timeout":
            wanted += [Run.outcome == "timeout", ~refused]
        case "queued":
            wanted += [Run.outcome == "", ~refused]
        case "unknown":
            unclear = select(Message.run_id).where(Message.shard == shard_of(portal_id), Message.status == "unknown")
            wanted += [Run.id.in_(unclear), Run.outcome.not_in(("replied", "failed", "timeout", "ok"))]
        case _:
            wanted.append(Run.outcome.not_in(("replied", "failed", "timeout", "ok")))
    return wanted


def _opens(query: Query) -> ColumnElement[bool] | None:
    """What only the message can tell."""
    if query.status == "queued":
        return or_(Message.id.is_(None), Message.status == "queued", Message.status == "sending")
    if query.status in ("accepted", "sent", "delivered", "read"):
        return Message.status == query.status
    return None


def _named(session: Session, portal_id: int, query: Query, ids: list[int], limit: int) -> list[int]:
    """Those of these runs that fit."""
    found: list[int] = []
    ids = sorted(ids, reverse=True)
    for start in range(0, len(ids), 500):
        piece = ids[start : start + 500]
        asked = select(Run.id).where(Run.id.in_(piece), *_filters(portal_id, query, piece[-1], piece[0] + 1))
        if (opened := _opens(query)) is not None:
            asked = asked.outerjoin(Message, Message.run_id == Run.id).where(opened)
        found += session.scalars(asked.order_by(Run.id.desc()).limit(limit - len(found)))
        if len(found) >= limit:
            break
    return found


def _search(
    session: Session, runtime: Runtime, portal_id: int, query: Query, aim: _Aim, low: int, high: int, limit: int
) -> tuple[list[int], int | None]:
    """The newest that fit, and how far was looked if time ran out before the end."""
    until = time.monotonic() + BUDGET_S
    found: list[int] = []
    opened = aim.trace or query.status in ("accepted", "sent", "delivered", "read")
    size = STRETCHES["phones" if aim.part else "rows" if opened else "index"]
    for start, end in _stretches(session, portal_id, low, high, size):
        found += _of_stretch(session, runtime, portal_id, query, aim, start, end, limit - len(found))
        if len(found) >= limit:
            return found, None
        if start > low and time.monotonic() > until:
            return found, start
    return found, None


def _stretches(session: Session, portal_id: int, low: int, high: int, size: int) -> Iterator[tuple[int, int]]:
    """Pieces of the portal's runs, the newest first; small ones first: what is asked for is mostly found there."""
    end, most = high, size
    size = min(size, 250)
    while end > low:
        asked = select(Run.id).where(Run.portal_id == portal_id, Run.id >= low, Run.id < end).order_by(Run.id.desc())
        start = session.scalar(asked.offset(size - 1).limit(1)) or low
        yield start, end
        end, size = start, min(most, size * 4)


def _of_stretch(
    session: Session, runtime: Runtime, portal_id: int, query: Query, aim: _Aim, low: int, high: int, limit: int
) -> list[int]:
    asked: Any = select(Run.id).where(*_filters(portal_id, query, low, high)).order_by(Run.id.desc())
    opened = _opens(query)
    if opened is not None or aim.part:
        asked = asked.outerjoin(Message, Message.run_id == Run.id)
    if opened is not None:
        asked = asked.where(opened)
    if aim.trace:
        asked = asked.where(Run.trace == aim.trace)
    if not aim.part:
        return list(session.scalars(asked.limit(limit)))
    talk = func.coalesce(Message.conversation_id, Run.conversation_id)
    typed = case((talk.is_(None), type_coerce(Run.properties, Text)))
    rows = session.execute(asked.add_columns(talk.label("talk"), typed.label("typed"))).all()
    numbers = _phones_of(session, runtime, {row.talk for row in rows if row.talk is not None})
    return [
        row.id
        for row in rows
        if row.id in aim.ids or aim.part in (numbers.get(row.talk) or typed_phone(open_json(runtime, row.typed)))
    ][:limit]


def _phones_of(session: Session, runtime: Runtime, talks: set[int]) -> dict[int | None, str]:
    sealed = select(Conversation.id, type_coerce(Conversation.phone, Text)).where(Conversation.id.in_(talks))
    return {row[0]: open_text(runtime, row[1]) for row in session.execute(sealed)} if talks else {}


__all__ = ["PAGE", "STATUSES", "Found", "Page", "Query", "find", "rows_of", "status_of", "words_of"]
