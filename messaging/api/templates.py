"""The templates of a line, for programs: our copy, asked for anew while they wait if it is old."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session, selectinload

from gupshup.templates import TemplateInfo
from messaging.limits.bounds import PAGE_TOTAL_S
from messaging.limits.concurrency import PAGE_TIMEOUT, ConcurrencyLimit
from messaging.lines.selection import choose, named
from messaging.runtime import Runtime
from messaging.store.models import Line, Portal, Template
from messaging.store.states import LineStatus
from messaging.templates.catalogue import Templates, every, is_fresh

#: Threads of a process in which a program waits for Gupshup; one of a portal.
_threads = ConcurrencyLimit(slow_s=PAGE_TIMEOUT[1])


class TemplatesAway(Exception):
    """Gupshup does not give the list of templates just now, and we have none."""


@contextmanager
def slot(portal_id: int) -> Iterator[bool]:
    """A place among those that may wait for Gupshup; False without one."""
    with _threads.acquire(str(portal_id)) as is_free:
        yield is_free


def listed(runtime: Runtime, line: Line) -> list[TemplateInfo]:
    """All templates of the line. Raises TemplatesAway."""
    with slot(line.portal_id) if not is_fresh(runtime, line) else nullcontext(False) as may_ask:
        if may_ask:
            Templates(runtime, line).listed()  # brings our copy up to date, if Gupshup answers
    with runtime.db.read() as session:
        known = [info for _line_id, info in every(session, [line.id])]
    if not known and line.templates_synced_at is None:
        raise TemplatesAway
    return known


# --- the templates of a portal ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """Which templates are wanted; "" and None: any. name: the whole one; category, status: in capitals."""

    line_id: int | None = None
    name: str = ""
    language: str = ""
    category: str = ""
    status: str = ""


#: A template's line (id) and its id at Gupshup: its place in the list.
Place = tuple[int, str]
Row = tuple[int, TemplateInfo]


def renew(runtime: Runtime, portal_id: int, line_id: int | None) -> None:
    """Bring our copies of the portal's lines (of one of them) up to date, as far as Gupshup answers within PAGE_TOTAL_S."""
    enough = runtime.clock() + timedelta(seconds=PAGE_TOTAL_S)
    with runtime.db.read() as session:
        lines = session.scalars(select(Line).where(*_mine(portal_id, line_id)).order_by(Line.id)).all()
    for line in lines:
        if runtime.clock() < enough:
            with suppress(TemplatesAway):
                listed(runtime, line)


def page(
    session: Session, portal_id: int, wanted: Wanted, after: Place | None, limit: int
) -> tuple[list[Row], Place | None]:
    """Templates by line and id, and the place behind which the next page begins; None: at the end."""
    columns = (Template.line_id, Template.template_id)
    parts = [
        (Template.name, wanted.name),
        (Template.language, wanted.language),
        (Template.status, wanted.status),
        (Template.data["category"].as_string(), wanted.category),
    ]
    asked = (
        select(Template.line_id, Template.data)
        .join(Line, Line.id == Template.line_id)
        .where(*_mine(portal_id, wanted.line_id), *(column == value for column, value in parts if value))
        .order_by(*columns)
        .limit(limit + 1)
    )
    if after is not None:
        asked = asked.where(tuple_(*columns) > tuple_(*after))
    rows = [(line_id, TemplateInfo.from_dict(data)) for line_id, data in session.execute(asked)]
    shown = rows[:limit]
    return shown, (shown[-1][0], shown[-1][1].id) if len(rows) > limit else None


def find(session: Session, portal_id: int, template_id: str) -> tuple[Line, TemplateInfo]:
    """A template of the portal's connected lines, by its id at Gupshup. Raises LookupError."""
    asked = (
        select(Line, Template.data)
        .join(Template, Template.line_id == Line.id)
        .where(*_mine(portal_id, None), Template.template_id == template_id)
        .order_by(Line.id)
        .limit(1)
    )
    found = session.execute(asked).one_or_none()
    if found is None:
        raise LookupError(template_id)
    return found[0], TemplateInfo.from_dict(found[1])


def line_of(session: Session, portal_id: int, wanted: str) -> Line:
    """The line that is meant by an id, phone or name; "": the default line. Raises Refused."""
    portal = session.get_one(Portal, portal_id, options=[selectinload(Portal.lines)])
    return named(portal, wanted) if wanted else choose(portal, "", (), ())[0]


def _mine(portal_id: int, line_id: int | None) -> tuple[Any, ...]:
    """The conditions of the portal's connected lines."""
    mine: tuple[Any, ...] = (Line.portal_id == portal_id, Line.status == LineStatus.CONNECTED)
    return (*mine, Line.id == line_id) if line_id is not None else mine
