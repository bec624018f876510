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

import json
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
from messaging.runtime import Runtime
from messaging.store.crypto import Undecryptable
from messaging.store.id_search import first_since
from messaging.store.models import Conversation, Line, Message, Portal, Run, Template, shard_of

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

#: What a run and its message come to, in the order of a message's life.
STATUSES = (
    *("queued", "accepted", "sent", "delivered", "read", "replied", "failed", "unknown", "timeout", "ok"),
)  # fmt: skip
_KINDS = {
    "DEAL": "сделка сделки deal",
    "LEAD": "лид lead",
    "CONTACT": "контакт contact",
    "COMPANY": "компания company",
    "QUOTE": "предложение quote estimate",
    "SMART_INVOICE": "счёт счет invoice",
}
_KIND_OF = {word: kind for kind, words in _KINDS.items() for word in words.split()}
_FIRST_WORDS = 90


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
class Found:
    """One run as the list shows it.

    phone: digits, "" where nobody knows it; text: the first words that were sent, or the template's name; reached_at: when
    the status was reached; reason: the provider's words; said: the error's text as the workflow got it.
    """

    id: int
    at: datetime
    side: str
    action: str
    document: list[str]
    line: str
    phone: str
    text: str
    is_template: bool
    status: str
    reached_at: datetime | None
    code: str
    reason: str
    said: str
    has_message: bool
    gupshup_id: str


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


def status_of(outcome: str, message: str | None) -> str:
    """One of STATUSES: what became of a run with this outcome ("": none yet) whose message has this status."""
    if outcome in ("replied", "ok"):
        return outcome
    if outcome == "failed" or message == "failed":
        return "failed"
    if outcome == "timeout":
        return outcome
    return "queued" if message in (None, "queued", "sending", "dropped") else message


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


# --- what the words mean ---------------------------------------------------------------------------------------------


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
    sent = select(Message.run_id).where(Message.conversation_id.in_(talks)).order_by(Message.id.desc())
    others = select(Run.id).where(Run.conversation_id.in_(talks)).order_by(Run.id.desc())
    return frozenset(run_id for query in (sent, others) for run_id in session.scalars(query.limit(MOST_OF_ONE_CLIENT)))


# --- looking through -------------------------------------------------------------------------------------------------


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
        if row.id in aim.ids or aim.part in (numbers.get(row.talk) or _typed_phone(_open_json(runtime, row.typed)))
    ][:limit]


def _phones_of(session: Session, runtime: Runtime, talks: set[int]) -> dict[int | None, str]:
    sealed = select(Conversation.id, type_coerce(Conversation.phone, Text)).where(Conversation.id.in_(talks))
    return {row[0]: _open(runtime, row[1]) for row in session.execute(sealed)} if talks else {}


# --- rows as they are shown ------------------------------------------------------------------------------------------


def rows_of(session: Session, runtime: Runtime, portal: Portal, ids: list[int]) -> list[Found]:
    """These runs in this order, unsealed as far as a list shows them."""
    if not ids:
        return []
    talk = func.coalesce(Message.conversation_id, Run.conversation_id)
    asked = (
        select(
            *(Run.id, Run.stored_at, Run.side, Run.action, Run.document, Run.outcome, Run.ended_at),
            *(Run.error_code, Line.name, Line.app_name, Message.status, Message.kind, Message.gupshup_id),
            *(Message.accepted_at, Message.sent_at, Message.delivered_at, Message.read_at, Message.failed_at),
            *(Message.error_code.label("their_code"), Message.error_reason, Message.id.label("message_id")),
            func.coalesce(Message.line_id, Run.line_id).label("line_id"),
            type_coerce(Conversation.phone, Text).label("phone"),
            type_coerce(Message.payload, Text).label("payload"),
            case((Message.id.is_(None), type_coerce(Run.properties, Text))).label("properties"),
            case((Run.outcome == "failed", type_coerce(Run.answer, Text))).label("answer"),
        )
        .outerjoin(Message, Message.run_id == Run.id)
        .outerjoin(Conversation, Conversation.id == talk)
        .outerjoin(Line, Line.id == func.coalesce(Message.line_id, Run.line_id))
        .where(Run.id.in_(ids), Run.portal_id == portal.id)
    )
    found = {row.id: _found(runtime, row) for row in session.execute(asked)}
    return _with_template_names(session, portal, [found[run_id] for run_id in ids if run_id in found])


def _found(runtime: Runtime, row: Any) -> Found:
    given = _open_json(runtime, row.properties)
    payload = _open_json(runtime, row.payload)
    status = status_of(row.outcome, row.status)
    return Found(
        id=row.id,
        at=row.stored_at,
        side=row.side,
        action=row.action,
        document=row.document,
        line=row.name or row.app_name or "",
        phone=_open(runtime, row.phone) or _typed_phone(given),
        text=words_of(payload) or _typed_words(given),
        is_template=row.action == "send_template",
        status=status,
        reached_at=getattr(row, f"{status}_at", None) or row.ended_at,
        code=row.their_code or row.error_code if status == "failed" else row.error_code,
        reason=row.error_reason or "",
        said=str(_open_json(runtime, row.answer).get("error_text") or ""),
        has_message=row.message_id is not None,
        gupshup_id=row.gupshup_id or "",
    )


def _with_template_names(session: Session, portal: Portal, rows: list[Found]) -> list[Found]:
    """Gupshup's ids of templates say nothing to people."""
    ids = {row.text for row in rows if row.is_template}
    if not ids:
        return rows
    mine = select(Line.id).where(Line.portal_id == portal.id)
    known = select(Template.template_id, Template.name).where(Template.template_id.in_(ids), Template.line_id.in_(mine))
    names = {row.template_id: row.name for row in session.execute(known)}
    return [replace(row, text=names.get(row.text, row.text)) if row.is_template else row for row in rows]


def words_of(payload: dict[str, Any]) -> str:
    """The first words of what was sent, by the form it was handed over in; a template's id; "" if wiped."""
    form = payload.get("form") or {}
    if "template" in form:
        return str(_json(form["template"]).get("id") or "")
    message = _json(form.get("message") or "")
    content, contact = message.get("content") or {}, message.get("contact") or {}
    words = (
        *(message.get("text"), message.get("body"), content.get("text"), message.get("caption")),
        *(message.get("filename"), message.get("name"), (contact.get("name") or {}).get("formattedName")),
    )
    return _short(next((str(word) for word in words if word), ""))


def _typed_words(given: dict[str, Any]) -> str:
    for name in ("text", "template", "caption", "file_name", "contact_name", "place"):
        if isinstance(value := given.get(name), str) and value.strip():
            return _short(value)
    return ""


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _FIRST_WORDS else f"{line[: _FIRST_WORDS - 1]}…"


def _typed_phone(given: dict[str, Any]) -> str:
    """The digits of the phone a robot named itself."""
    typed = given.get("phone")
    digits = re.sub(r"[^0-9]", "", typed) if isinstance(typed, str) else ""
    return digits if 7 <= len(digits) <= 15 else ""


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _open_json(runtime: Runtime, sealed: str | None) -> dict[str, Any]:
    """What a sealed column holds, its names in small letters; {} if it was wiped or no key opens it."""
    return {name.lower(): value for name, value in _json(_open(runtime, sealed)).items()}


def _open(runtime: Runtime, sealed: str | None) -> str:
    try:
        return runtime.vault.open(sealed) if sealed else ""
    except Undecryptable:
        return ""


__all__ = ["PAGE", "STATUSES", "Found", "Page", "Query", "find", "rows_of", "status_of", "words_of"]
